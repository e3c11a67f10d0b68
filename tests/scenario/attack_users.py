#!/usr/bin/python3
"""What users and strangers at the users' port do to others: in numbers, at once, and without waiting for the answer."""
import contextlib
import signal
import socket
import time

from players import ANN, BEN, FAY, HOME, Unharmed
from peer import ber, local, p3, tap
from peer.association import AUTHENTICATION_ERROR, Aborted, Association, BindRefused
from peer.transport import Closed, Transport
from mts_cast import ANNS, BENS, bind, entries, hashed, letter, stage_with_users

case, check, equal = tap.case, tap.check, tap.equal


def asks_to_bind(stage, address=ANN, secret=ANNS, source="127.0.0.1"):
    """A bind is sent, and its answer not awaited."""
    sock = socket.create_connection(("127.0.0.1", stage.users_port), tap.PATIENCE, (source, 0))
    return p3.DirectUser.ask_to_bind(Transport(sock), "mts-access-94", p3.bind_argument(address, secret))


def heard(user):
    """The reason of the refusal; None: it is bound."""
    try:
        user.hear_of_bind()
        return None
    except BindRefused as error:
        return error.reason


@case("strangers of one address who bind by any name, and wait or go at once, keep no user from binding")
def _():
    with stage_with_users() as stage, Unharmed(stage) as unharmed:
        for goes in (False, True):
            strangers = []
            for number in range(60):
                stranger = asks_to_bind(stage, f"{HOME}/S=x{number}", "any", "127.0.0.7")
                strangers.append(stranger)
                if goes:
                    stranger.cut()
            bind(stage).release()
            bind(stage, address=BEN, secret=BENS).release()
            for stranger in strangers:
                with contextlib.suppress(OSError):
                    stranger.cut()
            unharmed.served(f"strangers-{goes}")


@case("guesses that are made at once are no more than one by one; users' wrong binds keep out no MTA of the same address")
def _():
    with stage_with_users() as stage:
        guesses = [asks_to_bind(stage, f"{HOME}/S=x{number}", "guess") for number in range(30)]
        right = asks_to_bind(stage)
        equal({heard(guess) for guess in guesses}, {AUTHENTICATION_ERROR})
        equal(heard(right), AUTHENTICATION_ERROR)
        Association.open(stage.mta.port, mta="NEAR", password="near's secret").close()


@case("a password that is changed opens nothing any more, though binds with it wait to be compared, and ends who bound by it")
def _():
    with stage_with_users(users={}, limits={"associations-per-user": 100}) as stage:
        stage.mta.request("user-add", address=ANN, **{"password-hash": hashed(ANNS)})
        bound = bind(stage)
        waiting = [asks_to_bind(stage) for _ in range(30)]      # the last is compared after the change
        stage.mta.request("user-set", address=ANN, **{"password-hash": hashed(BENS)})
        equal([heard(user) for user in waiting][-1], AUTHENTICATION_ERROR)
        try:
            bound.receive()
        except (Aborted, Closed):
            pass
        else:
            raise AssertionError("it is bound yet")
        with asks_to_bind(stage, secret=BENS, source="127.0.0.9") as user:      # from where none was wrong
            user.hear_of_bind()
            equal(user.probe(local.probe_envelope(ANN, [local.recipient(ANN, local.REPORT)], "mine", 100))[0], "result")


def deferred(user, recipients):
    """The local identifier of a message that is due in an hour."""
    later = time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + 3600))
    return p3.read_submission_result(user.submit(local.submission_envelope(ANN, recipients, deferred=later), b"x")[3])[0]


def queued(stage):
    return stage.mta.request("queue-list")["entries"]


