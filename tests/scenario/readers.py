#!/usr/bin/python3
"""Reader processes: what only reads the store waits for no commit, and a reader that dies harms nobody."""
import contextlib
import glob
import os
import signal
import threading

from players import ANN, BEN, HOME, folder  # it also makes the packages beside it importable
from peer import ipm, local, tap
from scenario import proc
from scenario.chasqui import Mhsd

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
CONTENT_ID = "to be read"
LONG = bytes(range(256)) * 2000     # in a segment file, and more than one piece


def daemon(path, **settings):
    return Mhsd(path, domain=HOME, node="alpha", user={ANN: {}, BEN: {}}, **settings)


def children(mta):
    """{name: [pid]} of the daemon's processes: the store process holds the lock, a reader the database only."""
    found = {"store": [], "reader": [], "net": []}
    for pid in proc.children(mta.process.pid):
        files = set()
        for link in glob.glob(f"/proc/{pid}/fd/*"):
            with contextlib.suppress(OSError):      # it was closed, or the process ended
                files.add(os.path.basename(os.readlink(link)))
        if files:
            found["store" if "lock" in files else "reader" if "queue.db" in files else "net"].append(pid)
    return found


def deliver(mta, content):
    """Sends a message from Ann to Ben; the number of Ben's entry and the message's identifier."""
    with mta.client() as client:
        before = len(client.entries(BEN))
        name = client.submit(local.submission_envelope(ANN, [BEN], content_identifier=CONTENT_ID), ipm.ipm("reader", ANN, [BEN], "reader", ipm.file_part("octets", content)))
        entry = wait_until(lambda: (lambda e: e[-1] if len(e) > before else None)(client.entries(BEN)))
        found = client.request("track", mts_identifier=name)["messages"][0]["mts-identifier"]
        return entry["entry"], found


def stopped(pid):
    """Until the process has come to its stop."""
    def is_stopped():
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] == "T"
    os.kill(pid, signal.SIGSTOP)
    wait_until(is_stopped)


@case("mailboxes, contents and histories are read while the store process stands still")
def _():
    with folder() as path, daemon(path) as mta:
        entry, identifier = deliver(mta, LONG)
        store, = children(mta)["store"]
        with mta.client() as waiting:
            stopped(store)
            try:
                waiting.ref += 1
                waiting.send(local.REQUEST, b'{"operation": "status"}')
                with local.Client(mta.socket_path, timeout=tap.PATIENCE) as client:
                    equal([e["entry"] for e in client.entries(BEN)], [entry])
                    check(client.envelope(BEN, entry))
                    check(LONG in client.content(BEN, entry))
                    history = client.request("track", mts_identifier=identifier)["messages"][0]
                    check("delivered" in [e["event"] for e in history["events"]])
                    for asked in ({"message": history["message"]}, {"recent": 5}, {"content_identifier": CONTENT_ID},
                                  {"mts_identifier": identifier[1:-1]},
                                  {"mts_identifier": identifier[1:-1].rpartition(";")[2]}):
                        equal(client.request("track", **asked)["messages"], [history], asked)
                    equal(sorted(m["entries"] for m in client.request("mailboxes")["mailboxes"]), [0, 1])
                waiting.sock.settimeout(0.3)
                try:
                    waiting.receive()
                    check(False, "the store process answered while it stood still")
                except TimeoutError:
                    pass
            finally:
                os.kill(store, signal.SIGCONT)
            waiting.sock.settimeout(tap.PATIENCE)
            equal(waiting.receive()[0], local.RESPONSE)


@case("what was committed before the request is seen by it")
def _():
    with folder() as path, daemon(path, reader_processes=3) as mta:
        entry, _identifier = deliver(mta, b"short")
        with mta.client() as writer:
            for turn in range(60):
                seen = turn % 2 == 0
                writer.request("mailbox-mark", mailbox=BEN, entry=entry, seen=seen)
                with mta.client() as client:    # each client has another reader
                    equal(client.entries(BEN)[0]["seen"], seen, f"in turn {turn}")
            for turn in range(6):
                name = f"{HOME}/S=new{turn}"
                writer.request("user-add", address=name)
                with mta.client() as client:
                    equal(client.entries(name), [])
                writer.request("user-remove", address=name)
                with mta.client() as client:
                    try:
                        client.entries(name)
                        check(False, "a user who was removed still has a mailbox")
                    except local.Failed as failed:
                        equal(failed.code, "not-found")


@case("a reader that dies costs its requests an answer to try again, and is there anew")
def _():
    with folder() as path, daemon(path) as mta:
        entry, _identifier = deliver(mta, LONG)
        reader, = children(mta)["reader"]
        store, = children(mta)["store"]
        with mta.client() as client:
            stopped(reader)
            threading.Timer(0.5, os.kill, (reader, signal.SIGKILL)).start()
            for ask in (lambda: client.entries(BEN), lambda: client.content(BEN, entry)):
                try:
                    ask()
                    check(False, "a dead reader answered")
                except local.Failed as failed:
                    equal(failed.code, "unavailable")
                    check("try again" in str(failed), str(failed))
            client.request("status")            # others are unharmed

            def again():
                try:
                    return LONG in client.content(BEN, entry)
                except local.Failed:
                    return False
            wait_until(again)
        equal(children(mta)["store"], [store], "the store process")
        check(children(mta)["reader"] not in ([], [reader]))


@case("a reader is sandboxed, and has the database open for reading only")
def _():
    with folder() as path, daemon(path) as mta:
        deliver(mta, b"short")
        reader, = children(mta)["reader"]
        with open(f"/proc/{reader}/status") as file:
            status = dict(line.split(":", 1) for line in file if ":" in line)
        equal(status["NoNewPrivs"].strip(), "1")
        equal(status["Seccomp"].strip(), "2")
        flags = []
        for link in glob.glob(f"/proc/{reader}/fd/*"):
            if os.path.basename(os.readlink(link)) == "queue.db":
                with open(link.replace("/fd/", "/fdinfo/")) as file:
                    flags.append(int(next(line for line in file if line.startswith("flags:")).split()[1], 8))
        check(flags and all(flag & os.O_ACCMODE == os.O_RDONLY for flag in flags), str(flags))


@case("without reader processes the store process answers")
def _():
    with folder() as path, daemon(path, reader_processes=0) as mta:
        entry, _identifier = deliver(mta, LONG)
        equal(children(mta)["reader"], [])
        with mta.client() as client:
            check(LONG in client.content(BEN, entry))


tap.main()
