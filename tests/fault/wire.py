#!/usr/bin/python3
"""The wire between a daemon and its server: all passes, until it is to be cut within a COMMIT. Then that never comes there, or
the server commits and its answer is lost, or the wire is gone before anybody knows.

Usage: wire.py SOCKET-OF-THE-SERVER SOCKET-TO-MAKE; a line at its input arms it or disarms it, one at its output says that it has
struck. It is a process of its own, for those of a play have enough to do."""
import contextlib
import os
import random
import select
import socket
import subprocess
import sys
import threading

COMMIT = b"\0commit\0"      # the prepared statement's name in the message that runs it


class Passing:
    """`armed`: the next COMMIT is struck."""

    def __init__(self, path):
        self.path, self.armed = path, False

    def join(self, near):
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(self.path)
        except OSError:             # the server is down
            near.close()
            far.close()
            return
        lost = threading.Event()
        for source, sink, out in ((near, far, True), (far, near, False)):
            threading.Thread(target=self.go, args=(source, sink, out, lost), daemon=True).start()

    def go(self, source, sink, out, lost):
        with contextlib.suppress(OSError):
            self.pass_on(source, sink, out, lost)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def pass_on(self, source, sink, out, lost):
        while octets := source.recv(65536):
            if lost.is_set():       # what comes now is the answer to the COMMIT
                return
            strikes = out and self.armed and COMMIT in octets
            if strikes:
                self.armed = False
                lost.set()
                print("struck", flush=True)
                if random.random() < 0.3:
                    return
            sink.sendall(octets)
            if strikes and random.random() < 0.3:
                return


def main():
    passing, listener = Passing(sys.argv[1]), socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[2])
    listener.listen(50)
    print("listening", flush=True)
    while True:
        for ready in select.select([listener, sys.stdin], [], [])[0]:
            if ready is listener:
                passing.join(listener.accept()[0])
            elif not (line := os.read(0, 100)):
                return              # the play has ended
            else:
                passing.armed = line.endswith(b"arm\n") and not line.endswith(b"disarm\n")


class Wire:
    def __init__(self, path, place):
        self.process = subprocess.Popen([sys.executable, os.path.abspath(__file__), path, place], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, bufsize=0)
        self.process.stdout.readline()

    def hit_commit(self, seconds=3):
        """Cuts it within the next COMMIT; false when there was none for so long."""
        self.process.stdin.write(b"arm\n")
        came = self._struck(seconds)
        self.process.stdin.write(b"disarm\n")
        return came or self._struck(0.1)

    def _struck(self, seconds):
        return bool(select.select([self.process.stdout], [], [], seconds)[0] and self.process.stdout.readline())

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


if __name__ == "__main__":
    main()
