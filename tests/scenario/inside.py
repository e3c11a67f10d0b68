"""What a play reads in a store behind the daemon's back, and how it makes a store refuse: the same words for either engine."""
import contextlib
import os
import resource
import sqlite3
import subprocess

from scenario import postgres, proc

# Every statement that would change a row fails while the flag is up, as on a full disk. A flag, since another lock on
# the tables would be another fault. Each trigger is a transaction of its own: with one lock at a time the daemon, which
# goes on writing meanwhile, waits and is never in a deadlock.
REFUSAL = """
CREATE SCHEMA fault;
CREATE TABLE fault.flag(up boolean);
INSERT INTO fault.flag VALUES(false);
CREATE FUNCTION fault.refuse() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    IF (SELECT up FROM fault.flag) THEN
        RAISE EXCEPTION 'no space is left, says the test' USING ERRCODE = 'disk_full';
    END IF;
    RETURN NULL;
END$$;
"""
TRIGGERS = """
DO $$DECLARE name text; BEGIN
    FOR name IN SELECT table_name FROM information_schema.tables WHERE table_schema = 'chasqui' LOOP
        EXECUTE format('CREATE TRIGGER refuse BEFORE INSERT OR UPDATE ON chasqui.%I EXECUTE FUNCTION fault.refuse()', name);
        COMMIT;
    END LOOP;
END$$;
"""


def is_server(store):
    return store.startswith("postgresql://")


def value(store, text):
    """The one number that the query gives, or None for NULL. Both engines give their tables the same names."""
    if is_server(store):
        answer = postgres.ask(store, "SET search_path = chasqui", text)
        return int(answer) if answer else None
    with contextlib.closing(sqlite3.connect(f"file:{store}/queue.db?mode=ro", uri=True)) as database:
        return database.execute(text).fetchone()[0]


def commits(store):
    """How many batches were committed so far: what the node counts, or iChange in the header of SQLite's WAL index."""
    if is_server(store):
        return value(store, "SELECT serial FROM node")
    with open(os.path.join(store, "queue.db-shm"), "rb") as file:
        return int.from_bytes(file.read(12)[8:], "little")


class Refusing:
    """Makes a running daemon's store refuse to write, and write again. In SQLite a limit on the length of files stands for
    the full disk: it is on the daemon's log as well, so that `room` octets more than the log has now are allowed."""

    def __init__(self, mta, room=1 << 16):
        self.mta, self.room = mta, room
        if is_server(mta.store) and value(mta.store, "SELECT (to_regclass('fault.flag') IS NULL)::int"):
            postgres.ask(mta.store, REFUSAL, TRIGGERS)

    def begin(self):
        if is_server(self.mta.store):
            postgres.ask(self.mta.store, "UPDATE fault.flag SET up = true")
        else:
            self._limit(os.path.getsize(self.mta.log_path) + self.room)

    def end(self):
        if is_server(self.mta.store):
            postgres.ask(self.mta.store, "UPDATE fault.flag SET up = false")
        else:
            self._limit(resource.RLIM_INFINITY)

    def _limit(self, most):
        """The parent first: what it forks from then on has the limit from it, what it forked before is in the list."""
        parent = self.mta.process.pid
        self._limit_of(parent, most)
        for pid in proc.family(parent):
            self._limit_of(pid, most)

    @staticmethod
    def _limit_of(pid, most):
        with contextlib.suppress(ProcessLookupError):
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
