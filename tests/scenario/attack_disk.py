#!/usr/bin/python3
"""Attacks on the disk: envelopes for many, uids without a mailbox, more than a mailbox may hold, a disk that fills."""
import contextlib
import json
import os
import sqlite3
import subprocess

from players import (ANN, BEN, HOME, JOE, MB, Unharmed, folder, hostile_stage, processes,  # it makes packages importable
                     text_message)
from peer import ipm, local, tap, x411

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
MANY = [f"{HOME}/S=crowd{n}" for n in range(500)]
PRIVATE = "1.3.6.1.4.1.32473.1"
DISCLOSED = (0,)        # PerMessageIndicators: disclosure-of-other-recipients
NOBODY = 65534


def large(octets):
    return x411.extension(PRIVATE, x411.ber.octets(os.urandom(octets)))


def stored_octets(stage):
    """What the database takes of the disk: blocks, not lengths. Segments are made whole, before they are used."""
    found = 0
    for place, folders, names in os.walk(os.path.join(stage.mta.folder, "store")):
        folders.clear()
        for name in names:
            with contextlib.suppress(FileNotFoundError):
                found += os.stat(os.path.join(place, name)).st_blocks * 512
    return found


def rows(stage, text):
    database = sqlite3.connect(f"file:{stage.mta.folder}/store/queue.db?mode=ro", uri=True, timeout=20)
    try:
        return database.execute(text).fetchall()
    finally:
        database.close()


def count(stage, table):
    return rows(stage, f"SELECT count(*) FROM {table}")[0][0]


def needs_root():
    if os.geteuid() != 0:
        raise tap.Skip("only root can become another user, and mount")


@case("an envelope of 1 MB for 500 mailboxes takes the disk of one, also with disclosure of recipients; the last entry frees it")
def _():
    users = {name: {"available": True} for name in [ANN, BEN] + MANY}
    with folder() as path, hostile_stage(path, user=users) as stage, Unharmed(stage, 192 * MB) as unharmed:
        before = stored_octets(stage)
        stage.hand_over(text_message("crowd", MANY, extensions=[large(MB)], indicators=DISCLOSED))
        unharmed.served("crowd")
        wait_until(lambda: count(stage, "entry") == len(MANY), 120, "all entries")
        check(stage.mta.request("status")["store"]["content-octets"] < MB)
        grown = stored_octets(stage) - before
        tap.note(f"{grown // 1024} kB on disk for {len(MANY)} mailboxes")
        check(grown < 12 * MB, f"{grown} octets")
        with stage.mta.client() as client:
            for name in (MANY[0], MANY[-1]):
                entry, = client.entries(name)
                envelope = client.whole(name, entry["entry"], 1)
                check(len(envelope) > MB, "the extension is there")
                check(MANY[250].split("=")[-1].encode() in envelope and JOE.split("=")[-1].encode() in envelope)
            for name in MANY:
                client.request("mailbox-delete", mailbox=name, entry=1)
        equal((count(stage, "entry"), count(stage, "message")), (0, 0))


@case("an envelope that fits in no frame is listed, read, shown and saved")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, 96 * MB) as unharmed:
        stage.hand_over(text_message("long", [ANN], text="read me", extensions=[large(900_000), large(2 * MB)]))
        wait_until(lambda: stage.mta.request("mailboxes")["mailboxes"][0]["entries"] == 1)
        check("read me" in stage.mta.mhs("read", "--user", ANN, "1").stdout)
        saved = os.path.join(path, "saved")
        stage.mta.mhs("save", "--user", ANN, "--content", saved, "1")
        with open(saved, "rb") as file:
            check(b"read me" in file.read())
        check("read me" in stage.mta.mhs("--json", "read", "--user", ANN, "1").stdout)
        with stage.mta.client() as client:
            whole, total = client.whole(ANN, 1, 1), client.fetch(ANN, 1, 1, 0, 10)[1]
            equal(len(whole), total)
            for offset, length in ((total - 3, 100), (total, 100), (2 ** 63, 100), (5, 0)):
                equal(client.fetch(ANN, 1, 1, offset, length)[0], whole[offset:offset + length])
            for part, length in ((2, 10), (255, 10), (1, 262145)):
                try:
                    client.fetch(ANN, 1, part, 0, length)
                    check(False, "was answered")
                except local.Failed as failed:
                    equal(failed.code, "bad-request")
        unharmed.served("long")


