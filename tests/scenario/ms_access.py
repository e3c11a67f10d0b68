#!/usr/bin/python3
"""Users bind to their message store by P7: a real daemon, and a user agent in Python that shares no code with it."""
import contextlib
import os
import select
import signal
import tempfile
import threading
import time

from players import ANN, BEN, HOME, Unharmed
from mts_cast import ANNS, BENS, entries, letter, said_by_tshark, stage_with_users
from interop import tshark_judge
from peer import ber, ipm, local, names, p3, p7, session as s, tap, x228, x413
from peer.association import Aborted, BindRefused
from peer.p7 import CONTENT, CONTENT_LENGTH, CONTENT_TYPE, CREATION, ENTRY_TYPE, ENVELOPE, LISTED, NEW, PRIORITY, PROCESSED, SEQUENCE, STATUS
from peer.transport import Closed
from scenario import proc

case, check, equal = tap.case, tap.check, tap.equal
ERRORS = x413.ERRORS
AUTHENTICATION, UNACCEPTABLE_CONTEXT = 0, 1
SUBJECT, ORIGINATOR = x413.HAT + "4", x413.ATT + "27"
RECIPIENTS = x413.ATT + "71"


def bind(stage, context="ms-access-94", address=ANN, secret=ANNS, **options):
    return p7.bind(stage.users_port, context, address, secret, **options)


def bind_error(stage, **options):
    """The problem, and whether it came in the form of 1994."""
    try:
        bind(stage, **options).close()
    except BindRefused as error:
        return error.reason, b"\x31\x05\xa0\x03\x0a\x01" in error.octets
    raise AssertionError("the bind was accepted")


def deliver(stage, count, to=ANN, secret=BENS, content=None):
    """So many letters for `to`, whose contents are returned."""
    before = len(entries(stage, to))
    contents = [content or letter(BEN, [to], f"letter {n}") for n in range(count)]
    with p3.bind(stage.users_port, "mts-access-94", BEN, secret) as ben:
        for octets in contents:
            equal(ben.submit(local.submission_envelope(BEN, [to]), octets)[0], "result")
    tap.wait_until(lambda: len(entries(stage, to)) == before + count, what="the letters")
    return contents


def statuses(user):
    return [e[1][STATUS][0].integer() for e in p7.listed(user.list(kinds=[STATUS]))[1]]


def seen(stage):
    """The statuses as the store has them, by another way: a list would change them."""
    with bind(stage) as user:
        _, _, _, (summary,) = p7.summarized(user.summarize(kinds=[STATUS]))
        user.release()
        return {ber.read(value).integer(): count for value, count in summary[1].items()}


@case("a user binds to his store in each context; what the store has is told to who asks, and only then")
def _():
    with stage_with_users() as stage:
        for context in p7.CONTEXTS:
            with bind(stage, context) as user:
                equal([child.number for child in user.bind_result[0]], [2])
                user.release()
            with bind(stage, context, configuration=True) as user:
                result = user.bind_result[0]
                types = {n.oid() for n in p7.explicit(result, 4)}
                check({SEQUENCE, STATUS, CONTENT, x413.HAT + "4"} <= types, types)
                equal(sorted(n.oid() for n in p7.explicit(result, 6)), ["2.6.1.10.0", "2.6.1.10.1"])
                equal(result.get(7) is not None, context.endswith("94"))
                equal(result.get(8) is not None, context.endswith("94"))
                user.release()


@case("wrong passwords and strangers are one error, in the form of the context's edition; a security context is another")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        for context in p7.CONTEXTS:
            began = time.monotonic()
            newer = context.endswith("94")
            equal(bind_error(stage, context=context, secret="wrong"), (AUTHENTICATION, newer))
            equal(bind_error(stage, context=context, address=f"{HOME}/S=NOBODY"), (AUTHENTICATION, newer))
            check(time.monotonic() - began > 2 * 0.29, "refused at once")
            label = p7.bind_argument(ANN, ANNS, context=ber.set_(ber.integer(1)))
            equal(bind_error(stage, context=context, argument=label), (UNACCEPTABLE_CONTEXT, newer))
        unharmed.logged(f"user={ANN}", "the password is not the user's")
        unharmed.served("binds")


@case("extensions and a registration that are not known are told; the bind stands")
def _():
    with stage_with_users() as stage:
        extra = x413.extensions(x413.extension("2.6.4.9.77", ber.null()))
        with bind(stage, identifier="UA 1", extra=extra) as user:
            result = user.bind_result[0]
            equal([n.oid() for n in p7.explicit(result, 12)], ["2.6.4.9.77"])
            equal(p7.explicit(result, 13).contents, b"\xff")
            user.release()


