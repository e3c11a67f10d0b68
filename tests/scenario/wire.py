#!/usr/bin/python3
"""tshark judges what two daemons say to each other: nothing malformed, and the values that were sent."""
import difflib
import os
import re
import time

from players import folder
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
    return [tshark_judge.recut(parts) for server, parts in found if server in ports and sum(len(o) for _, o in parts) > 50]


# --- the values of APDUs

MADE = re.compile(r"((?:arrival|message-delivery|redirection|dl-expansion|origination-or-expansion|receipt)-time): "
                  r"(\d\d-\d\d-\d\d \d\d:\d\d:\d\d) \(UTC\)$")


def stamp(at):
    return time.strftime("%y-%m-%d %H:%M:%S", time.gmtime(at))


class Reader:
    """Compares what was read with what was sent. `begin`: when the play began."""

    def __init__(self, begin):
        self.begin, self.end = stamp(begin - 1), stamp(time.time() + 1)

    def settled(self, lines):
        """A reading in which the times that a daemon set within the play are "now", its report identifiers "any", and what a
        report of 1984 returns "…"."""
        made = [MADE.match(line) for line in lines]
        out = [f"{found.group(1)}: now" if found and self.begin <= found.group(2) <= self.end else line
               for found, line in zip(made, lines)]
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
            best = max(unread, key=lambda other: difflib.SequenceMatcher(None, lines, other, False).quick_ratio(), default=[])
            unread = [other for other in unread if other is not best]
            out += difflib.unified_diff(best, lines, "sent", "read", lineterm="", n=3)
        return "\n".join(out + [f"not read: {lines[:12]}" for lines in unread])


# --- the values of the layers below

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


def named(lines, caller, called):
    return [line.replace("<caller>", caller).replace("<called>", called) for line in lines]


def layer_faults(frames, caller, called):
    """What differs in the layers of an association of ours from what it must be."""
    faults, references = [], set()
    for frame in frames:
        for line in frame.layer("TPKT"):
            if not line.startswith("Length: ") and line not in wire_cast.TPKT:
                faults.append(f"TPKT: {line}")
        references |= {line.partition(": ")[2] for line in frame.layer("session") if "SS User Reference: " in line}
        for name, wanted in wire_cast.CONNECTION.get(spdu(frame), {}).items():
            got = layer(frame, name)
            if got != named(wanted, caller, called):
                faults += difflib.unified_diff(named(wanted, caller, called), got, "sent", f"{name} read", lineterm="", n=1)
    if len(references) > 1:
        faults.append(f"session references {references}")
    missing = {"CR", "CC", "CN", "AC"} - {spdu(frame) for frame in frames}
    return faults + activity_faults(frames) + ([f"not there: {missing}"] if missing else [])


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

def everything(path, mode):
    """Plays the whole cast in a mode: the cast and the conversations."""
    with two(path, mode) as (alpha, beta):
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


def judged(path, conversations):
    """The conversations as tshark reads them: a list of frames for each."""
    frames = tshark_judge.rewritten(f"{path}/judged.pcap", conversations)
    ports = sorted({frame.port for frame in frames})
    return [[frame for frame in frames if frame.port == port] for port in ports]


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
        callers = [next((line.partition(": ")[2] for frame in part for line in frame.layer("P1")
                         if line.startswith("initiator-name: ")), None) for part in read]
        check({"ALPHA-MTA", "BETA-MTA"} <= set(callers), callers)
        for caller, part in zip(callers, read):
            if caller in ("ALPHA-MTA", "BETA-MTA") and not any(spdu(frame) == "RF" for frame in part):
                called = "BETA-MTA" if caller == "ALPHA-MTA" else "ALPHA-MTA"
                equal(layer_faults(part, caller, called), [])
                check({"FN", "DN"} <= {spdu(frame) for frame in part}, "released")
        refusals = [frame for part in read for frame in part if spdu(frame) == "RF"]
        equal([{name: layer(frame, name) for name in wire_cast.REFUSAL} for frame in refusals], [wire_cast.REFUSAL])


# --- what tshark can't follow: its APDUs wrapped into normal mode

class Activities:
    """Reassembles what initiators transfer, over all associations of a capture: `apdus` of the activities that ended,
    `resumed` the number of those that went on after a break."""

    def __init__(self, conversations):
        self.apdus, self.resumed, self.broken = [], 0, {}
        for parts in conversations:
            self._association([tpkt for client, tpkt in parts if client])

    def _association(self, tpkts):
        held, self.mode, self.reference, self.activity = b"", None, None, None
        for tpkt in tpkts:
            if tpkt[5] & 0xF0 != 0xF0:
                continue
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
        apdus = Activities(conversations).apdus
        frames = wrapped(path, apdus)
        check(wire_cast.LARGE in content_of(apdus, cast.mts["large"]), "3 MB")
        equal(tshark_judge.found_fault(frames), [])
        equal(Reader(cast.begin).differences(frames, all_wanted(cast)), "")
        all_extensions(frames)
        as_on(path, conversations, "x400-pcap-pp/p1-88-x410.pcap")


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
        apdus = Activities(conversations).apdus
        frames = wrapped(path, apdus)
        equal([complaint.kind for complaint in tshark_judge.found_fault(frames)], [NO_TYPE])
        equal(Reader(cast.begin).differences(frames, wire_cast.wanted_1984(cast)), "")
        check(wire_cast.LARGE in content_of(apdus, cast.mts["large"]), "3 MB")
        equal(returned(apdus), content_of(apdus, cast.mts["rich"]), "returned content")
        as_on(path, conversations, "x400-pcap-pp/p1-84.pcap")


def as_on(path, conversations, sample):
    """tshark's complaints about these conversations are of the same kinds as those on a real capture. They are recut: what
    tshark makes of two TSDUs in one TCP segment is no matter of X.410 mode."""
    if not samples.folder():
        raise tap.Skip("compared, but for tshark's complaints about the real captures, which are not here")
    ports = dict(samples.CAPTURES)[sample]
    theirs = tshark_judge.kinds(tshark_judge.frames(os.path.join(samples.folder(), sample), ports))
    equal(tshark_judge.kinds(tshark_judge.rewritten(f"{path}/raw.pcap", conversations)), theirs, sample)


tap.main()
