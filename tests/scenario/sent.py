#!/usr/bin/python3
"""What became of what one sent: one outcome for each recipient, however many there are, however he is spelled, and whoever told of it."""
import contextlib
import json
import os
import pwd
import subprocess

from players import as_user, folder, open_way
from peer import local, tap
from scenario.chasqui import Mhsd, free_port, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
HOME, FAR = "/C=GB/A=GOLD/P=ALPHA", "/C=DE/A=VIAT/P=FAR"
ADA, EVA, UWE, PIA = (f"{HOME}/S={name}" for name in ("Ada", "Eva", "Uwe", "Pia"))
LATER = ("--deferred", "+1h", "--text", "x")
MANY = 1200         # events of three times as many parts of a history
DN = "CN=Uwe,C=DE"
LOGIN, STRANGER = "man", "daemon"


class House:
    """One MTA with Ada, Eva, Uwe and Pia, whose own program takes her messages, and a neighbour that does not answer."""

    def __init__(self, path):
        peer = peer_section(free_port(), "FAR-MTA", "b", "ALPHA-MTA", "a")
        self.mta = Mhsd(os.path.join(path, "mta"), user={ADA: {"login": LOGIN}, EVA: {}, UWE: {}, PIA: {"delivery": "p3"}}, peer={"FAR": peer},
                        route={FAR: {"next-hop": {"FAR": {"rank": 0}}}}, directory={DN: {"address": UWE}})

    def ask(self, *arguments, user=ADA, status=0):
        done = self.mta.mhs("--json", *arguments, environment={"CHASQUI_USER": user}, check=False)
        equal(done.returncode, status, done.stderr)
        return json.loads(done.stdout)

    def text(self, *arguments, user=ADA, status=0):
        done = self.mta.mhs("--wide", *arguments, environment={"CHASQUI_USER": user}, check=False)
        equal(done.returncode, status, done.stderr)
        return done.stdout if status == 0 else done.stderr

    def send(self, *arguments, user=ADA):
        return self.ask("send", *arguments, user=user)["mts-identifier"]

    def entries(self, user=ADA, count=1):
        return wait_until(lambda: (lambda found: found if len(found) >= count else None)(self.ask("list", "--user", user, user=user)["entries"]))

    def states(self, identifier, *arguments):
        told, = self.ask("status", "--user", ADA, identifier)["messages"]
        return {row["recipient"]: row["state"] for row in told["recipients"]}


@contextlib.contextmanager
def house():
    with folder() as path:
        here = House(path)
        with here.mta:
            yield here


def as_login(here, login, *arguments):
    """What Ada, or somebody who says to be her, is told."""
    environment = {**os.environ, "CHASQUI_SOCKET": here.mta.socket_path, "CHASQUI_USER": ADA, "COLUMNS": "80"}
    return subprocess.run([program("mhs"), *arguments], env=environment, capture_output=True, text=True, user=login, group=login, extra_groups=[])


def failure(here, **members):
    """The code of the error with which a `cancel` ends."""
    try:
        with local.Client(here.mta.socket_path) as client:
            return client.request("cancel", **members)
    except local.Failed as error:
        return error.code


def to(names):
    return [word for name in names for word in ("--to", name)]


@case("at 80 columns the cause is told whole, in words")
def _():
    with house() as here:
        here.send("--to", f"{HOME}/S=Nobody", "--text", "x")
        shown = here.mta.mhs("sent", environment={"CHASQUI_USER": ADA, "COLUMNS": "80"}).stdout.splitlines()
        check("    There is no such recipient" in shown and all(len(line) <= 80 for line in shown), shown)
        check(any("\u2717 failed  There is no such recipient" in line for line in here.text("sent").splitlines()), shown)


@case("who sent a message is told what it waits for at each recipient, as an operator is; nobody else is told that it is there")
def _():
    with house() as here:
        open_way(here.mta)
        waits = here.send("--to", f"{FAR}/S=Tom", "--to", PIA.lower(), "--to", EVA, "--text", "x")

        def told():
            rows = {row["recipient"]: row.get("waits-for") for row in here.ask("status", waits)["messages"][0]["recipients"]}
            return rows if rows.get(f"{FAR}/S=Tom") and "refused" in (rows[f"{FAR}/S=Tom"]["last-error"] or "") else None
        rows = wait_until(told)
        copies = {copy["next-hop"]: copy for copy in here.ask("queue", "list")["entries"]}
        equal({name: row and (row["next-hop"], row["state"]) for name, row in rows.items()},
              {f"{FAR}/S=Tom": ("FAR", "backing-off"), PIA: (f"user {PIA}", "unbound"), EVA: None})
        equal([rows[name]["last-error"] for name in (f"{FAR}/S=Tom", PIA)], [copies[hop]["last-error"] for hop in ("FAR", f"user {PIA}")])
        check(rows[f"{FAR}/S=Tom"]["next-try"] and rows[f"{FAR}/S=Tom"]["expires"], rows)
        done = as_login(here, LOGIN, "status", waits)
        shown = " ".join(done.stdout.split())
        check("waits for FAR: " in shown and "refused; next try 2" in shown, done)
        check(f"waits for user {PIA}: the user is not bound" in shown and all(len(line) <= 80 for line in done.stdout.splitlines()), done)
        check("not-found" in as_login(here, STRANGER, "status", waits).stderr, "a stranger is told something")


