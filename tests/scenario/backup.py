#!/usr/bin/python3
"""Backups of a store that serves, and what a restore brings back."""
import hashlib
import json
import os
import shutil
import subprocess
import threading

from players import ANN, BEN, FAY, LARGE, Unharmed, folder, hostile_stage, letter_between  # it makes packages importable
from peer import ipm, local, tap, x411
from scenario.chasqui import program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until


def mhs(*arguments, **environment):
    return subprocess.run([program("mhs"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, env={**os.environ, **environment})


def backup(stage, to, *options):
    return mhs("store", "backup", *options, to, CHASQUI_SOCKET=stage.mta.socket_path)


def store_of(stage):
    return os.path.join(stage.mta.folder, "store")


def octets_of(number):
    """A content's part, for the segments: another for each message."""
    return hashlib.sha256(str(number).encode()).digest() * 1000


def letter(number, to):
    name = f"letter-{number}"
    content = ipm.ipm(name, ANN, [to], name, ipm.file_part("octets", octets_of(number)))
    return local.submission_envelope(ANN, [to]), content


class Load:
    """Submits letters to Ben and to FAR, one after the other; what was delivered to Ben is deleted again but for the
    first ones, so that space is freed and wanted all the time. `confirmed` are those whose submission was answered."""

    def __init__(self, stage, kept):
        self.stage, self.kept, self.confirmed, self.ending = stage, kept, [], threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        try:
            with self.stage.mta.client() as client:
                number = 0
                while not self.ending.is_set():
                    client.submit(*letter(number, FAY if number % 2 else BEN))
                    self.confirmed.append(number)
                    number += 1
                    for entry in client.entries(BEN)[self.kept:]:
                        client.request("mailbox-delete", mailbox=BEN, entry=entry["entry"])
        except (OSError, EOFError):
            pass            # the daemon was killed

    def end(self):
        self.ending.set()
        self.thread.join()


def contents(stage, mailbox):
    with stage.mta.client() as client:
        return {e["entry"]: client.content(mailbox, e["entry"]) for e in client.entries(mailbox)}


@case("a backup under load, the daemon killed, restored: nothing is lost that was confirmed before the backup")
def _():
    with folder() as path, hostile_stage(path) as stage:
        kept = 10
        copy = os.path.join(path, "copy")
        with Unharmed(stage, LARGE, letter_between(stage.mta, ANN, ANN)) as attack:
            load = Load(stage, kept)
            wait_until(lambda: len(load.confirmed) > 60)
            before = list(load.confirmed)
            done = backup(stage, copy)
            equal((done.returncode, done.stderr), (0, ""))
            attack.served("a-backup")
        check(len(load.confirmed) > len(before), "nothing was submitted meanwhile")
        equal(mhs("store", "check", copy).stdout, f"{copy}: every invariant holds\n")
        wait_until(lambda: len(load.confirmed) > len(before) + 20)
        stage.mta.kill()
        load.end()
        shutil.rmtree(store_of(stage))
        done = mhs("store", "restore", "--store", store_of(stage), copy)
        equal((done.returncode, done.stderr), (0, ""))
        stage.mta.start()
        wait_until(lambda: not stage.mta.request("queue-list")["entries"])
        found = contents(stage, BEN)
        for number in range(0, 2 * kept, 2):
            check(any(octets_of(number) in content for content in found.values()), f"letter {number} to Ben is lost")
        missing = {number for number in before if number % 2}
        while missing:
            _, apdu = stage.far.arrived.get(timeout=tap.PATIENCE)
            missing = {number for number in missing if isinstance(apdu, Exception) or octets_of(number) not in apdu}
        with stage.mta.client() as client:
            client.submit(*letter(-1, BEN))
            wait_until(lambda: len(client.entries(BEN)) == len(found) + 1)
        equal(stage.mta.stop(), 0)
        equal(mhs("store", "check", store_of(stage)).returncode, 0)


@case("backups and restores that would harm are refused with the remedy, and change nothing")
def _():
    with folder() as path, hostile_stage(path) as stage:
        with stage.mta.client() as client:
            for number in range(3):
                client.submit(*letter(number, BEN))
            entries = wait_until(lambda: (lambda e: e if len(e) == 3 else None)(client.entries(BEN)))
        copy, store = os.path.join(path, "copy"), store_of(stage)
        open_to_all, unfinished = os.path.join(path, "open"), os.path.join(path, "unfinished")
        os.mkdir(open_to_all)
        os.chmod(open_to_all, 0o777)
        os.makedirs(f"{unfinished}/segments")
        with open(f"{unfinished}/queue.db.unfinished", "wb"):
            pass
        with Unharmed(stage) as attack:
            with stage.mta.client() as other:
                equal(other.request("backup-begin"), {"store": store})
                done = backup(stage, copy)
                equal(done.returncode, 1)
                check("a backup is under way already" in done.stderr, done.stderr)
                attack.served("a-second-backup")
            wait_until(lambda: backup(stage, copy).returncode == 0)     # the one that was under way went with its client
            for done, status, text in (
                    (backup(stage, copy), 1, "is not empty: name a new folder"),
                    (mhs("store", "backup", "--store", store, f"{copy}2"), 1, "another process writes to this store: mhsd"),
                    (mhs("store", "restore", "--store", store, copy), 1, "another process writes to this store: mhsd"),
                    (mhs("store", "restore", "--store", store, "--force", copy), 1, "another process writes to this store: mhsd"),
                    (mhs("store", "restore", "--store", store, path), 4, "there is no store here"),
                    (backup(stage, open_to_all), 1, "may be written by everybody"),
                    (mhs("store", "restore", "--store", f"{path}/fresh", unfinished), 1, "was broken off and is not whole"),
                    (backup(stage, f"{copy}3/deep"), 4, "make the folder above it first"),
                    (mhs("store", "restore", "--store", f"{path}/none/deep", copy), 4, "make the folder above it first")):
                equal(done.returncode, status, done.stderr)
                check(text in done.stderr, done.stderr)
            attack.served("what-is-refused")
        with stage.mta.client() as client:
            client.request("mailbox-delete", mailbox=BEN, entry=entries[0]["entry"])
        equal(stage.mta.stop(), 0)
        done = mhs("store", "restore", "--store", f"{store}e", copy)       # a slip
        equal((done.returncode, done.stdout), (0, f"{store}e: a new store was made from the copy in {copy}; every invariant holds\n"))
        done = mhs("store", "restore", "--store", store, copy)
        equal(done.returncode, 1)
        itself = mhs("store", "restore", "--store", store, "--force", store)
        equal(itself.returncode, 1)
        check("is the store itself" in itself.stderr, itself.stderr)
        check("there is a store already" in done.stderr and "--force" in done.stderr, done.stderr)
        segment, = os.listdir(os.path.join(copy, "segments"))
        with open(os.path.join(copy, "segments", segment), "r+b") as file:
            file.write(b"flipped")
        done = mhs("store", "restore", "--store", store, "--force", copy)
        equal(done.returncode, 1)
        check("findings" in done.stderr, done.stderr)
        stage.mta.start()
        equal(len(contents(stage, BEN)), 2, "nothing was changed")
        equal(stage.mta.stop(), 0)
        shutil.rmtree(copy)
        equal(mhs("store", "backup", "--store", store, copy).returncode, 0, "without a daemon")
        stage.mta.start()
        with stage.mta.client() as client:
            client.request("mailbox-delete", mailbox=BEN, entry=entries[1]["entry"])
        equal(stage.mta.stop(), 0)
        done = mhs("--json", "store", "restore", "--store", store, "--force", copy)
        equal((done.returncode, json.loads(done.stdout)), (0, {"store": store, "copy": copy, "checked": True}))
        equal(mhs("store", "check", os.path.join(store, "replaced")).returncode, 0, "what was there is kept")
        shutil.rmtree(os.path.join(store, "replaced"))
        done = mhs("store", "restore", "--store", store, "--force", copy)
        equal(done.stdout, f"{store}: the store was restored from the copy in {copy}; every invariant holds; what was there is kept in {store}/replaced\n")
        stage.mta.start()
        equal(len(contents(stage, BEN)), 2)


tap.main()
