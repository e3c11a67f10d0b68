"""The parts that several plays cast: a neighbour that receives, and the usual daemon between two neighbours."""
import collections
import contextlib
import os
import queue
import shutil
import socket
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
from peer import ipm, local, tap, x411                                  # noqa: E402
from peer.association import ENDED, Association                       # noqa: E402
from peer.transport import Transport                             # noqa: E402
from scenario import proc                                        # noqa: E402
from scenario.chasqui import Mhsd, peer_section                  # noqa: E402

HOME, NEAR, FAR = "/C=GB/A=GOLD/P=ALPHA", "/C=FR/A=NEAR", "/C=DE/A=FAR"
ANN, BEN, JOE = f"{HOME}/S=ann", f"{HOME}/S=ben", f"{NEAR}/S=joe"
FAY = f"{FAR}/S=fay"
KINDS = {"store", "reader", "net", "clients", "work"}
MB = 1 << 20
# What a process may grow by at its peak, under the sanitizers: twice the octets, and what they keep of freed ones.
SMALL, LARGE = 32 * MB, 96 * MB
SEARCHED = 1 << 60      # who reads all that a process has gives it the pages that it never touched, as some kernels count
SANITIZER = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0:quarantine_size_mb=4:malloc_context_size=2"}


class Called:
    """Listens, and answers each connection by `_associate(sock)`: each in a thread of its own, or one after the other."""

    def __init__(self, port=0, together=True):
        self.together, self.sockets = together, []
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.sockets.append(sock)
            if self.together:
                threading.Thread(target=self._associate, args=(sock,), daemon=True).start()
            else:
                self._associate(sock)

    def close(self):
        """Nobody comes in any more: a thread that waits in accept() would let one more in after close() alone."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Scripted(Called):
    """A neighbour that answers each call, one after the other, by a script: a function of the Association."""

    def __init__(self, script=None, mta="FAR", password="far's secret"):
        self.script, self.mta, self.password = script, mta, password
        super().__init__(together=False)

    def _associate(self, sock):
        with contextlib.closing(Association(Transport(sock, timeout=60), mta=self.mta, password=self.password)) as peer, \
                contextlib.suppress(*ENDED):            # the play asks what the daemon says of it
            self.script(peer)
            while sock.recv(65536):                     # until the daemon goes
                pass


class Neighbour(Called):
    """An MTA that accepts associations and keeps what it gets, in order; `next()` waits for the next APDU."""

    def __init__(self, mta="FAR", password="far's secret", port=0, **options):
        self.mta, self.password, self.options = mta, password, options
        self.arrived, self.logs = queue.Queue(), []
        super().__init__(port)

    def _associate(self, sock):
        transport = Transport(sock, timeout=300)
        self.logs.append(transport.log)
        try:
            peer = Association(transport, mta=self.mta, password=self.password, checkpoint=64)
            peer.accept(**self.options)
            while (apdu := peer.receive()) is not None:
                self.arrived.put((peer.mode, apdu))
        except ENDED as error:              # a play may end an association in any way; it asks for what it wants
            self.arrived.put((None, error))
        sock.close()

    def next(self, seconds=tap.PATIENCE):
        """The next APDU as x411.Received."""
        while True:
            mode, apdu = self.arrived.get(timeout=seconds)
            if mode:
                return x411.Received(apdu)

    def nothing(self, seconds=1):
        """Waits for that long; true when no APDU comes in it. That an association ends is nothing."""
        end = time.monotonic() + seconds
        try:
            while not self.arrived.get(timeout=max(0, end - time.monotonic()))[0]:
                pass
        except queue.Empty:
            return True
        return False

    def cut(self):
        """Ends all connections."""
        for sock in self.sockets:
            with contextlib.suppress(OSError):
                sock.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def as_user(user):
    """Connections that are made here are those of another user."""
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def open_way(mta):
    """Lets other users reach the socket."""
    if os.geteuid() != 0:
        raise tap.Skip("only root can be several users")
    os.chmod(os.path.dirname(mta.folder), 0o755)


@contextlib.contextmanager
def folder():
    """A folder of its own, removed at the end; $KEEP leaves it."""
    path = tempfile.mkdtemp(prefix="chasqui-play-")
    try:
        yield path
    finally:
        if not os.environ.get("KEEP"):
            shutil.rmtree(path, ignore_errors=True)


def processes(root):
    """{pid: resident octets} of the daemon's processes."""
    return {pid: proc.resident(pid) for pid in proc.family(root) if proc.is_alive(pid)}


