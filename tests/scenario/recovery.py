#!/usr/bin/python3
"""Resume of a broken transfer, on both sides: a scripted RTSE that shares no code with the daemon plays the other end."""
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import threading
import time

from players import FAR, FAY, JOE, NEAR, Neighbour, Stage, folder, text_message
from fault.proxy import CuttingProxy
from peer import ber, ipm, session, tap, x228, x411
from peer.association import Aborted, Association, BindRefused, Excepted
from peer.transport import Closed, Transport
from scenario import inside
from scenario.chasqui import Mhsd, peer_section

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
MODES = ("normal", "x410")


def begin(stage, apdu, segments, mode="normal"):
    """Transfers the first segments, awaits their acknowledgements, then breaks the connection."""
    peer = stage.call(mode=mode, checkpoint=1)
    equal(peer.checkpoint, 1)
    peer.start_activity()
    peer.send_segments(x228.transfer_value(mode, apdu), stop_after=segments)
    while peer.acknowledged < peer.sent_serial:
        peer.await_acknowledgement()
    peer.cut()
    return peer


def resume(stage, broken, apdu, serial, **options):
    """Opens an association that recovers the broken one and goes on from the serial number."""
    peer = stage.call(mode=broken.mode, checkpoint=1, recover=broken.identifier)
    peer.resume_activity(broken.activity_identifier, serial, *broken.identifier, **options)
    peer.send_segments(x228.transfer_value(broken.mode, apdu)[serial * 1024:])
    peer.end_activity()
    return peer


@case("a broken transfer in goes on from its last confirmed checkpoint")
def _():
    with folder() as path, Stage(path) as stage:
        for mode in MODES:
            apdu = text_message(f"resume-{mode}", [FAY], "r" * 20_000)
            broken = begin(stage, apdu, 7, mode)
            resume(stage, broken, apdu, 7).release()
            got = stage.far.next()
            equal(got.identifier[1], f"resume-{mode}")
            equal(got.content, x411.Received(apdu).content)


@case("the sender may go back to an earlier confirmed checkpoint")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("resume-back", [FAY], "b" * 20_000)
        broken = begin(stage, apdu, 9)
        # The reference may stand as the called SS-user's, too.
        resume(stage, broken, apdu, 4, code=session.PI_CALLED_REFERENCE).release()
        equal(stage.far.next().content, x411.Received(apdu).content)


@case("it goes on after the daemon was killed and started again")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("resume-restart", [FAY], "k" * 20_000)
        broken = begin(stage, apdu, 5)
        stage.mta.kill()
        stage.mta.start()
        resume(stage, broken, apdu, 5).release()
        equal(stage.far.next().content, x411.Received(apdu).content)


def cut_again(stage, broken, value, serial, segments):
    """Resumes at the serial number, and breaks the connection again so many confirmed segments later."""
    peer = stage.call(mode=broken.mode, checkpoint=broken.checkpoint, recover=broken.identifier)
    peer.resume_activity(broken.activity_identifier, serial, *broken.identifier)
    peer.send_segments(value[serial * 1024 * peer.checkpoint:], stop_after=segments)
    while peer.acknowledged < peer.sent_serial:
        peer.await_acknowledgement()
    peer.cut()
    equal(peer.acknowledged, serial + segments)


def activities(stage):
    return inside.value(stage.mta.store, "SELECT count(*) FROM activity_in")


