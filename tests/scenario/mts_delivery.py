#!/usr/bin/python3
"""Messages and reports are delivered by P3 to users' own programs: a real daemon, and a user agent in Python that shares no code
with it."""
import contextlib
import json
import time

from players import ANN, BEN, HOME, Unharmed
from peer import ber, ipm, local, p3, rose, tap
from peer.association import Aborted
from peer.transport import Closed
from mts_access import ANNS, BENS, bind, hashed, letter, stage_with_users, submit

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


def entries(stage, address=ANN):
    return stage.mta.request("mailbox-list", mailbox=address)["entries"]


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


if __name__ == "__main__":
    tap.main()
