"""A daemon under test: its configuration, its life and death, and its local socket."""
import atexit
import contextlib
import ctypes
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time

from peer import local
from peer.tap import PATIENCE
from scenario import members, postgres, proc

SOURCE = os.environ.get("CHASQUI_SOURCE", os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))
BUILD = os.environ.get("CHASQUI_BUILD", os.path.join(SOURCE, "build"))
# A play that is told to end still ends its daemons, on its way out.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
SANITIZER_FINDINGS = re.compile(r"ERROR: (Address|Leak)Sanitizer|runtime error:|SUMMARY: \w+Sanitizer")


def program(name):
    return os.path.join(BUILD, "src", name, name)


def fixed_ports():
    """Those that the kernel gives nobody who asks for any: while a daemon is down nobody else is given its port."""
    with contextlib.suppress(OSError), open("/proc/sys/net/ipv4/ip_local_port_range") as file:
        return range(10_000, int(file.read().split()[0]))
    return range(0)


def free_port():
    for port in [*random.SystemRandom().sample(fixed_ports(), min(100, len(fixed_ports()))), 0]:
        with contextlib.suppress(OSError), socket.socket() as sock:
            sock.bind(("127.0.0.1", port))
            return sock.getsockname()[1]
    raise RuntimeError("no port is free")


def quoted(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, (list, tuple)):
        return "{ " + ", ".join(map(quoted, value)) + " }"
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def options(values):
    """Options of one section; a dict is a section, one whose values are dicts a titled section each."""
    out = []
    for key, value in values.items():
        if isinstance(value, dict) and value and all(isinstance(v, dict) for v in value.values()):
            out += [f'{key} {quoted(title)} {{\n{options(inner)}\n}}' for title, inner in value.items()]
        elif isinstance(value, dict):
            out.append(f"{key} {{\n{options(value)}\n}}")
        else:
            out.append(f"{key} = {quoted(value)}")
    return "\n".join(out)


def peer_section(port, name="PEER", password="secret", our="DAEMON", our_password="our secret", **more):
    """A neighbour at a port of loopback. Further options with underscores for hyphens."""
    section = {"address": [f"Internet=127.0.0.1+{port}"], "mta-name": name, "password": password, "our-mta-name": our,
               "our-password": our_password, "first-retry": 1, "longest-retry": 2}
    section.update({key.replace("_", "-"): value for key, value in more.items()})
    return section


