#!/usr/bin/python3
"""The store as its keepers see it: other versions are refused, damage is found, named and repaired by the command."""
import contextlib
import fcntl
import json
import os
import pty
import re
import resource
import shutil
import signal
import sqlite3
import subprocess
import time
import types

from players import (ANN, BEN, FAR, FAY, HOME, JOE, NEAR, SANITIZER, Neighbour, Stage, Unharmed, folder,  # it makes packages importable
                     letter_between, processes, text_message)
from peer import ipm, local, tap, x411
from scenario.chasqui import Mhsd, free_port, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until

EVE = f"{HOME}/S=eve"       # writes to herself while others' entries are looked at


def daemon(path, **settings):
    return Mhsd(path, domain=HOME, node="alpha", user={ANN: {}, BEN: {}, EVE: {}}, environment=SANITIZER, **settings)


def unharmed(mta):
    return Unharmed(types.SimpleNamespace(mta=mta), passes=letter_between(mta, EVE, EVE))


def deliver(mta, content=b"short"):
    """Sends a message from Ann to Ben; the number of Ben's entry."""
    with mta.client() as client:
        before = len(client.entries(BEN))
        client.submit(local.submission_envelope(ANN, [BEN]), ipm.ipm("storage", ANN, [BEN], "storage", ipm.file_part("octets", content)))
        return wait_until(lambda: (lambda e: e[-1] if len(e) > before else None)(client.entries(BEN)))["entry"]


def sql(path, text):
    with sqlite3.connect(os.path.join(path, "store", "queue.db")) as database:
        database.executescript(text)
    database.close()