@case("an envelope of 30,000 recipients goes on from its last checkpoint, and so does the content behind it")
def _():
    recipients, kib = 30_000, 16
    with folder() as path, Stage(path) as stage:
        for mode in MODES:
            text = os.urandom(200_000).hex()
            content = ipm.ipm(f"crowd-{mode}", JOE, [FAY], "A crowd", ipm.text(text))
            apdu = x411.message(NEAR, f"crowd-{mode}", JOE, [FAY] * recipients, content)
            value = x228.transfer_value(mode, apdu)
            envelope = len(apdu) - len(content)
            check(envelope > 1_000_000, envelope)
            broken = stage.call(mode=mode, checkpoint=kib)
            broken.start_activity()
            broken.send_segments(value, stop_after=12)
            while broken.acknowledged < broken.sent_serial:
                broken.await_acknowledgement()
            broken.cut()
            # The names stay those of the association and the activity under which the transfer began.
            stage.mta.kill()
            stage.mta.start()
            cut_again(stage, broken, value, 12, 8)      # within the envelope again
            cut_again(stage, broken, value, 18, 4)      # two back, and on
            behind = envelope // (kib * 1024) + 4 - 22
            cut_again(stage, broken, value, 22, behind)         # within the content
            stage.mta.kill()
            stage.mta.start()
            last = 22 + behind
            check(envelope < last * kib * 1024 < len(value), "the last cut is not within the content")
            again = stage.call(mode=mode, checkpoint=kib, recover=broken.identifier)
            again.resume_activity(broken.activity_identifier, last, *broken.identifier)
            again.send_segments(value[last * kib * 1024:])
            again.end_activity()
            again.release()
            got = stage.far.next(120)
            equal(got.identifier[1], f"crowd-{mode}")
            equal(len(got.recipients), recipients)
            equal(got.content, x411.Received(apdu).content)
            equal(activities(stage), 0)


@case("a transfer that is refused for now, and discarded by its sender, leaves nothing in the store")
def _():
    with folder() as path, Stage(path, limits={"content-octets": 200_000}) as stage:
        with stage.call(checkpoint=16) as peer:
            for _ in range(4):
                peer.start_activity()
                try:
                    peer.send_segments(x228.transfer_value("normal", text_message("too-long", [FAY], "l" * 400_000)))
                    peer.end_activity()
                    raise AssertionError("it was taken")
                except Excepted:
                    peer.discard()
            peer.release()
        wait_until(lambda: not activities(stage), what="an empty store")


@case("an interrupted activity is resumed on the same association")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("interrupt-1", [FAY], "i" * 9_000)
        value = x228.transfer_value("normal", apdu)
        with stage.call(checkpoint=1) as peer:
            peer.start_activity()
            peer.send_segments(value, stop_after=3)
            while peer.acknowledged < peer.sent_serial:
                peer.await_acknowledgement()
            peer.interrupt()
            peer.resume_activity(peer.activity_identifier, 3)
            peer.send_segments(value[3 * 1024:])
            peer.end_activity()
            peer.release()
        equal(stage.far.next().content, x411.Received(apdu).content)


@case("a discarded activity leaves nothing, the next one is taken")
def _():
    with folder() as path, Stage(path) as stage:
        with stage.call(checkpoint=1) as peer:
            peer.start_activity()
            peer.send_segments(x228.transfer_value("normal", text_message("discard-1", [FAY], "d" * 5000)), stop_after=2)
            while peer.acknowledged < peer.sent_serial:
                peer.await_acknowledgement()
            peer.discard()
            peer.transfer(text_message("discard-2", [FAY]))
            peer.release()
        equal(stage.far.next().identifier[1], "discard-2")
        check(stage.far.nothing(0.5))


@case("the recovery of an unknown association is refused")
def _():
    with folder() as path, Stage(path) as stage:
        for mode in MODES:
            unknown = (ber.octets(b"nobody") if mode == "normal" else ber.teletex("nobody"), ber.utctime(x411.now()))
            try:
                stage.call(mode=mode, recover=unknown).close()
            except BindRefused as refused:
                if mode != "normal":
                    equal(refused.reason, x228.CANNOT_RECOVER)
            else:
                raise AssertionError(f"{mode}: accepted")


