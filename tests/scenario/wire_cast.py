"""What the plays about the wire share: two neighbours that exchange all they can, and what tshark must read of it."""
import contextlib
import os
import re
import time

from interop import tshark_text, wanted as w
from peer import ber, every, ipm, local, tap, x411
from peer.association import Association, BindRefused
from scenario.chasqui import Mhsd, free_port, peer_section

ALPHA, BETA, ATLAS = (domain.rstrip("/") for domain in (every.HERE, every.THERE, every.THIRD))
ANN, BOB, CARL = (name.rstrip("/") for name in (every.ANN, every.BOB, every.CARL))
MOVED, LIST = f"{ALPHA}/S=moved", f"{ALPHA}/CN=list"
CARL_1984 = f"{ATLAS}/S=Carl"
OWNER, NOBODY = f"{BETA}/S=owner", f"{BETA}/S=nobody"
PASSWORD = "between us"
CONTEXTS = {"normal": "mts-transfer", "x410": "mts-transfer-protocol", "1984": "mts-transfer-protocol-1984"}
SELECTORS = '"pres"/"sess"/"tran"/'
FOR_ALPHA, FOR_BETA = ber.octets(b"for ALPHA"), ber.ia5("for BETA")
# Upper case and no A: a segment of X.410 mode that begins with another octet tshark may take for a PPDU of some sort, by chance.
LONG = "THE-QUICK-BROWN-FOX-JUMPS-OVER-THE-SLOW-DOG-" * 130
LARGE = (LONG.encode() * 530)[:3_000_000]
MODIFIED, MODIFIED_TEXT = 1_790_000_000, "Sep 21, 2026 14:13:20.000000000 UTC"


@contextlib.contextmanager
def two(path, mode="normal", beta_at=None):
    """ALPHA with ann, with moved whose mail and reports go to bob, and with a list of bob; BETA with bob and the list's
    owner; neighbours in one mode. ATLAS may call ALPHA. `beta_at`: where ALPHA finds BETA, when not where it listens."""
    listen = free_port(), free_port(), free_port()

    def one(name, domain, port, other, other_domain, other_port, bilateral, peers=(), also=(), **settings):
        peer = peer_section(other_port, other, PASSWORD, name, PASSWORD, domain=other_domain, idle=2,
                            address=[f"{SELECTORS}Internet=127.0.0.1+{other_port}"], password_form="ia5-string",
                            edition=edition, application_contexts=[CONTEXTS[mode]],
                            keep_internal_trace=True, defers=True, transit=True, bilateral_information=bilateral.hex())
        return Mhsd(os.path.join(path, name), name, domain, port, peer={other: peer, **dict(peers)},
                    listen=[f"{SELECTORS}Internet=127.0.0.1+{port}", *also],
                    route={other_domain: {"next-hop": {other: {"rank": 1}}}}, **settings)
    edition = "1984" if mode == "1984" else "1988"
    atlas = peer_section(1, "ATLAS-MTA", PASSWORD, "ALPHA-MTA", PASSWORD, domain=ATLAS, edition=edition,
                         keep_internal_trace=True, transit=True)
    users = {ANN: {"available": True}, MOVED: {"redirection": {"alternate": BOB}}}
    lists = {LIST: {"members": [BOB], "owner": OWNER, "reports": "both"}}
    with one("ALPHA-MTA", ALPHA, listen[0], "BETA-MTA", BETA, beta_at or listen[1], FOR_BETA, {"ATLAS": atlas},
             [f"Internet=127.0.0.1+{listen[2]}"], user=users, list=lists) as alpha, \
            one("BETA-MTA", BETA, listen[1], "ALPHA-MTA", ALPHA, listen[0], FOR_ALPHA,
                user={BOB: {"available": True}, OWNER: {"available": True}}) as beta:
        alpha.plain_port = listen[2]
        yield alpha, beta


