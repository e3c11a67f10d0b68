#!/usr/bin/python3
"""The daemon under a service manager: what systemd's notification socket and journal are told."""
import os
import re
import signal
import socket
import sqlite3
import struct
import time

from players import all_started, children, folder  # it also makes the packages beside it importable
from peer import tap
from scenario.chasqui import Mhsd, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
IPC_CONFIG = 128


def manager(address):
    """The socket of a service manager."""
    heard = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    heard.bind(address)
    heard.settimeout(60)
    return heard


def log_lines(mta):
    with open(mta.log_path) as file:
        return file.read().splitlines()


@case("a service manager hears when the daemon serves and when it stops")
def _():
    with folder() as path:
        for name, address in ("path", path + "/notify"), ("abstract", f"\0chasqui-test-{os.getpid()}"):
            with manager(address) as heard:
                mta = Mhsd(f"{path}/{name}", environment={"NOTIFY_SOCKET": address.replace("\0", "@")})
                mta.start(wait=False)
                try:
                    equal(heard.recv(100), b"READY=1")
                    equal(mta.request("status")["state"], "serving")  # from the first moment on
                    mta.process.send_signal(signal.SIGTERM)
                    equal(heard.recv(100), b"STOPPING=1\nEXTEND_TIMEOUT_USEC=20000000")
                    equal(mta.process.wait(60), 0)
                finally:
                    mta.kill()


@case("whoever starts it may have closed its standard input, output and error")
def _():
    with folder() as path:
        for number, closed in enumerate(("<&-", "<&- >&-", "<&- >&- 2>&-")):
            mta = Mhsd(f"{path}/{number}")
            mta.before = ["sh", "-c", f'exec "$@" {closed}', "sh"]
            with mta:
                equal(mta.request("status")["state"], "serving")
                mta.request("mailboxes")                        # a reader answers it


@case("a stop in good order warns of nothing")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta")
        mta.start()
        try:
            equal(mta.request("status")["state"], "serving")
            mta.request("mailboxes")                            # a reader answers it
            mta.process.send_signal(signal.SIGTERM)
            equal(mta.process.wait(60), 0)
            lines = log_lines(mta)
            stop = next(i for i, line in enumerate(lines) if "stopping (signal" in line)
            # The play's own look at the port, which binds as nobody, may be told of late.
            equal([line for line in lines[stop:] if re.search(r" (warning|error): ", line) and "peer=? " not in line], [])
        finally:
            mta.kill()


@case("a process that hangs is not waited for as long as transfers are")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta", timers={"stop": 600})
        mta.start()
        try:
            mta.request("mailboxes")                            # a reader answers it
            os.kill(children(mta)["reader"][0], signal.SIGSTOP)
            mta.process.send_signal(signal.SIGTERM)
            wait_until(lambda: "clients" not in children(mta), what="the end of the process of the clients")
            asked = mta.mhs("status", check=False)               # the parent answers in its place
            check("the daemon is stopping" in asked.stderr, (asked.returncode, asked.stderr))
            equal(mta.process.wait(60), 1)
            check("not all processes stopped in time; they are ended now" in mta.log(), mta.log_tail())
        finally:
            mta.kill()


def ended(lines):
    return [line for line in lines if "store[" in line and "the channel to process" in line]


@case("a process that ends is told of, unless the order to stop follows in the same moment")
def _():
    with folder() as path, Mhsd(path + "/mta") as mta:
        all_started(mta)
        work, = children(mta)["work"]
        os.kill(work, signal.SIGKILL)
        wait_until(lambda: ended(log_lines(mta)), what="a line about the channel")
        work, = wait_until(lambda: children(mta).get("work"), what="a work process")
        wait_until(lambda: mta.request("status")["work-processes"], what="its channel")
        before = log_lines(mta)
        mta.process.send_signal(signal.SIGSTOP)
        os.kill(work, signal.SIGKILL)
        time.sleep(0.05)                                        # the store process sees that before the order
        mta.process.send_signal(signal.SIGTERM)
        mta.process.send_signal(signal.SIGCONT)
        equal(mta.process.wait(60), 0)
        equal(ended(log_lines(mta)[len(before):]), [])


@case("a daemon that can't serve ends without having said that it is ready")
def _():
    with folder() as path, manager(path + "/notify") as heard:
        mta = Mhsd(path + "/mta", environment={"NOTIFY_SOCKET": path + "/notify"})
        os.makedirs(path + "/mta/store")
        with sqlite3.connect(path + "/mta/store/queue.db") as database:
            database.execute("CREATE TABLE another_programs (id INTEGER)")
        mta.start(wait=False)
        equal(mta.process.wait(60), 1)
        heard.settimeout(0)
        try:
            check(False, f"it said {heard.recv(100)}")
        except BlockingIOError:
            pass


