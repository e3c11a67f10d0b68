#!/usr/bin/python3
"""What users register by P3, and the passwords that they change: a real daemon, and a user agent in Python that shares no code with it."""
import contextlib
import json

from players import ANN, BEN, HOME
from peer import ber, names, p3, tap
from peer.association import Aborted
from peer.transport import Closed
from mts_cast import (ANNS, BENS, BY_P3, ben, bind, bind_error, controls, entries, hashed, send, stage_of_agents, states, wait_empty)

case, check, equal = tap.case, tap.check, tap.equal
FAY_HERE = f"{HOME}/S=fay"


@case("register: what a user takes, where he redirects, whom he permits and his default controls are obeyed, told, and kept over a restart")
def _():
    with stage_of_agents(users={**BY_P3, FAY_HERE: {"available": True}}) as stage:
        with ben(stage) as user:
            equal(register(user, deliverable(most=100_000)), ("result", None))
            sent = send(stage, content=bytes(200_000))
            tap.wait_until(lambda: len(entries(stage, ANN)) == 1, what="the report of what is too long")
            check("content-too-long" in history(stage, sent), history(stage, sent))
            equal(register(user, deliverable(types=(2,))), ("result", None))
            sent = send(stage)
            tap.wait_until(lambda: len(entries(stage, ANN)) == 2, what="the report of another type")
            check("content-type-not-supported" in history(stage, sent), history(stage, sent))
            equal(register(user, deliverable(types=(2, 22))), ("result", None))
            send(stage)
            user.take()
            equal(register(user, ber.ctx(4, ber.set_(ber.boolean(False), names.or_name_under(0, ANN)))), ("result", None))
            send(stage)
            tap.wait_until(lambda: len(entries(stage, ANN)) == 3, what="the report of restricted delivery")
            equal(register(user, ber.ctx(4, ber.set_(ber.boolean(False), names.or_name_under(0, HOME)))), ("result", None))
            send(stage)
            user.take()             # that is nobody's exact name, though all begin with it
            equal(register(user, ber.ctx(4, ber.set_())), ("result", None))
            equal(register(user, ber.ctx(2, controls(most=10))), ("result", None))
            send(stage)
            tap.wait_until(lambda: states(stage) == ["restricted"], what="a copy that the default controls hold up")
            equal(register(user, ber.ctx(2, controls(most=10_000))), ("result", None))
            user.take()
            wait_empty(stage)
            equal(register(user, redirection(FAY_HERE)), ("result", None))
            send(stage)
            tap.wait_until(lambda: len(entries(stage, FAY_HERE)) == 1, what="a letter that was redirected")
        stage.mta.stop()
        stage.mta.start()
        send(stage)
        tap.wait_until(lambda: len(entries(stage, FAY_HERE)) == 2, what="a letter that was redirected after a restart")
        stage.mta.reload()
        tap.wait_until(lambda: "configuration was reread" in stage.mta.log(), what="a reload")
        send(stage)
        tap.wait_until(lambda: len(entries(stage, FAY_HERE)) == 3, what="a letter that was redirected after a reload")
        check("is not obeyed" not in stage.mta.log(), "what is obeyed is told as what is not")
        with ben(stage) as user:
            what, _, code, node = user.call(p3.REGISTER, ber.set_(ber.ctx(5, ber.prim(0, ber.bits_octets(range(6))))), p3.MASE)
            equal((what, code), ("result", p3.REGISTER))
            told = node.get(0)
            equal(sorted(child.number for child in told), [2, 3, 4, 17])
            what, _, code, node = user.call(p3.REGISTER, ber.set_(ber.ctx(5, ber.prim(0, ber.bits_octets((4,))))), p3.MASE)
            equal([child.number for child in node.get(0)], [3])


def history(stage, sent):
    return json.dumps(stage.mta.request("track", mts_identifier=f"[/PRMD=ALPHA/ADMD=GOLD/C=GB/;{sent}]"))


def register(user, *parts):
    what, _, code, node = user.call(p3.REGISTER, ber.set_(*parts), p3.MASE)
    return (what, None) if what == "result" else (what, code if what == "error" else node)


def deliverable(most=None, types=()):
    return ber.set_(ber.set_(ber.ctx(0, *(ber.app_prim(6, ber.integer_octets(t)) for t in types)) if types else b"",
                             ber.prim(1, ber.integer_octets(most)) if most else b""))


def redirection(*addresses):
    return ber.ctx(3, *(ber.set_(names.or_name_under(1, a)) for a in addresses))