def command(pid):
    with open(f"/proc/{pid}/cmdline") as file:
        return file.read().split("\0")


def children(mta):
    """{kind: [pid]} of the daemon's processes."""
    found = collections.defaultdict(list)
    for pid in processes(mta.process.pid):
        with contextlib.suppress(OSError):
            words = command(pid)
            if pid != mta.process.pid and len(words) > 1:
                found[words[1]].append(pid)
    return found


def all_there(mta):
    """The same, as soon as each serves."""
    all_started(mta)
    mta.request("mailbox-list", mailbox=ANN)    # a reader answers
    return children(mta)


def all_started(mta):
    """Waits for the processes that start when the daemon serves already."""
    tap.wait_until(lambda: mta.request("status")["work-processes"], what="a work process")
    wanted = KINDS if mta.settings.get("reader_processes", 1) else KINDS - {"reader"}
    tap.wait_until(lambda: wanted <= set(children(mta)), what="all processes")


def named(stage, prefix):
    """{pid: name} of the daemon's processes with such a name."""
    found = {}
    for pid in processes(stage.mta.process.pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
            name = file.read().strip()
            if name.startswith(prefix):
                found[pid] = name
    return found


def sockets_of(pid):
    """TCP connections that the process holds."""
    inodes = set()
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            link = os.readlink(f"/proc/{pid}/fd/{name}")
            if link.startswith("socket:"):
                inodes.add(link[8:-1])
    with open(f"/proc/{pid}/net/tcp") as file:
        return sum(line.split()[9] in inodes and line.split()[3] != "0A" for line in file.readlines()[1:])


class Stage:
    """ALPHA with users ann and ben, NEAR that calls, FAR that is called. `peer_options` adds to their sections,
    `more_peers` and `more_routes` add sections; any other setting replaces the usual one."""

    def __init__(self, path, near=None, far=None, **settings):
        self.far, self.near = far or Neighbour(), near or Neighbour("NEAR", "near's secret")
        peers = {"NEAR": peer_section(self.near.port, "NEAR", "near's secret", domain=NEAR, associations_in=500,
                                     transit=True),
                 "FAR": peer_section(self.far.port, "FAR", "far's secret", domain=FAR)}
        peers.update(settings.pop("more_peers", {}))
        for name, more in settings.pop("peer_options", {}).items():
            peers[name].update(more)
        values = dict(
            peer=peers, user={ANN: {"available": True}, BEN: {"available": True}},
            schedule={lane: {"first-retry": 1, "longest-retry": 2} for lane in ("urgent", "normal", "non-urgent")},
            route={NEAR: {"next-hop": {"NEAR": {"rank": 1}}}, FAR: {"next-hop": {"FAR": {"rank": 1}}}})
        values["peer"].update(settings.pop("more_peers", {}))
        values["route"].update(settings.pop("more_routes", {}))
        values["route"].update(settings.pop("more_routes", {}))
        values.update(settings)
        values = {key: value for key, value in values.items() if value != {}}       # `user={}`: nobody
        self.mta = Mhsd(os.path.join(path, "alpha"), "ALPHA-MTA", HOME, **values)

    def __enter__(self):
        self.mta.__enter__()
        return self

    def __exit__(self, *what):
        try:
            self.mta.__exit__(*what)
        finally:
            self.far.close()
            self.near.close()

    def call(self, **options):
        """An association from NEAR, bound."""
        values = dict(mta="NEAR", password="near's secret", checkpoint=64)
        values.update(options)
        return Association.open(self.mta.port, **values)

    def hand_over(self, apdu, **options):
        with self.call(**options) as peer:
            peer.transfer(apdu)
            peer.release()


def text_message(local, recipients, text="Hello", originator=JOE, domain=NEAR, subject="A play", **options):
    """A message of NEAR with an IPM of one text."""
    addresses = [FAY if not isinstance(r, str) else r for r in recipients]
    content = ipm.ipm(local, originator, addresses, subject, ipm.text(text))
    return x411.message(domain, local, originator, recipients, content, **options)


def status_octets(pid, field):
    """A line of /proc/PID/status that tells of kB, in octets; 0 when the process is gone."""
    try:
        with open(f"/proc/{pid}/status") as file:
            return next(int(line.split()[1]) << 10 for line in file if line.startswith(field + ":"))
    except (OSError, StopIteration):
        return 0


def letter_between(mta, writer, reader):
    """For Unharmed, where a play has no neighbours, or watches theirs: a message from one user to another passes. It is gone
    from the mailbox then, as it was from the queue."""
    def passes(label, _among):
        with mta.client() as client:
            def found():
                return [e["entry"] for e in client.entries(reader) if e["mts-identifier"] and f";{name}]" in e["mts-identifier"]]
            name = client.submit(local.submission_envelope(writer, [reader]), ipm.ipm(label, writer, [reader], label, ipm.text("Hello")))
            entry, = tap.wait_until(found, what=f"{label} in the mailbox of {reader}")
            client.request("mailbox-delete", mailbox=reader, entry=entry)
    return passes


class Unharmed:
    """Around an attack, or what an operator does: the same processes live after it, none has grown by more than `growth` at its
    peak, and others are served meanwhile: a message from NEAR to FAR passes, or whatever `passes(label, among)` has pass.
    `stage` needs no more than its `mta` then."""

    def __init__(self, stage, growth=SMALL, passes=None):
        self.stage, self.growth, self.passes = stage, growth, passes or self.relayed

    def __enter__(self):
        all_started(self.stage.mta)                             # else one that ends later is not missed
        self.passes("before", 0)                                # what is made at first use is there
        self.before = {pid: status_octets(pid, "VmRSS") for pid in processes(self.stage.mta.process.pid)}
        for pid in self.before:
            with contextlib.suppress(OSError), open(f"/proc/{pid}/clear_refs", "w") as file:
                file.write("5")                                 # the peak begins anew
        return self

    def served(self, label, among=0):
        """Another's message passes, whatever goes on; at most `among` others come before it."""
        self.passes(f"after-{label}", among)

    def relayed(self, label, among):
        self.stage.hand_over(text_message(label, [FAY]))
        while (got := self.stage.far.next(60).identifier[1]) != label and among > 0:
            among -= 1
        tap.equal(got, label)

    def logged(self, *words):
        """A line of the log has all the words, soon: who it was, and what was wrong."""
        def found():
            return any(all(word in line for word in words) for line in self.stage.mta.log().splitlines())
        try:
            tap.wait_until(found)
        except AssertionError:
            tap.check(False, f"no line with {words}:\n" + "\n".join(self.stage.mta.log().splitlines()[-15:]))

    def __exit__(self, kind, *_):
        if kind:
            return
        after = processes(self.stage.mta.process.pid)
        tap.check(set(self.before) <= set(after), "a process ended:\n" + self.stage.mta.log_tail(15))
        grown = max(status_octets(pid, "VmHWM") - resident for pid, resident in self.before.items())
        tap.note(f"the largest process grew by {grown // 1024} kB")
        tap.check(grown < self.growth, f"a process grew by {grown // 1024} kB at its peak")


def hostile_stage(path, **settings):
    return Stage(path, environment=SANITIZER, **settings)
