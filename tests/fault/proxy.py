"""A TCP proxy that breaks what passes: cuts a connection after N octets of one direction, or holds it still."""
import socket
import struct
import threading


class CuttingProxy:
    """Listens on `port` and passes on to `target`. `cuts` gives for each connection in turn (direction, octets): after
    that many octets from the caller ("in") or to the caller ("out") both ends are reset; None passes all."""

    def __init__(self, target, cuts, hard=True):
        self.target, self.cuts, self.hard = target, iter(cuts), hard
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.connections = self.broken = 0
        self.passed = []        # octets from the caller, of each connection
        self.open = []
        self.lock = threading.Lock()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            with self.lock:
                cut = next(self.cuts, None)
                number = self.connections
                self.connections += 1
                self.passed.append(0)
            try:
                called = socket.create_connection(("127.0.0.1", self.target), timeout=5)
            except OSError:
                caller.close()
                continue
            called.settimeout(None)
            self.open += [caller, called]
            for name, source, sink in (("in", caller, called), ("out", called, caller)):
                limit = cut[1] if cut and cut[0] == name else None
                count = number if name == "in" else None
                threading.Thread(target=self._pass, args=(source, sink, limit, count), daemon=True).start()

    def _pass(self, source, sink, limit, count):
        passed = 0
        try:
            while True:
                octets = source.recv(65536)
                if not octets:
                    break
                if limit is not None and passed + len(octets) >= limit:
                    sink.sendall(octets[:limit - passed])
                    self.broken += 1
                    self._break(source, sink)
                    return
                sink.sendall(octets)
                passed += len(octets)
                if count is not None:
                    self.passed[count] = passed
        except OSError:
            pass
        for sock in (source, sink):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def _break(self, *sockets):
        """A reset, or with hard=False an orderly end, of both connections."""
        for sock in sockets:
            try:
                if self.hard:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                sock.shutdown(socket.SHUT_RD)
                sock.close()
            except OSError:
                pass

    def close(self):
        self.listener.close()
        for sock in self.open:
            try:
                sock.close()
            except OSError:
                pass
