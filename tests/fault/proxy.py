"""A TCP proxy that breaks what passes: it cuts a connection after N octets of one direction."""
import collections
import socket
import struct
import threading
import time

# After `octets` octets from the caller ("in") or to the caller ("out") nothing more passes. `how`: "reset" both ends
# with RST; "end" both with FIN; "silent": neither is told, both stay open (a dead wire).
Cut = collections.namedtuple("Cut", "direction octets how", defaults=("reset",))

# When one end of a dead wire has given up, the other is reset after so many seconds: it need not have a timer.
SILENCE = 8


class Connection:
    """One connection through the proxy: two sockets, a thread for each direction."""

    def __init__(self, caller, called, cut, ended):
        self.sockets = {"in": (caller, called), "out": (called, caller)}
        self.cut, self.ended = cut, ended
        self.passed = {"in": 0, "out": 0}
        self.broken, self.silent_since = False, None
        self.lock = threading.Lock()
        self.running = 2
        for direction in self.sockets:
            threading.Thread(target=self._run, args=(direction,), daemon=True).start()

    def _run(self, direction):
        try:
            self._pass(direction, *self.sockets[direction])
        except OSError:
            pass
        if self.broken and self.cut.how == "silent":
            self._await_other(direction)
        else:
            self._close()
        with self.lock:
            self.running -= 1
            last = not self.running
        if last:
            for sock in self.sockets["in"]:
                sock.close()
            self.ended(self)

    def _pass(self, direction, source, sink):
        limit = self.cut.octets if self.cut and self.cut.direction == direction else None
        while True:
            octets = source.recv(65536)
            if not octets:
                return
            if self.broken:
                continue        # what comes over a dead wire is lost
            if limit is not None and self.passed[direction] + len(octets) >= limit:
                octets = octets[:limit - self.passed[direction]]
                self._send(direction, sink, octets)
                self.broken = True
                if self.cut.how != "silent":
                    return
            else:
                self._send(direction, sink, octets)

    def _send(self, direction, sink, octets):
        if octets:
            sink.sendall(octets)
        self.passed[direction] += len(octets)

    def _await_other(self, direction):
        """This end has closed a dead wire: the other learns of it by itself, or after a while."""
        with self.lock:
            first = self.silent_since is None
            self.silent_since = self.silent_since or time.monotonic()
        if first:
            deadline = time.monotonic() + SILENCE
            while self.running == 2 and time.monotonic() < deadline:
                time.sleep(0.05)
            self._close(reset=True)

    def _close(self, reset=None):
        """Ends both sockets, so that the other direction's thread ends too; it alone closes them."""
        if reset is None:
            reset = self.broken and self.cut.how == "reset"
        for sock in self.sockets["in"]:
            try:
                if reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    sock.shutdown(socket.SHUT_RD)
                else:
                    sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class CuttingProxy:
    """Listens on `port` and passes on to the port `target`. `cuts` gives a Cut (or a tuple of its first fields) for
    each connection in turn; None passes all. `ended(connection)` is called when a connection is over, in its thread."""

    def __init__(self, target, cuts, ended=None):
        self.target, self.cuts, self.on_ended = target, iter(cuts), ended
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.port = self.listener.getsockname()[1]
        self.connections = []
        self.broken = 0
        self.open = set()
        self.lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            try:
                called = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                caller.close()
                continue
            called.settimeout(None)
            with self.lock:
                cut = next(self.cuts, None)
                self.open.add(caller)
                self.connections.append(Connection(caller, called, Cut(*cut) if cut else None, self._ended))

    @property
    def passed(self):
        """Octets from the caller so far, of each connection."""
        return [connection.passed["in"] for connection in self.connections]

    def _ended(self, connection):
        with self.lock:
            self.broken += connection.broken
        if self.on_ended:
            self.on_ended(connection)
        with self.lock:
            self.open.discard(connection.sockets["in"][0])

    def close(self):
        self.listener.close()
        with self.lock:
            callers = list(self.open)
        for sock in callers:
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
