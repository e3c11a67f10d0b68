#!/usr/bin/python3
"""A neighbour that is bound, by name and password, and says what is not its to say."""
import contextlib
import json

from players import ANN, BEN, FAR, FAY, HOME, JOE, NEAR, Neighbour, Stage, Unharmed, folder, text_message
from peer import ber, names, tap, x411
from peer.association import Aborted, Association, Excepted
from scenario.chasqui import peer_section

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
EVIL = "/C=SE/A=EVIL"
INSIDE = f"{HOME}/O=Inside"
EVE, TEAM, OPEN = f"{EVIL}/S=eve", f"{HOME}/S=team", f"{HOME}/S=open"


class Forgery:
    """NEAR and FAR as usual, EVIL, which has no options but its domain, and INNER, an MTA of our own domain. Only ann may submit to the list TEAM;
    anybody may to OPEN, of which eve is a member."""

    def __init__(self, path, port=1):
        evil = peer_section(port, "EVIL", "evil's secret", domain=EVIL, first_retry=3600, longest_retry=3600)
        self.inner = Neighbour("INNER", "inner's secret")
        inner = peer_section(self.inner.port, "INNER", "inner's secret", domain=HOME)
        self.stage = Stage(path, more_peers={"EVIL": evil, "INNER": inner},
                           more_routes={EVIL: {"next-hop": {"EVIL": {"rank": 1}}}, INSIDE: {"next-hop": {"INNER": {"rank": 1}}}},
                           directory={"CN=Fay": {"address": FAY}, "CN=Ben": {"address": BEN}},
                           list={TEAM: {"members": [BEN], "submitters": [ANN]}, OPEN: {"members": [BEN, EVE]}})
        self.mta = self.stage.mta

    def __enter__(self):
        self.stage.__enter__()
        return self

    def __exit__(self, *what):
        self.stage.__exit__(*what)
        self.inner.close()

    def hand_over(self, apdu):
        with Association.open(self.mta.port, mta="EVIL", password="evil's secret", checkpoint=64) as peer:
            peer.transfer(apdu)
            peer.release()

    def refused(self, apdu):
        """EVIL keeps it: the transfer is refused."""
        try:
            self.hand_over(apdu)
        except (Excepted, Aborted):
            return
        check(False, "the transfer was accepted")

    def entries(self, user=BEN):
        return json.loads(self.mta.mhs("--json", "list", "--user", user).stdout)["entries"]

    def track(self, identifier):
        answer = json.loads(self.mta.mhs("--json", "track", identifier).stdout)
        return [(e["event"], e["peer"], e["detail"]) for m in answer["messages"] for e in m["events"]]

    def send(self, recipient, sender=ANN):
        sent = json.loads(self.mta.mhs("--json", "send", "--from", sender, "--report", "delivery", "--to", recipient,
                                       "--subject", "ours", "--text", "x").stdout)
        return sent["mts-identifier"]


def local_of(identifier):
    """(domain, local identifier), as x411 wants them."""
    return HOME, identifier.rstrip("]").partition(";")[2]


def evil(local, recipients, originator=EVE, **options):
    return text_message(local, recipients, originator=originator, domain=EVIL, **options)


@case("an originator of ours, or of anybody else, is refused and keeps no mailbox busy")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        for local, originator in (("as-ann", ANN), ("as-joe", JOE), ("as-nobody", "/C=AQ/A=POLE/S=x")):
            play.refused(evil(local, [BEN, TEAM], originator))
            attack.logged("peer=EVIL", "refused for good", originator.rpartition("=")[2], "originators")
        play.hand_over(evil("as-eve", [BEN]))
        wait_until(play.entries)
        equal([e["originator"].strip("/") for e in play.entries()], [EVE.strip("/")])
        attack.served("originator")