class Cast:
    """Submits everything to the two and keeps the identifiers: `mts[name]` and, of what `mhs` sent, `ipm[name]`."""

    def __init__(self, path, alpha, beta):
        self.path, self.alpha, self.beta = path, alpha, beta
        self.mts, self.ipm = {}, {}
        self.begin = time.time()
        for name, octets in {"note.txt": b"A note.\r\n" * 3, "octets": bytes(range(40)), "large": LARGE}.items():
            with open(os.path.join(path, name), "wb") as file:
                file.write(octets)
            os.utime(os.path.join(path, name), (MODIFIED, MODIFIED))

    def file(self, name):
        return os.path.join(self.path, name)

    def run(self, name, mta, command, *arguments):
        """Runs `mhs` and keeps what it says."""
        answer = mta.mhs(command, "--json", *arguments).stdout
        self.mts[name] = re.search(r';([^\]"]+)\]', answer).group(1)
        found = re.search(r'"ipm-identifier": "([^"]+)"', answer)
        self.ipm[name] = found.group(1) if found else None

    def submit(self):
        """What carries extensions that `mhs` has no option for goes by the local protocol."""
        with self.alpha.client() as client:
            self.mts["every"] = client.submit(local.submission_envelope(
                ANN, [local.recipient(BOB, local.REPORT, extensions=every.originated_recipient_extensions()),
                      local.recipient(BOB, local.REPORT, 0, (), every.extension_attributes(), every.DIRECTORY)],
                content_identifier="every", priority=x411.URGENT,
                indicators={x411.DISCLOSURE, x411.ALTERNATE_ALLOWED, x411.RETURN_CONTENT},
                types=x411.encoded_types(2, extended=("2.6.3.4.2",)), extensions=every.originated_message_extensions()),
                ipm.ipm("every", ANN, [BOB], "every", ipm.text("every")))
            self.mts["probe"] = client.submit(local.probe_envelope(
                ANN, [local.recipient(BOB, local.REPORT, extensions=every.probe_recipient_extensions())], "probe", 2048,
                {x411.ALTERNATE_ALLOWED}, every.originated_probe_extensions()), probe=True)

    def send(self):
        self.deferred = time.time() + 5
        self.run("rich", self.alpha, "send", "--from", ANN, "--notify", "rn,nrn,return", "--reply-requested", "--report",
                 "delivery", "--to", BOB, "--cc", NOBODY, "--subject", "rich", "--text", "First", "--charset", "iso-8859-1",
                 "--text", "Gr\u00f6\u00dfe", "--attach", self.file("note.txt"), "--attach-bilateral", self.file("octets"),
                 "--priority", "non-urgent", "--deferred", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.deferred)),
                 "--return-content", "--disclose", "--conversion-prohibited", "--importance", "high", "--sensitivity",
                 "private", "--expiry", "2036-01-02T03:04:05Z", "--reply-by", "2035-01-02T03:04:05Z", "--reply-to", ANN,
                 "--authorizing-user", MOVED, "--obsoletes", "old", "--related", "kin", "--language", "de", "--reference",
                 "ref", "--content-identifier", "rich")
        self.send_large("normal")
        self.run("moved", self.alpha, "send", "--from", MOVED, "--report", "delivery", "--to", BOB, "--text", "from moved")
        for name, command, recipient in (("to list", "send", LIST), ("to moved", "send", MOVED),
                                         ("probe moved", "probe", MOVED)):
            text = ["--text", name] if command == "send" else []
            self.run(name, self.beta, command, "--from", BOB, "--report", "delivery", "--to", recipient, *text)

    def send_large(self, mode):
        how = ["--p2", "--attach-bilateral"] if mode == "1984" else ["--attach"]
        self.run("large", self.alpha, "send", "--from", ANN, "--to", BOB, "--subject", "large", *how, self.file("large"))

    def relay(self, mode):
        """ATLAS hands over what carries all that X.411 lets an envelope carry, what we can't originate too."""
        with Association.open(self.alpha.plain_port, mode=mode, mta="ATLAS-MTA", password=PASSWORD,
                              checkpoint=64) as peer:
            arrived = x411.trace((ATLAS, every.WHEN))
            content = ipm.ipm("relayed", CARL, [BOB], "relayed", ipm.text("relayed"))
            recipient = x411.recipient(BOB, 1, x411.REPORTED, extensions=every.recipient_extensions())
            for apdu in (x411.message(ATLAS, "relayed.1", CARL, [recipient], content, trace=arrived,
                                      extensions=every.message_extensions()),
                         every.probe(trace=arrived), every.report(destination=BOB, trace=arrived, returned=content)):
                peer.transfer(apdu)
            peer.release()

    def play(self, mode):
        self.submit()
        self.send()
        self.relay(mode)
        self.await_all()
        self.receipt()

    def play_1984(self):
        """1984 knows no extensions and content type 2. ATLAS writes indefinite lengths and checkpoints as PP does."""
        self.deferred = time.time() + 5
        self.run("rich", self.alpha, "send", "--p2", "--from", ANN, "--notify", "rn,nrn", "--reply-requested", "--report",
                 "delivery", "--to", BOB, "--cc", NOBODY, "--subject", "rich", "--text", "First", "--attach-bilateral",
                 self.file("octets"), "--priority", "urgent", "--deferred",
                 time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self.deferred)), "--return-content", "--disclose",
                 "--conversion-prohibited", "--importance", "low", "--sensitivity", "personal", "--expiry",
                 "2036-01-02T03:04:05Z", "--reply-by", "2035-01-02T03:04:05Z", "--reply-to", ANN, "--authorizing-user",
                 MOVED, "--obsoletes", "old", "--related", "kin", "--content-identifier", "rich")
        self.send_large("1984")
        self.run("probe", self.alpha, "probe", "--p2", "--from", ANN, "--report", "delivery", "--to", BOB,
                 "--content-length", "2048", "--alternate-allowed")
        with Association.open(self.alpha.plain_port, mode="1984", mta="ATLAS-MTA", password=PASSWORD) as peer:
            peer.transfer(ber.indefinite(x411.message(
                ATLAS, "relayed.1", CARL_1984, [x411.recipient(BOB, 1, x411.REPORTED)],
                ipm.ipm("relayed", CARL_1984, [BOB], "relayed", ipm.text(LONG)), content_type=x411.P2,
                trace=x411.trace((ATLAS, every.WHEN)))))
            peer.release()
        self.await_all([(0, 3), (3, 0), (0, 0)])

    def await_all(self, wanted=((0, 6), (7, 5), (0, 1))):
        def outcomes():
            found = []
            for mta, mailbox in ((self.alpha, ANN), (self.beta, BOB), (self.beta, OWNER)):
                with mta.client() as client:
                    entries = client.entries(mailbox)
                found.append(tuple(sum(entry["kind"] == kind for entry in entries) for kind in ("message", "report")))
            return found if found == list(wanted) else None
        tap.wait_until(outcomes, what="delivery and reports")

    def receipt(self):
        """bob says that he has received "rich"."""
        with self.beta.client() as client:
            entry = next(e["entry"] for e in client.entries(BOB) if e["content-identifier"] == "rich")
        self.run("receipt", self.beta, "receipt", "--from", BOB, "--information", "read", str(entry))

        def arrived():
            with self.alpha.client() as client:
                return any(entry["kind"] == "message" for entry in client.entries(ANN))
        tap.wait_until(arrived, what="the receipt notification")

    def refuse(self, mode):
        try:
            Association.open(self.alpha.plain_port, mode=mode, mta="BETA-MTA", password="wrong").close()
        except BindRefused:
            return
        raise AssertionError("a wrong password was accepted")


