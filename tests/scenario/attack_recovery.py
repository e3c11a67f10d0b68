#!/usr/bin/python3
"""Attacks by way of recovery and resume: no stranger, neighbour or local user ends one of the daemon's processes; what was
refused stays refused, an answer is for the activity that it was given for, and nobody comes in without a bind."""
import contextlib
import socket
import struct

from players import ANN, FAY, NEAR, Unharmed, folder, hostile_stage, text_message
from peer import ber, local, session, tap, x228, x411
from peer.association import Aborted, BindRefused, Excepted
from peer.transport import Closed
from scenario.chasqui import peer_section

case, check, equal = tap.case, tap.check, tap.equal
ENDED = (Aborted, BindRefused, Excepted, Closed, OSError)
PERMANENT = b"\6"                   # unrecoverable procedural error (X.225): to be discarded
MODES = ("normal", "x410")


def begin(peer, value, segments):
    """Transfers the first segments, and awaits their acknowledgements."""
    peer.start_activity()
    peer.send_segments(value, stop_after=segments)
    while peer.acknowledged < peer.sent_serial:
        peer.await_acknowledgement()


def broken(stage, label, segments=3, **options):
    """An association that broke in the midst of a message: (the association, the value of the whole transfer)."""
    peer = stage.call(checkpoint=1, **options)
    value = x228.transfer_value(peer.mode, text_message(label, [FAY], "b" * 9000))
    begin(peer, value, segments)
    peer.cut()
    return peer, value


def cannot_recover(stage, identifier, mode="normal"):
    try:
        stage.call(mode=mode, recover=identifier).close()
    except BindRefused as refused:
        check(mode == "normal" or refused.reason == x228.CANNOT_RECOVER, refused)
        return
    raise AssertionError("the recovery was accepted")


def ended_by(play):
    """The exception in which the play ends; None when it comes to its end."""
    try:
        play()
    except ENDED as error:
        return error
    return None


# ---- nobody ends a process

@case("a recovery that names the longest of references is refused, and nobody else is disturbed")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        held = stage.call()
        for length in (63, 65, 127, 600, 5000, 40_000):
            cannot_recover(stage, (ber.octets(b"r" * length), ber.utctime(x411.now())))
            cannot_recover(stage, (ber.teletex("t" * length), ber.utctime(x411.now())), "x410")
        unharmed.served("reference")
        held.transfer(text_message("held", [FAY]))
        equal(stage.far.next().identifier[1], "held")
        held.release()


@case("a resume that names the longest of references is unknown, and nobody else is disturbed")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for length in (62, 126, 250):
            with stage.call(checkpoint=1) as peer:
                peer.resume_activity(ber.integer(1), 2, ber.octets(b"r" * length), ber.utctime(x411.now()))
                error = ended_by(lambda peer=peer: peer.expect(session.MIA))
                check(isinstance(error, (Aborted, Closed)), repr(error))
        unharmed.served("resume")


@case("what is resumed on one association while it streams on another goes on there, and the late octets are passed over")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for turn in range(3):
            value = x228.transfer_value("normal", text_message(f"twice-{turn}", [FAY], "s" * 400_000))
            first = stage.call(checkpoint=16)
            begin(first, value, 3)
            second = stage.call(checkpoint=16)
            second.resume_activity(first.activity_identifier, 3, *first.identifier)
            with contextlib.suppress(*ENDED):
                for at in range(3 * 16384, len(value), 16384):      # without a look at what comes back
                    first.send_data(value[at:at + 16384])
            second.send_segments(value[3 * 16384:])
            second.end_activity()
            second.release()
            first.close()
            equal(stage.far.next(60).identifier[1], f"twice-{turn}")
        unharmed.served("twice")


@case("a resume that is given up before it is answered leaves room for the next activity")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for turn in range(20):
            peer, value = broken(stage, f"given-up-{turn}")
            with stage.call(checkpoint=1) as again:
                again.resume_activity(peer.activity_identifier, 3, *peer.identifier)
                again.interrupt()
                again.resume_activity(peer.activity_identifier, 3, *peer.identifier)
                again.discard()
                again.transfer(text_message(f"instead-{turn}", [FAY]))
                again.release()
            equal(stage.far.next().identifier[1], f"instead-{turn}")
        unharmed.served("given-up")


def answers(client, ref):
    """What is answered to that ref: (type, JSON or None)."""
    while True:
        kind, answered, payload = client.receive()
        if answered == ref:
            return kind, payload


