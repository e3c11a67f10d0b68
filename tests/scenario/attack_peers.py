#!/usr/bin/python3
"""Answers that a real MTA of 1992 gives and others do not: to a resume, a discard, a wrong selector, a context that it
does not speak. The daemon gets on with each of them, says what it met, and serves others meanwhile."""
import contextlib
import socket
import threading
import time

from players import FAY, Called, Unharmed, folder, hostile_stage, text_message
from peer import local, session, tap, x228, x411
from peer.association import ENDED, Association
from peer.transport import Closed, Transport

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until

OLD = "/C=DE/A=OLD"
OLD_USER = f"{OLD}/S=otto"
CONTEXTS = {"normal": "mts-transfer", "x410": "mts-transfer-protocol", "1984": "mts-transfer-protocol-1984"}

# As they were on the wire of PP 6.0, from the SPDU on.
ABORT_X410 = bytes.fromhex("190a110103c1053103800100")
ABORT_NORMAL = bytes.fromhex("0300004902f0801940110103c13ba039a01b300702010106025101300702010306025101300702010506025101611a3018"
                             "020101a0136411800100be0c280a020103a0053603800100")[7:]
EXCEPTION = session.PLEASE + bytes.fromhex("3003320106")
NO_SERVICE = bytes.fromhex("068000014df380") + b"PP Service nosuch not found"
RTAB_OF_X410 = bytes.fromhex("3103800104")
RTAB_USER_ERROR = bytes.fromhex("b603800106")


class Old(Called):
    """A neighbour whose answers the play gives: `answer(peer, number)` is called for each association, with its number."""

    def __init__(self, answer):
        self.answer, self.arrived = answer, []
        super().__init__()

    @property
    def calls(self):
        return len(self.sockets)

    def _associate(self, sock):
        number = self.sockets.index(sock) + 1
        peer = Association(Transport(sock, timeout=60), mta="OLD", password="old's secret", checkpoint=1)
        try:
            self.answer(self, peer, number)
            with contextlib.suppress(OSError):
                while sock.recv(65536):
                    pass
        except Closed:
            pass
        sock.close()

    def take(self, peer):
        """Takes all that comes on this association."""
        while (apdu := peer.receive()) is not None:
            self.arrived.append(apdu)


@contextlib.contextmanager
def old_stage(path, answer, mode="normal", **options):
    """The usual stage, and OLD besides."""
    old = Old(answer)
    section = {"address": ["Internet=127.0.0.1+{port}"], "mta-name": "OLD", "password": "old's secret", "our-password": "s",
               "domain": OLD, "application-contexts": [CONTEXTS[mode]], "checkpoint-size": 1, "first-retry": 1,
               "longest-retry": 2}
    section.update(options)
    section["address"] = [address.format(port=old.port) for address in section["address"]]
    with hostile_stage(path, timers={"release": 1, "transfer": 5},
                       more_peers={"OLD": section}, more_routes={OLD: {"next-hop": {"OLD": {"rank": 1}}}}) as stage:
        with Unharmed(stage) as unharmed, contextlib.closing(old):
            yield stage, old, unharmed


def hand_over(stage, local, text="o" * 20_000):
    stage.hand_over(text_message(local, [OLD_USER], text))


def break_after(peer, segments):
    """Acknowledges so many checkpoints of the transfer that comes, then breaks the connection."""
    serial = 0
    while serial < segments:
        spdu = peer.receive_spdu()
        if spdu.si == session.MIP:
            serial = spdu.serial
            peer.please(session.spdu(session.MIA, session.parameter(session.PI_SERIAL, spdu.parameters[session.PI_SERIAL])))
    peer.transport.sock.shutdown(socket.SHUT_WR)        # not a reset: the acknowledgements are read before it
    with contextlib.suppress(*ENDED):
        while peer.receive_spdu():
            pass


def cannot_resume(what):
    """The first association breaks in mid-transfer; whatever is resumed gets `what`; the rest is taken."""
    def answer(old, peer, number):
        peer.accept(recover=False)
        if peer.recovered:
            return
        if number == 1:
            break_after(peer, 3)
            return
        first = peer.receive_spdu()
        if first.si == session.AR:
            old.resumes = getattr(old, "resumes", 0) + 1
            what(peer)
            return
        old.began = getattr(old, "began", 0) + (first.si == session.AS)
        with contextlib.suppress(Closed):
            old.take_rest(peer, first)
    return answer


