#!/usr/bin/python3
"""All that X.420 lets a letter say, written, shown and kept by `mhs`, and judged by a decoder that is not ours and by tshark."""
import contextlib
import json
import os
import time

from players import ANN, BEN, FAR, FAY, Stage, folder
from interop import tshark_judge
from peer import ber, names, tap, x411, x420
from scenario.chasqui import Mhsd

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
HOME = "/C=GB/A=GOLD/P=ALPHA"
ADA, EVA, UWE = (f"{HOME}/S={name}" for name in ("Ada", "Eva", "Uwe"))
ALIASES = f"me = {ADA}\nada = {ADA}\neva = {EVA}\nuwe = {UWE}\nteam = eva, uwe\nall = ada, team\nround = about\nabout = round, eva\n"


class House:
    """One MTA with Ada, Eva and Uwe, whose letters stay within it; `self.path` is for files."""

    def __init__(self, path):
        self.path = path
        self.mta = Mhsd(os.path.join(path, "mta"), user={ADA: {}, EVA: {}, UWE: {}})
        os.makedirs(os.path.join(path, "chasqui"))
        with open(os.path.join(path, "chasqui", "aliases"), "w") as file:
            file.write(ALIASES)

    def mhs(self, *arguments, zone="UTC", **options):
        return self.mta.mhs(*arguments, environment={"XDG_CONFIG_HOME": self.path, "TZ": zone}, **options)

    def ask(self, *arguments, **options):
        return json.loads(self.mhs("--json", *arguments, **options).stdout)

    def refuse(self, *arguments, status=2):
        done = self.mhs(*arguments, check=False)
        equal(done.returncode, status, done.stderr)
        return done.stderr

    def entries(self, user, count=1):
        return wait_until(lambda: (lambda found: found if len(found) >= count else None)(
            self.ask("list", "--user", user)["entries"]))

    def content(self, user, entry):
        path = os.path.join(self.path, "content")
        self.mhs("save", "--user", user, "--content", path, "--force", str(entry))
        with open(path, "rb") as file:
            return file.read()

    def file(self, name, octets):
        with open(os.path.join(self.path, name), "wb") as file:
            file.write(octets)
        return file.name


@contextlib.contextmanager
def house():
    with folder() as path:
        here = House(path)
        with here.mta:
            yield here


def tshark_reads(content, unknown=0):
    """The lines that tshark reads of a content within a P1 message, which it has nothing to complain of but that it does not know
    so many object identifiers."""
    if not tshark_judge.available():
        raise tap.Skip("there is no tshark")
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"chasqui-letter-{os.getpid()}.pcap")
    try:
        tshark_judge.wrap(path, x411.message("/C=FR/A=NEAR", "letter", "/C=FR/A=NEAR/S=joe", [ADA], content))
        read = tshark_judge.frames(path)
    finally:
        os.unlink(path)
    faults = tshark_judge.found_fault(read)
    strange = [fault for fault in faults if "Dissector for OID" in str(fault) and "not implemented" in str(fault)]
    equal(([fault for fault in faults if fault not in strange], len(strange)), ([], unknown))
    return next(frame.apdu for frame in read if frame.apdu)


EVERY_FIELD = (
    "--from", f"Ada Löwe <{ADA}>, +44 20 7946 0000", "--subject", "Цена", "--authorizing-user", f'"The Board" <{UWE}>',
    "--replied-to", f"[{UWE};first]", "--obsoletes", "mine", "--obsoletes", f"[G=Uwe; S=Schmidt; A=VIAT; C=DE;his]",
    "--related", "kin", "--expiry", "2036-01-02T03:04:05Z", "--reply-by", "2035-01-02T03:04:05+02:00", "--reply-to", "eva",
    "--reply-to", "Uwe <uwe>", "--importance", "high", "--sensitivity", "company-confidential", "--language", "de",
    "--language", "pt-BR", "--auto-submitted", "auto-generated", "--incomplete-copy", "--circulate", "eva", "--circulate",
    "Uwe <uwe>", "--circulate", "ada", "--distribution-code", "1.2.3:FLASH@eva", "--distribution-code", "Grün",
    "--distribution-code", "2.999.4", "--information-category", "1.2.5:Wetter 😀", "--information-category", "2.999.6",
    "--manual-handling", "Von Hand", "--manual-handling", "eilig", "--reference", "Az. 4/26", "--precedence-policy", "amhs",
    "--authorization-time", "2026-01-02 03:04")

