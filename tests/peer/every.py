"""One message, probe and report that carry everything that X.411 (1999) lets them carry."""
from . import ber, names, x411

HERE, THERE, THIRD = "/C=GB/A=GOLD/P=ALPHA/", "/C=DE/A=VIAT/P=BETA/", "/C=FR/A=ATLAS/"
ANN, BOB, CARL = HERE + "O=Org/S=Ann/", THERE + "O=Org/OU1=Unit/OU2=Sub/S=Bob/G=Robert/I=B/Q=Jr/", THIRD + "CN=Carl/"
LIST = THERE + "CN=list/"
PRIVATE = "1.3.6.1.4.1.32473.2"
WHEN = "261122120000Z"
ALGORITHM = ber.seq(ber.oid("1.2.840.113549.1.1.11"), ber.null())
SIGNATURE = ber.seq(ALGORITHM, ber.bits(0, 3, 9, size=64))
LABEL_FIELDS = ber.oid("1.3.6.1.4.1.32473.1") + ber.integer(3) + ber.printable("IN CONFIDENCE")
LABEL = ber.set_(LABEL_FIELDS)
DIRECTORY = ber.seq(ber.set_(ber.seq(ber.oid("2.5.4.6"), ber.printable("GB"))),
                    ber.set_(ber.seq(ber.oid("2.5.4.3"), ber.utf8("Ann"))))
LATEST = "361122120000Z"


def _certificates():
    """Certificates of X.509: one of a self-signed pair whose key and signature are made up."""
    key = ber.seq(ber.seq(ber.oid("1.2.840.113549.1.1.1"), ber.null()), ber.tlv(
        ber.UNIVERSAL, 3, False, b"\0" + ber.seq(ber.integer(0xC0FFEE01), ber.integer(65537))))
    certified = ber.seq(ber.ctx(0, ber.integer(2)), ber.integer(77), ALGORITHM, DIRECTORY,
                        ber.seq(ber.utctime(WHEN), ber.utctime(LATEST)), DIRECTORY, key)
    return ber.seq(ber.seq(certified, ALGORITHM, ber.bits(1, 5, size=64)))


def _token():
    """A message token for BOB with signed data: a label and a sequence number."""
    signed = ber.ctx(0, ber.prim(0, b"\2"), ber.ctx(1, ber.seq(ber.ctx(2, LABEL_FIELDS), ber.prim(4, b"\7"))))
    data = ber.seq(ALGORITHM, names.or_name(BOB), ber.utctime(WHEN), signed)
    return ber.seq(ber.prim(0, ber.oid_octets("2.6.3.6.0")), ber.ctx(1, ber.seq(data, ALGORITHM, ber.bits(2, size=64))))


CERTIFICATES, TOKEN = _certificates(), _token()
SELECTORS = ber.set_(ber.ctx(3, ber.prim(0, ber.integer_octets(4242))))


def universal(text):
    return ber.set_(ber.bmp(text), ber.printable("en"))


def pds(text):
    return ber.set_(ber.printable(text), ber.teletex(text))


def extension_attributes():
    """Every extension attribute of an O/R address (X.411 Figure 2) as (number, element), common-name apart."""
    def teletex_list(*texts):
        return ber.seq(*map(ber.teletex, texts))
    personal = ber.set_(ber.prim(0, b"Bob"), ber.prim(1, b"Robert"))
    out = [(2, ber.teletex("B\xe9b\xe9")), (3, ber.teletex("Org")), (4, personal), (5, teletex_list("Unit", "Sub")),
           (6, ber.seq(ber.seq(ber.teletex("type"), ber.teletex("value")))), (7, ber.printable("PDS")),
           (8, ber.printable("DE")), (9, ber.printable("10115")), (16, ber.set_(
               ber.seq(ber.printable("Street 1"), ber.printable("Berlin")), ber.teletex("Stra\xdfe 1")))]
    out += [(number, pds(f"P{number}")) for number in (10, 11, 12, 13, 14, 15, 17, 18, 19, 20, 21)]
    out += [(22, ber.seq(ber.prim(0, b"493012345"), ber.prim(1, b"6"))), (23, ber.integer(7)), (24, universal("Bob"))]
    out += [(25, universal("Org")), (26, ber.set_(ber.ctx(0, ber.bmp("Bob")), ber.ctx(1, ber.bmp("Robert")))),
            (27, ber.seq(universal("Unit"))), (28, ber.seq(ber.seq(universal("type"), universal("value"))))]
    return out + [(number, universal(f"U{number}")) for number in range(29, 41)]


def originated_message_extensions():
    """What an originator may ask for with a message; PRIVATE stands for those of private ones."""
    return [
        x411.extension(1, ber.enumerated(1), {x411.FOR_DELIVERY}),
        x411.extension(3, ber.enumerated(1), {x411.FOR_DELIVERY}),
        x411.extension(4, ber.enumerated(1), {x411.FOR_DELIVERY}),
        x411.extension(5, ber.utctime(LATEST), {x411.FOR_DELIVERY}),
        x411.extension(13, names.or_address(ANN + "CN=return/")),
        x411.extension(15, CERTIFICATES),
        x411.extension(17, ALGORITHM),
        x411.extension(19, SIGNATURE),
        x411.extension(20, LABEL),
        x411.extension(23, ber.ia5("correlator")),
        x411.extension(40, ber.set_(ber.ctx(0, DIRECTORY))),
        x411.extension(42, ber.set_(names.or_name(CARL))),
        x411.extension(45, SELECTORS),
        x411.extension(PRIVATE, ber.octets(b"private")),
    ]


