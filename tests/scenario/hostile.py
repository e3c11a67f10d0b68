#!/usr/bin/python3
"""Hostile neighbours and strangers: the daemon's memory and time stay bounded, others are served meanwhile, and the log
says who it was and what it did."""
import contextlib
import json
import os
import random
import re
import socket
import struct
import time

from players import (ANN, BEN, FAY, JOE, LARGE, MB, NEAR, Stage, Unharmed, folder, hostile_stage, named, processes,
                     sockets_of, text_message)
from peer import ber, ipm, local, session, tap, x228, x411
from peer.association import NOT_TAKEN, Excepted
from peer.transport import Transport

case, check, equal = tap.case, tap.check, tap.equal
def connection(stage, source="127.0.0.1"):
    return socket.create_connection(("127.0.0.1", stage.mta.port), timeout=tap.PATIENCE, source_address=(source, 0))


CONNECT = bytes.fromhex("0300000b06e00000000100")


@case("slow senders and half-open associations do not keep others waiting")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        silent = [connection(stage) for _ in range(60)]
        half = [connection(stage) for _ in range(60)]
        for sock in half:
            sock.sendall(CONNECT)
        slow = [connection(stage) for _ in range(30)]
        for octet in CONNECT[:8]:
            for sock in slow:
                sock.sendall(bytes([octet]))
            time.sleep(0.05)            # what is tested is that they are slow
        unharmed.served("slow")
        for sock in silent + half + slow:
            sock.close()


@case("more silent connections than there is room for keep nobody out")
def _():
    with folder() as path, hostile_stage(path, limits={"opening": 30}) as stage, Unharmed(stage) as unharmed:
        crowd = []
        for i in range(150):
            crowd.append(connection(stage, "127.0.0.9"))
            if i % 3 == 0:
                try:
                    crowd[-1].sendall(CONNECT[:i % 11])
                except OSError:
                    pass
        early = connection(stage)           # this one is slow, but it is only one
        for octet in CONNECT:
            early.sendall(bytes([octet]))
            crowd.append(connection(stage, "127.0.0.9"))
        check(early.recv(100)[5:6] == b"\xd0", "the slow host's CR was not answered")
        unharmed.served("crowd")
        unharmed.logged("address=127.0.0.9", "too many without a bind")
        check("address=127.0.0.1 connection closed" not in stage.mta.log(), stage.mta.log_tail())
        for sock in crowd + [early]:
            sock.close()


@case("connections beyond all limits are turned away, and room is made when they go")
def _():
    with folder() as path, hostile_stage(path, limits={"connections": 40, "opening": 100}) as stage, Unharmed(stage) as unharmed:
        crowd = [connection(stage) for _ in range(120)]
        unharmed.logged("address=127.0.0.1", "too many connections")
        for sock in crowd:
            sock.close()
        net = next(iter(named(stage, "net")))
        tap.wait_until(lambda: sockets_of(net) < 40, what="the end of the crowd")
        unharmed.served("limit")


@case("associations that fall silent in mid-transfer keep nobody out")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        silent = []
        for i in range(40):
            peer = stage.call(checkpoint=1)
            peer.start_activity()
            peer.send_segments(x228.transfer_value("normal", text_message(f"silent-{i}", [FAY], "s" * 9000)),
                               stop_after=1 + i % 4)
            silent.append(peer)
        unharmed.served("silent")
        for peer in silent:
            peer.cut()
        check(stage.far.nothing(0.5), "half a message was passed on")


@case("a bind that does not come in time ends the connection, and the log says whose")
def _():
    with folder() as path, hostile_stage(path, timers={"connect": 1}) as stage, Unharmed(stage) as unharmed:
        with connection(stage) as silent, connection(stage) as half:
            half.sendall(CONNECT)
            for sock in (silent, half):
                sock.settimeout(20)  # a third of the time that the configuration's default leaves
                while sock.recv(4096):
                    pass
        unharmed.logged("address=127.0.0.1", "the association was not opened in time")
        unharmed.served("late")


def nested(depth, inner=b""):
    """`depth` constructed SEQUENCEs of indefinite length, one within another, not all closed."""
    return b"\x30\x80" * depth + inner


@case("a bind that comes octet by octet is ended in the same time")
def _():
    with folder() as path, hostile_stage(path, timers={"connect": 2}) as stage, Unharmed(stage) as unharmed:
        with connection(stage) as slow:
            ended = False
            for octet in (CONNECT + bytes.fromhex("030000ff02f080") + bytes(248)) * 2:
                try:
                    slow.sendall(bytes([octet]))
                    slow.settimeout(0.1)
                    ended = ended or slow.recv(4096) == b""
                except TimeoutError:
                    continue
                except OSError:
                    ended = True
                if ended:
                    break
            check(ended, "it was kept as long as it sent")
        unharmed.logged("address=127.0.0.1", "the association was not opened in time")
        unharmed.served("octets")