WANTED = {
    "subject": b"????", "extended-subject": "Цена",
    "originator": {"address": ADA, "name": b"Ada L\xc8owe", "telephone": "+44 20 7946 0000"},
    "authorizing-users": [{"address": UWE, "name": b"The Board"}], "replied-to": (UWE, "first"),
    "obsoleted": [(ADA, "mine"), ("/C=DE/A=VIAT/S=Schmidt/G=Uwe", "his")], "related": [(ADA, "kin")],
    "expiry": "360102030405Z", "reply-by": "350102010405Z",
    "reply-to": [{"address": EVA}, {"address": UWE, "name": b"Uwe"}], "importance": "high",
    "sensitivity": "company-confidential", "languages": ["de", "pt-BR"], "auto-submitted": "auto-generated",
    "incomplete-copy": True,
    "circulation-list": [{"address": EVA}, {"address": UWE, "name": b"Uwe"}, {"address": ADA}],
    "distribution-codes": [{"oid": "1.2.3", "text": "FLASH", "user": {"address": EVA}}, {"text": "Grün"}, {"oid": "2.999.4"}],
    "information-categories": [{"oid": "1.2.5", "text": "Wetter 😀"}, {"oid": "2.999.6"}],
    "manual-handling": ["Von Hand", "eilig"], "originators-reference": "Az. 4/26", "precedence-policy": "1.3.27.8.0.0",
    "authorization-time": "20260102030400Z"}


@case("every field of a heading is written as X.420 has it, and shown")
def _():
    with house() as here:
        sent = here.ask("send", *EVERY_FIELD, "--notify", "rn,return", "--precedence", "107", "--to", "eva", "--notify", "nrn",
                        "--precedence", "GG", "--cc", "Uwe S. <uwe>", "--text", "x")
        content = here.content(EVA, here.entries(EVA)[0]["entry"])
        found, parts = x420.ipm(content)
        equal(found.pop("this-IPM"), (ADA, sent["ipm-identifier"]))
        equal(found.pop("to"), [{"address": EVA, "requests": {"rn", "nrn", "ipm-return"}, "precedence": 107, "circulation": True}])
        equal(found.pop("cc"), [{"address": UWE, "name": b"Uwe S.", "requests": {"nrn"}, "precedence": 28, "circulation": True}])
        equal(found, WANTED)
        lines = "\n".join(tshark_reads(content))
        for words in ("id-hex-circulation-list-recipients", "id-hex-distribution-codes", "id-hex-information-categories",
                      "id-hex-manual-handling-instructions", "id-hex-precedence-policy-id", "id-rex-precedence",
                      "id-rex-circulation-list-indicator", "alphanumeric-code", "oid-code: 1.2.3", "Az. 4/26",
                      "Precedence: 107", "circulation-recipient"):
            check(words in lines, (words, lines))
        shown = here.mhs("read", "--user", EVA, "1").stdout
        for words in (f"Ada Löwe <{ADA}>, +44 20 7946 0000", "The Board", f"[{UWE};first]", f"[{ADA};mine]", "pt-BR",
                      "1.2.3 FLASH, of ", "Grün", "1.2.5 Wetter 😀", "Von Hand", "Az. 4/26", "1.3.27.8.0.0", "(precedence 107)",
                      "(precedence 28)", "(on the circulation list)", "2035-01-02T01:04:05Z", "parts were taken out"):
            check(words in shown, (words, shown))
        ipm = here.ask("read", "--user", EVA, "1")["ipm"]
        check("other-extensions" not in ipm, ipm)
        equal(ipm["circulation-list"][1], {"address": UWE, "name": "Uwe"})


@case("each option of the envelope is what the next MTA gets")
def _():
    with folder() as path, Stage(path) as stage:
        late = time.strftime("%Y-%m-%d %H:%MZ", time.gmtime(time.time() + 86400))
        sent = json.loads(stage.mta.mhs(
            "send", "--json", "--from", ANN, "--report", "delivery", "--to", FAY, "--alternate", f"{FAR}/S=other", "--delivery-method",
            "g3-facsimile", "--report", "none", "--cc", f"{FAR}/S=two", "--subject", "Grüße", "--text", "x", "--priority", "urgent",
            "--latest", late, "--disclose", "--return-content", "--conversion-prohibited", "--conversion-with-loss-prohibited",
            "--alternate-allowed", "--reassignment-prohibited", "--dl-expansion-prohibited", "--dl-exempted", BEN).stdout)
        got = stage.far.next()
        identifier = sent["ipm-identifier"]
        equal((got.content_type, got.priority, got.indicators, got.content_identifier), (x411.P22, x411.URGENT, {
            x411.DISCLOSURE, x411.IMPLICIT_CONVERSION_PROHIBITED, x411.ALTERNATE_ALLOWED, x411.RETURN_CONTENT}, identifier[-16:]))
        extensions = got.extensions
        equal({number: extensions[number][0] for number in (1, 3, 4, 5, 23, 42)},
              {**dict.fromkeys((1, 3, 4, 5), {x411.FOR_DELIVERY}), 23: set(), 42: set()})
        equal([extensions[number][1].integer() for number in (1, 3, 4)], [1, 1, 1])
        check(extensions[5][1].text().startswith(late[2:10].replace("-", "")), extensions)
        equal((extensions[23][1].number, extensions[23][1].octets().decode()), (4, f"{identifier} Grüße"))
        equal([names.read_or_name(name).rstrip("/") for name in extensions[42][1]], [BEN])
        first, second = got.recipients
        equal((first["name"].rstrip("/"), second["name"].rstrip("/")), (FAY, f"{FAR}/S=two"))
        equal(({3, 4} & first["indicators"], {3, 4} & second["indicators"]), ({3}, set()))
        equal(names.read_or_name(first["extensions"][2][1]).rstrip("/"), f"{FAR}/S=other")
        equal([method.integer() for method in second["extensions"][6][1]], [5])
        check(6 not in first["extensions"] and 2 not in second["extensions"], (first, second))
        stage.mta.mhs("send", "--p2", "--from", ANN, "--to", FAY, "--text", "x")
        old = stage.far.next()
        equal((old.content_type, 23 in old.extensions, len(old.content_identifier)), (x411.P2, False, 16))


