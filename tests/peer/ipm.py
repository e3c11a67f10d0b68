"""Interpersonal messages of X.420 and, for content type 2, of X.420 (1984): enough for a play."""
from . import ber, names


def _descriptor(number, address):
    return ber.ctx(number, names.or_name(address))


def recipient(address, notify=()):
    return ber.set_(_descriptor(0, address), ber.prim(1, ber.bits_octets(notify)) if notify else b"")


def text(body):
    """ia5-text body part, [0]: parameters with the repertoire, then the data."""
    return ber.ctx(0, ber.set_(ber.prim(0, b"\5")), ber.ia5(body))


def bilaterally_defined(octets):
    """[14], an attachment of any octets."""
    return ber.prim(14, octets)


def file_part(name, octets):
    """externally-defined [15] with the file-transfer body part (2.6.1.4.12): parameters and contents."""
    parameters = ber.tlv(ber.UNIVERSAL, 8, True, ber.oid("2.6.1.11.12") + ber.ctx(
        0, ber.seq(ber.ctx(1, ber.ctx(0, ber.tlv(ber.UNIVERSAL, 25, False, name.encode()))))))
    data = ber.tlv(ber.UNIVERSAL, 8, True, ber.oid("2.6.1.4.12") + ber.ctx(0, ber.seq(
        ber.tlv(ber.UNIVERSAL, 8, True, ber.oid("2.6.1.4.12") + ber.prim(1, octets)))))
    return ber.ctx(15, ber.ctx(0, parameters), data)


def ipm(identifier, originator, recipients, subject, *parts):
    """The content octets of an IPM. `recipients`: addresses, or elements made by recipient()."""
    to = [recipient(r) if isinstance(r, str) else r for r in recipients]
    heading = ber.set_(ber.app(11, ber.printable(identifier)), _descriptor(0, originator), ber.ctx(2, *to),
                       ber.ctx(8, ber.teletex(subject)))
    return ber.ctx(0, heading, ber.seq(*parts))


def read_subject(content):
    subject = ber.read(content)[0].get(8)
    return subject[0].text() if subject else None


def filler(octets):
    """An ia5 text part whose text has that many octets, in lines."""
    line = b"The quick brown fox jumps over the lazy dog, line after line of it.\r\n"
    return text((line * (octets // len(line) + 1))[:octets])
