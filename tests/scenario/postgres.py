"""A PostgreSQL server of a test's own: a new cluster in a folder, reached by a Unix socket there, with fsync on."""
import contextlib
import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time

from peer.tap import PATIENCE
from scenario import proc

PLACES = ["/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin"]
MISSING = "no PostgreSQL server is installed; `scripts/setup check` installs it"
# As few processes and as little memory as it can do with; durable as an operator's is.
SETTINGS = """listen_addresses = ''
unix_socket_directories = '{folder}'
max_connections = 40
shared_buffers = 32MB
max_wal_size = 256MB
fsync = on
full_page_writes = on
synchronous_commit = off     # the store sets it on for itself
max_worker_processes = 0
max_parallel_workers = 0
logging_collector = off
log_checkpoints = off
log_min_messages = warning
restart_after_crash = on
"""


def binaries():
    """The folder of the server's programs, or None."""
    return next((place for place in PLACES if os.access(os.path.join(place, "initdb"), os.X_OK)), None)


def account():
    """A server refuses to run as root: the user that it runs as then, else None."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        with contextlib.suppress(KeyError):
            return pwd.getpwnam(name)
    raise RuntimeError("neither user postgres nor nobody is there")


def ask(uri, *commands):
    """What psql prints of the commands, unaligned. Nothing more is done after the first that fails, which raises. What they
    change is on disk then: where a server is killed next, a fault that a play has ended would else be there again."""
    done = subprocess.run([os.path.join(binaries(), "psql"), "-qAtX", "-v", "ON_ERROR_STOP=1", uri,
                           *(word for text in commands for word in ("-c", text))],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
                          env={**os.environ, "PGOPTIONS": "-c synchronous_commit=local"})   # no standby is waited for
    if done.returncode:
        raise RuntimeError(f"psql {uri}: {done.stderr}")
    return done.stdout.strip()


class Postgres:
    """`with Postgres() as server:` starts it; at the end it is stopped and its folder removed. The folder is made in
    `place`, when one is named."""

    def __init__(self, settings="", place=None):
        self.account, self.postmaster, self.numbers = account(), None, itertools.count(1)
        self.folder = tempfile.mkdtemp(prefix="chasqui-pg-", dir=place)
        ports = [line.split("=")[1].strip() for line in settings.splitlines() if line.startswith("port")]
        self.port = ports[-1] if ports else "5432"
        self.data, self.log_path = os.path.join(self.folder, "data"), os.path.join(self.folder, "log")
        if self.account:
            os.chown(self.folder, self.account.pw_uid, self.account.pw_gid)
        os.chmod(self.folder, 0o755)    # the daemon's user must reach the socket
        self._run("initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C", "-D", self.data)
        with open(os.path.join(self.data, "postgresql.conf"), "a") as file:
            file.write(SETTINGS.format(folder=self.folder) + settings)

    def _identity(self):
        return {"user": self.account.pw_uid, "group": self.account.pw_gid, "extra_groups": []} if self.account else {}

    def _run(self, program, *arguments):
        done = subprocess.run([os.path.join(binaries(), program), *arguments], stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=self.folder, **self._identity())
        if done.returncode:
            raise RuntimeError(f"{program}: {done.stdout}")
        return done.stdout

    def start(self, seconds=PATIENCE):
        with open(self.log_path, "ab") as log:
            self.postmaster = subprocess.Popen(
                [os.path.join(binaries(), "postgres"), "-D", self.data], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                cwd=self.folder, start_new_session=True, **self._identity())
        self.wait_ready(seconds)
        return self

    def wait_ready(self, seconds=PATIENCE):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.postmaster.poll() is not None:
                raise RuntimeError(f"the server ended with {self.postmaster.returncode}:\n{self.log()[-3000:]}")
            if self.answers():
                return
            time.sleep(0.05)
        raise RuntimeError(f"the server was not ready after {seconds} s:\n{self.log()[-3000:]}")

    def answers(self):
        done = subprocess.run([os.path.join(binaries(), "pg_isready"), "-q", "-h", self.folder, "-p", self.port], check=False)
        return done.returncode == 0

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def uri(self, database="postgres", user="postgres"):
        return f"postgresql://{user}@/{database}?host={self.folder}&port={self.port}"

    def sql(self, text, database="postgres"):
        """What psql prints, unaligned."""
        return ask(self.uri(database), text)

    def database(self, name=None):
        """Makes an empty database; its URI."""
        name = name or f"store{os.getpid()}_{next(self.numbers)}"
        self.sql(f'CREATE DATABASE "{name}"')
        return self.uri(name)

    def kill(self):
        """As a power cut: SIGKILL to the postmaster and its children."""
        with contextlib.suppress(ProcessLookupError):
            self.postmaster.send_signal(signal.SIGSTOP)     # it forks no more
        children = self.backends()
        self.postmaster.kill()
        self.postmaster.wait()
        for pid in children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + PATIENCE
        while any(map(proc.is_alive, children)):
            if time.monotonic() > deadline:
                raise RuntimeError("a session outlives SIGKILL")
            time.sleep(0.01)

    def backends(self):
        """The pids of the postmaster's children."""
        return proc.children(self.postmaster.pid)

    def stop(self, how=signal.SIGQUIT, seconds=PATIENCE):
        """SIGQUIT: at once, with recovery at the next start; SIGINT: in order."""
        if not self.postmaster or self.postmaster.poll() is not None:
            return
        self.postmaster.send_signal(how)
        try:
            self.postmaster.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()

    def __enter__(self):
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def remove(self):
        self.stop()
        if not os.environ.get("KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)

    def __exit__(self, *_):
        self.remove()