@case("what stands behind the last recipient is meant for all, what stands before some for those")
def _():
    with house() as here:
        here.mhs("send", "--from", "ada", "--precedence", "5", "--to", "team", "--notify", "nrn", "--cc", "ada", "--text", "x",
                 "--reply-requested", "--precedence", "9", "--report", "none")
        found, _ = x420.ipm(here.content(EVA, here.entries(EVA)[0]["entry"]))
        equal(found["to"], [{"address": EVA, "reply": True, "precedence": 9}, {"address": UWE, "reply": True, "precedence": 9}])
        equal(found["cc"], [{"address": ADA, "requests": {"nrn"}, "reply": True, "precedence": 9}])
        here.mhs("reply", "--from", "eva", "--all", "--text", "y", "--notify", "rn", "1")
        answer, _ = x420.ipm(here.content(UWE, here.entries(UWE, 2)[1]["entry"]))
        equal([one["requests"] for one in answer["to"] + answer["cc"]], [{"rn", "nrn"}] * 2)


@case("aliases joined by commas, and groups of them, name each; a circle is told")
def _():
    with house() as here:
        here.mhs("send", "--from", "ada", "--to", "ada,all", "--text", "x")
        found, _ = x420.ipm(here.content(EVA, here.entries(EVA)[0]["entry"]))
        equal([one["address"] for one in found["to"]], [ADA, ADA, EVA, UWE])
        check("round in a circle" in here.refuse("send", "--from", "ada", "--to", "round", "--text", "x"))
        check("no such alias: 'nobody'" in here.refuse("send", "--from", "ada", "--to", "eva,nobody", "--text", "x"))


@case("a letter with a circulation list alone goes to its first member; wrong values are told")
def _():
    with house() as here:
        here.mhs("send", "--from", "ada", "--circulate", "eva", "--circulate", "uwe", "--text", "x")
        found, _ = x420.ipm(here.content(EVA, here.entries(EVA)[0]["entry"]))
        equal(found["to"], [{"address": EVA, "circulation": True}])
        for words, arguments in (("two members", ("--circulate", "eva")), ("is over 127", ("--precedence", "128")),
                                 ("no object identifier", ("--precedence-policy", "high")), ("is empty", ("--distribution-code", "")),
                                 ("longer than 16", ("--distribution-code", "x" * 17)),
                                 ("longer than 128", ("--manual-handling", "x" * 129)), ("longer than 64", ("--reference", "x" * 65)),
                                 ("more than 16", ("--information-category", "x") * 17),
                                 ("T.61 lacks", ("--reply-to", f"Цена <{EVA}>")), ("no PrintableString", ("--reply-to", f"E <{EVA}>, #1")),
                                 ("is no user", ("--authorizing-user", f"Eva <{EVA}> and more"))):
            check(words in here.refuse("send", "--from", "ada", "--to", "eva", "--text", "x", *arguments), arguments)


@case("a time without a zone is local time, which is said; one with a zone is that")
def _():
    with house() as here:
        for given, wanted, said in (("2036-07-02 03:04", "360702010400Z", "local time (CEST): 2036-07-02T01:04:00Z"),
                                    ("2036-01-02", "360101230000Z", "local time (CET): 2036-01-01T23:00:00Z"),
                                    ("2036-07-02T03:04-0330", "360702063400Z", ""), ("2036-07-02T03:04Z", "360702030400Z", "")):
            done = here.mhs("send", "--from", "ada", "--to", "eva", "--text", "x", "--expiry", given, zone="Europe/Berlin")
            check(said in done.stderr and bool(said) == bool(done.stderr), (given, done.stderr))
            count = len(here.entries(EVA, 1))
            found, _ = x420.ipm(here.content(EVA, here.entries(EVA, count)[-1]["entry"]))
            equal(found["expiry"], wanted)
        for wrong in ("2036-07-02 03:04+", "2036-07-02 03:04+25", "2036-13-02", "2036-07-02 03:04 CET"):
            check("is not a time" in here.refuse("send", "--from", "ada", "--to", "eva", "--text", "x", "--expiry", wrong), wrong)


