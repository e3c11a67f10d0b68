#!/usr/bin/python3
"""Nothing is non-delivered and nothing ends here without a line in the log and in the track that says why; one
recipient's fault is not another's; and what only asks is not refused."""
import json
import os

from players import BEN, FAR, FAY, JOE, NEAR, Neighbour, Stage, Unharmed, folder, text_message
from peer import ber, tap, x411
from scenario.chasqui import peer_section

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
OLD = "/C=IT/A=OLD"
OTTO = f"{OLD}/S=otto"


class Play:
    """The usual stage with OLD, a neighbour of 1984, and what log and track say of a message."""

    def __init__(self, path, **settings):
        self.old = Neighbour("OLD", "old's secret")
        old = peer_section(self.old.port, "OLD", "old's secret", domain=OLD, edition=1984)
        old["application-contexts"] = ["mts-transfer-protocol-1984"]
        self.stage = Stage(path, more_peers={"OLD": old},
                           more_routes={OLD: {"next-hop": {"OLD": {"rank": 1}}}}, **settings)
        self.mta = self.stage.mta

    def __enter__(self):
        self.stage.__enter__()
        return self

    def __exit__(self, *what):
        try:
            self.stage.__exit__(*what)
        finally:
            self.old.close()

    def told(self, local, event, *words):
        """Log and track have the event of the message, each with all the words."""
        spelled = f"{local}]"
        found = wait_until(lambda: [d for e, _, d in self.track(spelled) if e == event])
        check(any(all(word in (detail or "") for word in words) for detail in found), f"{words} in {found}")
        check(any(spelled in line and all(word in line for word in words) for line in self.mta.log().splitlines()),
              f"no line with {words}:\n" + self.mta.log_tail(8))

    def track(self, ending):
        answer = json.loads(self.mta.mhs("--json", "track", "--recent", "50").stdout)
        return [(e["event"], e["peer"], e["detail"]) for m in answer["messages"]
                if m["mts-identifier"].endswith(ending) for e in m["events"]]

    def entries(self, user=BEN):
        return json.loads(self.mta.mhs("--json", "list", "--user", user).stdout)["entries"]


def message(local, *recipients, originator=JOE, **options):
    return text_message(local, list(recipients), originator=originator, **options)


@case("values out of bounds: the report, the log and the track say which")
def _():
    with folder() as path, Play(path) as play, Unharmed(play.stage) as attack:
        faults = {
            "country": (message("country", FAY, originator="/C=F/A=NEAR/S=joe"), "country-name"),
            "prmd": (message("prmd", FAY, trace=x411.trace((NEAR + "/P=", x411.now()))), "private-domain"),
            "cid": (message("cid", FAY, content_identifier=""), "content-identifier")}
        for local, (apdu, word) in faults.items():
            play.stage.hand_over(apdu)
            play.told(local, "non-delivered", "size-constraint-violation", word)
        for local in ("prmd", "cid"):
            report = play.stage.near.next()
            equal((report.kind, report.recipients[0]["diagnostic"]), ("report", 13))
        attack.served("bounds")


@case("one recipient out of bounds does not fail the others, who come without it")
def _():
    with folder() as path, Play(path) as play, Unharmed(play.stage) as attack:
        long = f"{FAR}/O={'o' * 65}/S=long"
        play.stage.hand_over(message("mixed", long, FAY, BEN))
        relayed = play.stage.far.next()
        equal([r["name"].strip("/") for r in relayed.recipients], [FAY.strip("/"), BEN.strip("/")])
        wait_until(play.entries)
        play.told("mixed", "non-delivered", "size-constraint-violation", "organization-name")
        report = play.stage.near.next()
        equal([(r["number"], r["diagnostic"]) for r in report.recipients], [(1, 13)])
        attack.served("mixed")


@case("what a neighbour of 1984 can't be told is refused by name, and the rest is not")
def _():
    with folder() as path, Play(path) as play, Unharmed(play.stage) as attack:
        teletex = x411.recipient(OLD, extra=[(2, ber.tlv(ber.UNIVERSAL, 20, False, b"M\xc8uller"))])
        for local, recipient in (("teletex", teletex), ("numeric", f"{OLD}/P=PRIV/N-ID=123"),
                                 ("x121", f"{OLD}/P=PRIV/X=3110")):
            play.stage.hand_over(message(local, recipient, content_type=x411.P2))
            play.told(local, "non-delivered", "unable-to-downgrade")
        play.stage.hand_over(message("public", f"{OLD}/N-ID=123", content_type=x411.P2))
        equal(play.old.next().identifier[1], "public")
        route = json.loads(play.mta.mhs("--json", "route", "-t", "p2", OTTO).stdout)
        equal((route["outcome"], route["next-hop"]), ("transfer", "OLD"))
        attack.served("1984")


@case("a report that can't go on is told under its subject too")
def _():
    with folder() as path, Play(path) as play, Unharmed(play.stage) as attack:
        play.stage.hand_over(x411.report(NEAR, "lost-report", "/C=AQ/A=POLE/S=x", (NEAR, "its-subject"),
                                         [x411.reported(FAY)]))
        play.told("lost-report", "discarded", "nobody is at the report's destination")
        under = wait_until(lambda: play.mta.mhs("track", f"[{NEAR}/;its-subject]", check=False).stdout
                           or play.mta.mhs("track", "[/ADMD=NEAR/C=FR/;its-subject]", check=False).stdout)
        check("nobody is at the report's destination" in under, under)
        attack.served("report")


@case("a delivery method only prefers; what physical delivery must do is 3/18")
def _():
    with folder() as path, Play(path) as play, Unharmed(play.stage) as attack:
        physical = ber.seq(ber.integer(2))
        asks = x411.recipient(BEN, extensions=[x411.extension(6, physical, critical=[x411.FOR_DELIVERY])])
        play.stage.hand_over(message("prefers", asks))
        wait_until(play.entries)
        must = x411.recipient(BEN, extensions=[x411.extension(10, ber.integer(1), critical=[x411.FOR_DELIVERY])])
        play.stage.hand_over(message("must", must))
        play.told("must", "non-delivered", "physical-rendition-not-performed", "unsupported-critical-function")
        equal(len(play.entries()), 1)
        attack.served("physical")


@case("a content without octets is delivered, and read")
def _():
    with folder() as path, Play(path) as play, Unharmed(play.stage) as attack:
        play.stage.hand_over(x411.message(NEAR, "zero", JOE, [BEN], b""))
        entry = wait_until(play.entries)[0]
        equal((entry["size"], entry["content-type"]), (0, "22"))
        check("content is empty" in play.mta.mhs("read", str(entry["entry"]), "--user", BEN).stdout)
        attack.served("zero")


tap.main()
