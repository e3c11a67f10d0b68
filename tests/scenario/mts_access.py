#!/usr/bin/python3
"""Users bind by P3 and submit: a real daemon, and a user agent in Python that shares no code with it."""
import contextlib
import json
import tempfile
import threading
import time

from players import ANN, BEN, FAY, HOME, Unharmed
from interop import tshark_judge
from peer import ber, local, p3, rose, tap
from peer.association import AUTHENTICATION_ERROR, BUSY, UNACCEPTABLE_SECURITY_CONTEXT, Aborted, Association, BindRefused
from peer.transport import Closed
from mts_cast import ANNS, BENS, bind, bind_error, entries, for_tshark, hashed, letter, said_by_tshark, stage_with_users, submit

case, check, equal = tap.case, tap.check, tap.equal


@case("a user binds in each context, with and without RTSE, of 1988 and 1994; the result names the MTA")
def _():
    with stage_with_users() as stage:
        for context in ("mts-access-88", "mts-access-94", "mts-reliable-access-88", "mts-reliable-access-94"):
            for ia5 in (True, False):
                with bind(stage, context, ia5=ia5) as user:
                    result = user.bind_result
                    inner = result[0] if result.tag == (ber.CONTEXT, 17) else result
                    equal(inner.get(0).text(), "ALPHA-MTA")
                    user.release()


@case("nothing listens for users where the configuration does not say so, and MTAs' port takes no user, nor theirs an MTA")
def _():
    with stage_with_users() as stage:
        for wrong in (lambda: p3.bind(stage.mta.port, "mts-access-94", ANN, ANNS), lambda: bind(stage, "mts-forced-access-94"),
                      lambda: Association.open(stage.users_port, mta="NEAR", password="near's secret")):
            try:
                wrong().close()
            except (BindRefused, Aborted, Closed) as error:
                tap.note(f"{type(error).__name__}: {error}")
            else:
                raise AssertionError("the bind was accepted")
        bind(stage).release()


@case("wrong passwords, strangers, MTAs' names and strong credentials are one error, and guesses are slowed")
def _():
    with stage_with_users(users={ANN: {"password-hash": hashed(ANNS)}, BEN: {"available": True}}) as stage, Unharmed(stage) as unharmed:
        stranger = f"{HOME}/S=NOBODY"
        began = time.monotonic()
        equal(bind_error(stage, secret="wrong"), AUTHENTICATION_ERROR)
        equal(bind_error(stage, secret=""), AUTHENTICATION_ERROR)
        equal(bind_error(stage, address=stranger), AUTHENTICATION_ERROR)
        equal(bind_error(stage, address=BEN, secret=BENS), AUTHENTICATION_ERROR)
        equal(bind_error(stage, mta="ALPHA-MTA"), AUTHENTICATION_ERROR)
        equal(bind_error(stage, credentials=ber.ctx(0, ber.set_())), AUTHENTICATION_ERROR)
        check(time.monotonic() - began > 6 * 0.29, "refused at once")
        unharmed.logged(f"user={ANN}", "the password is not the user's")
        unharmed.logged("NOBODY", "no user has this address")
        unharmed.logged(f"user={BEN}", "has no password")
        for _ in range(10):
            equal(bind_error(stage, secret="guess"), AUTHENTICATION_ERROR)
        equal(bind_error(stage), AUTHENTICATION_ERROR)      # unread, right as it is
        unharmed.logged(f"wrong binds in a minute of the user '{ANN}'")        # as he is spelled
        unharmed.served("guesses")


@case("a new password counts at once, by hand or by a reload, however many wrong ones came before; the old one is wrong then")
def _():
    with stage_with_users(users={BEN: {"password-hash": hashed(BENS)}}) as stage:
        stage.mta.mhs("user", "add", ANN, "--password-command", "echo first")
        for address in ANN, BEN:
            for _ in range(10):
                equal(bind_error(stage, address=address, secret="guess"), AUTHENTICATION_ERROR)
        equal((bind_error(stage, secret="first"), bind_error(stage, address=BEN, secret=BENS)), (AUTHENTICATION_ERROR,) * 2)    # unread
        stage.mta.mhs("user", "set", ANN, "--password-command", f"echo \"{ANNS}\"")
        bind(stage).release()
        equal(bind_error(stage, secret="first"), AUTHENTICATION_ERROR)
        stage.mta.configure(user={BEN: {"password-hash": hashed("another")}})
        stage.mta.mhs("reload")
        bind(stage, address=BEN, secret="another").release()


