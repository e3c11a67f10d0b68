#!/usr/bin/python3
"""What operators see and do: peers, lanes, schedules, limits, pings, lists of any length, reloads."""
import json
import os
import pwd
import re
import subprocess
import time
import unicodedata

from players import ANN, BEN, FAR, FAY, HOME, JOE, NEAR, Neighbour, Scripted, Stage, folder, text_message
from peer import association, ber, local, tap, x228, x411
from peer.association import BindRefused
from scenario.chasqui import Mhsd, free_port, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until


def queue(stage, **filters):
    return stage.mta.request("queue-list", **filters)["entries"]


def peer_status(mta, name):
    return mta.request("peer-status", peer=name)["peers"][0]


def ask(mta, *arguments, status=0):
    """A command with --json: its only JSON value, and the exit status that it must have."""
    done = mta.mhs("--json", *arguments, check=False)
    equal(done.returncode, status, f"{arguments}: {done.stderr}")
    return json.loads(done.stdout)


def hand_over_many(stage, names, **options):
    with stage.call() as peer:
        for name in names:
            peer.transfer(text_message(name, [FAY], **options))
        peer.release()


def hold_all(stage, count):
    wait_until(lambda: len(queue(stage)) >= count)
    equal(stage.mta.request("queue-hold", all=True, reason="play")["changed"], count)


class Closed:
    """A neighbour that is not there: its port is closed until it comes."""

    def __init__(self):
        self.port = free_port()

    def close(self):
        pass


# ---- lanes, schedules, expiry


@case("urgent goes before normal, normal before non-urgent, a report in the urgent lane")
def _():
    with folder() as path, Stage(path, far=Closed(), peer_options={"FAR": {"associations-out": 1}}) as stage:
        order = [("n", x411.NORMAL), ("l", x411.NON_URGENT), ("u", x411.URGENT)]
        with stage.call() as peer:
            for name, priority in order:
                peer.transfer(text_message(name, [FAY], priority=priority))
            peer.transfer(x411.report(NEAR, "r", FAY, (FAR, "theirs"), [x411.reported(JOE, 1, reason=1, diagnostic=0)]))
            peer.release()
        hold_all(stage, 4)
        equal({e["priority"] for e in queue(stage, kind="report")}, {"urgent"})
        late = Neighbour()
        stage.mta.configure(peer={**stage.mta.settings["peer"], "FAR": {
            **stage.mta.settings["peer"]["FAR"], "address": [f"Internet=127.0.0.1+{late.port}"]}})
        stage.mta.reload()
        wait_until(lambda: "was reread" in stage.mta.log())
        stage.mta.request("queue-release", all=True, reason="play")
        got = [late.next() for _ in range(4)]
        equal([m.identifier[1] for m in got if m.kind == "message"], ["u", "n", "l"])
        equal(sorted(m.kind for m in got[:2]), ["message", "report"])


@case("each priority expires by its own schedule, and latest delivery comes before it")
def _():
    schedule = {"urgent": {"expiry": 2, "first-retry": 1}, "normal": {"expiry": 3600, "first-retry": 1},
                "non-urgent": {"expiry": 3600, "first-retry": 1}}
    with folder() as path, Stage(path, far=Closed(), schedule=schedule) as stage:
        with stage.call() as peer:
            peer.transfer(text_message("urgent", [FAY], priority=x411.URGENT))
            peer.transfer(text_message("normal", [FAY]))
            peer.transfer(text_message("latest", [FAY], extensions=[x411.extension(5, ber.utctime(x411.now(3)), {x411.FOR_DELIVERY})]))
            peer.release()
        reports = {}
        while len(reports) < 2:
            report = stage.near.next()
            reports[report.subject[1]] = report.recipients[0]["diagnostic"]
        equal(reports, {"urgent": 5, "latest": 5})     # maximum-time-expired
        # Why the last try failed is told with the end: in the history, the log and the report.
        history, = ask(stage.mta, "track", "urgent")["messages"]
        for event in "expired", "non-delivered":
            check([e for e in history["events"] if e["event"] == event and "Connection refused" in (e["detail"] or "")], history)
        check(re.search(rf"urgent\] from {JOE} is not delivered to recipient 1, {FAY}: .*Connection refused", stage.mta.log()), stage.mta.log_tail())
        # The report's own copy is gone with the next commit.
        wait_until(lambda: [e["state"] for e in queue(stage)] == ["backing-off"])


@case("a peer that is not there is tried less and less often, and told of")
def _():
    with folder() as path, Stage(path, far=Closed(), peer_options={"FAR": {"first-retry": 1, "longest-retry": 3}}) as stage:
        stage.hand_over(text_message("doubles", [FAY]))
        for number, wait in (1, 1), (2, 2), (3, 3), (4, 3):
            wait_until(lambda: f"(try {number}, the next in {wait} s)" in stage.mta.log())
    # The waits are long, so that only the operator's retries come within the play: they don't make them longer.
    with folder() as path, Stage(path, far=Closed(), peer_options={"FAR": {"first-retry": 300, "longest-retry": 1000}}) as stage:
        stage.hand_over(text_message("waits", [FAY]))
        wait_until(lambda: peer_status(stage.mta, "FAR")["tries"] == 1)
        status = peer_status(stage.mta, "FAR")
        check("refused" in status["last-error"], status)
        check(status["next-try"] is not None, status)
        copy, = queue(stage)
        for number in range(1, 5):
            wait_until(lambda: f"(try {number}, the next in 300 s)" in stage.mta.log())
            equal(ask(stage.mta, "queue", "retry", str(copy["id"]), "--reason", f"now {number}")["changed"], 1)
        history = stage.mta.request("track", message=copy["message"])["messages"][0]["events"]
        equal([e["detail"].partition(": ")[2] for e in history if e["event"] == "retried"], [f"now {n}" for n in range(1, 5)])


@case("a reason in any language is kept whole, and what a report can't say of it is told")
def _():
    reason = "Gr\u00f6\u00dfe \u00fcberschritten \u2013 \u5c71\u7530"
    said = "Grosse uberschritten - ??"
    with folder() as path, Stage(path, far=Closed()) as stage:
        mta = stage.mta
        for _ in range(3):
            mta.mhs("send", "--from", ANN, "--to", FAY, "--text", "x")
        ids = [str(e["id"]) for e in wait_until(lambda: len(queue(stage)) == 3 and queue(stage))]
        check("report" not in mta.mhs("queue", "hold", ids[0], "--reason", reason).stdout)
        check(reason in mta.mhs("queue", "list").stdout and reason in mta.mhs("queue", "show", ids[0]).stdout)
        told = mta.mhs("queue", "nondeliver", ids[0], "--reason", reason).stdout
        check(f"of the reason it says: {said}\n" in told, told)
        check(f"{reason}" in mta.mhs("track", "--recent", "5").stdout)
        report, = wait_until(lambda: mta.request("mailbox-list", mailbox=ANN)["entries"])
        recipient, = ask(mta, "read", "--user", ANN, str(report["entry"]))["recipients"]
        equal(recipient["supplementary-information"], said)
        equal(ask(mta, "queue", "nondeliver", ids[1], "--reason", reason)["supplementary-information"], said)
        check("supplementary-information" not in ask(mta, "queue", "nondeliver", "--all", "--yes", "--reason", "gone (for good)"))
        mta.mhs("peer", "disable", "FAR", "--reason", reason)
        check(reason in mta.mhs("peer", "show", "FAR").stdout)


