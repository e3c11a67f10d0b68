#!/usr/bin/python3
"""All that X.420 lets a letter say, written, shown and kept by `mhs`, and judged by a decoder that is not ours and by tshark."""
import contextlib
import json
import os

from players import folder
from interop import tshark_judge
from peer import ber, tap, x411, x420
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


def tshark_reads(content):
    """The lines that tshark reads of a content within a P1 message, which it has nothing to complain of."""
    if not tshark_judge.available():
        raise tap.Skip("there is no tshark")
    path = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"chasqui-letter-{os.getpid()}.pcap")
    try:
        tshark_judge.wrap(path, x411.message("/C=FR/A=NEAR", "letter", "/C=FR/A=NEAR/S=joe", [ADA], content))
        read = tshark_judge.frames(path)
    finally:
        os.unlink(path)
    equal(tshark_judge.found_fault(read), [])
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


if __name__ == "__main__":
    tap.main()