def lines(here, *arguments):
    """{entry: its line} of a list."""
    return {int(line.split()[0]): line for line in here.mhs("--wide", "list", "--user", "ada", *arguments).stdout.splitlines()
            if line.split()[0].isdigit()}


@case("a list says in a line whose message a report or a receipt is about, what became of it, and why")
def _():
    with house() as here:
        here.mhs("send", "--from", "ada", "--to", f"{HOME}/S=Nobody", "--subject", "Pläne 😀", "--text", "x")
        here.entries(ADA)
        here.mhs("send", "--from", "ada", "--to", "eva", "--cc", "uwe", "--notify", "rn,nrn,return", "--report", "delivery",
                 "--subject", "Both", "--text", "x")
        here.entries(ADA, 2)
        here.entries(ADA, 3)
        here.mhs("receipt", "--from", "eva", "1")
        here.entries(ADA, 4)
        here.mhs("receipt", "--from", "uwe", "--discarded", "ipm-expired", "1")
        here.entries(ADA, 5)
        sent = here.ask("send", "--from", "ada", "--to", "eva", "--notify", "rn", "--subject", "Quiet", "--text", "x")
        here.mhs("receipt", "--from", "eva", str(here.entries(EVA, 2)[1]["entry"]))
        here.entries(ADA, 6)
        here.mhs("probe", "--from", "ada", "--no-wait", "eva", f"{HOME}/S=None")
        here.entries(ADA, 7)
        here.mhs("send", "--from", "ada", "--to", "uwe", "--notify", "nrn,return", "--subject", "Back", "--text", "x")
        here.mhs("receipt", "--from", "uwe", "--discarded", "ipm-deleted", str(here.entries(UWE, 2)[1]["entry"]))
        rows = here.entries(ADA, 8)
        shown = lines(here)
        for entry, wanted in ((1, f"{HOME}/S=Nobody   \u2717 no such recipient \u00b7 \"Pläne 😀\""), (2, "\u2713 delivered \u00b7 \"Both\""),
                              (3, "\u2713 delivered \u00b7 \"Both\""), (4, " eva "), (4, "\u2713 read 20"), (4, "Z \u00b7 \"Both\""),
                              (5, " uwe "), (5, "\u2717 not read: it had expired \u00b7 \"Both\""),
                              (6, f"Z \u00b7 on {sent['ipm-identifier']}"),
                              (7, f"{HOME}/S=None +1  \u2717 1 of 2: not deliverable: no such recipient"),
                              (8, "\u2717 not read: he deleted it unread \u00b7 \"Back\"")):
            check(wanted in shown[entry], (wanted, shown))
        equal([(row.get("about"), row.get("notification")) for row in rows],
              [("Pläne 😀", None), *[("Both", None)] * 2, (None, "receipt"), (None, "non-receipt"), (None, "receipt"), (None, None),
               (None, "non-receipt")])
        equal(rows[3]["about-ipm"], rows[1]["about-ipm"])
        equal(rows[0]["recipients"], [{"recipient": f"{HOME}/S=Nobody", "delivered": False, "cause": "no such recipient"}])
        check("Pläne 😀" in here.mhs("read", "--user", "ada", "1").stdout)
        equal(here.ask("read", "--user", EVA, "1").get("extensions"), None)       # no recipient sees the correlator


@case("a list is filtered by originator, subject, time, state, number and count, and a range is deleted")
def _():
    with house() as here:
        for who, subject in (("ada", "Äpfel und Birnen"), ("eva", "Brot"), ("uwe", "Apfelmus"), ("eva", "äpfel"), ("ada", "Salz")):
            before = len(here.ask("list", "--user", ADA)["entries"])
            here.mhs("send", "--from", who, "--to", "ada", "--subject", subject, "--text", "x")
            here.entries(ADA, before + 1)
        here.mhs("read", "--user", "ada", "2")
        for wanted, arguments in (([2, 4], ("--from", "eva")), ([2, 4], ("--from", "s=EVA")), ([1, 4], ("--subject", "äPFEL")),
                                  ([4], ("--subject", "äpfel", "--from", EVA)), ([4, 5], ("--last", "2")), ([1, 4], ("--subject", "äpfel", "--last", "2")),
                                  ([4], ("--last", "1", "--from", "eva")), ([4], ("--last", "1", "--subject", "äpfel")), ([1, 3, 4, 5], ("--unread",)), ([2, 3], ("2-3",)),
                                  ([3], ("3",)), ([1, 2, 3, 4, 5], ("--since", "-1h")), ([], ("--since", "+1h")), ([4, 5], ("4-900",)),
                                  ([2], ("--from", "eva", "--limit", "1"))):
            equal([row["entry"] for row in here.ask("list", "--user", "ada", *arguments)["entries"]], wanted, str(arguments))
            equal(list(lines(here, *arguments)) if wanted else [], wanted, str(arguments))
        check("Nothing in the mailbox matches" in here.mhs("list", "--user", "ada", "--subject", "Wein").stdout)
        check("goes down" in here.refuse("list", "--user", "ada", "3-2"))
        check("is not the number" in here.refuse("delete", "--user", "ada", "1-x"))
        here.mhs("delete", "--user", "ada", "4")
        equal(here.ask("delete", "--user", "ada", "3-4", "1")["deleted"], [3, 1])
        equal([row["entry"] for row in here.ask("list", "--user", "ada")["entries"]], [2, 5])
        check("no entry from 6 to 9" in here.refuse("delete", "--user", "ada", "6-9", status=1))


