#!/usr/bin/python3
"""The command line, as users and operators at two MTAs use it."""
import hashlib
import json
import os
import pwd
import re
import subprocess
import time

from players import as_user, folder, open_way  # it also makes the packages beside it importable
from peer import ber, local, tap
from scenario.chasqui import Mhsd, free_port, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
ADA = "/C=GB/A=GOLD/P=ALPHA/S=Ada"
UWE = "/C=DE/A=VIAT/P=BETA/S=Uwe"
EVA = "/C=DE/A=VIAT/P=BETA/S=Eva"
NOBODY = "/C=DE/A=VIAT/P=BETA/S=Nobody"


class Pair:
    """ALPHA with Ada, BETA with Uwe and Eva, each the other's neighbour."""

    def __init__(self, path):
        self.path = path
        ports = free_port(), free_port()
        self.alpha = Mhsd(os.path.join(path, "alpha"), port=ports[0], node="alpha", user={ADA: {}},
                          peer={"BETA": peer_section(ports[1], "BETA-MTA", "b", "ALPHA-MTA", "a")},
                          route={"/C=DE/A=VIAT/P=BETA": {"next-hop": {"BETA": {"rank": 0}}}})
        self.beta = Mhsd(os.path.join(path, "beta"), "BETA-MTA", "/C=DE/A=VIAT/P=BETA", port=ports[1], node="beta",
                         user={UWE: {}, EVA: {}},
                         peer={"ALPHA": peer_section(ports[0], "ALPHA-MTA", "a", "BETA-MTA", "b")},
                         route={"/C=GB/A=GOLD/P=ALPHA": {"next-hop": {"ALPHA": {"rank": 0}}}})

    def __enter__(self):
        self.alpha.__enter__()
        self.beta.__enter__()
        return self

    def __exit__(self, *failure):
        self.alpha.__exit__(*failure)
        self.beta.__exit__(*failure)

    def entries(self, mta, user, count):
        """The mailbox as soon as it has so many entries."""
        return wait_until(lambda: (lambda e: e if len(e) >= count else None)(ask(mta, "list", "--user", user)["entries"]))


def ask(mta, *arguments, check=True):
    return json.loads(mta.mhs("--json", *arguments, check=check).stdout)


def refuse(mta, status, *arguments):
    """Runs a command that is to end with this exit status; what it said."""
    done = mta.mhs(*arguments, check=False)
    equal(done.returncode, status)
    return done.stderr


@case("a message with a file arrives, is read, saved, answered and forwarded")
def _():
    with folder() as path, Pair(path) as pair:
        file = os.path.join(path, "plans.bin")
        with open(file, "wb") as out:
            out.write(os.urandom(700_000))
        sent = ask(pair.alpha, "send", "--from", ADA, "--report", "delivery", "--to", UWE, "--cc", EVA, "--subject", "Brücke €",
                   "--text", "Grüße", "--attach", file, "--priority", "urgent", "--importance", "high")
        entry = pair.entries(pair.beta, UWE, 1)[0]
        equal(entry["subject"], "Brücke €")
        read = ask(pair.beta, "read", "--user", UWE, str(entry["entry"]))
        equal((read["mts-identifier"], read["priority"]), (sent["mts-identifier"], "urgent"))
        equal([(p["type"], p.get("text"), p.get("file-name")) for p in read["ipm"]["parts"]],
              [("general-text", "Grüße", None), ("file-transfer", None, "plans.bin")])
        equal(read["original-types"], ["iso-ir-1", "iso-ir-6", "iso-ir-100", "file-transfer"])
        equal(ask(pair.beta, "list", "--user", UWE, "--new")["entries"], [])
        saved = os.path.join(path, "saved.bin")
        pair.beta.mhs("save", "--user", UWE, str(entry["entry"]), "2", saved)
        equal(*(hashlib.sha256(open(name, "rb").read()).hexdigest() for name in (file, saved)))
        refuse(pair.beta, 4, "save", "--user", UWE, str(entry["entry"]), "2", saved)
        pair.beta.mhs("reply", "--from", UWE, "--all", "--text", "Danke", str(entry["entry"]))
        pair.beta.mhs("forward", "--from", UWE, "--to", ADA, str(entry["entry"]))
        found = pair.entries(pair.alpha, ADA, 4)
        by_subject = {e.get("subject"): e["entry"] for e in found}
        answer = ask(pair.alpha, "read", "--user", ADA, str(by_subject["Re: Brücke €"]))["ipm"]
        equal(answer["replied-to"]["identifier"], read["ipm"]["identifier"])
        equal([user["address"] for user in answer["cc"]], [EVA])
        inner = ask(pair.alpha, "read", "--user", ADA, str(by_subject["Fw: Brücke €"]))["ipm"]["parts"][0]["message"]
        equal(inner["subject"], "Brücke €")


def write(path, octets):
    with open(path, "wb") as file:
        file.write(octets)
    return path


def extended(kind, value, parameters=None):
    """An extended body part by the last arc of its type; `parameters` an element."""
    def external(oid, element):
        return ber.oid(oid) + ber.ctx(0, element)
    first = ber.tlv(ber.CONTEXT, 0, True, external(f"2.6.1.11.{kind}", parameters)) if parameters else b""
    return ber.ctx(15, first, ber.tlv(ber.UNIVERSAL, 8, True, external(f"2.6.1.4.{kind}", value)))