@case("a transfer that falls silent is ended in time, and the log says whose")
def _():
    with folder() as path, hostile_stage(path, timers={"transfer": 1}) as stage, Unharmed(stage) as unharmed:
        with stage.call(checkpoint=1) as silent:
            silent.start_activity()
            silent.send_segments(x228.transfer_value("normal", text_message("silent", [FAY], "s" * 9000)), stop_after=2)
            unharmed.served("silence")
            try:
                while True:
                    silent.receive_spdu()
            except NOT_TAKEN:
                pass
        unharmed.logged("peer=NEAR address=127.0.0.1", "association ended", "in time")


@case("nesting bombs, at each layer, are refused")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        bomb = nested(30_000)
        for octets in (bomb, b"\x31\x80\xa2\x80" + bomb, b"\x61\x80" * 30_000):
            transport = Transport.dial(stage.mta.port)
            transport.connect(size_code=0)
            try:
                transport.send(session.spdu(session.CN, session.parameter(session.PI_REQUIREMENTS, b"\2\x49"),
                                            session.parameter(session.PGI_USER_DATA, octets)))
                transport.receive()
            except NOT_TAKEN:
                pass
            transport.close()
        for apdu in (b"\xa0\x80" + nested(300_000), b"\xa0\x80\x31\x80" + b"\xa3\x80" * 200_000, nested(400_000)):
            equal_refusal(refused(stage, lying_external(apdu), lambda: unharmed.served(f"nested-{len(apdu)}")))
        unharmed.logged("address=127.0.0.1", "association ended", "presentation:")
        unharmed.logged("peer=NEAR address=127.0.0.1", "transfer refused", "elements are nested too deeply")
        unharmed.logged("peer=NEAR address=127.0.0.1", "transfer refused", "another tag")


def refused(stage, value, meanwhile=None):
    """Transfers a value that no MTA should take; `meanwhile` is called when half of it was sent. Returns the exception
    in which it ended, None for a confirmation."""
    peer = stage.call()
    try:
        peer.start_activity()
        half = len(value) // 2 if meanwhile else 0
        for at in range(0, half, 65536):
            peer.send_data(value[at:min(at + 65536, half)])
        if meanwhile:
            meanwhile()
        peer.send_segments(value[half:])
        peer.end_activity()
        peer.release()
        return None
    except NOT_TAKEN as error:
        peer.close()
        return error


def equal_refusal(error):
    """X.228's way to refuse an APDU for good: S-U-EXCEPTION-REPORT, procedural error (X.225 §8.3.16)."""
    check(isinstance(error, Excepted), f"ended by {error!r}")
    equal(error.reason, b"\6")


def lying_external(apdu):
    """An EXTERNAL of indefinite length around octets that are no whole element."""
    return b"\x28\x80\x02\x01\x05\xa0\x80" + apdu


@case("lengths of 4 GB, and more than fits any word, are refused")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for length in (b"\x84\xff\xff\xff\xff", b"\x84\x7f\xff\xff\xff", b"\x88" + b"\xff" * 8, b"\x88\x7f" + b"\xff" * 7,
                       b"\xfe" + b"\xff" * 126):
            for prefix in (b"\xa0", b"\xa0\x80\x31", b"\xa0\x80\x31\x80\x64", b"\xa0\x80\x31\x80\x60\x80\x30"):
                equal_refusal(refused(stage, lying_external(prefix + length + b"short")))
        unharmed.served("lengths")
        unharmed.logged("peer=NEAR address=127.0.0.1", "transfer refused", "lengths in its APDU")


def crowded_envelope(count, definite):
    """An APDU whose envelope has so many recipients; `definite`: its lengths say so at once."""
    node = ber.read(x411.message(NEAR, "crowd", JOE, [FAY], b"content"))
    recipients = ber.tlv(2, 2, True, x411.recipient(FAY, 1) * count)
    fields = b"".join(child.raw for child in node[0].children[:-1]) + recipients
    if definite:
        return x228.external(5, ber.ctx(0, ber.set_(fields), node[1].raw))
    return lying_external(b"\xa0\x80\x31\x80" + fields + bytes(2) + node[1].raw + bytes(6))


