#!/usr/bin/python3
"""Resume of a broken transfer, on both sides: a scripted RTSE that shares no code with the daemon plays the other end."""
import socket

from players import FAY, Stage, folder, text_message
from peer import ber, session, tap, x228, x411
from peer.association import Aborted, Association, BindRefused, Excepted
from peer.transport import Transport

case, check, equal = tap.case, tap.check, tap.equal
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


def resume(stage, broken, apdu, serial):
    """Opens an association that recovers the broken one and goes on from the serial number."""
    peer = stage.call(mode=broken.mode, checkpoint=1, recover=broken.identifier)
    peer.resume_activity(broken.activity_identifier, serial, *broken.identifier)
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
        resume(stage, broken, apdu, 4).release()
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
        again = stage.call(checkpoint=1, recover=peer.identifier)
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

    def accept(self, seconds=20, **options):
        self.listener.settimeout(seconds)
        sock, _ = self.listener.accept()
        peer = Association(Transport(sock), mta=self.mta, password=self.password, checkpoint=1)
        return peer.accept(**options)

    def close(self):
        self.listener.close()


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


def far_receives_after(break_segments, restart=False):
    with folder() as path:
        far = Breaking()
        with Stage(path, far=far) as stage:
            apdu = text_message("out-1", [FAY], "o" * 30_000)
            stage.hand_over(apdu)
            first = far.accept()
            seen = receive_until(first, break_segments)
            if restart:
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
            value = seen["octets"][:seen["offsets"][serial]] + rest_of_activity(second)
            equal(x411.Received(x228.apdu("normal", value)).content, x411.Received(apdu).content)


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
            got = None
            while got is None:
                try:
                    got = peer.receive()
                except (Aborted, Excepted):
                    got = None
                if got is None:
                    peer = far.accept()
            equal(x411.Received(got).content, x411.Received(apdu).content)


tap.main()