@case("summarize, list and fetch in each context: numbers, attributes, the content's very octets")
def _():
    with stage_with_users() as stage:
        contents = deliver(stage, 3)
        for context in p7.CONTEXTS:
            with bind(stage, context) as user:
                equal(p7.summarized(user.summarize())[:3], (None, 3, (1, 3)))
                following, found = p7.listed(user.list(kinds=[SEQUENCE, ENTRY_TYPE, PRIORITY, CREATION]))
                equal((following, [e[0] for e in found]), (None, [1, 2, 3]))
                for number, attributes, _ in found:
                    equal(attributes[SEQUENCE][0].integer(), number)
                    equal(attributes[ENTRY_TYPE][0].integer(), 0)
                for number, content in enumerate(contents, 1):
                    (got, attributes, _), others, _ = p7.fetched(user.fetch(number, [CONTENT]))
                    equal((got, others), (number, []))
                    equal(attributes[CONTENT][0].octets(), content)
                user.release()


@case("nobody is told of an entry's attributes who asks for none; an empty mailbox has no entries")
def _():
    with stage_with_users() as stage:
        with bind(stage) as user:
            equal(p7.listed(user.list()), (None, []))
            equal(p7.summarized(user.summarize(kinds=[STATUS])), (None, 0, None, [(0, {})]))
            equal(p7.fetched(user.fetch(x413.selector(), [CONTENT])), (None, [], None))
            deliver(stage, 1)
            equal(p7.listed(user.list()), (None, [(1, {}, {})]))


@case("status goes from new to listed by a list, to processed when the content is fetched, and never back")
def _():
    with stage_with_users() as stage:
        deliver(stage, 4)
        equal(seen(stage), {NEW: 4})
        with bind(stage) as user:
            p7.listed(user.list(x413.selector(span=x413.number_range(1, 3))))
            equal(p7.summarized(user.summarize(kinds=[STATUS]))[3][0][1],
                  {ber.integer(NEW): 1, ber.integer(LISTED): 3})
            p7.fetched(user.fetch(2, [STATUS]))
            p7.fetched(user.fetch(3, [CONTENT]))
            p7.fetched(user.fetch(4, [CREATION]))
            equal(statuses(user), [LISTED, LISTED, PROCESSED, LISTED])
            p7.listed(user.list(kinds=[CREATION]))
            equal(statuses(user), [LISTED, LISTED, PROCESSED, LISTED])
        equal(seen(stage), {LISTED: 3, PROCESSED: 1})
        stage.mta.stop()
        stage.mta.start()
        equal(seen(stage), {LISTED: 3, PROCESSED: 1})


@case("what envelope and heading say is listed, filtered by and summed up; what an entry has not is left out")
def _():
    with stage_with_users() as stage:
        deliver(stage, 3)
        deliver(stage, 1, content=b"no interpersonal message")
        with bind(stage) as user:
            found = p7.listed(user.list(kinds=[SUBJECT, ORIGINATOR, CONTENT_LENGTH, CONTENT_TYPE, STATUS]))[1]
            equal([e[1][SUBJECT][0].octets() if SUBJECT in e[1] else None for e in found],
                  [b"letter 0", b"letter 1", b"letter 2", None])
            check(all(e[1][ORIGINATOR][0].raw == names.or_name(BEN) for e in found), "originators")
            equal(found[3][1][CONTENT_LENGTH][0].integer(), len(b"no interpersonal message"))
            def numbers(by):
                return [e[0] for e in p7.listed(user.list(x413.selector(by=by)))[1]]
            equal(numbers(x413.equality(SUBJECT, ber.teletex("LETTER  1"))), [2])
            equal(numbers(x413.substrings(SUBJECT, (0, ber.printable("let")), (2, ber.printable("2")))), [3])
            equal(numbers(x413.none_of(x413.present(SUBJECT))), [])         # of the fourth nobody can tell
            equal(numbers(x413.equality(ORIGINATOR, names.or_name(BEN))), [1, 2, 3, 4])
            equal(numbers(x413.equality(ORIGINATOR, names.or_name(ANN))), [])
            types = p7.summarized(user.summarize(kinds=[CONTENT_TYPE, PRIORITY]))[3]
            equal([sum(counts.values()) + absent for absent, counts in types], [4, 4])