@case("a million recipients are refused within bounds")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, LARGE) as unharmed:
        # Its length says that it is too long: what is behind the first octets need not come.
        equal_refusal(refused(stage, crowded_envelope(1_000_000, True)[:MB]))
        equal_refusal(refused(stage, crowded_envelope(200_000, False), lambda: unharmed.served("million")))
        unharmed.logged("peer=NEAR address=127.0.0.1", "refused")
        # An envelope that is short enough to be decoded, with more recipients than there may be.
        equal_refusal(refused(stage, crowded_envelope(60_000, True), lambda: unharmed.served("many")))
        unharmed.logged("peer=NEAR", "refused for good", "ub-recipients")
        check(refused(stage, crowded_envelope(32_767, True)) is None, "ub-recipients are refused")
        equal(len(stage.far.next(60).recipients), 32_767)


@case("envelopes without an end, on all associations of a neighbour at once, are bounded")
def _():
    busy = {"NEAR": {"associations-in": 9}}
    with folder() as path, hostile_stage(path, peer_options=busy) as stage, Unharmed(stage, 12 * 8 * MB) as unharmed:
        one = x411.recipient(FAY, 1)
        endless = lying_external(b"\xa0\x80\x31\x80" + one * (7 * MB // len(one)))
        crowd = [stage.call() for _ in range(8)]
        for peer in crowd:
            peer.start_activity()
            peer.send_segments(endless)
        unharmed.served("endless")
        for peer in crowd:
            peer.cut()


@case("SPDUs out of turn, unknown ones and broken ones end that association only")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        serial = session.parameter(session.PI_SERIAL, b"1")
        broken = [
            session.GIVE + session.spdu(session.AE, serial),
            session.GIVE + session.spdu(session.MIP, serial),
            session.PLEASE + session.spdu(session.MIA, serial),
            session.PLEASE + session.spdu(session.AEA, serial),
            session.GIVE + b"\1\0" + x228.data_ppdu("normal", b"no activity"),
            session.GIVE + session.spdu(session.AS),
            session.GIVE + session.spdu(session.AR, session.parameter(session.PI_ACTIVITY, b"\2\1\1")),
            session.GIVE + session.spdu(session.AI), session.GIVE + session.spdu(session.AD),
            session.GIVE + session.spdu(session.MIP, session.parameter(session.PI_SERIAL, b"99999999999999999999")),
            b"", b"\1", b"\xff\xff\xff", b"\1\0\x2d\xff", b"\1\0\x2d\x05\x29\x09\1", bytes([250, 0]),
            session.spdu(session.CN), session.spdu(session.AC), session.spdu(session.CDO), session.spdu(session.OA),
            b"\1\0\1\0" + b"\x61\x80" * 50,
        ]
        for octets in broken:
            with stage.call() as peer:
                try:
                    peer.transport.send(octets)
                    peer.transport.sock.settimeout(1)
                    peer.transport.receive()
                except NOT_TAKEN:
                    pass
        unharmed.served("turn")
        for what in ("ACTIVITY END SPDU", "MINOR SYNC POINT SPDU", "unknown SPDU", "unreadable SPDU"):
            unharmed.logged("peer=NEAR address=127.0.0.1", "association ended: session:", what)


@case("octets that are no TPKT, and TPDUs that lie, end the connection")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        chance = random.Random(4)
        for octets in (b"GET / HTTP/1.0\r\n\r\n", b"\3\0\0\0", b"\3\0\0\4", b"\3\0\0\5\0", b"\3\0\xff\xff" + b"\xff" * 65531,
                       b"\3\0\0\x0b\xff\xe0\0\0\0\1\0", CONNECT * 3, chance.randbytes(5000)):
            with connection(stage) as sock:
                try:
                    sock.sendall(octets)
                    sock.shutdown(socket.SHUT_WR)
                    while sock.recv(4096):
                        pass
                except OSError:
                    pass
        unharmed.served("noise")
        unharmed.logged("address=127.0.0.1", "transport:", "no TPKT")


@case("data before the turn and after the end is not taken for a message")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        apdu = text_message("early", [FAY])
        transport = Transport.dial(stage.mta.port)
        transport.connect(size_code=0)
        try:
            transport.send(session.GIVE + session.spdu(session.AS, session.parameter(session.PI_ACTIVITY, b"\2\1\1")))
            transport.send(session.GIVE + b"\1\0" + x228.data_ppdu("normal", x228.transfer_value("normal", apdu)))
            transport.send(session.GIVE + session.spdu(session.AE, session.parameter(session.PI_SERIAL, b"1")))
            transport.receive()
        except NOT_TAKEN:
            pass
        transport.close()
        check(stage.far.nothing(0.5))
        unharmed.served("early")


@case("a flood of tiny checkpoints, and of empty activities, is served within bounds")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        with stage.call(checkpoint=1) as peer:
            apdu = text_message("tiny", [FAY], "t" * 3000)
            peer.start_activity()
            peer.send_segments(x228.transfer_value("normal", apdu), segment=10)
            peer.end_activity()
            peer.release()
        equal(stage.far.next().content, x411.Received(apdu).content)
        for _ in range(20):
            refused(stage, b"")
        unharmed.served("tiny")


def local_connection(stage):
    """A connection that has said hello."""
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(20)
    sock.connect(stage.mta.socket_path)
    with contextlib.suppress(BrokenPipeError):
        sock.sendall(local.hello())
    return sock


def frame(kind, payload, length=None, ref=1):
    return struct.pack(">IHHQ", len(payload) if length is None else length, kind, 0, ref) + payload


def closed(sock):
    """True when the other end closes it, within the socket's time."""
    try:
        while sock.recv(65536):
            pass
        return True
    except TimeoutError:
        return False
    except OSError:
        return True


@case("clients of the local socket that say half a frame, or nothing, keep neither neighbours nor operators out")
def _():
    with folder() as path, hostile_stage(path, limits={"clients": 40}) as stage, Unharmed(stage) as unharmed:
        crowd = []
        for i in range(60):
            crowd.append(local_connection(stage))
            with contextlib.suppress(OSError):
                crowd[-1].sendall(frame(local.REQUEST, b"x" * 200, 1000)[:i * 3])
        unharmed.served("clients")
        unharmed.logged("a local client was refused", "too many")
        for sock in crowd:
            sock.close()
        tap.wait_until(lambda: answers(stage), what="an operator's request after them")


def answers(stage):
    try:
        return "copies" in stage.mta.request("status")
    except (OSError, ConnectionError):
        return False


@case("frames of the local socket that lie end that client only, and the log says whose")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for octets, words in ((frame(local.REQUEST, b"{}", 0xffffffff), ("longer than the limit",)),
                              (frame(local.REQUEST, b"{}", ref=1 << 40), ("frame request", "which is none for it")),
                              (frame(1, b""), ("frame bind (type 1)", "not its to send")),
                              (frame(local.RESPONSE, b"x"), ("frame response (type 65)", "not its to send"))):
            with local_connection(stage) as sock:
                sock.sendall(octets)
                check(closed(sock), f"{octets[:16].hex()} was borne")
            unharmed.logged(f"uid={os.getuid()}", *words)
        unharmed.served("frames")
        check(answers(stage))


def told(sock):
    """The one answer that a connection gets that is ended: it must be the last."""
    head = b""
    while len(head) < 16:
        head += sock.recv(16 - len(head))
    size, kind, _, ref = struct.unpack(">IHHQ", head)
    payload = b""
    while len(payload) < size:
        payload += sock.recv(size - len(payload))
    equal((kind, ref, sock.recv(1)), (local.RESPONSE, 0, b""))
    return json.loads(payload[1:])["error"]


@case("who says no hello, or one of another version or with wishes that nobody grants, hears why")
def _():
    request = frame(local.REQUEST, b'{"operation": "status"}')
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for octets, code, words in ((request, "version", "no hello"), (local.hello(0) + request, "version", "version 0"),
                                    (local.hello(65535), "version", "version 65535"),
                                    (local.hello(wants=b"requests telepathy"), "version", "does not offer 'telepathy'"),
                                    (local.hello(wants=b'\\"\xff' * 9), "version", "does not offer"),
                                    (local.hello(wants=b"quests"), "version", "does not offer 'quests'"),
                                    (frame(local.HELLO, b"", ref=0), "bad-request", "no sense"),
                                    (frame(local.HELLO, b"\0\1\xff\xff\xff\xff", ref=0), "bad-request", "no sense")):
            sock = socket.socket(socket.AF_UNIX)
            sock.settimeout(20)
            sock.connect(stage.mta.socket_path)
            with sock:
                sock.sendall(octets)
                error = told(sock)
                check(error["code"] == code and words in error["text"], str(error))
        with local_connection(stage) as sock:     # a second one is none
            sock.sendall(local.hello())
            check(closed(sock), "two hellos were borne")
        unharmed.logged(f"uid={os.getuid()}", "frame hello, which may not come now")
        with stage.mta.client() as client:
            check("copies" in client.request("status"))
            check(set(client.offers) >= {b"requests", b"submission", b"fetch"}, str(client.offers))
        unharmed.served("hello")


@case("requests that are nested deep, too long or no JSON, and crowded submissions, are refused within bounds")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, LARGE) as unharmed, \
            local_connection(stage) as sock:
        client = local.Client(stage.mta.socket_path)
        for text in (b"[" * 1_000_000, b'{"a":' * 200_000, b'"' + b"x" * 1_000_000 + b'"', b"\xff" * 1_000_000,
                     b'{"operation":"' + b"y" * 1_000_000 + b'"}', b""):
            client.send(local.REQUEST, text)
            kind, _ref, payload = client.receive()
            code = "too-large" if len(text) > 65536 else "bad-request"
            equal((kind, json.loads(payload[1:])["error"]["code"]), (local.RESPONSE, code))
        # As many recipients as a frame holds are no crime.
        client.submit(local.submission_envelope(ANN, [FAY] * 15_000, report=()), b"content")
        equal(len(stage.far.next(60).recipients), 15_000)
        # Nor is one who is named as often, but he gets one entry.
        client.submit(local.submission_envelope(ANN, [BEN] * 20_000, report=()), b"content")
        tap.wait_until(lambda: client.entries(BEN), what="the entry")
        equal(len(client.entries(BEN)), 1)
        unharmed.served("requests")


# ---- should one of its processes fall all the same


def sockets(pid):
    """Inodes of the sockets that a process has open."""
    found = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):        # closed in the meantime
            link = re.fullmatch(r"socket:\[(\d+)\]", os.readlink(f"/proc/{pid}/fd/{name}"))
            found |= {int(link.group(1))} if link else set()
    return found


