#!/usr/bin/python3
"""The product's OSI stack alone (osi-node) against the independent peer, as responder and as initiator."""
import os
import socket
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from interop import tshark_judge                                            # noqa: E402
from interop.program import Program                                         # noqa: E402
from peer import ber, every, ipm, session, tap, x228, x411                  # noqa: E402
from peer.association import Aborted, Association, BindRefused              # noqa: E402
from peer.transport import Transport                                        # noqa: E402

case, check, equal = tap.case, tap.check, tap.equal
MODES = ("normal", "x410", "1984")
CONTENT = ipm.ipm("1", every.ANN, [every.BOB], "osi", ipm.filler(30_000))
APDU = x411.message(every.HERE, "osi-1", every.ANN, [every.BOB], CONTENT)


def checksum(octets):
    value = 5381
    for octet in octets:
        value = (value * 33 + octet) & 0xffffffff
    return f"apdu {len(octets)} {value}"


class Node(Program):
    name = "osi-node"


class Answering(Node):
    def __init__(self, checkpoint=1):
        super().__init__("answer", checkpoint)
        self.port = int(self.until("port").split()[1])

    def call(self, **options):
        return Association.open(self.port, **{"checkpoint": 1, **options})


@case("an APDU comes in whole, in each mode, at each TPDU size, definite and indefinite")
def _():
    with Answering() as node:
        for mode in MODES:
            for size_code in (7, 11, 0):
                for apdu in (APDU, ber.indefinite(APDU)):
                    peer = node.call(mode=mode, size_code=size_code)
                    peer.transfer(apdu)
                    peer.release()
                    equal(node.until("apdu"), checksum(apdu), f"{mode} {size_code}")


@case("transfer values may be cut anywhere, and constructed")
def _():
    with Answering() as node:
        loose = b"\x28\x80\x02\x01\x05\xa0\x80" + APDU + b"\0\0\0\0"
        for value, segment in ((loose, 1024), (loose, 7), (x228.transfer_value("normal", APDU), 1)):
            peer = node.call()
            peer.checkpoint = 0
            peer.start_activity()
            for at in range(0, min(len(value), 3000), segment):
                peer.send_data(value[at:at + segment])
            for at in range(at + segment, len(value), 5000):
                peer.send_data(value[at:at + 5000])
            peer.end_activity()
            peer.release()
            equal(node.until("apdu"), checksum(APDU), f"segments of {segment}")
        peer = node.call()
        peer.start_activity()
        half = len(loose) // 2
        string = b"\x24\x80" + ber.octets(loose[:half]) + ber.octets(loose[half:]) + b"\0\0"
        peer.give(b"\1\0" + b"\x61\x80\x30\x80\2\1\3\xa0\x80" + string + b"\0\0\0\0\0\0")
        peer.end_activity()
        peer.release()
        equal(node.until("apdu"), checksum(APDU), "constructed")


@case("several APDUs on one association")
def _():
    with Answering() as node:
        peer = node.call()
        for i in range(5):
            apdu = x411.probe(every.HERE, f"p{i}", every.ANN, [every.BOB])
            peer.transfer(apdu)
            equal(node.until("apdu"), checksum(apdu))
        peer.release()
        node.until("closed 0")


def broken(node, mode, segments):
    peer = node.call(mode=mode)
    peer.start_activity()
    peer.send_segments(x228.transfer_value(mode, APDU), stop_after=segments)
    while peer.acknowledged < peer.sent_serial:
        peer.await_acknowledgement()
    peer.cut()
    node.until("closed")
    return peer