def submission():
    return local.submission_envelope(ANN, [FAY])


@case("malformed, empty and repeated frames of a submission are answered with an error")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        good = b"\1" + submission()
        hostile = [[(local.SUBMIT_BEGIN, b"")], [(local.SUBMIT_BEGIN, b"\0" + good)], [(local.SUBMIT_BEGIN, b"\3")],
                   [(local.SUBMIT_BEGIN, good), (local.SUBMIT_BEGIN, good)],
                   [(local.SUBMIT_BEGIN, good), (local.SUBMIT_END, b"\0")],
                   [(local.SUBMIT_BEGIN, good), (local.SUBMIT_END, struct.pack(">I", 900) + b"short")],
                   [(local.SUBMIT_BEGIN, good), (local.SUBMIT_END, struct.pack(">I", 0xFFFFFFFF))]]
        for frames in hostile:
            with stage.mta.client() as client:
                for kind, payload in frames:
                    client.send(kind, payload, ref=7)
                kind, payload = answers(client, 7)
                equal(kind, local.SUBMIT_RESULT)
                equal(payload[0], 0)
                check(b"inconsistent-request" in payload, payload)
        for kind in (local.SUBMIT_CONTENT, local.SUBMIT_END):       # nothing was begun: passed over
            with stage.mta.client() as client:
                client.send(kind, b"", ref=9)
                client.send(kind, b"\xff" * 30, ref=9)
                check(client.request("status"), "no answer after it")
        with stage.mta.client() as client:
            for ref, payload in ((9, b""), (10, b"\xff" * 30)):
                client.send(local.FETCH, payload, ref=ref)
                check(b"error" in answers(client, ref)[1], "no error for it")
        unharmed.served("frames")


@case("more submissions than one client may have open are refused one by one")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        with stage.mta.client() as client:
            for ref in range(1, 101):
                client.send(local.SUBMIT_BEGIN, b"\1" + submission(), ref=ref)
            refused = [client.receive() for _ in range(36)]
            equal(sorted(ref for _, ref, _ in refused), list(range(65, 101)))
            check(all(kind == local.SUBMIT_RESULT and not payload[0] for kind, _, payload in refused))
            for ref in range(1, 65):
                client.send(local.SUBMIT_END, b"", ref=ref)
            equal(len({client.receive()[1] for _ in range(64)}), 64)
        for _ in range(64):
            stage.far.next()
        unharmed.served("open")


@case("a neighbour that a reload takes away while it is called disturbs nobody")
def _():
    with folder() as path, hostile_stage(path) as stage, socket.create_server(("127.0.0.1", 0)) as deaf:
        settings = stage.mta.settings
        away = {"peer": settings["peer"], "route": settings["route"]}
        gone = "/C=US/A=GONE"
        there = {"peer": {**away["peer"], "GONE": peer_section(deaf.getsockname()[1], "GONE", "gone's secret", domain=gone)},
                 "route": {**away["route"], gone: {"next-hop": {"GONE": {"rank": 1}}}}}

        def reload(values):
            stage.mta.configure(**values)
            before = stage.mta.log().count("configuration reloaded")
            stage.mta.reload()
            tap.wait_until(lambda: stage.mta.log().count("configuration reloaded") >= before + 2)
        reload(there)
        with Unharmed(stage) as unharmed:
            for turn in range(3):
                stage.hand_over(text_message(f"gone-{turn}", [f"{gone}/S=guy"]))
                deaf.settimeout(30)
                call, _ = deaf.accept()             # it gets no answer
                call.recv(100)
                reload(away)
                call.close()
                unharmed.served(f"away-{turn}")
                reload(there)
            unharmed.served("there")


# ---- an answer is for one activity

def unreadable(label):
    """A transfer value whose envelope no MTA can take, with a content long enough for some checkpoints."""
    node = ber.read(text_message(label, [FAY], "x" * 9000))
    fields = b"".join(child.raw for child in node[0].children[:-1])
    return x228.transfer_value("normal", ber.ctx(0, ber.set_(fields), node[1].raw))


@case("a refused message stays refused when the wire breaks before its sender learns of it")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        value = unreadable("refused")
        peer = stage.call(checkpoint=1)
        begin(peer, value, 3)
        peer.send_segments(value[3 * 1024:])
        peer.send_end()
        unharmed.logged("peer=NEAR", "transfer refused for good")
        serial = peer.acknowledged
        peer.cut()
        for _ in range(2):                  # as often as it asks
            with stage.call(checkpoint=1) as again:
                again.resume_activity(peer.activity_identifier, serial, *peer.identifier)
                try:
                    again.send_segments(value[serial * 1024:])
                    again.end_activity()
                except Excepted as refusal:
                    equal(refusal.reason, PERMANENT)
                else:
                    raise AssertionError("the refused message was confirmed")
        unharmed.served("refused")