# --- what must be read

TO_ALPHA, TO_BETA = (ALPHA, "OCTETSTRING: " + b"for ALPHA".hex()), (BETA, "IA5String: for BETA")
MESSAGE = (1, 3, 4, 5, 13, 15, 17, 19, 20, 23, 40, 42, 45, every.PRIVATE)
RECIPIENT = (2, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 22, 28, 41, 43, 44, 46)
PROBE = (1, 3, 4, 15, 20, 23, 24)
AT_ALPHA, AT_BETA = (ALPHA, "ALPHA-MTA", ()), (BETA, "BETA-MTA", ())
BY_BETA = w.reporting_mta(BETA, "BETA-MTA")


def from_alpha():
    """Trace, internal trace and bilateral information of what ALPHA originates. BETA holds what is deferred: ALPHA's
    elements have no deferred-time."""
    return dict(trace=w.trace((ALPHA, ())), bilateral=w.bilateral(TO_BETA)), w.internal_trace(AT_ALPHA)


def by_way_of_alpha(action):
    """The same of what came from BETA and goes back to it."""
    marked = (action,)
    return dict(trace=w.trace((BETA, ()), (ALPHA, marked)), bilateral=w.bilateral(TO_ALPHA, TO_BETA)), \
        w.internal_trace(AT_BETA, (ALPHA, "ALPHA-MTA", marked))


def every_content():
    return w.simple_ipm("every", ANN, BOB, "every", w.ia5("every"))