# ---- associations


@case("many messages take one association, and an idle one is released")
def _():
    with folder() as path, Stage(path, peer_options={"FAR": {"associations-out": 1, "idle": 1}}) as stage:
        hand_over_many(stage, [f"many-{i}" for i in range(30)])
        equal({stage.far.next().identifier[1] for _ in range(30)}, {f"many-{i}" for i in range(30)})
        equal(len(stage.far.logs), 1)
        wait_until(lambda: peer_status(stage.mta, "FAR")["associations-out"] == 0)


@case("no more associations than configured, in and out")
def _():
    options = {"FAR": {"associations-out": 2, "queue-per-association": 1}, "NEAR": {"associations-in": 2}}
    with folder() as path, Stage(path, peer_options=options) as stage:
        hand_over_many(stage, [f"limit-{i}" for i in range(40)])
        for _ in range(40):
            stage.far.next()
        equal(len(stage.far.logs), 2)
        with stage.call(), stage.call():
            try:
                stage.call().close()
            except BindRefused as refused:
                equal((refused.layer, refused.reason), ("mta-bind", association.BUSY))
            else:
                raise AssertionError("a third association was accepted")


@case("a permanent association is there without a message, and comes back")
def _():
    with folder() as path, Stage(path, peer_options={"FAR": {"permanent": True, "idle": 1}}) as stage:
        wait_until(lambda: peer_status(stage.mta, "FAR")["associations-out"] == 1)
        time.sleep(2.5)                 # longer than `idle`: this is what is tested
        equal(len(stage.far.logs), 1)
        equal(peer_status(stage.mta, "FAR")["associations-out"], 1)
        stage.far.cut()
        wait_until(lambda: len(stage.far.logs) == 2 and peer_status(stage.mta, "FAR")["associations-out"] == 1)


@case("a repeat is counted and logged")
def _():
    with folder() as path, Stage(path) as stage:
        again = text_message("again", [FAY])    # of one second: the trace's time is of the envelope
        for _ in range(3):
            stage.hand_over(again)
        wait_until(lambda: ask(stage.mta, "status")["counters"]["repeats"] == 2)
        equal(ask(stage.mta, "status")["counters"]["received"], 1)
        check("again" in stage.mta.log() and "repeat" in stage.mta.log(), stage.mta.log_tail())

        def recorded():
            history, = ask(stage.mta, "track", "again")["messages"]
            return len([e for e in history["events"] if e["event"] == "repeat"]) == 2
        wait_until(recorded, what="both in the record")


# ---- changes


@case("an operator sends a copy by another peer, or to another address, or ends it; each is recorded")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        with stage.call() as peer:
            for name in ("by-peer", "to-address", "ended", "dropped"):
                peer.transfer(text_message(name, [x411.recipient(FAY, 1, x411.REPORTED)]))
            peer.release()
        ids = {e["mts-identifier"].rpartition(";")[2].rstrip("]"): e["id"] for e in wait_until(
            lambda: (lambda q: q if len(q) == 4 else None)(queue(stage)))}
        refused = stage.mta.mhs("queue", "redirect", str(ids["by-peer"]), "NEAR", "--reason", "FAR is down", check=False)
        check(refused.returncode == 1 and "would loop" in refused.stderr and "--force" in refused.stderr, refused)
        moved = ask(stage.mta, "queue", "redirect", str(ids["by-peer"]), "NEAR", "--force", "--reason", "FAR is down")
        (was, now), = [(one["id"], one["now"]) for one in moved["redirected"]]
        check(was == ids["by-peer"] and len(now) == 1 and now[0] > max(ids.values()), moved)
        equal(stage.near.next().identifier[1], "by-peer")
        said = stage.mta.mhs("queue", "redirect", str(ids["to-address"]), "--address", f"{FAR}/S=bob", "--reason", "he left").stdout
        stays, = [e for e in queue(stage) if e["first-recipient"].endswith("S=bob")]
        equal(said, f"1 redirected, 0 left alone\ncopy {ids['to-address']} is now {stays['id']}\n")
        ask(stage.mta, "queue", "redirect", str(stays["id"]), "--address", ANN, "--reason", "she knows him")
        found = wait_until(lambda: stage.mta.request("mailbox-list", mailbox=ANN)["entries"])
        check(";to-address" in found[0]["mts-identifier"], found)
        ask(stage.mta, "queue", "nondeliver", str(ids["ended"]), "--reason", "no hope")
        reports = {}
        while len(reports) < 2:
            report = stage.near.next()
            reports[report.subject[1]] = report.recipients[0]["reason"]
        equal(reports, {"to-address": None, "ended": 1})
        for said, words in (("no peer has the name FRA; did you mean 'FAR'?", ("queue", "redirect", str(ids["dropped"]), "FRA")),
                            ("did you mean 'FAR'?", ("queue", "list", "--peer", "FRA"))):
            refused = stage.mta.mhs(*words, check=False)
            check(refused.returncode == 1 and said in refused.stderr, refused)
        for said, words in (("an option is given twice: 'held' and 'ready'", ("queue", "list", "--state", "held", "--state", "ready")),
                            ("--reason: say why", ("queue", "delete", str(ids["dropped"]), "--reason", "")),
                            ("say why: give --reason", ("peer", "disable", "FAR", "--reason", "")),
                            ("did you mean 'list'? 'mhs queue --help' tells all", ("queue", "lits"))):
            refused = stage.mta.mhs(*words, check=False)
            check(refused.returncode == 2 and said in refused.stderr and len(refused.stderr.splitlines()) <= 2, refused)
        ask(stage.mta, "queue", "hold", str(ids["dropped"]))
        history, = ask(stage.mta, "track", "dropped")["messages"]
        check([e for e in history["events"] if e["event"] == "held" and e["detail"].endswith(": no reason was given")], history)
        ask(stage.mta, "queue", "delete", str(ids["dropped"]), "--reason", "spam")
        wait_until(lambda: not queue(stage))
        check(stage.near.nothing(0.5), "a report on a deleted copy")
        check(re.search(rf"copy {ids['dropped']} for FAR of \[.*;dropped\] from .* is deleted by uid {os.getuid()}, and nobody gets a report: "
                        "spam", stage.mta.log()), stage.mta.log_tail())
        for name, event, reason in (("by-peer", "redirected-by-operator", "FAR is down"), ("dropped", "deleted", "spam"),
                                    ("to-address", "redirected-by-operator", "she knows him"),
                                    ("ended", "non-delivered-by-operator", "no hope")):
            history, = ask(stage.mta, "track", name)["messages"]
            check([e for e in history["events"] if e["event"] == event and reason in (e["detail"] or "")], history)