@case("a security context is refused after the password was right, and only then")
def _():
    with stage_with_users() as stage:
        label = ber.set_(ber.integer(1))
        argument = p3.bind_argument(ANN, ANNS, context=label)
        equal(refused_with(stage, argument), UNACCEPTABLE_SECURITY_CONTEXT)
        equal(refused_with(stage, p3.bind_argument(ANN, "wrong", context=label)), AUTHENTICATION_ERROR)


def refused_with(stage, argument):
    try:
        p3.bind(stage.users_port, "mts-access-94", ANN, ANNS, argument).close()
    except BindRefused as error:
        return error.reason
    raise AssertionError("the bind was accepted")


@case("a user has so many associations and no more; another one's places are free")
def _():
    with stage_with_users(limits={"associations-per-user": 3}) as stage:
        with contextlib.ExitStack() as stack:
            for _ in range(3):
                stack.enter_context(bind(stage))
            equal(bind_error(stage), BUSY)
            bind(stage, address=BEN, secret=BENS).release()
        tap.wait_until(lambda: binds(stage), what="a place that is free again")


def binds(stage):
    try:
        bind(stage).release()
        return True
    except BindRefused:
        return False


@case("a password given by hand holds at once and over a restart; taken away it ends the associations")
def _():
    with stage_with_users(users={}) as stage:
        stage.mta.mhs("user", "add", ANN)
        equal(bind_error(stage), AUTHENTICATION_ERROR)
        stage.mta.mhs("user", "set", ANN, "--password-command", f"echo \"{ANNS}\"")
        equal(stage.mta.request("user-list")["users"][0]["password"], True)
        bind(stage).release()
        stage.mta.stop()
        stage.mta.start()
        with bind(stage) as user:
            stage.mta.mhs("user", "set", ANN, "--password-command", "none")
            try:
                user.receive()
            except (Aborted, Closed):
                pass
            else:
                raise AssertionError("the association goes on")
        equal(bind_error(stage), AUTHENTICATION_ERROR)
        stage.mta.mhs("user", "remove", ANN)



# --- submission

@case("a message that a user submits is delivered; the result has identifier, time and content identifier; a probe's too")
def _():
    with stage_with_users() as stage:
        for context in ("mts-access-88", "mts-reliable-access-94", "mts-access-94"):
            with bind(stage, context) as user:
                what, _, code, node = submit(user, content_identifier="letter 1", subject=context)
                equal((what, code), ("result", p3.MESSAGE_SUBMISSION))
                identifier, when, content = p3.read_submission_result(node)
                equal(content, "letter 1")
                check(abs(time.time() - time.mktime(time.strptime(when, "%y%m%d%H%M%SZ")) + time.timezone) < 60, when)
                found, = tap.wait_until(lambda: [e for e in entries(stage, BEN) if f";{identifier}]" in e["mts-identifier"]], what="the letter")
                with stage.mta.client() as client:
                    equal(client.content(BEN, found["entry"]), letter(ANN, [BEN], context))
                what, _, code, node = user.probe(local.probe_envelope(ANN, [local.recipient(BEN, local.REPORT)], "probe 1", 100))
                equal((what, code), ("result", p3.PROBE_SUBMISSION))
                equal(p3.read_submission_result(node)[2], "probe 1")
                user.release()


@case("a content of 20 MB goes through, in segments of any kind; its octets are those that came")
def _():
    with stage_with_users() as stage, bind(stage) as user:
        content = bytes(range(256)) * 80_000
        equal(submit(user, content=content)[0], "result")
        envelope = local.submission_envelope(ANN, [BEN])
        pieces = b"".join(ber.octets(content[at:at + 30_000]) for at in range(0, 300_000, 30_000))
        argument = ber.seq(envelope, b"\x24\x80" + pieces + b"\0\0")
        equal(user.call(p3.MESSAGE_SUBMISSION, argument)[0], "result")
        argument = b"\x30\x80" + envelope + ber.octets(b"short") + b"\0\0"
        equal(user.call(p3.MESSAGE_SUBMISSION, argument)[0], "result")
        found = tap.wait_until(lambda: (e := entries(stage, BEN)) and len(e) == 3 and e, what="three letters")
        with stage.mta.client() as client:
            for entry, wanted in zip(found, (content, content[:300_000], b"short")):
                check(client.content(BEN, entry["entry"]) == wanted, "other octets")


