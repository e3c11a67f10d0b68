#!/usr/bin/python3
"""Messages, probes and reports through one daemon, from neighbour to neighbour and to its own users."""
from players import ANN, FAR, FAY, HOME, JOE, NEAR, Stage, folder, text_message
from peer import association, ber, every, ipm, tap, x411
from peer.association import BindRefused

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
UNKNOWN = f"{HOME}/S=nobody"


def entries(stage, mailbox):
    return stage.mta.request("mailbox-list", mailbox=mailbox)["entries"]


@case("a message is relayed, its trace extended, its content untouched")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("relay-1", [FAY], "x" * 5000)
        sent = x411.Received(apdu)
        stage.hand_over(apdu)
        got = stage.far.next()
        equal(got.identifier, sent.identifier)
        equal(got.content, sent.content)
        equal([element["domain"].rstrip("/") for element in got.trace], [NEAR, HOME])
        equal(got.recipients[0]["name"].rstrip("/"), FAY)
        check(0 in got.recipients[0]["indicators"], "responsibility")


@case("a message is delivered to its mailbox, with its content")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("local-1", [ANN], "for Ann")
        stage.hand_over(apdu)
        found = wait_until(lambda: entries(stage, ANN))
        equal([entry["kind"] for entry in found], ["message"])
        check(";local-1" in found[0]["mts-identifier"], found[0])
        with stage.mta.client() as client:
            equal(client.content(ANN, found[0]["entry"]), x411.Received(apdu).content)


@case("an unknown recipient is reported, the known one delivered")
def _():
    with folder() as path, Stage(path) as stage:
        stage.hand_over(text_message("report-1", [ANN, UNKNOWN]))
        report = stage.near.next()
        equal(report.kind, "report")
        equal(report.subject[1], "report-1")
        equal(report.destination.rstrip("/"), JOE)
        equal([(r["number"], r["reason"], r["diagnostic"]) for r in report.recipients], [(2, 1, 0)])
        wait_until(lambda: entries(stage, ANN))


@case("a delivery report comes back when it was asked for")
def _():
    with folder() as path, Stage(path) as stage:
        stage.hand_over(text_message("report-2", [x411.recipient(ANN, 1, x411.REPORTED)]))
        report = stage.near.next()
        equal([(r["number"], r["delivered"] is not None) for r in report.recipients], [(1, True)])


@case("a probe is answered for users and passed on for others")
def _():
    with folder() as path, Stage(path) as stage:
        stage.hand_over(x411.probe(NEAR, "probe-1", JOE, [ANN, UNKNOWN]))
        results = {}
        while len(results) < 2:
            report = stage.near.next()
            equal(report.subject[1], "probe-1")
            results.update({r["number"]: r["reason"] for r in report.recipients})
        equal(results, {1: None, 2: 1})
        equal(entries(stage, ANN), [])
        stage.hand_over(x411.probe(NEAR, "probe-2", JOE, [FAY]))
        equal(stage.far.next().kind, "probe")


@case("a report passes through, and one for our user is delivered")
def _():
    with folder() as path, Stage(path) as stage:
        far = x411.report(NEAR, "report-3", FAY, (FAR, "theirs"), [x411.reported(JOE, 1, reason=1, diagnostic=0)])
        stage.hand_over(far)
        got = stage.far.next()
        equal((got.kind, got.subject[1]), ("report", "theirs"))
        stage.hand_over(x411.report(NEAR, "report-4", ANN, (HOME, "ours"), [x411.reported(JOE, 1, delivered=x411.now())]))
        equal([entry["kind"] for entry in wait_until(lambda: entries(stage, ANN))], ["report"])
        counters = stage.mta.request("status")["counters"]
        equal((counters["received"], counters["reports"]), (2, 0))      # none of the two was made here
        stage.hand_over(text_message("report-5", [UNKNOWN, x411.recipient(ANN, 2, x411.REPORTED)]))
        wait_until(lambda: stage.mta.request("status")["counters"]["reports"] == 2)


@case("each next hop gets one copy, responsible for its own recipients")
def _():
    with folder() as path, Stage(path) as stage:
        other = f"{FAR}/S=other"
        stage.hand_over(text_message("split-1", [FAY, ANN, other]))
        got = stage.far.next()
        responsible = {r["number"] for r in got.recipients if 0 in r["indicators"]}
        equal(responsible, {1, 3})
        check(stage.far.nothing())
        wait_until(lambda: entries(stage, ANN))