@case("reply-all answers the others too")
def _():
    with house() as here:
        here.mhs("send", "--from", "ada", "--to", "Eva <eva>", "--cc", "uwe", "--subject", "Talk", "--text", "x")
        here.entries(EVA)
        here.mhs("reply-all", "--from", "eva", "--text", "y", "1")
        found, _ = x420.ipm(here.content(UWE, here.entries(UWE, 2)[1]["entry"]))
        equal(([one["address"] for one in found["to"]], [one["address"] for one in found["cc"]]), ([ADA], [UWE]))


@case("what was sent is listed with what became of it, and a report or receipt leads to it")
def _():
    with house() as here:
        first = here.ask("send", "--from", "ada", "--to", "eva", "--cc", "uwe", "--to", f"{HOME}/S=Nobody", "--notify", "rn", "--subject", "One",
                         "--text", "x")["mts-identifier"]
        here.entries(ADA)
        second = here.ask("send", "--from", "ada", "--to", "eva", "--deferred", "+1h", "--text", "x")["mts-identifier"]
        here.mhs("send", "--from", "eva", "--to", "ada", "--text", "not ada's")
        here.entries(ADA, 2)
        here.mhs("receipt", "--from", "eva", "1")
        here.entries(ADA, 3)
        here.mhs("receipt", "--from", "uwe", "--discarded", "ipm-deleted", "1")
        here.entries(ADA, 4)
        told = here.ask("sent", "--user", "ada")["messages"]
        equal([(one["mts-identifier"], {row["recipient"]: row["state"] for row in one["recipients"]}) for one in told],
              [(first, {EVA: "read", UWE: "not read", f"{HOME}/S=Nobody": "failed"}), (second, {EVA: "deferred"})])
        equal([step.get("detail") for step in told[0]["recipients"][1]["steps"]], [None, "he deleted it unread"])
        shown = here.mhs("--wide", "sent", "--user", "ada").stdout.splitlines()
        equal((len(shown), ["\u2713 read" in row for row in shown].count(True)), (5, 1), str(shown))
        check("eva" in shown[1] and shown[1].split()[1] == first.partition(";")[2][:-1] and "deferred" in shown[4], shown)
        check(any("\u2717 failed" in row and row.endswith("  There is no such recipient") for row in shown), shown)
        equal(len(here.ask("sent", "--user", "ada", "--last", "1")["messages"]), 1)
        equal(here.ask("sent", "--user", "ada", "--since", "+1h")["messages"], [])
        for entry in "1", "3", "4":
            equal([one["mts-identifier"] for one in here.ask("status", "--user", "ada", entry)["messages"]], [first])
        equal(here.ask("status", "--user", "ada", first.partition(";")[2][:-1])["messages"][0]["mts-identifier"], first)
        check("no report or receipt" in here.refuse("status", "--user", "ada", "2", status=1))
        check("--user goes with" in here.refuse("status", "--user", "ada"))


@case("who is a list, and who has his mail elsewhere, is told of what was sent to them")
def _():
    team, away = f"{HOME}/S=Team", f"{HOME}/S=Away"
    with folder() as path, Mhsd(os.path.join(path, "mta"), user={ADA: {}, EVA: {}, UWE: {}, away: {"redirection": {"alternate": UWE}}},
                                list={team: {"members": [EVA]}}) as mta:
        mta.mhs("send", "--from", ADA, "--to", team, "--to", away, "--text", "x")

        def states():
            told, = json.loads(mta.mhs("--json", "sent", "--user", ADA).stdout)["messages"]
            return {row["recipient"]: (row["state"], row["steps"][-1].get("detail")) for row in told["recipients"]}
        wanted = {team: ("expanded", None), away: ("redirected", UWE), EVA: ("delivered", None), UWE: ("delivered", None)}
        wait_until(lambda: states() == wanted, what=f"{wanted}, not {states()}")


UNKNOWN_ATTACHMENT = "2.16.840.1.113694.2.2.1.1"
MODIFIED = 1_700_000_000