@case("the resume of an unknown activity ends in unrecognizedActivity")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("unknown-1", [FAY], "u" * 9_000)
        broken = begin(stage, apdu, 2)
        peer = stage.call(checkpoint=1, recover=broken.identifier)
        peer.resume_activity(ber.integer(77), 2, *broken.identifier)
        try:
            peer.send_data(b"x")
            peer.expect(session.MIA)
        except Aborted as aborted:
            equal(aborted.rtab, x228.UNRECOGNIZED_ACTIVITY)
        else:
            raise AssertionError("no abort")


@case("the resume of a completed activity is confirmed again, and delivered once")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("completed-1", [FAY], "c" * 9_000)
        value = x228.transfer_value("normal", apdu)
        peer = stage.call(checkpoint=1)
        peer.start_activity()
        peer.send_segments(value)
        peer.send_end()
        stage.far.next()
        peer.cut()
        again = stage.call(checkpoint=1)        # nothing is unfinished there that could be recovered without a bind
        serial = peer.acknowledged
        again.resume_activity(peer.activity_identifier, serial, *peer.identifier)
        again.send_segments(value[serial * 1024:])
        again.end_activity()
        again.release()
        check(stage.far.nothing(), "delivered twice")


class Breaking:
    """A neighbour whose associations follow a script: each is a function of the accepted Association."""

    def __init__(self, mta="FAR", password="far's secret"):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.mta, self.password = mta, password

    def accept(self, seconds=tap.PATIENCE, **options):
        self.listener.settimeout(seconds)
        sock, _ = self.listener.accept()
        peer = Association(Transport(sock), mta=self.mta, password=self.password, checkpoint=1)
        return peer.accept(**options)

    def close(self):
        self.listener.close()


def receive_at_last(far, peer):
    """The APDU that comes on this association, or on the first later one that brings it whole."""
    while True:
        with contextlib.suppress(Aborted, Excepted):
            if (got := peer.receive()) is not None:
                return got
        peer = far.accept()


class Stop(Exception):
    pass


def receive_until(peer, segments):
    """Receives and acknowledges that many segments, then breaks the connection. The octets, activity, serial."""
    seen = {"octets": b"", "serial": 0, "offsets": {0: 0}}

    def hook(spdu, _length):
        if spdu.si == session.AS:
            seen["activity"] = spdu.parameters[session.PI_ACTIVITY]
        elif spdu.si == session.DT and spdu.first:
            seen["octets"] += x228.data_octets(peer.mode, spdu.data)
        elif spdu.si == session.MIP:
            seen["serial"] = spdu.serial
            seen["offsets"][spdu.serial] = len(seen["octets"])
            peer.please(session.spdu(session.MIA, session.parameter(
                session.PI_SERIAL, spdu.parameters[session.PI_SERIAL])))
            if spdu.serial == segments:
                raise Stop
    try:
        peer.receive(acknowledge=False, hook=hook)
    except Stop:
        peer.transport.sock.settimeout(0.5)
        peer.cut()
    return seen


def confirmed(stage, serial):
    """The daemon has noted on disk that the neighbour confirmed the checkpoint, or one just before it: those after it were
    on their way when the connection broke."""
    noted = inside.value(stage.mta.store, "SELECT max(serial) FROM activity_out")
    return noted is not None and 1 <= noted <= serial


def far_receives_after(break_segments, restart=False, recipients=1):
    with folder() as path:
        far = Breaking()
        with Stage(path, far=far) as stage:
            apdu = text_message("out-1", [FAY] * recipients, "o" * 30_000)
            stage.hand_over(apdu)
            first = far.accept()
            seen = receive_until(first, break_segments)
            if restart:
                wait_until(lambda: confirmed(stage, seen["serial"]), what="the confirmed checkpoint on disk")
                stage.mta.kill()
                stage.mta.start()
            second = far.accept()
            equal(second.recovered, first.identifier, "the association to be recovered")
            spdu = second.expect(session.AR)
            resumed = spdu.parameters[session.PGI_LINKING]
            linking = session.read_parameters(resumed)
            serial = int(linking[session.PI_SERIAL])
            equal(linking[session.PI_ACTIVITY], seen["activity"], "old activity identifier")
            check(1 <= serial <= seen["serial"], f"resumed at {serial}, {seen['serial']} confirmed")
            got = x411.Received(x228.apdu("normal", seen["octets"][:seen["offsets"][serial]] + rest_of_activity(second)))
            equal(got.content, x411.Received(apdu).content)
            equal(len(got.recipients), recipients)


