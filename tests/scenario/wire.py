#!/usr/bin/python3
"""tshark judges what two daemons say to each other: nothing malformed, and the values that were sent."""
import contextlib
import difflib
import itertools
import os
import re
import time

from players import folder
from fault.proxy import CuttingProxy
from interop import samples, tshark_judge
from peer import ber, pcap, session, tap, x228, x411
from scenario import wire_cast
from scenario.wire_cast import Cast, all_wanted, two

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
SCHEMA = os.path.join(os.environ.get("CHASQUI_SOURCE", os.path.join(os.path.dirname(__file__), "..", "..")), "schema")


def needs_capture():
    if not tshark_judge.available() or os.geteuid() != 0:
        raise tap.Skip("capturing needs tshark and root")


def captured(path, ports):
    """The conversations of a capture, whole TPKTs, those that are only a poke of dumpcap left out."""
    found = pcap.read_conversations(path)
    return [tshark_judge.recut(parts) for server, parts in found
            if server in ports and sum(len(octets) for _, octets in parts) > 50]


# --- the values of APDUs

MADE = re.compile(r"((?:arrival|message-delivery|redirection|dl-expansion|origination-or-expansion|receipt)-time): "
                  r"(\d\d-\d\d-\d\d \d\d:\d\d:\d\d) \(UTC\)$")


# What `mhs` adds to each message of its own, whose values play-letters looks at: by these a report is known again.
ADDED = re.compile(r"content-identifier: \d{6}Z\.[0-9a-f]{8}$|date-and-time-of-creation: ")
CORRELATOR_LINES = ["ExtensionField", "type: content-correlator (23)"]


def without_added(lines):
    out = []
    for line in lines:
        if re.match(r"ContentCorrelator: \d{14}Z\.[0-9a-f]{8}(\.\S+)?( |$)", line) and out[-2:] == CORRELATOR_LINES:
            del out[-2:]
        elif not ADDED.match(line):
            out.append(line)
    return [line for line, after in zip(out, out[1:] + [""])
            if line != "extensions" or after in ("ExtensionField", "IPMSExtension")]


def stamp(at):
    return time.strftime("%y-%m-%d %H:%M:%S", time.gmtime(at))


def likeness(one, other):
    return difflib.SequenceMatcher(None, one, other, False).quick_ratio()


class Reader:
    """Compares what was read with what was sent. `begin`: when the play began."""

    def __init__(self, begin):
        self.begin, self.end = stamp(begin - 1), stamp(time.time() + 1)

    def settled(self, lines):
        """A reading in which the times that a daemon set within the play are "now", its report identifiers "any", and what
        a report of 1984 returns "…"."""
        made = [MADE.match(line) for line in lines]
        out = [f"{found.group(1)}: now" if found and self.begin <= found.group(2) <= self.end else line
               for found, line in zip(made, lines)]
        out = without_added(out)
        if out[0] == "MTS-APDU: report (1)":
            at = next(i for i, line in enumerate(out) if line.startswith("local-identifier: "))
            out[at] = out[at] if out[at].startswith("local-identifier: every.") else "local-identifier: any"
            if out.count("content") == 2 and not any(line.startswith("content-type: ") for line in out):
                out[out.index("content", out.index("content") + 1) + 1:] = ["…"]
        return out

    def differences(self, frames, wanted):
        """What was read and not sent, or sent and not read; "" when it is the same."""
        unread, unsent = list(wanted), []
        for lines in (self.settled(frame.apdu) for frame in frames if frame.apdu):
            if lines in unread:
                unread.remove(lines)
            else:
                unsent.append(lines)
        out = []
        for lines in unsent:
            best = max(unread, key=lambda other: likeness(lines, other), default=[])
            unread = [other for other in unread if other is not best]
            out += difflib.unified_diff(best, lines, "sent", "read", lineterm="", n=3)
        return "\n".join(out + [f"not read: {lines[:12]}" for lines in unread])


# --- the values of the layers below

OTHER = {"ALPHA-MTA": "BETA-MTA", "BETA-MTA": "ALPHA-MTA"}
SPDU = re.compile(r"SPDU Type: .*?(\w+)\)? (?:SPDU|PDU) \((\d+)\)$")
NOT_COMPARED = re.compile(r"Length: |Parameter (type|length|code): |Source reference: |Destination reference: 0x0001|"
                          r"(Calling|Called) SS User Reference: |Common Reference: ")


