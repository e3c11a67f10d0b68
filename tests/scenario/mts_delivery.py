#!/usr/bin/python3
"""Messages and reports are delivered by P3 to users' own programs: a real daemon, and a user agent in Python that shares no code
with it."""
import contextlib
import json
import random
import tempfile
import threading
import time

from players import ANN, BEN, HOME, Unharmed
from interop import tshark_judge
from peer import ber, local, p3, rose, tap
from peer.association import Aborted, BindRefused
from peer.transport import Closed
from mts_cast import (ANNS, BENS, BY_P3, CONTEXTS, ben, bind, controls, copies, entries, for_tshark, hashed, letter, said_by_tshark,
                      send, stage_of_agents, states, submit, wait_empty)

case, check, equal = tap.case, tap.check, tap.equal


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


@case("the result of a bind tells how many messages of each priority wait; who has a mailbox is told nothing")
def _():
    with stage_of_agents() as stage:
        for priority in (1, None, None, 2, 2, 2):
            send(stage, priority=priority)
        tap.wait_until(lambda: len(copies(stage)) == 6, what="six copies")
        with ben(stage) as user:
            waiting = user.bind_result[0].get(1)[0]
            equal([waiting.get(lane).get(0).integer() for lane in range(3)], [3, 2, 1])
        with bind(stage) as user:
            equal(user.bind_result[0].get(1), None)


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
        copy, = copies(stage)
        equal(copy["state"], "in-doubt")
        equal({state: count for state, count in stage.mta.request("status")["work"].items() if count}, {"in-doubt": 1})     # he is unbound, too
        refused = stage.mta.mhs("queue", "redirect", "--address", ANN, str(copy["id"]), check=False)
        check("may have arrived at user" in refused.stderr and "--may-arrive-twice" in refused.stderr, refused)
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


@case("a user's delivery changes by hand: what waits follows, and what is in doubt, for he can't settle that any more")
def _():
    with stage_of_agents(users={ANN: {"available": True}}) as stage:
        stage.mta.mhs("user", "add", BEN, "--password-command", f"echo \"{BENS}\"", "--delivery", "p3")
        equal([u["delivery"] for u in stage.mta.request("user-list", address=BEN)["users"]], ["p3"])
        send(stage, "one")
        tap.wait_until(lambda: copies(stage), what="a copy that waits")
        stage.mta.mhs("user", "set", BEN, "--delivery", "mailbox")
        tap.wait_until(lambda: len(entries(stage, BEN)) == 1, what="an entry")
        wait_empty(stage)
        stage.mta.mhs("user", "set", BEN, "--delivery", "p3")
        send(stage, "in doubt")
        interrupted(stage)
        stage.mta.mhs("user", "set", BEN, "--delivery", "mailbox")
        tap.wait_until(lambda: len(entries(stage, BEN)) == 2, what="an entry of what was in doubt")
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
        equal(len(entries(stage, BEN)), 2)


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


def waiting(user, argument):
    """What waits for the controls: operations, messages."""
    what, _, code, node = user.call(p3.DELIVERY_CONTROL, argument, p3.MDSE)
    equal((what, code), ("result", p3.DELIVERY_CONTROL))
    return tuple(node.get(n).bits() if node.get(n) else set() for n in (0, 1))


REPORTS, MESSAGES = 0, 1        # bits of Operations
LONG, LOW = 0, 1                # bits of WaitingMessages