@case("one that repeats, is refused and binds by the hundred writes a few lines, others write theirs, and what was refused is found")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        again = evil("again", [BEN])
        with Association.open(play.mta.port, mta="EVIL", password="evil's secret", checkpoint=64) as peer:
            for _ in range(100):
                peer.transfer(again)
            peer.release()
        for number in range(100):
            play.refused(evil(f"as-ann-{number}", [BEN], ANN))
        envelope, content = ber.read(evil("torn", [BEN]))
        torn = ber.ctx(0, ber.set_(b"".join(part.raw for part in envelope.children[:-1])), content.raw)     # no recipients
        for _ in range(50):
            play.refused(torn)
        log = play.mta.log()
        equal(log.count("peer=EVIL repeats a transfer"), 30)
        equal(log.count("peer=EVIL: 30 lines in a minute, the next are left out"), 2)       # in the store and in a net process
        equal(log.count("peer=EVIL: 20 lines in a minute, the next are left out unless"), 1)
        check(log.count("peer=EVIL") <= 30 + 30 + 3, log.count("peer=EVIL"))
        play.stage.hand_over(text_message("near", [FAY], originator=JOE))
        attack.logged("peer=NEAR", "association accepted")
        for local, why in (("as-ann-0", "originators"), ("as-ann-99", "originators"), ("torn", "")):
            told = play.track(f"[/ADMD=EVIL/C=SE/;{local}]")
            equal({e[:2] for e in told}, {("refused", "EVIL")})
            check(why in told[0][2], told)
        equal([e[2] for e in play.track("as-ann-7")][0].count("originators"), 1)
        attack.served("flood", among=1)


@case("a list's submitter must have come by a way of his own, also where the peer relays for the world")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        play.stage.hand_over(text_message("as-ann", [TEAM], originator=ANN))        # NEAR has transit
        attack.logged("peer=NEAR", "as-ann]", "no-dl-submit-permission")
        play.hand_over(evil("as-eve", [TEAM]))
        attack.logged("peer=EVIL", "as-eve]", "no-dl-submit-permission")
        play.mta.mhs("send", "--from", ANN, "--to", TEAM, "--subject", "truly", "--text", "x")
        wait_until(play.entries)
        equal([e["subject"] for e in play.entries()], ["truly"])
        attack.served("submitter")


@case("from abroad to abroad nothing is relayed, whatever the trace says")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        forged = x411.trace((NEAR, x411.now(-60)), (EVIL, x411.now()))
        play.refused(evil("foreign", [FAY], JOE, trace=forged))
        play.refused(evil("ours-last", [BEN], trace=x411.trace((EVIL, x411.now(-60)), (HOME, x411.now()))))
        attack.logged("peer=EVIL", "trace")
        play.hand_over(evil("relay", [FAY, BEN]))
        attack.logged("peer=EVIL", "relay]", "no-bilateral-agreement", "recipient 1,")
        wait_until(play.entries)
        back = x411.trace((HOME, x411.now(-60)), (EVIL, x411.now(), {"actions": [0]}))
        play.refused(evil("came-back", [BEN], ANN, trace=back))
        attack.served("relay")      # the next that FAR gets


@case("a report counts only of copies that went to who brings it, and the track names him")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        ours = play.send(FAY)
        play.stage.far.next()
        delivered = [x411.reported(FAY, 1, delivered=x411.now())]
        play.hand_over(x411.report(EVIL, "forged", ANN, local_of(ours), delivered))
        attack.logged("peer=EVIL", "forged]", "not believed")
        equal([e for e in play.track(ours) if e[0] == "report-received"], [])
        equal(play.entries(ANN), [])
        check(any(e[:2] == ("report-doubted", "EVIL") for e in play.track("[/ADMD=EVIL/C=SE/;forged]")), "no track")
        check(any(e[0] == "discarded" and "no copy" in e[2] for e in play.track(ours)), play.track(ours))
        with Association.open(play.mta.port, mta="FAR", password="far's secret", checkpoint=64) as far:
            far.transfer(x411.report(FAR, "true", ANN, local_of(ours), delivered))
            far.release()
        wait_until(lambda: play.entries(ANN))
        equal([e for e in play.track(ours) if e[0] == "report-received"], [("report-received", "FAR", "delivered")])
        with Association.open(play.mta.port, mta="FAR", password="far's secret", checkpoint=64) as far:
            far.transfer(x411.report(FAR, "again", ANN, local_of(ours), delivered * 40))
            far.release()
        attack.logged("peer=FAR", "again]", "is not believed of 40 recipients", "has reported on these recipients before")
        doubted = {e for e in play.track("[/ADMD=FAR/C=DE/;again]") if e[0] == "report-doubted"}
        second = play.send(FAY)
        play.stage.far.next()
        with Association.open(play.mta.port, mta="FAR", password="far's secret", checkpoint=64) as far:
            far.transfer(x411.report(FAR, "mixed", ANN, local_of(second), delivered * 2 + [x411.reported(FAY, 9, delivered=x411.now())]))
            far.release()
        attack.logged("mixed]", "of 1 recipient (the first is 1)", "has reported on them before")
        attack.logged("mixed]", "of 1 recipient (the first is 9)", "were not sent to the MTA that it came from")
        check(len(doubted) == 1 and doubted.pop()[2].startswith("delivered: the MTA that it came from has reported"), doubted)
        attack.served("report")


