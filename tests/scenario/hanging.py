#!/usr/bin/python3
"""A PostgreSQL server that hangs: the daemon goes on answering, says why it takes nothing, and loses and doubles nothing."""
import contextlib
import json
import os
import selectors
import signal
import socket
import threading
import time

# It also makes the packages beside it importable.
from players import ANN, BEN, MB, SANITIZER, Stage, folder, named, status_octets, text_message
from peer import tap, x228
from peer.association import ENDED
from scenario import postgres

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
if not postgres.binaries():
    print(f"1..0 # SKIP {postgres.MISSING}")
    raise SystemExit(0)


class Proxy:
    """Passes what comes between a port and a server's Unix socket, until it swallows all, also of who calls then; with `at`, a
    role and words, from that on when a session of that role first says them."""

    def __init__(self, path, at=None):
        self.path, self.swallows, self.ended = path, threading.Event(), threading.Event()
        self.at, self.of_role = at, set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.listener, selectors.EVENT_READ)
            while not self.ended.is_set():
                for key, _ in waiting.select(0.05):
                    if self.swallows.is_set():
                        self.ended.wait(0.05)   # it stays where it is, as in a network that is gone
                    elif key.fileobj is self.listener:
                        self._join(waiting)
                    elif key.fileobj.fileno() >= 0:     # its other end may have been closed just now, and it with that
                        self._pass(waiting, key.fileobj, key.data)

    def _join(self, waiting):
        near, _ = self.listener.accept()
        far = socket.socket(socket.AF_UNIX)
        far.connect(self.path)
        waiting.register(near, selectors.EVENT_READ, far)
        waiting.register(far, selectors.EVENT_READ, near)

    def _is_due(self, source, octets):
        role, words = self.at
        if role in octets:
            self.of_role.add(source)
        return source in self.of_role and words in octets

    def _pass(self, waiting, source, sink):
        octets = b""
        with contextlib.suppress(OSError):
            octets = source.recv(65536)
            if self.at and self._is_due(source, octets):
                self.at = None
                self.swallows.set()
                return
            sink.sendall(octets)
        if not octets:
            for end in (source, sink):
                waiting.unregister(end)
                end.close()

    def close(self):
        self.ended.set()
        self.thread.join()
        self.listener.close()


def subjects(mta, user):
    """None while it can't be told."""
    done = mta.mhs("--json", "list", "--user", user, check=False)
    return sorted(e["subject"] for e in json.loads(done.stdout)["entries"]) if done.returncode == 0 else None


def send(mta, subject):
    return mta.mhs("send", "--from", ANN, "--to", BEN, "--subject", subject, "--text", "x", check=False).returncode == 0


def status(mta):
    return json.loads(mta.mhs("--json", "status").stdout)


class Waiting:
    """A transfer of NEAR's, whose answer is waited for in a thread."""

    def __init__(self, stage, identifier):
        self.stage, self.answered = stage, threading.Event()
        self.apdu = text_message(identifier, [BEN], subject=identifier)
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self):
        with contextlib.suppress(Exception):    # it is refused when the daemon ends
            self.stage.hand_over(self.apdu)
            self.answered.set()


def is_served(stage):
    """What is answered whatever the server does."""
    check(status(stage.mta)["state"] in ("serving", "refusing"))
    stage.mta.mhs("peer", "list")
    stage.mta.mhs("queue", "list", check=False)
    with contextlib.closing(stage.call()) as peer:  # a bind
        peer.release()
    stage.mta.mhs("list", "--user", BEN, check=False)
    told = stage.mta.mhs("track", "before", check=False)
    check("no such message" not in told.stdout + told.stderr, told)


LATE, SILENT = "has not answered to a commit", "does not answer"


def refuses(mta, causes):
    """Does it take nothing any more, and say why? Which of the causes shows first may hang on what flew."""
    now = status(mta)
    check(now["state"] != "refusing" or any(cause in now["cause"] for cause in causes), now)
    return now["state"] == "refusing"