def rich_content(cast):
    return [
        "ipm", "heading", *w.ipm_identifier("this-IPM", cast.ipm["rich"], ANN), *w.formal("originator", ANN),
        "authorizing-users", *w.formal("AuthorizingUsersSubfield", MOVED),
        *(line for label, kind, name in (("primary-recipients", "PrimaryRecipientsSubfield", BOB),
                                         ("copy-recipients", "CopyRecipientsSubfield", NOBODY))
          for line in [label, *w.copy(kind, name, "notification-requests", "rn: True", "nrn: True", "ipm-return: True",
                                      "reply-requested: True")]),
        "obsoleted-IPMs", *w.ipm_identifier("ObsoletedIPMsSubfield", "old", ANN),
        "related-IPMs", *w.ipm_identifier("RelatedIPMsSubfield", "kin", ANN), "subject: rich",
        "expiry-time: 36-01-02 03:04:05 (UTC)", "reply-time: 35-01-02 03:04:05 (UTC)",
        "reply-recipients", *w.formal("ReplyRecipientsSubfield", ANN), "importance: high (2)", "sensitivity: private (2)",
        "extensions", "IPMSExtension", "type: 2.6.1.5.1 (id-hex-languages)", "Languages", "Language: de",
        "IPMSExtension", "type: 2.6.1.5.11 (id-hex-originators-reference)", "OriginatorsReference", "character-encoding: ref",
        "body", *w.ia5("First", repertoire=False),
        *w.general_text("Gr\u00f6\u00dfe".encode("latin-1"), "1 (C0: (ISO/IEC 6429))", "6 (G0: ASCII (ISO/IEC 646))",
                        "100 (Gn: Latin Alphabet No.1, Western European Supplementary Set (GR area of ISO-8859-1))"),
        *w.file_part("note.txt", MODIFIED_TEXT, 27, b"A note.\r\n" * 3), f"BodyPart: {w.cut(bytes(range(40)))}"]


RICH_TYPES = w.types("unknown", "ia5-text", extended=(
    "1.0.10021.7.1.0.1", "1.0.10021.7.1.0.6", "1.0.10021.7.1.0.100", "2.6.1.12.0"))


def sent_content(cast, name, originator, recipient, body):
    return w.simple_ipm(cast.ipm[name], originator, recipient, None, body, originator)


def wanted_large(cast, **common):
    content = w.simple_ipm(cast.ipm["large"], ANN, BOB, "large", w.file_part("large", MODIFIED_TEXT, len(LARGE), LARGE), ANN)
    return w.message(ALPHA, cast.mts["large"], ANN, [w.recipient(BOB, bits=w.NON_DELIVERY)], content,
                     eits=w.types(extended=("2.6.1.12.0",)), **common)


def wanted_large_1984(cast):
    content = w.simple_ipm(cast.ipm["large"], ANN, BOB, "large", [f"BodyPart: {w.cut(LARGE)}"], ANN)
    return w.message(ALPHA, cast.mts["large"], ANN, [w.recipient(BOB, bits=w.NON_DELIVERY)], content,
                     eits=w.types("unknown"), content_type=w.IPM_1984, trace=w.trace((ALPHA, ())))


def resumed(cast):
    """What must be read of the large message after its resume."""
    common, internal = from_alpha()
    return wanted_large(cast, extensions=internal, **common)


def originated(cast):
    """What ALPHA and BETA originate: messages, probes and the receipt notification, on their first way."""
    common, internal = from_alpha()
    deferred = time.strftime("%y-%m-%d %H:%M:%S (UTC)", time.gmtime(cast.deferred))
    back = dict(trace=w.trace((BETA, ())), bilateral=w.bilateral(TO_ALPHA), extensions=w.internal_trace(AT_BETA))
    receipt = ["ipn", *w.ipm_identifier("subject-ipm", cast.ipm["rich"], ANN), "ipn-originator", *w.formal("", BOB)[1:],
               "choice: receipt-fields (1)", "receipt-fields", "receipt-time: now", "suppl-receipt-info: read"]
    return [
        w.message(ALPHA, cast.mts["every"], ANN, [
            w.recipient(BOB, 1, extended=w.extensions(*RECIPIENT)),
            w.recipient(BOB, 2, conversion="ia5-text-to-teletex (0)", extra=w.every_attribute(), directory=True)],
            every_content(), eits=w.types("ia5-text", extended=("2.6.3.4.2",)), content_identifier="every",
            priority="urgent (2)",
            indicators=("disclosure-of-other-recipients", "alternate-recipient-allowed", "content-return-request"),
            extensions=w.extensions(*MESSAGE, critical=(1, 3, 4, 5)) + internal, **common),
        w.probe(ALPHA, cast.mts["probe"], ANN, [w.recipient(BOB, extended=w.extensions(2, 6, 12), probe=True)],
                eits=w.types("ia5-text"), content_identifier="probe", length=2048,
                indicators=("alternate-recipient-allowed",), extensions=w.extensions(*PROBE) + internal, **common),
        w.message(ALPHA, cast.mts["rich"], ANN, [w.recipient(BOB), w.recipient(NOBODY, 2)], rich_content(cast),
                  eits=RICH_TYPES, content_identifier="rich", priority="non-urgent (1)", deferred=deferred,
                  indicators=("disclosure-of-other-recipients", "implicit-conversion-prohibited", "content-return-request"),
                  extensions=internal, **common),
        wanted_large(cast, extensions=internal, **common),
        w.message(ALPHA, cast.mts["moved"], MOVED, [w.recipient(BOB)],
                  sent_content(cast, "moved", MOVED, BOB, w.ia5("from moved", False)), extensions=internal, **common),
        w.message(BETA, cast.mts["to list"], BOB, [w.recipient(LIST)],
                  sent_content(cast, "to list", BOB, LIST, w.ia5("to list", False)), **back),
        w.message(BETA, cast.mts["to moved"], BOB, [w.recipient(MOVED)],
                  sent_content(cast, "to moved", BOB, MOVED, w.ia5("to moved", False)), **back),
        w.probe(BETA, cast.mts["probe moved"], BOB, [w.recipient(MOVED, probe=True)], **back),
        w.message(BETA, cast.mts["receipt"], BOB, [w.recipient(ANN, bits=w.NON_DELIVERY[:2])], receipt, eits=[],
                  priority="non-urgent (1)", **back),
    ]


