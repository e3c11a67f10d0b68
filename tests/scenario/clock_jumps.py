#!/usr/bin/python3
"""The clock of a running daemon is set, a month ahead and two days back: nothing expires, nothing that is kept is
dropped, no peer waits, and all go on being served. So they are in 2051, whose years two digits must still tell."""
import calendar
import contextlib
import os
import socket
import struct
import time

from players import ANN, BEN, FAY, Neighbour, Stage, folder, processes, text_message
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
        root, pids = stage.mta.process.pid, set(processes(stage.mta.process.pid))
        yield stage, clock
        check(root != stage.mta.process.pid or pids <= set(processes(stage.mta.process.pid)), "a process ended:\n" + stage.mta.log_tail(15))


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


def deferred_to(stage, *times, **options):
    """(status, what is said) of `mhs send` for each time."""
    told = []
    for time_ in times:
        done = stage.mta.mhs("send", "--from", BEN, "--to", ANN, "--text", "later", "--deferred", time_, check=False, **options)
        told.append((done.returncode, done.stderr))
    return told


def until_deferred(stage):
    return sorted(e["due"] for e in stage.mta.request("queue-list")["entries"] if e["state"] == "deferred")


@case("in 2051 mail goes on and is deferred within 40 years; what two digits can't say is refused, and the log is quiet")
def _():
    year, this = 365 * DAY + DAY // 4, time.gmtime().tm_year
    with folder() as path, clocked(path) as (stage, clock):
        [soon] = deferred_to(stage, "+2h")
        equal(soon[0], 0, soon)
        clock.set(stage, (2051 - this) * year)
        lines = len(stage.mta.log().splitlines())
        taken, *refused = deferred_to(stage, "2060-01-01T00:00:00Z", "2080-01-01T00:00:00Z", "2150-01-01T00:00:00Z")
        equal(taken[0], 0, taken)                           # said by a mhs that has today's clock, whose reach is less
        ahead, *beyond = deferred_to(stage, "2085-01-01T00:00:00Z", "2095-01-01T00:00:00Z", "2150-01-01T00:00:00Z",
                                     environment=clock.environment())
        equal(ahead[0], 0, ahead)
        for status, told in refused + beyond:
            check(status == 2 and "40 years ahead" in told, (status, told))
        pids = set(processes(stage.mta.process.pid))
        for again in (False, True):
            if again:                                       # a daemon that starts then, with such copies in its queue
                check(pids <= set(processes(stage.mta.process.pid)), "a process ended:\n" + stage.mta.log_tail(15))
                stage.mta.stop()
                stage.mta.start()
            wait_until(lambda: until_deferred(stage)[-2:] == ["2060-01-01T00:00:00Z", "2085-01-01T00:00:00Z"],
                       what="the deferred copies")
            served(stage, f"wire-{again}")
            before = len(stage.mta.request("mailbox-list", mailbox=BEN)["entries"])
            stage.mta.mhs("send", "--from", ANN, "--to", BEN, "--text", "now")
            wait_until(lambda: len(stage.mta.request("mailbox-list", mailbox=BEN)["entries"]) == before + 1, what="a delivery")
        time.sleep(3)                                       # a loop that spins writes thousands of lines
        new = stage.mta.log().splitlines()[lines:]
        check(len(new) < 80 and not any("no memory" in line for line in new), "\n".join(new[-20:]))


if __name__ == "__main__":
    tap.main()