@case("each abstract error of a submission, and arguments that are none")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed, bind(stage) as user:
        equal(submit(user, originator=BEN)[::2], ("error", p3.ORIGINATOR_INVALID))
        equal(submit(user, originator=f"{HOME}/S=NOBODY")[::2], ("error", p3.ORIGINATOR_INVALID))
        empty = ber.set_(ber.app(0, ber.seq()), ber.prim(0, ber.bits_octets((), 5)))
        what, _, code, node = submit(user, recipients=[BEN, empty])
        equal((what, code, len(node)), ("error", p3.RECIPIENT_IMPROPER, 1))
        critical = [ber.seq(ber.prim(0, ber.integer_octets(77)), ber.prim(1, ber.bits_octets((0,))), ber.ctx(2, ber.null()))]
        equal(submit(user, extensions=critical)[::2], ("error", p3.UNSUPPORTED_CRITICAL))
        equal(submit(user, extensions=[ber.seq(ber.prim(0, b"\x19"), ber.ctx(2, ber.seq()))])[::2], ("error", p3.INCONSISTENT))
        good = local.submission_envelope(ANN, [BEN])
        for argument in (ber.null(), ber.seq(good), ber.seq(ber.octets(b"x"), good), ber.seq(good, ber.octets(b"x"), ber.null()),
                         ber.seq(ber.set_(), ber.octets(b"x")), ber.seq(b"\x30" + good[1:], ber.octets(b"x")), b""):
            equal(user.call(p3.MESSAGE_SUBMISSION, argument)[2:], (p3.rose.INVOKE, p3.MISTYPED))
            equal(submit(user)[0], "result")
        equal(user.call(p3.PROBE_SUBMISSION, ber.set_())[2:], (p3.rose.INVOKE, p3.MISTYPED))
        equal(user.call(p3.CANCEL, ber.null())[2:], (p3.rose.INVOKE, p3.MISTYPED))
        equal(user.call(99, ber.null())[2:], (p3.rose.INVOKE, p3.UNRECOGNIZED))
        equal(user.call(p3.SUBMISSION_CONTROL, ber.set_())[2:], (p3.rose.INVOKE, p3.UNRECOGNIZED))
        unharmed.served("errors")


@case("a control of deliveries is refused to who has a mailbox, in the operation's own words")
def _():
    with stage_with_users() as stage:
        for context in ("mts-access-88", "mts-access-94"):
            with bind(stage, context) as user:
                what, _, code, node = user.call(p3.DELIVERY_CONTROL, ber.set_(), p3.MDSE)
                equal((what, code, node.get(2).integer()), ("error", p3.REFUSED, 0))


@case("a deferred message is cancelled by its originator, once, and by nobody else")
def _():
    with stage_with_users() as stage, bind(stage) as ann, bind(stage, address=BEN, secret=BENS) as ben:
        later = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + 3600))
        identifier = p3.read_submission_result(submit(ann, recipients=[BEN, FAY], deferred=later)[3])[0]
        equal(ben.cancel(HOME, identifier)[::2], ("error", p3.IDENTIFIER_INVALID))
        equal(ann.cancel(HOME, "NEVER-GIVEN")[::2], ("error", p3.IDENTIFIER_INVALID))
        equal(ann.cancel(HOME, identifier)[0::2], ("result", p3.CANCEL))
        equal(stage.mta.request("queue-list")["entries"], [])
        equal(ann.cancel(HOME, identifier)[::2], ("error", p3.CANCELLATION_REJECTED))
        done = p3.read_submission_result(submit(ann)[3])[0]
        tap.wait_until(lambda: entries(stage, BEN), what="the letter that was not deferred")
        equal(ann.cancel(HOME, done)[::2], ("error", p3.CANCELLATION_REJECTED))
        events = stage.mta.request("track", mts_identifier=f"[/PRMD=ALPHA/ADMD=GOLD/C=GB/;{identifier}]")
        check("cancelled by its originator" in json.dumps(events), events)
        told = json.loads(stage.mta.mhs("--json", "sent", environment={"CHASQUI_USER": ANN}).stdout)["messages"]
        equal([sorted(row["state"] for row in one["recipients"]) for one in told], [["cancelled", "cancelled"], ["delivered"]])