def sent_back(cast):
    """What BETA sent and ALPHA sends back to it: expanded and redirected."""
    listed, listed_internal = by_way_of_alpha("dl-operation")
    moved, moved_internal = by_way_of_alpha("redirected")
    history = w.redirection_history(MOVED)
    return [
        w.message(BETA, cast.mts["to list"], BOB, [w.recipient(BOB)],
                  sent_content(cast, "to list", BOB, LIST, w.ia5("to list", False)), indicators=(),
                  extensions=w.dl_history((LIST, "now")) + listed_internal, **listed),
        w.message(BETA, cast.mts["to moved"], BOB, [w.recipient(BOB, extended=history)],
                  sent_content(cast, "to moved", BOB, MOVED, w.ia5("to moved", False)),
                  extensions=moved_internal, **moved),
        w.probe(BETA, cast.mts["probe moved"], BOB, [w.recipient(BOB, extended=history, probe=True)],
                extensions=moved_internal, **moved),
    ]


def reports(cast):
    """BETA's reports, and those of them that ALPHA sends back to BETA: to bob for moved, to the list's owner."""
    here = dict(trace=w.trace((BETA, ())))
    traced = w.internal_trace(AT_BETA)
    listed_trace, listed_internal = by_way_of_alpha("dl-operation")
    moved_trace, moved_internal = by_way_of_alpha("redirected")
    of_every = dict(eits=w.types("ia5-text", extended=("2.6.3.4.2",)), content_identifier="every",
                    content_extensions=w.extensions(23), extensions=w.extensions(20) + BY_BETA + traced, **here)
    of_rich = dict(eits=RICH_TYPES, content_identifier="rich", extensions=BY_BETA + traced, **here)
    expansion = w.originator_and_dl_history((BOB, "now"), (LIST, "now"))
    moved, listed = (ALPHA, cast.mts["moved"]), (BETA, cast.mts["to list"])
    return [
        w.report(BETA, ANN, (ALPHA, cast.mts["every"]), [w.reported(BOB)], **of_every),
        w.report(BETA, ANN, (ALPHA, cast.mts["every"]), [w.reported(
            BOB, 2, reason=w.NO_ACCESS_UNIT, extra=w.every_attribute(), directory=True)], every_content(), **of_every),
        w.report(BETA, ANN, (ALPHA, cast.mts["probe"]), [w.reported(BOB)], content_identifier="probe",
                 content_extensions=w.extensions(23), extensions=w.extensions(20) + BY_BETA + traced, **here),
        w.report(BETA, ANN, (ALPHA, cast.mts["rich"]), [w.reported(NOBODY, 2, reason=w.UNRECOGNIZED)],
                 rich_content(cast), **of_rich),
        w.report(BETA, ANN, (ALPHA, cast.mts["rich"]), [w.reported(BOB)], **of_rich),
        w.report(BETA, MOVED, moved, [w.reported(BOB)], extensions=BY_BETA + traced, **here),
        w.report(BETA, BOB, moved, [w.reported(BOB)], extensions=BY_BETA + w.redirection_history(MOVED) + moved_internal,
                 trace=moved_trace["trace"]),
        w.report(BETA, LIST, listed, [w.reported(BOB)], extensions=expansion + BY_BETA + traced, **here),
        w.report(BETA, BOB, listed, [w.reported(BOB)], extensions=expansion + BY_BETA + listed_internal,
                 trace=listed_trace["trace"]),
        w.report(BETA, OWNER, listed, [w.reported(BOB)],
                 extensions=expansion + BY_BETA + listed_internal + w.reporting_dl(LIST), trace=listed_trace["trace"]),
    ]