@case("the queue says what each copy waits for, within the terminal's width")
def _():
    options = {"FAR": {"first-retry": 300, "longest-retry": 1000}}
    with folder() as path, Stage(path, far=Closed(), peer_options=options) as stage:
        stage.hand_over(text_message("waits", [FAY, f"{FAR}/S=ada"], text="x" * 3000))
        wait_until(lambda: [e["state"] for e in queue(stage)] == ["backing-off"])
        copy, = queue(stage)
        check(copy["next-try"] and "refused" in copy["last-error"], copy)
        equal(ask(stage.mta, "status")["work"]["backing-off"], 1)
        lines = stage.mta.mhs("queue", "list").stdout.splitlines()
        check(all(len(line) <= 80 for line in lines), lines)
        for word in ("backing-off", "FAR", f"{FAY} +1", "3.", "kB", " min"):
            check(word in lines[1], (word, lines[1]))
        # The cause is told whole, below the row where it must be; so is that of a peer.
        for command in ["queue", "list"], ["peer", "list"], ["status"]:
            text = stage.mta.mhs(*command, environment={"COLUMNS": "80"}).stdout
            check(copy["last-error"] in " ".join(text.split()), text)
            check(all(len(line) <= 80 for line in text.splitlines()), text)
        wide = stage.mta.mhs("queue", "list", environment={"COLUMNS": str(len(lines[1]) + len(copy["last-error"]) - 8)}).stdout
        equal(len(wide.splitlines()), 2, "the recipient gives way first where that is enough: " + wide)
        check("…" in wide and copy["last-error"] in wide, wide)
        check(copy["last-error"] in stage.mta.mhs("queue", "list", "--wide").stdout, copy)
        ask(stage.mta, "queue", "hold", str(copy["id"]), "--reason", "until Monday")
        held, = queue(stage, state="held")
        check(held["last-error"].endswith(": until Monday"), held)


@case("many copies are changed by a filter: counted first, and only when told so")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        hand_over_many(stage, ["first", "second", "third"], priority=x411.NORMAL)
        hand_over_many(stage, ["other"], priority=x411.NON_URGENT)
        wait_until(lambda: len(queue(stage)) == 4)
        chosen = ("--peer", "FAR", "--priority", "normal", "--reason", "a play")
        asked = stage.mta.mhs("queue", "hold", *chosen, check=False)
        check(asked.returncode == 2 and "3 match" in asked.stderr and "--yes" in asked.stderr, asked)
        equal(queue(stage, state="held"), [])
        equal(ask(stage.mta, "queue", "hold", *chosen, "--yes"), {"changed": 3, "skipped": 0})
        # What changes nothing says so by its exit status, and why.
        nothing = ask(stage.mta, "queue", "hold", *chosen, "--yes", status=1)
        equal((nothing["changed"], nothing["skipped"], "the copy is held already" in nothing["why"]), (0, 3, True), nothing)
        said = stage.mta.mhs("queue", "release", "--peer", "FAR", "--reason", "go", "--yes").stdout
        check(said.startswith("3 released, 1 left alone\nthe first that was left alone is copy ") and "the copy is not held" in said, said)
        for command in ["queue", "release", "--peer", "FAR", "--reason", "go", "--yes"], ["queue", "delete", "--peer", "NEAR", "--reason", "x", "--yes"], ["peer", "retry", "NEAR"]:
            equal(ask(stage.mta, *command, status=1)["changed"], 0)
        equal(ask(stage.mta, "queue", "list", "--peer", "NEAR")["entries"], [])
        check("say why" in stage.mta.mhs("queue", "hold", "--peer", "FAR", "--yes", check=False).stderr)
        # What takes the place of a redirected copy is not redirected again.
        moved = ask(stage.mta, "queue", "redirect", "--peer", "FAR", "--address", ANN, "--reason", "she sorts it", "--yes")
        equal((moved["changed"], moved["skipped"]), (4, 0))
        equal([one["now"] for one in moved["redirected"]], [[]] * 4, "they were delivered here")
        wait_until(lambda: len(stage.mta.request("mailbox-list", mailbox=ANN)["entries"]) == 4)


# ---- peers


def waiting(mta):
    return [(e["mts-identifier"].rpartition(";")[2].rstrip("]"), e["state"]) for e in mta.request("queue-list")["entries"]]


@case("a disabled peer has no association either way, also after a restart, until it is enabled")
def _():
    with folder() as path, Stage(path) as stage:
        check("say why" in stage.mta.mhs("peer", "disable", "FAR", check=False).stderr)
        ask(stage.mta, "peer", "disable", "FAR", "--reason", "they move house")
        equal(ask(stage.mta, "peer", "disable", "FAR", "--reason", "twice", status=1)["error"]["code"], "wrong-state")
        equal(peer_status(stage.mta, "FAR")["state"], "disabled")
        stage.hand_over(text_message("patient", [FAY]))
        wait_until(lambda: waiting(stage.mta) == [("patient", "peer-disabled")])
        stage.mta.stop()
        stage.mta.start()
        equal(waiting(stage.mta), [("patient", "peer-disabled")])
        equal([e["mts-identifier"] for e in queue(stage, state="peer-disabled")], [queue(stage)[0]["mts-identifier"]])
        counts = ask(stage.mta, "status")["work"]
        equal((counts["peer-disabled"], counts["backing-off"], counts["ready"]), (1, 0, 0), "its own count")
        hop, = ask(stage.mta, "route", FAY)["next-hops"]
        equal((hop["disabled"], hop["backing-off"]), (True, False))
        route = stage.mta.mhs("route", FAY).stdout
        check("disabled by an operator" in route and "backing off" not in route, route)
        stage.hand_over(text_message("deferred", [FAY], deferred=time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + 3600))))
        wait_until(lambda: ("deferred", "deferred") in waiting(stage.mta))
        equal([e["next-try"] for e in queue(stage)], [None, None])
        check(" now " not in stage.mta.mhs("--wide", "queue", "list").stdout, stage.mta.mhs("queue", "list").stdout)
        check("disabled" in stage.mta.mhs("status").stdout, stage.mta.mhs("status").stdout)
        why = f"uid {os.geteuid()}: they move house"
        equal((peer_status(stage.mta, "FAR")["disabled"], peer_status(stage.mta, "NEAR")["disabled"]), (why, None))
        named = f"{pwd.getpwuid(os.geteuid()).pw_name} (uid {os.geteuid()}): they move house"
        check(named in stage.mta.mhs("--wide", "peer", "list").stdout and named in stage.mta.mhs("peer", "show", "FAR").stdout, named)
        table = [line.split() for line in stage.mta.mhs("status").stdout.splitlines() if line.startswith(("PEER", "FAR"))]
        equal([line[4] for line in table], ["WAIT", "2"], "those of 'peer list', deferred ones too")
        check("disabled" in queue(stage)[0]["last-error"], queue(stage))
        try:
            stage.call(mta="FAR", password="far's secret").close()
        except BindRefused as refused:
            equal((refused.layer, refused.reason), ("mta-bind", association.BUSY))
        else:
            raise AssertionError("a disabled peer was let in")
        equal(ask(stage.mta, "peer", "retry", "FAR", status=1)["error"]["code"], "wrong-state")
        equal(stage.far.logs, [])
        check("disabled the peer here" in stage.mta.mhs("ping", "FAR").stdout)
        ask(stage.mta, "peer", "enable", "FAR", "--reason", "they are back")
        equal(ask(stage.mta, "ping", "FAR")["warnings"], [])
        equal(stage.far.next().identifier[1], "patient")
        equal(peer_status(stage.mta, "FAR")["disabled"], None)