@case("a selector: ranges of numbers and times, limits with what is next, filters nested and by rule")
def _():
    with stage_with_users() as stage:
        deliver(stage, 6)
        with bind(stage) as user:
            def numbers(**selected):
                following, found = p7.listed(user.list(x413.selector(**selected)))
                return following, [e[0] for e in found]
            equal(numbers(span=x413.number_range(2, 4)), (None, [2, 3, 4]))
            equal(numbers(span=x413.number_range(5)), (None, [5, 6]))
            equal(numbers(span=x413.number_range(last=2)), (None, [1, 2]))
            equal(numbers(span=x413.number_range(last=0)), (None, []))
            equal(numbers(limit=2), (3, [1, 2]))
            equal(numbers(limit=6), (None, [1, 2, 3, 4, 5, 6]))
            now = time.gmtime(time.time() + 3600)
            equal(numbers(span=x413.time_range(last=time.strftime("%y%m%d%H%M%SZ", now)))[1], [1, 2, 3, 4, 5, 6])
            equal(numbers(span=x413.time_range(time.strftime("%y%m%d%H%M%SZ", now))), (None, []))
            few = x413.all_of(x413.at_least(SEQUENCE, ber.integer(2)), x413.none_of(x413.equality(SEQUENCE, ber.integer(4))))
            equal(numbers(by=few)[1], [2, 3, 5, 6])
            equal(numbers(by=x413.any_of(x413.at_most(SEQUENCE, ber.integer(1)), few), limit=3), (5, [1, 2, 3]))
            user.fetch(5, [CONTENT])
            equal(numbers(by=x413.equality(STATUS, ber.integer(PROCESSED)))[1], [5])
            one, others, following = p7.fetched(user.fetch(x413.selector(span=x413.number_range(2), limit=3), [SEQUENCE]))
            equal((one[0], others, following), (2, [3, 4], 5))


@case("delete: by numbers and by selector, what is new stays, what was deleted is gone for all")
def _():
    with stage_with_users() as stage:
        deliver(stage, 6)
        with bind(stage, "ms-access-88") as old, bind(stage) as user:
            code, found = user.delete([1])[2], p7.problems(user.delete([1, 2]))
            equal((code, [(p, q.get(1)[0].integer()) for p, q in found]), (ERRORS["delete-error"], [(2, 1), (2, 2)]))
            equal([p for p, _ in p7.problems(old.delete([1]))], [1])
            user.list()
            what, _, code, node = user.delete([3, 1, 3])
            equal((what, code, [n.integer() for n in p7.explicit(node, 0)]), ("result", 23, [1, 3]))
            equal(p7.summarized(user.summarize())[:3], (None, 4, (2, 6)))
            what, _, code, node = old.delete([2])
            equal((what, code, node.tag), ("result", 23, (ber.UNIVERSAL, 5)))
            what, _, code, node = user.delete(x413.selector(span=x413.number_range(5)))
            equal([n.integer() for n in p7.explicit(node, 0)], [5, 6])
            equal([e[0] for e in p7.listed(user.list())[1]], [4])
            error = user.fetch(5, [CONTENT])
            equal((error[2], p7.problems(error, 1)[0][1].get(1)[0].integer()), (ERRORS["sequence-number-error"], 5))
            equal(user.delete([4, 99])[2], ERRORS["sequence-number-error"])
            equal([e[0] for e in p7.listed(user.list())[1]], [4])
        equal([e["entry"] for e in entries(stage, ANN)], [4])


def every_error(user, edition_94=True):
    """Each error that is asked for here, as [(code, wanted)]."""
    huge = "2.6.4.3.99"
    yield user.list(kinds=[huge]), "attribute-error"
    yield user.list(kinds=[CONTENT]), "attribute-error"
    yield user.summarize(kinds=[SEQUENCE]), "attribute-error"
    yield user.list(x413.selector(by=x413.present(huge))), "attribute-error"
    yield user.list(x413.selector(by=x413.substrings(SEQUENCE, (0, ber.printable("x"))))), "attribute-error"
    yield user.list(x413.selector(span=x413.number_range(4, 2))), "range-error"
    yield user.list(x413.selector(span=x413.time_range("300101000000Z", "290101000000Z"))), "range-error"
    yield user.fetch(4000, [CONTENT]), "sequence-number-error"
    yield user.fetch(0), "sequence-number-error"
    yield user.delete([4000]), "sequence-number-error"
    yield user.delete(x413.selector(by=x413.present(huge))), "service-error"        # delete has no attribute-error
    yield user.delete(x413.selector(by=x413.substrings(SEQUENCE, (0, ber.printable("x"))))), "service-error"
    yield user.list(of=x413.DRAFT), "entry-class-error" if edition_94 else "service-error"
    yield user.fetch(1, of=x413.SUBMISSION_LOG), "entry-class-error" if edition_94 else "service-error"
    extended = ber.set_(ber.ctx(1, x413.selector()), ber.ctx(4, x413.extensions(x413.extension("2.6.4.9.77", ber.null()))))
    yield user.retrieve(21, extended), "ms-extension-error" if edition_94 else "service-error"
    yield user.retrieve(24, ber.set_(ber.ctx(7, ber.set_()))), "register-ms-error" if edition_94 else "service-error"


