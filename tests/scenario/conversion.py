#!/usr/bin/python3
"""A 1984 peer behind which P22 is not understood: contents are converted to P2 (RFC 1328), and judged by it."""
import contextlib
import os
import signal

from players import ANN, FAY, HOME, JOE, NEAR, Stage, folder, processes
from peer import ber, ipm, names, tap, x411

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
PEER_1984 = {"edition": "1984", "content-1984-only": True, "rfc1328": True}
FILE = bytes(range(256)) * 100
# X.420 (1984): the body parts that a UA of 1984 knows, and bilaterally-defined, on which its implementors agreed.
PARTS_1984 = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 14}
IA5, UNKNOWN, TELETEX = 2, 0, 5


def stage(path, **options):
    return Stage(path, peer_options={"FAR": {**PEER_1984, **options}}, rfc1328_address=f"{HOME}/O=gate")


def external(kind, oid, value):
    octets = ber.oid(oid) + ber.ctx(0, value)
    return ber.tlv(ber.CONTEXT, 0, True, octets) if kind == "parameters" else ber.tlv(ber.UNIVERSAL, 8, True, octets)


def general_text(text, *registrations):
    return ber.ctx(15, external("parameters", "2.6.1.11.11", ber.set_(*map(ber.integer, registrations))),
                   external("data", "2.6.1.4.11", ber.tlv(ber.UNIVERSAL, 27, False, text)))


def file_part(octets):
    data = ber.seq(ber.tlv(ber.UNIVERSAL, 8, True, ber.oid("1.0.8571.2.4") + ber.ctx(0, ber.octets(octets))))
    return ber.ctx(15, external("parameters", "2.6.1.11.12", ber.seq()), external("data", "2.6.1.4.12", data))


def voice():
    return ber.ctx(15, external("data", "2.6.1.4.16", ber.octets(b"hum")))


def message_1988(local, recipients, *parts, **options):
    """An IPM with extensions in its heading and an originator with a common name."""
    extensions = ber.ctx(15, ber.seq(ber.oid("2.6.1.5.1"), ber.set_(ber.printable("en"))),
                         ber.seq(ber.oid("2.6.1.5.2"), ber.enumerated(1)))
    common = names.or_name(JOE, [(1, ber.printable("Postmaster"))])
    heading = ber.set_(ber.app(11, ber.printable(local)), ber.ctx(0, common),
                       ber.ctx(2, *map(ipm.recipient, recipients)), ber.ctx(8, ber.teletex("Of 1988")), extensions)
    return x411.message(NEAR, local, JOE, recipients, ber.ctx(0, heading, ber.seq(*parts)), **options)


def judge_1984(content):
    """Heading and body of an IPM, when a UA of 1984 can read it."""
    node = ber.read(content)
    equal((node.cls, node.number), (ber.CONTEXT, 0))
    heading, body = node[0], node[1]
    check(heading.get(15) is None, "extensions in the heading")
    check({part.number for part in body} <= PARTS_1984, [part.number for part in body])
    return heading, body


def work_process(mta):
    """The pid of the work process, when it is there."""
    for pid in processes(mta.process.pid):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/comm") as file:
            if file.read().startswith("work"):
                return pid
    return None


def serving(mta):
    """The pid of the work process once the store process may give it jobs: stopped earlier, it would never get one."""
    return mta.request("status")["work-processes"] and work_process(mta)


def signal_work(mta, number):
    pid = wait_until(lambda: serving(mta))
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass
    return pid


def events(mta, local):
    """What the tracking history says of the message, in order."""
    found = mta.request("track", recent=100)["messages"]
    return [event["event"] for message in found if f";{local}]" in message["mts-identifier"]
            for event in message["events"]]


@case("a message with text, a file and extensions crosses as P2")
def _():
    with folder() as path, stage(path) as play:
        parts = [general_text("Grüße\n".encode("latin-1"), 1, 6, 100), file_part(FILE), ipm.text("plain")]
        play.hand_over(message_1988("p22-1", [FAY], *parts))
        got = play.far.next()
        equal(got.content_type, x411.P2)
        heading, body = judge_1984(got.content)
        equal([part.number for part in body], [5, 14, 0])
        equal(body[0][1][0].octets(), b"Gr\xc8u\xfbe\n")
        equal(body[1].octets(), FILE)
        equal(body[2][1].text(), "plain")
        dda = heading.get(0).app(0)[1][0]
        equal([dda[0].text(), dda[1].text()], ["Common", "Postmaster"])
        converted = got.envelope.app(9)[-1][1].app(5)
        equal(converted.get(0).bits(), {TELETEX, UNKNOWN, IA5})
        wait_until(lambda: not play.mta.request("queue-list")["entries"])
        history = events(play.mta, "p22-1")
        for event in ("to-conversion", "converted", "routed", "transferred"):
            check(event in history, history)
        check("P22 to P2: 1 file lost its name and attributes" in play.mta.mhs("--wide", "track", "--recent", "9").stdout, "nobody is told")