@case("associations that a disabled peer opened end too; what it was sending goes on when it is enabled")
def _():
    with folder() as path, Stage(path) as stage:
        idle, sending = stage.call(), stage.call(checkpoint=1)
        idle.transfer(text_message("taken", [FAY]))
        equal(stage.far.next().identifier[1], "taken")
        apdu = text_message("half", [FAY], "h" * 20_000)
        sending.start_activity()
        sending.send_segments(x228.transfer_value("normal", apdu), stop_after=5)
        while sending.acknowledged < sending.sent_serial:
            sending.await_acknowledgement()
        wait_until(lambda: peer_status(stage.mta, "NEAR")["associations-in"] == 2)
        ask(stage.mta, "peer", "disable", "NEAR", "--reason", "they move house")
        for peer in idle, sending:
            try:
                peer.receive_spdu()
                raise AssertionError("the association goes on")
            except association.Aborted:
                peer.cut()
        wait_until(lambda: peer_status(stage.mta, "NEAR")["associations-in"] == 0)
        try:
            stage.call().close()
        except BindRefused as refused:
            equal((refused.layer, refused.reason), ("mta-bind", association.BUSY))
        else:
            raise AssertionError("a disabled peer was let in")
        ask(stage.mta, "peer", "enable", "NEAR", "--reason", "they are back")
        with stage.call(checkpoint=1) as peer:
            peer.resume_activity(sending.activity_identifier, 5, *sending.identifier)
            peer.send_segments(x228.transfer_value("normal", apdu)[5 * 1024:])
            peer.end_activity()
            peer.release()
        equal(stage.far.next().content, x411.Received(apdu).content)


@case("a disabled peer that answers a ping has no back-off that ends")
def _():
    with folder() as path, Stage(path, far=Closed(), peer_options={"FAR": {"first-retry": 300, "longest-retry": 1000}}) as stage:
        hand_over_many(stage, ["one"])
        wait_until(lambda: peer_status(stage.mta, "FAR")["state"] == "backing-off")
        here = Neighbour(port=stage.far.port)
        try:
            stage.mta.mhs("peer", "disable", "FAR", "--reason", "a ping")
            stage.mta.mhs("ping", "FAR")
            check("FAR answered a ping" not in stage.mta.log(), "its back-off ends")
            stage.mta.mhs("peer", "enable", "FAR", "--reason", "its end")
            here.next()
        finally:
            here.close()


@case("what is known of a peer: messages and octets both ways, what waits, the last success and error")
def _():
    options = {"FAR": {"first-retry": 300, "longest-retry": 1000}}
    with folder() as path, Stage(path, far=Closed(), peer_options=options) as stage:
        hand_over_many(stage, ["one", "two"])
        far = wait_until(lambda: (lambda peer: peer if peer["state"] == "backing-off" else None)(
            ask(stage.mta, "peer", "show", "FAR")["peers"][0]))
        equal((far["waiting"], far["messages-out"], far["last-success"]), (2, 0, None))
        check(far["oldest-waiting"] and far["next-try"] and far["last-error-at"] and "refused" in far["last-error"], far)
        near = peer_status(stage.mta, "NEAR")
        equal((near["messages-in"], near["state"]), (2, "idle"))
        check(near["octets-in"] > 400 and near["last-success"], near)
        lines = stage.mta.mhs("peer", "list").stdout.splitlines()
        check(all(len(line) <= 80 for line in lines), lines)
        check([line.split()[0] for line in lines if line[0] != " "] == ["PEER", "NEAR", "FAR"], lines)
        check(lines[-1].endswith("refused"), lines)             # the cause goes on, indented, where it does not fit
        check("OCTETS RCVD" in stage.mta.mhs("peer", "list", "--wide").stdout)
        for line in stage.mta.mhs("status").stdout.splitlines():
            check(len(line) <= 80, line)
        for _ in range(2):                                      # the second time it calls in ends no back-off
            wait_until(lambda: peer_status(stage.mta, "FAR")["state"] == "backing-off")
            time.sleep(1.1)
            stage.call(mta="FAR", password="far's secret").close()
        far = peer_status(stage.mta, "FAR")
        check(far["state"] == "backing-off" and far["last-success"] > far["last-error-at"], far)
        check("refused" in " ".join(stage.mta.mhs("peer", "list").stdout.split()), "why it backs off")
        here = Neighbour(port=stage.far.port)
        equal(ask(stage.mta, "peer", "retry", "FAR")["changed"], 2)
        equal({here.next().identifier[1] for _ in range(2)}, {"one", "two"})
        wait_until(lambda: peer_status(stage.mta, "FAR")["waiting"] == 0)
        far = peer_status(stage.mta, "FAR")
        check(far["messages-out"] == 2 and far["octets-out"] > 400 and far["last-success"], far)
        here.close()


@case("a peer that calls in, or answers a ping, ends its back-off")
def _():
    def call_in(stage):
        with stage.call(mta="FAR", password="far's secret") as peer:
            peer.release()
    for name, act in ("call", call_in), ("ping", lambda stage: ask(stage.mta, "ping", "FAR")):
        options = {"FAR": {"first-retry": 3000, "longest-retry": 3000}}
        with folder() as path, Stage(path, far=Closed(), peer_options=options) as stage:
            stage.hand_over(text_message(name, [FAY]))
            wait_until(lambda: peer_status(stage.mta, "FAR")["state"] == "backing-off")
            here = Neighbour(port=stage.far.port)
            act(stage)
            equal(here.next().identifier[1], name)
            check("its back-off ends" in stage.mta.log(), stage.mta.log_tail())
            here.close()


@case("what waits for a peer is rerouted")
def _():
    routes = {FAR: {"next-hop": {"FAR": {"rank": 1}, "NEAR": {"rank": 2}}}}
    with folder() as path, Stage(path, far=Closed(), more_routes=routes) as stage:
        stage.mta.mhs("send", "--from", ANN, "--to", FAY, "--text", "x", "--subject", "y")
        stage.near.next()       # by the other way as soon as FAR is found away
        equal(ask(stage.mta, "peer", "reroute", "FAR", "--reason", "none is left", "--yes", status=1)["changed"], 0)
    with folder() as path, Stage(path, far=Closed()) as stage:
        stage.mta.mhs("send", "--from", ANN, "--to", FAY, "--text", "x", "--subject", "y")
        told = ask(stage.mta, "peer", "reroute", "FAR", "--reason", "no other way", "--yes", status=1)
        equal((told["changed"], told["skipped"]), (0, 1))
        check("the rules know no better way now" in told["why"], told)


# ---- histories


