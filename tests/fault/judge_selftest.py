#!/usr/bin/python3
"""Does the judge of torture.py find what it is there to find?"""
import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from fault.ledger import Ledger     # noqa: E402
from peer import tap                # noqa: E402


def outcome():
    """Two messages to three mailboxes, each delivered, and one to nobody, reported."""
    ledger = Ledger()
    ledger.confirm("src-1", ["a", "b"], "digest 1")
    ledger.confirm("src-2", ["c", "nobody"], "digest 2")
    ledger.deliver("src-1", "a", "digest 1")
    ledger.deliver("src-1", "b")
    ledger.deliver("src-2", "c", "digest 2")
    ledger.reports["src-2"] = {2: (1, 0, None)}
    return ledger


@tap.case("all delivered or reported once: good")
def _():
    verdict = outcome().judge()
    tap.check(verdict.good, verdict.text())


@tap.case("a dropped delivery is lost")
def _():
    ledger = outcome()
    del ledger.delivered["src-1", "b"]
    verdict = ledger.judge()
    tap.equal((verdict.lost, verdict.good), ([("src-1", "b")], False))


@tap.case("a dropped delivery that a queue still has is waiting, which is not good either")
def _():
    ledger = outcome()
    del ledger.delivered["src-1", "b"]
    verdict = ledger.judge(queued={"src-1"})
    tap.equal((verdict.lost, verdict.waiting, verdict.good), ([], [("src-1", "b")], False))


@tap.case("a dropped report is lost")
def _():
    ledger = outcome()
    ledger.reports.clear()
    tap.equal(ledger.judge().lost, [("src-2", "nobody")])


@tap.case("a second delivery is a duplicate")
def _():
    ledger = outcome()
    ledger.deliver("src-1", "a", "digest 1")
    verdict = ledger.judge()
    tap.equal((verdict.doubled, verdict.good), ([("src-1", "a")], False))


@tap.case("a report beside a delivery is a duplicate")
def _():
    ledger = outcome()
    ledger.reports["src-1"] = {1: (1, 0, None)}
    tap.equal(ledger.judge().doubled, [("src-1", "a")])


def asked():
    """A message whose delivery is to be reported, and a probe to one who is known and one who is not."""
    ledger = Ledger()
    ledger.confirm("src-1", ["a", "b"], "digest 1", reports={1, 2})
    ledger.deliver("src-1", "a")
    ledger.deliver("src-1", "b")
    ledger.reports["src-1"] = {1: (None, None, "now"), 2: (None, None, "now")}
    ledger.confirm("src-2", ["a", "nobody"], None, reports={1, 2})
    ledger.reports["src-2"] = {1: (None, None, "now"), 2: (1, 0, None)}
    return ledger


@tap.case("a report that was asked for and does not come is missing; one that nobody asked for is wrong")
def _():
    ledger = asked()
    tap.check(ledger.judge().good, ledger.judge().text())
    tap.equal(ledger.missing_reports(), [])
    del ledger.reports["src-1"][2]
    tap.equal((ledger.judge().unreported, ledger.judge().good), ([("src-1", "b")], False))
    tap.equal(ledger.missing_reports(), [("src-1", 2)])
    ledger = asked()
    ledger.confirm("src-1", ["a", "b"], "digest 1", reports={1})
    tap.check(ledger.judge().wrong)


@tap.case("a report of a delivery without the delivery is a loss")
def _():
    ledger = asked()
    del ledger.delivered["src-1", "a"]
    tap.equal(ledger.judge().lost, [("src-1", "a")])


@tap.case("a probe that is not answered is lost, one that is delivered is double")
def _():
    ledger = asked()
    del ledger.reports["src-2"][2]
    tap.equal(ledger.judge().lost, [("src-2", "nobody")])
    ledger = asked()
    ledger.deliver("src-2", "a")
    tap.equal(ledger.judge().doubled, [("src-2", "a")])


@tap.case("what comes before the time to which it was deferred is wrong")
def _():
    ledger = Ledger()
    ledger.confirm("src-1", ["a"], "digest 1", deferred=1000.5)
    ledger.deliver("src-1", "a", arrival=1000)
    tap.check(ledger.judge().good)
    ledger = Ledger()
    ledger.confirm("src-1", ["a"], "digest 1", deferred=1000.5)
    ledger.deliver("src-1", "a", arrival=999)
    tap.check(ledger.judge().wrong)


@tap.case("an MTS-identifier that is given twice is wrong")
def _():
    ledger = asked()
    ledger.identify("one", "src-1")
    ledger.identify("one", "src-1")
    tap.check(ledger.judge().good)
    ledger.identify("one", "src-2")
    tap.check(ledger.judge().wrong)


@tap.case("what was not confirmed may arrive once, not twice")
def _():
    ledger = outcome()
    ledger.deliver("src-3", "a")
    tap.check(ledger.judge().good)
    ledger.deliver("src-3", "a")
    tap.equal(ledger.judge().doubled, [("src-3", "a")])


@tap.case("other octets than those sent are damage")
def _():
    ledger = outcome()
    ledger.delivered["src-1", "a"] = ["digest 2"]
    tap.equal(ledger.judge().damaged, [("src-1", "a")])


@tap.case("what nobody sent is wrong")
def _():
    ledger = outcome()
    ledger.deliver("other-1", "a")
    tap.check(ledger.judge().wrong)


tap.main()