def relayed_content():
    return w.simple_ipm("relayed", CARL, BOB, "relayed", w.ia5("relayed"))


def relayed():
    """What ATLAS hands to ALPHA, and what ALPHA makes of it for BETA."""
    def old(where, mta):
        return (where, mta, (), w.WHEN)
    atlas = (ATLAS, (), w.WHEN)
    out = []
    for hops, internal in ((w.trace(atlas), ()), (w.trace(atlas, (ALPHA, ())), (AT_ALPHA,))):
        more = dict(bilateral=w.bilateral(TO_BETA)) if internal else {}
        inside = w.internal_trace(old(ALPHA, "MTA-A"), *internal)
        history = w.redirection_history(BOB, w.WHEN)
        out.append(w.message(
            ATLAS, "relayed.1", CARL, [w.recipient(BOB, extended=w.extensions(*RECIPIENT) + history)],
            relayed_content(), trace=hops,
            extensions=w.extensions(*MESSAGE, critical=(1, 3, 4, 5)) + w.dl_history((every.LIST, w.WHEN)) + inside, **more))
        out.append(w.probe(
            ALPHA, "every.2", ANN, [w.recipient(BOB, extended=w.extensions(2, 6, 12) + history, probe=True)], trace=hops,
            eits=w.types("ia5-text"), content_identifier="probe", length=2048, indicators=("alternate-recipient-allowed",),
            extensions=w.extensions(*PROBE) + inside, **more))
        expansion = w.originator_and_dl_history((ANN, w.WHEN), (every.LIST, w.WHEN))
        trace_38, mta_39 = w.internal_trace(old(BETA, "MTA-B"), *internal), w.reporting_mta(BETA, "MTA-B")
        envelope = w.extensions(20) + history + expansion + w.reporting_dl(every.LIST) + w.extensions(32, 33)
        out.append(w.report(
            BETA, BOB, (ALPHA, "every.1"), [
                w.reported(BOB, 1, w.WHEN, intended=every.LIST, supplementary="with care", arrival=w.WHEN, no_user_type=True,
                           extensions=history + w.extensions(27, 28, 29)),
                w.reported(CARL, 2, reason=w.UNRECOGNIZED, arrival=w.WHEN)],
            relayed_content(), content_first=True, local="every.3", trace=hops, content_identifier="every",
            intermediate=w.trace((ALPHA, (), w.WHEN), (BETA, (), w.WHEN), label="subject-intermediate-trace-information"),
            content_extensions=w.extensions(23),
            extensions=envelope + (mta_39 + trace_38 if internal else trace_38 + mta_39)))
    # BETA's answer to the probe.
    redirected = w.reported(BOB, intended=BOB, extensions=w.redirection_history(BOB, w.WHEN))
    out.append(w.report(BETA, ANN, (ALPHA, "every.2"), [redirected], content_identifier="probe",
                        content_extensions=w.extensions(23), trace=w.trace((BETA, ())),
                        extensions=w.extensions(20) + BY_BETA + w.internal_trace(AT_BETA)))
    return out


def all_wanted(cast):
    return originated(cast) + sent_back(cast) + reports(cast) + relayed()


def rich_content_1984(cast):
    return [
        "ipm", "heading", *w.ipm_identifier("this-IPM", cast.ipm["rich"], ANN), *w.formal("originator", ANN),
        "authorizing-users", *w.formal("AuthorizingUsersSubfield", MOVED),
        *(line for label, kind, name in (("primary-recipients", "PrimaryRecipientsSubfield", BOB),
                                         ("copy-recipients", "CopyRecipientsSubfield", NOBODY))
          for line in [label, *w.copy(kind, name, "notification-requests", "rn: True", "nrn: True", "reply-requested: True")]),
        "obsoleted-IPMs", *w.ipm_identifier("ObsoletedIPMsSubfield", "old", ANN),
        "related-IPMs", *w.ipm_identifier("RelatedIPMsSubfield", "kin", ANN), "subject: rich",
        "expiry-time: 36-01-02 03:04:05 (UTC)", "reply-time: 35-01-02 03:04:05 (UTC)",
        "reply-recipients", *w.formal("ReplyRecipientsSubfield", ANN), "importance: low (0)", "sensitivity: personal (1)",
        "body", *w.ia5("First", repertoire=False), f"BodyPart: {w.cut(bytes(range(40)))}"]