def listed(*lists):
    """A dl-expansion-history."""
    return x411.extension(26, ber.seq(*[ber.seq(names.or_name(a), ber.utctime(x411.now())) for a in lists]))


def redirected(*users):
    """A redirection-history."""
    return x411.extension(25, ber.seq(*[ber.seq(ber.seq(names.or_name(a), ber.utctime(x411.now())), ber.enumerated(0))
                                        for a in users]))


@case("a list or a user of its own in a history that it writes lends it nobody's name, nor does another's list")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        theirs = f"{EVIL}/S=list"
        back = x411.trace((HOME, x411.now(-60)), (EVIL, x411.now(), {"actions": [1]}))
        for local, originator in (("ann", ANN), ("joe", JOE), ("fay", FAY)):
            play.refused(evil(f"{local}-1", [BEN], originator, extensions=[listed(theirs)]))
            play.refused(evil(f"{local}-2", [BEN], originator, extensions=[listed(theirs)], trace=back))
            by_eve = x411.recipient(BEN, 1, extensions=[redirected(EVE)])
            play.refused(evil(f"{local}-3", [by_eve], originator))
            play.refused(evil(f"{local}-4", [TEAM], originator, extensions=[listed(TEAM, theirs)]))
        attack.logged("peer=EVIL", "refused for good", "whatever the histories say", "originators")
        play.refused(evil("to-fay", [f"{HOME}/S=nobody"], extensions=[listed(FAY)]))     # who would get the report
        play.refused(text_message("joe-1", [OPEN], originator=EVE, domain=NEAR, trace=x411.trace((EVIL, x411.now()))))
        refusal = play.track("[/ADMD=NEAR/C=FR/;joe-1]")[0]
        check(refusal[:2] == ("refused", "EVIL") and "MTS-identifier" in refusal[2], refusal)
        equal(play.entries(), [])
        play.hand_over(evil("own", [x411.recipient(BEN, 1, extensions=[redirected(EVE)])], extensions=[listed(theirs)]))
        wait_until(play.entries)
        attack.served("histories")


@case("a report on what it got goes to whom the record names, and once")
def _():
    calls = Neighbour("EVIL", "evil's secret")
    with folder() as path, contextlib.closing(calls), Forgery(path, calls.port) as play, Unharmed(play.stage) as attack:
        bens = local_of(play.send(EVE, BEN))
        calls.next()
        told = [x411.reported(EVE, 1, reason=1, diagnostic=0)]
        lists = x411.extension(30, ber.seq(*[ber.seq(names.or_name(a), ber.utctime(x411.now())) for a in (FAY, TEAM)]))
        for local, whom in (("ann", ANN), ("fay", FAY), ("team", TEAM)):
            play.hand_over(x411.report(EVIL, local, whom, bens, told, envelope_extensions=[lists]))
            attack.logged(f"{local}]", "neither the recorded originator")
        for local in ("first", "second", "third"):
            play.hand_over(x411.report(EVIL, local, BEN, bens, told * 300))
        attack.logged("third]", "has reported on these recipients before")
        equal([e["kind"] for e in wait_until(lambda: play.entries(BEN))], ["report"])
        equal(play.entries(ANN), [])
        attack.served("once")       # the next that FAR gets


