#!/usr/bin/python3
"""Nothing lost, nothing twice: two daemons under load, killed at random moments, then drained and counted.

Usage: torture.py [--engine sqlite|postgresql] [--rounds N] [--variant kill|unsynced|stream|cut|full|recover] [--lie] [--broken]
                  [--seed N] [--keep]

A source (MTA SRC, in Python) hands messages and probes to ALPHA over P1, and so does a local user; ALPHA relays them to BETA,
which delivers them or reports back through ALPHA. What counts as handed over is what ALPHA confirmed (the activity's end, the
result of the submission); what was not confirmed is sent again by the MTA, the same octets, as a real one does. At the end
every message handed over must be in its recipients' mailboxes exactly once, or reported exactly once where the recipient is
unknown; every report that was asked for must have come once, nothing before the time to which it was deferred, and no
MTS-identifier twice; the record knows of each delivery; what a user deleted or marked in his mailbox is as he left it. Then
the daemons stop, and `mhs store check` must find that every invariant of their stores holds.

kill      SIGKILL to ALPHA, BETA or both at random moments: to all processes of the daemon, to one of them, which its parent
          starts anew, or to the parent alone, and again while it comes up; or one process hangs for some seconds. With
          PostgreSQL each has a server of its own, and what is killed is also the server or both, the server ends at once, or
          loses a session in the middle of a COMMIT, or the wire to it is cut there
unsynced  the same, and what was written and not synced at that moment is taken back (tests/fault/unsynced.c); a server dies with
          its daemon, and what it has not flushed goes with it, as only commits flush (tests/fault/servers.py)
stream    with PostgreSQL alone: one long content after the other, and ALPHA's server dies between some octets of each and the
          checkpoint behind them, which then relies on what the server never flushed
cut       each of the two sends to the other, and the connection is cut after every octet (tests/fault/cutting.py)
full      the disks of ALPHA, BETA or both (small ones, in memory) run full and are emptied again
recover   ALPHA alone, between peers in Python that break off, resume, discard and refuse (tests/fault/recovering.py),
          while it is killed, its store refuses, and its configuration is read anew

Each run but `full` and `recover` ends with a control of the judge: one delivery is dropped and one doubled, and it must
find both. --lie (with unsynced) is the control of the whole: syncs lie, or the server says that a commit is durable before it is,
and the run is good only if copies are lost.
--broken (with recover) is the control of that: the peers drop what was refused or could not be handed over, and take
repeats for new messages; the run is good only if just that is found lost and doubled.
"""
import argparse
import calendar
import collections
import hashlib
import os
import random
import shutil
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
from fault import rollback                                              # noqa: E402
from fault.cutting import Cutting                                       # noqa: E402
from fault.ledger import Ledger                                         # noqa: E402
from fault.meddling import Operator                                     # noqa: E402
from fault.reader import Reader                                         # noqa: E402
from fault.recovering import AWAY, SENDERS, TAKERS, USERS, Counts, Sender, Taker    # noqa: E402
from fault.servers import DAEMON, FAULTS, MACHINE, PATIENCE, PROCESSES, SERVER, Server, strike    # noqa: E402
from fault.source import ADA, KNOWN, LISTS, MOVED, ORIGINATOR, SRC, UNKNOWN, Sink, Source, Submitter, read_report     # noqa: E402
from peer import ipm, x228, x411                                        # noqa: E402
from peer.association import NOT_TAKEN, Association                     # noqa: E402
from peer.local import Failed                                           # noqa: E402
from peer.tap import wait_until                                         # noqa: E402
from scenario import inside, postgres                                   # noqa: E402
from scenario.chasqui import Mhsd, free_port, peer_section, program     # noqa: E402

ALPHA, BETA = "/C=GB/A=GOLD/P=ALPHA", "/C=DE/A=VIAT/P=BETA"
SMALL_DISK = 640        # MiB: 64 are kept free, segments have 64 each
CONTEXTS = ("mts-transfer", "mts-transfer-protocol")      # normal mode, X.410 mode
WAYS = {"BETA": "ALPHA-MTA", "BETA-TWO": "ALPHA-TWO"}   # ALPHA's peers for BETA: what each calls ALPHA, which it takes for two
LONG = 200_000          # octets of a content that is looked at in any case