STRANGER = """
import sys
sys.path.insert(0, {tests!r})
sys.dont_write_bytecode = True
from peer import local
ann, path = {ann!r}, {path!r}
with local.Client(path) as client:
    client.begin(local.submission_envelope(ann, [ann]), bytes({octets}))
    client.end()
    kind, ref, payload = client.receive()
    print(payload[1:].decode())
"""


@case("a uid without a mailbox is refused before anything is stored")
def _():
    needs_root()
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, 96 * MB) as unharmed:
        os.chmod(path, 0o755)
        before = stored_octets(stage)
        script = STRANGER.format(tests=os.path.dirname(os.path.dirname(os.path.abspath(__file__))), ann=ANN,
                                 path=stage.mta.socket_path, octets=40 * MB)
        done = subprocess.run(["/usr/bin/python3", "-c", script], user=NOBODY, group=NOBODY, extra_groups=[], cwd="/",
                              capture_output=True, text=True, timeout=60)
        equal(json.loads(done.stdout)["error"]["code"], "not-permitted", done.stderr)
        check(f"uid {NOBODY}" in done.stdout, done.stdout)
        check(stored_octets(stage) - before < 4 * MB)
        unharmed.served("stranger")


@case("what one uid has in open submissions is limited, over all its connections, and free again when they end")
def _():
    with folder() as path, hostile_stage(path, limits={"submission-octets": 3 * MB}) as stage, Unharmed(stage) as unharmed:
        envelope = local.submission_envelope(ANN, [BEN])
        with stage.mta.client() as one, stage.mta.client() as two:
            one.begin(envelope, bytes(2 * MB))
            equal(one.request("status")["state"], "serving")    # it has read all of it
            two.begin(envelope, bytes(2 * MB))
            kind, _ref, payload = two.receive()
            equal((kind, json.loads(payload[1:])["error"]["code"]), (local.SUBMIT_RESULT, "too-large"))
        unharmed.served("open")

        def submitted():
            with stage.mta.client() as client:
                try:
                    return client.submit(envelope, ipm.ipm("s", ANN, [BEN], "s", ipm.file_part("f", bytes(2 * MB))))
                except local.Failed:
                    return False
        wait_until(submitted, what="the octets of the closed connections are free")


@case("a full mailbox takes no more: its mail is non-delivered with the reason, the log says so, the owner sees it, deleting helps")
def _():
    with folder() as path, hostile_stage(path, limits={"mailbox-octets": 300_000}) as stage, Unharmed(stage) as unharmed:
        def send(name):
            stage.hand_over(text_message(name, [BEN], text="x" * 100_000))

        for n in range(2):
            send(f"fits-{n}")
        wait_until(lambda: len(stage.mta.client().entries(BEN)) == 2)
        for n in range(20):
            send(f"over-{n}")
        reports = [stage.near.next() for _ in range(20)]
        equal({(r["reason"], r["diagnostic"]) for report in reports for r in report.recipients}, {(1, 4)})
        unharmed.logged("mailbox", "ben", "is full")
        equal(stage.mta.log().count("is full: it holds"), 1, "one line for many")
        shown, = [m for m in stage.mta.request("mailboxes")["mailboxes"] if "ben" in m["mailbox"]]
        check(200_000 < shown["octets"] <= shown["quota"] == 300_000, shown)
        check("of 300" in stage.mta.mhs("list", "--mailboxes").stdout, stage.mta.mhs("list", "--mailboxes").stdout)
        unharmed.served("full")
        stage.mta.mhs("delete", "--user", BEN, "1")
        send("again")
        wait_until(lambda: len(stage.mta.client().entries(BEN)) == 2)


