#!/usr/bin/python3
"""A neighbour that is bound turns the rules against us: traces, histories, lists and recipients that X.411 never meant. Each
message has an end that log and track tell, costs what was sent, and disturbs nobody."""
import contextlib
import random

from players import (ANN, BEN, FAR, FAY, HOME, JOE, LARGE, NEAR, SANITIZER, Neighbour, Stage, Unharmed, folder, peer_section,
                     text_message)
from peer import ber, ipm, names, tap, x411
from peer.association import Aborted, Excepted
from peer.local import Failed
from peer.spoil import spoil
from peer.transport import Closed

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
REDIRECTED, EXPANDED = 0, 1                             # OtherActions
ROUND, BACK = f"{HOME}/CN=round", f"{HOME}/CN=back"     # lists that have each other
TOM, TIM = f"{HOME}/S=tom", f"{HOME}/S=tim"             # users who redirect to each other
TO_LIST = f"{HOME}/S=lou"                               # one who redirects to a list
SMITHS = f"{HOME}/CN=smiths"                            # an alias
ENDS = {"delivered", "non-delivered", "transferred", "discarded", "repeat", "refused"}
WHEN = "261122120000Z"


def stage_of(path, **settings):
    users = {ANN: {"available": True}, BEN: {"available": True}, TOM: {"redirection": {"alternate": TIM}},
             TIM: {"redirection": {"alternate": TOM}}, TO_LIST: {"redirection": {"alternate": ROUND}}}
    lists = {ROUND: {"members": [BACK, BEN, FAY]}, BACK: {"members": [ROUND, SMITHS]}}
    return Stage(path, environment=SANITIZER, user=users, list=lists, alias={SMITHS: {"target": ANN}}, **settings)


def offer(stage, apdu):
    """Hands it over on an association of its own: True when it was taken, False when the daemon refused it."""
    peer = stage.call()
    with contextlib.closing(peer):
        try:
            peer.transfer(apdu)
        except (Excepted, Aborted, Closed):
            return False
        return True


def told(stage, local):
    """The events of NEAR's message with that local identifier."""
    try:
        found = stage.mta.request("track", **{"mts-identifier": f"[/ADMD=NEAR/C=FR/;{local}]"})["messages"]
    except Failed:          # its name was spoilt
        return []
    return [event for message in found for event in message["events"]]


def ends(stage, local, *words):
    """What became of it stands in the record, and has the words."""
    def found():
        return [e for e in told(stage, local) if e["event"] in ENDS and all(w in str(e["detail"]) for w in words)]
    return wait_until(found, what=f"an end of {local} with {words}: {told(stage, local)}")


def emptied(stage):
    wait_until(lambda: stage.mta.request("status")["copies"] == 0, what="an empty queue")


@case("a trace that claims everything at once loops or goes on, and what we add never claims both")
def _():
    with folder() as path, stage_of(path) as stage, Unharmed(stage) as attack:
        both = {"actions": [REDIRECTED, EXPANDED]}
        traces = {"both": x411.trace((NEAR, x411.now(), both)),
                  "bits": x411.trace((NEAR, x411.now(), {"actions": range(0, 16)})),
                  "long": x411.trace(*[(f"/C=FR/A=T{i}", x411.now()) for i in range(500)], (NEAR, x411.now())),
                  "past": x411.trace((NEAR, "700101000000Z")), "future": x411.trace((NEAR, "491231235959Z"))}
        for name, trace in traces.items():
            if offer(stage, text_message(name, [TO_LIST], trace=trace)):
                ends(stage, name)
        loop = x411.trace((NEAR, x411.now()), (HOME, x411.now()), (NEAR, x411.now()))
        check(offer(stage, text_message("loop", [FAY], trace=loop)), "a loop is ours to report")
        ends(stage, "loop", "loop-detected")
        emptied(stage)
        while not stage.far.nothing(0):
            pass
        attack.served("traces")
        stage.hand_over(text_message("clean", [TO_LIST]))
        own = [e for e in stage.far.next().trace if e["domain"].strip("/") == HOME.strip("/")]
        check(len(own) == 2, f"{own}")
        check(not any({REDIRECTED, EXPANDED} <= set(element["actions"]) for element in own), str(own))


