"""A PostgreSQL server for each daemon of a torture, and what befalls it.

What a server has not flushed when it is killed goes with it, as in a power cut. Its WAL writer, which would flush within a
fifth of a second what was written asynchronously, sleeps long; `hold_back` stops it, so that only commits flush. A COMMIT waits
some milliseconds for others' before it flushes: so it is often met in the midst."""
import contextlib
import os
import signal
import time

from scenario import postgres, proc

SETTINGS = """commit_delay = 3000
commit_siblings = 0
wal_writer_delay = 10s
wal_buffers = 16MB
autovacuum_naptime = 5s
"""
PATIENCE = 300          # seconds: a long run may be the last that gets a processor
DAEMON, SERVER, MACHINE = "the daemon", "the server", "the machine"
PARENT = "the parent alone"
PROCESSES = {f"the {kind} process": kind for kind in ("store", "net", "clients", "reader")}
AT_ONCE = "the server at once (SIGQUIT)"
CRASH_IN_COMMIT, END_IN_COMMIT = "a session killed in COMMIT", "a session ended in COMMIT"
HANG = "a process that hangs (SIGSTOP)"
# What befalls a daemon and its store in a round.
FAULTS = {"sqlite": [DAEMON, PARENT, *PROCESSES, HANG],
          "postgresql": [DAEMON, PARENT, *PROCESSES, HANG, SERVER, MACHINE, AT_ONCE, CRASH_IN_COMMIT, END_IN_COMMIT]}
SIGNALS = {CRASH_IN_COMMIT: signal.SIGKILL, END_IN_COMMIT: signal.SIGTERM}
# Each transaction of a batch then says that it is durable before it is: every batch changes this row.
FORGET = """CREATE SCHEMA fault;
CREATE FUNCTION fault.forget() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    RETURN NULL;
END$$;
CREATE TRIGGER forget BEFORE UPDATE ON chasqui.node EXECUTE FUNCTION fault.forget();"""


def title(pid):
    """What a process of the server does, as it says itself."""
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as file:
        return file.read().rstrip(b"\0 ").decode(errors="replace")
    return ""


class Server:
    def __init__(self, place=None, settings=""):
        self.postgres, self.held_back = postgres.Postgres(SETTINGS + settings, place), False
        try:
            self.start()
            self.store = self.postgres.database()
        except BaseException:
            self.remove()
            raise

    def start(self):
        self.postgres.start(PATIENCE)
        if self.held_back:
            self.hold_back()

    def hold_back(self):
        """From now on nothing is flushed but by commits, in later lives too."""
        self.held_back, deadline = True, time.monotonic() + PATIENCE
        while not (found := [pid for pid in self.postgres.backends() if title(pid).endswith("walwriter")]):
            if time.monotonic() > deadline:
                raise RuntimeError(f"no WAL writer:\n{self.postgres.log()[-3000:]}")
            time.sleep(0.02)
        os.kill(found[0], signal.SIGSTOP)

    def lie(self):
        """From now on batches are said to be durable that are not."""
        postgres.ask(self.store, FORGET)
        self.hold_back()

    def kill(self):
        self.postgres.kill()

    def end_at_once(self):
        """What pg_ctl stop -m immediate does."""
        self.postgres.stop(signal.SIGQUIT)

    def tend(self):
        """A server that has ended is started again, as an operator would do: true when it had."""
        with contextlib.suppress(RuntimeError):
            self.postgres.wait_ready(PATIENCE)
        ended = self.postgres.postmaster.poll() is not None
        if ended:
            self.start()
        return ended

    def hit_commit(self, number, seconds=3):
        """Sends the signal to a session in the middle of its COMMIT; false when there was none for so long."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            sessions = self.postgres.backends()
            for pid in sessions * 20:
                if not title(pid).endswith(" COMMIT"):
                    continue
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
                while os.path.exists(f"/proc/{pid}") and time.monotonic() < deadline:
                    time.sleep(0.005)   # the server learns of it
                return True
        return False

    def remove(self):
        if self.held_back and self.postgres.postmaster:
            self.postgres.kill()        # one that is stopped would be waited for
        self.postgres.remove()


def kill_one(mta, kind, random):
    """SIGKILL to one process of the kind, and until it is gone; the parent starts it anew. False when none is there."""
    found = [pid for pid in proc.children(mta.process.pid) if proc.name(pid).startswith(kind)]
    if not found:
        return False
    pid = random.choice(found)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    await_end(mta, [pid])
    return True


def hang(mta, random):
    """One of its processes does nothing for a while."""
    found = proc.children(mta.process.pid)
    if not found:
        return False
    pid = random.choice(found)
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGSTOP)
        time.sleep(random.uniform(0.1, 2))
        os.kill(pid, signal.SIGCONT)
    return True


def kill_parent(mta):
    """SIGKILL to the parent alone: the others have to end by themselves, for nobody would supervise them any more."""
    others = proc.children(mta.process.pid)
    mta.process.kill()
    mta.process.wait()
    await_end(mta, others)


def await_end(mta, pids):
    deadline = time.monotonic() + PATIENCE
    while any(map(proc.is_alive, pids)):
        if time.monotonic() > deadline:
            raise RuntimeError(f"{mta.name}: a process has not ended")
        time.sleep(0.005)


def strike(mta, server, how, random):
    """Lets it befall the daemon, and brings the server back, not the daemon. True when it came about."""
    came = True
    if how in SIGNALS:
        came = server.hit_commit(SIGNALS[how])
    elif how in PROCESSES:
        came = kill_one(mta, PROCESSES[how], random)
    elif how == HANG:
        came = hang(mta, random)
    else:
        blows = {DAEMON: [mta.kill], PARENT: [lambda: kill_parent(mta)], SERVER: [server and server.kill],
                 AT_ONCE: [server and server.end_at_once], MACHINE: [mta.kill, server and server.kill]}[how]
        for blow in random.sample(blows, len(blows)):
            blow()
    if server:
        server.tend()
    return came
