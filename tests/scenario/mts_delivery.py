#!/usr/bin/python3
"""Messages and reports are delivered by P3 to users' own programs: a real daemon, and a user agent in Python that shares no code
with it."""
import contextlib
import json
import threading
import time

from players import ANN, BEN, HOME, Unharmed
from peer import ber, local, p3, rose, tap
from peer.association import Aborted
from peer.transport import Closed
from mts_cast import ANNS, BENS, bind, entries, hashed, letter, stage_with_users, submit

case, check, equal = tap.case, tap.check, tap.equal
CONTEXTS = ("mts-access-88", "mts-access-94", "mts-reliable-access-88", "mts-reliable-access-94")
BY_P3 = {ANN: {"password-hash": hashed(ANNS)}, BEN: {"password-hash": hashed(BENS), "delivery": "p3"}}


def stage_of_agents(**settings):
    """ANN has a mailbox, BEN's own program takes his messages."""
    return stage_with_users(users=settings.pop("users", BY_P3), **settings)


def ben(stage, context="mts-access-94"):
    return bind(stage, context, BEN, BENS)


def send(stage, subject="A letter", recipients=(BEN,), content=None, **options):
    with stage.mta.client() as client:
        envelope = local.submission_envelope(ANN, list(recipients), **options)
        return client.submit(envelope, letter(ANN, [BEN], subject) if content is None else content)


def copies(stage):
    return stage.mta.request("queue-list")["entries"]


def wait_empty(stage):
    tap.wait_until(lambda: not copies(stage), what="an empty queue")


@case("a message is held until its user binds, and is delivered in each context; its result ends it")
def _():
    with stage_of_agents() as stage:
        for context in CONTEXTS:
            sent = send(stage, context)
            copy, = tap.wait_until(lambda: copies(stage), what="a copy that waits")
            equal((copy["state"], copy["next-hop"]), ("unbound", "user " + BEN))
            check("not bound" in copy["last-error"], copy)
            with ben(stage, context) as user:
                delivery = user.delivery()
                equal((delivery.report, delivery.identifier, delivery.content), (False, sent, letter(ANN, [BEN], context)))
                check(abs(time.time() - calendar_time(delivery.time)) < 60, delivery.time)
                equal(delivery.fields.get(4) is not None, True)
                user.take(delivery)
                wait_empty(stage)
                user.release()
            events = stage.mta.request("track", mts_identifier=f"[/PRMD=ALPHA/ADMD=GOLD/C=GB/;{sent}]")
            check("\"delivered\"" in json.dumps(events), events)
        equal(entries(stage, BEN), [])


def calendar_time(text):
    return time.mktime(time.strptime(text, "%y%m%d%H%M%SZ")) - time.timezone


@case("a content of 20 MB is delivered as the octets that came, directly and over RTSE, and none is as good as any")
def _():
    with stage_of_agents() as stage:
        for context in CONTEXTS[1::2]:
            contents = (bytes(range(256)) * 80_000, bytes(300_000), b"")
            for content in contents:
                send(stage, content=content)
            with ben(stage, context) as user:
                for content in contents:
                    check(user.take().content == content, "other octets")
                wait_empty(stage)
                user.release()


@case("who asked for it hears of a delivery, with the time at which the user got it, when he has confirmed and not before")
def _():
    with stage_of_agents() as stage:
        send(stage, report=local.REPORT)
        with ben(stage) as user:
            delivery = user.delivery()
            equal(entries(stage, ANN), [])
            user.take(delivery)
            report, = tap.wait_until(lambda: entries(stage, ANN), what="the report")
            with stage.mta.client() as client:
                envelope = client.envelope(ANN, report["entry"])
            check(delivery.time.encode() in envelope.raw, envelope)


@case("a report is delivered by P3 too, with the content that it returns")
def _():
    users = {ANN: {"password-hash": hashed(ANNS), "delivery": "p3"}}
    with stage_of_agents(users=users) as stage:
        sent = send(stage, recipients=[f"{HOME}/S=NOBODY"], indicators=(CONTENT_RETURN,))
        for context in CONTEXTS:
            with bind(stage, context) as user:
                delivery = user.delivery()
                equal((delivery.report, delivery.identifier, delivery.content), (True, sent, letter(ANN, [BEN], "A letter")))
                if context == CONTEXTS[-1]:
                    user.take(delivery)
                    wait_empty(stage)
                else:
                    user.cut()
            if context != CONTEXTS[-1]:
                tap.wait_until(lambda: copies(stage)[0]["state"] == "in-doubt", what="a report in doubt")


CONTENT_RETURN = 3      # per-message-indicators


