#!/usr/bin/python3
"""What operators do to copies that can't be taken back, or that they meant to keep: nothing ends or leaves by mistake."""
import json
import os
import signal
import time

from players import ANN, FAR, FAY, HOME, JOE, NEAR, Neighbour, Stage, children, folder, text_message
from peer import tap, x411
from scenario.chasqui import free_port, peer_section

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
NOBODY = f"{HOME}/S=annn"


class Closed:
    """A neighbour that is not there."""

    def __init__(self):
        self.port = free_port()

    def close(self):
        pass


def queue(stage, **filters):
    return stage.mta.request("queue-list", **filters)["entries"]


def ask(stage, *arguments, status=0):
    """A command with --json: its only JSON value, and the exit status that it must have."""
    done = stage.mta.mhs("--json", *arguments, check=False)
    equal(done.returncode, status, f"{arguments}: {done.stderr}")
    return json.loads(done.stdout)


def refused(stage, *arguments):
    """A command that must be refused: what it says."""
    done = stage.mta.mhs(*arguments, check=False)
    equal(done.returncode, 1, f"{arguments}: {done.stdout}{done.stderr}")
    return done.stderr + done.stdout


def waiting(stage, *names, recipient=FAY, **options):
    """Messages with these names come in and wait for FAR: their ids."""
    with stage.call() as peer:
        for name in names:
            peer.transfer(text_message(name, [x411.recipient(recipient, 1, x411.REPORTED)], **options))
        peer.release()
    return [str(e["id"]) for e in wait_until(lambda: (lambda q: len(q) == len(names) and q)(queue(stage)))]


def entries(stage, mailbox=ANN):
    return stage.mta.request("mailbox-list", mailbox=mailbox)["entries"]


WHY = ("--reason", "a play")


@case("a redirection that would end the copy is refused, and with --force told apart from a delivery")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        one, two = waiting(stage, "one", "two")
        for address, why in (NOBODY, "unrecognised-OR-name"), ("/C=AQ/A=NO/S=x", "no route matches the address"):
            text = refused(stage, "queue", "redirect", one, "--address", address, *WHY)
            check(why in text and address in text and "--force" in text, text)
        many = refused(stage, "queue", "redirect", "--peer", "FAR", "--address", NOBODY, *WHY, "--yes")
        check("0 redirected, 2 left alone" in many and "unrecognised-OR-name" in many, many)
        equal([str(e["id"]) for e in queue(stage)], [one, two])
        check(stage.near.nothing(0.5), "somebody was told that it ended")
        delivered, = ask(stage, "queue", "redirect", two, "--address", ANN, *WHY)["redirected"]
        equal((delivered["now"], delivered["non-delivered"]), ([], []))
        wait_until(lambda: entries(stage))
        said = stage.mta.mhs("queue", "redirect", one, "--address", NOBODY, "--force", *WHY).stdout
        check(f"copy {one} waits no more\n  non-delivered: {NOBODY}: unable-to-transfer (1), unrecognised-OR-name (0)" in said, said)
        wait_until(lambda: not queue(stage))
        three, = waiting(stage, "three")
        ended, = ask(stage, "queue", "redirect", three, "--address", NOBODY, "--force", *WHY)["redirected"]
        equal([f["address"] for f in ended["non-delivered"]], [NOBODY])


@case("rules that would end a copy, and a mailbox that is full, are asked before a copy goes there")
def _():
    with folder() as path, Stage(path, far=Closed(), limits={"mailbox-octets": 3000}) as stage:
        one, = waiting(stage, "one", text="x" * 4000)
        for option in "--recipient", "--originator":
            check("a filter takes a whole address, and '/C=GB' lacks " in refused(stage, "queue", "list", option, "/C=GB"))
        check("FAR" in stage.mta.mhs("queue", "list", "--recipient", FAY).stdout, "a whole one")
        check("the mailbox is full" in refused(stage, "queue", "redirect", one, "--address", ANN, *WHY))
        answer = ask(stage, "route", ANN, "--content-length", "4000")
        equal((answer["outcome"], answer["supplementary-information"], answer["steps"][-1]),
              ("non-delivery", "the mailbox is full", "non-delivery: the mailbox is full ('mailbox-octets')"))
        equal(ask(stage, "route", ANN, "--content-length", "400")["outcome"], "local-delivery")
        check("not delivered to it" not in stage.mta.log(), "it was only asked")
        stage.mta.configure(route={**stage.mta.settings["route"], FAR: {"non-delivery": "unable-to-transfer",
                                                                       "diagnostic": "no-bilateral-agreement"}})
        stage.mta.mhs("reload")
        check("no-bilateral-agreement" in refused(stage, "queue", "redirect", one, "--anew", *WHY))
        check("no-bilateral-agreement" in refused(stage, "peer", "reroute", "FAR", "--yes", *WHY))
        equal([str(e["id"]) for e in queue(stage)], [one])