@case("a photo, a WAV, a PDF and a ZIP come out with name, times and octets unchanged")
def _():
    with house() as here:
        files = {"Φωτογραφία.png": b"\x89PNG\r\n\x1a\n" + bytes(range(256)), "Größe.wav": b"RIFF" + b"\x00\xff" * 5000,
                 "plan.pdf": b"%PDF-1.7\n", "all.zip": b"PK\x05\x06" + bytes(18)}
        words = []
        for name, octets in files.items():
            os.utime(here.file(name, octets), (MODIFIED, MODIFIED))
            words += ["--attach", os.path.join(here.path, name)]
        words += ["--attach-as", "file=1.2.840.99:" + os.path.join(here.path, "plan.pdf")]
        here.mhs("send", "--from", "ada", "--to", "eva", "--text", "x", *words)
        entry = str(here.entries(EVA)[0]["entry"])
        content = here.content(EVA, entry)
        _, parts = x420.ipm(content)
        wanted = [b"\x1b%G" + "Φωτογραφία.png".encode(), b"\x1b-A" + "Größe.wav".encode("latin-1"), b"plan.pdf", b"all.zip", b"plan.pdf"]
        for number, (part, path) in enumerate(zip(parts[1:], wanted)):
            kind, parameters, data = x420.part(part)
            equal((kind, parameters["path"], parameters["modified"]), ("file", [path], "20231114221320Z"))
            equal(parameters["application"], "1.2.840.99" if number == 4 else UNKNOWN_ATTACHMENT)
            check(parameters["created"] is None or parameters["created"] >= "2024", parameters)
            equal(parameters["size"], len(data[2].octets()))
            equal(data[:2], ("1.0.8571.2.4", 0))
        lines = "\n".join(tshark_reads(content))
        check(f"application-reference: {UNKNOWN_ATTACHMENT}" in lines, lines)
        shown = here.mhs("read", "--user", EVA, entry).stdout
        check(f"[part 2: file, 264 B, Φωτογραφία.png \u00b7 mhs save {entry} 2 --user '{EVA}']" in shown, shown)
        target = os.path.join(here.path, "out")
        os.makedirs(target)
        for number, (name, octets) in enumerate(files.items(), 2):
            here.mhs("save", "--user", EVA, entry, str(number), cwd=target)
            with open(os.path.join(target, name), "rb") as file:
                equal(file.read(), octets)
            equal(os.stat(os.path.join(target, name)).st_mtime, MODIFIED)


@case("each other kind of body part is made of a file, read, shown without its octets, and saved")
def _():
    with house() as here:
        octets, value = bytes(range(256)), ber.seq(ber.integer(7), ber.octets(b"\1\2"))
        path, inner = here.file("octets", octets), here.file("value", value)
        here.mhs("send", "--from", "ada", "--to", "eva", "--text", "plain", "--charset", "teletex", "--text", "Größe\f2 ½", "--charset",
                 "ISO6937", "--text", "Čech", "--charset", "ISO-8859-5", "--text", "Цена", "--charset", "UTF-8", "--text", "x",
                 "--attach-as", f"videotex=data-syntax2:{path}", "--attach-as", f"voice=1.2.4:{path}", "--attach-as",
                 f"national:{inner}", "--attach-as", f"encrypted=1.2.5:{path}", "--attach-as", f"2.999.1:{path}",
                 "--attach-as", f"bilateral:{path}")
        entry = str(here.entries(EVA)[0]["entry"])
        content = here.content(EVA, entry)
        _, nodes = x420.ipm(content)
        parts = list(map(x420.part, nodes))
        equal([part[0] for part in parts], ["ia5-text", "teletex", *["general-text"] * 3, "videotex", "voice", "national",
                                            "encrypted", "2.999.1", "bilateral"])
        equal((parts[0][2].text(), parts[1][1].get(0).integer(), [page.octets() for page in parts[1][2]]),
              ("plain", 2, [b"Gr\xc8o\xfbe", b"2 \xbd"]))
        equal([part[1:] for part in parts[2:5]], [([1, 6, 156], b"\xcfCech"), ([1, 6, 144], "Цена".encode("iso8859-5")), ([1, 6, 196], b"x")])
        equal((parts[5][1].get(0).integer(), parts[5][2].octets()), (2, octets))
        equal(([p.oid() for p in parts[6][1]], parts[6][2].octets()), (["1.2.4"], octets))
        equal(parts[7][2].raw, value)
        equal((parts[8][1][0][0].oid(), parts[8][2].contents), ("1.2.5", b"\0" + octets))
        equal((parts[9][2], parts[10][2]), ((1, octets), octets))
        lines = "\n".join(tshark_reads(content))
        for words in ("syntax: data-syntax2 (2)", "id-et-voice", "1.2.4", "nationally-defined", "encrypted", "2.999.1", "teletex"):
            check(words in lines, (words, lines))
        shown = here.mhs("read", "--user", EVA, entry).stdout
        check(not any(ord(c) < 32 and c not in "\n\f" for c in shown) and "Größe" in shown and "Čech" in shown and "Цена" in shown, shown)
        for number, (kind, size) in enumerate((("videotex", "256 B"), ("voice", "256 B"), ("nationally-defined", None), ("encrypted", "256 B"),
                                               ("2.999.1", None), ("bilaterally-defined", "256 B")), 6):
            check(f"[part {number}: {kind}, " in shown and f"\u00b7 mhs save {entry} {number} --user '{EVA}']" in shown, (kind, shown))
            check(size is None or f"{kind}, {size}" in shown, (kind, shown))
        saved = os.path.join(here.path, "saved")
        for number, wanted in ((6, octets), (7, octets), (8, value), (9, octets), (10, octets), (11, octets), (2, b"Gr\xc8o\xfbe2 \xbd")):
            here.mhs("save", "--user", EVA, "--force", entry, str(number), saved)
            with open(saved, "rb") as file:
                equal(file.read(), wanted, f"part {number}")
        types = here.ask("read", "--user", EVA, entry)["original-types"]
        for words in ("unknown", "ia5-text", "teletex", "videotex", "voice", "iso-ir-156", "iso-ir-144"):
            check(words in types, (words, types))
        for words, arguments in (("T.61 lacks", ("--charset", "T.61", "--text", "Цена")), ("no syntax", ("--attach-as", f"videotex=x:{path}")),
                                 ("needs the object identifier", ("--attach-as", f"voice:{path}")), ("no single value", ("--attach-as", f"national:{path}")),
                                 ("no type of body part", ("--attach-as", f"tape:{path}")), ("TYPE:FILE", ("--attach-as", "voice")),
                                 ("takes no '=x'", ("--attach-as", f"bilateral=x:{path}")), ("no TIFF", ("--attach-as", f"g3-facsimile:{path}"))):
            done = here.mhs("send", "--from", "ada", "--to", "eva", *arguments, check=False)
            check(done.returncode in (2, 4) and words in done.stderr, (arguments, done.stderr))