@case("a broken transfer in is resumed, a completed one swallowed")
def _():
    with Answering() as node:
        for mode in MODES:
            for back in (0, 3):
                first = broken(node, mode, 6)
                peer = node.call(mode=mode, recover=first.identifier)
                # The reference may stand as the called SS-user's too: both are the initiator's.
                peer.resume_activity(first.activity_identifier, 6 - back, *first.identifier,
                                     code=session.PI_CALLED_REFERENCE if back else session.PI_CALLING_REFERENCE)
                peer.send_segments(x228.transfer_value(mode, APDU)[(6 - back) * 1024:])
                peer.end_activity()
                equal(node.until("apdu"), checksum(APDU), mode)
                peer.cut()
                node.until("closed")
            again = node.call(mode=mode, recover=peer.identifier)
            again.resume_activity(peer.activity_identifier, 6, *peer.identifier)
            again.send_segments(x228.transfer_value(mode, APDU)[6 * 1024:])
            again.end_activity()
            again.release()
            node.until("closed 0")
            check(not any(line.startswith("apdu") for line in node.lines[-3:]), node.lines[-3:])


@case("an unknown activity ends in unrecognizedActivity")
def _():
    with Answering() as node:
        for mode in MODES:
            first = broken(node, mode, 3)
            peer = node.call(mode=mode, recover=first.identifier)
            peer.resume_activity(first.activity_identifier, 77, *first.identifier)
            try:
                peer.send_data(b"x")
                peer.expect(session.MIA)
            except Aborted as aborted:
                equal(aborted.rtab, x228.UNRECOGNIZED_ACTIVITY, mode)
            else:
                raise AssertionError("no abort")


@case("interrupt, resume, discard on one association")
def _():
    with Answering() as node:
        for mode in MODES:
            peer = node.call(mode=mode)
            value = x228.transfer_value(mode, APDU)
            peer.start_activity()
            peer.send_segments(value, stop_after=4)
            while peer.acknowledged < peer.sent_serial:
                peer.await_acknowledgement()
            peer.interrupt()
            peer.resume_activity(peer.activity_identifier, 4)
            peer.send_segments(value[4 * 1024:])
            peer.end_activity()
            equal(node.until("apdu"), checksum(APDU), mode)
            peer.start_activity()
            peer.send_data(value[:500])
            peer.discard()
            peer.transfer(APDU)
            peer.release()
            equal(node.until("apdu"), checksum(APDU), mode)


@case("contexts in another order and number are accepted, a lacking one refused")
def _():
    with Answering() as node:
        for contexts in ([(9, x228.AS_RTSE), (1, x228.AS_ACSE), (5, x228.AS_MTSE), (11, "2.6.0.2.99")],
                         [(1, x228.AS_ACSE), (3, "2.3.2"), (5, x228.AS_MTSE)],
                         [(1, x228.AS_ACSE), (3, "2.3.0"), (5, x228.AS_MTSE)]):
            peer = node.call(contexts=contexts)
            peer.release()
        try:
            node.call(contexts=[(1, x228.AS_ACSE), (3, x228.AS_RTSE)]).close()
        except (BindRefused, Aborted):
            pass
        else:
            raise AssertionError("accepted without MTSE's context")


@case("what later versions add is passed over, in each mode: open, transfer, release, abort")
def _():
    with Answering() as node:
        for mode in MODES:
            with x228.later_version():
                peer = node.call(mode=mode)
                peer.transfer(APDU)
                peer.release()
            equal(node.until("apdu"), checksum(APDU), mode)
            check(node.until("closed").startswith("closed 0"), node.lines[-1])
            with x228.later_version():
                peer = node.call(mode=mode)
                peer.abort(x228.LOCAL_SYSTEM_PROBLEM)
            check("localSystemProblem" in node.until("closed"), node.lines[-1])


@case("two-way alternate: PLEASE TOKENS with RTTP asks for the turn, S-CONTROL-GIVE passes it, both ways")
def _():
    with Answering() as node:
        for mode in MODES:
            peer = node.call(mode=mode, dialogue=1)
            peer.transfer(APDU)
            equal(node.until("apdu"), checksum(APDU), mode)
            please = peer.expect(session.PT)
            equal(please.parameters[session.PI_TOKEN][0] & session.DATA_TOKEN, session.DATA_TOKEN)
            equal(please.user_data, x228.pdv(3, ber.integer(1)) if mode == "normal" else ber.integer(1), "RTTP")
            peer.transport.send(session.spdu(session.GTC))
            peer.expect(session.GTA)
            equal(peer.receive(), APDU, mode)
            peer.expect(session.GTC)
            peer.transport.send(session.spdu(session.GTA))
            peer.transfer(APDU)                     # the turn is here again
            equal(node.until("apdu"), checksum(APDU), mode)
            peer.expect(session.PT)
            peer.release()
            check(node.until("closed").startswith("closed 0"), node.lines[-1])


