#!/usr/bin/python3
"""What becomes of recipients, over the wire: lists, redirections, alternates, and each refusal by its own codes."""
from players import ANN, BEN, FAR, FAY, HOME, JOE, NEAR, Stage, folder, text_message
from peer import ber, names, tap, x411

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
TEAM, INNER, OWNED, OWNER = (f"{HOME}/S={name}" for name in ("team", "inner", "owned", "owner"))
GUS, NOBODY = f"{FAR}/S=gus", f"{HOME}/S=nobody"
REASSIGNMENT_PROHIBITED, ALTERNATE, EXPANSION_PROHIBITED, LOSS_PROHIBITED, LATEST, METHOD = range(1, 7)
PROOF, REDIRECTIONS, EXPANSIONS, ORIGINS, REPORTING_DL, EXEMPTED = 22, 25, 26, 30, 31, 42
UNABLE, CONVERSION, RESTRICTED, SECURITY = 1, 2, 5, 8
ONE = ber.integer(1)
LOCAL = {HOME: {"local": True}, NEAR: {"next-hop": {"NEAR": {"rank": 1}}}, FAR: {"next-hop": {"FAR": {"rank": 1}}}}
AUDITED = (x411.RESPONSIBILITY, x411.MTA_REPORT, x411.MTA_NON_DELIVERY, x411.ORIGINATOR_REPORT)


def name(text):
    """An address as a node that was received reads."""
    return names.read_or_name(ber.read(names.or_name(text)))


def history(value):
    """(name, reason) of redirections, or names of expansions, in order."""
    return [(names.read_or_name(item[0][0]), item[1].integer()) if item[0].number == 16 else names.read_or_name(item[0])
            for item in value]


def redirection(address, reason):
    return ber.seq(ber.seq(names.or_name(address), ber.tlv(ber.UNIVERSAL, 23, False, x411.now().encode())),
                   ber.enumerated(reason))


def mailbox(play, user, count):
    return wait_until(lambda: (lambda e: e if len(e) >= count else None)(
        play.mta.request("mailbox-list", mailbox=user)["entries"]))


def served(copy):
    """The recipient that the copy is responsible for."""
    recipient, = (r for r in copy.recipients if x411.RESPONSIBILITY in r["indicators"])
    return recipient


def codes(report):
    equal(report.kind, "report")
    return [(r["number"], r["reason"], r["diagnostic"]) for r in report.recipients]


@case("lists within lists: histories and trace tell, exempted get nothing, recursion ends, reports climb back")
def _():
    lists = {TEAM: {"members": [ANN, FAY, INNER]}, INNER: {"members": [BEN, GUS, TEAM]}}
    with folder() as path, Stage(path, list=lists) as play:
        exempted = x411.extension(EXEMPTED, ber.set_(names.or_name(BEN)))
        play.hand_over(text_message("list-1", [x411.recipient(TEAM, 7, x411.REPORTED)], extensions=[exempted]))
        copies = {served(copy)["name"]: copy for copy in (play.far.next(), play.far.next())}
        outer, inner = copies[name(FAY)], copies[name(GUS)]
        equal(history(outer.extensions[EXPANSIONS][1]), [name(TEAM)])
        equal(history(inner.extensions[EXPANSIONS][1]), [name(TEAM), name(INNER)])
        for copy in (outer, inner):
            equal(served(copy)["number"], 7)
            equal(copy.trace[-1]["actions"], {1})
            check(0 not in copy.indicators, "the members are disclosed")
        equal(len(mailbox(play, ANN, 1)), 1)
        reported = [x411.reported(GUS, 7, diagnostic=0)]
        origins = ber.seq(*[ber.seq(names.or_name(n), ber.tlv(ber.UNIVERSAL, 23, False, x411.now().encode()))
                            for n in (JOE, TEAM, INNER)])
        with play.call(mta="FAR", password="far's secret") as peer:
            peer.transfer(x411.report(FAR, "r-1", INNER, (NEAR, "list-1"), reported,
                                      envelope_extensions=[x411.extension(ORIGINS, origins)]))
            peer.release()
        for _ in range(2):                        # ann's delivery, and what came from FAR
            report = play.near.next()
            equal(report.destination, name(JOE))
            equal(report.subject[1], "list-1")
            equal(history(report.extensions[ORIGINS][1])[0], name(JOE))
        equal(play.mta.request("mailbox-list", mailbox=BEN)["entries"], [])
        check(play.far.nothing(0.5) and play.near.nothing(0.5))