def layer(frame, name):
    return [line for line in frame.layer(name) if not NOT_COMPARED.match(line)]


def spdu(frame):
    """The code of the frame's SPDU, the category 0 one before it left out; "CR" and "CC" for those; None for others."""
    found = [SPDU.match(line) for line in frame.layer("session")]
    codes = [match.group(1) for match in found if match]
    if codes:
        return codes[-1]
    kinds = re.findall(r"PDU Type: (\w\w) Connect", " ".join(frame.layer("COTP")))
    return kinds[0] if kinds else None


def layer_faults(frames, mode, caller):
    """What differs in the layers of an association of ours from what it must be."""
    faults, references, connection = [], set(), wire_cast.connection(mode)
    for frame in frames:
        for line in frame.layer("TPKT"):
            if not line.startswith("Length: ") and line not in wire_cast.TPKT:
                faults.append(f"TPKT: {line}")
        if spdu(frame) != "AR":             # which names the association whose activity it resumes
            references |= {line.partition(": ")[2] for line in frame.layer("session") if "SS User Reference: " in line}
        for name, wanted in connection.get(spdu(frame), {}).items():
            wanted = [line.replace("<caller>", caller).replace("<called>", OTHER[caller]) for line in wanted]
            faults += difflib.unified_diff(wanted, layer(frame, name), "sent", f"{name} read", lineterm="", n=1)
    if len(references) > 1:
        faults.append(f"session references {references}")
    missing = {"CR", "CC", "CN", "AC"} - {spdu(frame) for frame in frames}
    activities = activity_faults(frames) if mode == "normal" else []
    return faults + activities + ([f"not there: {missing}"] if missing else [])


def activity_faults(frames):
    """Activities are numbered from 1, their checkpoints from 1 in each, and each is confirmed."""
    faults, activity, serial, ended, confirmed = [], 0, 0, 0, 0
    for frame in frames:
        kind, lines = spdu(frame), frame.layer("session")
        number = next((int(line.partition(": ")[2]) for line in lines if line.startswith("Serial Number: ")), None)
        if kind == "AS":
            activity, serial = activity + 1, 0
            if f"Activity Identifier: {ber.integer(activity).hex()}" not in lines:
                faults.append(f"activity {activity}: {lines}")
        elif kind in ("MIP", "MAP"):
            serial, ended = serial + 1, ended + (kind == "MAP")
            if number != serial:
                faults.append(f"{kind} {number} for {serial} in activity {activity}")
        elif kind == "MAA":
            confirmed += number == serial
    if not activity == ended == confirmed:
        faults.append(f"{activity} activities, {ended} ended, {confirmed} confirmed")
    return faults


# --- the extensions

PLACES = {"message": ("MessageTransferExtensions", None, "PerRecipientMessageTransferExtensions"),
          "probe": ("ProbeTransferExtensions", None, "PerRecipientProbeTransferExtensions"),
          "report": ("ReportTransferEnvelopeExtensions", "ReportTransferContentExtensions",
                     "PerRecipientReportTransferExtensions")}
# What we never write of ourselves, only relay: a certificate and a signature of the MTA need its keys (32, 33), a
# physical forwarding address an access unit for physical delivery (27), a proof of delivery and the certificate with it
# (28, 29) those of the recipient.
NOT_ORIGINATED = {"ReportTransferEnvelopeExtensions": {32, 33}, "PerRecipientReportTransferExtensions": {27, 28, 29}}


def table(name):
    """The numbers in a table of schema/x411ext.asn1."""
    with open(os.path.join(SCHEMA, "x411ext.asn1")) as file:
        body = re.search(rf"^{name} TABLE ::= {{(.*?)^}}", file.read(), re.M | re.S).group(1)
    return {int(number) for number in re.findall(r"^ +(\d+) ", body, re.M)}


def extensions_read(frames, ours):
    """{table of x411ext.asn1: numbers} in the APDUs of which `ours(reading)`."""
    seen = {name: set() for places in PLACES.values() for name in places if name}
    for lines in (frame.apdu for frame in frames if frame.apdu and ours(frame.apdu)):
        envelope, content, recipient = PLACES[lines[1]]
        place = envelope
        for before, line in zip(lines, lines[1:]):
            if line == "per-recipient-fields":
                place = recipient
            elif line == "content" and place == envelope:
                place = content or place
            number = re.match(r"type: .*\((\d+)\)$", line)
            if before == "ExtensionField" and number:
                seen[place].add(int(number.group(1)))
    return seen