def message_extensions():
    history = ber.seq(ber.seq(names.or_name(LIST), ber.utctime(WHEN)))
    return originated_message_extensions() + [
        x411.extension(26, history), x411.extension(38, x411.internal_trace((HERE, "MTA-A", WHEN)))]


def originated_recipient_extensions():
    """What an originator may ask for a recipient of a message."""
    blind = ber.set_(ber.ctx(0, names.or_name(CARL)))
    return [
        x411.extension(2, names.or_name(CARL)),
        x411.extension(6, ber.seq(ber.integer(1), ber.integer(0))),
        x411.extension(7, ber.enumerated(1)),
        x411.extension(8, ber.enumerated(1)),
        x411.extension(9, ber.bits(0, 7)),
        x411.extension(10, ber.integer(2)),
        x411.extension(11, ber.teletex("4711")),
        x411.extension(12, ber.oid("2.6.3.5.0")),
        x411.extension(14, ber.integer(1)),
        x411.extension(16, TOKEN),
        x411.extension(18, SIGNATURE),
        x411.extension(22, ber.enumerated(1)),
        x411.extension(28, CERTIFICATES),
        x411.extension(41, ber.seq(blind)),
        x411.extension(43, ber.set_(ber.set_(ber.integer(1), ber.set_(ALGORITHM, ber.bits(0, 9, size=64))))),
        x411.extension(44, ber.set_(ber.set_(ber.integer(1), TOKEN))),
        x411.extension(46, SELECTORS),
    ]


def redirection_history():
    return x411.extension(25, ber.seq(ber.seq(ber.seq(names.or_name(BOB), ber.utctime(WHEN)), ber.enumerated(0))))


def recipient_extensions():
    return originated_recipient_extensions() + [redirection_history()]


def originated_probe_extensions():
    return [x411.extension(1, ber.enumerated(1)), x411.extension(3, ber.enumerated(1)), x411.extension(4, ber.enumerated(1)),
            x411.extension(15, CERTIFICATES), x411.extension(20, LABEL), x411.extension(23, ber.ia5("correlator")),
            x411.extension(24, SIGNATURE)]


def probe_recipient_extensions():
    return [x411.extension(2, names.or_name(CARL)), x411.extension(6, ber.seq(ber.integer(1), ber.integer(0))),
            x411.extension(12, ber.oid("2.6.3.5.0"))]


def message(content, local="every.1", recipients=None, **more):
    options = dict(
        eits=x411.encoded_types(2, extended=("2.6.3.4.2",)), content_identifier="every", priority=x411.URGENT,
        indicators={x411.DISCLOSURE, x411.ALTERNATE_ALLOWED, x411.RETURN_CONTENT},
        bilateral=[x411.bilateral(THIRD, ber.octets(b"between us")), x411.bilateral(THERE, ber.ia5("and us"))],
        trace=x411.trace((THIRD, WHEN, {"routing_action": 1, "attempted": HERE, "actions": [0, 1]}), (HERE, WHEN)),
        extensions=message_extensions())
    options.update(more)
    recipients = recipients or [
        x411.recipient(BOB, 1, x411.REPORTED, conversion=0, extensions=recipient_extensions(),
                       extra=extension_attributes(), directory=DIRECTORY),
        x411.recipient(BOB + "DDA:RFC-822=bob(a)beta.example/", 2)]
    return x411.message(HERE, local, ANN, recipients, content, **options)


def probe(local="every.2", recipients=None, **more):
    options = dict(content_identifier="probe", content_length=2048, indicators={x411.ALTERNATE_ALLOWED},
                   extensions=originated_probe_extensions() + [
                       x411.extension(38, x411.internal_trace((HERE, "MTA-A", WHEN)))])
    options.update(more)
    recipients = recipients or [x411.recipient(BOB, 1, x411.REPORTED, extensions=probe_recipient_extensions() + [
        redirection_history()])]
    return x411.probe(HERE, local, ANN, recipients, **options)


def report(subject=(HERE, "every.1"), local="every.3", destination=ANN, **more):
    """A delivery of one recipient, a non-delivery of another."""
    expansion = ber.seq(ber.seq(names.or_name(ANN), ber.utctime(WHEN)), ber.seq(names.or_name(LIST), ber.utctime(WHEN)))
    options = dict(
        intermediate=x411.trace((HERE, WHEN), (THERE, WHEN)), content_identifier="every", returned=b"content",
        envelope_extensions=[x411.extension(20, LABEL), redirection_history(), x411.extension(30, expansion),
                             x411.extension(31, names.or_name(LIST)), x411.extension(32, CERTIFICATES),
                             x411.extension(33, SIGNATURE),
                             x411.extension(38, x411.internal_trace((THERE, "MTA-B", WHEN))),
                             x411.extension(39, ber.seq(names.domain(THERE), ber.ia5("MTA-B")))],
        extensions=[x411.extension(23, ber.ia5("correlator"))])
    options.update(more)
    extensions = [redirection_history(), x411.extension(27, names.or_name(CARL)),
                  x411.extension(28, CERTIFICATES), x411.extension(29, SIGNATURE)]
    recipients = [x411.reported(BOB, 1, delivered=WHEN, intended=LIST, supplementary="with care", arrival=WHEN,
                                extensions=extensions),
                  x411.reported(CARL, 2, reason=1, diagnostic=0, arrival=WHEN)]
    return x411.report(THERE, local, destination, subject, recipients, **options)