@case("each error with its parameters, by edition; arguments that are none are rejected")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        deliver(stage, 2)
        for context in p7.CONTEXTS:
            with bind(stage, context) as user:
                for pdu, wanted in every_error(user, context.endswith("94")):
                    equal((pdu[0], pdu[2]), ("error", ERRORS[wanted]), wanted)
                (problem, element), = p7.problems(user.list(kinds=[x413.ATT + "99"]))
                equal((problem, element.get(1)[0].oid()), (1, x413.ATT + "99"))
                equal([p for p, _ in p7.problems(user.list(kinds=[CONTENT]))], [4])
                for argument in (ber.null(), ber.set_(), ber.set_(ber.ctx(1, ber.null())), b""):
                    equal(user.retrieve(21, argument)[2:], (p3.rose.INVOKE, p3.MISTYPED))
                    equal(user.list()[0], "result")
                equal(user.retrieve(25, ber.set_())[2:], (p3.rose.INVOKE, p3.UNRECOGNIZED))
                user.release()
        with bind(stage, "ms-access-88") as user:
            equal(p7.problems(user.list(kinds=[x413.ATT + "58"]))[0][0], 1)         # of 1994
            equal(user.retrieve(26, ber.set_())[2:], (p3.rose.INVOKE, p3.UNRECOGNIZED))
        unharmed.served("errors")


def register(user, listed=None, fetched=None, *rest):
    return user.retrieve(24, ber.set_(b"" if listed is None else ber.ctx(2, x413.oids(ber.set_, *listed)),
                                      b"" if fetched is None else ber.ctx(3, x413.oids(ber.set_, *fetched)), *rest))


@case("register-MS: what list and fetch show where they are asked for nothing, kept over a restart; what can't be registered is said")
def _():
    with stage_with_users() as stage:
        deliver(stage, 1)
        with bind(stage, "ms-access-88") as old, bind(stage) as user:
            what, _, code, node = register(old, [SEQUENCE, SUBJECT])
            equal((what, code, node.tag), ("result", 24, (ber.UNIVERSAL, 5)))
            equal(sorted(p7.listed(user.list())[1][0][1]), sorted([SEQUENCE, SUBJECT]))
            equal(p7.listed(user.list(kinds=[STATUS]))[1][0][1].keys(), {STATUS})
            equal(p7.listed(user.list(kinds=[]))[1][0][1], {})
            equal(p7.fetched(user.fetch(1))[0][1], {})
            status = ber.ctx(9, ber.set_(ber.ctx(0, ber.bits(1, 2))))
            what, _, _, node = register(user, None, [PRIORITY], status)
            equal((what, {n.oid() for n in p7.explicit(node, 1)}, [n.oid() for n in p7.explicit(node, 2)]), ("result", {SEQUENCE, SUBJECT}, [PRIORITY]))
            for rest, wanted in ((ber.ctx(0, ber.set_(x413.registration(x413.ACT + "1"))), "auto-action-request-error"),
                                 (ber.ctx(6, ber.set_(ber.set_(ber.ctx(0, ber.printable("UA"))))), "register-ms-error"),
                                 (ber.ctx(8, ber.seq(ber.ctx(1, x413.group("a")))), "register-ms-error")):
                equal(register(user, [STATUS], None, rest)[::2], ("error", ERRORS[wanted]))
            equal(register(user, [CONTENT])[::2], ("error", ERRORS["attribute-error"]))
            equal(register(user, [x413.ATT + "99"])[::2], ("error", ERRORS["attribute-error"]))
            credentials = ber.ctx(4, ber.seq(ber.ctx(0, ber.ia5(ANNS)), ber.ctx(1, ber.ia5("new"))))
            equal(register(user, [STATUS], None, credentials)[::2], ("error", p3.NEW_CREDENTIALS))
        stage.mta.stop()
        stage.mta.start()
        with bind(stage) as user, bind(stage, address=BEN, secret=BENS) as ben:
            equal(sorted(p7.listed(user.list())[1][0][1]), sorted([SEQUENCE, SUBJECT]))
            equal(p7.fetched(user.fetch(1))[0][1].keys(), {PRIORITY})
            what, _, _, node = register(user, [], None, status)
            equal((what, node.get(1)), ("result", None))
            equal(p7.listed(user.list())[1][0][1], {})
            equal(register(ben, None, None, status)[3].get(2), None)


@case("what was registered of 1994 is no error to an agent of 1988, who has the rest")
def _():
    with stage_with_users() as stage:
        deliver(stage, 1)
        with bind(stage, "ms-access-88") as old, bind(stage) as user:
            equal(register(user, [SEQUENCE, x413.ATT + "58"], [PRIORITY, x413.ATT + "58"])[0], "result")
            equal(p7.listed(old.list())[1][0][1].keys(), {SEQUENCE})
            equal(p7.fetched(old.fetch(1))[0][1].keys(), {PRIORITY})


@case("a heading of 150 kB is read, one of 300 kB is not: more than 256 KiB of a content is never looked at for it")
def _():
    with stage_with_users() as stage:
        for count in (4000, 7500):
            deliver(stage, 1, content=letter(BEN, [ANN] + [f"{HOME}/S=NUMBER{n}" for n in range(count)], "Many"))
        with bind(stage) as user:
            for number, subjects in ((1, [b"Many"]), (2, [])):
                attributes = p7.fetched(user.fetch(number, [SUBJECT, CONTENT_LENGTH]))[0][1]
                length = attributes[CONTENT_LENGTH][0].integer()
                check(140_000 < length < 250_000 if subjects else length > 280_000, length)
                equal([v.octets() for v in attributes.get(SUBJECT, [])], subjects)