@case("a message of 30 MB is converted")
def _():
    with folder() as path, stage(path) as play:
        octets = os.urandom(1 << 20) * 30
        play.hand_over(message_1988("p22-2", [FAY], file_part(octets)))
        _heading, body = judge_1984(play.far.next(60).content)
        check(body[0].octets() == octets, "the file is another")


@case("what P2 lacks comes back as unable-to-downgrade, with the content as it was")
def _():
    with folder() as path, stage(path) as play:
        apdu = message_1988("p22-3", [FAY], ipm.text("listen"), voice(), indicators=(x411.RETURN_CONTENT,))
        play.hand_over(apdu)
        report = play.near.next()
        equal([(r["reason"], r["diagnostic"]) for r in report.recipients], [(1, 47)])
        equal(report.returned, x411.Received(apdu).content)
        check(play.far.nothing(0.5))
        check("not-converted" in events(play.mta, "p22-3"), events(play.mta, "p22-3"))


@case("by option, what P2 lacks is replaced by a text")
def _():
    with folder() as path, stage(path, **{"rfc1328-replace": True}) as play:
        play.hand_over(message_1988("p22-4", [FAY], voice()))
        _heading, body = judge_1984(play.far.next().content)
        equal(body[0].number, 0)
        check("voice" in body[0][1].text(), body[0][1].text())
        lost = "1 body part is a note that it was left out"
        wait_until(lambda: not play.mta.request("queue-list")["entries"])
        check(f"P22 to P2: {lost}" in " ".join(play.mta.mhs("--wide", "track", "--recent", "9").stdout.split()), "nobody is told")
        equal(play.mta.log().count(lost), 1)


@case("by option, what P2 lacks goes whole within a nationally-defined part, and names below the agreed address")
def _():
    with folder() as path, stage(path, **{"rfc1328-encapsulate": True}) as play:
        sender = names.or_name(JOE, [(9, ber.printable("75001"))])
        heading = ber.set_(ber.app(11, ber.printable("n")), ber.ctx(0, sender), ber.ctx(2, ipm.recipient(FAY)))
        play.hand_over(x411.message(NEAR, "p22-10", JOE, [FAY], ber.ctx(0, heading, ber.seq(voice()))))
        heading, body = judge_1984(play.far.next().content)
        equal((body[0].number, body[0][0].raw), (7, voice()))
        attribute = heading.get(0).app(0)[1][0]
        equal(attribute[0].text(), "X400-88")
        check("75001" in attribute[1].text(), attribute[1].text())


@case("conversion prohibited: a text that must change its type is refused so")
def _():
    with folder() as path, stage(path) as play:
        apdu = message_1988("p22-5", [FAY], general_text(b"plain", 1, 6),
                            indicators=(x411.IMPLICIT_CONVERSION_PROHIBITED,))
        play.hand_over(apdu)
        report = play.near.next()
        equal([(r["reason"], r["diagnostic"]) for r in report.recipients], [(2, 9)])


@case("a content that is none is refused, and the next one converted")
def _():
    with folder() as path, stage(path) as play:
        play.hand_over(x411.message(NEAR, "p22-6", JOE, [FAY], b"\xa0\x80" * 5000))
        report = play.near.next()
        equal(report.recipients[0]["reason"], 1)
        play.hand_over(message_1988("p22-7", [FAY], ipm.text("after it")))
        judge_1984(play.far.next().content)


@case("without the option P22 is unable-to-downgrade, and P2 passes as it came")
def _():
    with folder() as path, stage(path, rfc1328=False) as play:
        play.hand_over(message_1988("p22-8", [FAY], ipm.text("no")))
        equal([(r["reason"], r["diagnostic"]) for r in play.near.next().recipients], [(1, 47)])
        apdu = x411.message(NEAR, "p2-1", JOE, [FAY], ipm.ipm("1", JOE, [FAY], "P2", ipm.text("yes")),
                            content_type=x411.P2)
        play.hand_over(apdu)
        equal(play.far.next().content, x411.Received(apdu).content)


@case("our own users get P22, the 1984 peer P2, of one message")
def _():
    with folder() as path, stage(path) as play:
        apdu = message_1988("p22-9", [FAY, ANN], general_text(b"both", 1, 6))
        play.hand_over(apdu)
        got = play.far.next()
        judge_1984(got.content)
        equal({r["number"] for r in got.recipients if 0 in r["indicators"]}, {1})
        entry = wait_until(lambda: play.mta.request("mailbox-list", mailbox=ANN)["entries"])[0]
        with play.mta.client() as client:
            equal(client.content(ANN, entry["entry"]), x411.Received(apdu).content)