@case("delivery-control holds up what it says, tells what waits, and holds on its association alone")
def _():
    ia5 = ber.seq(ber.ctx(2, ber.oid("2.6.3.4.2")))              # exclusively acceptable
    voice = ber.seq(ber.ctx(0, ber.oid("2.6.3.4.2")))            # ia5-text is unacceptable
    for context in CONTEXTS[1::2]:
        with stage_of_agents() as stage, ben(stage, context) as user:
            for argument, told, free in ((controls(operations=(REPORTS,)), ({MESSAGES}, set()), controls(operations=(MESSAGES,))),
                                         (controls(most=10), ({MESSAGES}, {LONG}), controls(most=100_000)),
                                         (controls(lowest=2), ({MESSAGES}, {LOW}), controls(lowest=1)),
                                         (controls(types=(2,)), ({MESSAGES}, set()), controls(types=(2, 22))),
                                         (controls(eits=voice), ({MESSAGES}, set()), controls(eits=ia5)),
                                         (controls(operations=()), ({MESSAGES}, set()), controls(restrict=False))):
                equal(waiting(user, argument), (set(), set()))
                send(stage)
                copy, = tap.wait_until(lambda: [c for c in copies(stage) if c["state"] == "restricted"], what="a copy that is held up")
                check("delivery controls" in copy["last-error"] and copy["next-try"] is None, copy)
                equal(stage.mta.request("status")["work"]["restricted"], 1)
                equal(waiting(user, argument), told)
                equal(waiting(user, free), (set(), set()))
                user.take()
                wait_empty(stage)
            waiting(user, controls(operations=()))
            send(stage)
            tap.wait_until(lambda: states(stage) == ["restricted"], what="a copy that is held up")
            with ben(stage) as other:
                other.take()
                wait_empty(stage)
            send(stage)
            tap.wait_until(lambda: states(stage) == ["restricted"], what="a copy that is held up")
            user.release()
            tap.wait_until(lambda: states(stage) == ["unbound"], what="an end of the controls")


@case("the controls of 1988 have types in their own form; what is no argument is rejected, a security context refused")
def _():
    with stage_of_agents() as stage, ben(stage, "mts-access-88") as user:
        waiting(user, controls(eits=ber.app(5, ber.prim(0, ber.bits_octets((5,))))))
        send(stage)
        tap.wait_until(lambda: states(stage) == ["restricted"], what="a copy that is held up")
        waiting(user, controls(eits=ber.app(5, ber.prim(0, ber.bits_octets((2, 5))))))
        user.take()
        equal(user.call(p3.DELIVERY_CONTROL, ber.null(), p3.MDSE)[2:], (rose.INVOKE, p3.MISTYPED))
        what, _, code, node = user.call(p3.DELIVERY_CONTROL, ber.set_(ber.ctx(5, ber.set_(ber.integer(1)))), p3.MDSE)
        equal((what, code, node.get(1).integer(), node.get(2).integer()), ("error", p3.REFUSED, 16, 0))


@case("tshark finds nothing malformed in deliveries, controls and registrations over presentation, and reads their values")
def _():
    if not tshark_judge.available():
        raise tap.Skip("tshark is not here")
    users = {ANN: {"password-hash": hashed(ANNS), "delivery": "p3"}, BEN: BY_P3[BEN]}
    for context in ("mts-access-88", "mts-access-94"):
        with stage_of_agents(users=users) as stage, tempfile.NamedTemporaryFile(suffix=".pcap") as file:
            sent = send(stage, recipients=[BEN, f"{HOME}/S=NOBODY"], content_identifier="judged")
            with ben(stage, context) as user, bind(stage, context) as ann:
                user.take()
                report = ann.take()
                equal((report.report, report.identifier), (True, sent))
                send(stage)
                user.refuse(user.delivery(), p3.SECURITY, ber.integer(21))
                waiting(user, controls(operations=(), most=1000, lowest=2, types=(22,)))
                send(stage)
                tap.wait_until(lambda: "restricted" in states(stage), what="a copy that is held up")
                waiting(user, controls(restrict=False))
                user.take()
                user.call(p3.REGISTER, ber.set_(), p3.MASE)
                user.release()
                ann.take()                                      # the report of the security-error
                ann.release()
                for one in (user, ann):
                    read = tshark_judge.rewritten(file.name, [for_tshark(one.transport.log)])
                    equal([(c.layer, c.message, c.path[-3:]) for c in tshark_judge.found_fault(read)], [], context)
                    check("local-identifier: " + sent in said_by_tshark(file.name), f"{context}: no {sent}")


