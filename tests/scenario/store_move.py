#!/usr/bin/python3
"""`mhs store move`: a store goes to a server and back, with all that waits in it; killed on its way, nothing is served twice."""
import json
import os
import subprocess
import time

from players import ANN, BEN, FAY, HOME, Stage, folder, text_message  # it also makes the packages beside it importable
from peer import tap, x228
from scenario import postgres
from scenario.chasqui import Mhsd, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
if not postgres.binaries():
    print(f"1..0 # SKIP {postgres.MISSING}")
    raise SystemExit(0)
CARL = f"{HOME}/S=carl"


def mhs(*arguments):
    return subprocess.run([program("mhs"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
                          check=False)


def move(*arguments):
    """It must succeed; the numbers of what was moved."""
    done = mhs("--json", "store", "move", *arguments)
    equal((done.returncode, done.stderr), (0, ""))
    return json.loads(done.stdout)


def expect_sound(place):
    done = mhs("store", "check", place)
    equal((done.returncode, done.stdout.splitlines()[0].split(",")[0]), (0, f"{place}: every invariant holds"))


def settled(stage):
    """Once nothing is being tried."""
    return all(e["state"] in ("deferred", "held", "backing-off", "peer-disabled", "ready") for e in queue(stage))


def queue(stage):
    return stage.mta.request("queue-list")["entries"]


def seen(stage):
    """What an operator and the users see of the store."""
    request = stage.mta.request
    with stage.mta.client() as client:
        boxes = {box: [(e["entry"], e["mts-identifier"], client.content(box, e["entry"])) for e in client.entries(box)]
                 for box in (ANN, BEN, CARL)}
    return {
        "queue": sorted((e["id"], e["message"], e["mts-identifier"], e["priority"], e.get("deferred-until")) for e in queue(stage)),
        "boxes": boxes,
        "users": sorted(u["address"] for u in request("user-list")["users"]),
        "disabled": sorted((p["peer"], p["disabled"]) for p in request("status")["peers"] if p["disabled"]),
        "record": request("track", recent=100)["messages"],
    }


def begin(stage, apdu, segments):
    """A transfer whose connection breaks behind so many confirmed checkpoints."""
    peer = stage.call(checkpoint=1)
    peer.start_activity()
    peer.send_segments(x228.transfer_value("normal", apdu), stop_after=segments)
    while peer.acknowledged < peer.sent_serial:
        peer.await_acknowledgement()
    peer.cut()
    return peer


def resume(stage, broken, apdu, serial):
    peer = stage.call(checkpoint=1, recover=broken.identifier)
    peer.resume_activity(broken.activity_identifier, serial, *broken.identifier)
    peer.send_segments(x228.transfer_value("normal", apdu)[serial * 1024:])
    peer.end_activity()
    peer.release()


def fill(stage):
    """All kinds of what waits: to FAR, which is disabled, long and short; deferred; delivered, some of it deleted. What NEAR sent."""
    stage.mta.mhs("peer", "disable", "FAR", "--reason", "a move is planned")
    stage.mta.mhs("user", "add", CARL)
    apdus = [text_message(f"waits-{number}", [FAY, BEN, CARL], "long " * 20000 * number) for number in range(4)]
    for number, apdu in enumerate(apdus):
        stage.hand_over(apdu)
        stage.mta.mhs("send", "--from", ANN, "--to", BEN, "--subject", f"short-{number}", "--text", "x")
    stage.mta.mhs("send", "--from", ANN, "--to", BEN, "--subject", "later", "--deferred", "+1h", "--text", "x")
    with stage.mta.client() as client:
        wait_until(lambda: len(client.entries(BEN)) == 8)
        for entry in client.entries(BEN)[1::3]:
            client.request("mailbox-delete", mailbox=BEN, entry=entry["entry"])
    wait_until(lambda: len(queue(stage)) == 5 and settled(stage))
    return apdus


def serve_from(stage, place):
    stage.mta.configure(store=place)
    stage.mta.start()


def expect_refused(stage, place, *words):
    """A daemon that is started there ends at once, and says why."""
    stage.mta.configure(store=place)
    stage.mta.start(wait=False)
    equal(stage.mta.process.wait(60), 1)
    check(all(word in stage.mta.log() for word in words), stage.mta.log_tail())


@case("what waits is moved to a server and back: the same is seen, a broken transfer goes on, each comes once")
def _():
    with postgres.Postgres() as server, folder() as path, Stage(path) as stage:
        uri, first, last = server.database(), stage.mta.store, os.path.join(path, "back")
        apdus = fill(stage)
        apdu = text_message("broken", [BEN], "r" * 20_000)
        broken = begin(stage, apdu, 7)
        before = seen(stage)
        check([name for name, _ in before["disabled"]] == ["FAR"] and CARL in before["users"] and len(before["record"]) > 8, before)
        equal(stage.mta.stop(), 0)
        here = os.getcwd()
        os.chdir(os.path.dirname(first))        # the mark must not hang on where the command was given
        numbers = move(os.path.basename(first), uri)
        os.chdir(here)
        equal(numbers["from"], first)
        equal((numbers["copies"], numbers["activities"]), (5, 1))
        serve_from(stage, uri)
        equal(seen(stage), before)
        resume(stage, broken, apdu, 7)
        wait_until(lambda: any(b"rrrr" in content for _, _, content in seen(stage)["boxes"][BEN]))
        stage.hand_over(apdus[1])       # again: it is known
        before = seen(stage)
        equal(stage.mta.stop(), 0)
        expect_refused(stage, first, "was moved to", "@/")
        done = mhs("store", "check", first)
        equal((done.returncode, done.stdout.splitlines()[0]), (0, f"{first}: every invariant holds, but it is not the store any more"))
        check("was moved to" in done.stdout and "is out of date" in json.loads(mhs("--json", "store", "check", first).stdout)["notes"][0], done)
        os.chdir(path)
        equal(move(uri, "back")["messages"], numbers["messages"] + 1)
        os.chdir(here)
        expect_refused(stage, uri, f"was moved to {last}", path)
        serve_from(stage, last)
        equal(seen(stage), before)
        stage.mta.mhs("peer", "enable", "FAR", "--reason", "it was moved")
        equal(sorted(stage.far.next().identifier[1] for _ in range(4)), [f"waits-{n}" for n in range(4)])
        check(stage.far.nothing(2), "one comes twice")
        wait_until(lambda: len(queue(stage)) == 1)
        equal(stage.mta.stop(), 0)
        for place in (first, uri, last):
            expect_sound(place)
        stage.mta.start()


@case("a move that is killed leaves the old store, and the same command again ends it")
def _():
    with postgres.Postgres() as server, folder() as path, Stage(path) as stage:
        fill(stage)
        for number in range(6):
            stage.hand_over(text_message(f"large-{number}", [FAY], "large " * 2_000_000))
        wait_until(lambda: len(queue(stage)) == 11 and settled(stage))
        before = seen(stage)
        equal(stage.mta.stop(), 0)
        places = [stage.mta.store, server.database("killed"), os.path.join(path, "back")]
        for old, fresh in zip(places, places[1:]):
            mover = subprocess.Popen([program("mhs"), "store", "move", old, fresh], stdout=subprocess.DEVNULL)

            def half():
                if fresh == places[1]:
                    return server.sql("SELECT coalesce(sum(octet_length(data)), 0) > 9000000 FROM chasqui.chunk", "killed") == "t"
                return os.path.exists(f"{fresh}/segments/00000001")
            deadline = time.monotonic() + 60
            while time.monotonic() < deadline:
                try:
                    if half():
                        break
                except RuntimeError:
                    pass        # there is no table yet
                time.sleep(0.005)
            check(mover.poll() is None, "it was over before")
            mover.kill()
            mover.wait()
            expect_refused(stage, fresh, "is not at its end", "mhs store move")
            serve_from(stage, old)
            equal(seen(stage), before)
            equal(stage.mta.stop(), 0)
            move(old, fresh)
            serve_from(stage, fresh)
            equal(seen(stage), before)
            equal(stage.mta.stop(), 0)
        stage.mta.start()
        stage.mta.mhs("peer", "enable", "FAR", "--reason", "it was moved")
        come = sorted(stage.far.next(60).identifier[1] for _ in range(10))
        equal(come, sorted([f"waits-{n}" for n in range(4)] + [f"large-{n}" for n in range(6)]))
        check(stage.far.nothing(2), "one comes twice")


@case("a store whose target is lost is taken back, loudly; one whose target is there only when told so, which marks that")
def _():
    with postgres.Postgres() as server, folder() as path, Stage(path) as stage:
        uri, store = server.database("lost"), stage.mta.store
        fill(stage)
        before = seen(stage)
        equal(stage.mta.stop(), 0)
        move(store, uri)
        done = mhs("store", "move", "--take-back", store, uri)
        equal(done.returncode, 1)
        check("is there: 'mhs store move --replace'" in done.stderr and "--force" in done.stderr, done.stderr)
        done = mhs("--json", "store", "move", "--take-back", "--force", store, uri)
        equal((done.returncode, json.loads(done.stdout)), (0, {"from": store, "to": uri, "to-refused": True, "reason": None}))
        expect_refused(stage, uri, f"was moved to {store}")
        serve_from(stage, store)
        equal(seen(stage), before)
        equal(stage.mta.stop(), 0)
        move("--replace", store, uri)
        server.sql("DROP SCHEMA chasqui CASCADE", "lost")
        expect_refused(stage, store, "was moved to", "mhs store move --take-back")
        stage.mta.configure(store=uri, create_store=False)      # nor is an empty one made there
        done = subprocess.run([program("mhsd"), "-t", "-c", stage.mta.path], capture_output=True, text=True, check=False)
        equal(done.returncode, 1)
        check("see whether 'store' names the right database" in done.stderr and "mounted" not in done.stderr, done.stderr)
        done = mhs("store", "move", "--take-back", store, uri)
        equal(done.returncode, 0, done.stderr)
        check(f"{store} is the store again" in done.stdout and f"WARNING: {uri} could not be told so" in done.stdout, done.stdout)
        stage.mta.configure(create_store=True)
        serve_from(stage, store)
        equal(seen(stage), before)
        equal(mhs("store", "move", "--force", store, uri).returncode, 2)
        equal(mhs("store", "move", "--take-back", "--replace", store, uri).returncode, 2)


@case("places that are in use, not empty or not sound are refused with the remedy, and stay as they are")
def _():
    with postgres.Postgres() as server, folder() as path, Stage(path) as stage:
        uri, store = server.database(), stage.mta.store
        fill(stage)
        done = mhs("store", "move", store, uri)
        equal(done.returncode, 1)
        check("another process writes to this store" in done.stderr, done)
        equal(stage.mta.stop(), 0)
        other = Mhsd(os.path.join(path, "other"), store=uri)
        with other:
            equal(mhs("store", "move", store, uri).returncode, 1)
        done = mhs("--json", "store", "move", "--replace", store, uri)
        equal((done.returncode, json.loads(done.stdout)["error"]["code"]), (1, "no"))
        check("not an empty one" in done.stderr, done)
        done = mhs("store", "move", store)
        equal(done.returncode, 2)
        done = mhs("store", "move", os.path.join(path, "nowhere"), uri)
        equal(done.returncode, 4)
        fresh = server.database()
        done = mhs("store", "move", store, fresh)
        equal(done.returncode, 0, done)
        check(f"let 'store' in the configuration name {fresh}" in done.stdout, done.stdout)
        done = mhs("store", "move", store, fresh)
        equal(done.returncode, 1)
        check("was moved to" in done.stderr, done)
        done = mhs("store", "move", fresh, store)
        equal(done.returncode, 1)
        check("--replace" in done.stderr, done)
        move("--replace", fresh, store)
        stage.mta.start()


tap.main()