@case("a message to hundreds of our users is delivered to each, once, also when the daemon stops in between")
def _():
    users = [f"{HOME}/S=user{number}" for number in range(400)]   # each delivery takes some 300 kB of 64 MiB
    with folder() as path, Stage(path, user={name: {"available": True} for name in users}, list={TEAM: {"members": users}}) as play:
        play.hand_over(text_message("by-name", [x411.recipient(user, number + 1) for number, user in enumerate(users)]))
        play.hand_over(text_message("by-list", [x411.recipient(TEAM, 1)]))
        equal(play.mta.stop(), 0)
        play.mta.start()
        wait_until(lambda: play.mta.request("status")["copies"] == 0, 120, "an empty queue")
        equal({m["mailbox"]: m["entries"] for m in play.mta.request("mailboxes")["mailboxes"]}, {user: 2 for user in users})


@case("a list's policy sends reports to its owner, with the list's name; submitters are asked for permission")
def _():
    lists = {OWNED: {"members": [NOBODY], "owner": OWNER, "reports": "owner", "submitters": [NEAR]}}
    users = {ANN: {}, BEN: {}, OWNER: {}}
    with folder() as path, Stage(path, list=lists, user=users) as play:
        play.hand_over(text_message("list-2", [OWNED]))
        number = mailbox(play, OWNER, 1)[0]["entry"]
        read = play.mta.mhs("--json", "read", "--user", OWNER, str(number)).stdout
        check('"reporting-DL-name"' in read and OWNED in read, read)
        check(play.near.nothing(0.5), "the originator got it too")
        play.hand_over(text_message("list-3", [OWNED], originator=GUS))
        equal(codes(play.far.next()), [(1, UNABLE, 29)])
        prohibited = x411.extension(EXPANSION_PROHIBITED, ONE, (x411.FOR_DELIVERY,))
        play.hand_over(text_message("list-4", [OWNED], extensions=[prohibited]))
        equal(codes(play.near.next()), [(1, UNABLE, 28)])


@case("the recipient's redirection, the originator's and the domain's alternate, in this order, with history and trace")
def _():
    users = {ANN: {"redirection": {"alternate": FAY}}, BEN: {"available": False, "domain-alternate": GUS}}
    with folder() as path, Stage(path, user=users, catch_all=GUS, route=LOCAL) as play:
        play.hand_over(text_message("redirect-1", [ANN]))
        got = play.far.next()
        equal(got.recipients[0]["name"], name(FAY))
        equal(history(got.recipients[0]["extensions"][REDIRECTIONS][1]), [(name(ANN), 0)])
        equal(got.trace[-1]["actions"], {0})
        barred = x411.extension(REASSIGNMENT_PROHIBITED, ONE, (x411.FOR_DELIVERY,))
        play.hand_over(text_message("redirect-2", [ANN], extensions=[barred]))
        equal(codes(play.near.next()), [(1, UNABLE, 26)])
        went_round = x411.extension(REDIRECTIONS, ber.seq(redirection(FAY, 0)))
        play.hand_over(text_message("redirect-3", [x411.recipient(ANN, extensions=[went_round])]))
        equal(codes(play.near.next()), [(1, UNABLE, 27)])
        mine = x411.extension(ALTERNATE, names.or_name(FAY))
        play.hand_over(text_message("redirect-4", [x411.recipient(BEN, extensions=[mine])],
                                    indicators=(x411.ALTERNATE_ALLOWED,)))
        got = play.far.next()
        equal(got.recipients[0]["name"], name(FAY))
        equal(history(got.recipients[0]["extensions"][REDIRECTIONS][1]), [(name(BEN), 1)])
        check(ALTERNATE not in got.recipients[0]["extensions"])
        for local, address in (("redirect-5", BEN), ("redirect-6", NOBODY)):
            play.hand_over(text_message(local, [address], indicators=(x411.ALTERNATE_ALLOWED,)))
            got = play.far.next()
            equal(got.recipients[0]["name"], name(GUS))
            equal(history(got.recipients[0]["extensions"][REDIRECTIONS][1]), [(name(address), 2)])
        play.hand_over(text_message("redirect-7", [BEN, NOBODY]))
        equal(codes(play.near.next()), [(1, UNABLE, 4), (2, UNABLE, 0)])