@case("its report bears the name that the record has, and makes nobody a list's owner")
def _():
    calls = Neighbour("EVIL", "evil's secret")
    with folder() as path, contextlib.closing(calls), Forgery(path, calls.port) as play, Unharmed(play.stage) as attack:
        quiet = json.loads(play.mta.mhs("--json", "send", "--from", BEN, "--to", EVE, "--text", "x").stdout)
        ours = local_of(play.send(EVE))
        calls.next(), calls.next()
        by_list = [x411.extension(31, names.or_name(f"{EVIL}/S=list"))]
        play.hand_over(x411.report(EVIL, "unasked", BEN, local_of(quiet["mts-identifier"]),
                                   [x411.reported(EVE, 1, delivered=x411.now(), indicators=(x411.RESPONSIBILITY, x411.MTA_REPORT))],
                                   envelope_extensions=by_list))
        attack.logged("unasked]", "did not ask")
        play.hand_over(x411.report(EVIL, "named", ANN, ours, [x411.reported(FAY, 1, intended=FAY)]))
        entry, = wait_until(lambda: play.entries(ANN))
        shown = play.mta.mhs("read", "--user", ANN, str(entry["entry"])).stdout
        check("S=fay" in shown and "S=eve" in shown, shown)
        equal(play.entries(BEN), [])
        attack.served("named")


@case("an alternate that its message asks for is no way through us to others")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        nobody = f"{HOME}/S=nobody"
        for local, alternate in (("to-fay", FAY), ("to-ben", BEN)):
            asks = x411.extension(2, names.or_name(alternate))
            play.hand_over(evil(local, [x411.recipient(nobody, 1, extensions=[asks])]))
        wait_until(play.entries)
        attack.logged("peer=EVIL", "to-fay]", "unrecognised")
        attack.served("alternate")      # the next that FAR gets


def called(name):
    """A directory name of a common name."""
    return ber.seq(ber.set_(ber.seq(ber.oid("2.5.4.3"), ber.utf8(name))))


@case("nor is a directory name beside an address, of a recipient or an alternate, here or at another MTA of ours")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        to = [x411.recipient(f"{INSIDE}/S=gone", 1, directory=called("Fay")),
              x411.recipient(f"{INSIDE}/S=gone", 2, directory=called("Ben")),
              x411.recipient(f"{INSIDE}/S=gone", 3, extensions=[
                  x411.extension(2, names.or_name(f"{INSIDE}/S=other", directory=called("Fay")))])]
        play.hand_over(evil("named", to))
        got = play.inner.next()
        equal(sorted(r["number"] for r in got.recipients), [1, 2, 3])
        check(b"Ben" in got.octets and b"Fay" not in got.octets, got.octets)
        play.hand_over(evil("nobody", [x411.recipient(f"{HOME}/S=nobody", 1, directory=called("Ben"))]))
        wait_until(play.entries)
        attack.served("named")          # the next that FAR gets


@case("a trace of the subject that it writes into its report proves no copy")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        ours = play.send(FAY)
        play.stage.far.next()
        for local, told in (("yes", x411.reported(FAY, 1, delivered=x411.now())),
                            ("no", x411.reported(FAY, 1, reason=1, diagnostic=0))):
            play.hand_over(x411.report(EVIL, local, ANN, local_of(ours), [told],
                                       intermediate=x411.trace((HOME, x411.now()), (FAR, x411.now()))))
            attack.logged("peer=EVIL", f"{local}]", "not believed")
        equal(play.entries(ANN), [])
        delivered_true(play, attack, ours)