@case("what an MTA of our own domain had before is not sent there again: another takes it, or it ends")
def _():
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(folder())
        inner = [stack.enter_context(contextlib.closing(Neighbour(name, "inner's secret"))) for name in ("HUB", "RIM")]
        inside = f"{HOME}/O=inside/S=x"
        stage = stack.enter_context(stage_of(
            path, more_peers={one.mta: peer_section(one.port, one.mta, "inner's secret") for one in inner},
            more_routes={f"{HOME}/O=inside": {"next-hop": {"HUB": {"rank": 1}, "RIM": {"rank": 2}}}}))
        attack = stack.enter_context(Unharmed(stage))

        def came(name, *mtas):
            return text_message(name, [inside], extensions=[
                x411.extension(38, x411.internal_trace(*[(HOME, mta, WHEN) for mta in mtas]))] if mtas else [])
        stage.hand_over(came("first"))
        equal(inner[0].next().identifier[1], "first")
        stage.hand_over(came("round", "HUB"))
        equal(inner[1].next().identifier[1], "round")
        stage.hand_over(came("twice", "rim", "HUB"))
        ends(stage, "twice", "loop-detected")
        check(inner[0].nothing(0) and inner[1].nothing(0), "it was sent round")
        # An endless trace is read once, however many recipients there are.
        stage.hand_over(text_message("crowd", [inside] * 2000, extensions=[
            x411.extension(38, x411.internal_trace(*[(HOME, f"M{i}", WHEN) for i in range(500)]))]))
        equal(len(inner[0].next(60).recipients), 2000)
        attack.served("rounds")


@case("lists and redirections that lead in a circle end, whoever is named how often")
def _():
    with folder() as path, stage_of(path) as stage, Unharmed(stage, LARGE) as attack:
        circle = [ROUND, BACK, TOM, TIM, TO_LIST, SMITHS]
        stage.hand_over(text_message("circle", circle))
        lasts = ends(stage, "circle", "redirection-loop-detected")
        equal({number for event in lasts for number in event["recipients"]}, {3, 4})
        stage.hand_over(text_message("crowd", circle * 300))
        ends(stage, "crowd")
        attack.served("circles", among=20)
        emptied(stage)
        check(len(stage.mta.request("mailbox-list", mailbox=BEN, limit=1000)["entries"]) <= 6, "a list is expanded once a message")


@case("histories of thousands are read once and end the message, or go on with it")
def _():
    with folder() as path, stage_of(path) as stage, Unharmed(stage, LARGE) as attack:
        lists = ber.seq(*[ber.seq(names.or_name(f"/C=FR/A=NEAR/CN=l{i}"), ber.utctime(WHEN)) for i in range(3000)])
        moves = ber.seq(*[ber.seq(ber.seq(names.or_name(f"/C=FR/A=NEAR/S=m{i}"), ber.utctime(WHEN)), ber.enumerated(i % 7))
                          for i in range(3000)])
        for name, recipient, extensions in (
                ("expanded", ROUND, [x411.extension(26, lists)]), ("expanded-far", FAY, [x411.extension(26, lists)]),
                ("moved", x411.recipient(TOM, extensions=[x411.extension(25, moves)]), []),
                ("moved-ben", x411.recipient(BEN, extensions=[x411.extension(25, moves)]), [])):
            if offer(stage, text_message(name, [recipient], extensions=extensions)):
                ends(stage, name)
        attack.served("histories", among=20)
        emptied(stage)