@case("a history tells the tries, what each waited for and who changed what; histories are chosen by address and time")
def _():
    options = {"FAR": {"first-retry": 1, "longest-retry": 1}}
    with folder() as path, Stage(path, far=Closed(), peer_options=options) as stage:
        stage.hand_over(text_message("seen", [FAY]))
        copy, = wait_until(lambda: queue(stage))
        ask(stage.mta, "queue", "hold", str(copy["id"]), "--reason", "a look")
        text = stage.mta.mhs("track", "[/ADMD=NEAR/C=FR/;seen]").stdout
        name, uid = pwd.getpwuid(os.geteuid()).pw_name, os.geteuid()
        check(f"by {name} (uid {uid}): a look" in text, text)
        held = [e for e in ask(stage.mta, "track", "seen")["messages"][0]["events"] if e["event"] == "held"]
        equal([(e["user"], e["detail"]) for e in held], [(name, f"uid {uid}: a look")])
        stage.mta.mhs("send", "--from", ANN, "--to", BEN, "--text", "x", "--subject", "y")
        stage.hand_over(text_message("other", [f"{FAR}/S=ada"]))
        wait_until(lambda: len(ask(stage.mta, "track", "--recent", "9")["messages"]) == 3)

        def chosen(*filters, status=0):
            found = ask(stage.mta, "track", *filters, status=status)
            return [m["mts-identifier"].rpartition(";")[2].rstrip("]") for m in found.get("messages", [])]
        equal(chosen("--originator", JOE), ["other", "seen"])
        equal(chosen("--originator", JOE, "--recent", "1"), ["other"])
        equal(len(chosen("--originator", ANN)), 1)
        equal(chosen("--recipient", FAY), ["seen"])
        equal(chosen("--originator", ANN, "--recipient", FAY), [])
        equal(len(chosen("--until", "+1h")), 3)
        equal(chosen("--since", "+1h"), [])
        equal((len(chosen("--since", "-1h")), chosen("--until", "-1h")), (3, []))
        # What is no address fits nothing: that is no answer.
        for wrong, why in ("/GARBAGE=x", "unknown label"), ("/PN=/", "empty value"):
            for option in "--originator", "--recipient":
                done = stage.mta.mhs("track", option, wrong, check=False)
                equal((done.returncode, option[2:] in done.stderr, why in done.stderr), (1, True, True), done.stderr)
        equal(stage.mta.mhs("track", "--since", "+1h").stdout, "No message that is still known here matches.\n")