@case("SIGKILL around deliveries: none is lost, and none comes twice to who keeps the MTS-identifiers")
def _():
    random.seed(4)
    with stage_of_agents() as stage:
        sent, got = [], {}
        for number in range(8):
            stopped = threading.Event()
            taker = threading.Thread(target=take_till, args=(stage, CONTEXTS[number % 4], stopped, got))
            taker.start()
            for _ in range(random.randrange(1, 12)):
                sent.append(send(stage, f"{number}", content=bytes(random.choice((10, 1000, 400_000)))))
            time.sleep(random.random() / 5)
            stage.mta.kill()
            stopped.set()
            taker.join()
            stage.mta.start()
        left = len(copies(stage))
        with ben(stage) as user:
            user.transport.sock.settimeout(180)     # each try that broke has doubled the wait for the next
            for _ in range(left):
                note_delivery(got, user.take())
            wait_empty(stage)
        equal(sorted(got), sorted(sent))
        tap.note(f"{len(sent)} messages, {sum(len(c) for c in got.values()) - len(sent)} of them came again")


def note_delivery(got, delivery):
    """A repeat is the same octets."""
    seen = got.setdefault(delivery.identifier, [])
    check(all(octets == delivery.octets for octets in seen), f"{delivery} came again in other octets")
    seen.append(delivery.octets)


def take_till(stage, context, stopped, got):
    with contextlib.suppress(Aborted, Closed, OSError, BindRefused):
        with ben(stage, context) as user:
            while not stopped.is_set():
                delivery = user.delivery()
                note_delivery(got, delivery)
                user.take(delivery)


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
        refused = stage.mta.mhs("user", "remove", BEN, check=False)
        check("his program has 1 message to take" in refused.stderr, refused.stderr)
        equal(states(stage), ["unbound"])
        stage.mta.mhs("user", "remove", BEN, "--discard")
        tap.wait_until(lambda: len(entries(stage, ANN)) == 2, what="the report of what had nobody")
        wait_empty(stage)


def reload(stage):
    """What it says, as one line."""
    return " ".join(stage.mta.mhs("reload").stdout.split())


@case("what waits for a user whose section is gone stays, over a restart, and is told of; it is his when he is back")
def _():
    with stage_of_agents() as stage:
        sent = send(stage)
        tap.wait_until(lambda: states(stage) == ["unbound"], what="a copy that waits")
        stage.mta.configure(user={ANN: BY_P3[ANN]})
        check("his program has 1 message to take, and there is no such user" in reload(stage), stage.mta.log())
        for _ in range(2):
            tap.wait_until(lambda: states(stage) == ["user-removed"], what="a copy of nobody's")
            check("no such user" in copies(stage)[0]["last-error"], copies(stage))
            equal(stage.mta.request("status")["work"]["user-removed"], 1)
            stage.mta.stop()
            stage.mta.start()
            check("his program has 1 message to take, and there is no such user" in stage.mta.log(), stage.mta.log())
        stage.mta.mhs("user", "add", BEN, "--delivery", "p3")
        tap.wait_until(lambda: states(stage) == ["unbound"], what="a copy that waits for him again")
        stage.mta.configure(user=BY_P3)
        stage.mta.mhs("reload")
        with ben(stage) as user:
            equal(user.take().identifier, sent)
            wait_empty(stage)
        equal(entries(stage, ANN), [])


@case("who was added by hand, and had a section for a while, is back with what he had: that is told")
def _():
    with stage_of_agents(users={ANN: BY_P3[ANN]}) as stage:
        stage.mta.request("user-add", address=BEN, **{"password-hash": hashed(BENS)})
        stage.mta.configure(user={ANN: BY_P3[ANN], BEN: {}})
        check("no longer counts" in reload(stage), stage.mta.log())
        stage.mta.configure(user={ANN: BY_P3[ANN]})
        check("'mhs user add' made is back, with the password that he had" in reload(stage), stage.mta.log())
        check("is back" not in reload(stage), stage.mta.log())


if __name__ == "__main__":
    tap.main()