@case("the restrictions of a bind hold for what is fetched, unless the selector overrides them")
def _():
    with stage_with_users() as stage:
        content = deliver(stage, 1)[0]
        with bind(stage, restrictions=x413.restrictions(length=100)) as user:
            error = user.fetch(1, [CONTENT])
            equal(error[2], ERRORS["fetch-restriction-error"])
            (_, element), = p7.problems(error)
            equal((element.get(3)[0].integer(), element.get(2)[0].integer()), (3, len(content)))
            equal(p7.fetched(user.fetch(1, [SEQUENCE]))[0][0], 1)
            one = p7.fetched(user.fetch(x413.selector(override=(2,)), [CONTENT]))[0]
            equal(one[1][CONTENT][0].octets(), content)
        equal(seen(stage), {PROCESSED: 1})


@case("a content of 20 MB is fetched; who reads slowly or goes away amid it harms nobody")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        for number, context, times in (1, p7.CONTEXTS[3], 10_000), (2, p7.CONTEXTS[1], 80_000):     # by segments of 1 kB, and as it comes
            content = bytes(range(256)) * times
            deliver(stage, 1, content=content)
            with bind(stage, context) as user:
                one = p7.fetched(user.fetch(number, [SEQUENCE, CONTENT]))[0]
                check(one[1][CONTENT][0].octets() == content, "other octets")
                user.release()
        for _ in range(5):
            with bind(stage) as user:
                user.ask(22, x413.fetch(2, p7.wanted([CONTENT])), p7.MRSE)
                user.cut()
        silent = bind(stage)
        for _ in range(40):
            silent.ask(22, x413.fetch(2, p7.wanted([CONTENT])), p7.MRSE)
        with bind(stage) as user:
            equal(p7.listed(user.list())[1][0][0], 1)
            equal(user.delete([2])[0], "result")            # amid what the silent one fetches
        silent.close()
        unharmed.served("fetches")


@case("a thousand operations asked at once are answered in their order")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        deliver(stage, 2)
        with bind(stage) as user:
            asked = [user.ask(22 if n % 2 else 20, x413.fetch(1 + n % 2, p7.wanted([SEQUENCE])) if n % 2 else
                              x413.summarize(x413.selector()), p7.MRSE) for n in range(1000)]
            equal([user.receive()[:2] for _ in asked], [("result", number) for number in asked])
        unharmed.served("thousand")


@case("a user sees and deletes what is his own alone")
def _():
    with stage_with_users() as stage:
        deliver(stage, 3)
        with bind(stage, address=BEN, secret=BENS) as ben:
            equal(p7.listed(ben.list()), (None, []))
            equal(ben.fetch(1, [CONTENT])[2], ERRORS["sequence-number-error"])
            equal(ben.delete([1])[2], ERRORS["sequence-number-error"])
            equal(p7.summarized(ben.summarize())[1], 0)
        equal(seen(stage), {NEW: 3})


@case("hostile arguments: filters nested without end, a million attributes, faults without end")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        deliver(stage, 1)
        with bind(stage) as user:
            deep = x413.present(SEQUENCE)
            for _ in range(100):
                deep = x413.none_of(deep)
            equal(user.list(x413.selector(by=deep))[0], "reject")
            for _ in range(2000):
                deep = x413.none_of(deep)
            equal(user.list(x413.selector(by=deep))[0], "reject")
            million = ber.tlv(ber.UNIVERSAL, 17, True, ber.set_(ber.oid(SEQUENCE)) * 1_000_000)
            equal(user.retrieve(21, ber.set_(ber.ctx(1, x413.selector()), ber.ctx(3, million)))[2:], (1, p3.RESOURCE))
            wide = x413.any_of(*[x413.equality(SEQUENCE, ber.integer(77))] * 9000)
            equal(p7.listed(user.list(x413.selector(by=wide))), (None, []))
            wider = x413.any_of(*[x413.present(SEQUENCE)] * 17000)
            equal(user.list(x413.selector(by=wider))[2], ERRORS["service-error"])
            unharmed.served("filters")
            with contextlib.suppress(Aborted, Closed):
                for rejected in range(100):
                    equal(user.retrieve(21, ber.null())[0], "reject")
                raise AssertionError("no end of it")
            check(10 < rejected < 40, f"{rejected} rejects")
        unharmed.served("faults")