def columns(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


@case("histories and what a reload says fit the terminal, in display columns, and lose nothing; --wide leaves lines whole")
def _():
    wide_name = f"{FAR}/O=" + "\u6771\u4eac" * 20 + "/S=ada"
    with folder() as path, Stage(path, far=Closed()) as stage:
        stage.mta.mhs("send", "--from", ANN, "--to", FAY, wide_name, f"{FAR}/S={'b' * 40}/O={'c' * 60}", "--text", "x", "--subject", "y")
        stage.hand_over(text_message("fits", [FAY], text="x"))
        copy = wait_until(lambda: queue(stage))[0]
        ask(stage.mta, "queue", "hold", str(copy["id"]), "--reason", "until the operator of FAR has told us what it is that he wants")
        users = {f"{HOME}/S={'x' * 50}{number}": {} for number in range(2)} | {"/C=FR/S=z": {}}
        stage.mta.configure(node="other", user={**stage.mta.settings["user"], **users})
        for arguments in ["track", "--recent", "9"], ["queue", "show", str(copy["id"])], ["config", "diff"], ["reload"]:
            whole = stage.mta.mhs("--wide", *arguments, check=False).stdout
            if arguments[0] == "reload":
                stage.mta.configure(node="another", catch_all=f"{HOME}/S={'x' * 50}1")
            for width in 80, 50:
                if arguments[0] == "reload" and width == 50:
                    stage.mta.configure(catch_all=f"{HOME}/S={'x' * 50}0")
                text = stage.mta.mhs(*arguments, check=False, environment={"COLUMNS": str(width)}).stdout
                events = text[text.find("\n  20") + 1:] if arguments[0] == "queue" else text
                check(all(columns(line) <= width and line == line.rstrip() for line in events.splitlines()), (arguments, width, text))
                if arguments[0] != "reload":        # the second one has nothing left to say
                    equal("".join(text.split()), "".join(whole.split()), arguments)


@case("each try of a transfer has its number, and the time of the next")
def _():
    def script(peer):
        peer.accept()
        peer.receive_spdu()                             # the transfer has begun
        peer.close()
    far = Scripted(script)
    with folder() as path, Stage(path, far=far, peer_options={"FAR": {"first-retry": 1, "longest-retry": 1}}) as stage:
        stage.hand_over(text_message("tried", [FAY]))

        def tries():
            history, = ask(stage.mta, "track", "tried")["messages"]
            return [e for e in history["events"] if "try" in e]
        wait_until(lambda: len(tries()) >= 2)
        equal([e["try"] for e in tries()][:2], [1, 2])
        check(tries()[0]["next-try"], tries())
        check("try 1, next in" in stage.mta.mhs("track", "tried").stdout)


# ---- lists of any length


@case("lists have no end but the mailbox's or the queue's, in pages and in one")
def _():
    count = 450
    with folder() as path, Stage(path, far=Closed()) as stage:
        with stage.call() as peer:
            for i in range(count):
                peer.transfer(text_message(f"list-{i}", [ANN, FAY], subject=f"Nr {i}"))
            peer.release()
        wait_until(lambda: len(queue(stage, limit=1000)) == count)
        whole = ask(stage.mta, "list", "--user", ANN)
        equal(([e["entry"] for e in whole["entries"]], whole["cursor"]), (list(range(1, count + 1)), None))
        equal(whole["entries"][449]["subject"], "Nr 449")
        part = ask(stage.mta, "list", "--user", ANN, "--limit", "210", "--after", "7")
        equal(([e["entry"] for e in part["entries"]], part["cursor"]), (list(range(8, 218)), 217))
        stage.mta.mhs("read", "--user", ANN, "3")
        equal(len(ask(stage.mta, "list", "--user", ANN, "--unread")["entries"]), count - 1)
        text = stage.mta.mhs("list", "--user", ANN, "--limit", "5").stdout
        check(len(text.splitlines()) == 7 and "--after 5" in text, text)
        equal(len(ask(stage.mta, "queue", "list")["entries"]), count)
        equal(ask(stage.mta, "queue", "hold", "--all", "--yes", "--reason", "all"), {"changed": count, "skipped": 0})
        equal(len(ask(stage.mta, "queue", "list", "--state", "held")["entries"]), count)
        equal(ask(stage.mta, "queue", "delete", "--all", "--yes", "--reason", "all")["changed"], count)
        equal(stage.mta.mhs("queue", "list").stdout, "The queue is empty.\n")


@case("a history with hundreds of recipients is told whole")
def _():
    with folder() as path, Stage(path) as stage:
        names = [x411.recipient(f"{HOME}/S=nobody{i}", i + 1) for i in range(900)]
        stage.hand_over(text_message("crowd", names))
        stage.near.next()
        history, = ask(stage.mta, "track", "crowd")["messages"]
        equal(len([e for e in history["events"] if e["event"] == "non-delivered"]), 900)
        check(not history["truncated"])


# ---- ping


@case("ping names the layer and the parameter that did not match")
def _():
    with folder() as path:
        port = free_port()
        here = f"Internet=127.0.0.1+{port}"
        right = f'"p1"/"s1"/"t1"/{here}'
        beta = Mhsd(os.path.join(path, "beta"), "BETA-MTA", "/C=DE/A=VIAT", port=port, listen=[right],
                    peer={"ALPHA": peer_section(1, "ALPHA-MTA", "a", "BETA-MTA", "b",
                                                accepted_contexts=["mts-transfer"])})
        section = peer_section(port, "BETA-MTA", "b", "ALPHA-MTA", "a")
        peers = {
            "right": {"address": [right]}, "transport": {"address": [f'"p1"/"s1"/"other"/{here}']},
            "session": {"address": [f'"p1"/"other"/"t1"/{here}']},
            "presentation": {"address": [f'"other"/"s1"/"t1"/{here}']},
            "rtse": {"address": [right], "application-contexts": ["mts-transfer-protocol"]},
            "bind": {"address": [right], "our-password": "wrong"}, "answer": {"address": [right], "password": "wrong"},
            "tcp": {"address": [f"Internet=127.0.0.1+{free_port()}"]}}
        alpha = Mhsd(os.path.join(path, "alpha"), peer={name: {**section, **more} for name, more in peers.items()})
        with beta, alpha:
            equal(ask(alpha, "ping", "right")["ok"], True)
            said = {name: ask(alpha, "ping", name, status=1) for name in peers if name != "right"}
            for name, layer, word in (("tcp", "tcp", "refused"), ("transport", "transport", "selector"),
                                      ("session", "session", "selector"), ("presentation", "presentation", "address unknown"),
                                      ("rtse", "rtse", "validationFailure"),
                                      ("bind", "bind", "authentication"), ("answer", "bind", "password")):
                equal(said[name]["layer"], layer, name)
                check(word in said[name]["cause"], said[name])
            wait_until(lambda: "perhaps it does not know our name or password" in beta.log())
            ask(alpha, "ping", "nobody", status=1)


# ---- reload


@case("a reload keeps associations, takes what it can, and names what it can't")
def _():
    with folder() as path, Stage(path) as stage:
        with stage.call() as peer:
            peer.transfer(text_message("before", [FAY]))
            stage.far.next()
            settings = stage.mta.settings
            stage.mta.configure(operators="root", user={**settings["user"], f"{HOME}/S=new": {"login": "root"}},
                                log_level="debug", node="other", net_processes=2, store=os.path.join(path, "elsewhere"))
            stage.mta.reload()
            wait_until(lambda: "was reread" in stage.mta.log() and "configuration reloaded" in stage.mta.log())
            for name in ("node", "net-processes", "store"):
                check(re.search(f"warning: reload: {name} = .*: that takes effect when the daemon is restarted", stage.mta.log()), stage.mta.log_tail())
            peer.transfer(text_message("after", [FAY, f"{HOME}/S=new"]))
            equal(stage.far.next().identifier[1], "after")
            equal(len(stage.far.logs), 1)      # neither of the two associations was lost
            equal(len(stage.mta.request("mailbox-list", mailbox=f"{HOME}/S=new")["entries"]), 1)
            with open(stage.mta.path, "a") as file:
                file.write("nonsense = 1\n")
            stage.mta.reload()
            wait_until(lambda: "not reloaded" in stage.mta.log() and "nonsense" in stage.mta.log())
            peer.transfer(text_message("still", [FAY]))
            equal(stage.far.next().identifier[1], "still")
            peer.release()
        check(not os.path.exists(os.path.join(path, "elsewhere")))


@case("a configuration of several MiB with its includes is reloaded like any other, and one over 16 MiB refused")
def _():
    with folder() as path, Stage(path) as stage:
        with open(os.path.join(path, "alpha", "more.conf"), "w") as file:
            file.write("".join(f'# {number} {"x" * 1000}\n' for number in range(3000)))
            file.write(f'user "{HOME}/S=new" {{}}\n')
        with open(stage.mta.path, "a") as file:
            file.write('include("more.conf")\n')
        stage.mta.mhs("reload")         # returns when all processes have it, the reader that answers next among them
        equal(stage.mta.request("mailbox-list", mailbox=f"{HOME}/S=new")["entries"], [])
        stage.hand_over(text_message("after", [f"{HOME}/S=new"]))
        wait_until(lambda: stage.mta.request("mailbox-list", mailbox=f"{HOME}/S=new")["entries"])
        with open(os.path.join(path, "alpha", "more.conf"), "a") as file:
            file.write(f'# {"x" * 1000}\n' * 17000)
        stage.mta.reload()
        wait_until(lambda: "was not reloaded" in stage.mta.log())
        check("longer than 16" in stage.mta.log(), stage.mta.log_tail())
        done = subprocess.run([program("mhsd"), "-t", "-c", stage.mta.path], capture_output=True, text=True)
        equal(done.returncode, 1, "the bound is the same at a start")
        check("longer than 16" in done.stderr, done.stderr)
        equal(len(stage.mta.request("mailbox-list", mailbox=f"{HOME}/S=new")["entries"]), 1)


@case("a peer that a reload removes leaves its copies to the new routes")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        hand_over_many(stage, [f"left-{i}" for i in range(5)])
        wait_until(lambda: len(queue(stage)) == 5 and peer_status(stage.mta, "FAR")["tries"])
        late = Neighbour("LATE", "late's secret")
        peers = {"NEAR": stage.mta.settings["peer"]["NEAR"],
                 "LATE": peer_section(late.port, "LATE", "late's secret", domain=FAR)}
        stage.mta.configure(peer=peers, route={NEAR: {"next-hop": {"NEAR": {"rank": 1}}},
                                               FAR: {"next-hop": {"LATE": {"rank": 1}}}})
        stage.mta.reload()
        equal({late.next().identifier[1] for _ in range(5)}, {f"left-{i}" for i in range(5)})
        wait_until(lambda: not queue(stage))
        equal(peer_status(stage.mta, "FAR")["configured"], False)
        for operation in "status", "peer-status":
            equal({peer["peer"] for peer in stage.mta.request(operation)["peers"]}, {"NEAR", "LATE"}, "it has nothing here any more")
        check("peer=FAR is not in the configuration any more: its copies are rerouted (5)" in stage.mta.log(),
              stage.mta.log_tail())
        late.close()


@case("what waits for a removed peer, and has no other way, says so")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        hand_over_many(stage, ["left"])
        wait_until(lambda: queue(stage) and queue(stage)[0]["tries"] + peer_status(stage.mta, "FAR")["tries"])
        stage.mta.configure(peer={"NEAR": stage.mta.settings["peer"]["NEAR"]}, route={NEAR: {"next-hop": {"NEAR": {"rank": 1}}}})
        stage.mta.reload()
        wait_until(lambda: "queue list --peer FAR'" in stage.mta.log())
        equal(waiting(stage.mta), [("left", "peer-removed")])
        copy, = queue(stage, state="peer-removed")
        equal((copy["next-try"], copy["last-error"]), (None, "the peer is not in the configuration any more"))
        counts = ask(stage.mta, "status")["work"]
        equal((counts["peer-removed"], counts["backing-off"]), (1, 0))
        equal({peer["peer"]: peer["state"] for peer in stage.mta.request("status")["peers"]}, {"NEAR": "idle", "FAR": "removed"})


@case("what its originator deferred waits for its time, also when its peer was removed: it is routed anew then")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        stage.mta.mhs("send", "--from", ANN, "--to", FAY, "--deferred", "+1h", "--text", "x")
        before, = queue(stage)
        stage.mta.configure(peer={"NEAR": stage.mta.settings["peer"]["NEAR"]}, route={NEAR: {"next-hop": {"NEAR": {"rank": 1}}}})
        stage.mta.reload()
        wait_until(lambda: "configuration reloaded" in stage.mta.log())
        copy, = queue(stage)
        equal((copy["state"], copy["next-try"]), ("deferred", before["next-try"]))


# ---- what is wrong is said


@case("all helps fit 80 columns, and that of mhs has its commands in groups")
def _():
    def help_of(*words):
        return subprocess.run([program("mhs"), *words, "--help"], capture_output=True, text=True, check=True).stdout
    overview = help_of()
    check("\nMessages:\n" in overview and "\nFollowing and operating:\n" in overview, overview)
    names = [line.split()[0] for line in overview.splitlines() if line.startswith("  ")]
    check({"send", "queue", "peer", "decode"} <= set(names), names)
    pages = [overview, *(help_of(name) for name in names if name != "help")]
    pages += [help_of("queue", name) for name in ("list", "show", "hold", "redirect", "delete")]
    pages += [help_of("peer", name) for name in ("list", "show", "disable", "retry", "reroute")]
    pages += [help_of("user", name) for name in ("list", "add", "remove")]
    for page in pages:
        check("\nOptions:\n\n" not in page, page)
        for line in page.splitlines():
            check(len(line) <= 80, line)
    # All lists of subcommands speak in one form: `list the copies that wait`.
    for name in ("queue", "peer", "user", "store", "config"):
        for line in help_of(name).partition("Subcommands:\n")[2].splitlines():
            if line.startswith("  ") and line[2] != " ":
                what = line[13:]
                check(what[0].islower() and not what.endswith("."), line)


@case("help of a subcommand is had both ways, and what is wrong with it is said")
def _():
    def mhs(*words, status=0):
        done = subprocess.run([program("mhs"), *words], capture_output=True, text=True)
        equal(done.returncode, status, f"{words}: {done.stderr}")
        return done.stdout or done.stderr
    for words in ["queue"], ["queue", "list"], ["user", "add"], ["read"]:
        equal(mhs("help", *words), mhs(*words, "--help"), str(words))
    equal({mhs("help"), mhs("help", "help"), mhs("help", "--help")}, {mhs("--help")})
    check("no subcommand 'rubbish'" in mhs("help", "queue", "rubbish", status=2))
    check("'--socket' needs a value" in mhs("--socket", status=2))


@case("who misspells a command, a subcommand or an option is told the nearest one, and none where none is near")
def _():
    def said(name, *words):
        done = subprocess.run([program(name), *words], capture_output=True, text=True)
        equal((done.returncode, done.stdout), (2, ""), f"{words}: {done.stderr}")
        return done.stderr
    for meant, *words in (
            ("--json", "--jsno", "status"), ("--json", "status", "--jsno"), ("--from", "send", "--form", "x"),
            ("--subject", "send", "--sujbect=Hello"), ("--reason", "queue", "hold", "--raeson", "x", "1"),
            ("--wide", "queue", "list", "--wdie"),
            ("status", "stauts"), ("list", "queue", "lsit"), ("show", "config", "shwo")):
        told = said("mhs", *words)
        check(told.startswith("mhs: ") and f"; did you mean '{meant}'?" in told, told)
    for text, *words in (("unknown option '--elephant'\n", "--elephant", "status"), ("unknown option '--elephant'\n", "list", "--elephant"),
                         ("unknown option '-~'\n", "list", "--wide", "-~q"), ("'--json' takes no value\n", "list", "--json=3"),
                         ("several options begin with '--reply'\n", "send", "--reply", "x"),
                         ("no command 'elephant'\n", "elephant"), ("no subcommand 'elephant'\n", "queue", "elephant")):
        told = said("mhs", *words)
        check(text in told and "did you mean" not in told, told)
    check("mhsd: did you mean '--test'?" in said("mhsd", "--tset"))
    check("mhsd: did you mean '--config'?" in said("mhsd", "--conifg=/nowhere"))
    for words in ["--elephant"], ["--test=3"], ["-c"]:
        check("did you mean" not in said("mhsd", *words))


@case("what is not UTF-8 is said to be that, and the rest of a text is shown as it is")
def _():
    def said(*words):
        done = subprocess.run([program("mhs"), *words], capture_output=True, env={**os.environ, "CHASQUI_SOCKET": "/nowhere"})
        equal(done.returncode, 2, done)
        return done.stdout
    for words in (["peer", "disable", "--reason", b"caf\xe9", "FAR"], ["peer", "retry", b"caf\xe9"], ["config", "show", b"caf\xe9"],
                  ["queue", "hold", "--reason", b"caf\xe9", "1"]):
        check("'caf\ufffd' is not UTF-8" in json.loads(said("--json", *words))["error"]["text"], words)
    error = json.loads(said("--json", "queue", b"\xc3\xbcb\xe9\xf0\x9f\x93\xa8\xf0\x9f"))["error"]
    equal(error["text"], "'mhs queue' has no subcommand '\u00fcb\ufffd\U0001f4e8\ufffd\ufffd'")


@case("a reason makes no line of its own in the log, and colours no terminal")
def _():
    with folder() as path, Mhsd(path, peer={"FAR": peer_section(1)}) as mta:
        mta.mhs("peer", "disable", "FAR", "--reason", "caf\u00e9\n2026-01-01T00:00:00Z store[1] error: \x1b[31mred\u202e\u0085")
        wait_until(lambda: "is disabled by" in mta.log())
        line, = [line for line in mta.log().split("\n") if "caf" in line]
        check(line.endswith("caf\u00e9\\x0A2026-01-01T00:00:00Z store[1] error: \\x1B[31mred\\xE2\\x80\\xAE\\xC2\\x85"), line)
        check("\x1b" not in mta.log() and "\u202e" not in mta.log() and "\n2026-01-01" not in mta.log())


@case("a misspelt peer is told with the one that was meant")
def _():
    with folder() as path, Mhsd(path, peer={"GATEWAY": peer_section(1), "BETA": peer_section(2)}) as mta:
        for words in ["peer", "show"], ["peer", "retry"], ["peer", "disable", "--reason", "x"], ["ping"]:
            error = ask(mta, *words, "GATEWAI", status=1)["error"]
            equal((error["code"], error["text"]), ("not-found", "no peer has the name GATEWAI; did you mean 'GATEWAY'? 'mhs peer list' shows them"))
            error = ask(mta, *words, "ELSEWHERE", status=1)["error"]
            equal(error["text"], "no peer has the name ELSEWHERE; 'mhs peer list' shows them")


@case("colours are at a terminal only, where nothing speaks against it")
def _():
    with folder() as path, Mhsd(path) as mta:
        def coloured(**environment):
            screen, terminal = os.openpty()
            subprocess.run([program("mhs"), "status"], stdout=terminal, timeout=60,
                           env={**os.environ, "TERM": "xterm", "CHASQUI_SOCKET": mta.socket_path, **environment})
            os.close(terminal)
            try:
                return b"\x1b[" in os.read(screen, 65536)
            finally:
                os.close(screen)
        equal([coloured(), coloured(NO_COLOR=""), coloured(NO_COLOR="1"), coloured(TERM="dumb")], [True, True, False, False])
        check("\x1b" not in mta.mhs("status", environment={"TERM": "xterm"}).stdout)


@case("a wide or combining character counts as the columns it takes")
def _():
    names = {"\u5c71\u7530": 4, "e\u0301a": 2, "x" * 60: 60}
    with folder() as path, Stage(path) as stage:
        os.makedirs(f"{path}/config/chasqui")
        with open(f"{path}/config/chasqui/aliases", "w") as file:
            file.writelines(f"{name} = {HOME}/S=w{number}\n" for number, name in enumerate(names))
        for number in range(len(names)):
            stage.mta.mhs("user", "add", f"{HOME}/S=w{number}")
        shown = stage.mta.mhs("user", "list", "--wide", environment={"XDG_CONFIG_HOME": f"{path}/config"}).stdout.splitlines()
        lines = {name: line for line in shown for name in names if line.startswith(name + " ")}
        next_column = {names[name] + len(line) - len(name) - len(line.removeprefix(name).lstrip()) for name, line in lines.items()}
        equal((len(lines), len(next_column)), (3, 1), str(shown))


@case("each error is JSON, has its exit status and says what to do")
def _():
    with folder() as path, Stage(path) as stage:
        for status, code, arguments in (
                (2, "usage", ()), (2, "usage", ("nonsense",)), (2, "usage", ("--nonsense",)),
                (2, "usage", ("list", "--limit", "many")), (2, "usage", ("list", "--user", "nobody at all")),
                (2, "usage", ("queue",)), (2, "usage", ("queue", "nonsense")), (2, "usage", ("queue", "hold")),
                (2, "usage", ("queue", "redirect", "1")), (2, "usage", ("user",)), (2, "usage", ("user", "add")),
                (2, "usage", ("track",)), (2, "usage", ("track", "--recent", "none")), (2, "usage", ("ping",)),
                (2, "usage", ("send", "--from", ANN, "--text", "x")),
                (2, "usage", ("queue", "nondeliver", "--all")), (2, "usage", ("queue", "delete", "1")), (2, "usage", ("delete", "--user", ANN, "x")),
                (1, "not-found", ("read", "--user", ANN, "99")), (1, "not-found", ("list", "--user", FAY)),
                (1, "not-found", ("queue", "show", "99")), (1, "not-found", ("queue", "list", "--next-hop", "NONE")),
                (2, "usage", ("queue", "list", "--state", "lost")),
                (1, "not-found", ("track", "[/C=XX/;none]")), (1, "not-found", ("ping", "NONE")),
                (2, "usage", ("user", "add", "rubbish")), (2, "usage", ("route", "rubbish")),
                (1, "not-permitted", ("user", "remove", ANN)), (4, "failed", ("store", "check", "/nowhere")),
                (4, "failed", ("send", "--from", ANN, "--to", FAY, "--attach", "/nowhere/file")),
                (3, "unreachable", ("--socket", "/nowhere/sock", "status"))):
            done = stage.mta.mhs("--json", *arguments, check=False)
            equal(done.returncode, status, str(arguments))
            equal(json.loads(done.stdout)["error"]["code"], code, str(arguments))
            check(done.stderr.startswith("mhs: "), done.stderr)
        check("'mhs list' shows" in stage.mta.mhs("read", "--user", ANN, "x", check=False).stderr)
        with open("/dev/full", "w") as full:
            done = subprocess.run([program("mhs"), "--socket", stage.mta.socket_path, "status"], stdout=full,
                                  stderr=subprocess.PIPE, text=True)
            equal(done.returncode, 4)
            check("can't be written" in done.stderr)


@case("what is refused says what to do next")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        mta, new = stage.mta, f"{HOME}/S=new"
        stage.hand_over(text_message("waits", [FAY]))
        copy, = wait_until(lambda: queue(stage))
        mta.mhs("user", "add", new)
        mta.mhs("send", "--from", ANN, "--to", ANN, "--text", "mine")
        wait_until(lambda: mta.request("mailbox-list", mailbox=ANN)["entries"])
        ident = str(copy["id"])
        mta.mhs("queue", "hold", ident, "--reason", "a play")
        mta.mhs("peer", "disable", "FAR", "--reason", "a play")
        for status, remedy, arguments in (
                (1, "'mhs user set' changes one", ("user", "add", new)),
                (1, "'mhs user list' shows them", ("user", "show", f"{HOME}/S=nobody")),
                (1, "'mhs user list' shows them", ("user", "remove", f"{HOME}/S=nobody")),
                (1, "and 'mhs reload'", ("user", "set", "--uid", "7", ANN)),
                (1, "and 'mhs reload'", ("user", "remove", ANN)),
                (1, "'mhs list' shows those that it has", ("read", "--user", ANN, "99")),
                (1, "'mhs reply' answers it all the same", ("receipt", "--from", ANN, "1")),
                (1, "'mhs read 1' shows them", ("save", "--user", ANN, "1", "7", f"{path}/part")),
                (1, "'mhs queue release' lets it go", ("queue", "hold", ident, "--reason", "twice")),
                (1, "'mhs queue release' lets it go", ("queue", "retry", ident)),
                (1, "'mhs peer enable FAR' ends that", ("peer", "disable", "FAR", "--reason", "twice")),
                (1, "'mhs peer show NEAR' tells how it is", ("peer", "enable", "NEAR", "--reason", "twice")),
                (1, "'mhs queue redirect ID PEER'", ("queue", "redirect", ident, "--anew", "--reason", "there already")),
                (2, "give one with --to", ("send", "--from", ANN, "--text", "x")),
                (2, "mhs-json(7) says how types are named", ("decode", "--type", "Rubbish", "/dev/null")),
                (2, "ipm-expired", ("receipt", "--from", ANN, "1", "--discarded", "rubbish")),
                (2, "--content-length: 'many'", ("probe", "--from", ANN, "--to", FAY, "--content-length", "many")),
                (2, "'mhs list' shows them", ("delete", "--user", ANN)), (2, "'mhs list' shows them", ("read", "--user", ANN)),
                (2, "'mhs queue show ID'", ("queue", "list", "7")), (2, "--user", ("list", "7"))):
            done = mta.mhs(*arguments, check=False)
            equal((done.returncode, remedy in done.stderr), (status, True), f"{arguments}: {done.stderr}")
        mta.mhs("queue", "release", ident)
        for operation, members, remedy in (("queue-release", {"id": copy["id"], "reason": "twice"}, "an operator disabled the peer"),
                                           ("rubbish", {}, "restart that"), ("status", {"rubbish": 1}, "restart that"),
                                           ("queue-list", {"older-than": "x"}, "a number of seconds"),
                                           ("user-add", {"address": f"{HOME}/S=x", "uid": "x"}, "or null"),
                                           ("peer-retry", {}, "'mhs peer list' shows them"),
                                           ("mailbox-list", {}, "O/R address")):
            try:
                mta.request(operation, **members)
            except local.Failed as failed:
                check(remedy in str(failed), (operation, failed))
            else:
                raise AssertionError(f"{operation} was taken")


tap.main()