@case("the answer to an activity that its sender discarded is not given to the next one")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        confirmed = taken = 0
        for turn in range(40):
            good = x228.transfer_value("normal", text_message(f"stale-{turn}", [FAY]))
            with stage.call(checkpoint=1) as peer:
                peer.start_activity()
                peer.send_segments(good)
                peer.send_end()
                peer.give(session.spdu(session.AD))
                try:
                    spdu = peer.receive_spdu()
                    taken += spdu.si == session.AEA
                    if spdu.si == session.AEA:      # the answer was quicker
                        continue
                    equal(spdu.si, session.ADA, repr(spdu))
                    peer.start_activity()
                    peer.send_segments(unreadable(f"bad-{turn}"), segment=20_000)
                    peer.end_activity()
                    confirmed += 1
                except ENDED:
                    continue
        equal(confirmed, 0, "refused messages were confirmed")
        check(taken < 40, "each answer was quicker than the discard")
        unharmed.served("stale", among=40)


@case("an activity identifier that is used again is no completed activity")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        first = x228.transfer_value("normal", text_message("again-1", [FAY], "1" * 9000))
        apdu = text_message("again-2", [FAY], "2" * 9000)
        second = x228.transfer_value("normal", apdu)
        peer = stage.call(checkpoint=1)
        begin(peer, first, 3)
        peer.send_segments(first[3 * 1024:])
        peer.end_activity()
        equal(stage.far.next().identifier[1], "again-1")
        identifier = peer.activity_identifier
        peer.start_activity(identifier)
        peer.send_segments(second, stop_after=3)
        while peer.acknowledged < peer.sent_serial:
            peer.await_acknowledgement()
        peer.cut()
        with stage.call(checkpoint=1) as again:         # a serial number that was never confirmed
            again.resume_activity(identifier, 7, *peer.identifier)

            def swallowed():
                again.send_segments(second[7 * 1024:])
                again.end_activity()
            check(ended_by(swallowed), "a message that never came was confirmed")
        with stage.call(checkpoint=1) as again:         # the activity is forgotten: the message comes anew
            again.transfer(apdu)
            again.release()
        equal(stage.far.next().identifier[1], "again-2")
        unharmed.served("again")


# ---- recovery is no way round the bind

@case("who recovers an association without a bind may end what it began, and nothing else")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for mode in MODES:
            peer, value = broken(stage, f"begun-{mode}", mode=mode)
            with stage.call(mode=mode, checkpoint=1, recover=peer.identifier) as again:
                check(ended_by(lambda again=again: again.transfer(text_message("smuggled", [FAY]))), "new mail was taken")
            with stage.call(mode=mode, checkpoint=1, recover=peer.identifier) as again:
                big = text_message("smuggled", [FAY], "s" * 400_000)
                check(ended_by(lambda again=again: again.transfer(big)), "new mail in pieces was taken")
            with stage.call(mode=mode, checkpoint=1, recover=peer.identifier) as again:
                again.resume_activity(peer.activity_identifier, 3, *peer.identifier)
                again.send_segments(value[3 * 1024:])
                again.end_activity()
                equal(stage.far.next().identifier[1], f"begun-{mode}")
                check(ended_by(lambda again=again: again.transfer(text_message("smuggled", [FAY]))), "new mail was taken")
        unharmed.served("smuggled")
        unharmed.logged("peer=NEAR", "recovery", "new")


@case("another association's activity is not resumed by way of a recovery")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        one, _ = broken(stage, "one")
        other, value = broken(stage, "other")
        with stage.call(checkpoint=1, recover=one.identifier) as again:
            again.resume_activity(other.activity_identifier, 3, *other.identifier)

            def resumed():
                again.send_segments(value[3 * 1024:])
                again.end_activity()
            check(ended_by(resumed), "it was resumed")
        unharmed.served("other")