def many_recipients(count):
    """A letter with so many primary recipients, and a filter with so many items on them that none of them fits."""
    content = ipm.ipm("x", BEN, [f"{HOME}/S=N{n}" for n in range(count)], "Many", ipm.text("x"))
    item = x413.equality(x413.HAT + "11", ipm.recipient("/C=GB/S=z"))
    return content, lambda items: x413.list_(x413.selector(by=x413.any_of(*[item] * items)))


@case("many items on many values: what is too much work is a service-error at once, also in the store process, and mail goes on")
def _():
    content, asking = many_recipients(700)
    with stage_with_users(reader_processes=0) as stage, Unharmed(stage) as unharmed:
        deliver(stage, 1, content=content)
        with bind(stage) as user:
            equal(p7.listed(user.retrieve(21, asking(100))), (None, []))
            for _ in range(3):
                equal(user.retrieve(21, asking(7000))[2], ERRORS["service-error"])
        unharmed.served("items")


@case("turns at a reader go by user: who has many associations is one, and others wait for one question of his at most")
def _():
    content, asking = many_recipients(700)
    with stage_with_users() as stage, contextlib.ExitStack() as held:
        deliver(stage, 1, content=content)
        greedy = [held.enter_context(bind(stage)) for _ in range(12)]
        ben = held.enter_context(bind(stage, address=BEN, secret=BENS))
        ben.list()
        for one in greedy:
            one.ask(21, asking(1000), p7.MRSE)
        time.sleep(0.2)
        ben.ask(21, x413.list_(x413.selector()), p7.MRSE)
        equal(ben.answer()[0], "result")
        before = len(select.select([one.transport.sock for one in greedy], [], [], 0)[0])
        check(before <= 6, f"{before} of {len(greedy)} questions of another user were answered before")
        for one in greedy:
            equal(one.answer()[0], "result")


@case("what is submitted is kept where the configuration says so: an entry of class submission, which delivery does not show")
def _():
    with stage_with_users(timers={"submitted": 3600}) as stage:
        with bind(stage) as user:
            content = letter(ANN, [BEN, ANN], "Kept")
            equal(user.submit(local.submission_envelope(ANN, [BEN, ANN]), content)[0], "result")
            tap.wait_until(lambda: len(entries(stage, ANN)) == 1, what="the letter")
            equal([e[1][SUBJECT][0].octets() for e in p7.listed(user.list(kinds=[SUBJECT]))[1]], [b"Kept"])
            kept = p7.listed(user.list(kinds=[ENTRY_TYPE, SUBJECT, RECIPIENTS, STATUS], of=x413.SUBMISSION))[1]
            equal(len(kept), 1)
            number, attributes, _ = kept[0]
            equal((attributes[ENTRY_TYPE][0].integer(), attributes[SUBJECT][0].octets()), (3, b"Kept"))
            equal(sorted(n.raw for n in attributes[RECIPIENTS]), sorted(names.or_name(n) for n in (BEN, ANN)))
            equal(p7.fetched(user.fetch(number, [CONTENT], of=x413.SUBMISSION))[0][1][CONTENT][0].octets(), content)
            equal(p7.summarized(user.summarize(of=x413.STORED_MESSAGE))[1], 2)
            equal(user.delete([number], of=x413.SUBMISSION)[0], "result")
            equal(p7.listed(user.list(of=x413.SUBMISSION))[1], [])
            equal(len(p7.listed(user.list())[1]), 1)
            user.release()


@case("submission by P7: message, probe, cancel, and the errors of P3; options are refused")
def _():
    with stage_with_users() as stage:
        for context in p7.CONTEXTS:
            with bind(stage, context) as user:
                before = len(entries(stage, BEN))
                what, _, code, node = user.submit(local.submission_envelope(ANN, [BEN]), letter(ANN, [BEN], context))
                equal((what, code), ("result", 3))
                identifier = p3.read_submission_result(node)[0]
                tap.wait_until(lambda: len(entries(stage, BEN)) == before + 1, what="the letter")
                check(f";{identifier}]" in entries(stage, BEN)[-1]["mts-identifier"], identifier)
                equal(user.probe(local.probe_envelope(ANN, [local.recipient(BEN, local.REPORT)], "probe 1", 100))[0], "result")
                later = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + 3600))
                deferred = user.submit(local.submission_envelope(ANN, [BEN], deferred=later), b"later")[3]
                equal(user.cancel(HOME, p3.read_submission_result(deferred)[0])[0], "result")
                equal(user.submit(local.submission_envelope(BEN, [ANN]), b"x")[::2], ("error", p3.ORIGINATOR_INVALID))
                user.release()