@case("what a user did not confirm is in doubt, and comes again as the same octets, with the same identifier, also after a restart")
def _():
    with stage_of_agents() as stage:
        send(stage, "the one", content=bytes(1_000_000))
        first = interrupted(stage)
        again = interrupted(stage)
        check(again == first, "a repeat of other octets")
        stage.mta.kill()
        stage.mta.start()
        equal(copies(stage)[0]["state"], "in-doubt")
        time.sleep(1.1)         # or another delivery time would not show
        with ben(stage) as user:
            delivery = user.take()
            check(delivery.octets == first, "a repeat of other octets after a restart")
            wait_empty(stage)


def interrupted(stage):
    """A delivery whose result never comes; its octets."""
    with ben(stage) as user:
        delivery = user.delivery()
        user.cut()
    tap.wait_until(lambda: copies(stage)[0]["state"] == "in-doubt", what="a copy in doubt")
    return delivery.octets


@case("one that breaks off within the argument is not in doubt, and may go elsewhere")
def _():
    with stage_of_agents() as stage:
        send(stage, content=bytes(50_000_000))
        with ben(stage) as user:
            user.transport.sock.recv(100_000)
            user.cut()
        copy, = tap.wait_until(lambda: [c for c in copies(stage) if c["tries"]], what="a try")
        equal((copy["in-doubt"], copy["state"]), (False, "unbound"))
        stage.mta.mhs("queue", "redirect", "--address", ANN, str(copy["id"]))
        tap.wait_until(lambda: entries(stage, ANN), what="the letter with another user")


@case("a result that never comes ends the association after the time of a transfer; the next one gets the message again")
def _():
    with stage_of_agents(timers={"transfer": 2}) as stage:
        send(stage)
        with ben(stage) as user:
            first = user.delivery()
            try:
                user.receive()
            except (Aborted, Closed):
                pass
            else:
                raise AssertionError("the association goes on")
        with ben(stage) as user:
            equal(user.take().octets, first.octets)
            wait_empty(stage)


@case("security-error and unsupported-critical-function are non-deliveries, with these diagnostics")
def _():
    with stage_of_agents() as stage:
        for code, parameter, diagnostic in ((p3.SECURITY, ber.integer(21), "secure-messaging-error"),
                                           (p3.UNSUPPORTED_CRITICAL, ber.null(), "unsupported-critical-function")):
            sent = send(stage)
            with ben(stage) as user:
                user.refuse(user.delivery(), code, parameter)
                wait_empty(stage)
            events = stage.mta.request("track", mts_identifier=f"[/PRMD=ALPHA/ADMD=GOLD/C=GB/;{sent}]")
            text = json.dumps(events)
            check("delivery-refused" in text and "unable-to-transfer, " + diagnostic in text, text)
        equal(len(tap.wait_until(lambda: (e := entries(stage, ANN)) and len(e) == 2 and e, what="two reports")), 2)


@case("delivery-control-violated, operation-refused and rejects put a delivery off; it is tried again")
def _():
    with stage_of_agents() as stage:
        send(stage)
        with ben(stage) as user:
            user.refuse(user.delivery(), p3.CONTROL_VIOLATED)
            copy, = tap.wait_until(lambda: [c for c in copies(stage) if c["tries"] == 1], what="a try")
            equal((copy["in-doubt"], copy["last-error"]), (False, "the user's program: delivery-control-violated"))
            user.refuse(user.delivery(), p3.REFUSED, ber.set_(ber.ctx(1, ber.integer(10)), ber.prim(2, b"\0")))
            user.send(rose.reject(user.delivery().number, rose.INVOKE, p3.RESOURCE), p3.MDSE)
            user.take()
            wait_empty(stage)
        equal(entries(stage, ANN), [])


@case("an error that no delivery has and a result that is none are rejected, and end nothing: the message comes again")
def _():
    with stage_of_agents(timers={"transfer": 3}) as stage, Unharmed(stage) as unharmed:
        send(stage)
        with ben(stage) as user:
            delivery = user.delivery()
            user.refuse(delivery, 99)
            equal(user.receive()[0::2], ("reject", rose.ERROR))
        tap.wait_until(lambda: copies(stage)[0]["state"] == "in-doubt", what="a copy in doubt")
        with ben(stage) as user:
            delivery = user.delivery()
            user.send(rose.result(delivery.number, p3.MESSAGE_DELIVERY, ber.integer(7)), p3.MDSE)
            equal(user.receive()[2:], (rose.RESULT, 2))
            user.take()
            wait_empty(stage)
        unharmed.served("results")


@case("results of what was never delivered, and operations of the MTS's own, are rejected, and who goes on is aborted; others are served")
def _():
    with stage_of_agents() as stage, Unharmed(stage) as unharmed:
        send(stage)
        with ben(stage) as user:
            delivery = user.delivery()
            rejects = 0
            try:
                for number in range(1000, 1100):
                    user.send(rose.result(number, p3.MESSAGE_DELIVERY, ber.set_()), p3.MDSE)
                    equal(user.receive()[0::2], ("reject", rose.RESULT))
                    rejects += 1
            except (Aborted, Closed, OSError):
                pass
            check(3 < rejects < 100, f"{rejects} rejects")
        unharmed.served("unknown results")
        with ben(stage) as user:
            again = user.delivery()
            equal(again.octets, delivery.octets)
            equal(user.call(p3.MESSAGE_DELIVERY, ber.seq(), p3.MDSE)[2:], (rose.INVOKE, p3.UNRECOGNIZED))
            user.take(again)
            user.send(rose.result(again.number, p3.MESSAGE_DELIVERY, ber.set_()), p3.MDSE)      # once more
            equal(user.receive()[0::2], ("reject", rose.RESULT))
            wait_empty(stage)
        unharmed.served("results twice")