class World:
    """ALPHA and BETA, a sink for reports, the ledger. Those derived say what goes wrong."""

    def __init__(self, folder, options):
        self.options, self.folder = options, folder
        self.random = random.Random(options.seed)
        self.ledger = Ledger()
        self.sources, self.servers, self.strikes = [], {}, collections.Counter()
        self.reports_read = None        # the last entry of the local user's mailbox that was read
        self.reader = self.operator = None
        self.sink = Sink(self.ledger)
        self.sink.start()
        self.between = {"application_contexts": [self.random.choice(CONTEXTS)], "window_size": self.random.choice([1, 3, 10]),
                        "dialogue": self.random.choice(["monologue", "two-way-alternate"])}
        self.prepare()
        self.daemons = self.mtas()

    @property
    def alpha(self):
        return self.daemons[0]

    @property
    def beta(self):
        return self.daemons[1]

    def prepare(self):
        pass

    def mtas(self):
        alpha_port, beta_port = free_port(), free_port()
        alpha = self.mta(
            "ALPHA", ALPHA, alpha_port,
            peer={"SRC": peer_section(self.sink.port, "SRC", "secret", "ALPHA-MTA", "a", domain=SRC, associations_in=50, transit=True),
                  **{name: self.neighbour(beta_port, "BETA-MTA", BETA, our) for name, our in WAYS.items()}},
            route={BETA: {"next-hop": {name: {"rank": 1} for name in WAYS}}, SRC: {"next-hop": {"SRC": {"rank": 1}}}},
            user={ADA: {"available": True}}, list=LISTS["ALPHA"])
        beta = self.mta(
            "BETA", BETA, beta_port,
            peer={"ALPHA": self.neighbour(alpha_port, "ALPHA-MTA", ALPHA, "BETA-MTA"),
                  "ALPHA-TWO": self.neighbour(alpha_port, "ALPHA-TWO", ALPHA, "BETA-MTA")},
            route={ALPHA: {"next-hop": {"ALPHA": {"rank": 1}}}, SRC: {"next-hop": {"ALPHA": {"rank": 1}}}},
            user={**{address: {"available": True} for address in KNOWN}, MOVED: {"redirection": {"alternate": KNOWN[3]}}},
            list=LISTS["BETA"])
        self.sources = [Source(i, alpha_port, self.ledger, self.options.seed) for i in range(3)]
        self.sources.append(Submitter(alpha.socket_path, self.ledger, self.options.seed))
        self.reader = Reader(beta, KNOWN[0], self.note, self.random)
        return alpha, beta

    def mta(self, name, domain, port, **settings):
        if self.options.engine == "postgresql":
            self.servers[f"{name}-MTA"] = server = self.server(name)
            settings["store"] = server.store
        mta = Mhsd(f"{self.folder}/{name.lower()}", f"{name}-MTA", domain, port, log_level="warning",
                   schedule={lane: {"first-retry": 1, "longest-retry": 3} for lane in ("urgent", "normal", "non-urgent")},
                   net_processes=self.random.randint(1, 2),
                   **settings)
        mta.patience = PATIENCE
        return mta

    def server(self, _name):
        server = Server()
        server.lay_wire()
        return server

    def neighbour(self, port, name, domain, our):
        return peer_section(port, name, "between us", our, "between us", domain=domain, transit=True, checkpoint_size=16,
                            associations_in=50, queue_per_association=1, **self.between)

    def victims(self):
        return self.random.choice([[self.alpha], [self.beta], [self.alpha, self.beta]])

    def store(self, mta):
        return os.path.join(mta.folder, "store")

    def mailboxes(self):
        return [(self.beta, mailbox) for mailbox in KNOWN]

    def strike(self, victims, faults=None):
        """One fault to each of them, and up they come again."""
        how = self.random.choice(faults or FAULTS[self.options.engine])
        for mta in victims:
            self.strikes[how] += strike(mta, self.servers.get(mta.name), how, self.random)
        for mta in victims:
            if mta.process.poll() is not None:
                self.after_kill(mta)
                self.bring_up(mta)
            elif how in PROCESSES and self.random.random() < 0.5:
                mta.wait_ready(PATIENCE)    # else the next fault may meet it while it comes up

    def after_kill(self, mta):
        pass

    def bring_up(self, mta):
        """Some die again while they go through what the last life left."""
        while self.random.random() < 0.3:
            mta.start(wait=False)
            time.sleep(self.random.uniform(0, 1))
            mta.kill()
            self.strikes["again while it came up"] += 1
            self.after_kill(mta)
        mta.start(seconds=PATIENCE)

    # --- the play

    def start(self):
        for mta in self.daemons:
            mta.start(seconds=PATIENCE)

    def run(self):
        """True when all is as it must be."""
        self.start()
        threads = self.sources + [thread for thread in (self.reader, self.operator) if thread]
        for thread in threads:
            thread.start()
        self.rounds()
        for mta in self.daemons:
            mta.wait_ready(PATIENCE)
        for thread in threads:
            thread.finish.set()
        if self.operator:
            self.operator.join()
            self.operator.calm()
        self.drain()
        return self.judge() and (not self.mailboxes() or self.judge_finds())

    def rounds(self):
        raise NotImplementedError

    def progress(self, number):
        if sys.stderr.isatty() or number % 50 == 0:
            print(f"# {number} of {self.options.rounds}: {len(self.ledger.confirmed)} confirmed", file=sys.stderr,
                  flush=True)

    def left(self):
        """How much has no outcome yet."""
        copies = sum(mta.request("status")["copies"] for mta in self.daemons)
        alive = sum(source.is_alive() for source in self.sources)
        if not alive:
            self.read_reports()
        return copies + alive, len(self.missing_reports())

    def patiently_left(self):
        """On a machine that is busy a server may take longer for a new session than the daemon waits for it."""
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return self.left()
            except Failed as error:
                if error.code != "unavailable" or time.monotonic() > deadline:
                    raise
                time.sleep(1)

    def missing_reports(self):
        return self.ledger.missing_reports()

    def read_reports(self):
        """What has come for the local user since the last time."""
        if not any(isinstance(source, Submitter) for source in self.sources):
            return
        with self.alpha.client() as client:
            for entry in client.entries(ADA, self.reports_read):
                local = entry["content-identifier"]
                recipients = self.ledger.confirmed[local].recipients if local in self.ledger.confirmed else []
                for name, *outcome in read_report(client.envelope(ADA, entry["entry"])):
                    # Of a submission that was never confirmed reports may come as well.
                    number = recipients.index(name) + 1 if recipients else name
                    self.ledger.reported(local, number, *outcome)
                self.reports_read = entry["entry"]

    def drain(self, seconds=PATIENCE):
        """Until both queues are empty and the reports are there; gives up when nothing changes for so long."""
        least, deadline = None, time.monotonic() + seconds
        while any(left := self.patiently_left()):
            if least is None or left < least:
                least, deadline = left, time.monotonic() + seconds
            if time.monotonic() > deadline:
                print(f"# nothing changed in {seconds} s: {left[0]} copies or sources and {left[1]} reports are still "
                      "waited for", flush=True)
                return
            time.sleep(0.2)

    # --- the count

    def queued(self):
        """The local identifiers of what the queues still have."""
        found, after = set(), None
        for mta in self.daemons:
            while True:
                answer = mta.request("queue-list", limit=1000, after=after)
                found |= {self.ledger.identifiers.get(mts_local(entry), mts_local(entry)) for entry in answer["entries"]}
                after = answer.get("cursor")
                if not after:
                    break
        return found

    def collect(self):
        """Notes what is in the mailboxes; the digest of each long content, and of some others."""
        sample = set(self.random.sample(sorted(self.ledger.confirmed), min(60, len(self.ledger.confirmed))))
        for mta, mailbox in self.mailboxes():
            with mta.client() as client:
                entries = client.entries(mailbox)
                known = self.reader.read if self.reader and self.reader.mailbox == mailbox else {}
                for entry in entries:
                    if entry["entry"] not in known:
                        self.note(client, mailbox, entry, local_of(entry) in sample or entry["size"] > LONG)
                if known:
                    self.ledger.wrong += self.reader.judge(entries)

    def note(self, client, mailbox, entry, look):
        """An entry is there; with `look` its content is read, and the record is asked what it knows of it. Its local identifier."""
        local = local_of(entry)
        content = client.content(mailbox, entry["entry"]) if look else None
        self.ledger.deliver(local, mailbox, content and hashlib.sha256(content).hexdigest(),
                            calendar.timegm(time.strptime(entry["arrival"], "%Y-%m-%dT%H:%M:%SZ")))
        if local != mts_local(entry):
            self.ledger.identify(mts_local(entry), local)
        if look:
            self.check_record(client, mailbox, entry)
        return local

    def check_record(self, client, mailbox, entry):
        """Its delivery is recorded once."""
        found = client.request("track", mts_identifier=entry["mts-identifier"])["messages"]
        times = sum(event["event"] == "delivered" and any(same_address(name, mailbox) for name in event["recipients"])
                    for message in found for event in message["events"])
        if times != 1:
            self.ledger.wrong.append(f"{entry['mts-identifier']}: its delivery to {mailbox} is recorded {times} times")

    def judge(self):
        """Prints the count; true when nothing is lost, doubled or wrong."""
        self.collect()
        verdict = self.ledger.judge(self.queued())
        unconfirmed = sum(source.waiting is not None for source in self.sources)
        handed = self.ledger.confirmed.values()
        print(f"# {self.options.variant}, {self.options.engine}: {len(handed)} messages handed over, "
              f"{sum(len(each.recipients) for each in handed)} copies, {sum(len(each.reports) for each in handed)} reports asked for; "
              f"{verdict.text()}, repeated reports = {self.ledger.repeats}, never confirmed = {unconfirmed}{self.figures()}", flush=True)
        if self.strikes:
            print("# struck: " + ", ".join(f"{how} {count} times" for how, count in sorted(self.strikes.items())), flush=True)
        if self.operator:
            print(f"# the operator: {self.operator.text()}", flush=True)
        for text in verdict.examples():
            print("#   " + text, flush=True)
        return self.accept(verdict) and not unconfirmed and bool(self.ledger.confirmed)

    def figures(self):
        return ""

    def accept(self, verdict):
        return verdict.good

    def judge_finds(self):
        """The control: drops one delivery, doubles another; true when the judge finds both and no more."""
        read = self.reader.mailbox if self.reader else None     # some of its entries are gone
        dropped, doubled = self.random.sample([local for local, handed in self.ledger.confirmed.items() if handed.digest
                                               and UNKNOWN not in handed.recipients and handed.recipients[0] != read], 2)
        recipient = self.ledger.confirmed[dropped].recipients[0]
        mta = next(mta for mta, mailbox in self.mailboxes() if mailbox == recipient)
        with mta.client() as client:
            entry = next(entry["entry"] for entry in client.entries(recipient) if local_of(entry) == dropped)
            client.request("mailbox-delete", mailbox=recipient, entry=entry)
        recipients = self.ledger.confirmed[doubled].recipients
        self.hand_over_again(doubled, recipients)
        self.ledger.delivered.clear()
        for local in self.reader.read.values() if self.reader else ():
            self.ledger.deliver(local, read)
        self.collect()
        verdict = self.ledger.judge()
        print(f"# control, one delivery dropped and {len(recipients)} doubled: {verdict.text()}", flush=True)
        return (verdict.lost == [(dropped, recipient)]
                and sorted(verdict.doubled) == sorted((doubled, recipient) for recipient in recipients))

    def hand_over_again(self, local, recipients):
        """The same message in another envelope is none of the repeats that an MTA keeps out."""
        mta, mailbox = next(item for item in self.mailboxes() if item[1] == recipients[0])
        sender = self.beta if mta is self.alpha else self.alpha
        with mta.client() as client:
            entry = next(entry["entry"] for entry in client.entries(mailbox) if local_of(entry) == local)
            content = client.content(mailbox, entry)
        with Association.open(sender.port, mta="SRC", password="secret", timeout=PATIENCE, checkpoint=64) as peer:
            peer.transfer(x411.message(SRC, local, ORIGINATOR, recipients, content, content_identifier="again"))
            peer.release()
        wait_until(lambda: not sum(mta.request("status")["copies"] for mta in self.daemons), PATIENCE,
                   "the delivery of the doubled message")

    def close(self):
        """Ends all; what went wrong with the daemons."""
        self.sink.listener.close()
        problems = []
        for mta in self.daemons:
            if mta.process is None:
                continue
            try:
                if mta.process.poll() is None and mta.stop():
                    problems.append(f"{mta.name} ended badly: {mta.log_tail()}")
                mta.check_log()
                problems += self.check_store(mta)
            except (RuntimeError, AssertionError) as error:
                problems.append(str(error))
        for server in self.servers.values():
            server.remove()
        return problems

    @staticmethod
    def check_store(mta):
        done = subprocess.run([program("mhs"), "store", "check", mta.store], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, check=False)
        return [f"{mta.name}'s store: {(done.stdout + done.stderr)[:3000]}"] if done.returncode else []