def connected_sockets():
    """Inodes of the machine's connected Unix sockets."""
    with open("/proc/net/unix") as file:
        return {int(fields[6]) for fields in map(str.split, file.readlines()[1:]) if fields[5] == "03"}


# The doors of the store process, the net process, the reader and the process of the clients.
DOORS = 4


def family(parent):
    """The parent's children and the inodes of their channels and doors, once these are as many."""
    children = [pid for pid in processes(parent) if pid != parent]
    channels = sockets(parent) & connected_sockets()
    return (children, channels) if children and len(channels) == len(children) + DOORS else None


@case("no process holds the parent's end of another one's channel")
def _():
    with folder() as path, Stage(path) as stage:
        parent = stage.mta.process.pid
        # The last of them may be starting still.
        children, channels = tap.wait_until(lambda: family(parent), what="one channel for each process")
        for pid in children:
            equal(sockets(pid) & channels, set(), f"process {pid}")


def extended(kind, fields, copies):
    """A message of NEAR to so many copies for fay, or a report for ann, with so many extension fields that nobody knows.
    Their APDUs are short."""
    unknown = [x411.extension(60)] * fields
    if kind == "message":
        return text_message(f"fields-{fields}", [x411.recipient(FAY, i + 1) for i in range(copies)], extensions=unknown)
    place = "extensions" if kind == "report" else "envelope_extensions"
    return x411.report(NEAR, f"fields-{fields}", ANN, (NEAR, "nobody-knows-it"),
                       [x411.reported(FAY, i + 1, delivered=x411.now()) for i in range(copies)], **{place: unknown})