@case("the register of 1988 says the same in its own form; what can't be is rejected and changes nothing")
def _():
    with stage_of_agents(users={**BY_P3, FAY_HERE: {"available": True}}) as stage, ben(stage, "mts-access-88") as user:
        equal(register(user, ber.ctx(1, ber.app_prim(6, b"\x05")))[0], "reject")
        equal(register(user, ber.ctx(1, ber.integer(100_000)), ber.ctx(3, ber.app_prim(6, b"\x16"))), ("result", None))
        send(stage, content=bytes(200_000))
        tap.wait_until(lambda: len(entries(stage, ANN)) == 1, what="the report of what is too long")
        equal(register(user, names.or_name(ANN)), ("error", p3.REGISTER_REJECTED))
        equal(register(user, names.or_name(BEN)), ("result", None))
        equal(register(user, ber.ctx(4, ber.set_(names.or_name_under(1, BEN)))), ("error", p3.REGISTER_REJECTED))
        send(stage)
        user.take()
        equal(register(user, ber.ctx(4, ber.set_(names.or_name_under(1, FAY_HERE)))), ("result", None))
        send(stage)
        tap.wait_until(lambda: len(entries(stage, FAY_HERE)) == 1, what="a letter that was redirected")
        equal(register(user, ber.ctx(4, ber.set_())), ("result", None))
        send(stage)
        user.take()
        equal(len(entries(stage, FAY_HERE)), 1)


def change(user, old, new):
    argument = ber.set_(ber.ctx(0, p3.password(old)), ber.ctx(1, p3.password(new)))
    return user.call(p3.CHANGE_CREDENTIALS, argument, p3.MASE)[::2]


@case("change-credentials: the new password binds, also after a restart, the old one no more; an operator has the last word")
def _():
    with stage_of_agents(users={ANN: {"password-hash": hashed(ANNS)}}) as stage:
        stage.mta.mhs("user", "add", BEN, "--password-command", f"echo \"{BENS}\"")
        for address, secret in ((ANN, ANNS), (BEN, BENS)):
            with bind(stage, "mts-reliable-access-94", address, secret) as user:
                equal(change(user, "wrong", "fresh one"), ("error", p3.OLD_CREDENTIALS))
                equal(change(user, secret, ""), ("error", p3.NEW_CREDENTIALS))
                equal(change(user, secret, "x" * 63), ("error", p3.NEW_CREDENTIALS))
                equal(change(user, secret, "fresh one"), ("result", p3.CHANGE_CREDENTIALS))
                equal(change(user, secret, "another"), ("error", p3.OLD_CREDENTIALS))
            equal(bind_error(stage, address=address, secret=secret), 2)
            bind(stage, address=address, secret="fresh one").release()
        stage.mta.stop()
        stage.mta.start()
        for address, secret in ((ANN, ANNS), (BEN, BENS)):
            equal(bind_error(stage, address=address, secret=secret), 2)
            bind(stage, address=address, secret="fresh one").release()
        stage.mta.mhs("user", "set", BEN, "--password-command", "echo given")
        bind(stage, address=BEN, secret="given").release()
        stage.mta.mhs("user", "remove", BEN)
        stage.mta.mhs("user", "add", BEN, "--password-command", f"echo \"{BENS}\"")
        bind(stage, address=BEN, secret=BENS).release()


@case("change-credentials: a password that an operator gives while the old one is compared stays")
def _():
    given = hashed("given")
    with stage_of_agents(users={ANN: {"available": True}}) as stage:
        stage.mta.mhs("user", "add", BEN, "--password-command", f"echo \"{BENS}\"")
        with ben(stage) as user:
            user.ask(p3.CHANGE_CREDENTIALS, ber.set_(ber.ctx(0, p3.password(BENS)), ber.ctx(1, p3.password("another"))), p3.MASE)
            stage.mta.request("user-set", address=BEN, **{"password-hash": given})
            with contextlib.suppress(Aborted, Closed):
                user.answer()           # which of the two came first may differ: the operator has the last word
            equal(bind_error(stage, secret="another"), 2)
            bind(stage, address=BEN, secret="given").release()


def shown(stage, address):
    """What an operator sees of what the user registered: whether, to whom it is redirected, and what is restricted."""
    user, = stage.mta.request("user-list", address=address)["users"]
    told = user["registrations"] or {"redirections": [], "restrictions": []}
    return user["registered"], told["redirections"], told["restrictions"]


NOTHING = (False, [], [])
OFFER = "'mhs user reset' takes it away"


