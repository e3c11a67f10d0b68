#!/usr/bin/python3
"""The peer judged before it judges: real captures read, both of its ends against each other, tshark on its octets."""
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from interop import samples, tshark_judge                                   # noqa: E402
from peer import association, ber, every, ipm, pcap, session, tap, x228, x411   # noqa: E402
from peer.association import Association, BindRefused                       # noqa: E402
from peer.transport import Transport                                        # noqa: E402
from scenario.players import Neighbour                                      # noqa: E402

case, check, equal = tap.case, tap.check, tap.equal
MODES = ("normal", "x410", "1984")


@case("what a thread of a case raises fails the case, also where the case fails by itself or is skipped")
def _():
    def raises(then=None):
        thread = threading.Thread(target=lambda: ber.read(b"\x30"))
        thread.start()
        thread.join()
        if then:
            raise then
    for then in (None, tap.Skip("not here"), AssertionError("of its own")):
        try:
            tap.run(lambda then=then: raises(then))
        except tap.ThreadFailed as error:
            tap.check("cut off" in str(error), str(error))
        else:
            raise AssertionError(f"passed with {then!r}")
    tap.run(lambda: None)


FALLS = """
from peer import tap
@tap.case("falls")
def _():
    copies = ["in-doubt"]
    tap.check(copies and
              copies[0] == "held")
tap.main()
"""