@case("60,000 extension fields, which each recipient's copy would look through, keep nobody waiting: who has them is refused")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, LARGE) as unharmed:
        for kind in ("message", "report", "report's envelope"):
            begun = time.monotonic()
            check(refused(stage, x228.transfer_value("normal", extended(kind, 60_000, 3000))), f"the {kind} was taken")
            unharmed.served(kind.replace("'s ", "-"))
            tap.note(f"the {kind} and another's message took {time.monotonic() - begun:.1f} s")
        unharmed.logged("peer=NEAR", "refused for good", "too many extension fields")
        with stage.mta.client() as client:
            content = ipm.ipm("many", ANN, [FAY], "many", ipm.text("many"))
            try:
                client.submit(local.submission_envelope(ANN, [BEN] * 3000, extensions=[x411.extension(60)] * 60_000), content)
            except local.Failed as failed:
                check("too many extension fields" in str(failed), failed)
            else:
                raise AssertionError("the submission was taken")
            equal(client.entries(BEN), [])
            unharmed.served("submission")
            name = client.submit(local.submission_envelope(ANN, [BEN], extensions=[x411.extension(60)] * 256), content)
            entry, = tap.wait_until(lambda: client.entries(BEN), what="a submission with as many as there may be")
            check(name in entry["mts-identifier"], entry)
            equal(client.content(BEN, entry["entry"]), content)
        most = extended("message", 256, 3)
        check(not refused(stage, x228.transfer_value("normal", most)), "as many as there may be are refused")
        got = stage.far.next()
        equal((got.identifier[1], got.content, len(got.recipients)), ("fields-256", x411.Received(most).content, 3))


tap.main()
