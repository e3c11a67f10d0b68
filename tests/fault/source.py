"""Who hands messages to ALPHA under load, by P1 and at its local socket, and who takes the reports on them."""
import hashlib
import random
import socket
import threading
import time

from peer import ber, ipm, local, names, x411
from peer.association import NOT_TAKEN, Association
from peer.transport import Transport, Unexpected

SRC = "/C=FR/A=SRC"
ORIGINATOR = SRC + "/S=source/"
ALPHA = "/C=GB/A=GOLD/P=ALPHA"
ADA = ALPHA + "/S=ada"
KNOWN = [f"/C=DE/A=VIAT/P=BETA/S=user{i}" for i in range(4)]
UNKNOWN = "/C=DE/A=VIAT/P=BETA/S=nobody"
# A list of ALPHA's with one of BETA's among its members, and a user of BETA's who is redirected.
EVERYONE, THE_REST, MOVED = ALPHA + "/S=everyone", "/C=DE/A=VIAT/P=BETA/S=the rest", "/C=DE/A=VIAT/P=BETA/S=moved"
LISTS = {"ALPHA": {EVERYONE: {"members": [*KNOWN[:2], THE_REST]}}, "BETA": {THE_REST: {"members": KNOWN[2:]}}}
# About a store's border between short and long contents and, in PostgreSQL, its rows of 256 kB.
SIZES = [500] * 12 + [2000] * 20 + [60_000] * 6 + [262_144, 300_000, 700_000]
DEFERRED = 2            # seconds


class Made:
    """A message or probe: to whom it is addressed, its recipients, some of them unknown, and what is asked for."""

    def __init__(self, local, chance):
        self.local, self.probe = local, chance.random() < 0.05
        self.recipients = chance.sample(KNOWN, chance.choice([1, 1, 1, 2, 3])) + [UNKNOWN] * (chance.random() < 0.15)
        self.addressed, self.asked = self.recipients, frozenset(number for number in range(1, len(self.recipients) + 1)
                                                                if self.probe or chance.random() < 0.2)
        if not self.probe and (way := chance.random()) < 0.1:
            self.addressed, self.recipients = ([EVERYONE], KNOWN) if way < 0.06 else ([MOVED], KNOWN[3:])
            self.asked = frozenset()
        self.deferred = time.time() + DEFERRED if not self.probe and chance.random() < 0.05 else 0
        self.content = None if self.probe else ipm.ipm(
            local, ORIGINATOR, self.addressed, local, ipm.text(chance.randbytes(chance.choice(SIZES) // 2).hex()))

    @property
    def options(self):
        return {"deferred": x411.now(DEFERRED)} if self.deferred else {}

    def confirmed(self, ledger):
        ledger.confirm(self.local, self.recipients, self.content and hashlib.sha256(self.content).hexdigest(),
                       reports=self.asked | {n for n, name in enumerate(self.recipients, 1) if name == UNKNOWN},
                       deferred=self.deferred)


class Source(threading.Thread):
    """One association after another to ALPHA; sends what it made until it is confirmed."""

    def __init__(self, number, port, ledger, seed):
        super().__init__(daemon=True)
        self.number, self.port, self.ledger, self.random = number, port, ledger, random.Random(f"{seed}-{number}")
        self.made, self.waiting, self.peer = 0, None, None
        self.finish = threading.Event()

    def make(self):
        """What is handed over next, and its octets, the same at each try."""
        self.made += 1
        made = Made(f"src-{self.number}-{self.made}", self.random)
        if made.probe:
            return made, x411.probe(SRC, made.local, ORIGINATOR, made.addressed)
        recipients = [x411.recipient(name, number, x411.REPORTED if number in made.asked else x411.ONE_RECIPIENT)
                      for number, name in enumerate(made.addressed, 1)]
        return made, x411.message(SRC, made.local, ORIGINATOR, recipients, made.content, **made.options)

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
                                         checkpoint=self.random.choice([1, 4, 64]), mode=self.random.choice(["normal", "x410"]))
        made, apdu = self.waiting
        self.peer.transfer(apdu)
        made.confirmed(self.ledger)
        self.waiting = None

    def drop(self):
        if self.peer:
            self.peer.close()
            self.peer = None


class Submitter(threading.Thread):
    """A local user of ALPHA. What was not confirmed is not tried again: it may have been taken, and a user can't know. Its
    content-identifier says which submission it was, as the MTS-identifier is the daemon's."""

    def __init__(self, path, ledger, seed):
        super().__init__(daemon=True)
        self.path, self.ledger, self.random = path, ledger, random.Random(f"{seed}-local")
        self.made, self.waiting = 0, None
        self.finish = threading.Event()

    def run(self):
        while not self.finish.is_set():
            try:
                with local.Client(self.path) as client:
                    while not self.finish.wait(0.02):
                        self.submit(client)
            except (OSError, local.Failed):
                time.sleep(0.05)

    def submit(self, client):
        self.made += 1
        made = Made(f"src-l-{self.made}", self.random)
        recipients = [local.recipient(name, local.REPORT if number in made.asked else local.NON_DELIVERY_REPORT)
                      for number, name in enumerate(made.addressed, 1)]
        envelope = local.probe_envelope(ADA, recipients, made.local, 1000) if made.probe else \
            local.submission_envelope(ADA, recipients, content_identifier=made.local, **made.options)
        identifier = client.submit(envelope, made.content, probe=made.probe)
        made.confirmed(self.ledger)
        self.ledger.identify(identifier, made.local)


def read_report(envelope):
    """(recipient, reason, diagnostic, delivered) of each recipient of a report as it is delivered."""
    fields = next(child for child in envelope if child.tag == (ber.UNIVERSAL, 16))
    for field in fields:
        kind = field.get(1)[0]
        delivered = kind.get(0).text() if kind.number == 0 else None
        reason, diagnostic = (None, None) if delivered else (kind.get(0).integer(), kind.get(1) and kind.get(1).integer())
        yield names.read_or_name(field.get(0)).rstrip("/"), reason, diagnostic, delivered


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