@case("a limit of contents is told by submission-control at once, and who breaks it violates the control")
def _():
    with stage_with_users(limits={"content-octets": 100_000}) as stage, bind(stage) as user:
        equal(submit(user, content=bytes(200_000))[::2], ("error", p3.CONTROL_VIOLATED))
        (what, number, code, _, argument), = user.controls
        equal((what, code, argument.get(2).integer()), ("invoke", p3.SUBMISSION_CONTROL, 100_000))
        user.send(rose.result(number, p3.SUBMISSION_CONTROL, ber.set_()))
        equal(submit(user)[0], "result")


@case("a limit that a reload changes or takes away is told; what no control says is no control violated")
def _():
    with stage_with_users(limits={"content-octets": 1_000_000, "submission-octets": 500_000}) as stage, bind(stage) as user:
        told = lambda: [c[4].get(2).integer() if c[4].get(2) else None for c in user.controls]     # noqa: E731
        equal(submit(user, content=bytes(200_000))[0], "result")
        equal(user.call(p3.MESSAGE_SUBMISSION, ber.seq(local.submission_envelope(ANN, [BEN]), ber.octets(bytes(600_000))))[0::2],
              ("reject", p3.rose.INVOKE))       # over the quota: as much as he may have open at a time
        for limits, most in (({"content-octets": 100_000}, 100_000), ({"content-octets": 400_000}, 400_000), ({}, None)):
            stage.mta.configure(limits=limits)
            stage.mta.mhs("reload")
            content = bytes(150_000 if most == 100_000 else 300_000)
            equal(submit(user, content=content)[0], "error" if most == 100_000 else "result")
            tap.wait_until(lambda: submit(user)[0] == "result" and told()[-1] == most, what=f"a control that says {most}")
            user.send(rose.result(user.controls[-1][1], p3.SUBMISSION_CONTROL, ber.set_()))
        equal(told(), [1_000_000, 100_000, 400_000, None])


def every_operation(user, stage):
    """All that is served and all that is refused, each with its answer."""
    submit(user, content_identifier="judged")
    submit(user, originator=BEN)
    submit(user, recipients=[BEN, ber.set_(ber.app(0, ber.seq()), ber.prim(0, ber.bits_octets((), 5)))])
    later = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + 3600))
    deferred = p3.read_submission_result(submit(user, deferred=later)[3])[0]
    user.cancel(HOME, deferred)
    user.cancel(HOME, deferred)
    user.cancel(HOME, "NONE")
    user.probe(local.probe_envelope(ANN, [local.recipient(BEN, local.REPORT)], "judged", 100))
    user.call(p3.DELIVERY_CONTROL, ber.set_(), p3.MDSE)
    user.call(p3.REGISTER, ber.set_(), p3.MASE)
    for old in ("wrong", ANNS):
        user.call(p3.CHANGE_CREDENTIALS, ber.set_(ber.ctx(0, p3.password(old)), ber.ctx(1, p3.password(ANNS))), p3.MASE)
    submit(user, content=bytes(200_000))
    return deferred


@case("tshark finds nothing malformed in what is said over presentation, and reads the values that were sent")
def _():
    if not tshark_judge.available():
        raise tap.Skip("tshark is not here")
    with stage_with_users(limits={"content-octets": 100_000}) as stage, tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        for context in ("mts-access-88", "mts-access-94"):      # over RTSE it does not read P3
            with bind(stage, context) as user:
                deferred = every_operation(user, stage)
                user.release()
                read = tshark_judge.rewritten(file.name, [for_tshark(user.transport.log)])
                equal([(c.layer, c.message, c.path[-3:]) for c in tshark_judge.found_fault(read)], [], context)
                text = said_by_tshark(file.name)
                for wanted in ("local-identifier: " + deferred, "content-identifier: judged", "mTA: ALPHA-MTA"):
                    check(wanted in text, f"{context}: no line '{wanted}'")