def same_address(one, other):
    return str(one).strip("/") == other.strip("/")


def mts_local(entry):
    """The local part of its MTS-identifier."""
    return entry["mts-identifier"].rpartition(";")[2].rstrip("]")


def local_of(entry):
    """Its name in the ledger: what was submitted chose its content-identifier."""
    chosen = entry["content-identifier"] or ""
    return chosen if chosen.startswith("src-") else mts_local(entry)


class Killed(World):
    """Killed at random moments, itself or what holds its store, while an operator meddles."""

    def mtas(self):
        alpha, beta = super().mtas()
        self.operator = Operator({alpha: ["SRC", *WAYS], beta: ["ALPHA"]}, WAYS, random.Random(f"{self.options.seed}-operator"))
        return alpha, beta

    def wait(self):
        time.sleep(self.random.uniform(0.02, 0.7))

    def rounds(self):
        for number in range(self.options.rounds):
            self.wait()
            self.strike(self.victims())
            self.progress(number + 1)


class Unsynced(Killed):
    """What was not synced is taken back after the kill."""

    def prepare(self):
        self.taken_back = 0

    def start(self, lie=False):
        for mta in self.daemons:
            mta.environment = rollback.environment(self.store(mta), lie)
        super().start()

    def strike(self, victims, faults=(DAEMON,)):
        """All of it at once: what a process that lives on writes is not to be taken back."""
        super().strike(victims, faults)

    def after_kill(self, mta):
        self.taken_back += rollback.take_back(self.store(mta))

    def figures(self):
        return f", unsynced blocks taken back = {self.taken_back}"