@case("a daemon without the character sets that it needs says so once and ends")
def _():
    with folder() as path:
        os.makedirs(path + "/sets")
        with open(path + "/sets/gconv-modules", "w") as file:
            for names in "ISO-8859-2// INTERNAL", "INTERNAL ISO-8859-2//":
                file.write(f"module {names} {path}/sets/missing 1\n")
        mta = Mhsd(path + "/mta", environment={"GCONV_PATH": path + "/sets"})
        mta.start(wait=False)
        try:
            equal(mta.process.wait(60), 1)
        finally:
            mta.kill()
        equal(sum("lacks character sets" in line and "gconv" in line for line in log_lines(mta)), 1, mta.log())
        check("the store process can't serve" in mta.log(), mta.log())


@case("a process that can't read its part of the configuration says so, and that another start is in vain")
def _():
    for kind in "store", "reader", "net", "clients", "work":
        for slice, wanted, says in ((b"no-such-option = 1\n", 77, "can't read its part of the configuration"),
                                    (None, 1, "did not tell the configuration")):
            ours, theirs = socket.socketpair()
            read_end, write_end = os.pipe()
            with ours, theirs, open(read_end) as log:
                pid = os.posix_spawn(program("mhsd"), ["mhsd", kind, "0"], os.environ, file_actions=[
                    (os.POSIX_SPAWN_DUP2, write_end, 2), (os.POSIX_SPAWN_DUP2, theirs.fileno(), 3)])
                os.close(write_end)
                theirs.close()
                if slice:
                    ours.sendall(struct.pack(">IHHQ", len(slice), IPC_CONFIG, 0, 0) + slice)
                ours.shutdown(socket.SHUT_WR)
                said = log.read()
                equal(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), wanted, said)
                check(says in said and "Sanitizer" not in said, said)


@case("a service manager that does not listen stops nobody")
def _():
    with folder() as path:
        for address in path + "/nobody", "@", "relative", "/" + "x" * 200:
            with Mhsd(path + "/mta", environment={"NOTIFY_SOCKET": address}) as mta:
                equal(mta.request("status")["state"], "serving")
        check(any("the service manager was not told" in line for line in log_lines(mta)))


@case("systemd's journal gets severities instead of times")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta")
        open(mta.log_path, "w").close()
        log = os.stat(mta.log_path)
        mta.environment = {"JOURNAL_STREAM": f"{log.st_dev}:{log.st_ino}"}
        with mta:       # the parent hears of its processes after their clients
            tap.wait_until(lambda: any("serving at" in line for line in log_lines(mta)), what="a served address")
        lines = log_lines(mta)
        check(any(re.fullmatch(r"<5>mhsd\[\d+\] notice: serving at 1 address; .*", line) for line in lines), lines)
        check(all(re.match(r"<[3-7]>\w+\[\d+\] ", line) for line in lines), lines)


@case("a log that goes elsewhere keeps its times, though the variable is inherited")
def _():
    with folder() as path:
        with Mhsd(path + "/mta", environment={"JOURNAL_STREAM": "1:2"}) as mta:
            tap.wait_until(lambda: any(re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ mhsd\[\d+\] notice: serving", line)
                                       for line in log_lines(mta)))


@case("a log whose reader stands still stops no process, and what was lost is told of when it reads again")
def _():
    with folder() as path:
        reads, writes = os.pipe()
        mta = Mhsd(path + "/mta", peer={"THERE": peer_section(9, "THERE")})
        mta.log_path, mta.log = f"/proc/self/fd/{writes}", str  # nobody looks into it meanwhile
        mta.start()
        try:
            os.close(writes)
            for number in range(250):
                mta.request("peer-disable", peer="THERE", reason=f"{number} " + "x" * 200)
                mta.request("peer-enable", peer="THERE", reason="again")
            equal(mta.request("status")["state"], "serving")
            mta.request("mailboxes")
            os.set_blocking(reads, False)
            log = b""

            def told():
                nonlocal log
                try:
                    log += os.read(reads, 1 << 20)
                except BlockingIOError:
                    mta.request("peer-disable", peer="THERE", reason="once more")
                    mta.request("peer-enable", peer="THERE", reason="again")
                return re.search(rb"store\[\d+\] warning: the log took nothing for a while: \d+ lines of this process are lost\n", log)
            wait_until(told, what="a line about the lost ones")
            equal(mta.stop(), 0)
        finally:
            if mta.process.poll() is None:
                mta.kill()
            os.close(reads)

tap.main()