@case("options of a submission to the store: those that ask for nothing are taken, others are refused, and none is mistyped")
def _():
    with stage_with_users() as stage, bind(stage) as user, bind(stage, "ms-access-88") as old:
        def submit(to, options):
            return to.call(p3.MESSAGE_SUBMISSION, ber.seq(local.submission_envelope(ANN, [BEN]), ber.octets(b"x"), ber.ctx(4, options)))
        equal(submit(user, x413.submission_options(no_auto_modify=True))[0], "result")
        equal(submit(user, ber.set_())[0], "result")
        for options in (x413.submission_options(entry_class=x413.SUBMISSION), x413.submission_options(groups=[x413.group("a")])):
            equal(submit(user, options)[::2], ("error", ERRORS["service-error"]))
        equal(submit(user, ber.null())[2:], (p3.rose.INVOKE, p3.MISTYPED))
        equal(submit(old, ber.set_())[2:], (p3.rose.INVOKE, p3.MISTYPED))
        tap.wait_until(lambda: len(entries(stage, BEN)) == 2, what="the two letters, and no more")


@case("a submission that is none comes in while deletions are under way: each has its own answer")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        deliver(stage, 40)
        argument = ber.seq(local.submission_envelope(ANN, [BEN]), ber.octets(b"x" * 20_000), ber.ctx(9, ber.null()))
        with bind(stage, "ms-reliable-access-94") as user:
            user.list()
            asked = [user.ask(23, x413.delete([n]), p7.MRSE) for n in range(1, 41)]
            user.asked += 1
            user.start_activity()
            value = x228.external(p7.MSSE, user.pdu(user.asked, p3.MESSAGE_SUBMISSION, argument))
            user.send_segments(value[:5000], stop_after=4)
            tap.wait_until(lambda: len(entries(stage, ANN)) < 38, what="deletions")
            store, = processes(stage, "store")
            os.kill(store, signal.SIGSTOP)
            try:
                user.send_segments(value[4096:])
                user.end_activity()
                unharmed.logged("its argument is not of its type")
            finally:
                os.kill(store, signal.SIGCONT)
            answers = {pdu[1]: pdu for pdu in (user.receive() for _ in range(41))}
            equal([answers[number][0] for number in asked], ["result"] * 40)
            equal(answers[user.asked][2:], (p3.rose.INVOKE, p3.MISTYPED))
            user.release()
        unharmed.served("submission")


@case("who does not take an answer that he is told loses the association, and nothing waits for him")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        deliver(stage, 1, content=bytes(range(256)) * 10_000)
        with bind(stage, "ms-reliable-access-94") as user:
            user.ask(22, x413.fetch(1, p7.wanted([CONTENT])), p7.MRSE)
            while not (spdu := user.receive_spdu()).si == s.DT or not spdu.first:
                if spdu.si == s.PT and not spdu.first:
                    user.transport.send(s.spdu(s.GTC))
                    user.expect(s.GTA)
                    user.turn = False
            user.report_exception()
            try:
                while True:
                    stopped = user.receive_spdu().si
                    if stopped in (s.AI, s.AD):
                        user.please(s.spdu(s.AIA if stopped == s.AI else s.ADA))
            except (Aborted, Closed):
                pass
        unharmed.logged(f"user={ANN}", "an answer was not taken")
        unharmed.served("answers")