@case("every way in which one recipient can be wrong leaves the good ones, and says why")
def _():
    with folder() as path, stage_of(path) as stage, Unharmed(stage) as attack:
        one = x411.recipient
        dn = ber.seq(ber.set_(ber.seq(ber.oid("2.5.4.3"), ber.utf8("nobody"))))
        wrong = [one(f"{HOME}/S={'s' * 41}", 1), one(f"{FAR}/O={'o' * 65}", 2), one(f"{FAR}/N-ID=12", 3, conversion=99),
                 one("/C=AQ/A=POLE/S=x", 4), one(f"{HOME}/S=ann", 5, extensions=[x411.extension(9, ber.bits(3), [x411.FOR_DELIVERY])]),
                 one(f"{HOME}/S=ann", 6, extensions=[x411.extension(77, ber.null(), [x411.FOR_TRANSFER])]),
                 one(f"{HOME}/S=ann", 7, extensions=[x411.extension(22, ber.enumerated(1), [x411.FOR_DELIVERY])]),
                 one(f"{HOME}/S=void", 8, directory=dn), one("/C=GB/A=GOLD/P=ALPHA", 9)]
        good = [one(FAY, 20), one(BEN, 21)]
        random.Random(16).shuffle(wrong)
        stage.hand_over(text_message("mixed", wrong[:4] + good + wrong[4:], indicators={x411.ALTERNATE_ALLOWED}))
        equal({r["number"] for r in stage.far.next().recipients} & {1, 2}, set(), "who is out of bounds goes to nobody")
        wait_until(lambda: stage.mta.request("mailbox-list", mailbox=BEN)["entries"])

        def failed():
            return {n for event in told(stage, "mixed") if event["event"] == "non-delivered" for n in event["recipients"]}
        wait_until(lambda: len(failed()) >= 8)
        equal(failed(), {1, 2, 4, 5, 6, 7, 8, 9})
        for event in told(stage, "mixed"):
            check(event["event"] != "non-delivered" or event["detail"], f"no cause: {event}")
        attack.served("recipients")


@case("envelopes whose values are spoilt by chance are taken or refused, and what is taken has an end")
def _():
    dice = random.Random("attack_rules")
    with folder() as path, stage_of(path) as stage, Unharmed(stage, LARGE) as attack:
        taken = refused = 0
        for number in range(200):
            history = x411.extension(25, ber.seq(ber.seq(ber.seq(names.or_name(ANN), ber.utctime(WHEN)), ber.enumerated(0))))
            recipients = [x411.recipient(address, n + 1, x411.REPORTED, extensions=[history])
                          for n, address in enumerate(dice.sample([ANN, BEN, FAY, ROUND, TOM, SMITHS, TO_LIST], 3))]
            apdu = x411.message(NEAR, f"chance-{number:03}", JOE, recipients, ipm.ipm("c", JOE, [BEN], "c", ipm.text("c")),
                                content_identifier="chance", priority=x411.URGENT, indicators={x411.ALTERNATE_ALLOWED},
                                extensions=[x411.extension(26, ber.seq(ber.seq(names.or_name(BACK), ber.utctime(WHEN)))),
                                            x411.extension(20, ber.set_(ber.integer(1)))])
            if offer(stage, spoil(dice, apdu)):
                taken += 1
            else:
                refused += 1
        tap.note(f"{taken} were taken, {refused} were refused")
        check(taken > 50 and refused > 10, f"{taken} taken, {refused} refused: this attacks little")
        attack.served("chance", among=1000)
        waiting = wait_until(lambda: [e["state"] for e in stage.mta.request("queue-list", limit=1000)["entries"]
                                      if e["state"] != "deferred"] == [], 60, "no copy that waits")
        check(waiting)
        lost = [f"chance-{n:03}" for n in range(200) if (events := told(stage, f"chance-{n:03}"))
                and not any(e["event"] in ENDS | {"deferred"} for e in events)]
        check(not lost, f"without an end: {lost}: {told(stage, lost[0]) if lost else ''}")


tap.main()