def rest_of_activity(peer):
    value = b""
    while True:
        spdu = peer.receive_spdu()
        if spdu.si == session.DT:
            value += x228.data_octets(peer.mode, spdu.data)
        elif spdu.si == session.MIP:
            peer.please(session.spdu(session.MIA, session.parameter(
                session.PI_SERIAL, spdu.parameters[session.PI_SERIAL])))
        elif spdu.si == session.AE:
            peer.confirm(spdu)
            return value


@case("a broken transfer out is recovered from the last checkpoint that the neighbour confirmed")
def _():
    far_receives_after(8)


@case("also after our daemon was killed and started again")
def _():
    far_receives_after(12, restart=True)


@case("also within an envelope of 30,000 recipients")
def _():
    far_receives_after(300, restart=True, recipients=30_000)


@case("a neighbour that can't recover gets the message afresh, once")
def _():
    with folder() as path:
        far = Breaking()
        with Stage(path, far=far) as stage:
            apdu = text_message("out-2", [FAY], "o" * 30_000)
            stage.hand_over(apdu)
            receive_until(far.accept(), 5)
            check(far.accept(recover=False).recovered, "recovery was tried")
            got = None
            while got is None:
                peer = far.accept(recover=False)
                if not peer.recovered:
                    got = afresh(peer)
            equal(x411.Received(got).content, x411.Received(apdu).content)


def afresh(peer):
    """The APDU of an activity that starts; a resume is answered as unknown, and None."""
    spdu = peer.receive_spdu()
    if spdu.si == session.AR:
        peer.abort(x228.UNRECOGNIZED_ACTIVITY)
        peer.close()
        return None
    value = rest_of_activity(peer)
    return x228.apdu(peer.mode, value)


@case("a neighbour that does no recovery and answers a resume by an exception report gets the message afresh")
def _():
    with folder() as path:
        far = Breaking()
        with Stage(path, far=far) as stage:
            apdu = text_message("out-4", [FAY], "x" * 30_000)
            stage.hand_over(apdu)
            receive_until(far.accept(), 5)
            peer = far.accept()
            check(peer.recovered, "recovery was tried")
            peer.expect(session.AR)
            peer.report_exception(b"\x06")       # unrecoverable procedural error: ISODE's answer
            spdu = peer.receive_spdu()
            while spdu.si in (session.DT, session.MIP):
                spdu = peer.receive_spdu()
            equal(spdu.si, session.AD, repr(spdu))
            peer.please(session.spdu(session.ADA))
            got = receive_at_last(far, peer)
            equal(x411.Received(got).content, x411.Received(apdu).content)
            check(x411.Received(got).identifier[1] == "out-4")


@case("an exception report makes the sender end the activity, and try again")
def _():
    with folder() as path:
        far = Breaking()
        with Stage(path, far=far) as stage:
            apdu = text_message("out-3", [FAY], "e" * 30_000)
            stage.hand_over(apdu)
            peer = far.accept()
            peer.expect(session.AS)
            peer.expect(session.DT)
            peer.report_exception(b"\x05")
            spdu = peer.receive_spdu()
            while spdu.si in (session.DT, session.MIP):
                spdu = peer.receive_spdu()
            check(spdu.si in (session.AI, session.AD), repr(spdu))
            peer.please(session.spdu(spdu.si + 1))
            got = receive_at_last(far, peer)
            equal(x411.Received(got).content, x411.Received(apdu).content)