@case("urgent goes first, one at a time on each association; a second association gets another one")
def _():
    with stage_of_agents() as stage:
        for name, priority in (("slow", 1), ("usual", None), ("quick", 2)):
            send(stage, content=name.encode(), priority=priority)
        with ben(stage) as one:
            first = one.delivery()
            equal(first.content, b"quick")
            with ben(stage) as two:
                second = two.delivery()
                equal(second.content, b"usual")
                two.take(second)
                equal(two.take().content, b"slow")
                one.take(first)
                wait_empty(stage)


@case("a user who submits while he is given something large gets his answer, and both are whole")
def _():
    with stage_of_agents() as stage:
        for context in CONTEXTS[1::2]:
            send(stage, content=bytes(5_000_000))
            with ben(stage, context) as user:
                first = user.delivery() if user.__class__ is p3.ReliableUser else None
                what, _, code, _ = submit(user, originator=BEN, recipients=[ANN])
                equal((what, code), ("result", p3.MESSAGE_SUBMISSION))
                equal(len(user.take(first).content), 5_000_000)
                wait_empty(stage)


@case("a user's delivery changes by hand: what waits follows, but what is in doubt")
def _():
    with stage_of_agents(users={ANN: {"available": True}}) as stage:
        stage.mta.mhs("user", "add", BEN, "--password-command", f"echo \"{BENS}\"", "--delivery", "p3")
        equal([u["delivery"] for u in stage.mta.request("user-list", address=BEN)["users"]], ["p3"])
        send(stage, "one")
        tap.wait_until(lambda: copies(stage), what="a copy that waits")
        stage.mta.mhs("user", "set", BEN, "--delivery", "mailbox")
        tap.wait_until(lambda: len(entries(stage, BEN)) == 1, what="an entry")
        wait_empty(stage)
        with ben(stage) as user:
            stage.mta.mhs("user", "set", BEN, "--delivery", "p3")
            send(stage, "two")
            user.take()
            wait_empty(stage)
        stage.mta.stop()
        stage.mta.start()
        send(stage, "three")
        with ben(stage) as user:
            user.take()
        equal(len(entries(stage, BEN)), 1)


@case("status shows who is bound and what waits for him; the queue tells how much of a content he has")
def _():
    with stage_of_agents() as stage:
        send(stage, content=bytes(50_000_000))
        tap.wait_until(lambda: copies(stage), what="a copy that waits")
        status = stage.mta.request("status")
        equal((status["work"]["unbound"], status["users"][0]["address"], status["users"][0]["associations"]), (1, BEN, 0))
        with ben(stage) as user:
            user.transport.sock.recv(1000)
            copy, = tap.wait_until(lambda: [c for c in copies(stage) if c["state"] == "sending"], what="a delivery under way")
            check(0 < copy["sent"] < 50_000_000, copy)
            equal(stage.mta.request("status")["users"][0]["associations"], 1)
            shown = stage.mta.mhs("status").stdout + stage.mta.mhs("queue", "list").stdout
            check(BEN in shown, shown)


@case("a stop waits for a delivery that is under way")
def _():
    with stage_of_agents() as stage:
        send(stage)
        with ben(stage) as user:
            delivery = user.delivery()
            stopping = threading.Thread(target=stage.mta.stop)
            stopping.start()
            tap.wait_until(lambda: "stopping" in stage.mta.log(), what="a stop")
            user.take(delivery)
            with contextlib.suppress(Aborted, Closed, OSError):
                user.receive()
            stopping.join()
        stage.mta.start()
        equal(copies(stage), [])


@case("a user who is removed leaves what waits for him: it is non-delivered; and one who expires unbound likewise")
def _():
    with stage_of_agents(users={ANN: {"available": True}}, schedule={"urgent": {"expiry": 2}}) as stage:
        stage.mta.mhs("user", "add", BEN, "--delivery", "p3")
        send(stage)
        tap.wait_until(lambda: copies(stage), what="a copy that waits")
        send(stage, priority=2)
        tap.wait_until(lambda: len(entries(stage, ANN)) == 1, what="the report of what expired")
        stage.mta.mhs("user", "remove", BEN)
        tap.wait_until(lambda: len(entries(stage, ANN)) == 2, what="the report of what had nobody")
        wait_empty(stage)


if __name__ == "__main__":
    tap.main()