def open_by_hand(node, mode, data, **options):
    """An association whose CN the case makes itself: `cn(parameters, user data)` sends it."""
    peer = Association(Transport.dial(node.port), mode=mode)
    peer.transport.connect()
    rtorq = x228.open_request(1, 3, ber.ctx(0, data), mode, options.pop("dialogue", 0))
    accept_item = [session.parameter(session.PI_OPTIONS, b"\0")] + options.pop("items", []) + [
        session.parameter(session.PI_VERSION, b"\2"), session.parameter(session.PI_TOKEN_SETTING, b"\0")]
    parameters = [session.group(session.PGI_CONNECTION_IDENTIFIER,
                                session.parameter(session.PI_CALLING_REFERENCE, peer.reference),
                                session.parameter(session.PI_COMMON_REFERENCE, peer.common)),
                  session.group(session.PGI_CONNECT_ACCEPT, *accept_item),
                  session.parameter(session.PI_REQUIREMENTS, session.RTSE_REQUIREMENTS.to_bytes(2, "big"))]
    return peer, parameters, x228.connect_ppdu(mode, rtorq)


@case("connect data over 10,240 octets come by CONNECT DATA OVERFLOW")
def _():
    with Answering() as node:
        for mode in MODES:
            peer, parameters, data = open_by_hand(node, mode, ber.octets(b"b" * 20_000))
            peer.transport.send(session.spdu(
                session.CN, *parameters, session.parameter(session.PI_DATA_OVERFLOW, b"\1"),
                session.parameter(session.PGI_EXTENDED_USER_DATA, data[:10_240])))
            accepted = peer.expect(session.OA)
            equal(accepted.parameters[session.PI_VERSION], b"\2")
            for at, enclosure in ((10_240, b"\0"), (15_000, b"\2")):
                piece = data[at:15_000] if at < 15_000 else data[at:]
                peer.transport.send(session.spdu(session.CDO, session.parameter(session.PI_ENCLOSURE, enclosure),
                                                 session.parameter(session.PGI_USER_DATA, piece)))
            peer.read_accept()
            peer.transfer(APDU)
            peer.release()
            equal(node.until("apdu"), checksum(APDU), mode)


@case("an SSDU comes in in segments, and no TSDU goes out that is longer than the TSDU maximum size")
def _():
    size = 300
    with Answering() as node:
        for mode in MODES:
            peer, parameters, data = open_by_hand(
                node, mode, ber.octets(b"b"), dialogue=1,
                items=[session.parameter(session.PI_TSDU_SIZE, size.to_bytes(2, "big") * 2)])
            peer.send_connect_spdu(parameters, data)
            peer.read_accept()
            peer.start_activity()
            value, longest = x228.data_ppdu(mode, x228.transfer_value(mode, APDU)), 0
            for at in range(0, len(value), 280):    # one SSDU in many segments
                enclosure = (at == 0) | (at + 280 >= len(value)) << 1
                peer.give(session.spdu(session.DT, session.parameter(session.PI_ENCLOSURE, bytes([enclosure])),
                                       data=value[at:at + 280]))
            peer.end_activity()
            equal(node.until("apdu"), checksum(APDU), mode)
            peer.expect(session.PT)
            peer.transport.send(session.spdu(session.GTC))
            peer.expect(session.GTA)
            held = value = b""
            segments = 0
            while True:
                tsdu = peer.transport.receive()
                longest = max(longest, len(tsdu))
                spdu = session.read_tsdu(tsdu)
                if spdu.si == session.DT and spdu.first:
                    held += spdu.data
                    segments += 1
                    if spdu.parameters.get(session.PI_ENCLOSURE, b"\3")[0] & 2:
                        value, held = value + x228.data_octets(mode, held), b""
                elif spdu.si == session.MIP:
                    peer.please(session.spdu(session.MIA, session.parameter(
                        session.PI_SERIAL, spdu.parameters[session.PI_SERIAL])))
                elif spdu.si == session.AE:
                    break
            equal(x228.apdu(mode, value), APDU, mode)
            check(size - 60 <= longest <= size and segments > 100, f"{mode}: TSDUs of up to {longest}")
            peer.confirm(spdu)
            peer.expect(session.GTC)
            peer.transport.send(session.spdu(session.GTA))
            peer.release()