@case("an operator sees what a user of the configuration registered and takes it away: a new password alone leaves a thief's redirection")
def _():
    users = {**BY_P3, FAY_HERE: {"available": True}}
    with stage_of_agents(users=users) as stage:
        equal(shown(stage, BEN), NOTHING)
        check("nothing was registered" in stage.mta.mhs("user", "reset", BEN).stdout, "what is not there is taken away")
        with ben(stage) as thief:
            equal(register(thief, redirection(FAY_HERE), ber.ctx(2, controls(most=10))), ("result", None))
        check("registers default-delivery-controls, redirections" in stage.mta.log(), stage.mta.log_tail())
        equal(shown(stage, BEN), (True, [{"to": FAY_HERE, "some": False}], []))
        equal(stage.mta.mhs("reload").returncode, 0)
        check(OFFER not in stage.mta.log(), "a reload of the same password warns")
        stage.mta.configure(user={**users, BEN: {"password-hash": hashed("another"), "delivery": "p3"}})
        check(OFFER in " ".join(stage.mta.mhs("reload").stdout.split()), stage.mta.log_tail())
        send(stage)
        tap.wait_until(lambda: len(entries(stage, FAY_HERE)) == 1, what="a letter that is still redirected")
        lines = stage.mta.mhs("user", "show", BEN).stdout
        check("registered:" in lines and "redirected to:" in lines and FAY_HERE in lines, lines)
        stage.mta.mhs("user", "reset", BEN)
        check(f"what {BEN} registered by P3 is taken away by uid" in stage.mta.log(), stage.mta.log_tail())
        for _ in range(2):
            equal(shown(stage, BEN), NOTHING)
            send(stage)
            with bind(stage, address=BEN, secret="another") as user:
                user.take()
            stage.mta.stop()
            stage.mta.start()
        equal(len(entries(stage, FAY_HERE)), 1)


@case("what default controls hold up goes to who is bound when an operator takes them away")
def _():
    with stage_of_agents() as stage, ben(stage) as user:
        equal(register(user, ber.ctx(2, controls(most=10))), ("result", None))
        sent = send(stage)
        tap.wait_until(lambda: states(stage) == ["restricted"], what="a copy that the default controls hold up")
        stage.mta.mhs("user", "reset", BEN)
        equal(user.take().identifier, sent)
        wait_empty(stage)


@case("a new password of a user who was added offers to take away what he registered; his own password stays with a reset")
def _():
    with stage_of_agents(users={ANN: BY_P3[ANN], FAY_HERE: {"available": True}}) as stage:
        stage.mta.mhs("user", "add", BEN, "--password-command", f"echo \"{BENS}\"")
        check(OFFER not in stage.mta.mhs("user", "set", BEN, "--password-command", f"echo \"{BENS}\"").stderr, "nothing is registered")
        with ben(stage) as user:
            equal(register(user, redirection(FAY_HERE), ber.ctx(4, ber.set_(ber.boolean(False), names.or_name_under(0, HOME)))),
                  ("result", None))
        there = (True, [{"to": FAY_HERE, "some": False}], [{"permitted": False, "name": HOME, "exact": True}])
        check(OFFER in stage.mta.mhs("user", "set", BEN, "--password-command", "echo given").stderr, "nothing is offered")
        equal(shown(stage, BEN), there)
        stage.mta.stop()
        stage.mta.start()
        equal(shown(stage, BEN), there)
        done = stage.mta.mhs("user", "set", BEN, "--password-command", f"echo \"{BENS}\"", "--reset")
        check(OFFER not in done.stderr, done.stderr)
        equal(shown(stage, BEN), NOTHING)
        with ben(stage) as user:
            equal(change(user, BENS, "fresh one"), ("result", p3.CHANGE_CREDENTIALS))
            equal(register(user, redirection(FAY_HERE)), ("result", None))
        stage.mta.mhs("user", "reset", BEN)
        stage.mta.stop()
        stage.mta.start()
        equal(shown(stage, BEN), NOTHING)
        bind(stage, address=BEN, secret="fresh one").release()
        send(stage)
        tap.wait_until(lambda: entries(stage, BEN), what="a letter that nobody redirects")
        equal(entries(stage, FAY_HERE), [])


@case("who is added is not held to what a user of the configuration has registered under his address before")
def _():
    before = {**BY_P3, FAY_HERE: {"available": True}}
    with stage_of_agents(users=before) as stage:
        with ben(stage) as user:
            equal(register(user, redirection(FAY_HERE)), ("result", None))
        stage.mta.configure(user={address: options for address, options in stage.mta.settings["user"].items() if address != BEN})
        stage.mta.mhs("reload")
        stage.mta.mhs("user", "add", BEN)
        stage.mta.stop()
        stage.mta.start()
        send(stage)
        tap.wait_until(lambda: entries(stage, BEN) or entries(stage, FAY_HERE), what="an entry")
        equal((len(entries(stage, BEN)), len(entries(stage, FAY_HERE))), (1, 0))


if __name__ == "__main__":
    tap.main()