def run(name, *arguments):
    return subprocess.run([program(name), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)


def name_of(pid):
    with open(f"/proc/{pid}/comm") as file:
        return file.read().strip()


def expect_refused(path, mta, *texts):
    """mhsd ends at once, `mhsd -t` and the check say no: each with the same words."""
    for done, status in ((run("mhsd", "-t", "-c", mta.path), 1), (run("mhsd", "-c", mta.path), 1),
                         (run("mhs", "store", "check", os.path.join(path, "store")), 4),
                         (run("mhs", "store", "repair", os.path.join(path, "store")), 4)):
        equal(done.returncode, status, done.args)
        for text in texts:
            check(text in done.stderr, f"{done.args}: {done.stderr}")
        check("Sanitizer" not in done.stderr, done.stderr)


def check_at_terminal(*arguments):
    """What `mhs store` shows on a terminal when it is held up for two seconds by a pipe that nobody reads, and what it prints."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    screen, terminal = pty.openpty()
    mhs = subprocess.Popen([program("mhs"), "store", *arguments], stdin=subprocess.DEVNULL, stdout=writing, stderr=terminal)
    os.close(writing)
    os.close(terminal)
    time.sleep(2)
    with open(reading) as out:
        printed = out.read()
    mhs.wait(60)
    shown = b""
    with contextlib.suppress(OSError):      # the terminal is gone with the program
        while octets := os.read(screen, 65536):
            shown += octets
    os.close(screen)
    return shown.decode(), printed


@case("a check and a repair that take long show on a terminal how far they are, and a pipe nothing of it")
def _():
    with folder() as path:
        mta = daemon(path)
        with mta:
            entry = deliver(mta, os.urandom(1_000_000))
        store = os.path.join(path, "store")
        # Enough findings to fill a pipe.
        sql(path, f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 200)"
                  f" INSERT INTO entry(id, message, at, data, octets, sum, head)"
                  f" SELECT id + i, message, at, data, octets, 1, head FROM entry, n WHERE id & 4294967295 = {entry}")
        for command in "check", "repair":
            shown, printed = check_at_terminal(command, store)
            check(re.search("\rchecking the [a-z]+: [^\r]+\x1b\\[K", shown), (command, shown, printed[-300:]))
            check(shown.endswith("\r\x1b[K"), shown)
            check("its row is not what was stored" in printed and "\r" not in printed, printed[:300])
            done = run("mhs", "store", command, store)
            equal(done.stderr, "")


@case("a newer store and another program's database are refused with a reason, and left as they are")
def _():
    with folder() as path:
        mta = daemon(path)
        equal(run("mhsd", "-t", "-c", mta.path).returncode, 0, "there is no store yet")
        with mta, unharmed(mta) as attack:
            entry = deliver(mta)
            done = run("mhsd", "-t", "-c", mta.path)
            equal((done.returncode, done.stderr), (0, ""), "beside the daemon")
            attack.served("the-test-of-a-configuration")
        with sqlite3.connect(os.path.join(path, "store", "queue.db")) as database:
            version, = database.execute("PRAGMA user_version").fetchone()
        database.close()
        sql(path, f"PRAGMA user_version = {version + 1}")
        expect_refused(path, mta, f"schema version {version + 1}", f"up to {version}", "nothing was changed")
        sql(path, f"PRAGMA user_version = {version}")
        with daemon(path) as mta, mta.client() as client:
            equal([e["entry"] for e in client.entries(BEN)], [entry])
        shutil.rmtree(os.path.join(path, "store"))
        os.makedirs(os.path.join(path, "store", "segments"))
        sql(path, "CREATE TABLE address_book(name)")
        with open(os.path.join(path, "store", "queue.db"), "rb") as file:
            before = file.read()
        expect_refused(path, mta, "another program's database")
        with open(os.path.join(path, "store", "queue.db"), "rb") as file:
            equal(file.read(), before)


@case("a second daemon on one store ends with status 1 and says who holds it, and the first serves on")
def _():
    with folder() as path, daemon(path) as first, unharmed(first) as attack:
        second = daemon(os.path.join(path, "second"), store=os.path.join(path, "store"))
        done = run("mhsd", "-c", second.path)
        equal(done.returncode, 1, done.stderr)
        holder, = [pid for pid in processes(first.process.pid) if name_of(pid) == "store"]
        refusal, = [line for line in done.stderr.splitlines() if "another process writes to this store" in line]
        check(f"mhsd, process {holder};" in refusal and os.path.join(path, "store") in refusal, refusal)
        check("Sanitizer" not in done.stderr, done.stderr)
        attack.served("a-second-daemon")


@case("a store that is not there is made with a warning, not at all, or when told so")
def _():
    with folder() as path:
        mta = daemon(path, create_store=False)
        store = os.path.join(path, "store")
        for _kind in "no folder", "an empty folder, as of a disk that is not mounted":
            done = run("mhsd", "-c", mta.path)
            equal((done.returncode, os.path.exists(os.path.join(store, "queue.db"))), (1, False), done.stderr)
            check(f"{store}: there is no store here" in done.stderr and "mhsd --create-store -c FILE" in done.stderr, done.stderr)
            done = run("mhsd", "-t", "-c", mta.path)
            equal(done.returncode, 1, done.stderr)
            check("'create-store' forbids making" in done.stderr and f"mhsd --create-store -c {mta.path}\n" in done.stderr, done.stderr)
            os.makedirs(store, exist_ok=True)
        done = run("mhsd", "--create-store", "-c", mta.path)
        equal((done.returncode, done.stderr), (0, ""))
        done = run("mhsd", "--create-store", "-c", mta.path)
        equal(done.returncode, 1)
        check("there is a store already" in done.stderr, done.stderr)
        with mta:
            entry = deliver(mta)
        with daemon(path) as mta:
            check("an empty one is made" not in mta.log(), mta.log())
            with mta.client() as client:
                equal([e["entry"] for e in client.entries(BEN)], [entry])
        shutil.rmtree(store)
        with daemon(path) as mta:
            warned, = [line for line in mta.log().splitlines() if "an empty one is made" in line]
            check(store in warned and "mounted" in warned, warned)


@case("an older store is migrated when the daemon starts, and the check before that says so")
def _():
    with folder() as path:
        with daemon(path):
            pass
        sql(path, "ALTER TABLE message DROP COLUMN envelope_sum; ALTER TABLE message DROP COLUMN body_sum;"
            "ALTER TABLE work DROP COLUMN sum; ALTER TABLE activity_in DROP COLUMN sum; ALTER TABLE activity_out DROP COLUMN sum;"
            "DROP TABLE mailbox; DROP TABLE entry; DROP TABLE record; DROP TABLE outcome; DROP TABLE status; DROP TABLE col;"
            "CREATE TABLE hold(id INTEGER PRIMARY KEY, message INTEGER NOT NULL, kind INTEGER NOT NULL, data BLOB);"
            "PRAGMA user_version = 1")
        mta = daemon(path)
        equal(run("mhsd", "-t", "-c", mta.path).returncode, 0)
        done = run("mhs", "store", "check", os.path.join(path, "store"))
        equal(done.returncode, 4)
        check("older schema version 1, which mhsd brings to version" in done.stderr, done.stderr)
        done = run("mhs", "store", "restore", "--store", os.path.join(path, "restored"), os.path.join(path, "store"))
        equal((done.returncode, done.stderr), (0, ""))
        check("brought to this version's schema; every invariant holds" in done.stdout, done.stdout)
        equal(run("mhs", "store", "check", os.path.join(path, "restored")).returncode, 0)
        with mta:
            check(deliver(mta))
            brought, = [line for line in mta.log().splitlines() if "store brought from schema 1 to " in line]
            check(os.path.join(path, "store") in brought, brought)
        equal(run("mhs", "store", "check", os.path.join(path, "store")).returncode, 0)


def told_to_callers(mta, text):
    """`mhs status` ends soon, and says why nobody serves."""
    began = time.monotonic()
    done = mta.mhs("status", check=False)
    equal(done.returncode, 1, done.stderr)
    check("unavailable" in done.stderr and "the store process is not there yet: " in done.stderr and text in done.stderr, done.stderr)
    check(time.monotonic() - began < 20, "it waited")


@case("while the store can't be opened for want of room callers are told so, the log names the remedy, and then it starts by itself")
def _():
    with folder() as path:
        mta = daemon(path)
        mta.before = ["sh", "-c", 'ulimit -S -f 16; exec "$@"', "sh"]
        mta.start(wait=False)
        try:
            wait_until(lambda: "the store process exited with status 1; it is started again in " in mta.log())
            told_to_callers(mta, "it ended ")
            line = next(line for line in mta.log().splitlines() if "this process can't start" in line)
            check("make room where 'store' is" in line, line)
            resource.prlimit(mta.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            mta.wait_ready()
            check(deliver(mta))
            equal(mta.stop(), 0)
        finally:
            mta.kill()


@case("while the store process takes long to start callers are told that it is starting, and served when it is there")
def _():
    with folder() as path, daemon(path) as mta:
        def store_process():
            with contextlib.suppress(FileNotFoundError):        # one that ends meanwhile
                return next((pid for pid in processes(mta.process.pid) if name_of(pid) == "store"), None)
        first = store_process()
        os.kill(first, signal.SIGKILL)
        second = wait_until(lambda: (lambda pid: pid != first and pid)(store_process()))
        os.kill(second, signal.SIGSTOP)
        told_to_callers(mta, "it ended 1 time, and now it has been starting for ")
        os.kill(second, signal.SIGCONT)
        mta.wait_ready()
        check("was ended by signal 9; it is started again in 0.2 s" in mta.log(), mta.log())


def on_trial(path, mta, status, text, **replaced):
    """`mhsd -t` of the configuration with other paths."""
    with open(mta.path) as file:
        lines = [line for line in file if line.split(" ")[0] not in replaced]
    with open(f"{path}/trial.conf", "w") as out:
        os.chmod(out.fileno(), 0o600)
        out.write("".join(f'{name} = "{value}"\n' for name, value in replaced.items()) + "".join(lines))
    done = run("mhsd", "-t", "-c", f"{path}/trial.conf")
    equal(done.returncode, status, done.stderr)
    check(text in done.stderr, done.stderr)
    equal("the configuration is right" in done.stdout, status == 0)


@case("the test of the configuration says what the daemon could not make or use, and who may read passwords")
def _():
    with folder() as path:
        mta = daemon(path)
        with open(f"{path}/a-file", "w"):
            pass
        on_trial(path, mta, 0, "", socket=f"{path}/new/mhsd.sock", store=f"{path}/new-store")
        check(not os.path.exists(f"{path}/new") and not os.path.exists(f"{path}/new-store"), "it made what it tested")
        on_trial(path, mta, 1, f"mkdir -p {path}/no/folder", socket=f"{path}/no/folder/mhsd.sock")
        on_trial(path, mta, 1, "is no folder", socket=f"{path}/a-file/mhsd.sock")
        on_trial(path, mta, 1, "make that first", store=f"{path}/no/store")
        with open(mta.path, "a") as file:
            file.write('peer "X" { password = "secret" }\n')
        os.chmod(mta.path, 0o644)
        done = run("mhsd", "-t", "-c", mta.path)
        check(done.returncode == 0 and f"chmod 600 {mta.path}" in done.stderr, done.stderr)
        os.chmod(mta.path, 0o600)
        equal(run("mhsd", "-t", "-c", mta.path).stderr, "")
        with open(mta.path, "a") as file:
            file.write('peer "OPEN" { }\npeer "NONE" { unauthenticated = true check-address = true address = { "Internet=127.0.0.1+1" } }\n')
        done = run("mhsd", "-t", "-c", mta.path)
        equal((done.returncode, [line.split(":")[4] for line in done.stderr.splitlines() if "is taken for it" in line]), (0, [' peer "OPEN"']))


@case("a port that only root may open is warned of when another user asks")
def _():
    if os.geteuid() != 0:
        return                              # only root can ask as somebody else
    with folder() as path:
        mta = daemon(path)
        os.chmod(path, 0o777)
        for port, warned in (102, True), (10102, False):
            mta.configure(listen=[f"Internet=127.0.0.1+{port}"])
            os.chmod(mta.path, 0o644)
            done = subprocess.run([program("mhsd"), "-t", "-c", mta.path], capture_output=True, text=True, user="nobody", check=False)
            equal((done.returncode, f"port {port} may not be opened by this user" in done.stderr), (0, warned), done.stderr)
            check("may not be opened" not in run("mhsd", "-t", "-c", mta.path).stderr)


@case("a file in the local socket's place is named, by the test and by the start, and left there")
def _():
    with folder() as path:
        mta = daemon(path)
        with open(mta.socket_path, "w") as file:
            file.write("mine")
        for arguments in ("-t", "-c"), ("-c",):
            done = run("mhsd", *arguments, mta.path)
            equal(done.returncode, 1, done.stderr)
            check(f"{mta.socket_path} is there, and is not a socket" in done.stderr, done.stderr)
        with open(mta.socket_path) as file:
            equal(file.read(), "mine")


@case("a folder that may not be entered is not called empty, and another user's store is no right one")
def _():
    if os.geteuid() != 0:
        return                              # only root can ask as somebody else
    with folder() as path:
        mta = daemon(path)
        with mta:
            pass
        store = os.path.join(path, "store")
        os.chmod(path, 0o755)
        os.chmod(store, 0o700)
        done = subprocess.run([program("mhs"), "store", "check", store], capture_output=True, text=True, user="nobody", group=65534,
                              extra_groups=[])
        check("Permission denied" in done.stderr and "not found" not in done.stderr, done.stderr)
        on_trial(path, mta, 1, "chown -R nobody", **{"run-as": "nobody"})


@case("a URI that no engine knows, or that a command has no use for, is told as that, and never taken for a folder")
def _():
    database = "postgresql://nobody@127.0.0.1:1/none"
    with folder() as path:
        def said(status, *arguments):
            done = subprocess.run([program("mhs"), "store", *arguments], cwd=path, capture_output=True, text=True, timeout=60,
                                  env={**os.environ, "CHASQUI_SOCKET": f"{path}/no-daemon"})
            equal(done.returncode, status, f"{arguments}: {done.stderr}")
            equal(os.listdir(path), [], "it made something")
            return done.stderr
        for place in "mysql://x/y", "postgres:/x", "file:/srv/store":
            for arguments in (["check", place], ["repair", place], ["backup", place], ["backup", "--store", place, "copy"],
                              ["restore", place], ["restore", "--store", place, "copy"]):
                check(f"'{place}' is no place of a store" in said(2, *arguments), arguments)
        for arguments in ["backup", database], ["backup", "--store", "store", database], ["restore", database]:
            check("a copy is a folder, and no database" in said(2, *arguments), arguments)
        check("is copied with the server's own means" in said(1, "backup", "--store", database, "copy"))
        check("is restored with the server's own means" in said(1, "restore", "--store", database, "copy"))
        for command in "check", "repair":           # these know a database, and this one is not there
            check("connection to server" in said(4, command, database))


@case("the check names the invariant and changes nothing, repair says what it did, the daemon goes on")
def _():
    with folder() as path:
        store = os.path.join(path, "store")
        with daemon(path) as mta:
            kept, lost = deliver(mta), deliver(mta, bytes(50000))
        sql(path, "UPDATE message SET refs = 7 WHERE content = 0; DELETE FROM extent")
        done = run("mhs", "store", "check", store)
        equal(done.returncode, 1)
        lines = done.stdout.splitlines()
        equal(sorted(line.split(":")[0] for line in lines[:-1] if line[0] != " "), ["I6", "I7"])
        equal(lines[-1], f"{store}: 2 findings; nothing was changed")
        for _twice in range(2):
            done = run("mhs", "--json", "store", "check", store)
            equal(done.returncode, 1)
            found = json.loads(done.stdout)
            equal((found["count"], sorted(f["invariant"] for f in found["findings"])), (2, [6, 7]))
            check(not any(f["repaired"] for f in found["findings"]))
        done = run("mhs", "--json", "store", "repair", store)
        equal(done.returncode, 1, "there were findings")
        found = json.loads(done.stdout)["findings"]
        check(all(f["repaired"] for f in found), found)
        check(any("was put right" in f["text"] for f in found) and any("given up" in f["text"] for f in found), found)
        for command in ("check", "repair"):
            done = run("mhs", "store", command, store)
            equal((done.returncode, done.stdout), (0, f"{store}: every invariant holds\n"))
        with daemon(path) as mta, mta.client() as client, unharmed(mta) as attack:
            equal([(e["entry"], e["size"] > 0) for e in client.entries(BEN)], [(kept, True), (lost, False)])
            shown = mta.mhs("read", "--user", BEN, str(lost), check=False)
            check(ANN in shown.stdout and "was lost here" in shown.stdout, (shown.stdout, shown.stderr))
            check(deliver(mta) > lost, "a number is not given out again")
            done = run("mhs", "store", "repair", store)
            equal(done.returncode, 4, "while the daemon has it")
            check("another process writes to this store" in done.stderr, done.stderr)
            attack.served("a-repair-that-is-refused")


def queue_to_neighbours(stage):
    """Ann's messages to FAR, one of them held, a report to NEAR that returns a content, and an entry of Ben's: all
    longer than what stands in a row. The identifiers of Ann's two."""
    mta, big = stage.mta, bytes(30000)
    deliver(mta, big)
    with mta.client() as client:
        for number in range(2):
            client.submit(local.submission_envelope(ANN, [FAY, BEN] if number else [FAY]),
                          ipm.ipm(f"lost-{number}", ANN, [FAY], "lost", ipm.file_part("octets", big + bytes([number]))))
    stage.hand_over(x411.message(NEAR, "to-nobody", JOE, [x411.recipient(f"{HOME}/S=nobody", 1)],
                                 ipm.ipm("to-nobody", JOE, [BEN], "x", ipm.file_part("octets", big + b"x")), indicators=(3,)))
    waiting = wait_until(lambda: (lambda e: e if len(e) == 3 else None)(mta.request("queue-list")["entries"]))
    mine = [e for e in waiting if e["kind"] == "message"]
    mta.mhs("queue", "hold", str(mine[1]["id"]), "--reason", "wait")
    return [e["mts-identifier"] for e in mine]


@case("what repair takes the content from is named: copies are non-delivered at the next start, a report goes on")
def _():
    with folder() as path:
        away = {"address": [f"Internet=127.0.0.1+{free_port()}"]}
        with Stage(path, peer_options={"NEAR": away, "FAR": away}) as stage:
            mta, store = stage.mta, os.path.join(path, "alpha", "store")
            mine = queue_to_neighbours(stage)
            mta.stop()
            sql(os.path.join(path, "alpha"), "DELETE FROM extent")
            for command in ("check", "repair"):
                before = run("mhs", "store", command, store) if command == "check" else None
                done = run("mhs", "--json", "store", command, store)
                equal(done.returncode, 1, done.stderr)
                lost = json.loads(done.stdout)["lost"]
                equal(sorted((e["kind"], e["mts-identifier"], tuple(e["recipients"]), e.get("next-hop"), e.get("mailbox"))
                             for e in lost if e["mts-identifier"] in mine and "id" in e),
                      [("message", name, (FAY,), "FAR", None) for name in mine])
                equal(len([e for e in lost if e["kind"] == "report" and e["next-hop"] == "NEAR"]), 1)
                equal([e["entry"] for e in lost if (e.get("mailbox") or "").lower() == BEN.lower()], [1, 2], "Ben's own, and his copy of the second")
                check(not before or all(f"message {name} from {ANN} for {FAY}: copy " in before.stdout for name in mine))
            mta.configure(peer={"NEAR": peer_section(stage.near.port, "NEAR", "near's secret", domain=NEAR),
                                "FAR": peer_section(stage.far.port, "FAR", "far's secret", domain=FAR)})
            mta.start()
            report = stage.near.next()
            equal((report.kind, report.subject[1], report.returned), ("report", "to-nobody", None))
            with mta.client() as client:
                entries = wait_until(lambda: (lambda e: e if len(e) == 2 else None)(client.entries(ANN)))
            equal(sorted(e["mts-identifier"] for e in entries), mine)
            for entry in entries:
                shown = json.loads(mta.mhs("--json", "read", "--user", ANN, str(entry["entry"])).stdout)["recipients"]
                equal([(r["recipient"], r["reason"]) for r in shown], [(FAY, "unable-to-transfer")])
                check("damaged" in json.dumps(shown), shown)
            for name in mine:
                events = [e["event"] for e in track(mta, name)["messages"][0]["events"]]
                check(events.index("content-lost") < events.index("non-delivered"), events)
            check(stage.far.nothing(0.5), "nothing goes out without its content")
            equal(mta.request("queue-list")["entries"], [])
            mta.stop()
            equal(run("mhs", "store", "check", store).returncode, 0)


@case("an entry whose message is gone is listed as damaged, beside the others, and can be deleted")
def _():
    with folder() as path:
        mta = daemon(path)
        with mta:
            lost, kept = deliver(mta), deliver(mta)
        sql(path, f"DELETE FROM message WHERE id = (SELECT message FROM entry WHERE (id & 4294967295) = {lost})")
        with mta, mta.client() as client, unharmed(mta) as attack:
            damaged, whole = client.entries(BEN)
            equal((damaged["entry"], damaged["kind"], damaged["seen"]), (lost, "damaged", False))
            check("message" in damaged["damage"], damaged)
            equal((whole["entry"], whole["kind"], whole["originator"]), (kept, "message", ANN))
            listed = mta.mhs("list", "--user", BEN).stdout.splitlines()
            check(any("(damaged: " in line for line in listed), listed)
            attack.served("a-damaged-entry")
            mta.mhs("delete", "--user", BEN, str(lost))
            equal([e["entry"] for e in client.entries(BEN)], [kept])


@case("a mailbox that is above its limit already is named when the daemon starts")
def _():
    with folder() as path:
        with daemon(path) as mta:
            deliver(mta, bytes(5000))
        mta = daemon(path, limits={"mailbox-octets": 4096})
        with mta:
            lines = [line for line in mta.log().splitlines() if "above its 4096" in line]
            check(len(lines) == 1 and BEN.lower() in lines[0].lower() and "mailbox-octets" in lines[0], mta.log_tail())


@case("while a segment is away nothing is taken in, what expires is reported all the same, and all goes on when it is back")
def _():
    with folder() as path:
        with Stage(path, peer_options={"FAR": {"address": [f"Internet=127.0.0.1+{free_port()}"]}}) as stage:
            mta, segments = stage.mta, os.path.join(path, "alpha", "store", "segments")
            entry = deliver(mta, bytes(30000))
            mta.mhs("send", "--from", ANN, "--to", FAY, "--attach", mta.log_path, "--text", "x" * 20000)
            mta.stop()
            sql(os.path.join(path, "alpha"), "UPDATE work SET expiry = 1, sum = NULL")
            os.rename(segments, segments + ".away")
            os.mkdir(segments)
            mta.start()
            with mta.client() as client:
                report, = wait_until(lambda: client.entries(ANN))
            before = set(processes(mta.process.pid))
            shown, = json.loads(mta.mhs("--json", "read", "--user", ANN, str(report["entry"])).stdout)["recipients"]
            equal((shown["recipient"], shown["diagnostic"]), (FAY, "maximum-time-expired"))
            status = mta.request("status")
            equal((status["state"], status["copies"]), ("refusing", 0))
            check("segment" in status["cause"], status)
            refused = mta.mhs("send", "--from", ANN, "--to", BEN, "--text", "x", check=False)
            equal(refused.returncode, 1)
            os.rmdir(segments)
            os.rename(segments + ".away", segments)
            wait_until(lambda: mta.request("status")["state"] == "serving")
            mta.mhs("send", "--from", ANN, "--to", BEN, "--text", "x")
            check(b"\0" * 30000 in mta.client().content(BEN, entry), "Ben's message is whole again")
            stage.hand_over(text_message("all-goes-on", [BEN, ANN]))
            with mta.client() as client:
                wait_until(lambda: any(";all-goes-on]" in e["mts-identifier"] for e in client.entries(ANN)))
            equal(set(processes(mta.process.pid)), before)


def track(mta, *arguments):
    """What `mhs --json track` shows."""
    return json.loads(mta.mhs("--json", "track", *arguments).stdout)


@case("tracking goes back over restarts, in pages, by content-identifier and by a local identifier of anyone")
def _():
    with folder() as path:
        far = Neighbour()
        with Stage(path, far=far) as stage:
            with stage.mta.client() as client:
                for number in range(130):
                    client.submit(local.submission_envelope(ANN, [BEN], content_identifier=f"batch {number % 2}"),
                                  ipm.ipm(f"many-{number}", ANN, [BEN], "many", ipm.file_part("octets", b"x")))
            with stage.call() as peer:
                peer.transfer(text_message("their-own", [ANN]))
                peer.release()
            wait_until(lambda: stage.mta.request("status")["counters"]["delivered"] == 131)
            stage.mta.stop()
            stage.mta.start()
            mta = stage.mta
            names = [m["mts-identifier"] for m in track(mta, "--recent", "500")["messages"]]
            equal((len(names), len(set(names))), (131, 131))
            check(";their-own]" in names[0], "the newest first")
            first = track(mta, "--recent", "7")
            second = track(mta, "--recent", "110", "--after", str(first["cursor"]))
            equal([m["mts-identifier"] for m in first["messages"] + second["messages"]], names[:117])
            rest = track(mta, "--recent", "500", "--after", str(second["cursor"]))
            equal(([m["mts-identifier"] for m in rest["messages"]], rest["cursor"]), (names[117:], None))
            for half in (0, 1):
                found = track(mta, "--content-identifier", f"batch {half}")
                equal([m["mts-identifier"] for m in found["messages"]], names[2 - half::2])
                check(all("delivered" in [e["event"] for e in m["events"]] for m in found["messages"]))
            equal(mta.mhs("track", "--content-identifier", "batch 2", check=False).returncode, 1)
            equal([m["mts-identifier"] for m in track(mta, "their-own")["messages"]], names[:1])
            equal([m["mts-identifier"] for m in track(mta, names[40].rpartition(";")[2][:-1])["messages"]], names[40:41])
            equal(mta.mhs("track", "their-ow", check=False).returncode, 1)
            shown = mta.mhs("track", "--recent", "2").stdout
            check(names[0] in shown and names[1] in shown and "--after" in shown, shown)


@case("a page of the history that ends with an identifier of two messages passes over nothing between them")
def _():
    with folder() as path, Stage(path, far=Neighbour()) as stage:
        for number, name in enumerate(("twice", "between", "twice")):
            with stage.call() as peer:
                peer.transfer(text_message(name, [ANN], f"text {number}"))
                peer.release()
        wait_until(lambda: stage.mta.request("status")["counters"]["delivered"] == 3)
        first = track(stage.mta, "--recent", "1")
        then = track(stage.mta, "--recent", "1", "--after", str(first["cursor"]))
        for page, name in (first, "twice"), (then, "between"):
            equal([m["mts-identifier"].rpartition(";")[2] for m in page["messages"]], [f"{name}]"])


tap.main()