@case("many fetch and delete while letters come: every letter is seen once, none is lost, none comes back")
def _():
    with stage_with_users(limits={"associations-per-user": 50}) as stage, Unharmed(stage) as unharmed:
        gone, lock = [], threading.Lock()

        def submit():
            with p3.bind(stage.users_port, "mts-access-94", BEN, BENS) as ben:
                for n in range(120):
                    equal(ben.submit(local.submission_envelope(BEN, [ANN]), letter(BEN, [ANN], str(n)))[0], "result")

        def take(mine):
            with bind(stage) as user:
                while len(gone) < 120:
                    odd = [e[0] for e in p7.listed(user.list(x413.selector(limit=20)))[1] if e[0] % 3 == mine]
                    for number in odd:
                        p7.fetched(user.fetch(number, [CONTENT]))
                        equal(user.delete([number])[0], "result")
                        with lock:
                            gone.append(number)
        threads = [threading.Thread(target=submit)] + [threading.Thread(target=take, args=(n,)) for n in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        equal(sorted(gone), list(range(1, 121)))
        equal(entries(stage, ANN), [])
        unharmed.served("many")


def processes(stage, kind):
    return [pid for pid in proc.children(stage.mta.process.pid) if proc.name(pid).rstrip("0123456789") == kind]


@case("readers answer: while the store process stands still all is read, and what looks at a status waits for the last one's end")
def _():
    with stage_with_users() as stage:
        contents = deliver(stage, 2)
        with bind(stage) as user:
            equal(statuses(user), [NEW, NEW])
            equal(statuses(user), [LISTED, LISTED])
            store, = processes(stage, "store")
            os.kill(store, signal.SIGSTOP)
            try:
                equal(p7.summarized(user.summarize())[1], 2)
                equal(statuses(user), [LISTED, LISTED])
                equal(p7.fetched(user.fetch(2, [CONTENT]))[0][1][CONTENT][0].octets(), contents[1])
                asked = user.ask(21, x413.list_(x413.selector(), p7.wanted([STATUS])), p7.MRSE)
                user.transport.sock.settimeout(0.3)
                try:
                    user.answer(asked)
                    raise AssertionError("it was answered before the status was on disk")
                except TimeoutError:
                    pass
            finally:
                os.kill(store, signal.SIGCONT)
            user.transport.sock.settimeout(tap.PATIENCE)
            equal([e[1][STATUS][0].integer() for e in p7.listed(user.answer(asked))[1]], [LISTED, PROCESSED])


@case("readers that are killed lose no question: each is asked anew, and a content goes on where it was")
def _():
    with stage_with_users() as stage:
        content = deliver(stage, 1, content=bytes(range(256)) * 20_000)[0]
        with bind(stage) as user:
            for _ in range(4):
                asked = [user.ask(22, x413.fetch(1, p7.wanted([CONTENT])), p7.MRSE) for _ in range(3)]
                before = processes(stage, "reader")
                for pid in before:
                    os.kill(pid, signal.SIGKILL)
                for number in asked:
                    check(p7.fetched(user.answer(number))[0][1][CONTENT][0].octets() == content, "other octets")
                tap.wait_until(lambda: len(processes(stage, "reader")) == len(before) and not set(before) & set(processes(stage, "reader")),
                               what="readers that follow")


@case("who asks much, goes, and comes again leaves nothing behind that waits for an answer")
def _():
    with stage_with_users() as stage:
        deliver(stage, 1)
        huge = x413.list_(x413.selector(by=x413.any_of(*[x413.equality(SEQUENCE, ber.integer(77))] * 15_000)))
        check(200_000 < len(huge) < 256 * 1024, len(huge))
        with bind(stage) as user, Unharmed(stage, growth=40 << 20) as unharmed:
            stopped = processes(stage, "reader")
            for pid in stopped:
                os.kill(pid, signal.SIGSTOP)
            try:
                for _ in range(300):
                    with bind(stage, "ms-reliable-access-94") as other:
                        other.ask(21, huge, p7.MRSE)
                        other.cut()
            finally:
                for pid in stopped:
                    os.kill(pid, signal.SIGCONT)
            equal(p7.listed(user.list())[1][0][0], 1)
            unharmed.served("questions")


def every_operation(user, stage):
    user.summarize(kinds=[STATUS, ENTRY_TYPE])
    user.list(kinds=[SEQUENCE, STATUS, CREATION, ENVELOPE])
    user.fetch(1, [CONTENT, ENVELOPE])
    user.fetch(x413.selector(limit=1), [SEQUENCE])
    user.delete([2])


@case("tshark finds nothing malformed in what is said over presentation, and reads the values that were sent")
def _():
    if not tshark_judge.available():
        raise tap.Skip("tshark is not here")
    with stage_with_users() as stage, tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        deliver(stage, 6)
        for context in p7.CONTEXTS[:2]:
            with bind(stage, context, configuration=True) as user:
                every_operation(user, stage)
                list(every_error(user, context.endswith("94")))
                user.release()
                read = tshark_judge.rewritten(file.name, [for_tshark(user.transport.log)])
                equal([(c.layer, c.message, c.path[-3:]) for c in tshark_judge.found_fault(read)], [], context)
                text = said_by_tshark(file.name)
                for wanted in ("sequence-number", "problem"):
                    check(wanted in text, f"{context}: no line '{wanted}'")


# tshark 4.0 knows the contexts of 1988 alone: to the judge those of 1994 are named as they, whose operations have the same codes.
OF_1994 = {ber.oid(x413_name): ber.oid(name) for x413_name, name in (
    ("2.6.0.2.13", "2.6.0.2.1"), ("2.6.0.2.15", "2.6.0.2.5"), ("2.6.0.2.16", "2.6.0.2.6"), ("2.6.0.2.17", "2.6.0.2.9"),
    ("2.6.0.1.11", "2.6.0.1.4"))}


def for_tshark(log):
    entries_ = []
    for entry in log:
        octets = entry[-1]
        for newer, older in OF_1994.items():
            octets = octets.replace(newer, older)
        entries_.append((entry[0], octets))
    return entries_


@case("a stop in the middle ends users' associations; a password that is taken away too")
def _():
    with stage_with_users(users={}) as stage:
        stage.mta.mhs("user", "add", ANN)
        stage.mta.mhs("user", "set", ANN, "--password-command", f"echo \"{ANNS}\"")
        with bind(stage) as user:
            stage.mta.mhs("user", "set", ANN, "--password-command", "none")
            try:
                user.receive()
            except (Aborted, Closed):
                pass
            else:
                raise AssertionError("the association goes on")
        stage.mta.mhs("user", "set", ANN, "--password-command", f"echo \"{ANNS}\"")
        with bind(stage):
            stage.mta.stop()
        stage.mta.start()
        bind(stage).release()


if __name__ == "__main__":
    tap.main()