class Unflushed(Killed):
    """A server dies with its daemon, and with all that no commit has flushed."""

    def start(self):
        for server in self.servers.values():
            server.hold_back()
        super().start()

    def strike(self, victims, faults=(MACHINE,)):
        super().strike(victims, faults)


def completing(octets, segment):
    """The numbers of the segments that complete a row of 256 kB of which a checkpoint has written the beginning."""
    envelope, row = 1000, 256 << 10     # about
    return [number for number in range(2, octets // segment + 1)
            if (number * segment - envelope) // row > ((number - 1) * segment - envelope) // row]


class Streamed(World):
    """ALPHA's server dies when a piece of a content has come and its checkpoint has not. Nobody else is served, as any commit
    would flush what the piece wrote."""

    def mtas(self):
        daemons = super().mtas()
        self.sources, self.reader = [], None
        return daemons

    def start(self):
        self.servers[self.alpha.name].hold_back()
        super().start()

    def rounds(self):
        for number in range(self.options.rounds):
            self.hand_over(f"src-s-{number}")
            self.progress(number + 1)
            self.drain()
            if self.alpha.request("status")["copies"]:
                return      # one can't go on

    def hand_over(self, local):
        """The same octets until they are taken; the server dies at the first try."""
        recipients, checkpoint = [self.random.choice(KNOWN)], self.random.choice([16, 64, 100, 300])
        content = ipm.ipm(local, ORIGINATOR, recipients, local,
                          ipm.text(self.random.randbytes(self.random.randint(350_000, 800_000)).hex()))
        apdu = x411.message(SRC, local, ORIGINATOR, recipients, content)
        at = self.random.choice(completing(len(apdu), checkpoint << 10))
        while not self.taken(apdu, checkpoint, at):
            at = 0
            time.sleep(0.1)
        self.ledger.confirm(local, recipients, hashlib.sha256(content).hexdigest())

    def taken(self, apdu, checkpoint, at):
        try:
            with Association.open(self.alpha.port, mta="SRC", password="secret", timeout=PATIENCE, checkpoint=checkpoint) as peer:
                value, step = x228.transfer_value(peer.mode, apdu), checkpoint << 10
                peer.start_activity()
                for number, offset in enumerate(range(0, len(value), step), 1):
                    # What comes while a commit is under way goes with the next one.
                    while number == at and peer.acknowledged < peer.sent_serial:
                        peer.await_acknowledgement()
                    peer.send_data(value[offset:offset + step])
                    if number == at:
                        self.server_dies()
                    if offset + step < len(value):
                        peer.minor_sync()
                while peer.acknowledged < peer.sent_serial:
                    peer.await_acknowledgement()
                peer.end_activity()
                peer.release()
            self.strikes["taken at the first try"] += at > 0
            return True
        except NOT_TAKEN:
            return False

    def server_dies(self):
        """And the sender is slow: when it goes on the store takes mail again, or the transfer would be refused for that."""
        time.sleep(self.random.uniform(0.05, 0.3))
        self.strike([self.alpha], [SERVER])
        wait_until(lambda: self.alpha.request("status")["state"] == "serving", PATIENCE, "a store that is back")


class Lying:
    """Syncs lie: after a kill the store is as it was when the daemon was started, or the server flushed last. The control of
    all this: what was confirmed in between must be found lost."""

    def wait(self):
        """Until more was confirmed in this life, and some of it is delivered."""
        aim = len(self.ledger.confirmed) + 20
        wait_until(lambda: len(self.ledger.confirmed) >= aim, PATIENCE, "20 more confirmed messages")
        wait_until(lambda: self.beta.request("status")["counters"]["delivered"] > 0, PATIENCE, "a delivery")

    def victims(self):
        return [self.alpha, self.beta]

    def missing_reports(self):
        return []

    def accept(self, verdict):
        return bool(verdict.lost)

    def judge_finds(self):
        return True


class LyingDisk(Lying, Unsynced):
    def start(self):
        World.start(self)       # the stores are made first, and truly synced
        for mta in self.daemons:
            mta.stop()
        super().start(lie=True)

    def after_kill(self, mta):
        self.taken_back += rollback.take_back(self.store(mta), share=1)


class LyingServer(Lying, Unflushed):
    def start(self):
        super().start()
        for server in self.servers.values():
            server.lie()


class Full(World):
    """The disks of one or both run full and are emptied again."""

    def mtas(self):
        daemons = super().mtas()
        self.reader = None      # all mailboxes are emptied here
        return daemons

    def prepare(self):
        self.read, self.deleted, self.over = set(), set(), threading.Event()
        for name in ("ALPHA", "BETA"):
            os.makedirs(self.disk(name))
            subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SMALL_DISK}m,mode=755", "tmpfs", self.disk(name)], check=True)
        for path in (self.folder, *(os.path.dirname(self.disk(name)) for name in ("ALPHA", "BETA"))):
            os.chmod(path, 0o755)       # a server has a user of its own

    def disk(self, name):
        """Where the store lies, or the server."""
        return f"{self.folder}/{name.removesuffix('-MTA').lower()}/store"

    def server(self, name):
        return Server(self.disk(name), "max_wal_size = 96MB\nmin_wal_size = 64MB\n")

    def rounds(self):
        reader = threading.Thread(target=self.empty_mailboxes, daemon=True)
        reader.start()
        for number in range(self.options.rounds):
            time.sleep(self.random.uniform(0.5, 2))
            victims = [[self.alpha, self.beta], [self.alpha], [self.beta]][number % 3]
            for mta in victims:
                self.fill(mta)
            time.sleep(self.random.uniform(0.5, 3))
            for mta in victims:
                os.remove(f"{self.disk(mta.name)}/filler")
                if mta.name in self.servers:
                    self.strikes["the server ended"] += self.servers[mta.name].tend()
            self.progress(number + 1)
        self.over.set()
        reader.join()

    def fill(self, mta):
        """Up to the last octet, page, or a little more."""
        free = shutil.disk_usage(self.disk(mta.name)).free
        with open(f"{self.disk(mta.name)}/filler", "wb") as file:
            try:
                file.write(b"\0" * max(0, free - self.random.choice([0, 4096, 300_000])))
            except OSError:
                pass

    def empty_mailboxes(self):
        """Reads and deletes as a user does, so that only the filler fills the disk."""
        while not self.over.wait(0.5):
            try:
                self.collect(most=1000)
            except (Failed, OSError):
                pass    # a store that can't write deletes nothing now

    def collect(self, most=None):
        """Notes each entry once, and deletes it."""
        for mta, mailbox in World.mailboxes(self):
            with mta.client() as client:
                for entry in client.entries(mailbox)[:most]:
                    if (mailbox, entry["entry"]) not in self.read:
                        self.note(client, mailbox, entry, self.random.random() < 0.05 or entry["size"] > LONG)
                        self.read.add((mailbox, entry["entry"]))
                    if (mailbox, entry["entry"]) in self.deleted:
                        self.ledger.wrong.append(f"{mailbox}: entry {entry['entry']} was deleted, and is there")
                    client.request("mailbox-delete", mailbox=mailbox, entry=entry["entry"])
                    self.deleted.add((mailbox, entry["entry"]))

    def judge_finds(self):
        return True     # the mailboxes are empty by now

    def close(self):
        try:
            return super().close()
        finally:
            for name in ("ALPHA", "BETA"):
                subprocess.run(["umount", "-l", self.disk(name)], check=False)


class CutOff(World):
    """Connections between the two are cut after every octet."""

    def prepare(self):
        self.cutting = Cutting(self.options.seed)

    def mtas(self):
        return [self.mta(name, domain, self.cutting.ports[name], **self.cutting.settings(name, self.sink.port))
                for name, domain in (("ALPHA", ALPHA), ("BETA", BETA))]

    def mailboxes(self):
        return [(mta, mailbox) for name, mta in (("ALPHA", self.alpha), ("BETA", self.beta))
                for mailbox in self.cutting.mailboxes(name)]

    def rounds(self):
        self.cutting.run({"ALPHA": self.alpha, "BETA": self.beta}, self.ledger, self.options.rounds, self.options.seed)

    def judge(self):
        covered = self.cutting.report()
        return super().judge() and covered

    def close(self):
        try:
            return super().close()
        finally:
            self.cutting.close()


class Recovering(World):
    """ALPHA between senders and takers that recover."""

    WANTED = ("resumed", "recovered", "discarded", "broken at the end", "left half open", "refused for good",
              "refused for now", "taker: broken", "taker: resumed", "taker: refused")

    def prepare(self):
        self.counts, self.turn = Counts(), 0
        self.takers = [Taker(name, self.ledger, self.counts, self.options.seed, self.options.broken) for name in TAKERS]

    def mtas(self):
        alpha = self.mta("ALPHA", ALPHA, free_port(), **self.neighbours(), user={user: {"available": True} for user in USERS})
        self.sources = [Sender(name, alpha.port, self.ledger, self.counts, self.options.seed, self.options.broken)
                        for name in SENDERS]
        return [alpha]

    def neighbours(self, away=None):
        """The sections of peers and routes, one peer left out, and each with another word for `recovery`."""
        domains = {name: f"/C=FR/A={name}" for name in SENDERS}
        ports = {"SRC": self.sink.port, **{name: self.sink.port for name in SENDERS},
                 **{taker.name: taker.port for taker in self.takers}}
        peers = {name: peer_section(port, name, "secret", "ALPHA-MTA", "a", transit=True, associations_in=50, checkpoint_size=1,
                                    domain=domains.get(name, SRC if name == "SRC" else AWAY),
                                    application_contexts=[CONTEXTS[name == TAKERS[1]]],
                                    recovery=self.random.choice(["resume", "resume", "full", "off"]))
                 for name, port in ports.items() if name != away}
        hops = {name: {"rank": rank} for rank, name in enumerate(TAKERS, 1) if name != away}
        return {"peer": peers, "route": {AWAY: {"next-hop": hops}, SRC: {"next-hop": {"SRC": {"rank": 1}}}}}

    def mailboxes(self):
        return [(self.alpha, user) for user in USERS]

    # --- the faults

    def rounds(self):
        faults = [self.reload, self.refuse, self.fall]
        for number in range(self.options.rounds):
            time.sleep(self.random.uniform(0.05, 0.4))
            faults[number % len(faults)]()
            self.progress(number + 1)
        deadline = time.monotonic() + PATIENCE
        while missing := self.missing():    # each word for `recovery` forbids some of them: the next reload has another
            if time.monotonic() > deadline:
                raise AssertionError(f"never came: {', '.join(missing)}{self.figures()}")
            self.reload()
            self.refuse()

    def missing(self):
        """The faults that did not come true yet."""
        names = [name for name in self.WANTED if not self.counts.numbers[name]]
        return names + ["each that is to be found"] * (self.options.broken and not self.enough_broken())

    def enough_broken(self):
        """Whether the control has each fault that it is to find."""
        dropped = {why for sender in self.sources for why in sender.dropped}
        return dropped == {"away", "for now", "for good"} and any(taker.doubled for taker in self.takers)

    def fall(self):
        self.strike([self.alpha])
        self.alpha.wait_ready(PATIENCE)     # what comes next is asked of it

    def reload(self):
        """One of the peers is taken away for a while: each in its turn."""
        away = (SENDERS + TAKERS)[self.turn % (len(SENDERS) + len(TAKERS))]
        self.turn += 1
        sender = next((source for source in self.sources if source.name == away), None)
        self.read_anew(away)
        if sender:
            sender.away.set()
        time.sleep(self.random.uniform(0.1, 0.5))
        self.read_anew()
        if sender:
            sender.away.clear()

    def read_anew(self, away=None):
        self.alpha.configure(**self.neighbours(away))
        self.alpha.reload()
        wait_until(lambda: self.known() == len(SENDERS) + len(TAKERS) + (away is None), PATIENCE, "the configuration")

    def known(self):
        return sum(peer["configured"] for peer in self.alpha.request("peer-status")["peers"])

    def refuse(self):
        """Until something was refused, or not."""
        before, store = self.counts.numbers["refused for now"], inside.Refusing(self.alpha)
        store.begin()
        deadline = time.monotonic() + 1
        while self.counts.numbers["refused for now"] < before + 3 and time.monotonic() < deadline:
            time.sleep(0.02)
        store.end()

    # --- the count

    def drain(self, seconds=PATIENCE):
        for taker in self.takers:
            taker.calm.set()
        super().drain(seconds)

    def left(self):
        for operation in ("queue-release", "queue-retry"):
            self.alpha.request(operation, all=True, limit=1000, reason="the test ends")
        return super().left()

    def figures(self):
        return f"; {self.counts.text()}"

    def accept(self, verdict):
        if not self.options.broken:
            return verdict.good
        lost = set().union(*(copies for sender in self.sources for copies in sender.dropped.values()))
        doubled = set().union(*(taker.doubled for taker in self.takers))
        print(f"# control: {len(lost)} dropped on purpose, {len(doubled)} doubled", flush=True)
        return set(verdict.lost) == lost and set(verdict.doubled) == doubled and self.enough_broken()

    def judge_finds(self):
        return True     # --broken is the control

    def begun_anew(self):
        """Transfers that could not go on though their checkpoint was confirmed: no fault of these peers or stores brings that
        about."""
        return [line for line in self.alpha.log().splitlines() if "a transfer can't be resumed" in line and "still open" in line][:3]

    def close(self):
        try:
            return super().close() + self.begun_anew()
        finally:
            for taker in self.takers:
                taker.close()


def why_not(options):
    """Why it can't run here, or None."""
    if options.engine == "postgresql" and not postgres.binaries():
        return postgres.MISSING
    if options.engine == "sqlite" and options.variant == "stream":
        return "no server holds the store"
    if options.variant == "full" and not may_mount(sys.argv):
        return "no file system can be mounted here"
    if options.variant == "full" and options.engine == "postgresql" and "CHASQUI_UNSHARED" in os.environ:
        return "a server does not run in a user namespace of ours"
    return None


def may_mount(arguments):
    """Whether a file system can be mounted; where only a user namespace of one's own allows it, goes on in that."""
    with tempfile.TemporaryDirectory() as folder:
        if not subprocess.run(["mount", "-t", "tmpfs", "tmpfs", folder], stderr=subprocess.DEVNULL).returncode:
            subprocess.run(["umount", folder], check=True)
            return True
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if "CHASQUI_UNSHARED" in os.environ or not shutil.which("unshare") or subprocess.run(
            [*alone, "true"], stderr=subprocess.DEVNULL).returncode:
        return False
    os.environ["CHASQUI_UNSHARED"] = "1"
    os.execvp(alone[0], [*alone, sys.executable, *arguments])


VARIANTS = {"kill": Killed, "unsynced": Unsynced, "stream": Streamed, "cut": CutOff, "full": Full, "recover": Recovering}
# Where the store is no file of the daemon's.
AT_SERVER = {Unsynced: Unflushed, LyingDisk: LyingServer}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--engine", choices=list(FAULTS), default="sqlite")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", choices=list(VARIANTS), default="kill")
    parser.add_argument("--lie", action="store_true")
    parser.add_argument("--broken", action="store_true")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 30)
    what = ("lying syncs are found out" if options.lie else "broken peers are found out" if options.broken else
            "nothing lost, nothing twice")
    name = f"{options.variant}, {options.engine}: {what} in {options.rounds} rounds"
    cannot = why_not(options)
    print("1..1", flush=True)
    if cannot:
        print(f"ok 1 - {name} # SKIP {cannot}")
        return 0
    print(f"# seed {options.seed}", flush=True)
    kind = LyingDisk if options.lie else VARIANTS[options.variant]
    if options.engine == "postgresql":
        kind = AT_SERVER.get(kind, kind)
    folder = tempfile.mkdtemp(prefix="chasqui-torture-")
    world = kind(folder, options)
    good = False
    try:
        good = world.run()
    finally:
        problems = world.close()
        for problem in problems:
            print("# " + problem.replace("\n", "\n# "))
        good = good and not problems
        print(("ok" if good else "not ok") + f" 1 - {name}", flush=True)
        if good and not options.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f"# stores and logs are in {folder}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