# --- half-open associations, in one net process or another

@case("a half-open association is fenced when it is recovered, in whichever net process it is")
def _():
    with folder() as path, Stage(path, net_processes=3) as stage:
        for i in range(12):
            apdu = text_message(f"fence-{i}", [FAY], "f" * 9_000)
            value = x228.transfer_value("normal", apdu)
            half_open = stage.call(checkpoint=1)
            half_open.start_activity()
            half_open.send_segments(value, stop_after=4)
            while half_open.acknowledged < half_open.sent_serial:
                half_open.await_acknowledgement()
            recovering = resume(stage, half_open, apdu, 4)
            recovering.release()
            equal(stage.far.next().identifier[1], f"fence-{i}")
            # What the old association still says does not count any more.
            try:
                half_open.send_segments(value[4 * 1024:])
                half_open.end_activity()
            except (Aborted, Excepted, Closed, OSError):
                pass
            else:
                raise AssertionError("the fenced association's transfer was confirmed")
            half_open.close()
        check(stage.far.nothing(1), "delivered twice")


@case("a stranger who guesses an association's name ends nothing")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("guess-1", [FAY], "g" * 9_000)
        value = x228.transfer_value("normal", apdu)
        peer = stage.call(checkpoint=1)
        peer.start_activity()
        peer.send_segments(value, stop_after=2)
        while peer.acknowledged < peer.sent_serial:
            peer.await_acknowledgement()
        stranger = Association(Transport(connect_from("127.0.0.5", stage.mta.port)), mta="NEAR")
        stranger.transport.connect()
        stranger.send_connect(x228.open_request(1, 3, x228.recover(*peer.identifier), "normal"))
        try:
            stranger.read_accept()
        except BindRefused:
            pass
        else:
            raise AssertionError("the stranger recovers another's association")
        peer.send_segments(value[2 * 1024:])
        peer.end_activity()
        peer.release()
        equal(stage.far.next().identifier[1], "guess-1")


def connect_from(host, port):
    sock = socket.socket()
    sock.settimeout(tap.PATIENCE)
    sock.bind((host, 0))
    sock.connect(("127.0.0.1", port))
    return sock


# --- what a checkpoint costs

