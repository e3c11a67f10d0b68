"""What was handed over, what came of it, and the judgement over both."""
import collections
import hashlib
import threading

from peer import x411


# What an MTA took responsibility for. `digest`: SHA-256 of the content, None of a probe. `reports`: the numbers of the
# recipients of whom a report must come. `deferred`: before that time, in seconds since 1970, it must not arrive.
Handed = collections.namedtuple("Handed", "recipients digest reports deferred", defaults=(frozenset(), 0))


class Verdict:
    """Copies are (local identifier, recipient). `waiting` are those that a queue still has: not lost, but the test has
    not ended as it should either. `unreported` arrived, and the report that was asked for did not."""

    NAMES = ("lost", "doubled", "waiting", "unreported", "damaged", "wrong")

    def __init__(self):
        self.lost, self.doubled, self.waiting, self.unreported, self.damaged, self.wrong = [], [], [], [], [], []

    @property
    def good(self):
        return not any(getattr(self, name) for name in self.NAMES)

    def text(self):
        return ", ".join(f"{name} = {len(getattr(self, name))}" for name in self.NAMES)

    def examples(self, most=5):
        for name in self.NAMES:
            yield from (f"{name}: {item}" for item in getattr(self, name)[:most])


class Ledger:
    """`confirmed`: local identifier -> Handed; of what was submitted it is the content-identifier, which the submitter chose.
    `reports`: local identifier -> {recipient number: (reason, diagnostic, delivered)}. `delivered`: what was found in
    mailboxes: (local identifier, mailbox) -> [SHA-256 of the content, or None where it was not looked at].
    `identifiers`: the local part of an MTS-identifier -> what it was given to, of all that the daemons gave and that was seen."""

    def __init__(self):
        self.lock = threading.Lock()
        self.confirmed, self.reports, self.delivered, self.identifiers = {}, {}, {}, {}
        self.report_octets = set()
        self.repeats = 0
        self.wrong = []

    def confirm(self, local, recipients, digest, **more):
        with self.lock:
            self.confirmed[local] = Handed(recipients, digest, **more)

    def identify(self, identifier, what):
        """Nothing else may have this MTS-identifier."""
        with self.lock:
            if self.identifiers.setdefault(identifier, what) != what:
                self.wrong.append(f"{identifier} is {self.identifiers[identifier]} and {what}")

    def missing_reports(self):
        """(local identifier, recipient number) of the reports that are still to come."""
        with self.lock:
            return [(local, number) for local, handed in self.confirmed.items() for number in handed.reports
                    if number not in self.reports.get(local, {})]

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
        for recipient in report.recipients:
            self.reported(report.subject[1], recipient["number"], recipient["reason"], recipient["diagnostic"], recipient["delivered"])
        self.identify(report.identifier[1], digest)

    def reported(self, local, number, reason, diagnostic, delivered):
        with self.lock:
            known = self.reports.setdefault(local, {})
            if number in known:
                self.wrong.append(f"{local}: recipient {number} reported twice")
            known[number] = (reason, diagnostic, delivered)

    def deliver(self, local, mailbox, digest=None, arrival=None):
        """It was found in a mailbox. `arrival`: in seconds since 1970."""
        with self.lock:
            self.delivered.setdefault((local, mailbox), []).append(digest)
            handed = self.confirmed.get(local)
            if arrival and handed and arrival < int(handed.deferred):
                self.wrong.append(f"{local} arrived {handed.deferred - arrival:.0f} s before the time to which it was deferred")

    def judge(self, queued=()):
        """Every copy must have been delivered once or reported once as not delivered; of a probe each recipient once.
        `queued`: local identifiers that a queue still has."""
        verdict, left = Verdict(), dict(self.delivered)
        verdict.wrong = list(self.wrong)
        for local, handed in self.confirmed.items():
            for number, recipient in enumerate(handed.recipients, 1):
                self._judge_copy(verdict, local, handed, number, left.pop((local, recipient), []), local in queued)
        # What was never confirmed may have arrived all the same, but not twice.
        verdict.doubled += [key for key, found in left.items() if len(found) > 1]
        verdict.wrong += [f"nobody sent {key}" for key in left if not key[0].startswith("src-")]
        return verdict

    def _judge_copy(self, verdict, local, handed, number, found, queued):
        copy = local, handed.recipients[number - 1]
        report = self.reports.get(local, {}).get(number)
        outcomes = len(found) + (report is not None and (handed.digest is None or not report[2]))
        if outcomes > 1:
            verdict.doubled.append(copy)
        elif outcomes == 0:
            (verdict.waiting if queued else verdict.lost).append(copy)
        elif report is None and number in handed.reports:
            verdict.unreported.append(copy)
        if report and report[2] and number not in handed.reports:
            verdict.wrong.append(f"nobody asked for the report on {copy}")
        if any(digest not in (None, handed.digest) for digest in found):
            verdict.damaged.append(copy)