@case("the repeat of a message is confirmed and not worked on again")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("repeat-1", [FAY, ANN])
        for _again in range(3):
            stage.hand_over(apdu)
        stage.far.next()
        check(stage.far.nothing(1.5), "a second copy came")
        equal(len(entries(stage, ANN)), 1)


@case("a message that was here before is a loop, and reported")
def _():
    with folder() as path, Stage(path) as stage:
        trace = x411.trace((HOME, x411.now(-60)), (NEAR, x411.now()))
        stage.hand_over(text_message("loop-1", [FAY], trace=trace))
        report = stage.near.next()
        equal([(r["reason"], r["diagnostic"]) for r in report.recipients], [(1, 3)])
        check(stage.far.nothing(0.5))


@case("every extension, unknown ones too, is passed on as it came")
def _():
    with folder() as path, Stage(path) as stage:
        near = every.HERE
        content = ipm.ipm("every", JOE, [FAY], "every", ipm.text("every"))
        recipients = [x411.recipient(FAY, 1, x411.REPORTED, extensions=every.recipient_extensions(),
                                     extra=every.extension_attributes())]
        apdu = x411.message(NEAR, "every-1", JOE, recipients, content, extensions=every.message_extensions(),
                            content_identifier="every", priority=x411.URGENT,
                            bilateral=[x411.bilateral(near, ber.octets(b"private"))])
        sent = x411.Received(apdu)
        stage.hand_over(apdu)
        got = stage.far.next()
        equal(got.content, sent.content)
        equal(got.priority, x411.URGENT)
        del sent.extensions[38]     # internal trace ends at the domain's border
        for kind, (criticality, value) in sent.extensions.items():
            check(kind in got.extensions, f"extension {kind} is gone")
            equal(got.extensions[kind][0], criticality, f"criticality of {kind}")
            equal(got.extensions[kind][1].raw, value.raw, f"value of {kind}")
        for kind, (_criticality, value) in sent.recipients[0]["extensions"].items():
            equal(got.recipients[0]["extensions"][kind][1].raw, value.raw, f"recipient's extension {kind}")
        equal(got.envelope.get(2)[0].app(0).raw, sent.envelope.get(2)[0].app(0).raw, "recipient-name")


@case("an unknown extension that is critical for transfer is a non-delivery")
def _():
    with folder() as path, Stage(path) as stage:
        extension = x411.extension("1.3.6.1.4.1.32473.9", ber.null(), {x411.FOR_TRANSFER})
        stage.hand_over(text_message("critical-1", [FAY], extensions=[extension]))
        report = stage.near.next()
        equal([(r["reason"], r["diagnostic"]) for r in report.recipients], [(1, 18)])


@case("each mode of association brings a message in")
def _():
    with folder() as path, Stage(path) as stage:
        for mode in ("normal", "x410"):
            stage.hand_over(text_message(f"mode-{mode}", [FAY], "m" * 3000), mode=mode)
            equal(stage.far.next().identifier[1], f"mode-{mode}")


@case("a wrong password, name or dialogue is refused for its own reason")
def _():
    with folder() as path, Stage(path) as stage:
        for options in ({"password": "wrong"}, {"mta": "STRANGER"}, {"authenticated": False}):
            try:
                stage.call(**options).close()
            except BindRefused as refused:
                equal((refused.layer, refused.reason), ("mta-bind", association.AUTHENTICATION_ERROR), options)
            else:
                raise AssertionError(f"accepted with {options}")


@case("names and passwords come in each string type")
def _():
    with folder() as path, Stage(path) as stage:
        secret = "near's secret"
        for password in (secret, secret.encode()):
            stage.call(password=password).release()


@case("messages go both ways over many associations at a time")
def _():
    with folder() as path, Stage(path) as stage:
        peers = [stage.call() for _ in range(20)]
        for i, peer in enumerate(peers):
            peer.transfer(text_message(f"many-{i}", [FAY]))
        got = {stage.far.next().identifier[1] for _ in peers}
        equal(len(got), 20)
        for peer in peers:
            peer.release()


@case("a message of 3 MB arrives whole")
def _():
    with folder() as path, Stage(path) as stage:
        apdu = text_message("large-1", [FAY, ANN], "l" * 3_000_000)
        stage.hand_over(apdu)
        equal(stage.far.next().content, x411.Received(apdu).content)


tap.main()