@case("text and JSON have the oldest first; what no message fits differs from what nobody sent")
def _():
    with house() as here:
        equal(here.text("sent"), "Nothing that was sent is still known here.\n")
        sent = [here.send("--to", EVA, "--text", "x") for _ in range(3)]
        equal([one["mts-identifier"] for one in here.ask("sent")["messages"]], sent)
        rows = here.text("sent").splitlines()[1:]
        equal([identifier.split(";")[1].strip("]") in row for identifier, row in zip(sent, rows, strict=True)], [True] * 3)
        equal([one["mts-identifier"] for one in here.ask("sent", "--last", "2")["messages"]], sent[1:])
        told = here.text("sent", "--since", "+1h")
        check(told.startswith("Nothing that was sent at 2") and told.endswith("Z or later is still known here.\n"), told)


@case("of a message to very many every recipient is told, and what happened last; others stand beside it")
def _():
    with house() as here:
        first = here.send("--to", EVA, *LATER)
        far = [f"{FAR}/S=person{i}" for i in range(MANY)]
        many = here.send(*to(far), *to([f"{HOME}/S=nobody{i}" for i in range(MANY)]), "--to", UWE, "--report", "delivery", *LATER)
        last = here.send("--to", EVA, *LATER)
        for found in (here.states(many), {row["recipient"]: row["state"] for row in here.ask("sent", "--last", "2")["messages"][0]["recipients"]}):
            equal(len(found), 2 * MANY + 1)
            equal(({found[name] for name in far}, found[UWE], list(found.values()).count("failed")), ({"deferred"}, "deferred", MANY))
        equal([one["mts-identifier"] for one in here.ask("sent")["messages"]], [first, many, last])
        copy, = [one["id"] for one in here.ask("queue", "list")["entries"] if one["next-hop"] == "FAR"]
        here.mta.mhs("queue", "delete", str(copy), "--reason", "gone")
        found = here.states(many)
        equal(({found[name] for name in far}, found[UWE]), ({"deleted"}, "deferred"))


@case("letters are listed behind very many probes; the status of a probe is its outcome, and no delivery")
def _():
    with house() as here:
        letter = here.send("--to", EVA, "--text", "x")
        probes = [here.ask("probe", "--no-wait", EVA)["mts-identifier"] for _ in range(45)]
        for words in (), ("--last", "1"):
            equal([one["mts-identifier"] for one in here.ask("sent", *words)["messages"]], [letter])
        wait_until(lambda: here.states(probes[0]) == {EVA: "deliverable"}, what="the outcome of the probe")
        here.entries(count=45)
        told, = here.ask("status", probes[0])["messages"]
        equal((told["probe"], [step["step"] for step in told["recipients"][0]["steps"]]), (True, ["deliverable"]))
        check(here.text("status", probes[0]).startswith("Probe "), "it is not said to be a probe")
        nobody = here.ask("probe", "--no-wait", f"{HOME}/S=Nobody")["mts-identifier"]
        wait_until(lambda: set(here.states(nobody).values()) == {"not deliverable"}, what="the outcome of the other probe")
        lines = here.text("status", nobody).splitlines()
        steps = [line for line in lines if line.startswith("  ")]
        equal((len(steps), len({line.index(" 2") for line in steps})), (2, 1), lines)


@case("receipts and replies lead to a message that has a content identifier of the user's, also where others have the same")
def _():
    with house() as here:
        for count, given in enumerate(("MYCID", "a b=c", "all 16 octets, x"), 1):
            first, second = (here.send("--to", name, "--content-identifier", given, "--notify", "rn", "--text", "x") for name in (EVA, UWE))
            for user in EVA, UWE:
                number = str(here.entries(user, count)[-1]["entry"])
                here.mta.mhs("receipt", "--from", user, number)
                here.mta.mhs("reply", "--from", user, "--text", "y", number)
            receipt, _, other, _ = here.entries(count=4 * count)[-4:]
            equal((here.states(first), here.states(second)), ({EVA: "replied"}, {UWE: "replied"}))
            equal([here.ask("status", str(entry["entry"]))["messages"][0]["mts-identifier"] for entry in (receipt, other)], [first, second])