@case("tokens that would be on both sides are refused, a choice of ours leaves the turn with the initiator")
def _():
    with Answering() as node:
        for mode in MODES:
            for setting, taken in ((b"\x2a", True), (b"\x00", True), (b"\x01", False), (b"\x14", False)):
                try:
                    peer = node.call(mode=mode, tokens=setting)
                except BindRefused as refused:
                    equal((taken, refused.layer), (False, "session"))
                    node.until("closed")
                    continue
                check(taken, f"{mode} {setting.hex()} was accepted")
                peer.transfer(APDU)
                peer.release()
                equal(node.until("apdu"), checksum(APDU), mode)


@case("protocol versions without version 1 are refused by the layer that they belong to")
def _():
    with Answering() as node:
        for versions, layer, reason in (((b"\6\x40", None), "presentation", 4), ((None, b"\6\x40"), "acse", 2),
                                        ((b"\5\xa0", b"\5\xa0"), None, None)):
            try:
                node.call(versions=versions).release()
            except BindRefused as refused:
                equal((refused.layer, refused.reason), (layer, reason))
            else:
                equal(layer, None)


class Sending:
    """osi-node as initiator: one APDU, against this script's responder."""

    def __init__(self, mode, apdu=APDU, **options):
        self.file = tempfile.NamedTemporaryFile()
        self.file.write(apdu)
        self.file.flush()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.node = Node("send", mode, self.listener.getsockname()[1], self.file.name)
        sock, _ = self.listener.accept()
        self.peer = Association(Transport(sock), checkpoint=options.pop("checkpoint", 1), window=options.pop("window", 3))
        self.peer.accept(**options)

    def __enter__(self):
        return self.node, self.peer

    def __exit__(self, *what):
        self.peer.close()
        self.listener.close()
        self.node.__exit__(*what)


@case("an APDU goes out whole, in each mode, at each TPDU size, checkpoint and window")
def _():
    for mode in MODES:
        for size_code, checkpoint, window in ((7, 1, 1), (11, 1, 3), (13, 64, 3), (16, 0, 3)):
            with Sending(mode, size_code=size_code, checkpoint=checkpoint, window=window) as (node, peer):
                equal(peer.mode, mode)
                equal(peer.receive(), APDU, f"{mode} {size_code}")
                node.until("confirmed")
                equal(peer.receive(), None)
                node.until("closed 0")


@case("the window is kept: no more checkpoints than that are unconfirmed")
def _():
    with Sending("normal", window=2) as (_node, peer):
        unconfirmed, most = [], 0
        while True:
            peer.transport.sock.settimeout(1)
            try:
                spdu = peer.receive_spdu()
            except TimeoutError:
                most = max(most, len(unconfirmed))
                check(unconfirmed, "stands still with nothing to confirm")
                peer.please(session.spdu(session.MIA, session.parameter(session.PI_SERIAL, unconfirmed.pop(0))))
                continue
            if spdu.si == session.MIP:
                unconfirmed.append(spdu.parameters[session.PI_SERIAL])
            if spdu.si == session.AE:
                peer.confirm(spdu)
                break
        check(most <= 2, f"{most} unconfirmed")