@case("a held copy goes nowhere without a release: rerouted with others or redirected alone it is still held")
def _():
    other = Neighbour("OTHER", "other's secret")
    more = {"OTHER": peer_section(other.port, "OTHER", "other's secret", domain=FAR)}
    with folder() as path, Stage(path, far=Closed(), more_peers=more) as stage:
        one, two = waiting(stage, "one", "two")
        stage.mta.mhs("queue", "hold", one, "--reason", "until Monday")
        moved = ask(stage, "queue", "redirect", "--peer", "FAR", "OTHER", *WHY, "--yes")
        equal((moved["changed"], moved["skipped"], "the copy is held" in moved["why"]), (1, 1, True), moved)
        equal(other.next().identifier[1], "two")
        stage.mta.configure(route={**stage.mta.settings["route"], FAR: {"next-hop": {"OTHER": {"rank": 1}}}})
        stage.mta.mhs("reload")
        moved = ask(stage, "peer", "reroute", "FAR", *WHY, "--yes", status=1)
        equal((moved["changed"], moved["skipped"], "the copy is held" in moved["why"]), (0, 1, True), moved)
        before, = queue(stage)
        time.sleep(1.1)     # its age must not begin anew
        moved, = ask(stage, "queue", "redirect", one, "OTHER", *WHY)["redirected"]
        copy, = queue(stage)
        equal((copy["id"], copy["state"], copy["next-hop"]), (moved["now"][0], "held", "OTHER"))
        equal(copy["arrival"], before["arrival"])
        check("until Monday" in copy["last-error"], copy)
        moved, = ask(stage, "queue", "redirect", str(copy["id"]), "--address", ANN, *WHY)["redirected"]
        check(other.nothing(0.5) and not entries(stage), "a held copy went")
        stage.mta.kill()
        stage.mta.start()
        copy, = queue(stage, state="held")
        equal((copy["id"], copy["next-hop"]), (moved["now"][0], None))
        check("until Monday" in copy["last-error"], copy)
        # The history of the new copy tells who chose its way, and not the rules.
        shown = ask(stage, "queue", "show", str(copy["id"]))
        by = [e["detail"] for e in shown["events"] if e["event"] == "redirected-by-operator"]
        check(len(by) == 2 and all("a play" in detail for detail in by), shown)
        equal([e["detail"] for e in shown["events"] if e["event"] == "rerouted"], ["an operator named the next peer"])
        stage.mta.mhs("queue", "release", str(copy["id"]))
        wait_until(lambda: entries(stage))
        other.close()


@case("the lifetime of a held copy runs on: that is said, and one whose time is over is released with --force")
def _():
    schedule = {lane: {"expiry": 3, "first-retry": 1} for lane in ("urgent", "normal", "non-urgent")}
    with folder() as path, Stage(path, far=Closed(), schedule=schedule) as stage:
        one, = waiting(stage, "one")
        said = stage.mta.mhs("queue", "hold", one).stdout
        copy, = queue(stage)
        equal(said, f"1 held, 0 left alone\nheld or not, its time ends at {copy['expires']}\n")
        wait_until(lambda: "time is over" in stage.mta.mhs("queue", "list").stdout)
        text = refused(stage, "queue", "release", one)
        check(f"its time ended at {copy['expires']}: it will be non-delivered" in text and "--force" in text, text)
        equal([e["state"] for e in queue(stage)], ["held"])
        stage.mta.mhs("queue", "release", one, "--force")
        equal(stage.near.next().subject[1], "one")


@case("what is not held is not released, and the advice is one that helps")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        one, = waiting(stage, "one", deferred=x411.now(3600))
        text = refused(stage, "queue", "release", one)
        check("the originator deferred it until" in text and "queue retry" not in text, text)