def hangs(stage, causes, hang, go_on, reads):
    """Through a hang: what was confirmed before and what flew is there once, and it is served again."""
    wait_until(lambda: named(stage, "net") and named(stage, "clients"))
    processes = {**named(stage, "store"), **named(stage, "net"), **named(stage, "clients")}
    stage.hand_over(text_message("before", [BEN], subject="before"))
    hang()
    flying = Waiting(stage, "flying")
    for _ in range(2):
        is_served(stage)
    if reads:
        check("before" in (subjects(stage.mta, BEN) or []))
        check("before" in stage.mta.mhs("track", "--recent", "3").stdout)
    wait_until(lambda: refuses(stage.mta, causes), 90)
    is_served(stage)
    check(not send(stage.mta, "refused"))
    check(stage.mta.mhs("reload", check=False).returncode in (0, 1))
    equal(stage.mta.log().count("no message is taken any more"), 1, "one line says so")
    go_on()
    wait_until(lambda: send(stage.mta, "after"), 60)
    if not flying.answered.wait(30):    # it was told to try later: its octets are the same
        stage.hand_over(flying.apdu)
    wait_until(lambda: {"before", "flying", "after"} <= set(subjects(stage.mta, BEN) or []), 60)
    there = subjects(stage.mta, BEN)
    equal(there, sorted({"before", "flying", "after"}), "nothing is lost, and nothing there twice")
    if SILENT not in causes:            # else a read may have hung before there was a commit
        check("a commit took " in stage.mta.log(), "how long it was is told")
    equal({**named(stage, "store"), **named(stage, "net"), **named(stage, "clients")}, processes, "all live on")


@case("a commit that waits for a standby which is away")
def _():
    with postgres.Postgres() as server, folder() as path:
        def standby(name):
            server.sql(f"ALTER SYSTEM SET synchronous_standby_names = '{name}'")
            server.sql("SELECT pg_reload_conf()")
            wait_until(lambda: server.sql("SHOW synchronous_standby_names") == name)

        with Stage(path, store=server.database()) as stage:
            hangs(stage, [LATE], lambda: standby("nobody"), lambda: standby(""), reads=True)


@case("the session that writes is stopped")
def _():
    with postgres.Postgres() as server, folder() as path:
        with Stage(path, store=server.database("halts")) as stage:
            session = int(server.sql("SELECT pid FROM pg_stat_activity WHERE datname = 'halts' AND"
                                     " application_name LIKE '%writer'"))
            try:
                hangs(stage, [LATE], lambda: os.kill(session, signal.SIGSTOP),
                      lambda: os.kill(session, signal.SIGCONT), reads=True)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(session, signal.SIGCONT)


@case("the whole server is frozen")
def _():
    with postgres.Postgres() as server, folder() as path:
        def all_of_it(number):
            """The first that stops makes no more of them; one that has just ended is none of them."""
            os.kill(server.postmaster.pid, number)
            for pid in server.backends():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)

        with Stage(path, store=server.database()) as stage:
            try:
                hangs(stage, [SILENT, LATE], lambda: all_of_it(signal.SIGSTOP), lambda: all_of_it(signal.SIGCONT), reads=False)
            finally:
                all_of_it(signal.SIGCONT)


@case("a network that swallows all, till it is there again")
def _():
    with postgres.Postgres() as server, folder() as path:
        proxy = Proxy(os.path.join(server.folder, f".s.PGSQL.{server.port}"))
        try:
            name = server.database().partition("@/")[2].partition("?")[0]
            with Stage(path, store=f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}") as stage:
                hangs(stage, [SILENT, LATE], proxy.swallows.set, proxy.swallows.clear, reads=False)
        finally:
            proxy.close()


@case("a reader whose network swallows all while it opens the store keeps nobody waiting, and serves when that is over")
def _():
    with postgres.Postgres() as server, folder() as path:
        proxy = Proxy(os.path.join(server.folder, f".s.PGSQL.{server.port}"), at=(b", reader", b"to_regclass"))
        try:
            name = server.database().partition("@/")[2].partition("?")[0]
            with Stage(path, store=f"postgresql://postgres@127.0.0.1:{proxy.port}/{name}") as stage:
                wait_until(proxy.swallows.is_set)
                began = time.monotonic()
                equal(subjects(stage.mta, BEN), None)
                check(time.monotonic() - began < 118)   # `mhs` itself gives up after two minutes
                proxy.swallows.clear()
                wait_until(lambda: subjects(stage.mta, BEN) == [], 60)
        finally:
            proxy.close()