@case("a report on what waits for its peer is not believed, nor does that come back; once it was sent it is")
def _():
    with contextlib.closing(Neighbour("EVIL", "evil's secret")) as nobody:
        port = nobody.port
    with folder() as path, Forgery(path, port) as play, Unharmed(play.stage) as attack:
        ours = play.send(EVE)
        wait_until(lambda: any(e[:2] == ("routed", "EVIL") for e in play.track(ours)))
        delivered = [x411.reported(EVE, 1, delivered=x411.now())]
        play.hand_over(x411.report(EVIL, "early", ANN, local_of(ours), delivered))
        attack.logged("peer=EVIL", "early]", "not believed")
        equal(play.entries(ANN), [])
        back = x411.trace((HOME, x411.now(-60)), (EVIL, x411.now(), {"actions": [0]}))
        play.refused(text_message(local_of(ours)[1], [BEN], originator=ANN, domain=HOME, trace=back))
        play.hand_over(x411.report(EVIL, "other", ANN, (HOME, "nobody-knows-it"), delivered))
        attack.logged("other]", "nothing is recorded of its subject")
        with contextlib.closing(Neighbour("EVIL", "evil's secret", port=port)) as calls:
            play.mta.mhs("peer", "retry", "EVIL")
            calls.next()
            wait_until(lambda: any(e[:2] == ("transferred", "EVIL") for e in play.track(ours)))
            play.hand_over(x411.report(EVIL, "late", ANN, local_of(ours), delivered))
            wait_until(lambda: play.entries(ANN))
        attack.served("early")


@case("what we sent to a neighbour comes back redirected with its originator's rights")
def _():
    calls = Neighbour("EVIL", "evil's secret")
    with folder() as path, contextlib.closing(calls), Forgery(path, calls.port) as play, Unharmed(play.stage) as attack:
        ours = play.send(EVE)
        back = x411.trace((HOME, x411.now(-60)), (EVIL, x411.now(), {"actions": [0]}))
        apdu = text_message(local_of(ours)[1], [TEAM], originator=ANN, domain=HOME, trace=back)
        calls.next()
        play.hand_over(apdu)
        wait_until(play.entries)
        attack.served("redirected")


def contents(play, user):
    """{local identifier: content} of the messages in the user's mailbox."""
    with play.mta.client() as client:
        return {local_of(e["mts-identifier"])[1]: client.content(user, e["entry"]) for e in client.entries(user)
                if e["kind"] == "message"}


def delivered_true(play, attack, ours):
    """The true report of FAR on ann's message comes through, and is the only one: what EVIL brought is not in the way."""
    with Association.open(play.mta.port, mta="FAR", password="far's secret", checkpoint=64) as far:
        far.transfer(x411.report(FAR, "true", ANN, local_of(ours), [x411.reported(FAY, 1, reason=1, diagnostic=0)]))
        far.release()
    wait_until(lambda: play.entries(ANN))
    equal([e[1] for e in play.track(ours) if e[0] == "report-received"], ["FAR"])
    equal([e["kind"] for e in play.entries(ANN)], ["report"])
    attack.served("true")


@case("reports on a message that is not there yet, more than a record holds, do not keep the true one from it")
def _():
    calls = Neighbour("EVIL", "evil's secret")
    with folder() as path, contextlib.closing(calls), Forgery(path, calls.port) as play, Unharmed(play.stage) as attack:
        play.send(EVE, BEN)
        seen = calls.next().identifier[1]               # whoever gets a message of ours knows what the next are called
        prefix, _, last = seen.rpartition(".")
        guesses = [f"{prefix}.{int(last, 36) + i:x}" for i in range(1, 2)] if last.isdigit() else []
        guesses += [prefix + "." + chr(ord(last[-1]) + 1)] if len(last) == 1 else []
        check(guesses, seen)
        with Association.open(play.mta.port, mta="EVIL", password="evil's secret", checkpoint=64) as evils:
            for i in range(1030):
                evils.transfer(x411.report(EVIL, f"p{i}", ANN, (HOME, guesses[0]), [x411.reported(EVE, 1, delivered=x411.now())]))
            attack.served("guessed")
        ours = play.send(FAY)
        check(local_of(ours)[1] in guesses, f"{ours} is none of {guesses}")
        got = play.stage.far.next()
        equal(got.identifier[1], local_of(ours)[1])
        delivered_true(play, attack, ours)