def living(group):
    """True while a process of the group is not dead yet."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return any(proc.is_alive(int(name)) for name in os.listdir("/proc") if name.isdigit() and proc.group(int(name)) == group)


def landlock():
    """The version of Landlock that the kernel has; 0 or less: none."""
    return ctypes.CDLL(None).syscall(ctypes.c_long(444), None, ctypes.c_size_t(0), ctypes.c_uint32(1))


SANDBOX = "full" if landlock() > 0 else "partial"


# A PostgreSQL server that all daemons of the play keep their stores in, when $CHASQUI_TEST_STORE asks for it.
_server = None
_databases = {}


def store_of(folder):
    """Where the daemon with this folder keeps its store: in the folder, or in a database of its own."""
    global _server
    if os.environ.get("CHASQUI_TEST_STORE") != "postgresql":
        return os.path.join(folder, "store")
    if not _server:
        if not postgres.binaries():
            print(f"1..0 # SKIP {postgres.MISSING}", flush=True)
            os._exit(0)
        _server = postgres.Postgres().start()
        atexit.register(_server.remove)
    if folder not in _databases:
        _databases[folder] = _server.database()
    return _databases[folder]


def run_mhs(*arguments):
    """What `mhs` prints that needs no daemon."""
    return subprocess.run([program("mhs"), *arguments], capture_output=True, text=True, timeout=2 * PATIENCE, check=True).stdout


class Mhsd:
    """One daemon. `with Mhsd(folder, ...) as mta:` starts it; at the end it is stopped and its log looked over."""

    host = "127.0.0.1"
    patience = PATIENCE     # for an answer at the local socket and for a stop

    def __init__(self, folder, name="ALPHA-MTA", domain="/C=GB/A=GOLD/P=ALPHA", port=None, environment=None, **settings):
        self.folder, self.name, self.domain, self.port = folder, name, domain, port or free_port()
        self.settings = settings
        self.socket_path = os.path.join(folder, "mhsd.sock")
        self.log_path = os.path.join(folder, "mhsd.log")
        self.environment = environment or {}
        self.before = []        # a command that executes the daemon's
        self.process = None
        os.makedirs(folder, exist_ok=True)
        self.store = settings.get("store") or store_of(folder)
        self.configure()

    def configure(self, **settings):
        """Writes the configuration, `settings` added to those of before."""
        self.settings.update(settings)
        values = {"mta-name": self.name, "domain": self.domain, "store": self.store,
                  "socket": self.socket_path, "run-as": "", "sandbox": SANDBOX, "listen": [f"Internet={self.host}+{self.port}"]}
        values.update({key.replace("_", "-"): value for key, value in self.settings.items()})
        with open(self.path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:     # it holds passwords
            file.write(options(values) + "\n")

    @property
    def path(self):
        return os.path.join(self.folder, "chasqui.conf")

    def start(self, wait=True, seconds=PATIENCE):
        environment = {**os.environ, "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
                       "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1", **self.environment}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen([*self.before, program("mhsd"), "-c", self.path], stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log, start_new_session=True, env=environment, cwd=self.folder)
        if wait:
            try:
                self.wait_ready(seconds)
            except Exception:
                self.kill()
                raise
        return self

    def wait_ready(self, seconds=PATIENCE):
        """Until the port and the local socket answer."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            if self.process.poll() is not None:
                raise RuntimeError(f"{self.name} ended with {self.process.returncode}:\n{self.log_tail()}")
            if self.answers():
                return
            time.sleep(0.02)
        raise RuntimeError(f"{self.name} was not ready after {seconds} s:\n{self.log_tail()}")

    def answers(self):
        """True when the port and the local socket answer."""
        try:
            socket.create_connection((self.host, self.port), timeout=1).close()
            with self.client() as client:
                client.request("status")
            return True
        except (OSError, local.Failed):
            return False

    def client(self):
        return local.Client(self.socket_path, self.patience)

    def request(self, operation, **members):
        with self.client() as client:
            return client.request(operation, **members)

    def mhs(self, *arguments, check=True, cwd=None, environment=None, stdin=None):
        """Runs `mhs` against this daemon, with `stdin` as its input; returns the finished process. Its leaks are looked for in
        the plays that are about it (meson.build): that takes as long as all else that it does."""
        done = subprocess.run([program("mhs"), *arguments], input=stdin or "", capture_output=True, text=True,
                              env={"ASAN_OPTIONS": "detect_leaks=0", **os.environ, **(environment or {}),
                                   "CHASQUI_SOCKET": self.socket_path}, timeout=2 * PATIENCE, cwd=cwd)
        members.judge(SOURCE, arguments, done.stdout)
        if check and done.returncode:
            raise RuntimeError(f"mhs {' '.join(arguments)}: exit {done.returncode}: {done.stderr}{done.stdout}")
        return done

    def kill(self):
        """SIGKILL to the daemon and all its processes at once, and until they are gone: one that is being killed, which takes
        as long as the disk needs that it waits for, holds the port and the store."""
        group, killed = self.process.pid, proc.family(self.process.pid)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(group, signal.SIGKILL)
        self.process.wait()
        deadline = time.monotonic() + PATIENCE
        while any(map(proc.is_alive, killed)) or living(group):
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: a process outlives SIGKILL")
            time.sleep(0.005)

    def stop(self, seconds=None):
        """SIGTERM; the exit status."""
        seconds = seconds or self.patience
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
            raise RuntimeError(f"{self.name} did not stop in {seconds} s:\n{self.log_tail()}") from None

    def reload(self):
        self.process.send_signal(signal.SIGHUP)

    def log(self):
        with open(self.log_path, errors="replace") as file:
            return file.read()

    def log_tail(self, lines=40):
        return "\n".join(self.log().splitlines()[-lines:])

    def check_log(self):
        found = SANITIZER_FINDINGS.search(self.log())
        if found:
            raise AssertionError(f"{self.name}: {found.group()} in {self.log_path}:\n{self.log()[found.start():][:3000]}")

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, _value, _trace):
        if self.process and self.process.poll() is None:
            try:
                status = self.stop()
            except RuntimeError:
                if kind is None:
                    raise
                return
            if kind is None and status != 0:
                raise AssertionError(f"{self.name} ended with {status}:\n{self.log_tail()}")
        if kind is None:
            self.check_log()
