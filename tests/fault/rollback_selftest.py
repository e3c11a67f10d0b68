#!/usr/bin/python3
"""Does taking back unsynced writes tell a store that syncs from one that doesn't? SQLite is the guinea pig."""
import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fault import rollback          # noqa: E402
from peer import tap                # noqa: E402

WRITER = """
import os, sqlite3, sys
database = sqlite3.connect(sys.argv[1])
for pragma in ("journal_mode=wal", "synchronous=" + sys.argv[2], "wal_autocheckpoint=50"):
    database.execute("pragma " + pragma)
database.execute("create table if not exists t (i integer primary key, d blob)")
database.commit()
number = database.execute("select coalesce(max(i), 0) from t").fetchone()[0]
while True:
    number += 1
    database.execute("insert into t values (?, ?)", (number, os.urandom(1500)))
    database.commit()
    os.write(1, b"%d\\n" % number)
"""


MAKER = """
import os, sys
for path in sys.argv[1:]:
    file = os.open(path, os.O_RDONLY) if os.path.isdir(path) else os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    if not os.path.isdir(path):
        os.write(file, b"octets")
    os.fsync(file)
"""


def one_round(folder, synchronous):
    """True when all that the writer said to be committed is still there after kill and rollback."""
    writer = subprocess.Popen([sys.executable, "-c", WRITER, f"{folder}/db", synchronous], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env={**os.environ, **rollback.environment(folder)})
    first = writer.stdout.readline()            # on a busy machine that takes its time
    time.sleep(random.uniform(0.05, 0.3))
    writer.kill()
    said = (first + writer.stdout.read()).split()
    writer.wait()
    rollback.take_back(folder)
    try:
        database = sqlite3.connect(f"{folder}/db")
        last = database.execute("select coalesce(max(i), 0) from t").fetchone()[0]
        whole = database.execute("pragma integrity_check").fetchone()[0] == "ok"
        database.close()
        return whole and last >= int(said[-1] if said else 0)
    except sqlite3.Error:
        return not said


def rounds(synchronous, count):
    folder = tempfile.mkdtemp(prefix="chasqui-rollback-")
    try:
        return [one_round(folder, synchronous) for _ in range(count)]
    finally:
        shutil.rmtree(folder)


@tap.case("a store that syncs before it answers keeps all that it confirmed")
def _():
    tap.check(all(rounds("FULL", 6)))


@tap.case("one that doesn't is caught")
def _():
    tap.check(not all(rounds("OFF", 6)))


def made(*folders):
    """Whether a file that was written and synced itself is there after the rollback, these folders having been synced too."""
    folder = tempfile.mkdtemp(prefix="chasqui-rollback-")
    os.mkdir(f"{folder}/inner")
    try:
        subprocess.run([sys.executable, "-c", MAKER, f"{folder}/inner/file", *(f"{folder}{name}" for name in folders)], check=True,
                       env={**os.environ, **rollback.environment(folder)})
        rollback.take_back(folder, share=1)
        return os.path.exists(f"{folder}/inner/file")
    finally:
        shutil.rmtree(folder)


@tap.case("a file that was made is gone when its folder was not synced, and there when it was")
def _():
    tap.equal((made(), made(""), made("/inner")), (False, False, True))


tap.main()