def wanted_1984(cast):
    """A report of 1984 has no content type, nor types; what it returns tshark shows by its tags: that is "…" here. The
    form of 1984 has no bilateral information for a private domain (X.419 annex B)."""
    deferred = time.strftime("%y-%m-%d %H:%M:%S (UTC)", time.gmtime(cast.deferred))
    common = dict(content_type=w.IPM_1984, trace=w.trace((ALPHA, ())))
    types = dict(eits=w.types("unknown", "ia5-text"))
    report = dict(content_type=None, eits=[], trace=w.trace((BETA, ())))
    atlas = (ATLAS, (), w.WHEN)
    return [
        w.message(ALPHA, cast.mts["rich"], ANN, [w.recipient(BOB), w.recipient(NOBODY, 2)], rich_content_1984(cast),
                  content_identifier="rich", priority="urgent (2)", deferred=deferred,
                  indicators=("disclosure-of-other-recipients", "implicit-conversion-prohibited", "content-return-request"),
                  **types, **common),
        wanted_large_1984(cast),
        w.probe(ALPHA, cast.mts["probe"], ANN, [w.recipient(BOB, probe=True)], length=2048,
                indicators=("alternate-recipient-allowed",), **common),
        w.report(BETA, ANN, (ALPHA, cast.mts["rich"]), [w.reported(NOBODY, 2, reason=w.UNRECOGNIZED)],
                 ["…"], content_identifier="rich", **report),
        w.report(BETA, ANN, (ALPHA, cast.mts["rich"]), [w.reported(BOB)], content_identifier="rich", **report),
        w.report(BETA, ANN, (ALPHA, cast.mts["probe"]), [w.reported(BOB)], **report),
    ] + [w.message(ATLAS, "relayed.1", CARL_1984, [w.recipient(BOB)], w.simple_ipm(
        "relayed", CARL_1984, BOB, "relayed", w.ia5(LONG[:tshark_text.LONG] + "\u2026")), content_type=w.IPM_1984, trace=hops)
         for hops in (w.trace(atlas), w.trace(atlas, (ALPHA, ())))]


# --- the association

NO_CHOICE = "initiator's side (0x0)"
UNITS = ["Session Requirement", "Flags", "Exception function unit: True", "Activity management function unit: True",
         "Minor resynchronize function unit: True",       # tshark's name for minor synchronize
         "Half-duplex functional unit: True"]
RESULTS = ["presentation-context-definition-result-list"] + 3 * [
    "Result-list item", "result: acceptance (0)", "transfer-syntax-name: 2.1.1 (basic-encoding)"]
PDV = ["user-data: fully-encoded-data (1)", "fully-encoded-data", "PDV-list",
       "presentation-context-identifier: 1 (id-as-acse)", "presentation-data-values: single-ASN1-type (0)"]
RTSE_DATA = ["user-information", "Association-data", "direct-reference: 2.1.1 (basic-encoding)", "indirect-reference: 3",
             "encoding: single-ASN1-type (0)"]
CONTEXT = "aSO-context-name: 2.6.0.1.6 (id-ac-mts-transfer)"
TPKT = ["Version: 3", "Reserved: 0"]


def _items(*versions):
    return ["Connect Accept Item", "Protocol Options", "Flags", "Version Number", "Flags",
            *(f"Protocol Version {version}: True" for version in versions), "Token Setting Item",
            f"00.. .... = release token setting: {NO_CHOICE}", f"..00 .... = major/activity setting: {NO_CHOICE}",
            f".... 00.. = synchronize-minor token setting: {NO_CHOICE}", f".... ..00 = data token setting: {NO_CHOICE}"]


def _contexts():
    out = ["presentation-context-definition-list"]
    for number, name in ((1, "2.2.1.0.1 (id-as-acse)"), (3, "2.6.0.2.12 (id-as-mta-rtse)"), (5, "2.6.0.2.7 (id-as-mtse)")):
        out += ["Context-list item", f"presentation-context-identifier: {number}", f"abstract-syntax-name: {name}",
                "transfer-syntax-name-list", "Transfer-syntax-name: 2.1.1 (basic-encoding)"]
    return out