def before_standstill(peer, wanted):
    """The octets before the first checkpoint, and how many checkpoints come without a confirmation."""
    octets, checkpoints = 0, 0
    try:
        while True:
            if checkpoints == wanted:           # what comes now is one too many
                peer.transport.sock.settimeout(0.5)
            spdu = peer.receive_spdu()
            if spdu.si == session.MIP:
                checkpoints += 1
            elif spdu.si == session.DT and not checkpoints:
                octets += len(x228.data_octets(peer.mode, spdu.data))
    except TimeoutError:
        return octets, checkpoints


@case("a larger window than proposed is used, a larger checkpoint size is not, and a window of 0 is one")
def _():
    apdu = x411.message(every.HERE, "large", every.ANN, [every.BOB], bytes(600_000))
    for mode in MODES:
        for answer, octets, checkpoints in (((100, 5), 63 * 1024, 5), ((1, 0), 1024, 1)):
            with Sending(mode, apdu, answer=answer) as (_node, peer):
                got = before_standstill(peer, checkpoints)
                check(octets - 32 <= got[0] <= octets, f"{mode} {answer}: {got[0]} octets")
                equal(got[1], checkpoints, f"{mode} {answer}")


@case("PLEASE TOKENS in a monologue changes nothing")
def _():
    for mode in MODES:
        with Sending(mode) as (node, peer):
            peer.expect(session.AS)
            rttp = x228.pdv(3, ber.integer(1)) if mode == "normal" else ber.integer(1)
            peer.transport.send(session.spdu(session.PT, session.parameter(session.PI_TOKEN, bytes([session.DATA_TOKEN])),
                                             session.parameter(session.PGI_USER_DATA, rttp)))
            equal(peer.receive(), APDU)
            node.until("confirmed")
            equal(peer.receive(), None)
            node.until("closed 0")


@case("what later versions add to the answers is passed over, in each mode")
def _():
    for mode in MODES:
        with x228.later_version():
            with Sending(mode) as (node, peer):
                equal(peer.receive(), APDU, mode)
                node.until("confirmed")
                equal(peer.receive(), None)
                node.until("closed 0")
            with Sending(mode, refuse=2) as (node, peer):
                wanted = "bind error" if mode == "normal" else "validationFailure"
                check(wanted in node.until("closed"), node.lines[-1])


@case("the reason of an exception report chooses between interrupt, discard and abort")
def _():
    interrupt, discard, abort = session.AI, session.AD, None
    for mode in MODES:
        for report, confirmed, wanted in (
                (b"\0", 2, interrupt), (b"\5", 2, interrupt), (b"\x80", 2, interrupt), (b"", 2, interrupt),
                (b"\3", 2, discard), (b"\6", 2, discard), (b"\1", 2, abort), (None, 2, abort),
                (b"\0", 0, discard), (b"\5", 0, discard), (b"\6", 0, discard)):
            with Sending(mode) as (node, peer):
                peer.expect(session.AS)
                peer.expect(session.DT)
                for serial in range(1, confirmed + 1):
                    mip = peer.expect(session.MIP)
                    peer.please(session.spdu(session.MIA, session.parameter(session.PI_SERIAL, b"%d" % serial)))
                    equal(mip.serial, serial)
                    peer.expect(session.DT)
                if report is None:                  # of the session provider
                    peer.please(session.spdu(session.ER))
                else:
                    peer.report_exception(report)
                try:
                    spdu = peer.receive_spdu()
                    while spdu.si in (session.DT, session.MIP):
                        spdu = peer.receive_spdu()
                except Aborted as aborted:
                    equal((wanted, aborted.rtab), (abort, x228.TEMPORARY_PROBLEM), f"{mode} {report}")
                    continue
                equal(spdu.si, wanted, f"{mode} {report} {confirmed}")
                peer.please(session.spdu(spdu.si + 1))
                node.until("refused")


@case("tshark finds nothing malformed in what it sends")
def _():
    if not tshark_judge.available():
        raise tap.Skip("tshark is not here")
    with Sending("normal", checkpoint=8) as (node, peer):
        peer.receive()
        peer.receive()
        node.until("closed 0")
        equal(tshark_judge.judge_log([(not sent, octets) for sent, _at, octets in peer.transport.log]), [])


tap.main()