@case("no line of a command's help is longer than 80 columns, and none but a paragraph's last is torn")
def _():
    for command in ("send", "save", "reply", "route", "reload", "user add", "completion", "store move", "config show", "queue delete"):
        text = subprocess.run([program("mhs"), *command.split(), "--help"], capture_output=True, text=True, check=True).stdout
        lines = text.rstrip("\n").split("\n\n")[-1].split("\n")
        check(max(map(len, text.splitlines())) <= 80, text)
        for line, after in zip(lines, lines[1:]):
            check(len(line) + 1 + len(after.split(" ")[0]) > 80, (command, line, after))
    text = subprocess.run([program("mhsd"), "--help"], capture_output=True, text=True, check=True).stdout
    check(max(map(len, text.splitlines())) <= 80, text)


@case("who writes a text at a terminal is told how to end it")
def _():
    with folder() as path, Mhsd(os.path.join(path, "alpha"), user={ADA: {}}) as mta:
        keyboard, terminal = os.openpty()
        mhs = subprocess.Popen([program("mhs"), "--socket", mta.socket_path, "send", "--from", ADA, "--to", ADA, "--subject", "typed"],
                               stdin=terminal, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        check("Ctrl-D" in mhs.stderr.readline())
        os.write(keyboard, b"by hand\n\4")
        out, err = mhs.communicate(timeout=60)
        equal((mhs.returncode, err), (0, ""))
        check(out.startswith("Message submitted"), out)
        os.close(keyboard)
        os.close(terminal)
        entry = wait_until(lambda: ask(mta, "list", "--user", ADA)["entries"])[0]
        check("\nby hand\n" in mta.mhs("read", "--user", ADA, str(entry["entry"])).stdout)


@case("every field of a heading and a body part of any type is made, shown and saved")
def _():
    with folder() as path, Pair(path) as pair:
        other = ber.seq(ber.oid("2.999.7"), ber.integer(5))
        voice = extended(16, ber.octets(b"hum"), ber.seq(ber.prim(0, b"\x07"), ber.prim(1, ber.oid("1.2.4")[2:])))
        fax = ber.ctx(3, ber.set_(ber.prim(0, b"\1")), ber.seq(ber.tlv(ber.UNIVERSAL, 3, False, b"\0FAX")))
        parts = [write(os.path.join(path, name), octets) for name, octets in (("voice", voice), ("fax", fax))]
        sent = ask(pair.alpha, "send", "--from", ADA, "--notify", "rn,an-supported", "--reply-requested", "--to", UWE,
                   "--subject", "All of it", "--importance", "low", "--sensitivity", "private",
                   "--expiry", "2036-01-02 03:04", "--reply-by", "2026-01-02 03:04", "--reply-to", EVA,
                   "--authorizing-user", EVA, "--obsoletes", "old", "--related", "cousin", "--language", "pt-BR",
                   "--reference", "Ref 1", "--authorization-time", "2025-01-02 03:04", "--auto-submitted", "auto-generated",
                   "--heading-extension", write(os.path.join(path, "other"), other), "--dl-exempted", EVA,
                   "--text", "words", "--charset", "ISO-8859-1", "--text", "Wörter", "--part", parts[0], "--part", parts[1])
        number = str(pair.entries(pair.beta, UWE, 1)[0]["entry"])
        read = ask(pair.beta, "read", "--user", UWE, number)
        equal([(e["type"], e["name"]) for e in read["extensions"]], [(42, "dl-exempted-recipients")])
        heading = dict(read["ipm"])
        parts = heading.pop("parts")
        equal(heading.pop("from")["address"], ADA)
        equal(heading.pop("to"), [{"address": UWE, "notification-requests": ["rn", "nrn", "an-supported"], "reply-requested": True}])
        equal(heading.pop("other-extensions"), [{"type": "2.999.7", "value": "020105"}])
        equal(heading, {
            "identifier": sent["ipm-identifier"], "subject": "All of it", "importance": "low", "sensitivity": "private",
            "expiry-time": "2036-01-02T03:04:00Z", "reply-time": "2026-01-02T03:04:00Z", "reply-to": [{"address": EVA}],
            "authorizing-users": [{"address": EVA}], "obsoletes": [{"user": ADA, "identifier": "old"}],
            "related": [{"user": ADA, "identifier": "cousin"}], "languages": ["pt-BR"], "reference": "Ref 1",
            "authorization-time": "2025-01-02T03:04:00Z", "auto-submitted": "auto-generated"})
        equal([part["type"] for part in parts], ["ia5-text", "general-text", "voice", "g3-facsimile"])
        equal(parts[2]["parameters"], {"voice-message-duration": 7, "voice-encoding-type": "1.2.4"})
        equal(parts[3]["parameters"], {"number-of-pages": 1})
        shown = pair.beta.mhs("read", "--user", UWE, number).stdout
        for words in ("pt-BR", "2.999.7", "020105", "2025-01-02T03:04:00Z", "auto-generated", "voice-encoding-type",
                      "dl-exempted-recipients", "cousin", "old", "Ref 1", "an-supported"):
            check(words in shown, (words, shown))
        for arguments, octets in ((("2",), "Wörter".encode("latin-1")), (("2", "--text"), "Wörter".encode()),
                                  (("3",), b"hum"), (("4", "--raw"), b"FAX")):
            saved = os.path.join(path, "saved")
            pair.beta.mhs("save", "--user", UWE, "--force", number, arguments[0], saved, *arguments[1:])
            with open(saved, "rb") as file:
                equal(file.read(), octets)
        check("is not a text" in refuse(pair.beta, 1, "save", "--user", UWE, "--text", number, "3", "-"))


@case("a reply goes to the reply recipients, names what it answers and what came before, and says when it is late")
def _():
    with folder() as path, Pair(path) as pair:
        pair.alpha.mhs("send", "--from", ADA, "--to", UWE, "--reply-to", EVA, "--reply-by", "2026-01-02 03:04",
                       "--related", "before", "--subject", "Talk", "--text", "x")
        first = pair.entries(pair.beta, UWE, 1)[0]["entry"]
        identifier = ask(pair.beta, "read", "--user", UWE, str(first))["ipm"]["identifier"]
        said = pair.beta.mhs("reply", "--from", UWE, "--text", "y", str(first)).stderr
        check("asked for by 2026-01-02T03:04:00Z" in said, said)
        second = pair.entries(pair.beta, EVA, 1)[0]["entry"]
        answer = ask(pair.beta, "read", "--user", EVA, str(second))["ipm"]
        equal((answer["subject"], answer["replied-to"]["identifier"]), ("Re: Talk", identifier))
        equal([i["identifier"] for i in answer["related"]], ["before"])
        equal(ask(pair.alpha, "list", "--user", ADA)["entries"], [])
        pair.beta.mhs("reply", "--from", EVA, "--related", "another", "--text", "z", str(second))
        last = ask(pair.beta, "read", "--user", UWE, str(pair.entries(pair.beta, UWE, 2)[-1]["entry"]))["ipm"]
        equal(last["subject"], "Re: Talk")
        equal([i["identifier"] for i in last["related"]], ["another", "before", identifier])


@case("a non-delivery is told in words, and stands in the history of both")
def _():
    with folder() as path, Pair(path) as pair:
        sent = ask(pair.alpha, "send", "--from", ADA, "--to", NOBODY, "--text", "anybody?")
        entry = pair.entries(pair.alpha, ADA, 1)[0]
        equal((entry["delivered"], entry["non-delivered"], entry["remark"], "subject" in entry), (0, 1, "report: NOT delivered", False))
        recipient, = ask(pair.alpha, "read", "--user", ADA, str(entry["entry"]))["recipients"]
        equal((recipient["delivered"], recipient["diagnostic"]), (False, "unrecognised-OR-name"))
        shown = pair.alpha.mhs("read", "--user", ADA, str(entry["entry"])).stdout
        check("NOT delivered to " + NOBODY in shown and max(map(len, shown.splitlines())) <= 80, shown)
        for mta, event in ((pair.alpha, "report-received"), (pair.beta, "non-delivered")):
            history, = ask(mta, "track", sent["mts-identifier"])["messages"]
            check(event in [e["event"] for e in history["events"]], history)
        equal([e["address"] for e in history["events"] if e["event"] == "non-delivered"], [NOBODY])
        check(NOBODY in pair.beta.mhs("track", sent["mts-identifier"]).stdout, "the history names nobody")


@case("--json makes one JSON value of help, version and completion, too")
def _():
    with folder() as path, Pair(path) as pair:
        for words, member, text in ((["--help"], "help", "Usage: mhs "), (["help"], "help", "Usage: mhs "), (["help", "queue", "list"], "help", "Usage: mhs queue list"),
                                    (["queue", "--help"], "help", "Usage: mhs queue"), (["send", "--help"], "help", "--subject"),
                                    (["--version"], "version", "."), (["completion", "bash"], "script", "_mhs"), (["completion", "zsh"], "script", "#compdef mhs")):
            told = ask(pair.alpha, *words)
            equal(list(told), [member], words)
            check(text in told[member], (words, told))
        equal(ask(pair.alpha, "completion", "peers"), {"names": ["BETA"]})
        equal(json.loads(subprocess.run([program("mhs"), "send", "--json", "--help"], capture_output=True, text=True, check=True).stdout).keys(), {"help"})


@case("what was sent is told step by step to each recipient, here and at another MTA")
def _():
    with folder() as path, Pair(path) as pair:
        uwe = "/C=de/A=viat/P=beta/S=uwe"           # who answers spells his address otherwise
        sent = ask(pair.alpha, "send", "--from", ADA, "--to", uwe, "--cc", NOBODY, "--to", ADA.replace("S=Ada", "S=ADA"), "--report", "delivery", "--notify", "rn",
                   "--subject", "Plan", "--text", "x")["mts-identifier"]
        entry = str(pair.entries(pair.beta, UWE, 1)[0]["entry"])
        pair.entries(pair.alpha, ADA, 4)
        pair.beta.mhs("receipt", "--from", UWE, entry)
        pair.entries(pair.alpha, ADA, 5)
        pair.beta.mhs("reply", "--from", UWE, "--text", "y", entry)
        pair.entries(pair.alpha, ADA, 6)
        told, = ask(pair.alpha, "status", "--user", ADA, sent)["messages"]
        steps = {row["recipient"]: [step["step"] for step in row["steps"]] for row in told["recipients"]}
        equal((told["mts-identifier"], steps), (sent, {uwe: ["transferred", "delivered", "read", "replied"],
                                                       NOBODY: ["transferred", "failed"], ADA: ["delivered"]}))
        rows = {row["recipient"]: row for row in told["recipients"]}
        equal((rows[uwe]["state"], rows[NOBODY]["state"]), ("replied", "failed"))
        equal((rows[uwe]["steps"][0]["detail"], rows[uwe]["steps"][-1]["detail"]), ("BETA", "Re: Plan"))
        equal(rows[uwe]["steps"][1]["detail"], "told by BETA")
        check("unrecognised-OR-name" in rows[NOBODY]["steps"][-1]["detail"], rows)
        shown = pair.alpha.mhs("status", "--user", ADA, sent).stdout
        for words in (uwe, "transferred ", "  BETA", "read ", "replied ", "failed "):
            check(words in shown, (words, shown))
        line = [row for row in pair.alpha.mhs("--wide", "sent", "--user", ADA).stdout.splitlines() if uwe in row][0]
        check("\u2713 replied" in line and "Re: Plan" in line, line)


@case("what an operator holds, releases and deletes is told to its originator, of the copy that he did it with")
def _():
    with folder() as path, Pair(path) as pair:
        sent = ask(pair.alpha, "send", "--from", ADA, "--to", UWE, "--to", ADA, "--deferred", "+1h", "--text", "later")["mts-identifier"]
        copy, = [entry for entry in ask(pair.alpha, "queue", "list")["entries"] if entry["next-hop"] == "BETA"]

        def states():
            told, = ask(pair.alpha, "status", "--user", ADA, sent)["messages"]
            return [{row["recipient"]: row["state"] for row in told["recipients"]}[name] for name in (UWE, ADA)]
        for words, state in (("hold", "held"), ("release", "deferred"), ("hold", "held"), ("delete", "deleted")):
            pair.alpha.mhs("queue", words, str(copy["id"]), "--reason", f"to {words}")
            equal(states(), [state, "deferred"], words)
        shown = pair.alpha.mhs("--wide", "sent", "--user", ADA).stdout
        check("\u2717 deleted" in shown and "to delete" in shown, shown)


@case("a receipt goes back when it was asked for, and only then")
def _():
    with folder() as path, Pair(path) as pair:
        pair.alpha.mhs("send", "--from", ADA, "--to", EVA, "--notify", "rn,nrn,return", "--to", UWE,
                       "--subject", "Read me", "--text", "x", "--priority", "urgent")
        asked = str(pair.entries(pair.beta, UWE, 1)[0]["entry"])
        identifier = ask(pair.beta, "read", "--user", UWE, asked)["ipm"]["identifier"]
        equal([e["notified"] for e in pair.entries(pair.beta, UWE, 1)], [False])
        pair.beta.mhs("receipt", "--from", UWE, "--information", "at once", asked)
        for again in ((), ("--discarded", "ipm-obsoleted")):
            check("was sent already" in refuse(pair.beta, 1, "receipt", "--from", UWE, *again, asked))
        equal([e["notified"] for e in pair.entries(pair.beta, UWE, 1)], [True])
        pair.alpha.mhs("send", "--from", ADA, "--notify", "nrn,return", "--to", UWE, "--subject", "Come back", "--text", "y",
                       "--priority", "urgent")
        returning = pair.entries(pair.beta, UWE, 2)[1]
        pair.beta.stop()
        pair.beta.start()       # the mark is in the store
        check("was sent already" in refuse(pair.beta, 1, "receipt", "--from", UWE, asked))
        pair.beta.mhs("receipt", "--from", UWE, "--discarded", "ipm-obsoleted", str(returning["entry"]))
        check("does not ask" in refuse(pair.beta, 1, "receipt", "--from", EVA, asked))
        refuse(pair.beta, 2, "receipt", "--from", UWE, "--discarded", "dislike", asked)
        found = [ask(pair.alpha, "read", "--user", ADA, str(e["entry"])) for e in pair.entries(pair.alpha, ADA, 2)]
        equal({message["priority"] for message in found}, {"urgent"})
        notifications = {message["ipn"]["kind"]: message["ipn"] for message in found}
        for notification in notifications.values():
            equal(notification["originator"]["address"], UWE)
        equal(notifications["receipt"]["supplementary-information"], "at once")
        equal(notifications["receipt"]["subject-ipm"]["identifier"], identifier)
        equal(notifications["non-receipt"]["discard-reason"], "ipm-obsoleted")
        equal(notifications["non-receipt"]["returned"]["subject"], "Come back")
        check("returned" not in notifications["receipt"])


@case("a notification is sent once, whoever is killed meanwhile")
def _():
    rounds = 6
    with folder() as path, Pair(path) as pair:
        for _ in range(rounds):
            pair.alpha.mhs("send", "--from", ADA, "--notify", "rn", "--to", UWE, "--subject", "Read me", "--text", "x")
        entries = sorted(e["entry"] for e in pair.entries(pair.beta, UWE, rounds))
        for i, entry in enumerate(entries):
            envelope = local.submission_envelope(UWE, [ADA], content_identifier=f"rn {i}")
            with pair.beta.client() as client:
                client.begin(envelope, b"a notification")
                if i:           # without its end nothing is submitted, and nothing marked
                    client.end(UWE, entry)
                    time.sleep(0.004 * (i - 1))         # each round is killed at another point
                    pair.beta.kill()
            if i:
                pair.beta.start()
            with pair.beta.client() as client:
                marked = {e["entry"]: e["notified"] for e in client.entries(UWE)}[entry]
                check(i or not marked)
                if not marked:
                    client.submit(envelope, b"a notification", notified=(UWE, entry))
                try:
                    client.submit(envelope, b"a notification", notified=(UWE, entry))
                except local.Failed as failure:
                    equal(failure.code, "wrong-state")
                else:
                    check(False, "a second notification was taken")
        wait_until(lambda: not pair.beta.request("queue-list")["entries"], what="an empty queue")
        equal(sorted(e["content-identifier"] for e in pair.entries(pair.alpha, ADA, rounds)),
              [f"rn {i}" for i in range(rounds)])


@case("a report that is asked for behind all recipients is for all, and blind copies are told as such")
def _():
    with folder() as path, Pair(path) as pair:
        said = pair.alpha.mhs("send", "--from", ADA, "--to", UWE, "--bcc", EVA, "--text", "x", "--report", "delivery").stdout.splitlines()
        check(len(said) == 2 and said[0].startswith("Message submitted at") and
              said[1].startswith("Message to the blind copy recipients submitted at"), said)
        equal([entry["delivered"] for entry in pair.entries(pair.alpha, ADA, 2)], [1, 1])


@case("no copy but the blind ones names a blind copy recipient")
def _():
    with folder() as path, Pair(path) as pair:
        pair.alpha.mhs("send", "--from", ADA, "--to", UWE, "--bcc", EVA, "--text", "psst")
        open_copy = ask(pair.beta, "read", "--user", UWE, str(pair.entries(pair.beta, UWE, 1)[0]["entry"]))
        blind_copy = ask(pair.beta, "read", "--user", EVA, str(pair.entries(pair.beta, EVA, 1)[0]["entry"]))
        check("bcc" not in open_copy["ipm"] and EVA not in json.dumps(open_copy), open_copy)
        equal([user["address"] for user in blind_copy["ipm"]["bcc"]], [EVA])


@case("a note to oneself is answered to oneself; who answers is left out only where somebody else remains")
def _():
    with folder() as path, Pair(path) as pair:
        pair.alpha.mhs("send", "--from", ADA, "--to", ADA, "--subject", "note", "--text", "x")
        pair.alpha.mhs("send", "--from", ADA, "--to", ADA, "--cc", UWE, "--subject", "both", "--text", "x")
        note, both = (entry["entry"] for entry in pair.entries(pair.alpha, ADA, 2))
        pair.alpha.mhs("reply", "--from", ADA, "--text", "y", str(note))
        pair.alpha.mhs("reply-all", "--from", ADA, "--text", "y", str(note))
        pair.alpha.mhs("reply-all", "--from", ADA, "--text", "y", str(both))
        pair.entries(pair.beta, UWE, 2)
        equal([e["subject"] for e in pair.entries(pair.alpha, ADA, 4)], ["note", "both", "Re: note", "Re: note"])


@case("what is not there is named, what was not deleted too, and a mailbox may be named as --user where one is answered")
def _():
    with folder() as path, Pair(path) as pair:
        for _ in range(3):
            pair.alpha.mhs("send", "--from", ADA, "--to", ADA, "--subject", "mine", "--text", "x")
        pair.entries(pair.alpha, ADA, 3)
        check("no entry 99" in refuse(pair.alpha, 1, "read", "--user", ADA, "99"))
        said = refuse(pair.alpha, 1, "delete", "--user", ADA, "2", "99", "3")
        check("no entry 99" in said and "not deleted: 99, 3\n" in said, said)
        equal([e["entry"] for e in pair.entries(pair.alpha, ADA, 2)], [1, 3])
        for wrong in "x", "0", "9" * 23, str(2 ** 63):     # a wrong command line does nothing
            check(f"'{wrong}' is not the number" in refuse(pair.alpha, 2, "delete", "--user", ADA, "1", wrong, "3"))
            check(f"'{wrong}' is not the number" in refuse(pair.alpha, 2, "read", "--user", ADA, wrong))
        equal([e["entry"] for e in pair.entries(pair.alpha, ADA, 2)], [1, 3])
        pair.alpha.mhs("forward", "--user", ADA, "--to", ADA, "1")
        pair.alpha.mhs("reply", "--user", ADA, "--to", ADA, "--text", "y", "1")
        pair.entries(pair.alpha, ADA, 4)
        pair.alpha.mhs("send", "--from", ADA, "--to", ADA, "--attach", pair.alpha.path)
        last = pair.entries(pair.alpha, ADA, 5)[-1]["entry"]
        shown = pair.alpha.mhs("read", "--user", ADA, str(last)).stdout
        check(f"mhs save {last} 1 --user '{ADA}']" in shown, shown)
        check(re.search(r"\nfile-attributes object-size: \d+\n", shown), shown)
        check(re.search(r"\nfile-attributes date-and-time-of-last-modification: \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\n", shown), shown)
        check("no other option" in refuse(pair.alpha, 2, "list", "--mailboxes", "--user", ADA))
        equal(len(ask(pair.alpha, "list", "--mailboxes")["mailboxes"]), 1)
        check("say what is to be changed" in refuse(pair.alpha, 2, "user", "set", ADA))
        check("FROM and TO are the same" in refuse(pair.alpha, 2, "store", "move", path, path + "/."))


@case("a probe waits for its report and tells of each recipient")
def _():
    with folder() as path, Pair(path) as pair:
        pair.alpha.mhs("send", "--from", ADA, "--to", ADA, "--text", "there is mail before it")
        pair.entries(pair.alpha, ADA, 1)
        done = pair.alpha.mhs("probe", "--from", ADA, UWE)
        check(re.search(rf"^deliverable: {UWE}/? \(BETA-MTA, \d+\.\d s\)$", done.stdout, re.M), done.stdout)
        answer = ask(pair.alpha, "probe", "--from", ADA, UWE, NOBODY, check=False)
        told = {r["recipient"]: r for r in answer["recipients"]}
        equal({name: r["outcome"] for name, r in told.items()}, {UWE: "deliverable", NOBODY: "not-deliverable"})
        equal((told[NOBODY]["mta"], told[NOBODY]["diagnostic"]), ("BETA-MTA", "unrecognised-OR-name"))
        check(isinstance(told[UWE]["milliseconds"], int))
        done = pair.alpha.mhs("probe", "--from", ADA, UWE, NOBODY, check=False)
        equal(done.returncode, 1)
        check(f"NOT deliverable: {NOBODY}" in done.stdout and "There is no such recipient" in done.stdout, done.stdout)
        # Only what nobody saw is new.
        equal([entry["kind"] for entry in ask(pair.alpha, "list", "--user", ADA, "--new")["entries"]], ["message"])
        equal(ask(pair.beta, "list", "--user", UWE)["entries"], [])
        # What it says later is not of a message that was delivered.
        pair.alpha.mhs("send", "--from", ADA, "--report", "delivery", "--to", UWE, "--text", "this is a message")
        mail, first, mixed, *_, sent = pair.entries(pair.alpha, ADA, 5)
        equal([e.get("probe") for e in (mail, first, mixed, sent)], [None, True, True, False])
        shown = [line.split("  ")[-1] for line in pair.alpha.mhs("--wide", "list", "--user", ADA).stdout.splitlines()]
        check(shown[2].endswith("\u2713 deliverable") and shown[-1].endswith("\u2713 delivered"), shown)
        check("\u2717 1 of 2: not deliverable: no such recipient" in shown[3], shown)
        shown = pair.alpha.mhs("read", "--user", ADA, str(mixed["entry"])).stdout
        check(f"deliverable to {UWE}" in shown and f"NOT deliverable to {NOBODY}" in shown, shown)
        history = pair.alpha.mhs("--wide", "track", "--recent", "20").stdout
        check("deliverable" in history and not re.search(r"\bdelivered\b", history.split("probe submitted")[1].split("\n[")[0]), history)
        about, = [h["mts-identifier"] for h in ask(pair.alpha, "track", "--recent", "20")["messages"]
                  if h["events"][0].get("about-probe") and "non-delivered" not in str(h)][-1:]
        history = pair.alpha.mhs("--wide", "track", about).stdout
        check("  deliverable" in history and not re.search(r"report-received.*\bdelivered\b", history), history)
        check("report on probe:" in shown and "delivered" not in shown, shown)
        check(f"delivered to {UWE}" in pair.alpha.mhs("read", "--user", ADA, str(sent["entry"])).stdout)
        for mta, probe, message in (pair.alpha, "probe submitted", "  submitted"), (pair.beta, "probe received", "  received"):
            check(probe in mta.mhs("track", first["mts-identifier"]).stdout, probe)
            check(message in mta.mhs("track", sent["mts-identifier"]).stdout, message)


@case("a probe that nobody answers ends in time, and its report comes into the mailbox")
def _():
    with folder() as path, Pair(path) as pair:
        pair.beta.stop()
        done = pair.alpha.mhs("probe", "--from", ADA, "--timeout", "1", UWE, check=False)
        equal(done.returncode, 6)
        check(f"no answer: {UWE}" in done.stdout and "mhs track '[" in done.stdout, done.stdout)
        answer = ask(pair.alpha, "probe", "--from", ADA, "--timeout", "1", UWE, check=False)
        equal([r["outcome"] for r in answer["recipients"]], ["no-answer"])
        equal(pair.alpha.mhs("probe", "--from", ADA, "--no-wait", UWE).stdout.count("\n"), 1)
        equal(len(ask(pair.alpha, "queue", "list", "--kind", "probe")["entries"]), 3)
        pair.beta.start()
        entries = pair.entries(pair.alpha, ADA, 3)
        equal([(entry["kind"], entry["seen"], entry["remark"]) for entry in entries], [("report", False, "report on a probe: deliverable")] * 3)
        refuse(pair.alpha, 3, "--socket", os.path.join(path, "no.sock"), "probe", "--from", ADA, UWE)
        refuse(pair.alpha, 1, "probe", "--from", UWE, ADA)      # no mailbox of ours


@case("a list names the recipients of reports, and aliases")
def _():
    with folder() as path, Pair(path) as pair:
        os.makedirs(f"{path}/chasqui")
        with open(f"{path}/chasqui/aliases", "w") as file:
            file.write(f"uwe = c=de; a=viat; p=beta; s=UWE\nme = {ADA}\n")
        home = {"XDG_CONFIG_HOME": path}
        pair.alpha.mhs("probe", "--from", ADA, "--no-wait", UWE, NOBODY)
        pair.alpha.mhs("send", "--from", ADA, "--to", ADA, "--text", "x")
        entries = pair.entries(pair.alpha, ADA, 2)
        report = next(entry for entry in entries if entry["kind"] == "report")
        equal(sorted((r["recipient"], r["delivered"]) for r in report["recipients"]), [(NOBODY, False), (UWE, True)])
        equal((report["delivered"], report["non-delivered"]), (1, 1))
        equal(report["remark"], "report on a probe: 1 deliverable, 1 NOT deliverable")
        shown = pair.alpha.mhs("--wide", "list", "--user", ADA, environment=home).stdout
        check(re.search(rf" {NOBODY} \+1 +\u2717 1 of 2: not deliverable: no such recipient", shown), shown)
        check(re.search(r" me +\(no subject\)", shown), shown)
        recipients = ask(pair.alpha, "read", "--user", ADA, str(report["entry"]))["recipients"]
        equal(sorted((r["recipient"], r["delivered"]) for r in recipients), [(NOBODY, False), (UWE, True)])
        pair.beta.stop()
        pair.alpha.mhs("send", "--from", ADA, "--to", UWE, "--text", "x")
        check(re.search(r" uwe ", pair.alpha.mhs("queue", "list", environment=home).stdout))


@case("an operator reads and saves what is queued; nobody else does")
def _():
    with folder() as path, Pair(path) as pair:
        large = os.path.join(path, "large")
        with open(large, "wb") as file:
            file.write(os.urandom(700_000))
        pair.beta.stop()
        pair.alpha.mhs("send", "--from", ADA, "--to", UWE, "--subject", "Plans", "--text", "Hello Uwe", "--attach", large)
        copy, = ask(pair.alpha, "queue", "list")["entries"]
        number = str(copy["id"])
        check("Plans" not in pair.alpha.mhs("queue", "show", number).stdout)
        check("content" not in ask(pair.alpha, "queue", "show", number))
        shown = pair.alpha.mhs("queue", "show", "--content", number).stdout
        check("Plans" in shown and "Hello Uwe" in shown and "large" in shown, shown)
        parts = ask(pair.alpha, "queue", "show", "--content", number)["content"]["ipm"]["parts"]
        equal([part["type"] for part in parts], ["ia5-text", "file-transfer"])
        pair.alpha.mhs("queue", "show", "--save", f"{path}/saved", number)
        with open(f"{path}/saved", "rb") as saved, open(large, "rb") as file:
            octets = saved.read()
            check(file.read() in octets)
        equal(len(octets), copy["size"])
        check("--force" in refuse(pair.alpha, 4, "queue", "show", "--save", f"{path}/saved", number))
        refuse(pair.alpha, 1, "queue", "show", "--content", "99")
        wait_until(lambda: f"uid {os.geteuid()} fetches the content of the queued message {copy['message']}" in pair.alpha.log())
        open_way(pair.alpha)
        with as_user(pwd.getpwnam("games")), local.Client(pair.alpha.socket_path) as client:
            try:
                client.fetch("", copy["message"], 0, 0)
                check(False, "a user read what is queued")
            except local.Failed as error:
                equal(error.code, "not-permitted")


@case("an operator holds, shows, deletes; the reason is recorded")
def _():
    with folder() as path, Pair(path) as pair:
        sent = ask(pair.alpha, "send", "--from", ADA, "--to", UWE, "--deferred", "+1h", "--text", "later")
        copy, = ask(pair.alpha, "queue", "list")["entries"]
        equal((copy["state"], copy["mts-identifier"]), ("deferred", sent["mts-identifier"]))
        equal(ask(pair.alpha, "queue", "hold", str(copy["id"]), "--reason", "wait")["changed"], 1)
        equal(ask(pair.alpha, "queue", "show", str(copy["id"]))["state"], "held")
        pair.alpha.mhs("queue", "delete", str(copy["id"]), "--reason", "nobody wants it")
        equal(ask(pair.alpha, "queue", "list")["entries"], [])
        history = pair.alpha.mhs("track", sent["mts-identifier"]).stdout
        check("deleted" in history and "nobody wants it" in history, history)


@case("ping, route, status and users answer")
def _():
    with folder() as path, Pair(path) as pair:
        check(ask(pair.alpha, "ping", "BETA")["ok"])
        check("next hop BETA" in pair.alpha.mhs("route", UWE).stdout)
        equal(ask(pair.alpha, "status")["state"], "serving")
        check(re.search("^copies: +0$", pair.alpha.mhs("status").stdout, re.M))
        new = "/C=GB/A=GOLD/P=ALPHA/S=New"
        pair.alpha.mhs("user", "add", "--directory-name", "CN=New,C=GB", new)
        sent = ask(pair.alpha, "send", "--from", ADA, "--to", new, "--text", "x")
        pair.alpha.mhs("send", "--from", ADA, "--to", ADA, "--text", "x")
        for option in "--recipient", "--originator":
            shown = wait_until(lambda option=option: ask(pair.alpha, "track", option, "DN:CN=New,C=GB"))["messages"]
            equal([m["mts-identifier"] for m in shown], [sent["mts-identifier"]] if option == "--recipient" else [])
        check("has no address for" in refuse(pair.alpha, 2, "track", "--recipient", "DN:CN=Nobody,C=GB"))
        pair.alpha.mhs("delete", "--user", new, "1")
        equal([u["address"] for u in ask(pair.alpha, "user", "list")["users"]], [ADA, new])
        pair.alpha.mhs("user", "set", "--password-command", "echo secret", new)
        check(re.search(r"^password: +yes$", pair.alpha.mhs("user", "show", new).stdout, re.M), pair.alpha.mhs("user", "show", new).stdout)
        check(re.search(r"^ADDRESS +UID +PASSWORD ", pair.alpha.mhs("user", "list").stdout), pair.alpha.mhs("user", "list").stdout)
        pair.alpha.mhs("user", "remove", new)
        refuse(pair.alpha, 1, "user", "remove", ADA)
        pair.beta.stop()
        check("not reached" in pair.alpha.mhs("ping", "BETA", check=False).stdout)
        pair.beta.start()


@case("what is wrong is said, with the exit code for it")
def _():
    with folder() as path, Pair(path) as pair:
        check("no such alias: 'nonsense'" in refuse(pair.alpha, 2, "send", "--from", ADA, "--to", "nonsense", "--text", "x"))
        refuse(pair.alpha, 2, "send", "--from", ADA, "--text", "x")
        refuse(pair.alpha, 2, "queue", "hold")
        said = refuse(pair.alpha, 2, "track")
        check(all(option in said for option in ("--content-identifier", "--recent", "--originator", "--recipient", "--since", "--until")), said)
        for option in "--latest", "--deferred", "--expiry", "--reply-by":
            said = refuse(pair.alpha, 2, "send", "--from", ADA, "--to", UWE, option, "-1h", "--text", "x")
            check(f"{option}: -1h is past" in said, said)
        said = refuse(pair.alpha, 2, "send", "--from", ADA, "--to", UWE, "--deferred", "2020-01-01T00:00:00Z", "--text", "x")
        check("--deferred: 2020-01-01T00:00:00Z is past" in said, said)
        for words, near in (("queue", "list", "--state", "redy"), "ready"), (("send", "--from", ADA, "--to", UWE, "--priority", "urgnt", "--text", "x"), "urgent"):
            check(f"did you mean '{near}'?" in refuse(pair.alpha, 2, *words))
        with open("/dev/full", "w") as full:        # who can't be told of it does not send it twice
            for json_too in (), ("--json",):
                done = subprocess.run([program("mhs"), *json_too, "send", "--from", ADA, "--to", UWE, "--text", "x"], stdout=full,
                                      stderr=subprocess.PIPE, text=True, check=False, env={**os.environ, "CHASQUI_SOCKET": pair.alpha.socket_path})
                check(done.returncode == 4 and re.search(r"submitted all the same, .*: \[.*\]\n", done.stderr), done)
        done = subprocess.run([program("mhs"), "status"], capture_output=True, text=True, check=False, env={**os.environ, "CHASQUI_SOCKET": ""})
        check("daemon at :" not in done.stderr, done)
        elsewhere = ask(pair.alpha, "send", "--from", ADA, "--to", "/C=US/A=NONE/S=x", "--text", "x")
        report = pair.entries(pair.alpha, ADA, 1)[0]["entry"]
        said, = ask(pair.alpha, "read", "--user", ADA, str(report))["recipients"]
        equal(said["supplementary-information"], "no route matches the address")
        check("no route matches" in pair.alpha.mhs("--wide", "track", elsewhere["mts-identifier"]).stdout, "the history says so too")
        refuse(pair.alpha, 2, "nonsense")
        refuse(pair.alpha, 4, "send", "--from", ADA, "--to", UWE, "--attach", os.path.join(path, "missing"))
        refuse(pair.alpha, 1, "read", "--user", ADA, "99")
        refuse(pair.alpha, 1, "track", "[/C=XX/;none]")
        refuse(pair.alpha, 3, "--socket", os.path.join(path, "no.sock"), "status")



tap.main()