SELECTOR = ["Called Session Selector", f"Called Session Selector: {b'sess'.hex()}"]
CONNECTION = {
    "CR": {"COTP": ["PDU Type: CR Connect Request (0x0e)", "Destination reference: 0x0000", "0000 .... = Class: 0",
                    "Destination TSAP: tran", "TPDU size: 2048", "Preferred maximum TPDU size: 65408"]},
    "CC": {"COTP": ["PDU Type: CC Connect Confirm (0x0d)", "0000 .... = Class: 0", "Preferred maximum TPDU size: 65408"]},
    "CN": {"session": ["SPDU Type: CONNECT (CN) SPDU (13)", "Connection Identifier", "Calling SS user Reference",
                       "Common Reference", *_items(2, 1), *UNITS, *SELECTOR, "Session user data"],
           "presentation": ["CP-type", "mode-selector", "mode-value: normal-mode (1)", "normal-mode-parameters",
                            f"called-presentation-selector: {b'pres'.hex()}", *_contexts(), *PDV],
           "ACSE": ["aarq", CONTEXT, *RTSE_DATA], "RTSE": ["rtorq-apdu", "checkpointSize: 63", "connectionDataRQ: open (0)"],
           "ROSE": ["bind-invoke"],
           "P1": ["MTABindArgument: authenticated (1)", "authenticated", "initiator-name: <caller>",
                  f"initiator-credentials: {PASSWORD}"]},
    "AC": {"session": ["SPDU Type: ACCEPT (AC) SPDU (14)", "Connection Identifier", "Called SS user Reference",
                       "Common Reference", *_items(2), *UNITS, *SELECTOR, "Session user data"],
           "presentation": ["CPA-PPDU", "mode-selector", "mode-value: normal-mode (1)", "normal-mode-parameters",
                            f"responding-presentation-selector: {b'pres'.hex()}", *RESULTS, *PDV],
           "ACSE": ["aare", CONTEXT, "result: accepted (0)", "result-source-diagnostic: null (0)", *RTSE_DATA],
           "RTSE": ["rtoac-apdu", "checkpointSize: 63", "connectionDataAC: open (0)"], "ROSE": ["bind-result"],
           "P1": ["MTABindResult: authenticated (1)", "authenticated", "responder-name: <called>",
                  f"responder-credentials: {PASSWORD}"]},
    "DT": {"presentation": [*PDV[:3], "presentation-context-identifier: 3 (id-as-mta-rtse)", PDV[4]],
           "RTSE": ["RTSE segment data"]},
    "MAP": {"RTSE": ["indirect-reference: 5", "encoding: single-ASN1-type (0)"]},
    "FN": {"session": ["SPDU Type: FINISH (FN) SPDU (9)", "Transport_Disconnect", "Flags: 0x01, Transport connection",
                       ".... ...1 = Transport connection: Released", ".... ..0. = User abort: No",
                       ".... .0.. = Protocol error: No", ".... 0... = No reason: No",
                       "...0 .... = Implementation restriction: No", "Session user data"],
           "presentation": PDV, "ACSE": ["rlrq", "reason: normal (0)"]},
    "DN": {"session": ["SPDU Type: DISCONNECT (DN) SPDU (10)", "Session user data"],
           "presentation": PDV, "ACSE": ["rlre", "reason: normal (0)"]},
}
REFUSAL = {
    "session": ["SPDU Type: REFUSE (RF) SPDU (12)", "Connection Identifier", "Called SS user Reference", "Common Reference",
                *CONNECTION["FN"]["session"][1:-1], *UNITS, "Version Number", "Flags", "Protocol Version 2: True",
                "Reason Code", "Reason Code: Rejection by called SS-user. (2)"],
    "presentation": ["CPR-PPDU: normal-mode-parameters (1)", "normal-mode-parameters", *RESULTS, *PDV],
    "ACSE": ["aare", CONTEXT, "result: rejected-permanent (1)", "result-source-diagnostic: null (0)", *RTSE_DATA],
    "RTSE": ["rtorj-apdu"], "ROSE": ["bind-error"], "P1": ["MTABindError: authentication-error (2)"]}


def x410_parameters(*lines):
    return ["mode-selector", "mode-value: x410-1984-mode (0)", "x410-mode-parameters", "checkpointSize: 63", *lines]


def connection(mode):
    """What the layers of an association of ours must hold, by the SPDU."""
    if mode == "normal":
        return CONNECTION
    protocol = "mts-transfer-protocol (12)" if mode == "x410" else "mts-transfer-protocol-1984 (1)"
    bind = "X.411 Message Transfer Service"
    return {
        "CR": CONNECTION["CR"], "CC": CONNECTION["CC"],
        "CN": {"session": CONNECTION["CN"]["session"],
               "presentation": ["CP-type", *x410_parameters("connectionDataRQ: open (0)", bind, *CONNECTION["CN"]["P1"],
                                                            f"applicationProtocol: {protocol}")]},
        "AC": {"session": CONNECTION["AC"]["session"],
               "presentation": ["CPA-PPDU", *x410_parameters("connectionDataAC: open (0)", bind, *CONNECTION["AC"]["P1"])]},
    }


def refusal(mode):
    if mode == "normal":
        return REFUSAL
    return {"session": REFUSAL["session"], "presentation": [
        "CPR-PPDU: x400-mode-parameters (0)", "x400-mode-parameters", "refuseReason: validationFailure (2)"]}