def of_atlas(lines):
    return any(line in lines[:12] for line in (
        "local-identifier: relayed.1", "local-identifier: every.2", "local-identifier: every.3"))


def all_extensions(frames):
    originated = extensions_read(frames, lambda lines: not of_atlas(lines))
    relayed = extensions_read(frames, of_atlas)
    for name in originated:
        equal(originated[name], table(name) - NOT_ORIGINATED.get(name, set()), f"originated {name}")
        equal(relayed[name], table(name), f"relayed {name}")


# --- the plays

def cut_at_2_mb():
    """What passes on ALPHA's associations to BETA: only the 3 MB are longer, and what is left of them is not."""
    return contextlib.closing(CuttingProxy(0, itertools.repeat(("in", 2_000_000))))


def everything(path, mode):
    """Plays the whole cast in a mode: the cast and the conversations. But in normal mode the transfer of the 3 MB is cut and
    resumed."""
    with cut_at_2_mb() as proxy, two(path, mode, None if mode == "normal" else proxy.port) as (alpha, beta):
        proxy.target = beta.port
        ports = [alpha.port, beta.port, alpha.plain_port]
        with tshark_judge.Capture(f"{path}/lo.pcap", ports):
            cast = Cast(path, alpha, beta)
            if mode == "1984":
                cast.play_1984()
            else:
                cast.play(mode)
            cast.refuse(mode)
            if mode == "normal":
                wait_until(lambda: not any(peer["associations-in"] + peer["associations-out"] for mta in (alpha, beta)
                                           for peer in mta.request("peer-status")["peers"]), 60, "release")
        return cast, captured(f"{path}/lo.pcap", ports)


def by_port(frames):
    """The frames of each association, by its caller's port, in which order pcap.Writer writes them."""
    ports = sorted({frame.port for frame in frames})
    return [[frame for frame in frames if frame.port == port] for port in ports]


def judged(path, conversations):
    """The conversations as tshark reads them: a list of frames for each."""
    return by_port(tshark_judge.rewritten(f"{path}/judged.pcap", conversations))


@case("all associations in normal mode: nothing malformed, each layer and each value as it was sent")
def _():
    needs_capture()
    with folder() as path:
        cast, conversations = everything(path, "normal")
        read = judged(path, conversations)
        check(wire_cast.LARGE in content_of(Activities(conversations).apdus, cast.mts["large"]), "3 MB")
        frames = [frame for part in read for frame in part]
        equal(tshark_judge.found_fault(frames), [])
        equal(Reader(cast.begin).differences(frames, all_wanted(cast)), "")
        all_extensions(frames)
        associations(read, "normal")
        mistakes_are_seen(path, cast, conversations[0])


def associations(read, mode):
    """Each layer of the associations between ALPHA and BETA, and of the refusal, is as it must be."""
    seen = set()
    for part in read:
        binds = [line.partition(": ")[2] for frame in part for line in frame.layer("P1") + frame.layer("presentation")
                 if line.startswith("initiator-name: ")]
        codes = {spdu(frame) for frame in part}
        if binds and binds[0] in OTHER and "RF" not in codes:
            seen.add(binds[0])
            equal(layer_faults(part, mode, binds[0]), [])
            check(mode != "normal" or {"FN", "DN"} <= codes, "released")
    equal(seen, set(OTHER))
    refusals = [frame for part in read for frame in part if spdu(frame) == "RF"]
    wanted = wire_cast.refusal(mode)
    equal([{name: layer(frame, name) for name in wanted} for frame in refusals], [wanted])


# --- the judge judged

