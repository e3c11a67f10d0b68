#!/usr/bin/python3
"""Nothing lost, nothing twice: two daemons under load, killed at random moments, then drained and counted.

Usage: torture.py [--rounds N] [--variant kill|unsynced|cut|full] [--seed N] [--keep]

A source (MTA SRC, in Python) hands messages to ALPHA over P1; ALPHA relays them to BETA, which delivers them or reports
back through ALPHA to SRC. What counts as handed over is what ALPHA confirmed (the activity's end); what was not confirmed
is sent again, the same octets, as a real MTA does. At the end every message handed over must be in its recipients'
mailboxes exactly once, or reported exactly once where the recipient is unknown.

kill      SIGKILL to ALPHA, BETA or both at random moments
unsynced  the same, and what was written and not synced at that moment is taken back (tests/fault/unsynced.c)
cut       the connection between the two is cut after every number of octets of a transfer
full      BETA's disk (a small tmpfs) runs full and is emptied again
"""
import argparse
import hashlib
import os
import random
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
sys.dont_write_bytecode = True
from fault import rollback                                              # noqa: E402
from fault.proxy import CuttingProxy                                    # noqa: E402
from peer import ipm, x411                                              # noqa: E402
from peer.association import Association                                # noqa: E402
from peer.transport import Transport                                    # noqa: E402
from scenario.chasqui import Mhsd, free_port, peer_section              # noqa: E402

SRC, ALPHA, BETA = "/C=FR/A=SRC", "/C=GB/A=GOLD/P=ALPHA", "/C=DE/A=VIAT/P=BETA"
ORIGINATOR = SRC + "/S=source/"
KNOWN = [f"{BETA}/S=user{i}" for i in range(4)]
UNKNOWN = f"{BETA}/S=nobody"
SIZES = [500] * 6 + [2000] * 10 + [60_000] * 3 + [300_000]


class Ledger:
    """What was handed over and what came back."""

    def __init__(self):
        self.lock = threading.Lock()
        self.confirmed = {}         # local identifier -> (recipients, SHA-256 of the content)
        self.reports = {}           # local identifier -> {recipient number: (reason, diagnostic)}
        self.report_octets = set()
        self.repeats = self.unconfirmed = 0
        self.wrong = []

    def confirm(self, local, recipients, digest):
        with self.lock:
            self.confirmed[local] = (recipients, digest)

    def report(self, apdu):
        """Takes a report in. A repeat of the same octets is no second report: it is what X.411's transfer repeats."""
        digest = hashlib.sha256(apdu).digest()
        with self.lock:
            if digest in self.report_octets:
                self.repeats += 1
                return
            self.report_octets.add(digest)
            report = x411.Received(apdu)
            if report.kind != "report":
                self.wrong.append(f"a {report.kind} came to the source")
                return
            known = self.reports.setdefault(report.subject[1], {})
            for recipient in report.recipients:
                if recipient["number"] in known:
                    self.wrong.append(f"{report.subject[1]}: recipient {recipient['number']} reported twice")
                known[recipient["number"]] = (recipient["reason"], recipient["diagnostic"], recipient["delivered"])


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
            except Exception:    # killed or cut: what is not confirmed is sent again
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
        except Exception:
            pass        # the daemon was killed, or the connection cut; what is not confirmed comes again
        sock.close()