@case("over RTSE too: all operations, and a control that comes while the user has the turn")
def _():
    with stage_with_users(limits={"content-octets": 100_000}) as stage:
        for context in ("mts-reliable-access-88", "mts-reliable-access-94"):
            with bind(stage, context) as user:
                every_operation(user, stage)
                equal([c[2] for c in user.controls], [p3.SUBMISSION_CONTROL])
                user.release()


# --- hostile users

@case("operations before the bind, a thousand at once, and an abort in mid-content harm nobody else")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        with contextlib.closing(rose.Operations(p3.rose.Transport.dial(stage.users_port))) as early:
            early.transport.connect(size_code=11)
            early.contexts = []
            with contextlib.suppress(Closed, OSError, Aborted):
                early.send(early_invoke())
                early.receive()
        unharmed.served("early")
        with bind(stage) as user:
            argument = ber.seq(local.submission_envelope(ANN, [BEN]), ber.octets(b"one of many"))
            answers = []
            for _ in range(1000):
                user.ask(p3.MESSAGE_SUBMISSION, argument)
            while len(answers) < 1000:
                answers.append(user.receive())
            kinds = {kind: sum(a[0] == kind for a in answers) for kind in ("result", "error", "reject")}
            tap.note(f"of a thousand: {kinds}")
            equal(kinds, {"result": 1000, "error": 0, "reject": 0})
        unharmed.served("thousand")
        before = len(entries(stage, BEN))
        for _ in range(5):
            with bind(stage) as user:
                pdu = user.pdu(1, p3.MESSAGE_SUBMISSION, ber.seq(local.submission_envelope(ANN, [BEN]), ber.octets(bytes(1_000_000))))
                user.send_user_data_part(pdu, 600_000)
                user.cut()
        unharmed.served("aborts")
        equal(len(entries(stage, BEN)), before)


def early_invoke():
    return rose.invoke(1, p3.MESSAGE_SUBMISSION, ber.seq())


@case("who sends arguments that are none over and over again is aborted")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed, bind(stage) as user:
        rejected = 0
        try:
            for rejected in range(100):
                equal(user.call(p3.MESSAGE_SUBMISSION, ber.null())[0], "reject")
        except (Aborted, Closed):
            pass
        check(10 < rejected < 40, f"{rejected} rejects")
        unharmed.served("faults")


@case("many submit at a time, some do not read their answers, one binds wrongly all the time: all that was confirmed is there")
def _():
    with stage_with_users(limits={"associations-per-user": 50}) as stage, Unharmed(stage) as unharmed:
        confirmed, lock = [], threading.Lock()

        def work(number):
            with bind(stage) as user:
                for at in range(10):
                    what, _, _, node = submit(user, subject=f"{number}-{at}")
                    equal(what, "result")
                    with lock:
                        confirmed.append(p3.read_submission_result(node)[0])
        silent = bind(stage)
        for _ in range(60):
            silent.ask(p3.MESSAGE_SUBMISSION, ber.seq(local.submission_envelope(ANN, [ANN]), ber.octets(b"unread")))
        threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
        for thread in threads:
            thread.start()
        for _ in range(3):
            equal(bind_error(stage, secret="no"), AUTHENTICATION_ERROR)
        for thread in threads:
            thread.join()
        silent.close()
        equal(len(confirmed), 80)
        there = tap.wait_until(lambda: (e := entries(stage, BEN)) and len(e) >= 80 and e, what="80 letters")
        equal({i for i in confirmed if not any(f";{i}]" in e["mts-identifier"] for e in there)}, set())
        unharmed.served("many")


@case("a stop in the middle ends users' associations, and the next start has all that was confirmed")
def _():
    with stage_with_users() as stage:
        with bind(stage) as user:
            identifier = p3.read_submission_result(submit(user)[3])[0]
            stage.mta.stop()
        stage.mta.start()
        tap.wait_until(lambda: [e for e in entries(stage, BEN) if f";{identifier}]" in e["mts-identifier"]], what="the letter")
        bind(stage).release()


if __name__ == "__main__":
    tap.main()