# One octet for each tag, length and value: (layer and what, the packet by its SPDU, a pattern and where from it, the octet
# there). tshark shuts its eyes to some lengths that are too long for what they stand in; peer.ber, which reads all APDUs
# too (content_of), does not.
MODE, CONTEXT, CHECKPOINT = b"\xa0\3\x80\1\1", b"\xa1\6\6\4\x56\0\1\6", b"\x80\1\x3f"
NAME, EXTERNAL, IDENTIFIER = b"\x80\x09ALPHA-MTA", b"\x28\x80\2\1\5\xa0\x80\xa0", b"\x4a\5every"
CRITICAL, CORRELATOR, SUBJECT = b"\x80\1\5\x81\2\5\x20", b"\x16\x0acorrelator", b"\xa8\7\x14\5every"
MISTAKES = [
    ("TPKT version", "CN", b"\3\0\0", 0, 4), ("TPKT reserved", "CN", b"\3\0\0", 1, 9),
    ("TPKT length", "CN", b"\3\0\0", 3, 9), ("COTP tag", "CN", b"\xf0\x80\x0d", 0, 0x70),
    ("COTP length", "CN", b"\2\xf0\x80", 0, 1), ("COTP value", "CR", b"tran", 1, 117),
    ("session tag", "CN", b"\xf0\x80\x0d", 2, 0x63), ("session length", "CN", b"\xf0\x80\x0d", 3, 9),
    ("session value", "CN", b"\x14\2\2\x49", 3, 0x48), ("session activity", "AS", b"\x29\3\2\1\1", 4, 2),
    ("presentation tag", "CN", MODE, 0, 0xa9), ("presentation length", "CN", MODE, 3, 3),
    ("presentation value", "CN", b"\6\4\x56\0\2\7", 5, 8), ("presentation context", "DT", b"\2\1\3\xa0\x82", 2, 7),
    ("ACSE tag", "CN", CONTEXT, 0, 0xab), ("ACSE length", "CN", CONTEXT, 3, 6), ("ACSE value", "CN", CONTEXT, 7, 3),
    ("RTSE tag", "CN", CHECKPOINT, 0, 0x8e), ("RTSE length", "CN", CHECKPOINT, 1, 9),
    ("RTSE value", "CN", CHECKPOINT, 2, 0x3e),
    ("RTSE tag of the EXTERNAL", "DT", EXTERNAL, 0, 0x2d), ("RTSE context", "DT", EXTERNAL, 4, 7),
    ("ROSE tag", "CN", NAME, -4, 0xbd), ("ROSE length", "CN", NAME, -3, 3),
    ("bind tag", "CN", NAME, 0, 0x8d), ("bind length", "CN", NAME, 1, 8), ("bind value", "CN", NAME, 3, 0x4d),
    ("P1 tag of the APDU", "DT", EXTERNAL, 7, 0xac), ("P1 tag", "DT", IDENTIFIER, 0, 0x4f),
    ("P1 length", "DT", IDENTIFIER, 1, 4), ("P1 value", "DT", IDENTIFIER, 4, 0x66),
    ("P1 criticality", "DT", CRITICAL, 6, 0x40),
    ("extension tag", "DT", CORRELATOR, 0, 0x1f), ("extension length", "DT", CORRELATOR, 1, 9),
    ("extension value", "DT", CORRELATOR, 11, 0x73),
    ("X.420 tag", "DT", SUBJECT, 2, 0x1d), ("X.420 length", "DT", SUBJECT, 3, 4),
    ("X.420 value", "DT", SUBJECT, 8, 0x7a),
    ("X.420 body", "DT", b"\x16\5every", 6, 0x7a),
]


def first_activity(conversation):
    """The packets of an association up to the end of its first activity."""
    ends = (i for i, (_sent, tpkt) in enumerate(conversation)
            if tpkt[7:8] == session.PLEASE[:1] and tpkt[9] == session.AEA)
    return conversation[:next(ends) + 1]


def code(tpkt):
    """CR, CC, or the name of the SPDU."""
    number = {0xE0: "CR", 0xD0: "CC"}.get(tpkt[5])
    if not number:
        number = session.NAMES[tpkt[9]] if tpkt[7] == session.GT else session.NAMES[tpkt[7]]
    return "DT" if number == "GT/DT" else number


def with_mistake(packets, kind, pattern, offset, octet):
    """The packets with one other octet: `offset` from the pattern, of which there is one in the first packet of a kind."""
    at = next(i for i, (_sent, tpkt) in enumerate(packets) if code(tpkt) == kind)
    sent, tpkt = packets[at]
    start = tpkt.index(pattern)
    check(pattern[:1] == b"\3" or tpkt.count(pattern) == 1, f"{pattern.hex()} in {tpkt.hex()}")
    changed = bytearray(tpkt)
    changed[start + offset] = octet
    check(changed != tpkt, f"{pattern.hex()} {offset}")
    return packets[:at] + [(sent, bytes(changed))] + packets[at + 1:]