class World:
    """ALPHA and BETA, the source and the sink."""

    def __init__(self, folder, options):
        self.options, self.folder = options, folder
        self.random, self.taken_back = random.Random(options.seed), 0
        self.ledger = Ledger()
        self.sink = Sink(self.ledger)
        self.sink.start()
        alpha_port, beta_port = free_port(), free_port()
        self.proxy = CuttingProxy(beta_port, self.cuts()) if options.variant == "cut" else None

        def common(name):
            store = f"{folder}/{name}/store"
            return {"environment": rollback.environment(store) if options.variant == "unsynced" else {},
                    "log_level": "warning", "schedule": {lane: {"first-retry": 1, "longest-retry": 3}
                                                         for lane in ("urgent", "normal", "non-urgent")}}
        if options.variant == "full":
            self.small_disk(f"{folder}/beta/store", 300 + 20 * options.rounds)
        self.alpha = Mhsd(
            f"{folder}/alpha", "ALPHA-MTA", ALPHA, alpha_port,
            peer={"SRC": peer_section(self.sink.port, "SRC", "secret", "ALPHA-MTA", "a", domain=SRC, associations_in=50),
                  "BETA": self.neighbour(self.proxy.port if self.proxy else beta_port, "BETA-MTA", BETA)},
            route={BETA: {"next-hop": {"BETA": {"rank": 1}}}, SRC: {"next-hop": {"SRC": {"rank": 1}}}}, **common("alpha"))
        self.beta = Mhsd(
            f"{folder}/beta", "BETA-MTA", BETA, beta_port,
            peer={"ALPHA": self.neighbour(alpha_port, "ALPHA-MTA", ALPHA)},
            route={ALPHA: {"next-hop": {"ALPHA": {"rank": 1}}}, SRC: {"next-hop": {"ALPHA": {"rank": 1}}}},
            user={address: {"available": True} for address in KNOWN}, **common("beta"))
        self.sources = [Source(i, alpha_port, self.ledger, options.seed) for i in range(3)]

    @staticmethod
    def neighbour(port, name, domain):
        our = "ALPHA-MTA" if name == "BETA-MTA" else "BETA-MTA"
        return peer_section(port, name, "between us", our, "between us", domain=domain, checkpoint_size=16,
                            associations_in=50, queue_per_association=1)

    def cuts(self):
        """Cut points, growing through a whole association: bind, small messages, checkpoints of larger ones."""
        at, step = 1, max(1, 6000 // max(1, self.options.rounds))
        while True:
            yield self.random.choice(["in", "in", "out"]), at
            at = at + step if at < 6000 else self.random.randrange(1, 400_000)

    @staticmethod
    def small_disk(path, megabytes):
        """Has room for all that is delivered in the rounds: only the filler shall fill it."""
        os.makedirs(path)
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", path], check=True)

    def run(self):
        for mta in (self.alpha, self.beta):
            mta.start()
        for source in self.sources:
            source.start()
        {"kill": self.kill_rounds, "unsynced": self.kill_rounds, "cut": self.cut_rounds,
         "full": self.full_rounds}[self.options.variant]()
        for source in self.sources:
            source.finish.set()
        if self.proxy:
            self.proxy.cuts = iter([])
        self.drain()
        return self.judge()

    # --- what goes wrong

    def kill_rounds(self):
        for number in range(self.options.rounds):
            time.sleep(self.random.uniform(0.02, 0.7))
            victims = self.random.choice([[self.alpha], [self.beta], [self.alpha, self.beta]])
            for mta in victims:
                mta.kill()
            for mta in victims:
                if self.options.variant == "unsynced":
                    self.taken_back += rollback.take_back(os.path.join(mta.folder, "store"))
                mta.start(seconds=60)
            self.progress(number + 1)

    def cut_rounds(self):
        while self.proxy.broken < self.options.rounds:
            time.sleep(0.2)
            self.progress(self.proxy.broken)

    def full_rounds(self):
        disk = f"{self.folder}/beta/store"
        filler = f"{disk}/filler"
        for number in range(self.options.rounds):
            time.sleep(self.random.uniform(0.5, 2))
            free = shutil.disk_usage(disk).free
            with open(filler, "wb") as file:
                try:
                    file.write(b"\0" * max(0, free - self.random.choice([0, 4096, 300_000])))
                except OSError:
                    pass
            time.sleep(self.random.uniform(0.5, 3))
            os.remove(filler)
            self.progress(number + 1)

    def progress(self, number):
        if sys.stderr.isatty() or number % 50 == 0:
            print(f"# {number} of {self.options.rounds}: {len(self.ledger.confirmed)} confirmed", file=sys.stderr,
                  flush=True)

    # --- the count

    def drain(self, seconds=180):
        """Until all that was handed over has its outcome and both queues are empty."""
        deadline = time.monotonic() + seconds
        for source in self.sources:
            source.join(max(1, deadline - time.monotonic()))
            self.ledger.unconfirmed += source.waiting is not None
        while time.monotonic() < deadline:
            queued = sum(len(mta.request("queue-list", limit=1)["entries"]) for mta in (self.alpha, self.beta))
            if not queued and not self.missing_reports():
                return
            time.sleep(0.2)
        print(f"# the queues did not drain in {seconds} s: what still waits counts as lost below", flush=True)

    def missing_reports(self):
        with self.ledger.lock:
            return [local for local, (recipients, _) in self.ledger.confirmed.items()
                    if UNKNOWN in recipients and len(recipients) not in self.ledger.reports.get(local, {})]

    def delivered(self):
        """{(local identifier, mailbox): [entry]}"""
        found = {}
        with self.beta.client() as client:
            for mailbox in KNOWN:
                for entry in client.entries(mailbox):
                    local = entry["mts-identifier"].rpartition(";")[2].rstrip("]")
                    found.setdefault((local, mailbox), []).append(entry)
        return found

    def judge(self):
        """Prints the count; true when nothing is lost, doubled or wrong."""
        delivered, lost, doubled, damaged = self.delivered(), [], [], 0
        sample = set(self.random.sample(sorted(self.ledger.confirmed), min(60, len(self.ledger.confirmed))))
        with self.beta.client() as client:
            for local, (recipients, digest) in self.ledger.confirmed.items():
                for number, recipient in enumerate(recipients, 1):
                    reported = self.ledger.reports.get(local, {}).get(number)
                    entries = delivered.pop((local, recipient), [])
                    if len(entries) + (reported is not None) > 1:
                        doubled.append((local, recipient))
                    elif not entries and reported is None:
                        lost.append((local, recipient))
                    if entries and local in sample:
                        content = client.content(recipient, entries[0]["entry"])
                        damaged += hashlib.sha256(content).hexdigest() != digest
        doubled += [key for key, entries in delivered.items() if len(entries) > 1]
        strange = [key for key in delivered if not key[0].startswith("src-")]
        wrong = self.ledger.wrong + [f"unknown entry {key}" for key in strange]
        print(f"# {self.options.variant}: {len(self.ledger.confirmed)} messages handed over, "
              f"{sum(len(r) for r, _ in self.ledger.confirmed.values())} copies; lost = {len(lost)}, "
              f"duplicates = {len(doubled)}, damaged = {damaged}, wrong = {len(wrong)}, repeated reports = "
              f"{self.ledger.repeats}, never confirmed = {self.ledger.unconfirmed}"
              + (f", unsynced blocks taken back = {self.taken_back}" if self.taken_back else ""), flush=True)
        for text in [f"lost {item}" for item in lost[:5]] + [f"twice {item}" for item in doubled[:5]] + wrong[:5]:
            print("#   " + text, flush=True)
        return not (lost or doubled or damaged or wrong or self.ledger.unconfirmed) and bool(self.ledger.confirmed)

    def close(self):
        self.sink.listener.close()
        problems = []
        for mta in (self.alpha, self.beta):
            if mta.process and mta.process.poll() is None:
                try:
                    if mta.stop():
                        problems.append(f"{mta.name} ended badly: {mta.log_tail()}")
                except RuntimeError as error:
                    problems.append(str(error))
            try:
                mta.check_log()
            except AssertionError as error:
                problems.append(str(error))
        if self.proxy:
            self.proxy.close()
        if self.options.variant == "full":
            subprocess.run(["umount", "-l", f"{self.folder}/beta/store"], check=False)
        return problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--variant", choices=["kill", "unsynced", "cut", "full"], default="kill")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    options.seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 30)
    name = f"{options.variant}: nothing lost, nothing twice in {options.rounds} rounds"
    print("1..1", flush=True)
    if options.variant == "full" and os.geteuid() != 0:
        print(f"ok 1 - {name} # SKIP mounting a small tmpfs needs root")
        return 0
    print(f"# seed {options.seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="chasqui-torture-")
    world = World(folder, options)
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