@case("a disk that filled takes mail again when mail was deleted, and log and status say what is refused, and why")
def _():
    needs_root()
    with folder() as path:
        place = os.path.join(path, "disk")
        os.mkdir(place)
        if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=160m", "tmpfs", place], capture_output=True).returncode:
            raise tap.Skip("nothing can be mounted here")
        try:
            with hostile_stage(path, store=os.path.join(place, "store")) as stage:
                content = ipm.ipm("big", ANN, [BEN], "big", ipm.file_part("f", os.urandom(30 * MB)))

                def submit():
                    with stage.mta.client() as client:
                        try:
                            return client.submit(local.submission_envelope(ANN, [BEN]), content)
                        except local.Failed as failed:
                            equal(failed.code, "unavailable")
                            return None
                equal([bool(submit()) for _ in range(5)][-1], False)
                before = set(processes(stage.mta.process.pid))
                wait_until(lambda: "no content of more than 8 kB is taken any more" in stage.mta.log(), what="the log's line")
                with stage.mta.client() as client:      # short ones go on
                    client.submit(local.submission_envelope(ANN, [BEN]), ipm.ipm("short", ANN, [BEN], "short", ipm.text("x")))
                status = stage.mta.request("status")
                equal(status["state"], "serving")
                check(status["cause"].endswith("make room"), status["cause"])
                check("make room" in stage.mta.mhs("status").stdout)
                with stage.mta.client() as client:
                    for entry in client.entries(BEN):
                        client.request("mailbox-delete", mailbox=BEN, entry=entry["entry"])
                wait_until(lambda: stage.mta.request("status")["cause"] is None)
                wait_until(submit, what="it takes large mail again, without a restart")
                wait_until(lambda: "takes contents of more than 8 kB again" in stage.mta.log())
                check("no message is taken any more" not in stage.mta.log(), "each line is about what is refused")
                equal(stage.mta.log().count("is taken any more"), 1, "it stayed so")
                filler = os.path.join(place, "filler")
                with open(filler, "wb") as file:        # a true stop is told of, though there was a line a moment ago
                    free = os.statvfs(place)
                    os.posix_fallocate(file.fileno(), 0, free.f_bavail * free.f_bsize - 20 * MB)
                wait_until(lambda: "no message is taken any more" in stage.mta.log(), what="the other line")
                equal(stage.mta.request("status")["state"], "refusing")
                with stage.mta.client() as client:
                    big = [entry["entry"] for entry in client.entries(BEN) if entry["size"] > 30 * MB][-1]
                saved = os.path.join(place, "saved")
                for force in [], ["--force"]:           # what has no room leaves no piece behind
                    failed = stage.mta.mhs("save", "--user", BEN, *force, "--content", saved, str(big), check=False)
                    equal((failed.returncode, os.path.exists(saved)), (4, False), failed.stderr)
                    check("No space left" in failed.stderr, failed.stderr)
                os.remove(filler)
                wait_until(lambda: "takes messages again" in stage.mta.log())
                equal(set(processes(stage.mta.process.pid)), before)
        finally:
            subprocess.run(["umount", place], check=False)


@case("a store that is removed or moved while it is served takes no mail, log and status say so, and it is served when it is back")
def _():
    with folder() as path, hostile_stage(path) as stage:
        def submit(octets=1):
            with stage.mta.client() as client:
                try:
                    return client.submit(local.submission_envelope(ANN, [BEN]), ipm.ipm("short", ANN, [BEN], "short", ipm.text("x" * octets)))
                except local.Failed as failed:
                    equal(failed.code, "unavailable")
                    return None
        check(submit())
        store = os.path.join(stage.mta.folder, "store")
        os.rename(store, store + ".away")
        wait_until(lambda: stage.mta.request("status")["state"] == "refusing", what="a refusal")
        check("queue.db was moved away or removed" in stage.mta.request("status")["cause"])
        wait_until(lambda: "queue.db was moved away or removed" in stage.mta.log(), what="the log's line")
        equal(submit(), None)
        os.rename(store + ".away", store)
        wait_until(submit, what="mail is taken again")
        # Contents are written to open segments wherever they lie, and new ones can't be made.
        check(submit(40000))
        os.rename(f"{store}/segments", f"{store}.segments")
        wait_until(lambda: stage.mta.request("status")["state"] == "refusing", what="a refusal without segments")
        check("segments was moved away or removed" in stage.mta.request("status")["cause"])
        os.rename(f"{store}.segments", f"{store}/segments")
        wait_until(submit, what="mail is taken again")
        os.rename(f"{store}/segments", f"{store}.segments")
        with open(f"{store}/segments", "w"):        # a file of that name is no folder
            pass
        wait_until(lambda: stage.mta.request("status")["state"] == "refusing", what="a refusal with a file in the place of segments")
        os.remove(f"{store}/segments")
        equal(submit(40000), None)
        os.rename(f"{store}.segments", f"{store}/segments")
        wait_until(lambda: submit(40000), what="mail is taken again with its segments")


tap.main()