@case("its reports do not take the identifiers of our messages, nor many of them a third domain's")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        ours = play.send(FAY)
        play.stage.far.next()
        wait_until(lambda: "transferred" in [e[0] for e in play.track(ours)])
        before = play.track(ours)

        def report(number, domain, local, *visits):
            return x411.report(domain, local, ANN, (HOME, f"none.{number}"), [x411.reported(EVE, 1, delivered=x411.now())],
                               trace=x411.trace(*[(visit, x411.now()) for visit in (EVIL, *visits)]))
        for i in range(3):
            play.refused(report(i, *local_of(ours)))
        for i in range(16):
            play.hand_over(report(i, "/C=NO/A=THIRD", "guessed"))
        play.refused(report(16, "/C=NO/A=THIRD", "guessed"))
        play.hand_over(report("loops", EVIL, "loops", HOME, EVIL))       # it begins no record of its subject
        equal(play.mta.mhs("track", ours.partition(";")[0] + ";none.loops]", check=False).returncode, 1)
        attack.served("guessed")
        equal([e for e in play.track(ours) if e[0] != "refused"], before)
        delivered_true(play, attack, ours)


@case("a message of its own under our identifier, which a list sends back to it, makes no report of its believed")
def _():
    calls = Neighbour("EVIL", "evil's secret")
    with folder() as path, contextlib.closing(calls), Forgery(path, calls.port) as play, Unharmed(play.stage) as attack:
        ours = play.send(FAY)
        play.stage.far.next()
        delivered = [x411.reported(FAY, 1, delivered=x411.now())]
        own = {"domain": HOME, "trace": x411.trace((EVIL, x411.now()))}
        play.refused(text_message(local_of(ours)[1], [OPEN], originator=EVE, **own))
        check(calls.nothing(1), "the list sent it on")
        honest = evil("honest", [OPEN])         # what is its own goes to all
        play.hand_over(honest)
        equal(wait_until(lambda: contents(play, BEN)), {"honest": x411.Received(honest).content})
        equal(calls.next().identifier[1], "honest")
        play.hand_over(x411.report(EVIL, "forged", ANN, local_of(ours), delivered))
        attack.logged("peer=EVIL", "forged]", "not believed")
        equal(play.entries(ANN), [])
        delivered_true(play, attack, ours)


@case("what comes back as ann's is hers: neither another's message nor one of its own that a list sent on lends her name")
def _():
    calls = Neighbour("EVIL", "evil's secret")
    with folder() as path, contextlib.closing(calls), Forgery(path, calls.port) as play, Unharmed(play.stage) as attack:
        bens = play.send(EVE, BEN)
        own = evil("own", [OPEN])
        play.hand_over(own)
        equal({calls.next().identifier[1] for _ in range(2)}, {local_of(bens)[1], "own"})
        back = x411.trace((HOME, x411.now(-60)), (EVIL, x411.now(), {"actions": [0]}))
        for domain, local in ((HOME, local_of(bens)[1]), (EVIL, "own")):
            for recipients in ([TEAM], [BEN], [TEAM, BEN]):
                play.refused(text_message(local, recipients, "pay eve", originator=ANN, domain=domain, trace=back,
                                          subject="order by ann"))
        attack.served("lent")
        truly = local_of(play.send(TEAM))[1]
        wait_until(lambda: truly in contents(play, BEN))
        equal(set(contents(play, BEN)), {"own", truly})
        equal(contents(play, BEN)["own"], x411.Received(own).content)


@case("the options open what an agreement opens, at a reload")
def _():
    with folder() as path, Forgery(path) as play, Unharmed(play.stage) as attack:
        play.refused(evil("before", [BEN], "/C=NO/A=X/S=nils"))
        section = play.mta.settings["peer"]["EVIL"]
        section.update(originators=["/C=NO"], destinations=[FAR])
        play.mta.configure()
        play.mta.reload()
        attack.logged("configuration was reread")
        play.hand_over(evil("after", [BEN, FAY], "/C=NO/A=X/S=nils"))
        wait_until(play.entries)
        equal(play.stage.far.next().identifier[1], "after")
        play.refused(evil("others", [BEN], JOE))
        section["transit"] = True
        play.mta.configure()
        play.mta.reload()
        wait_until(lambda: play.mta.log().count("configuration was reread") == 2)
        play.hand_over(evil("all", [FAY], JOE))
        equal(play.stage.far.next().identifier[1], "all")
        attack.served("options")


tap.main()