def mistakes_are_seen(path, cast, conversation):
    """The first activity, the message with every extension: as it is, the judge says nothing of it, with one wrong octet in
    any layer he does."""
    packets = first_activity(conversation)
    writer = pcap.Writer(f"{path}/mistakes.pcap")
    for variant in [packets] + [with_mistake(packets, *where) for _name, *where in MISTAKES]:
        writer.conversation(variant)
    writer.close()
    reader, wanted = Reader(cast.begin), [wire_cast.originated(cast)[0]]
    verdicts = [tshark_judge.found_fault(part) or layer_faults(part, "normal", "ALPHA-MTA") or
                reader.differences(part, wanted) for part in by_port(tshark_judge.frames(f"{path}/mistakes.pcap"))]
    equal(verdicts[0], "", "as it was")
    equal([name for (name, *_where), verdict in zip(MISTAKES, verdicts[1:]) if not verdict], [], "nothing said of")
    equal(len(verdicts), len(MISTAKES) + 1)


# --- what tshark can't follow: its APDUs wrapped into normal mode

class Activities:
    """Reassembles what initiators transfer, over all associations of a capture: `apdus` of the activities that ended,
    `resumed` the number of those that went on after a break."""

    def __init__(self, conversations):
        self.apdus, self.resumed, self.broken = [], 0, {}
        waiting = [[tpkt for client, tpkt in parts if client] for parts in conversations]
        while waiting:
            later = [tpkts for tpkts in waiting if not self._read(tpkts)]
            check(len(later) < len(waiting), "an activity is resumed that did not break")
            waiting = later

    def _read(self, tpkts):
        """False, with nothing read, where an activity goes on that broke on an association that began later."""
        count, resumed, broken = len(self.apdus), self.resumed, dict(self.broken)
        try:
            self._association(tpkts)
        except KeyError:
            del self.apdus[count:]
            self.resumed, self.broken = resumed, broken
            return False
        return True

    def _association(self, tpkts):
        held, self.mode, self.reference, self.activity = b"", None, None, None
        for tpkt in tpkts:
            if len(tpkt) < 7 or len(tpkt) != int.from_bytes(tpkt[2:4], "big") or tpkt[5] & 0xF0 != 0xF0:
                continue    # cut off, or no DT
            held += tpkt[7:]
            if tpkt[6] & 0x80:
                self._spdu(session.read_tsdu(held))
                held = b""

    def _spdu(self, spdu):
        if spdu.si == session.CN:
            self.mode = x228.read_connect(spdu.user_data)[0]
            self.reference = spdu.parameters[session.PI_CALLING_REFERENCE]
        elif spdu.si == session.AS:
            self._begin(spdu, b"", {})
        elif spdu.si == session.AR:
            old = session.read_parameters(spdu.parameters[session.PGI_LINKING])
            value, points = self.broken[old.get(session.PI_CALLING_REFERENCE, self.reference), old[session.PI_ACTIVITY]]
            self._begin(spdu, bytes(value[:points[int(old[session.PI_SERIAL])]]), points)
            self.resumed += 1
        elif spdu.si == session.DT and spdu.first:
            self.value += x228.data_octets(self.mode, spdu.data)
        elif spdu.si == session.MIP:
            self.points[spdu.serial] = len(self.value)
        elif spdu.si == session.AE:
            self.apdus.append(x228.apdu(self.mode, bytes(self.value)))

    def _begin(self, spdu, value, points):
        self.value, self.points = bytearray(value), dict(points)
        self.broken[self.reference, spdu.parameters[session.PI_ACTIVITY]] = self.value, self.points


def wrapped(path, apdus):
    """The APDUs, each in a synthetic association of normal mode, as tshark reads them."""
    tshark_judge.wrap(f"{path}/wrapped.pcap", *apdus)
    return tshark_judge.frames(f"{path}/wrapped.pcap")


@case("X.410 mode with 1988 content: the same APDUs, the complaints about its raw octets are those on a real MTA's")
def _():
    needs_capture()
    with folder() as path:
        cast, conversations = everything(path, "x410")
        activities = Activities(conversations)
        apdus = activities.apdus
        equal(activities.resumed, 1, "the 3 MB were cut")
        frames = wrapped(path, apdus)
        check(wire_cast.LARGE in content_of(apdus, cast.mts["large"]), "3 MB")
        equal(tshark_judge.found_fault(frames), [])
        equal(Reader(cast.begin).differences(frames, all_wanted(cast)), "")
        all_extensions(frames)
        as_on(path, conversations, "x410", "x400-pcap-pp/p1-88-x410.pcap")


# The returned content of 1984: X.411 (1984) gives a report no content type, and tshark asks for one.
NO_TYPE = ("P1", "P1 Unknown Content (unknown built-in content-type)")