@case("a receipt of who got a blind copy is told of that copy")
def _():
    with house() as here:
        sent = here.ask("send", "--to", EVA, "--bcc", UWE, "--notify", "rn", "--text", "x")
        here.mta.mhs("receipt", "--from", UWE, str(here.entries(UWE)[0]["entry"]))
        here.entries()
        equal((here.states(sent["mts-identifier"]), here.states(sent["blind-copies"]["mts-identifier"])), ({EVA: "delivered"}, {UWE: "read"}))


@case("what an operator does with a copy for a mailbox is that user's alone; released, it waits for what it waited for")
def _():
    with house() as here:
        sent = here.send("--to", EVA, "--to", UWE, "--to", f"{FAR}/S=fay", *LATER)
        others = {UWE: "deferred", f"{FAR}/S=fay": "deferred"}
        copy = next(str(one["id"]) for one in here.ask("queue", "list")["entries"] if one["first-recipient"] == EVA)
        for words, state in (("hold", "held"), ("release", "deferred"), ("hold", "held"), ("delete", "deleted")):
            here.mta.mhs("queue", words, copy, "--reason", f"to {words}")
            equal(here.states(sent), {EVA: state, **others})


@case("a deferred message is cancelled by who sent it, for all its recipients or for none, and once")
def _():
    with house() as here:
        sent = here.send("--to", EVA, "--to", UWE, "--to", f"{FAR}/S=fay", *LATER)
        refused = lambda identifier: here.text("cancel", identifier, status=1)
        copy = next(str(one["id"]) for one in here.ask("queue", "list")["entries"] if one["first-recipient"] == EVA)
        here.mta.mhs("queue", "hold", copy, "--reason", "to see")
        check("does not wait" in refused(sent), "a held copy was cancelled")
        equal(set(here.states(sent).values()), {"deferred", "held"})
        here.mta.mhs("queue", "release", copy, "--reason", "seen")
        equal(here.ask("cancel", sent), {"changed": 1})
        equal(set(here.states(sent).values()), {"cancelled"})
        equal(here.ask("queue", "list")["entries"], [])
        check("does not wait" in refused(sent), "it was cancelled twice")
        events = here.ask("track", sent)["messages"][0]["events"]
        equal({event["detail"] for event in events if event["event"] == "cancelled"}, {f"uid {os.getuid()}: cancelled by its originator"})
        gone = here.send("--to", EVA, "--text", "x")
        here.entries(EVA)
        check("does not wait" in refused(gone), "a delivered one was cancelled")
        check("no such message" in refused("[/C=GB/A=GOLD/P=ALPHA;none]"), "one that is not known")
        for wrong in ({}, {"mts_identifier": 7}, {"mts_identifier": "x" * 2000}):
            equal(failure(here, **wrong), "not-found" if len(str(wrong)) > 100 else "bad-request")


@case("nobody cancels what another user sent")
def _():
    with house() as here:
        sent = here.send("--to", EVA, *LATER)
        open_way(here.mta)
        with as_user(pwd.getpwnam("games")):
            equal(failure(here, mts_identifier=sent), "not-found")
        equal(here.states(sent), {EVA: "deferred"})


@case("a probe to a directory name is told of, beside others that are named twice")
def _():
    with house() as here:
        told = here.ask("probe", "--timeout", "20", f"DN:{DN}", UWE, UWE)
        equal([row["outcome"] for row in told["recipients"]], ["deliverable"] * 3)
        check(not here.ask("list", "--unread")["entries"], "the report that was shown is not read")


@case("what somebody else sent is refused as that, and not as if no daemon answered")
def _():
    with house() as here:
        open_way(here.mta)
        refused = subprocess.run([program("mhs"), "sent", "--user", EVA], env={**os.environ, "CHASQUI_SOCKET": here.mta.socket_path},
                                 capture_output=True, text=True, user="games", group="games", extra_groups=[])
        equal(refused.returncode, 1, refused.stderr)
        check("not-permitted" in refused.stderr, refused.stderr)


@case("everybody in a message to very many is answered, each once in all spellings")
def _():
    with house() as here:
        far = [f"{FAR}/S=person{i}" for i in range(MANY)]
        here.send(*to(far), *to(name.lower() for name in far[:50]), "--cc", UWE, "--to", EVA, "--deferred", "+1s", "--text", "x")
        number = str(here.entries(UWE)[0]["entry"])
        here.mta.mhs("reply-all", "--from", UWE, "--text", "y", *LATER[:2], number)
        answer, = here.ask("sent", "--user", UWE, user=UWE)["messages"]
        equal(sorted(row["recipient"] for row in answer["recipients"]), sorted([ADA, EVA, *far]))


if __name__ == "__main__":
    tap.main()