@case("a peer's back-off ends by hand, though all that waits for it is left alone")
def _():
    options = {"FAR": {"first-retry": 300, "longest-retry": 1000}}
    with folder() as path, Stage(path, far=Closed(), peer_options=options) as stage:
        one, = waiting(stage, "one")
        wait_until(lambda: ask(stage, "peer", "show", "FAR")["peers"][0]["tries"])
        ask(stage, "queue", "delete", one, *WHY)
        two, = waiting(stage, "two", deferred=x411.now(3600))
        equal(ask(stage, "peer", "show", "FAR")["peers"][0]["state"], "backing-off")
        said = stage.mta.mhs("peer", "retry", "FAR").stdout
        check(f"0 to be tried now, 1 left alone; its back-off is over\nthe first that was left alone is copy {two}: the originator deferred it until" in said, said)
        equal(ask(stage, "peer", "show", "FAR")["peers"][0]["state"], "idle")
        equal(ask(stage, "peer", "retry", "FAR", status=1)["back-off-ended"], False)


@case("a message is found by the address that its sender wrote, wherever it went")
def _():
    alias, spelling = f"{HOME}/S=anna", f"{HOME.lower()}/s=ANNA"
    with folder() as path, Stage(path, alias={alias: {"target": ANN}}) as stage:
        stage.hand_over(text_message("one", [alias]))
        wait_until(lambda: entries(stage))
        for wanted in alias, spelling, ANN:
            found = ask(stage, "track", "--recipient", wanted)["messages"]
            equal([m["mts-identifier"].rpartition(";")[2] for m in found], ["one]"], wanted)
        event, = [e for e in found[0]["events"] if e["event"] == "redirected"]
        equal((event["from"], event["recipients"], event["detail"]), (alias, [ANN], "alias"))
        said = " ".join(stage.mta.mhs("track", "one").stdout.split())
        check(f"redirected from {alias} to {ANN}" in said, said)
        equal(ask(stage, "track", "--recipient", NOBODY)["messages"], [])


@case("a word that a filter does not know is a usage error that names those it knows, and an age has units")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        for words, known in ((("queue", "list", "--state", "rubbish"), "peer-removed, user-removed, unbound, restricted, held"), (("queue", "list", "--kind", "x"), "message, probe, report"),
                             (("queue", "list", "--priority", "x"), "urgent, normal, non-urgent"), (("route", FAY, "--priority", "x"), "urgent, normal, non-urgent"),
                             (("route", FAY, "--content-type", "p9"), "p22"), (("queue", "list", "--older-than", "1x"), "1d")):
            done = stage.mta.mhs(*words, check=False)
            equal((done.returncode, known in done.stderr), (2, True), f"{words}: {done.stderr}")
        stage.mta.mhs("route", FAY, "--content-type", "2.6.1.10.1")
        waiting(stage, "one")
        equal(len(ask(stage, "queue", "list", "--older-than", "1d")["entries"]), 0)
        wait_until(lambda: ask(stage, "queue", "list", "--older-than", "1s")["entries"])
        with stage.call() as peer:
            peer.transfer(x411.report(NEAR, "r", FAY, (FAR, "theirs"), [x411.reported(JOE, 1, reason=1, diagnostic=0)]))
            peer.release()
        wait_until(lambda: len(queue(stage)) == 2)
        check("backing-off report" in stage.mta.mhs("queue", "list").stdout, stage.mta.mhs("queue", "list").stdout)


@case("who asks a store process that stands still is told so, and of a change that it may still be done")
def _():
    with folder() as path, Stage(path, far=Closed()) as stage:
        one, = waiting(stage, "one")
        store, = children(stage.mta)["store"]
        os.kill(store, signal.SIGSTOP)
        try:
            for words, said in (("status",), "does not answer"), (("queue", "list"), "does not answer"), (("queue", "hold", one), "it may still be done"):
                began = time.monotonic()
                done = stage.mta.mhs(*words, check=False)
                equal((done.returncode, said in done.stderr, "refused" in done.stderr), (3, True, False), done.stderr)
                check(time.monotonic() - began < 40, "it took long")
            line, = [line for line in stage.mta.log().splitlines() if "the store process does not answer: what it was asked at 20" in line]
        finally:
            os.kill(store, signal.SIGCONT)
        wait_until(lambda: [e["state"] for e in queue(stage)] == ["held"], what="what was asked for, done")
        wait_until(lambda: "the store process answers again" in stage.mta.log())
        # One that only takes long is no such one: nobody is told anything.
        check(stage.mta.mhs("status").returncode == 0)


tap.main()
