#!/usr/bin/python3
"""The clock of a running daemon is set, a month ahead and two days back: nothing expires, nothing that is kept is
dropped, no peer waits, and all go on being served."""
import calendar
import contextlib
import os
import socket
import struct
import time

from players import ANN, FAY, Neighbour, Stage, folder, processes, text_message
from peer import tap, x228, x411
from scenario.chasqui import BUILD

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
DAY = 86400
LIBRARY = os.path.join(BUILD, "tests", "fault", "libclock_ahead.so")


class Clock:
    """The daemon's, beside the machine's (tests/fault/clock_ahead.c)."""

    def __init__(self, path):
        self.path = os.path.join(path, "clock")
        self.jumps = 0
        self.write(0)

    def write(self, seconds):
        self.seconds = seconds
        with open(self.path, "r+b" if os.path.exists(self.path) else "wb") as file:
            file.write(struct.pack("=q", seconds * 1_000_000))

    def environment(self):
        return {"LD_PRELOAD": os.path.abspath(LIBRARY), "CHASQUI_CLOCK": self.path,
                "ASAN_OPTIONS": "detect_leaks=0:verify_asan_link_order=0"}

    def set(self, stage, seconds):
        """So far ahead from now on; waits until the daemon has seen it, and has looked at what it keeps, which it does
        in the first second of each minute."""
        self.jumps += 1
        now = stage.mta.mhs_clock()
        self.write(seconds + (58 - (now - self.seconds + seconds)) % 60)
        wait_until(lambda: stage.mta.log().count("the clock jumped") == self.jumps, what="the daemon's look at the clock")
        wait_until(lambda: 2 <= stage.mta.mhs_clock() % 60 < 40, what="a minute's first seconds")


class Nobody:
    """Where nobody listens yet; the port is kept."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]

    def close(self):
        self.socket.close()


def seconds_of(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


@contextlib.contextmanager
def clocked(path, **settings):
    clock = Clock(path)
    with Stage(path, far=Nobody(), environment=clock.environment(), **settings) as stage:
        stage.mta.mhs_clock = lambda: seconds_of(stage.mta.request("status")["now"])
        pids = set(processes(stage.mta.process.pid))
        yield stage, clock
        check(pids <= set(processes(stage.mta.process.pid)), "a process ended:\n" + stage.mta.log_tail(15))


def served(stage, label):
    before = len(stage.mta.request("mailbox-list", mailbox=ANN)["entries"])
    stage.hand_over(text_message(label, [ANN]))
    wait_until(lambda: len(stage.mta.request("mailbox-list", mailbox=ANN)["entries"]) == before + 1, what="a delivery")


def back(stage):
    """FAR is there from now on."""
    stage.far.close()
    stage.far = Neighbour(port=stage.far.port)


def expiry(stage):
    [copy] = stage.mta.request("queue-list")["entries"]
    return seconds_of(copy["expires"]) - stage.mta.mhs_clock()


@case("a clock that is set ahead expires no copy, and one that is set back puts off none")
def _():
    with folder() as path, clocked(path) as (stage, clock):
        apdu = text_message("waits", [FAY])
        stage.hand_over(apdu)
        left = expiry(stage)
        check(left > 3600, left)
        for seconds in (30 * DAY, -2 * DAY):
            clock.set(stage, seconds)
            check(abs(expiry(stage) - left) < 60, f"{expiry(stage)} instead of {left} seconds are left")
            served(stage, f"served-{seconds}")
            stage.hand_over(apdu)
            wait_until(lambda: stage.mta.request("status")["counters"]["repeats"] > 0, what="the repeat that was known")
            equal(len(stage.mta.request("queue-list")["entries"]), 1)
            check(stage.mta.request("track", recent=10)["messages"], "the record was dropped")
        back(stage)
        equal(stage.far.next(30).identifier[1], "waits")
        check(stage.far.nothing(), "it came twice")


@case("a transfer that broke is resumed on either side of a jump")
def _():
    with folder() as path, clocked(path) as (stage, clock):
        back(stage)
        for seconds in (30 * DAY, -2 * DAY):
            apdu = text_message(f"broken{seconds}", [FAY], "r" * 20_000)
            value = x228.transfer_value("normal", apdu)
            broken = stage.call(checkpoint=1)
            broken.start_activity()
            broken.send_segments(value, stop_after=7)
            while broken.acknowledged < broken.sent_serial:
                broken.await_acknowledgement()
            broken.cut()
            clock.set(stage, seconds)
            with stage.call(checkpoint=1, recover=broken.identifier) as peer:
                peer.resume_activity(broken.activity_identifier, 7, *broken.identifier)
                peer.send_segments(value[7 * 1024:])
                peer.end_activity()
                peer.release()
            equal(stage.far.next().content, x411.Received(apdu).content)


if __name__ == "__main__":
    tap.main()