@case("a cancel is of all that a message was split into, or of nothing: many mailboxes, a list's members, a peer's part")
def _():
    many = [f"{HOME}/S=u{number}" for number in range(100)]
    users = {ANN: {"password-hash": hashed(ANNS)}, BEN: {"available": True}, **{user: {"available": True} for user in many}}
    with stage_with_users(users=users, list={f"{HOME}/S=team": {"members": [FAY]}}) as stage, bind(stage) as ann:
        for recipients in (many, [f"{HOME}/S=team", BEN]):
            identifier = deferred(ann, recipients)
            copies = queued(stage)
            equal(len(copies), len(recipients))
            stage.mta.request("queue-hold", id=copies[-1]["id"], reason="looked at")
            equal(ann.cancel(HOME, identifier)[::2], ("error", p3.CANCELLATION_REJECTED))
            equal(len(queued(stage)), len(recipients))
            stage.mta.request("queue-release", id=copies[-1]["id"], reason="looked at")
            equal(ann.cancel(HOME, deferred(ann, [BEN]))[::2], ("result", p3.CANCEL))    # another is another
            equal(len(queued(stage)), len(recipients))
            equal(ann.cancel(HOME, identifier)[::2], ("result", p3.CANCEL))
            equal(queued(stage), [])
        events = stage.mta.request("track", mts_identifier=f"[/PRMD=ALPHA/ADMD=GOLD/C=GB/;{identifier}]")["messages"][0]["events"]
        equal({event["peer"] for event in events if event["detail"] == "cancelled by its originator"}, {"FAR", None})


@case("what waits for its turn goes with its association, what was open is given back, and others are served meanwhile")
def _():
    nobody = [local.recipient(f"{HOME}/S=nobody{number}", local.REPORT) for number in range(300)]
    probe = local.probe_envelope(ANN, nobody, "many", 100)
    with stage_with_users(limits={"associations-per-user": 100}) as stage, Unharmed(stage, growth=64 << 20) as unharmed:
        for number in range(3):
            users = [bind(stage) for _ in range(4)]
            for user in users:
                for _ in range(20):
                    user.ask(p3.PROBE_SUBMISSION, probe)
            unharmed.served(f"waiting-{number}")
            for user in users:
                user.cut()
        for _ in range(70):         # more than may be open at a time
            half = Half(stage)
            half.user.cut()
        with bind(stage) as user:
            equal(user.submit(local.submission_envelope(ANN, [BEN]), letter(ANN, [BEN], "after all"))[0], "result")
        unharmed.served("all")


class Half:
    """A submission whose octets come in two parts, the first of which has been sent."""

    def __init__(self, stage, first=30_000):
        self.user = bind(stage)
        argument = ber.seq(local.submission_envelope(ANN, [BEN]), ber.octets(bytes(50_000)))
        pdu = self.user.pdu(1, p3.MESSAGE_SUBMISSION, argument)
        self.user.asked, held, send_raw = 1, [], self.user.transport.send_raw
        self.user.transport.send_raw = held.append
        self.user.send(pdu)
        self.user.transport.send_raw = send_raw
        octets = b"".join(held)
        self.rest = octets[first:]
        send_raw(octets[:first])

    def send_rest(self):
        self.user.transport.send_raw(self.rest)


def logged(stage, words):
    return tap.wait_until(lambda: words in stage.mta.log(), what=f"a line with '{words}'")


@case("a stop waits for a submission that comes in, answers it, and takes no more of others; what was confirmed is there")
def _():
    with stage_with_users() as stage, bind(stage, address=BEN, secret=BENS) as ben:
        half = Half(stage)
        ben.probe(local.probe_envelope(BEN, [local.recipient(ANN, local.REPORT)], "after it", 100))    # it has come that far
        stage.mta.process.send_signal(signal.SIGTERM)
        logged(stage, "stopping: transfers under way end first (in: 1, out: 0)")
        equal(ben.submit(local.submission_envelope(BEN, [ANN]), letter(BEN, [ANN], "too late"))[0], "reject")
        half.send_rest()
        what, _, code, node = half.user.receive()
        equal((what, code), ("result", p3.MESSAGE_SUBMISSION))
        identifier = p3.read_submission_result(node)[0]
        equal(stage.mta.process.wait(60), 0)
        check("the stop cuts" not in stage.mta.log(), "it was cut")
        stage.mta.start()
        tap.wait_until(lambda: any(f";{identifier}]" in entry["mts-identifier"] for entry in entries(stage, BEN)), what="the letter")


@case("a stop that has waited its time cuts a submission, and says so")
def _():
    with stage_with_users(timers={"stop": 1}) as stage:
        half = Half(stage)
        with bind(stage, address=BEN, secret=BENS) as ben:
            ben.probe(local.probe_envelope(BEN, [local.recipient(ANN, local.REPORT)], "after it", 100))
        equal(stage.mta.stop(), 0)
        check("the stop cuts a submission that comes in" in stage.mta.log(), "no line tells of it")
        try:
            half.user.receive()
        except (Aborted, Closed):
            pass
        else:
            raise AssertionError("it was answered")


if __name__ == "__main__":
    tap.main()