@case("checkpoints of many associations share commits")
def _():
    peers, segments = 8, 200
    with folder() as path, Stage(path) as stage:
        done = []

        def send(i):
            apdu = text_message(f"share-{i}", [FAY], "s" * (segments * 1024 - 400))
            with stage.call(checkpoint=1) as peer:
                peer.transfer(apdu)
                done.append(peer.sent_serial)
                peer.release()
        before = inside.commits(stage.mta.store)
        threads = [threading.Thread(target=send, args=(i,)) for i in range(peers)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(len(done), peers)
        checkpoints = sum(done)
        check(checkpoints >= peers * segments, checkpoints)
        used = (inside.commits(stage.mta.store) - before) % 2 ** 32
        check(0 < used < checkpoints / 2, f"{used} commits for {checkpoints} checkpoints")
        for _ in range(peers):
            stage.far.next()


# --- both ends are ours

class TwoDaemons:
    """ALPHA, which gets a message from NEAR, and another Chasqui as FAR, with a wire between them that breaks."""

    def __init__(self, path, cuts, wire=CuttingProxy, **settings):
        self.beta_port = socket.create_server(("127.0.0.1", 0))
        port = self.beta_port.getsockname()[1]
        self.beta_port.close()
        self.proxy = wire(port, cuts)
        far = Neighbour.__new__(Neighbour)
        far.port, far.close = self.proxy.port, self.proxy.close
        options = settings.pop("peer_options", {})
        self.stage = Stage(path, far=far, peer_options=options, **settings)
        self.beta = Mhsd(os.path.join(path, "beta"), "FAR", FAR, port=port, user={FAY: {}}, peer={
            "ALPHA": peer_section(self.stage.mta.port, "DAEMON", "our secret", our="FAR",
                                  our_password="far's secret", domain="/C=GB/A=GOLD/P=ALPHA")},
            route={NEAR: {"next-hop": {"ALPHA": {}}}}, **settings)

    def __enter__(self):
        self.beta.start()
        self.stage.__enter__()
        return self

    def __exit__(self, *what):
        try:
            self.stage.__exit__(*what)
        finally:
            self.beta.__exit__(*what)

    def kill_both(self):
        self.stage.mta.kill()
        self.beta.kill()

    def start_both(self):
        self.beta.start()
        self.stage.mta.start()

    def delivered(self):
        return self.beta.request("mailbox-list", mailbox=FAY)["entries"]


def cut_and_restart(octets, cut, restart, seconds=120):
    """Sends a message of so many octets, breaks the wire after `cut` of them, kills both daemons if told so. The octets
    that went over the wire afterwards."""
    with folder() as path, TwoDaemons(path, [("in", cut)]) as two:
        apdu = text_message("both-1", [FAY], os.urandom(octets // 2).hex())
        two.stage.hand_over(apdu)
        wait_until(lambda: two.proxy.broken, seconds)
        if restart:
            two.kill_both()
            two.start_both()
        found = wait_until(two.delivered, seconds)
        equal(len(found), 1)
        with two.beta.client() as client:
            content = client.content(FAY, found[0]["entry"])
        equal(hashlib.sha256(content).hexdigest(), hashlib.sha256(x411.Received(apdu).content).hexdigest())
        wait_until(lambda: two.stage.mta.request("status")["copies"] == 0, what="an empty queue: nothing is sent again")
        equal(len(two.delivered()), 1)
        return sum(two.proxy.passed[1:])


@case("between two daemons a transfer goes on where the wire broke")
def _():
    again = cut_and_restart(12_000_000, 9_000_000, False)
    check(3_000_000 <= again < 4_000_000, f"{again} octets went over the wire after the cut")


@case("also when both were killed and started again")
def _():
    again = cut_and_restart(12_000_000, 9_000_000, True)
    check(3_000_000 <= again < 4_000_000, f"{again} octets went over the wire after the cut")


@case("and however often it breaks: each connection brings it on")
def _():
    with folder() as path, TwoDaemons(path, [("in", 1_500_000)] * 3) as two:
        two.stage.hand_over(text_message("both-1", [FAY], os.urandom(3_000_000).hex()))
        equal(len(wait_until(two.delivered, 120)), 1)
        check(sum(two.proxy.passed) < 8_000_000, f"{two.proxy.passed} octets went over the wire")


# --- a stop in the middle

class StillWire:
    """A proxy that passes so many octets from its callers, and then nothing until `go` is set."""

    def __init__(self, target, octets):
        self.target, self.left = target, octets
        self.still, self.go = threading.Event(), threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self.listener.accept()
                try:
                    called = socket.create_connection(("127.0.0.1", self.target), timeout=5)
                except OSError:
                    caller.close()
                    continue
                called.settimeout(None)
                for source, sink, counts in (caller, called, True), (called, caller, False):
                    threading.Thread(target=self._pass, args=(source, sink, counts), daemon=True).start()

    def _pass(self, source, sink, counts):
        with contextlib.suppress(OSError):
            while octets := source.recv(min(65536, self.left) if counts and not self.go.is_set() else 65536):
                sink.sendall(octets)
                if counts and not self.go.is_set():
                    self.left -= len(octets)
                    if not self.left:
                        self.still.set()
                        self.go.wait()
        for sock in source, sink:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.go.set()
        self.listener.close()


def stopped_amid(path, octets, passed, which, meanwhile=lambda two: None, **settings):
    """Stops one of two daemons amid a transfer between them, and starts it again: the message arrives whole and once. What
    the stop said in the log, and the history at ALPHA."""
    with TwoDaemons(path, passed, wire=StillWire, **settings) as two:
        mta = two.stage.mta if which == "sender" else two.beta
        apdu = text_message("amid-1", [FAY], os.urandom(octets // 2).hex())
        two.stage.hand_over(apdu)
        check(two.proxy.still.wait(60), "the wire did not get so far")
        mta.process.send_signal(signal.SIGTERM)
        meanwhile(two)
        equal(mta.process.wait(mta.patience), 0)    # a second signal would cut at once
        said = mta.log()
        two.proxy.go.set()
        mta.start()
        found = wait_until(two.delivered, 120)
        wait_until(lambda: two.stage.mta.request("status")["copies"] == 0, what="an empty queue: nothing is sent again")
        equal(len(two.delivered()), 1)
        with two.beta.client() as client:
            equal(client.content(FAY, found[0]["entry"]), x411.Received(apdu).content)
        return said[said.index("stopping (signal"):], two.stage.mta.mhs("--wide", "track", "amid-1").stdout, two


def copies_in_doubt(log):
    return re.findall(r"waits? in the queue, in doubt: (\d+)", log)


@case("a stop amid a long transfer out waits as long as it is told, says what it cuts, and the next start goes on from there")
def _():
    with folder() as path:
        said, history, two = stopped_amid(path, 6_000_000, 3_000_000, "sender", timers={"stop": 1})
        cut, = re.findall(r" notice: peer=FAR address=\S+ (the stop cuts .*)", said)
        sent, of, on = map(int, re.fullmatch(r"the stop cuts a transfer to it: (\d+) of (\d+) octets were sent; it is resumed "
                                             r"from octet (\d+) on", cut).groups())
        check(2_000_000 < on < 3_000_000 <= sent < of and of > 6_000_000, cut)
        check(f"the daemon was stopped: {sent} of {of} octets were sent" in history, history)
        # Not all of it was sent, so that it can't have arrived.
        equal(copies_in_doubt(two.stage.mta.log()), ["0"])
        check("in-doubt" not in history, history)
        check(f"resumes a transfer at octet {on - 4}\n" in two.beta.log(), two.beta.log_tail())


@case("and so does a stop amid a transfer in")
def _():
    with folder() as path:
        said, _history, two = stopped_amid(path, 6_000_000, 3_000_000, "receiver", timers={"stop": 1})
        come, = re.findall(r" notice: peer=ALPHA address=\S+ the stop cuts a transfer from it: (\d+) octets had come; the peer can "
                           r"resume it from its last checkpoint", said)
        check(2_000_000 < int(come) <= 3_000_000, said)
        check("resumes a transfer at octet" in two.beta.log(), two.beta.log_tail())


@case("what had no checkpoint yet begins anew, and the stop says that")
def _():
    with folder() as path:
        said, history, two = stopped_amid(f"{path}/out", 6_000_000, 20_000, "sender", timers={"stop": 0})
        check("octets were sent, and nothing was confirmed: it begins anew" in said and "in-doubt" not in history, said)
        said, _history, two = stopped_amid(f"{path}/in", 6_000_000, 20_000, "receiver", timers={"stop": 0})
        check(re.search(r"the stop cuts a transfer from it: \d{1,5} octets had come; the peer sends it anew", said), said)


@case("stops at any moment, at either end, lose nothing and double nothing")
def _():
    with folder() as path, TwoDaemons(path, 1 << 40, wire=StillWire, timers={"stop": 0}, peer_options={"FAR": {"associations-out": 3}}) as two:
        names = [f"stopped-{number}" for number in range(16)]
        two.stage.mta.mhs("peer", "disable", "FAR", "--reason", "until all are there")
        with two.stage.call() as peer:
            for number, name in enumerate(names):
                peer.transfer(text_message(name, [FAY], os.urandom(number % 4 * 400_000 + 500).hex(), subject=name))
            peer.release()
        two.stage.mta.mhs("peer", "enable", "FAR", "--reason", "go")
        for turn in range(8):
            time.sleep(0.15 * (turn % 4) + 0.05)
            mta = two.beta if turn % 2 else two.stage.mta
            equal(mta.stop(), 0)
            mta.start()
        wait_until(lambda: two.stage.mta.request("status")["copies"] == 0, 120, "an empty queue")
        listed = json.loads(two.beta.mhs("--json", "list", "--user", FAY).stdout)["entries"]
        equal(sorted(entry["subject"] for entry in listed), sorted(names))
        cuts = (two.stage.mta.log() + two.beta.log()).count("the stop cuts a transfer")
        check(cuts, "no stop came amid a transfer")
        tap.note(f"{cuts} transfers were cut")


@case("who does not want to wait so long says it again")
def _():
    with folder() as path:
        def again(two):
            wait_until(lambda: "transfers under way end first" in two.stage.mta.log())
            check("cuts" not in two.stage.mta.log())
            asked = two.stage.mta.mhs("--json", "status")
            status = json.loads(asked.stdout)
            equal((asked.returncode, status["state"]), (0, "stopping"))
            check(re.fullmatch(r"transfers under way end first \(in: 0, out: 1\), for (599|5[0-9]{2}|600) s more at most; a second "
                               r"SIGTERM to mhsd ends them now", status["cause"]), status["cause"])
            check("FAR" in two.stage.mta.mhs("--wide", "queue", "list").stdout)
            for command in ("track", "amid-1"), ("ping", "FAR"), ("reload",):
                asked = two.stage.mta.mhs(*command, check=False)
                check(asked.returncode != 0 and "is stopping" in asked.stderr, (command, asked.stderr))
            two.stage.mta.process.send_signal(signal.SIGTERM)
            two.stage.mta.process.wait(60)
        said, _history, two = stopped_amid(path, 1_000_000, 500_000, "sender", again, timers={"stop": 600})
        check("the stop cuts a transfer to it" in said, said)


@case("a peer that is disabled amid a transfer to it gets no more of it, and the rest when it is enabled")
def _():
    with folder() as path, TwoDaemons(path, 3_000_000, wire=StillWire) as two:
        mta = two.stage.mta
        apdu = text_message("disabled-amid", [FAY], os.urandom(3_000_000).hex())
        two.stage.hand_over(apdu)
        check(two.proxy.still.wait(60), "the wire did not get so far")
        mta.mhs("peer", "disable", "FAR", "--reason", "too much")
        wait_until(lambda: mta.request("peer-status", peer="FAR")["peers"][0]["associations-out"] == 0, 20, "the end of the association")
        copy, = mta.request("queue-list")["entries"]
        equal((copy["state"], copy["in-doubt"]), ("peer-disabled", False))
        two.proxy.go.set()
        time.sleep(1)
        equal(two.delivered(), [])
        mta.mhs("peer", "enable", "FAR", "--reason", "go on")
        found = wait_until(two.delivered, 120)
        with two.beta.client() as client:
            equal(client.content(FAY, found[0]["entry"]), x411.Received(apdu).content)
        check("resumes a transfer at octet" in two.beta.log(), two.beta.log_tail())


@case("what ends in time is not cut")
def _():
    with folder() as path:
        for which, after in ("sender", 6), ("receiver", 0):
            def go_on(two):
                time.sleep(after)       # longer than it is waited for by default
                two.proxy.go.set()
            said, _history, two = stopped_amid(f"{path}/{which}", 1_000_000, 500_000, which, go_on, timers={"stop": 60})
            check("cuts" not in said and "refused" not in said and re.search(r"notice: stopped$", said.strip()), said)
            equal([len(re.findall("association (?:opened|accepted)", two.beta.log()))], [1])


tap.main()