def returned(apdus):
    reports = [node for node in map(ber.read, apdus) if node.number == 1]
    return next(node[1].get(1).octets() for node in reports if node[1].get(1))


def content_of(apdus, local):
    messages = [node for node in map(ber.read, apdus) if node.number == 0]
    return next(node[1].octets() for node in messages if x411.read_identifier(node[0].app(4))[1] == local)


@case("1984: each value as it was sent, the complaints about its raw octets are those on a real MTA's")
def _():
    needs_capture()
    with folder() as path:
        cast, conversations = everything(path, "1984")
        activities = Activities(conversations)
        apdus = activities.apdus
        equal(activities.resumed, 1, "the 3 MB were cut")
        frames = wrapped(path, apdus)
        equal([complaint.kind for complaint in tshark_judge.found_fault(frames)], [NO_TYPE])
        equal(Reader(cast.begin).differences(frames, wire_cast.wanted_1984(cast)), "")
        check(wire_cast.LARGE in content_of(apdus, cast.mts["large"]), "3 MB")
        equal(returned(apdus), content_of(apdus, cast.mts["rich"]), "returned content")
        as_on(path, conversations, "1984", "x400-pcap-pp/p1-84.pcap")


@case("a transfer in normal mode that was cut and resumed: the APDU is the one that was sent")
def _():
    needs_capture()
    with folder() as path:
        with cut_at_2_mb() as proxy, two(path, "normal", proxy.port) as (alpha, beta):
            proxy.target = beta.port
            with tshark_judge.Capture(f"{path}/lo.pcap", [beta.port]):
                cast = Cast(path, alpha, beta)
                cast.send_large("normal")
                wait_until(lambda: beta.request("mailbox-list", mailbox=wire_cast.BOB)["entries"], what="delivery")
        conversations = captured(f"{path}/lo.pcap", [beta.port])
        activities = Activities(conversations)
        equal((len(activities.apdus), activities.resumed), (1, 1))
        check(wire_cast.LARGE in content_of(activities.apdus, cast.mts["large"]), "3 MB")
        frames = wrapped(path, activities.apdus)
        equal(tshark_judge.found_fault(frames), [])
        equal(Reader(cast.begin).differences(frames, [wire_cast.resumed(cast)]), "")
        raw = judged(path, conversations)
        # tshark puts together what came after the resume alone.
        equal({layer for part in raw for layer, _kind in tshark_judge.kinds(part)}, {"RTSE"})
        recovery(raw, lambda reference: bytes.fromhex(reference)[2:].hex())


def recovery(read, as_recovered, alone=True):
    """The first association is the one that is recovered, its activity the one that is resumed. `as_recovered(reference)`:
    how tshark shows the session reference within RTORQ. When the transfer is not `alone`, it may not be the first, and
    another copy may have opened an association before its next try: then it is resumed there, without RT-RECOVER."""
    connects = [frame for part in read for frame in part if spdu(frame) == "CN"]
    references = [line.partition(": ")[2] for frame in connects for line in frame.layer("session")
                  if line.startswith("Calling SS User Reference: ")][:1 if alone else None]
    recovered = [lines for lines in (frame.layer("RTSE") + frame.layer("presentation") for frame in connects)
                 if "connectionDataRQ: recover (1)" in lines]
    check(len(recovered) == 1 or not alone and not recovered, recovered)
    check(all(any(f"callingSSuserReference: {as_recovered(reference)}" in lines for reference in references)
              for lines in recovered), recovered)
    resumes = [frame.layer("session") for part in read for frame in part if spdu(frame) == "AR"]
    equal(len(resumes), 1)
    check(any(f"Calling SS User Reference: {reference}" in resumes[0] for reference in references), resumes)


def as_on(path, conversations, mode, sample):
    """tshark's complaints about these conversations are of the same kinds as those on a real capture. They are recut: what
    tshark makes of two TSDUs in one TCP segment is no matter of X.410 mode."""
    read = judged(path, conversations)
    recovery(read, lambda reference: bytes.fromhex(reference)[2:].decode(), alone=False)
    associations(read, mode)
    if not samples.folder():
        raise tap.Skip("compared, but for tshark's complaints about the real captures, which are not here")
    ports = dict(samples.CAPTURES)[sample]
    theirs = tshark_judge.kinds(tshark_judge.frames(os.path.join(samples.folder(), sample), ports))
    equal(tshark_judge.kinds([frame for part in read for frame in part]), theirs, sample)


tap.main()