def take_rest(old, peer, first):
    """As take(), of an association whose first SPDU was read."""
    pending = [first]
    receive = peer.receive_spdu
    peer.receive_spdu = lambda: pending.pop() if pending else receive()
    old.take(peer)


Old.take_rest = take_rest


def send_spdu(octets):
    return lambda peer: peer.transport.send(octets)


def discarded_on_the_same_association(peer):
    """An exception report; the discard is answered, and the transfer comes anew on this association."""
    peer.transport.send(EXCEPTION)
    while peer.receive_spdu().si != session.AD:
        pass
    peer.please(session.spdu(session.ADA))
    while (apdu := peer.receive()) is not None:
        peer.taken.append(apdu)


@case("a peer that aborts a resume gets the transfer from its beginning, once")
def _():
    for mode, octets in (("x410", ABORT_X410), ("1984", ABORT_X410), ("normal", ABORT_NORMAL)):
        more = {"content-1984-only": False} if mode == "1984" else {}       # it takes the play's P22
        with folder() as path, old_stage(path, cannot_resume(send_spdu(octets)), mode, **more) as (stage, old, unharmed):
            hand_over(stage, f"resume-{mode}")
            unharmed.served(mode)
            wait_until(lambda: old.arrived, what=f"{mode}: the transfer from its beginning")
            equal(len(old.arrived), 1)
            equal(old.resumes, 1)
            unharmed.logged("peer=OLD", "can't be resumed there", "localSystemProblem")
            wait_until(lambda: stage.mta.request("status")["copies"] == 0, what="an empty queue")


@case("so does one that reports an exception, and never answers our discard")
def _():
    with folder() as path, old_stage(path, cannot_resume(send_spdu(EXCEPTION))) as (stage, old, unharmed):
        hand_over(stage, "silent-discard")
        unharmed.served("silence")
        wait_until(lambda: old.arrived, what="the transfer from its beginning")
        equal((len(old.arrived), old.resumes), (1, 1))
        unharmed.logged("peer=OLD", "the discard or interrupt of the activity was not answered in time")


@case("when it answers the discard, the transfer begins anew on the same association")
def _():
    taken = []

    def what(peer):
        peer.taken = taken
        discarded_on_the_same_association(peer)
    with folder() as path, old_stage(path, cannot_resume(what)) as (stage, old, _):
        hand_over(stage, "same-association")
        wait_until(lambda: taken, what="the transfer from its beginning")
        equal((len(taken), old.arrived), (1, []))


@case("a copy whose transfer is always aborted is held with its cause, others pass, and the log stays short")
def _():
    def answer(old, peer, _number):
        peer.accept()
        value = bytearray()
        while (spdu := peer.receive_spdu()).si != session.FN:
            if spdu.si == session.AS:
                value.clear()
            elif spdu.si == session.DT and spdu.first:
                value += x228.data_octets(peer.mode, spdu.data)
            elif spdu.si == session.MIP:
                peer.please(session.spdu(session.MIA, session.parameter(session.PI_SERIAL, spdu.parameters[session.PI_SERIAL])))
            elif spdu.si == session.AE:
                apdu = x228.apdu(peer.mode, bytes(value))
                if b"poison" in apdu:
                    peer.transport.send(ABORT_NORMAL)
                    return
                old.arrived.append(apdu)
                peer.confirm(spdu)
        peer.answer_release()
    with folder() as path, old_stage(path, answer) as (stage, old, unharmed):
        stage.hand_over(text_message("poison", [OLD_USER]))
        wait_until(lambda: stage.mta.request("queue-list")["entries"][0]["tries"], what="the first abort")
        hand_over(stage, "good")
        unharmed.served("poison")
        [held] = wait_until(lambda: stage.mta.request("queue-list", state="held")["entries"], 120, "a held copy")
        equal((held["tries"], held["in-doubt"]), (5, True))
        check("RTAB" in held["last-error"], held)
        equal(len(old.arrived), 1)
        lines = [line for line in stage.mta.log().splitlines() if "OLD" in line]
        check(len(lines) <= 4 * held["tries"], "\n".join(lines))
        try:
            stage.mta.request("queue-redirect", id=held["id"], reason="a play", address=FAY)
        except local.Failed as refused:
            check("--may-arrive-twice" in str(refused), refused)
        else:
            raise AssertionError("a copy in doubt was redirected without a word")
        done = stage.mta.request("queue-redirect", **{"id": held["id"], "reason": "a play", "address": FAY,
                                                      "may-arrive-twice": True})
        equal(done["changed"], 1)
        # What takes the place of a held copy is held too.
        stage.mta.request("queue-release", id=done["redirected"][0]["now"][0], reason="a play")
        equal(stage.far.next(60).identifier[1], "poison")