@case("a reader that stands still keeps no request and no reload waiting for much more than a minute")
def _():
    with postgres.Postgres() as server, folder() as path:
        with Stage(path, store=server.database()) as stage:
            wait_until(lambda: subjects(stage.mta, BEN) == [])
            reader, = named(stage, "reader")
            done = {}

            def run(*command):
                done[command[0]] = stage.mta.mhs(*command, check=False)

            os.kill(reader, signal.SIGSTOP)
            try:
                asking = [threading.Thread(target=run, args=command) for command in (("list", "--user", BEN), ("reload",))]
                began = time.monotonic()
                for thread in asking:
                    thread.start()
                for thread in asking:
                    thread.join()
                check(55 < time.monotonic() - began < 118)  # `mhs` itself gives up after two minutes
                check("has not answered in time" in done["list"].stderr, done["list"])
                check("the reader process has not taken the new configuration" in done["reload"].stderr, done["reload"])
                check(subjects(stage.mta, BEN) is None)     # at once
                check(time.monotonic() - began < 118)
                check(send(stage.mta, "meanwhile"))
            finally:
                os.kill(reader, signal.SIGCONT)
            wait_until(lambda: subjects(stage.mta, BEN) == ["meanwhile"])
            equal(stage.mta.mhs("reload").returncode, 0)
            equal(set(named(stage, "reader")), {reader}, "it lives on")


class Flood:
    """Transfers of 150 kB on connections of NEAR's, each of which is broken before its answer comes."""

    def __init__(self, stage, connections):
        self.stage, self.ended, self.sent = stage, threading.Event(), 0
        self.threads = [threading.Thread(target=self._run, args=(i,), daemon=True) for i in range(connections)]
        for thread in self.threads:
            thread.start()

    def _run(self, number):
        apdus = 0
        while not self.ended.is_set():
            apdus += 1
            name = f"flood-{number}-{apdus}"
            with contextlib.suppress(OSError, *ENDED), contextlib.closing(self.stage.call()) as peer:
                value = x228.transfer_value(peer.mode, text_message(name, [BEN], "x" * 150000, subject=name))
                peer.start_activity()
                peer.send_segments(value, len(value))   # no checkpoint, whose confirmation would be waited for
                peer.send_end()
                self.sent += 150000

    def close(self):
        self.ended.set()
        for thread in self.threads:
            thread.join()


@case("what comes in while a commit hangs fills no memory, and all goes on when it lands")
def _():
    with postgres.Postgres() as server, folder() as path:
        with Stage(path, store=server.database("flooded"), environment=SANITIZER) as stage:
            stage.hand_over(text_message("before", [BEN], subject="before"))
            store = next(iter(named(stage, "store")))
            before = status_octets(store, "VmRSS")
            session = int(server.sql("SELECT pid FROM pg_stat_activity WHERE datname = 'flooded' AND"
                                     " application_name LIKE '%writer'"))
            os.kill(session, signal.SIGSTOP)
            try:
                flying = Waiting(stage, "flying")
                wait_until(lambda: status(stage.mta)["state"] == "serving")
                with contextlib.closing(Flood(stage, 6)) as flood:
                    flood.ended.wait(12)
                    grown = status_octets(store, "VmHWM") - before
                    check(status(stage.mta)["state"] == "serving")
                    with contextlib.closing(stage.call()) as peer:
                        peer.release()
                print(f"# {flood.sent / MB:.0f} MB were sent, the store process grew by {grown / MB:.0f} MB")
                check(grown < 48 * MB, grown)
            finally:
                os.kill(session, signal.SIGCONT)
            wait_until(lambda: send(stage.mta, "after"), 60)
            if not flying.answered.wait(30):    # a slow machine: it was told to try later
                stage.hand_over(flying.apdu)
            wait_until(lambda: {"before", "flying", "after"} <= set(subjects(stage.mta, BEN) or []), 60)


@case("a stop ends in good order while a commit hangs, and what flew is not lost when it was confirmed")
def _():
    with postgres.Postgres() as server, folder() as path:
        uri = server.database()
        with Stage(path, store=uri) as stage:
            check(send(stage.mta, "before"))
            server.sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
            server.sql("SELECT pg_reload_conf()")
            wait_until(lambda: server.sql("SHOW synchronous_standby_names") == "nobody")
            Waiting(stage, "flying")
            wait_until(lambda: server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'") != "0")
            equal(stage.mta.stop(), 0)
        server.sql("ALTER SYSTEM RESET synchronous_standby_names")
        server.sql("SELECT pg_reload_conf()")
        with Stage(path, store=uri) as stage:
            check("before" in subjects(stage.mta, BEN))


tap.main()