EOL, WHITE = "000000000001", "010011011" + "00110101"      # T.4: the end of a line, and a white one of 1728 elements


def t4(lines, end=True, tag=""):
    """`tag`: "1" of two-dimensional coding, whose lines are one-dimensional all the same."""
    bits = "".join(EOL + tag + WHITE for _ in range(lines)) + (EOL + tag) * (6 if end else 0)
    return int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")


def tiff(pages, order="little", low_bit_first=False, rows=98, **other):
    """A TIFF file with a page for each list of strips."""
    number = lambda value, width: value.to_bytes(width, order)                                     # noqa: E731
    out = bytearray((b"II" if order == "little" else b"MM") + number(42, 2) + number(0, 4))
    link = 4
    for strips in pages:
        if low_bit_first:
            strips = [bytes(int(f"{octet:08b}"[::-1], 2) for octet in strip) for strip in strips]
        places = []
        for strip in strips:
            places.append(len(out))
            out += strip
        lists = len(out)
        out += b"".join(number(place, 4) for place in places) + b"".join(number(len(strip), 4) for strip in strips)
        ratio = len(out)
        out += number(rows, 4) + number(1, 4)
        out[link:link + 4] = number(len(out), 4)
        fields = {256: (3, 1, 1728), 259: (3, 1, 3), 266: (3, 1, 2 if low_bit_first else 1),
                  273: (4, len(strips), places[0] if len(strips) == 1 else lists),
                  279: (4, len(strips), len(strips[0]) if len(strips) == 1 else lists + 4 * len(strips)), 283: (5, 1, ratio),
                  **{int(tag[1:]): (3, 1, value) for tag, value in other.items()}}
        out += number(len(fields), 2)
        for tag, (kind, count, value) in sorted(fields.items()):
            out += number(tag, 2) + number(kind, 2) + number(count, 4) + (number(value, 2).ljust(4, b"\0") if kind == 3 else number(value, 4))
        link = len(out)
        out += number(0, 4)
    return bytes(out)


def read_tiff(octets):
    """[{tag: value}] of a little-endian TIFF file, with the strip under `octets`."""
    at, pages = int.from_bytes(octets[4:8], "little"), []
    while at:
        fields = {}
        for i in range(int.from_bytes(octets[at:at + 2], "little")):
            field = octets[at + 2 + 12 * i:at + 14 + 12 * i]
            fields[int.from_bytes(field[:2], "little")] = int.from_bytes(field[8:12], "little")
        fields["octets"] = octets[fields[273]:fields[273] + fields[279]]
        pages.append(fields)
        end = at + 2 + 12 * (len(fields) - 1)
        at = int.from_bytes(octets[end:end + 4], "little")
    return pages