@case("what a user does not take is refused by the codes for it, by message and by probe")
def _():
    fussy, short, shut, cleared = (f"{HOME}/S={n}" for n in ("fussy", "short", "shut", "cleared"))
    users = {ANN: {}, fussy: {"encoded-information-types": ["ia5-text"], "content-types": ["p22", "p2"]},
             short: {"max-length": 10}, shut: {"restriction": {"permitted": False, "source-name": NEAR}},
             cleared: {"security-labels": ["1.2.3/secret"]}}
    g3, voice, telex = (x411.encoded_types(bit) for bit in (3, 7, 1))
    no_loss = x411.extension(LOSS_PROHIBITED, ONE)
    late = x411.extension(LATEST, ber.tlv(ber.UNIVERSAL, 23, False, x411.now(-60).encode()))
    prove = x411.extension(PROOF, ONE, (x411.FOR_DELIVERY,))
    unknown = x411.extension("1.2.3.4", ber.integer(0), (x411.FOR_DELIVERY,))
    table = [
        (fussy, {"eits": g3}, (UNABLE, 6)), (fussy, {"eits": voice}, (UNABLE, 6)),
        (fussy, {"eits": telex}, (CONVERSION, 8)),
        (fussy, {"eits": telex, "indicators": (x411.IMPLICIT_CONVERSION_PROHIBITED,)}, (CONVERSION, 9)),
        (fussy, {"content_type": 35}, (UNABLE, 15)), (short, {}, (UNABLE, 7)), (shut, {}, (RESTRICTED, None)),
        (cleared, {}, (SECURITY, 53)), (ANN, {"extensions": [late]}, (UNABLE, 5)),
        (x411.recipient(ANN, extensions=[prove]), {}, (UNABLE, 18)), (ANN, {"extensions": [unknown]}, (UNABLE, 18)),
        (x411.recipient(ANN, conversion=8), {"eits": x411.encoded_types(2)}, (CONVERSION, 8)),
        (NOBODY, {}, (UNABLE, 0)), (x411.recipient(HOME, extra=[(9, ber.printable("75001"))]), {}, (4, None)),
    ]
    with folder() as path, Stage(path, user=users, route=LOCAL) as play:
        with play.call() as peer:
            for i, (recipient, options, wanted) in enumerate(table):
                peer.transfer(text_message(f"no-{i}", [recipient], **options))
                report = play.near.next()
                equal((report.subject[1], report.recipients[0]["reason"], report.recipients[0]["diagnostic"]),
                      (f"no-{i}", *wanted))
            probe = x411.probe(NEAR, "probe-1", JOE, [fussy, short, shut, ANN], eits=voice, content_length=11)
            peer.transfer(probe)
            equal(codes(play.near.next()), [(1, UNABLE, 6), (2, UNABLE, 7), (3, RESTRICTED, None), (4, None, None)])
            peer.release()


@case("the trace goes with a report that was asked for as audited, and the content only when it was asked for")
def _():
    with folder() as path, Stage(path) as play:
        trace = x411.trace((FAR, x411.now(-60)), (NEAR, x411.now()))
        for local, indicators, audited in (("audit-1", AUDITED, True), ("audit-2", x411.REPORTED, False)):
            play.hand_over(text_message(local, [x411.recipient(ANN, 1, indicators)], trace=trace, domain=FAR))
            report = play.near.next()
            intermediate = report.node[1].app(9)
            equal(bool(intermediate), audited)
            if audited:
                equal([names.read_domain(element[0]) for element in intermediate], [e["domain"] for e in x411.read_trace(ber.read(trace))])
            equal(report.recipients[0]["reason"], None)
        apdu = text_message("return-1", [NOBODY], indicators=(x411.RETURN_CONTENT,))
        play.hand_over(apdu)
        equal(play.near.next().returned, x411.Received(apdu).content)


tap.main()