@case("why a case failed stands on stderr, with the whole statement and the values; and where it hung when it is ended")
def _():
    place = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "falls.py")
        with open(path, "w") as file:
            file.write(FALLS)
        environment = {**os.environ, "PYTHONPATH": place}
        done = subprocess.run([sys.executable, path], capture_output=True, text=True, env=environment)
        equal((done.returncode, done.stdout), (1, "1..1\nnot ok 1 - falls\n"))
        for wanted in ("# not ok 1 - falls", "# falls.py:6:", 'copies[0] == "held")', "  copies = ['in-doubt']"):
            check(wanted in done.stderr, f"no {wanted} in {done.stderr}")
        with open(path, "w") as file:
            file.write(FALLS.replace("tap.check(", "tap.note('asleep'); __import__('time').sleep(600); tap.check("))
        hung = subprocess.Popen([sys.executable, path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment)
        equal([hung.stdout.readline() for _ in range(2)], ["1..1\n", "# asleep\n"])
        hung.terminate()
        said = hung.communicate()[1]
        equal(hung.returncode, -signal.SIGTERM)
        check(f'"{path}", line 6' in said, said)


@case("nothing() waits to its end, whatever ended meanwhile, and is false when something comes")
def _():
    neighbour = Neighbour()
    neighbour.arrived.put((None, OSError("an association ended")))
    begun = time.monotonic()
    tap.check(neighbour.nothing(0.3) and time.monotonic() - begun >= 0.3, "it came back early")
    neighbour.arrived.put((None, OSError("another one ended")))
    neighbour.arrived.put(("normal", b"an APDU"))
    tap.check(not neighbour.nothing(60), "something came behind the end")
    neighbour.close()


@case("BER is read as it was written, definite or indefinite")
def _():
    apdu = every.message(b"content" * 40)
    node = ber.read(apdu)
    equal(node.raw, apdu)
    loose = ber.indefinite(apdu)
    check(len(loose) > len(apdu))
    equal(x411.Received(loose).recipients[1]["name"], x411.Received(apdu).recipients[1]["name"])
    equal(ber.read(ber.oid("2.6.1.4.12")).oid(), "2.6.1.4.12")
    equal(ber.read(ber.tlv(2, 5000, False, b"x")).tag, (2, 5000))
    for broken in (b"\x30\x05\x00", b"\x04\x80\x00\x00", b"\x30\x84\xff\xff\xff\xff", b"\x30"):
        try:
            ber.read(broken)
        except ber.Broken:
            continue
        raise AssertionError(f"{broken.hex()} was read")


def tsdus(octets):
    """The TSDUs of one direction of a conversation."""
    out, held = [], b""
    while len(octets) >= 7:
        size = struct.unpack(">H", octets[2:4])[0]
        tpdu, octets = octets[4:size], octets[size:]
        if tpdu[1] & 0xF0 == 0xF0:
            held += tpdu[1 + tpdu[0]:]
            if tpdu[2] & 0x80:
                out.append(held)
                held = b""
    return out


def received_values(spdus, mode):
    """The APDUs of one direction: data between an activity's start and its end."""
    value, out = b"", []
    for spdu in spdus:
        if spdu.si == session.AS:
            value = b""
        elif spdu.si == session.DT and spdu.first:
            value += x228.data_octets(mode, spdu.data)
        elif spdu.si == session.AE:
            out.append(x228.apdu(mode, value))
    return out


@case("real captures are read to their APDUs")
def _():
    folder = samples.folder()
    if not folder:
        raise tap.Skip("the captures are not here")
    kinds, sizes = [], []
    for name, _ports in samples.CAPTURES[2:]:
        for _port, conversation in pcap.read_conversations(os.path.join(folder, name)):
            octets = b"".join(part for client, part in conversation if client)
            spdus = [session.read_tsdu(tsdu) for tsdu in tsdus(octets)]
            if not spdus:
                continue
            mode, rtorq, _contexts = x228.read_connect(spdus[0].user_data)
            equal(x228.read_rtorq(rtorq)["window"], 3)
            for apdu in received_values(spdus, mode):
                kinds.append(ber.read(apdu).number)
                sizes.append(len(apdu))
                if "84" not in name:
                    x411.Received(apdu)
    check(len(kinds) >= 13, kinds)
    equal(set(kinds), {0, 1, 2})
    check(max(sizes) > 80000, sizes)


def serve(listener, received, **options):
    sock, _ = listener.accept()
    peer = Association(Transport(sock), mta="RESPONDER", password="there")
    peer.accept(**options)
    while (apdu := peer.receive()) is not None:
        received.append(apdu)
    peer.close()


def pair(**options):
    """A listener with a responder in a thread: (port, what it received, thread)."""
    listener = socket.create_server(("127.0.0.1", 0))
    received = []
    thread = threading.Thread(target=serve, args=(listener, received), kwargs=options, daemon=True)
    thread.start()
    return listener.getsockname()[1], received, thread


CONTENT = ipm.ipm("1", every.ANN, [every.BOB], "All of it", ipm.text("Hello"), ipm.filler(9000))


@case("both ends meet in each mode")
def _():
    for mode in MODES:
        port, received, thread = pair(size_code=9)
        sent = [every.message(CONTENT), every.probe(), every.report()]
        peer = Association.open(port, mode=mode, mta="INITIATOR", password=b"here")
        for apdu in sent:
            peer.transfer(apdu)
        peer.release()
        thread.join(10)
        equal(received, sent, mode)


@case("an interrupted activity is resumed, a discarded one is not")
def _():
    for mode in MODES:
        port, received, thread = pair()
        peer = Association.open(port, mode=mode)
        apdu = every.message(CONTENT)
        value = x228.transfer_value(mode, apdu)
        peer.start_activity()
        peer.send_segments(value, stop_after=3)
        while peer.acknowledged < peer.sent_serial:
            peer.await_acknowledgement()
        peer.interrupt()
        peer.resume_activity(peer.activity_identifier, 3)
        peer.transport.log.clear()
        peer.send_segments(value[3 * 1024:])
        peer.end_activity()
        peer.start_activity()
        peer.send_data(b"forget")
        peer.discard()
        peer.transfer(apdu)
        peer.release()
        thread.join(10)
        equal([len(x) for x in received], [len(apdu), len(apdu)], mode)


@case("a refusal names its layer and reason")
def _():
    for mode in MODES:
        port, _received, _thread = pair(refuse=association.AUTHENTICATION_ERROR)
        try:
            Association.open(port, mode=mode)
        except BindRefused as refused:
            wanted = ("mta-bind", 2) if mode == "normal" else ("rtse", x228.VALIDATION_FAILURE)
            equal((refused.layer, refused.reason), wanted)
        else:
            raise AssertionError("accepted")


@case("tshark finds nothing malformed in what the peer writes")
def _():
    if not tshark_judge.available():
        raise tap.Skip("tshark is not here")
    apdus = [every.message(CONTENT), ber.indefinite(every.message(CONTENT)), every.probe(),
             every.report(returned=CONTENT)]
    equal(tshark_judge.judge_apdus(*apdus), [])
    port, _received, thread = pair()
    peer = Association.open(port)
    for apdu in apdus:
        peer.transfer(apdu)
    peer.release()
    thread.join(10)
    equal(tshark_judge.judge_log(peer.transport.log), [])
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        tshark_judge.wrap(file.name, *apdus)
        read = [frame.apdu for frame in tshark_judge.frames(file.name) if frame.apdu]
        equal([apdu[0] for apdu in read], [f"MTS-APDU: {kind}" for kind in (
            "message (0)", "message (0)", "probe (2)", "report (1)")])
        equal(read[0], read[1], "lengths do not matter")
        check("local-identifier: every.1" in read[0] and "subject: All of it" in read[0], read[0])


@case("tshark's complaints on the real captures are those known")
def _():
    folder = samples.folder()
    if not folder or not tshark_judge.available():
        raise tap.Skip("the captures or tshark are not here")
    for name, ports in samples.CAPTURES:
        equal(tshark_judge.kinds(tshark_judge.frames(os.path.join(folder, name), ports)), samples.KINDS[name], name)


tap.main()
