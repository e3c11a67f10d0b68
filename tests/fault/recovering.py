"""Peers that break off, resume, discard and refuse, on both sides of a daemon that is killed, full or told anew who its
peers are.

A Sender hands messages to the daemon. It breaks the wire in the midst of a transfer or after its end, or leaves the
association half open, and goes on by a resume on another, after a bind or by way of a recovery; it discards what it has
ended while the answer is due, and sends another at once; some of what it sends is no MTS-APDU, which must never be
confirmed. A Taker gets messages from the daemon, refuses some of them, breaks the wire before or after
it has taken one, and remembers what an MTA has to.

What is confirmed goes into the ledger, an unreadable APDU as well: nothing of it can be delivered, so it is lost there.
With `broken` they do on purpose what loses or doubles, and note it: the ledger has to find just that."""
import collections
import contextlib
import hashlib
import random
import socket
import threading
import time

from fault.source import SRC
from peer import ber, ipm, session, x228, x411
from peer.association import NOT_TAKEN, Aborted, Association, BindRefused, Excepted
from peer.transport import Closed, Transport, Unexpected

HOME, AWAY = "/C=GB/A=GOLD/P=ALPHA", "/C=DE/A=TAKER"
USERS = [f"{HOME}/S=user{i}" for i in range(3)]
TAKEN = f"{AWAY}/S=taker"
SENDERS, TAKERS = ("S0", "S1", "S2"), ("TAKER-0", "TAKER-1")
FOR_NOW, FOR_GOOD = 5, 6                # reasons of X.225: local error, unrecoverable procedural error
TAKEN_IN, REFUSED = True, False
# With some beyond the 256 kB of a row in PostgreSQL: checkpoints lie on both sides of its border.
SIZES = (500, 500, 3000, 9000, 30_000) * 5 + (300_000, 600_000)
ENDED = (*NOT_TAKEN, Unexpected)
FAULTS_MOST = 4                         # to one message on one side: it shall arrive some day


class Counts:
    """What came true of the faults: name -> number."""

    def __init__(self):
        self.lock, self.numbers = threading.Lock(), collections.Counter()

    def add(self, name):
        with self.lock:
            self.numbers[name] += 1

    def text(self):
        return ", ".join(f"{name} = {number}" for name, number in sorted(self.numbers.items()))


class Broken(Exception):
    """The wire was broken by the play."""


class Message:
    """`begun`: the name of the association and of the activity that can be resumed, and the last confirmed serial;
    `ends`: how often its end was sent."""

    def __init__(self, local, recipients, readable, text, mode):
        self.local, self.recipients, self.readable = local, recipients, readable
        self.content = ipm.ipm(local, SRC + "/S=source/", recipients, local, ipm.text(text))
        apdu = x411.message(SRC, local, SRC + "/S=source/", recipients, self.content)
        if not readable:
            node = ber.read(apdu)
            apdu = ber.ctx(0, ber.set_(b"".join(child.raw for child in node[0].children[:-1])), node[1].raw)
        self.value = x228.transfer_value(mode, apdu)
        self.begun, self.ends, self.faults = None, 0, 0

    @property
    def copies(self):
        return {(self.local, recipient) for recipient in self.recipients}