@case("a facsimile comes from a TIFF file and goes into one")
def _():
    with house() as here:
        first, second = t4(3), t4(5, end=False)
        for name, octets, fine in (("plain.tif", tiff([[first], [second]]), False),
                                   ("other.tif", tiff([[first[:4], first[4:]], [second]], "big", True, 196), True)):
            here.mhs("send", "--from", "ada", "--to", "eva", "--attach-as", "g3-facsimile:" + here.file(name, octets))
            entry = here.entries(EVA, 1 + fine)[-1]["entry"]
            content = here.content(EVA, entry)
            kind, parameters, data = x420.part(x420.ipm(content)[1][0])
            equal((kind, parameters.get(0).integer(), [page.contents for page in data]), ("g3-facsimile", 2, [b"\0" + first, b"\0" + second]))
            equal(parameters.get(1).bits() if parameters.get(1) else set(), {9} if fine else set())
            lines = "\n".join(tshark_reads(content))
            check("number-of-pages: 2" in lines and ("fine-resolution: True" in lines) == fine, lines)
            saved = os.path.join(here.path, "saved.tif")
            here.mhs("save", "--user", EVA, "--force", str(entry), "1", saved)
            with open(saved, "rb") as file:
                pages = read_tiff(file.read())
            equal([(page["octets"], page[256], page[257], page[259], page[292]) for page in pages],
                  [(first, 1728, 3, 3, 0), (second, 1728, 5, 3, 0)])
            here.mhs("save", "--user", EVA, "--force", "--raw", str(entry), "1", saved)
            with open(saved, "rb") as file:
                equal(file.read(), first + second)
        here.mhs("send", "--from", "ada", "--to", "eva", "--attach-as", "g3-facsimile:" + here.file("two.tif", tiff([[t4(4, tag="1")]], a292=1)))
        entry = here.entries(EVA, 3)[-1]["entry"]
        equal(x420.part(x420.ipm(here.content(EVA, entry))[1][0])[1].get(1).bits(), {8})
        here.mhs("save", "--user", EVA, "--force", str(entry), "1", saved)
        with open(saved, "rb") as file:
            page, = read_tiff(file.read())
        equal((page["octets"], page[257], page[292]), (t4(4, tag="1"), 4, 1))
        for octets in (tiff([[first]], a259=4)[:-1], tiff([[first]], a259=4), tiff([[first]], a256=800), tiff([[first]])[:60], b"II*\0" + b"\xff" * 4):
            done = here.mhs("send", "--from", "ada", "--to", "eva", "--attach-as", "g3-facsimile:" + here.file("bad.tif", octets), check=False)
            check(done.returncode == 2 and "can't be sent as g3-facsimile" in done.stderr, done.stderr)


@case("messages, reports and receipts are forwarded as body parts of their kind, and what is in them is saved")
def _():
    with house() as here:
        here.mhs("send", "--from", "ada", "--to", "eva", "--cc", f"{HOME}/S=Nobody", "--notify", "rn", "--subject", "Plan", "--text", "x", "--attach",
                 here.file("plan.bin", b"\1\2\3"))
        here.entries(ADA)
        here.mhs("receipt", "--from", "eva", str(here.entries(EVA)[0]["entry"]))
        here.entries(ADA, 2)
        here.mhs("forward", "--from", "eva", "--to", "uwe", "1")
        here.entries(UWE)
        for number in "1", "2":
            here.mhs("forward", "--from", "ada", "--to", "uwe", "--text", "see", number)
            here.entries(UWE, 1 + int(number))
        subjects = [row["subject"] for row in here.entries(UWE, 3)]
        equal(subjects, ["Fw: Plan", "Fw: Plan", "Fw: notification"])
        shown = [here.mhs("read", "--user", UWE, str(number)).stdout for number in (1, 2, 3)]
        check(f"[part 1.2: file, 3 B, plan.bin \u00b7 mhs save 1 1.2 --user '{UWE}']" in shown[0], shown[0])
        check("NOT delivered to " + HOME + "/S=Nobody" in shown[1] and "There is no such recipient" in shown[1], shown[1])
        check("[part 2: notification, " in shown[2] and "receipt-time" in shown[2] and EVA in shown[2], shown[2])
        saved = os.path.join(here.path, "nested")
        here.mhs("save", "--user", UWE, "1", "1.2", saved)
        with open(saved, "rb") as file:
            equal(file.read(), b"\1\2\3")
        check("is no forwarded message" in here.refuse("save", "--user", UWE, "1", "1.2.1", saved, status=1))
        check("the forwarded message has 2" in here.refuse("save", "--user", UWE, "1", "1.3", saved, status=1))
        for number, kind in ((1, "message"), (2, "report"), (3, "notification")):
            content = here.content(UWE, number)
            found, parameters, data = x420.part(x420.ipm(content)[1][-1])
            equal(found, kind)
            lines = "\n".join(tshark_reads(content, unknown=kind == "report"))     # which tshark does not open
            check({"message": "plan.bin", "report": "2.6.1.4.14", "notification": "receipt-time"}[kind] in lines, lines)
            if kind == "report":
                equal(sorted((child.cls, child.number) for child in data), [(0, 16), (1, 4), (1, 5), (1, 6), (1, 10), (2, 1)])
            else:
                check(parameters.get(0) and parameters.get(1), parameters)    # when it was delivered, and its envelope


if __name__ == "__main__":
    tap.main()