def states(mta):
    return [unit["state"] for unit in mta.request("queue-list")["entries"]]


@case("the work process is killed in the middle: the copy is converted once, by its successor")
def _():
    with folder() as path, stage(path) as play:
        signal_work(play.mta, signal.SIGSTOP)
        play.hand_over(message_1988("kill-1", [FAY], file_part(FILE)))
        wait_until(lambda: states(play.mta) == ["sending"], what="the work process has it")
        signal_work(play.mta, signal.SIGKILL)
        got = play.far.next()
        equal(judge_1984(got.content)[1][0].octets(), FILE)
        check(play.far.nothing(1), "a second copy came")
        history = events(play.mta, "kill-1")
        equal(history.count("conversion-broken"), 1, str(history))
        equal(history.count("converted"), 1, str(history))


@case("a content that kills each work process is non-delivered, others pass")
def _():
    with folder() as path, stage(path) as play:
        apdu = message_1988("kill-2", [FAY], file_part(FILE))
        signal_work(play.mta, signal.SIGSTOP)
        play.hand_over(apdu)

        def reported():
            """Kills the work process that has the content, stops the one that will get it."""
            if "sending" in states(play.mta):
                signal_work(play.mta, signal.SIGKILL)
            elif pid := serving(play.mta):
                os.kill(pid, signal.SIGSTOP)
            return not play.near.arrived.empty()
        wait_until(reported, what="a report")
        report = play.near.next()
        equal([(r["reason"], r["diagnostic"]) for r in report.recipients], [(2, 8)])
        signal_work(play.mta, signal.SIGKILL)
        play.hand_over(message_1988("kill-3", [FAY], ipm.text("the next")))
        equal(judge_1984(play.far.next().content)[1][0][1].text(), "the next")


@case("the daemon is killed during the conversion: the message arrives once")
def _():
    with folder() as path, stage(path) as play:
        signal_work(play.mta, signal.SIGSTOP)
        play.hand_over(message_1988("kill-4", [FAY], file_part(FILE)))
        play.mta.kill()
        play.mta.start()
        equal(judge_1984(play.far.next().content)[1][0].octets(), FILE)
        check(play.far.nothing(1), "a second copy came")
        wait_until(lambda: not play.mta.request("queue-list")["entries"])


@case("the EXTERNAL of a 1984 peer becomes the content type that stands in it, and goes as EXTERNAL to another")
def _():
    with folder() as path, Stage(path, peer_options={"NEAR": {"edition": "1984"}, "FAR": {"edition": "1988"}}) as play:
        for number, inner in enumerate((b"short", os.urandom(3000) * 1000)):
            octets = ber.tlv(ber.UNIVERSAL, 8, True, ber.oid("1.2.3.4") + ber.prim(1, inner))
            apdu = x411.message(NEAR, f"external-{number}", JOE, [FAY, ANN], octets, content_type=1)
            play.hand_over(apdu)
            got = play.far.next(60)
            equal(got.content_type, "1.2.3.4")
            check(got.content == inner, "another content")
            play.hand_over(apdu)            # a repeat is known by what came, not by what was kept
            entries = wait_until(lambda: (lambda e: e if len(e) > number else None)(
                play.mta.request("mailbox-list", mailbox=ANN)["entries"]))
            equal(len(entries), number + 1)
            with play.mta.client() as client:
                check(client.content(ANN, entries[number]["entry"]) == inner, "another content in the mailbox")
        octets = ber.tlv(ber.UNIVERSAL, 8, True, b"none")
        play.hand_over(x411.message(NEAR, "external-9", JOE, [FAY], octets, content_type=1))
        got = play.far.next()
        equal((got.content_type, got.content), (1, octets))
        check(play.far.nothing(0.5))
    with folder() as path, Stage(path, peer_options={name: {"edition": "1984"} for name in ("NEAR", "FAR")}) as play:
        octets = ber.tlv(ber.UNIVERSAL, 8, True, ber.oid("1.2.3.4") + ber.prim(1, b"through"))
        play.hand_over(x411.message(NEAR, "external-10", JOE, [FAY], octets, content_type=1))
        got = play.far.next()
        equal((got.content_type, got.content), (1, octets))


@case("route and status tell of the conversion")
def _():
    with folder() as path, stage(path) as play:
        steps = play.mta.mhs("route", FAY).stdout
        check("P22 is converted" in steps, steps)
        status = play.mta.request("status")
        equal(wait_until(lambda: play.mta.request("status")["work-processes"]), 1, status)


tap.main()