class Sender(threading.Thread):
    """Hands over what it made until it is confirmed. `away` is set while the daemon does not know it."""

    def __init__(self, name, port, ledger, counts, seed, broken=False):
        super().__init__(daemon=True)
        self.name, self.port, self.ledger, self.counts, self.broken = name, port, ledger, counts, broken
        self.random = random.Random(f"{seed}-{name}")
        self.mode = "x410" if name == SENDERS[1] else "normal"
        self.made, self.owned, self.half_open, self.peer = 0, [], [], None
        self.dropped = {}               # on purpose: why -> copies
        self.finish, self.away = threading.Event(), threading.Event()

    @property
    def waiting(self):
        return self.owned[0] if self.owned else None

    def run(self):
        while not self.finish.is_set() or self.owned:
            message = self.random.choice(self.owned) if len(self.owned) > 3 or self.finish.is_set() else self.make()
            try:
                self.hand_over(message)
            except (Broken, *ENDED) as error:
                self.failed(message, error)
        self.drop()

    def make(self):
        self.made += 1
        recipients = [self.random.choice(USERS)] + [TAKEN] * (self.random.random() < 0.4)
        message = Message(f"src-{self.name}-{self.made}", recipients, self.random.random() > 0.2,
                          self.random.randbytes(self.random.choice(SIZES) // 2).hex(), self.mode)
        self.owned.append(message)
        return message

    def chance(self, message, share):
        """Whether a fault befalls the message now."""
        if self.finish.is_set() or message.faults >= FAULTS_MOST or self.random.random() >= share:
            return False
        message.faults += 1
        return True

    # --- associations

    def open(self, **options):
        return Association.open(self.port, mta=self.name, password="secret", timeout=15, checkpoint=1, mode=self.mode, **options)

    def drop(self):
        for peer in [*self.half_open, *([self.peer] if self.peer else [])]:
            peer.close()
        self.half_open, self.peer = [], None

    def failed(self, message, error):
        """Nothing was confirmed: the message is handed over again, as far as this sender is in order."""
        if isinstance(error, BindRefused) and self.away.is_set():
            self.lose("away", message, message.ends)
            while self.away.is_set() and not self.finish.is_set():
                time.sleep(0.05)
        if not isinstance(error, Broken):
            self.drop()
            time.sleep(0.05)

    # --- one transfer

    def hand_over(self, message):
        if message.begun:
            self.resume(message)
            return
        if self.peer is None:
            self.peer = self.open()
        self.begin(self.peer, message)

    def begin(self, peer, message):
        peer.start_activity()
        message.begun = (*peer.identifier, peer.activity_identifier, 0)
        self.go_on(peer, message)

    def go_on(self, peer, message):
        """From the last confirmed serial to the end, or to a fault."""
        serial, ends = message.begun[3], message.ends
        stop = None
        if self.chance(message, 0.3):
            stop = self.random.randrange(1, max(8, len(message.value) // 1024 - serial))
        try:
            peer.send_segments(message.value[serial * 1024:], stop_after=stop)
            if stop:
                while self.random.random() < 0.8 and peer.acknowledged < peer.sent_serial:
                    peer.await_acknowledgement()
                self.break_wire(peer, message)
            message.ends += 1
            peer.send_end()
            self.answered(peer, message)
        except Excepted as refusal:
            self.refused(peer, message, refusal.reason, ends)
        finally:
            if message.begun:
                message.begun = (*message.begun[:3], max(serial, peer.acknowledged)) if peer.acknowledged else None

    def answered(self, peer, message):
        """The end was sent: its answer is waited for, or not."""
        if self.chance(message, 0.2):
            time.sleep(self.random.choice([0, 0.002, 0.05]))
            self.counts.add("broken at the end")
            self.break_wire(peer, message)
        if self.chance(message, 0.2):
            self.discard(peer, message)
            return
        peer.await_end()
        self.confirmed(message)

    def break_wire(self, peer, message):
        """By a reset, or the association stays as it is, and what is left of the transfer may come there too."""
        if self.peer is peer:
            self.peer = None
        if self.random.random() < 0.6:
            peer.cut()
        else:
            self.counts.add("left half open")
            with contextlib.suppress(*ENDED):
                if self.random.random() < 0.5 and (peer.sent_serial + 1) * 1024 < len(message.value):
                    peer.send_data(message.value[peer.sent_serial * 1024:][:1024])
            self.half_open.append(peer)
        raise Broken

    def resume(self, message):
        reference, common, activity, serial = message.begun
        peer = None
        if self.random.random() < 0.4:
            with contextlib.suppress(BindRefused):
                peer = self.open(recover=(reference, common))
                self.counts.add("recovered")
        bound = peer is None
        peer = peer or self.open()
        try:
            peer.resume_activity(activity, serial, reference, common)
            self.counts.add("resumed")
            self.go_on(peer, message)
        except Aborted:                 # the activity is not known there: it begins anew
            message.begun = None
            raise
        except Broken:
            raise
        except ENDED:
            peer.close()
            raise
        if bound and self.peer is None:
            self.peer = peer
        else:
            peer.close()

    def discard(self, peer, message):
        """The answer is due; the next activity must not get it."""
        peer.give(session.spdu(session.AD))
        spdu = peer.receive_spdu()
        if spdu.si == session.AEA:      # it was quicker
            self.confirmed(message)
            raise Closed
        if spdu.si == session.ED:
            spdu = peer.expect(session.ADA)
        if spdu.si != session.ADA:
            raise Unexpected(repr(spdu))
        message.begun = None
        peer.acknowledged = 0
        self.counts.add("discarded")
        following = self.make()
        self.begin(peer, following)

    # --- outcomes

    def own_no_more(self, message):
        message.begun = None
        self.owned.remove(message)

    def confirmed(self, message):
        self.counts.add("confirmed" if message.readable else "unreadable, confirmed")
        self.ledger.confirm(message.local, message.recipients, hashlib.sha256(message.content).hexdigest())
        self.own_no_more(message)

    def refused(self, peer, message, reason, ends):
        for_good = reason == bytes([FOR_GOOD])
        self.counts.add("refused for good" if for_good else "refused for now")
        message.begun = None
        if for_good and message.readable:
            self.ledger.wrong.append(f"{message.local} was refused for good at serial {peer.sent_serial} of {len(message.value)} octets, "
                                     f"its end sent {ends} times before")
        if for_good and (message.readable or not self.lose("for good", message, 0)):
            self.own_no_more(message)
        elif not for_good:
            self.lose("for now", message, ends)
            time.sleep(0.02)
        peer.discard()

    def lose(self, why, message, ends):
        """With `broken`: drops the message as if it had been confirmed, unless one of its former ends may have got it in."""
        if not self.broken or ends or message not in self.owned:
            return False
        self.dropped.setdefault(why, set()).update(message.copies)
        self.ledger.confirm(message.local, message.recipients, hashlib.sha256(message.content).hexdigest())
        self.own_no_more(message)
        return True


class Unit:
    """One activity that came: its octets, where its checkpoints are, and the answer to its end once it is given."""

    def __init__(self):
        self.value, self.points, self.answer = bytearray(), {}, None


class Taker:
    """Answers the daemon's calls. All that it knows outlives each connection, as an MTA's store does."""

    def __init__(self, name, ledger, counts, seed, broken=False):
        self.name, self.ledger, self.counts, self.broken = name, ledger, counts, broken
        self.random, self.lock = random.Random(f"{seed}-{name}"), threading.Lock()
        self.units, self.known, self.faults = {}, set(), collections.Counter()
        self.doubled = set()            # on purpose
        self.calm = threading.Event()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        peer = Association(Transport(sock, timeout=600), mta=self.name, password="secret", checkpoint=1)
        try:
            recover = self.calm.is_set() or self.random.random() < 0.8
            peer.accept(recover=recover)
            if recover or not peer.recovered:
                self.take(peer)
        except (Broken, *ENDED):
            pass
        except Exception as error:
            with self.ledger.lock:
                self.ledger.wrong.append(f"{self.name}: {type(error).__name__}: {error}")
        finally:
            sock.close()

    def take(self, peer):
        unit = key = None
        while (spdu := peer.receive_spdu()).si != session.FN:
            if spdu.si in (session.AS, session.AR):
                key = peer.reference, spdu.parameters[session.PI_ACTIVITY]
                unit = self.units[key] = self.resumed(peer, spdu) if spdu.si == session.AR else Unit()
            elif spdu.si == session.DT and spdu.first:
                unit.value += x228.data_octets(peer.mode, spdu.data)
            elif spdu.si == session.MIP:
                unit.points[spdu.serial] = len(unit.value)
                self.may_break(peer, key, 0.03)
                peer.please(session.spdu(session.MIA, session.parameter(session.PI_SERIAL, spdu.parameters[session.PI_SERIAL])))
                self.may_break(peer, key, 0.03)
            elif spdu.si == session.AE:
                self.end(peer, key, unit, spdu)
            elif spdu.si in (session.AI, session.AD):
                peer.please(session.spdu(spdu.si + 1))
            else:
                raise Unexpected(repr(spdu))
        peer.answer_release()

    def resumed(self, peer, spdu):
        """What came of the activity up to the serial; of one that was answered the answer alone counts. However often it is
        resumed, it goes by the name under which it began, too."""
        old = session.read_parameters(spdu.parameters[session.PGI_LINKING])
        name = old.get(session.PI_CALLING_REFERENCE, peer.reference), old[session.PI_ACTIVITY]
        former = self.units.get(name)
        if former is None:
            peer.abort(3)
            raise Broken
        self.counts.add("taker: resumed")
        unit = Unit()
        unit.points, unit.answer = dict(former.points), former.answer
        if unit.answer is None:
            unit.value = former.value[:former.points[int(old[session.PI_SERIAL])]]
        self.units[name] = unit
        return unit

    def may_break(self, peer, key, share):
        with self.lock:
            if self.calm.is_set() or self.faults[key] >= FAULTS_MOST or self.random.random() >= share:
                return
            self.faults[key] += 1
        self.counts.add("taker: broken")
        peer.cut()
        raise Broken

    def end(self, peer, key, unit, spdu):
        """Decides, and then answers; the wire may break in between."""
        if unit.answer is None:
            unit.answer = self.decide(x228.apdu(peer.mode, bytes(unit.value)))
        self.may_break(peer, key, 0.15)
        if unit.answer == TAKEN_IN:
            peer.confirm(spdu)
            return
        unit.answer = None
        self.counts.add("taker: refused")
        peer.report_exception(bytes([self.random.choice([FOR_NOW, FOR_GOOD])]))     # it is tried again either way

    def decide(self, apdu):
        """Takes it in, unless it has the same octets already, or refuses it for now."""
        digest, message = hashlib.sha256(apdu).digest(), x411.Received(apdu)
        local = message.identifier[1]
        with self.lock:
            if not self.calm.is_set() and digest not in self.known and self.random.random() < 0.15:
                return REFUSED
            if digest in self.known:
                self.counts.add("taker: repeated")
                if not self.broken:
                    return TAKEN_IN
                self.doubled.add((local, TAKEN))
            self.known.add(digest)
        self.ledger.deliver(local, TAKEN, hashlib.sha256(message.content).hexdigest())
        return TAKEN_IN

    def close(self):
        self.listener.close()
