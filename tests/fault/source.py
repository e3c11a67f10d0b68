"""Who hands messages to ALPHA under load, and who takes the reports on them."""
import hashlib
import random
import socket
import threading
import time

from peer import ipm, x411
from peer.association import NOT_TAKEN, Association
from peer.transport import Transport, Unexpected

SRC = "/C=FR/A=SRC"
ORIGINATOR = SRC + "/S=source/"
KNOWN = [f"/C=DE/A=VIAT/P=BETA/S=user{i}" for i in range(4)]
UNKNOWN = "/C=DE/A=VIAT/P=BETA/S=nobody"
SIZES = [500] * 6 + [2000] * 10 + [60_000] * 3 + [300_000]


class Source(threading.Thread):
    """One association after another to ALPHA; sends what it made until it is confirmed."""

    def __init__(self, number, port, ledger, seed):
        super().__init__(daemon=True)
        self.number, self.port, self.ledger, self.random = number, port, ledger, random.Random(f"{seed}-{number}")
        self.made, self.waiting, self.peer = 0, None, None
        self.finish = threading.Event()

    def make(self):
        self.made += 1
        local = f"src-{self.number}-{self.made}"
        text = self.random.randbytes(8).hex() + "x" * self.random.choice(SIZES)
        recipients = self.random.sample(KNOWN, self.random.choice([1, 1, 1, 2, 3]))
        if self.random.random() < 0.15:
            recipients.append(UNKNOWN)
        content = ipm.ipm(local, ORIGINATOR, recipients, local, ipm.text(text))
        return local, recipients, content, x411.message(SRC, local, ORIGINATOR, recipients, content)

    def run(self):
        while not (self.finish.is_set() and self.waiting is None):
            try:
                self.send_one()
            except (*NOT_TAKEN, Unexpected):    # killed or cut: what is not confirmed is sent again
                self.drop()
                time.sleep(0.05)
        self.drop()

    def send_one(self):
        if self.waiting is None:
            self.waiting = self.make()
        if self.peer is None:
            self.peer = Association.open(self.port, mta="SRC", password="secret", timeout=15,
                                         checkpoint=self.random.choice([1, 4, 64]))
        local, recipients, content, apdu = self.waiting
        self.peer.transfer(apdu)
        self.ledger.confirm(local, recipients, hashlib.sha256(content).hexdigest())
        self.waiting = None

    def drop(self):
        if self.peer:
            self.peer.close()
            self.peer = None


class Sink(threading.Thread):
    """Takes the reports that ALPHA sends back to SRC."""

    def __init__(self, ledger):
        super().__init__(daemon=True)
        self.ledger = ledger
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]

    def run(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(sock,), daemon=True).start()

    def serve(self, sock):
        try:
            peer = Association(Transport(sock, timeout=600), mta="SRC", password="secret", checkpoint=64)
            peer.accept()
            while peer.receive(before_confirm=self.ledger.report) is not None:
                pass
        except (*NOT_TAKEN, Unexpected):
            pass        # the daemon was killed, or the connection cut; what is not confirmed comes again
        sock.close()
