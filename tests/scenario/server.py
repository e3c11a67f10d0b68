#!/usr/bin/python3
"""A store in PostgreSQL: what the daemon does when the server is killed, asks for a password, or forgets."""
import calendar
import contextlib
import json
import os
import queue
import signal
import socket
import subprocess
import threading
import time

from players import ANN, BEN, FAY, Neighbour, Stage, folder, named, text_message  # it also makes the packages beside it importable
from peer import tap
from scenario import postgres
from scenario.chasqui import Mhsd, free_port, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
if not postgres.binaries():
    print(f"1..0 # SKIP {postgres.MISSING}")
    raise SystemExit(0)


def mhs(*arguments, **environment):
    return subprocess.run([program("mhs"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60,
                          check=False, env={**os.environ, **environment})


def subjects(mta, user):
    """None while no reader process is there: they end with their connections, and come again."""
    done = mta.mhs("--json", "list", "--user", user, check=False)
    return sorted(e["subject"] for e in json.loads(done.stdout)["entries"]) if done.returncode == 0 else None


def time_of(text):
    return calendar.timegm(time.strptime(text, "%Y-%m-%dT%H:%M:%SZ"))


def send(mta, subject):
    return mta.mhs("send", "--from", ANN, "--to", BEN, "--subject", subject, "--text", "x", check=False).returncode == 0


@case("messages rest in the server, and a check of the store holds")
def _():
    with postgres.Postgres() as server, folder() as path:
        uri = server.database()
        with Stage(path, store=uri) as stage:
            stage.hand_over(text_message("long", [FAY, BEN], "All work and no play. " * 40000))
            equal(stage.far.next().identifier[1], "long")
            check(send(stage.mta, "short"))
            wait_until(lambda: len(subjects(stage.mta, BEN) or []) == 2)
        with Stage(path, store=uri) as stage:
            equal(subjects(stage.mta, BEN), ["A play", "short"])
        done = mhs("store", "check", uri)
        equal((done.returncode, done.stdout), (0, f"{uri}: every invariant holds\n"))
        done = mhs("store", "backup", "--store", uri, os.path.join(path, "copy"))
        check(done.returncode != 0 and "pg_dump" in done.stderr, done)
        postgres.ask(uri, "CREATE ROLE stranger LOGIN")         # as after a pg_restore by another role than that of the daemon
        done = mhs("store", "check", uri.replace("postgres@", "stranger@"))
        check("permission denied" in done.stderr and "must belong to the role that 'store' names" in done.stderr, done)


@case("a store whose schema is dropped while it is served takes no mail, and log and status say so")
def _():
    with postgres.Postgres() as server, folder() as path:
        uri = server.database()
        with Stage(path, store=uri) as stage:
            check(send(stage.mta, "before"))
            wait_until(lambda: subjects(stage.mta, BEN), what="a reader")   # one that never served would end the daemon
            postgres.ask(uri, "ALTER SCHEMA chasqui RENAME TO away")
            check(not send(stage.mta, "refused"))
            wait_until(lambda: stage.mta.request("status")["state"] == "refusing", what="a refusal")
            cause = stage.mta.request("status")["cause"]
            check("does not exist" in cause and "restore the database" in cause, cause)
            wait_until(lambda: "no message is taken any more" in stage.mta.log(), what="the log's line")
            postgres.ask(uri, "ALTER SCHEMA away RENAME TO chasqui")
            wait_until(lambda: send(stage.mta, "after"), what="mail is taken again")


CHANGE = 'peer "FAR": idle = 77'


def change(stage):
    """The file says something else of a peer from now on."""
    peers = stage.mta.settings["peer"]
    stage.mta.configure(peer={**peers, "FAR": {**peers["FAR"], "idle": 77}})


def changes_of(stage):
    """What `mhs config diff` says would change: the texts of what a reload takes."""
    return [c["text"] for c in json.loads(stage.mta.mhs("--json", "config", "diff", check=False).stdout)["changes"] if not c["restart"]]


@case("a configuration that the store process can't take, as its server is away, nobody takes, and who asked hears why")
def _():
    with postgres.Postgres() as server, folder() as path:
        with Stage(path, store=server.database()) as stage:
            running = stage.mta.mhs("config", "show").stdout
            change(stage)
            check(changes_of(stage)[0].startswith(CHANGE), changes_of(stage))
            server.kill()
            done = stage.mta.mhs("reload", check=False)
            equal((done.returncode, done.stdout), (1, ""), done.stderr)
            check("was not reloaded, and what ran before goes on: the store process does not take it: " in done.stderr, done.stderr)
            check("postgresql://" in done.stderr, "it names the server and the cause")
            check("the configuration was not reloaded: the store process does not take it: " in stage.mta.log())
            stage.mta.reload()
            wait_until(lambda: stage.mta.log().count("was not reloaded") == 2, what="the signal's end")
            equal(stage.mta.mhs("config", "show").stdout, running)
            check(changes_of(stage)[0].startswith(CHANGE), changes_of(stage))
            check("configuration reloaded" not in stage.mta.log() and "was reread" not in stage.mta.log(), "no other process has it")
            server.start()
            wait_until(lambda: stage.mta.mhs("reload", check=False).returncode == 0)
            equal(changes_of(stage), [])
            check(stage.mta.mhs("config", "show").stdout != running)


@case("a reload that the store process does not live to take nobody takes; one while none is there the next begins with")
def _():
    with postgres.Postgres() as server, folder() as path:
        with Stage(path, store=server.database()) as stage:
            store, = named(stage, "store")
            change(stage)
            asked = {}
            os.kill(store, signal.SIGSTOP)
            asking = threading.Thread(target=lambda: asked.update(done=stage.mta.mhs("reload", check=False)))
            asking.start()
            time.sleep(1)
            done = stage.mta.mhs("reload", check=False)
            check(done.returncode == 1 and "a reload is under way" in done.stderr, done.stderr)
            stage.mta.reload()                              # it waits for its turn
            os.kill(store, signal.SIGKILL)
            asking.join()
            wait_until(lambda: "the store process ended before it had taken it" in stage.mta.log())
            wait_until(lambda: f"reload: {CHANGE}" in stage.mta.log(), what="the signal's")
            wait_until(lambda: stage.mta.mhs("reload", check=False).stdout == "nothing has changed\n", what="its own")
            equal(changes_of(stage), [])


@case("killed with its server, over and over, it loses and doubles nothing that was confirmed")
def _():
    with postgres.Postgres() as server, folder() as path:
        confirmed, ended = set(), threading.Event()
        with Stage(path, store=server.database()) as stage:
            before = named(stage, "store")

            def sender(number):
                for count in range(10000):
                    if ended.is_set():
                        return
                    if send(stage.mta, f"{number}-{count}"):
                        confirmed.add(f"{number}-{count}")

            threads = [threading.Thread(target=sender, args=(n,)) for n in range(3)]
            for thread in threads:
                thread.start()
            for _ in range(3):
                count = len(confirmed)
                wait_until(lambda: len(confirmed) > count + 5, 120)
                server.kill()
                server.start()
            count = len(confirmed)
            wait_until(lambda: len(confirmed) > count + 5, 120)
            ended.set()
            for thread in threads:
                thread.join()
            wait_until(lambda: confirmed <= set(subjects(stage.mta, BEN) or []), 60)
            there = subjects(stage.mta, BEN)
            equal(len(there), len(set(there)), "no message is there twice")
            equal(named(stage, "store"), before, "the store process lives on")


@case("a checkpoint writes what came since the one before it, however long the content is by then")
def _():
    with postgres.Postgres() as server, folder() as path:
        uri, kib, octets = server.database("checkpoints"), 64, 8 << 20
        with Stage(path, store=uri) as stage:
            stage.hand_over(text_message("long", [FAY], "x" * octets), checkpoint=kib)
            equal(stage.far.next(120).identifier[1], "long")
        written = int(server.sql("SELECT n_tup_ins + n_tup_upd FROM pg_stat_user_tables WHERE relname = 'chunk'", "checkpoints"))
        tap.note(f"{written} rows of 256 kB were written")
        check(written <= octets // (256 << 10) + 2 * octets // (kib << 10), written)


@case("a backup of a store at a server is refused with the means that there are, as a refusal and no failure")
def _():
    with postgres.Postgres() as server, folder() as path:
        uri, copy = server.database("saved"), os.path.join(path, "copy")
        os.mkdir(os.path.join(path, "plain"))
        with Stage(os.path.join(path, "plain")) as plain:
            equal(mhs("store", "backup", copy, CHASQUI_SOCKET=plain.mta.socket_path).returncode, 0)
        with Stage(path, store=uri) as stage:
            for arguments, what in ((("backup", f"{copy}-2"), "copied"), (("backup", "--store", uri, f"{copy}-2"), "copied"),
                                    (("restore", "--store", uri, copy), "restored"), (("restore", "--force", "--store", uri, copy), "restored")):
                done = mhs("store", *arguments, CHASQUI_SOCKET=stage.mta.socket_path)
                equal((done.returncode, done.stdout), (1, ""), done.stderr)
                check(f"is {what} with the server's own means: pg_dump" in done.stderr, done.stderr)
                check(not os.path.exists(f"{copy}-2"), "nothing was begun")
            stage.hand_over(text_message("after", [FAY]))
            equal(stage.far.next().identifier[1], "after")


@case("copies that could not be read while the server was away go on soon after it is back")
def _():
    with postgres.Postgres() as server, folder() as path, Stage(path, store=server.database()) as stage:
        stage.far.listener.shutdown(socket.SHUT_RDWR)
        stage.far.close()
        stage.hand_over(text_message("first", [FAY]))
        wait_until(lambda: stage.mta.request("peer-status", peer="FAR")["peers"][0]["last-error"])
        for number in range(5):
            stage.hand_over(text_message(f"cold-{number}", [FAY]))
        server.kill()
        stage.far = Neighbour(port=stage.far.port)
        wait_until(lambda: "can't be read" in stage.mta.log())
        server.start()
        arrived = []

        def all_arrived():
            with contextlib.suppress(queue.Empty):
                arrived.append(stage.far.next(0.2).identifier[1])
            put_off = [time_of(e["due"]) - time.time() for e in stage.mta.request("queue-list")["entries"] if e["due"]]
            check(max(put_off, default=0) < 20, f"copies wait for {put_off} s")
            return len(arrived) == 6
        wait_until(all_arrived, 60)
        equal(sorted(arrived), [*(f"cold-{number}" for number in range(5)), "first"])


@case("sessions that the server ends in the middle of commits change nothing that was said")
def _():
    with postgres.Postgres() as server, folder() as path:
        confirmed, ended = set(), threading.Event()
        with Stage(path, store=server.database("ends")) as stage:
            def ender():
                while not ended.wait(0.01):
                    server.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = 'ends'"
                               " AND application_name LIKE '%writer'")

            thread = threading.Thread(target=ender)
            thread.start()
            for count in range(40):
                if send(stage.mta, str(count)):
                    confirmed.add(str(count))
            ended.set()
            thread.join()
            wait_until(lambda: confirmed <= set(subjects(stage.mta, BEN) or []), 60)
            there = subjects(stage.mta, BEN)
            equal(len(there), len(set(there)), "no message is there twice")
            check("what came of the last batch" not in stage.mta.mhs("status").stdout)


@case("a second daemon is told the first; one whose server forgets does not start")
def _():
    with postgres.Postgres() as server, folder() as path:
        uri = server.database()
        with Stage(path, store=uri) as stage:
            other = Mhsd(os.path.join(path, "other"), store=uri)
            other.start(wait=False)
            equal(other.process.wait(60), 1)
            holder, = named(stage, "store")
            check(f"process {holder}" in other.log(), other.log())
        server.sql("ALTER SYSTEM SET fsync = off")
        server.sql("SELECT pg_reload_conf()")
        wait_until(lambda: server.sql("SHOW fsync") == "off")
        other.start(wait=False)
        equal(other.process.wait(60), 1)
        check("the server has fsync = off" in other.log(), other.log())


@case("a store process whose store another took over ends at once, and begins anew with what is there")
def _():
    with postgres.Postgres() as server, folder() as path:
        uri = server.database("taken")
        with Stage(path, store=uri) as stage:
            check(send(stage.mta, "one"))
            first, = named(stage, "store")
            server.sql("UPDATE chasqui.node SET epoch = epoch + 1", "taken")    # as whoever came and has gone
            send(stage.mta, "two")      # it may be refused: the first one learns it then
            wait_until(lambda: "this process ends at once" in stage.mta.log())
            wait_until(lambda: named(stage, "store") not in ([], [first]))
            wait_until(lambda: send(stage.mta, "three"), 60)
            wait_until(lambda: {"one", "three"} <= set(subjects(stage.mta, BEN) or []))
            there = subjects(stage.mta, BEN)
            equal(len(there), len(set(there)), "no message is there twice")


@case("by TCP with a password, which nobody is shown, also after the server was away")
def _():
    port = free_port()
    with postgres.Postgres(f"listen_addresses = '127.0.0.1'\nport = {port}\n") as server, folder() as path:
        with open(os.path.join(server.data, "pg_hba.conf"), "w") as file:
            file.write("local all all trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
        server.sql("SELECT pg_reload_conf()")
        server.sql("CREATE ROLE chasqui LOGIN PASSWORD 'open: sesame&x'")
        server.sql("CREATE DATABASE chasqui OWNER chasqui")
        uri = f"postgresql://chasqui@localhost:{port}/chasqui"
        with Stage(path, store=uri, store_password="open: sesame&x") as stage:
            check(send(stage.mta, "one"))
            server.kill()
            server.start()
            wait_until(lambda: send(stage.mta, "two"), 60)
            # One that was not confirmed may have come about all the same.
            wait_until(lambda: set(subjects(stage.mta, BEN) or ()) == {"one", "two"}, 60)
            shown = stage.mta.mhs("config", "show").stdout
            check(uri in shown and "sesame" not in shown + stage.mta.log(), shown)
        other = Mhsd(os.path.join(path, "other"), store=f"postgresql://chasqui:secret@localhost:{port}/chasqui")
        other.start(wait=False)
        equal(other.process.wait(60), 1)
        check("give it with 'store-password'" in other.log() and "secret" not in other.log(), other.log())
        with_password = f"postgresql://chasqui:open%3A%20sesame%26x@localhost:{port}/chasqui"
        for words in ("store", "check"), ("--json", "store", "check"), ("store", "repair"):
            done = mhs(*words, with_password)
            check(done.returncode == 0 and "localhost" in done.stdout and "sesame" not in done.stdout + done.stderr, done)


tap.main()