@case("an unknown T-selector is named, with what the peer says of it")
def _():
    def answer(_old, peer, _number):
        peer.transport.read_tpdu()
        peer.transport.send_raw(b"\x03\x00" + (4 + len(NO_SERVICE)).to_bytes(2, "big") + NO_SERVICE)
    with folder() as path, old_stage(path, answer, address=['"nosuch"/Internet=127.0.0.1+{port}']) as (stage, _old, unharmed):
        found = stage.mta.request("ping", peer="OLD")
        check(not found["ok"], found)
        equal((found["layer"], found["parameter"]), ("transport", "called T-selector"))
        for word in ("nosuch not found", "T-selector was nosuch"):
            check(word in found["cause"], found)
        unharmed.served("selector")


@case("a peer that speaks X.410 mode only says so in its own way, and is understood")
def _():
    def answer(_old, peer, _number):
        peer.transport.accept()
        peer.receive_spdu()
        peer.transport.send(session.spdu(session.RF, session.parameter(session.PI_TRANSPORT_DISCONNECT, b"\1"),
                                         session.parameter(session.PI_REASON, b"\2" + RTAB_OF_X410)))
    with folder() as path, old_stage(path, answer) as (stage, _old, unharmed):
        found = stage.mta.request("ping", peer="OLD")
        check(not found["ok"] and "X.410 mode" in found["cause"] and "application-contexts" in found["cause"], found)
        equal(found["parameter"], "application context")
        unharmed.served("mode")


@case("an abort by the user is read in each form of RTAB")
def _():
    for octets, name in ((RTAB_USER_ERROR, "userError"), (bytes.fromhex("3603800100"), "localSystemProblem"),
                         (RTAB_OF_X410, "protocolError")):
        def answer(_old, peer, _number, octets=octets):
            peer.accept()
            if octets == RTAB_OF_X410:
                body = octets
            else:
                body = ABORT_NORMAL[7:].replace(bytes.fromhex("3603800100"), octets)
            peer.transport.send(session.spdu(session.AB, session.parameter(session.PI_TRANSPORT_DISCONNECT, b"\3"),
                                             session.parameter(session.PGI_USER_DATA, body)))
        with folder() as path, old_stage(path, answer) as (stage, _old, unharmed):
            hand_over(stage, name)
            unharmed.logged("peer=OLD", name)
            unharmed.served(name)


@case("an urgent message passes one that takes long, on an association of its own")
def _():
    passed = threading.Event()

    def answer(old, peer, number):
        peer.accept()
        if number == 1:
            check(passed.wait(60), "the urgent message waits")      # and acknowledges nothing meanwhile
        old.take(peer)
    with folder() as path, old_stage(path, answer) as (stage, old, unharmed):
        hand_over(stage, "long")
        wait_until(lambda: [w["state"] for w in stage.mta.request("queue-list")["entries"]] == ["sending"], what="the long transfer")
        stage.hand_over(text_message("urgent", [OLD_USER], priority=x411.URGENT))
        wait_until(lambda: old.arrived, what="the urgent message")
        equal((x411.Received(old.arrived[0]).identifier[1], old.calls), ("urgent", 2))
        passed.set()
        unharmed.served("urgent")
        wait_until(lambda: len(old.arrived) == 2, what="the long transfer's end")


@case("after an idle time longer than the timers an association is used as before")
def _():
    with folder() as path, old_stage(path, lambda old, peer, _n: (peer.accept(), old.take(peer)), idle=120) as (stage, old, _):
        hand_over(stage, "idle-1", "short")
        wait_until(lambda: len(old.arrived) == 1, what="the first message")
        time.sleep(6.5)                             # longer than the transfer timer: this is what is tested
        hand_over(stage, "idle-2", "short")
        wait_until(lambda: len(old.arrived) == 2, what="the second message")
        hand_over(stage, "idle-3", "short")
        wait_until(lambda: len(old.arrived) == 3, what="the third message")
        equal(old.calls, 1)
        ended = [line for line in stage.mta.log().splitlines() if "peer=OLD" in line and "association ended" in line]
        check(not ended, "\n".join(ended))


tap.main()