@case("an association without an unfinished activity can't be recovered")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        with stage.call(checkpoint=1) as peer:              # completed, then closed
            peer.transfer(text_message("closed", [FAY], "c" * 9000))
            peer.release()
        equal(stage.far.next().identifier[1], "closed")
        cannot_recover(stage, peer.identifier)
        peer = stage.call(checkpoint=1)                     # completed, then broken
        peer.transfer(text_message("completed", [FAY], "c" * 9000))
        equal(stage.far.next().identifier[1], "completed")
        cannot_recover(stage, peer.identifier)              # nor while it is up; and it stays up
        peer.transfer(text_message("still-up", [FAY]))
        equal(stage.far.next().identifier[1], "still-up")
        peer.cut()
        cannot_recover(stage, peer.identifier)
        with stage.call(checkpoint=1) as peer:              # begun, then closed in good order
            value = x228.transfer_value("normal", text_message("interrupted", [FAY], "i" * 9000))
            begin(peer, value, 3)
            peer.interrupt()
            peer.release()
        cannot_recover(stage, peer.identifier)
        unharmed.served("completed")


@case("the peer option 'recovery' says what a recovery lets in")
def _():
    for value in ("full", "off"):
        options = {"NEAR": {"recovery": value}}
        with folder() as path, hostile_stage(path, peer_options=options) as stage, Unharmed(stage) as unharmed:
            peer, octets = broken(stage, f"begun-{value}")
            if value == "off":
                cannot_recover(stage, peer.identifier)
                with stage.call(checkpoint=1) as again:         # after a bind it goes on
                    again.resume_activity(peer.activity_identifier, 3, *peer.identifier)
                    again.send_segments(octets[3 * 1024:])
                    again.end_activity()
                    again.release()
                equal(stage.far.next().identifier[1], f"begun-{value}")
            else:
                with stage.call(checkpoint=1, recover=peer.identifier) as again:
                    again.transfer(text_message("new", [FAY]))
                    again.resume_activity(peer.activity_identifier, 3, *peer.identifier)
                    again.send_segments(octets[3 * 1024:])
                    again.end_activity()
                    again.release()
                equal({stage.far.next().identifier[1] for _ in range(2)}, {"new", f"begun-{value}"})
                with stage.call(checkpoint=1, recover=peer.identifier) as again:    # completed
                    again.transfer(text_message("newer", [FAY]))
                    again.release()
                equal(stage.far.next().identifier[1], "newer")
            unharmed.served(value)


@case("who asks for recovery again and again is turned away for a while, and a bind from there still comes in")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for i in range(100):
            cannot_recover(stage, (ber.octets(b"guess%d" % i), ber.utctime(x411.now())))
        unharmed.logged("network=127.0.0.1", "recover", "too many")
        log = stage.mta.log()
        check(sum("recovery refused" in line for line in log.splitlines()) < 40, "a log line for each try")
        unharmed.served("guesses")


@case("a peer that breaks off one transfer after the other keeps the last of them, and nobody else loses one")
def _():
    with folder() as path, hostile_stage(path, limits={"resumable": 8}) as stage, Unharmed(stage) as unharmed:
        left = [broken(stage, f"left{i}") for i in range(20)]
        unharmed.logged("peer=NEAR", "resumable", "begin anew")
        cannot_recover(stage, left[0][0].identifier)
        for peer, octets in left[-5:]:
            with stage.call(checkpoint=1, recover=peer.identifier) as again:
                again.resume_activity(peer.activity_identifier, 3, *peer.identifier)
                again.send_segments(octets[3 * 1024:])
                again.end_activity()
                again.release()
        equal({stage.far.next().identifier[1] for _ in range(5)}, {f"left{i}" for i in range(15, 20)})
        unharmed.served("left")


@case("a peer that resumes what is not there, again and again, is remembered in bounds, and others go on")
def _():
    limits = {"resumable-names": 20}
    with folder() as path, hostile_stage(path, limits=limits) as stage, Unharmed(stage) as unharmed:
        peer, _ = broken(stage, "before")
        for i in range(40):
            with stage.call(checkpoint=1) as again:

                def resumed(again=again, i=i):
                    again.resume_activity(ber.integer(7), 1, ber.octets(b"nothing%d" % i), ber.utctime(x411.now()))
                    again.send_segments(b"x" * 2048)
                    again.end_activity()
                check(ended_by(resumed), "what is not there was resumed")
        unharmed.logged("peer=NEAR", "resumable-names", "begins anew")
        lines = [line for line in stage.mta.log().splitlines() if "resumable-names" in line]
        check(len(lines) <= 2, f"a line for each: {len(lines)}")
        cannot_recover(stage, peer.identifier)      # as nothing of the peer is told from what was not written
        unharmed.served("named")


tap.main()
