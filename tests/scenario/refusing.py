#!/usr/bin/python3
"""A neighbour that refuses temporarily, as one with a full disk does: it is left alone until it takes in again."""
import calendar
import threading
import time

from players import ANN, FAY, Neighbour, Stage, folder, text_message
from peer import tap, x411
from peer.association import ENDED, Association, Excepted
from peer.transport import Transport
from scenario import inside

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
COPIES = 60
LOCAL_ERROR, TEMPORARY_PROBLEM = b"\5", 3


class Refused(Exception):
    pass


IN_WORDS = "the peer can't take mail now (temporary): exception reason 5, local SS-user error"


class FullNeighbour(Neighbour):
    """Refuses each transfer at its end while `full`, by an exception report or, with `aborts`, by an abort."""

    def __init__(self, aborts=False):
        self.full, self.aborts, self.refusals = True, aborts, 0
        self.lock = threading.Lock()
        super().__init__()

    def _refuse(self, _apdu):
        if self.full:
            with self.lock:
                self.refusals += 1
            raise Refused

    def _associate(self, sock):
        peer = Association(Transport(sock, timeout=300), mta=self.mta, password=self.password, checkpoint=64)
        try:
            peer.accept()
            while self._receive(peer):
                pass
        except ENDED as error:
            self.arrived.put((None, error))
        sock.close()

    def _receive(self, peer):
        """True while the association goes on."""
        try:
            apdu = peer.receive(before_confirm=self._refuse)
        except Refused:
            if self.aborts:
                peer.abort(TEMPORARY_PROBLEM)
                return False
            peer.report_exception(LOCAL_ERROR)
            return True
        if apdu is not None:
            self.arrived.put((peer.mode, apdu))
        return apdu is not None


def refused_and_taken(far):
    with folder() as path, Stage(path, far=far) as stage:
        with stage.call() as peer:
            for number in range(COPIES):
                peer.transfer(text_message(f"full-{number}", [FAY]))
            peer.release()
        wait_until(lambda: far.refusals >= 4, what="the first refusals")
        begun, before = time.monotonic(), far.refusals
        stage.hand_over(text_message("other", [ANN]))
        wait_until(lambda: stage.mta.request("mailbox-list", mailbox=ANN)["entries"], what="a delivery meanwhile")
        time.sleep(4)               # the rate over some seconds is what is tested
        # Each copy by itself would come back every one or two seconds: 100 and more. A probe comes each second at most.
        refused, seconds = far.refusals - before, time.monotonic() - begun
        check(refused <= seconds + 4, f"{refused} refusals in {seconds:.0f} s")
        [status] = stage.mta.request("peer-status", peer="FAR")["peers"]
        check(status["tries"] > 0 and status["last-error"], f"{status}")
        if not far.aborts:
            check(IN_WORDS in stage.mta.log(), "the log does not say why")
        far.full = False
        arrived = [far.next(60).identifier[1] for _ in range(COPIES)]
        equal(sorted(arrived), sorted(f"full-{number}" for number in range(COPIES)))
        wait_until(lambda: stage.mta.request("status")["copies"] == 0, what="an empty queue")
        log = stage.mta.log()
        check("peer=FAR takes in again" in log, "no line says that FAR takes in again")
        lines = sum("refuse" in line for line in log.splitlines())
        check(lines <= far.refusals + 2, f"{lines} lines for {far.refusals} refusals")


@case("after three refusals in a row one copy asks now and then, others are unharmed, at last all arrive")
def _():
    refused_and_taken(FullNeighbour())


@case("the same when the neighbour aborts for a temporary problem")
def _():
    refused_and_taken(FullNeighbour(aborts=True))


def refused(peer, apdu):
    """True when the transfer was refused; the association goes on."""
    try:
        peer.transfer(apdu)
        return False
    except Excepted:
        peer.discard()
        return True


@case("a copy that was refused once waits for its peer, and the list says what is wrong with that")
def _():
    with folder() as path, Stage(path, far=FullNeighbour(), schedule={"normal": {"first-retry": 1, "longest-retry": 1}}) as stage:
        stage.hand_over(text_message("once", [FAY]))
        wait_until(lambda: stage.far.refusals)
        wait_until(lambda: IN_WORDS in (stage.mta.request("queue-list")["entries"][0]["last-error"] or ""), what="its own cause")
        stage.far.aborts = True
        stage.far.close()

        def same():
            [peer], [copy] = stage.mta.request("peer-status", peer="FAR")["peers"], stage.mta.request("queue-list")["entries"]
            return copy["next-try"] and "refused" in peer["last-error"] and all(copy[key] == peer[key] for key in ("next-try", "last-error"))
        wait_until(same, 60, what="the peer's cause beside the peer's time")


@case("each priority is tried again by its own schedule")
def _():
    lanes = {"urgent": 600, "normal": 6000, "non-urgent": 60000}
    schedule = {lane: {"expiry": 86400 * 9, "first-retry": first, "longest-retry": 10 * first} for lane, first in lanes.items()}
    with folder() as path, Stage(path, far=FullNeighbour(), schedule=schedule) as stage:
        begun = time.time()
        with stage.call() as peer:
            for priority, lane in ((x411.URGENT, "urgent"), (x411.NORMAL, "normal"), (x411.NON_URGENT, "non-urgent")):
                peer.transfer(text_message(lane, [FAY], priority=priority))
            peer.release()
        waiting = wait_until(lambda: (lambda e: e if len(e) == 3 else None)(
            stage.mta.request("queue-list", state="backing-off")["entries"]), 60)
        waited = time.time() - begun
        for copy in waiting:
            due = calendar.timegm(time.strptime(copy["due"], "%Y-%m-%dT%H:%M:%SZ")) - begun
            check(lanes[copy["priority"]] - 2 <= due <= lanes[copy["priority"]] + waited + 2, (copy, begun, waited))
        equal({copy["tries"] for copy in waiting}, {1})


@case("a neighbour that does not leave us alone while our disk is full fills no log")
def _():
    with folder() as path, Stage(path) as stage, stage.call() as peer:
        for number in range(30):
            peer.transfer(text_message(f"before-{number}", [ANN]))
        full = inside.Refusing(stage.mta)
        full.begin()
        refusals = sum(refused(peer, text_message(f"now-{number}", [ANN])) for number in range(100))
        check(refusals > 90, f"{refusals} refusals")
        lines = [line for line in stage.mta.log().splitlines() if "refused" in line]
        check(0 < len(lines) < 30, f"{len(lines)} lines for {refusals} refusals")
        full.end()
        wait_until(lambda: not refused(peer, text_message("after", [ANN])), what="a transfer that is taken")


tap.main()
