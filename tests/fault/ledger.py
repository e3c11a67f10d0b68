"""What was handed over, what came of it, and the judgement over both."""
import hashlib
import threading

from peer import x411


class Verdict:
    """Copies are (local identifier, recipient). `waiting` are those that a queue still has: not lost, but the test has
    not ended as it should either."""

    def __init__(self):
        self.lost, self.doubled, self.waiting, self.damaged, self.wrong = [], [], [], [], []

    @property
    def good(self):
        return not (self.lost or self.doubled or self.waiting or self.damaged or self.wrong)

    def text(self):
        return (f"lost = {len(self.lost)}, duplicates = {len(self.doubled)}, waiting = {len(self.waiting)}, "
                f"damaged = {len(self.damaged)}, wrong = {len(self.wrong)}")

    def examples(self, most=5):
        for name, items in (("lost", self.lost), ("twice", self.doubled), ("waiting", self.waiting),
                            ("damaged", self.damaged), ("wrong", self.wrong)):
            yield from (f"{name}: {item}" for item in items[:most])


class Ledger:
    """`confirmed`: what an MTA took responsibility for: local identifier -> (recipients, SHA-256 of the content).
    `reports`: local identifier -> {recipient number: (reason, diagnostic, delivered)}. `delivered`: what was found in
    mailboxes: (local identifier, mailbox) -> [SHA-256 of the content, or None where it was not looked at]."""

    def __init__(self):
        self.lock = threading.Lock()
        self.confirmed, self.reports, self.delivered = {}, {}, {}
        self.report_octets = set()
        self.repeats = 0
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

    def deliver(self, local, mailbox, digest=None):
        with self.lock:
            self.delivered.setdefault((local, mailbox), []).append(digest)

    def judge(self, queued=()):
        """Every copy must have been delivered once or reported once. `queued`: local identifiers that a queue still
        has."""
        verdict, left = Verdict(), dict(self.delivered)
        verdict.wrong = list(self.wrong)
        for local, (recipients, wanted) in self.confirmed.items():
            for number, recipient in enumerate(recipients, 1):
                found = left.pop((local, recipient), [])
                outcomes = len(found) + (number in self.reports.get(local, {}))
                if outcomes > 1:
                    verdict.doubled.append((local, recipient))
                elif outcomes == 0:
                    (verdict.waiting if local in queued else verdict.lost).append((local, recipient))
                if any(digest not in (None, wanted) for digest in found):
                    verdict.damaged.append((local, recipient))
        # What was never confirmed may have arrived all the same, but not twice.
        verdict.doubled += [key for key, found in left.items() if len(found) > 1]
        verdict.wrong += [f"nobody sent {key}" for key in left if not key[0].startswith("src-")]
        return verdict
