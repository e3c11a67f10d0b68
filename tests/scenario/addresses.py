#!/usr/bin/python3
"""One key for one address: however it is spelled, by whom, and when, the same mailbox, user, list, alias and copy is
meant; and every usual spelling is read as what it says."""
import json
import os
import sqlite3
import subprocess

from players import FAY, HOME, Stage, Unharmed, folder, hostile_stage, text_message
from peer import ber, local, tap, x411
from scenario.chasqui import program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
SMITH, ANEW = f"{HOME}/S=smith/G=ann", "/C=GB/ADMD=Gold/PRMD=alpha/G=ANN/S=Smith"
CALLED = "/C=GB/A=Gold/P=alpha/S=Smith/G=ANN"         # the same as a neighbour writes it
# Spellings of one address: case, spaces, order, labels, forms of the country.
SPELLINGS = [SMITH, ANEW, "g=Ann; s=SMITH; p=Alpha; a=gold; c=gb", "c=234;a=GOLD;p=ALPHA;s= smith ;g=ann",
             "x400:C=gb/A=gold/P=alpha/PN=Ann.Smith/", "[X400:c=GB;a=Gold;p=Alpha;s=Smith;g=Ann;]"]


def entries(mta, user):
    return mta.request("mailbox-list", mailbox=user)["entries"]


def refused(mta, operation, **members):
    """The text of the error."""
    try:
        mta.request(operation, **members)
    except local.Failed as error:
        return str(error)
    return "it was done"


def reload(mta):
    mta.mhs("reload")       # returns when all processes have it; a line of one of them in the log would not say that


@case("a message is tracked by its identifier however the domain in it is spelled, and by no other domain's")
def _():
    with folder() as path, hostile_stage(path, user={SMITH: {"available": True}}) as stage, Unharmed(stage) as unharmed:
        stage.hand_over(text_message("one", [SMITH]))
        wait_until(lambda: entries(stage.mta, SMITH))

        def tracked(identifier):
            try:
                return [message["mts-identifier"] for message in
                        stage.mta.request("track", **{"mts-identifier": identifier})["messages"]]
            except local.Failed as error:
                equal(error.code, "not-found")
                return []
        for spelled in ("[/ADMD=NEAR/C=FR/;one]", "[/C=fr/A=Near/;one]", "/c=208/admd=near/;one", "[/ADMD=near/C=FR/;one]"):
            equal(tracked(spelled), ["[/ADMD=NEAR/C=FR/;one]"], spelled)
        for other in ("[/ADMD=FAR/C=FR/;one]", "[/PRMD=NEAR/ADMD=NEAR/C=FR/;one]", "[/ADMD=NEAR/C=FR/;ONE]", "[/C=FR/A=NEAR;one", "[]"):
            equal(tracked(other), [], other)
        unharmed.served("tracking")


@case("a reload that spells addresses anew changes nothing: mailbox, list, alias, redirection, directory, queue, track")
def _():
    everyone, boss, away = f"{HOME}/CN=everyone", f"{HOME}/S=boss", f"{HOME}/S=away"
    first = dict(user={SMITH: {"directory-name": "CN=Ann Smith,C=GB"}, away: {"redirection": {"alternate": ANEW}}},
                 list={everyone: {"members": [ANEW]}}, alias={boss: {"target": ANEW}})
    anew = dict(user={ANEW: {"directory-name": "cn=ann  smith,c=gb"},
                      away.upper(): {"redirection": {"alternate": SPELLINGS[2]}}},
                list={everyone.upper(): {"members": [SPELLINGS[3]]}},
                alias={"s=BOSS; p=alpha; a=gold; c=gb": {"target": SMITH}})
    with folder() as path, hostile_stage(path, **first) as stage, Unharmed(stage) as unharmed:
        mta = stage.mta
        for number, spelled in enumerate([SMITH, CALLED, everyone, boss, away]):
            stage.hand_over(text_message(f"before-{number}", [spelled]))
        wait_until(lambda: len(entries(mta, SMITH)) == 5)
        mta.request("mailbox-mark", mailbox=SMITH, entry=2, seen=True)
        seen = [(e["entry"], e["seen"], e["mts-identifier"]) for e in entries(mta, SMITH)]
        mta.configure(**anew)
        reload(mta)
        for spelled in SPELLINGS:
            equal([(e["entry"], e["seen"], e["mts-identifier"]) for e in entries(mta, spelled)], seen)
        for number, spelled in enumerate([SMITH, CALLED.upper(), everyone, boss, away]):
            stage.hand_over(text_message(f"after-{number}", [spelled]))
        wait_until(lambda: len(entries(mta, SMITH)) == 10)
        equal(len(mta.request("mailboxes")["mailboxes"]), 2)
        for spelled in SPELLINGS:
            check("is a user already" in refused(mta, "user-add", address=spelled))
        for other in (everyone.upper(), boss.upper()):
            check("has this address already" in refused(mta, "user-add", address=other))
        stage.far.close()
        stage.far.cut()
        stage.hand_over(text_message("waits", ["/C=DE/A=FAR/S=fay"]))
        wait_until(lambda: mta.request("queue-list", recipient="s=FAY; a=far; c=262")["entries"])
        wait_until(lambda: len(mta.request("queue-list", originator="s=JOE; a=Near; c=fr")["entries"]) == 1)
        equal(mta.request("queue-list", recipient="s=FAYE; a=far; c=262")["entries"], [])


@case("a printable, a teletex and a universal form on the wire reach the mailbox that any spelling names")
def _():
    user = f"{HOME}/S=Müller"
    forms = [(4, ber.set_(ber.prim(0, b"M\xc8uller"))), (26, ber.set_(ber.ctx(0, ber.bmp("MÜLLER")))),
             (26, ber.set_(ber.ctx(0, ber.bmp("Mu\u0308ller"))))]
    with folder() as path, hostile_stage(path, user={user: {}}) as stage, Unharmed(stage) as unharmed:
        for number, form in enumerate(forms):
            stage.hand_over(text_message(f"form-{number}", [x411.recipient(HOME, extra=[form])]))
            wait_until(lambda: len(entries(stage.mta, user)) == number + 1)
        unharmed.served("forms")
        for spelled in (f"{HOME}/S=MU\u0308LLER", f"{HOME}/S=*M{{200}}uller", "s=müller;p=alpha;a=gold;c=gb"):
            equal(len(entries(stage.mta, spelled)), len(forms))


def with_names(folder_path, change):
    """Changes the mailboxes of a stopped daemon's store."""
    with sqlite3.connect(os.path.join(folder_path, "store", "queue.db")) as database:
        change(database)
    database.close()


@case("a store whose mailboxes an older program named by their spelling goes on: renamed, and joined where two were one")
def _():
    with folder() as path, Stage(path, user={SMITH: {}, f"{HOME}/S=jones": {}}) as stage:
        mta = stage.mta
        for number, who in enumerate([SMITH, SMITH, SMITH, f"{HOME}/S=jones"]):
            stage.hand_over(text_message(f"old-{number}", [who]))
        wait_until(lambda: len(entries(mta, SMITH)) == 3 and entries(mta, f"{HOME}/S=jones"))
        mta.stop()

        def as_before(database):
            ids = dict(database.execute("SELECT CAST(name AS TEXT), id FROM mailbox"))
            equal(len(ids), 2)
            smith = next(id for name, id in ids.items() if "smith" in name)
            database.execute("UPDATE mailbox SET name = CAST(? AS BLOB) WHERE id = ?", (SMITH, smith))
            # what came after the address was spelled anew went to a mailbox of its own
            database.execute("INSERT INTO mailbox VALUES(9, 3, CAST(? AS BLOB))", ("/C=GB/A=GOLD/P=ALPHA/S=Smith/G=Ann",))
            database.execute("UPDATE entry SET id = (9 << 32) + 2 WHERE id = (? << 32) + 2", (smith,))

        with_names(mta.folder, as_before)
        mta.start()
        equal([e["mts-identifier"].rpartition(";")[2] for e in entries(mta, ANEW)], ["old-0]", "old-2]", "old-1]"])
        equal(len({e["entry"] for e in entries(mta, ANEW)}), 3)
        equal(len(entries(mta, f"{HOME}/S=JONES")), 1)
        check("mailboxes now go by their address's key: 1 were renamed, and the entries of 1 others" in mta.log(),
              mta.log_tail())
        stage.hand_over(text_message("new", [CALLED]))
        wait_until(lambda: len(entries(mta, SMITH)) == 4)
        check(entries(mta, SMITH)[-1]["entry"] > 5, "a sequence-number was used again")
        mta.stop()
        mta.start()
        equal(len(entries(mta, SMITH)), 4)
        equal(mta.log().count("mailboxes now go by"), 1)


@case("all the usual spellings are read, and what is none is refused with what to do")
def _():
    readings = {
        "c=us;a=mci;p=example;o=pss;dda.type=ms;dda.value=net/po/user": "/C=us/A=mci/P=example/O=pss/DDA:ms=net$/po$/user",
        "/C=us/A=MCI/P=example/O=PSS/DDA.TYPE=ms/DDA.VALUE=net$/po$/user":
            "/C=us/A=MCI/P=example/O=PSS/DDA:ms=net$/po$/user",
        "/CN=yen*{165}/C=US/": "/C=US/A= /CN=yen",
        "/CN=*{165}/C=US/": "/C=US/A= /CN=¥",
        "X400:c=US;a= ;p=x;o=a\\;b;": "/C=US/A= /P=x/O=a$;b",
        "c=US;a=x;p=y/s=Lee;": "/C=US/A=x/P=y/S=Lee",
    }
    refusals = {"/C=US/A=x/OU5=a": "OU1 to OU4", "/PN=/": "PN has an empty value", "/C=US/A=x/Q9=1": "the labels are",
                "/C=US/A=x/G=Ann": "give S", "/C=US/A=x/OU2=a": "number the units from OU1",
                "c=us;a=x;dda.type=ms": "write DDA:type=value", "/C=US1/A=x/O=y": "neither two letters nor three digits",
                "/C=US/A=x*y/O=z": "PrintableString"}
    with folder() as path, Stage(path) as stage, Unharmed(stage) as unharmed:
        for spelled, text in readings.items():
            equal(json.loads(stage.mta.mhs("--json", "route", spelled).stdout)["recipient"], text)
        for spelled, words in refusals.items():
            done = stage.mta.mhs("route", spelled, check=False)
            check(done.returncode != 0 and words in done.stderr, f"{spelled}: {done.returncode} {done.stderr}")
        unharmed.served("spellings")


@case("a configuration that gives one address to two is refused, with the place and the other's name")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for doubled in (dict(user={SMITH: {}, ANEW: {}}), dict(user={SMITH: {}}, list={ANEW: {"members": [FAY]}}),
                        dict(user={SMITH: {}}, alias={SPELLINGS[2]: {"target": FAY}})):
            for section in ("user", "list", "alias"):
                stage.mta.settings.pop(section, None)
            stage.mta.configure(**doubled)
            count = stage.mta.log().count("not reloaded")
            stage.mta.reload()
            wait_until(lambda: stage.mta.log().count("not reloaded") > count)
            check("a user has this address already" in stage.mta.log(), stage.mta.log_tail())
            unharmed.served(f"doubled-{count}")


ALIASES = f"""# friends
smith = {SMITH}
Boss = smith
chief= boss
a = b
b = c
c = a
lost = nobody
bad = /C=GB/A=GOLD/OU7=x
no equals sign
= /C=GB/A=GOLD/S=nameless
empty =
"""


@case("aliases: of aliases, misspelt, in a circle, bad lines: each is said with the file, the line and what to do")
def _():
    with folder() as path, hostile_stage(path, user={SMITH: {}}) as stage, Unharmed(stage) as unharmed:
        config = os.path.join(path, "config")
        file = os.path.join(config, "chasqui", "aliases")
        os.makedirs(os.path.dirname(file))
        with open(file, "w") as out:
            out.write(ALIASES + "long = " + "x" * 9000 + "\nlast = chief\n" +
                      "".join(f"n{i} = n{i + 1}\n" for i in range(20)) + f"n20 = {SMITH}\n\u00c4RGER  Box = {SMITH}\n")

        def mhs(*arguments, user=""):
            return subprocess.run([program("mhs"), *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                                  env={**os.environ, "CHASQUI_SOCKET": stage.mta.socket_path, "XDG_CONFIG_HOME": config,
                                       "CHASQUI_USER": user}, timeout=60)

        for alias in ("smith", "SMITH", "boss", "chief", "last", "n8", "\u00e4rger box", "A\u0308rger BOX"):
            done = mhs("--json", "route", alias)
            equal(json.loads(done.stdout)["recipient"], SMITH, done.stderr)
        for line, words in ((10, "there is no '='"), (11, "no name"), (12, "no address"), (13, "too long")):
            check(any(f"{file}:{line} is not an alias" in text and words in text for text in done.stderr.splitlines()), done.stderr)
        equal(len(done.stderr.splitlines()), 4)
        refusals = {"smiht": f"no such alias: 'smiht'; aliases are lines 'name = ADDRESS' in {file} and", "DN:foo": "'DN:foo' is no directory name: write DN:CN=",
                    "": "the address is empty", "a": f"round in a circle, by {file}:5: 'a = b'",
                    "lost": f"{file}:8: 'lost = nobody' leads to no such alias", "n1": "over more than 16 others"}
        commands = [["route"], ["route", SMITH, "--from"], ["send", "--from", SMITH, "--text", "x", "--to"], ["probe", "--from"],
                    ["list", "--user"], ["user", "remove"], ["queue", "list", "--recipient"]]
        for command in commands:
            for alias, words in refusals.items():
                done = mhs(*command, alias)
                check(done.returncode == 2 and words in done.stderr, f"{command} {alias}: {done.returncode} {done.stderr}")
        done = mhs("send", "--from", SMITH, "--text", "x", "--to", "bad")
        check(f"{file}:9: the alias 'bad' stands for" in done.stderr and "OU1 to OU4" in done.stderr, done.stderr)
        equal(mhs("list", user="lost").returncode, 2)
        equal(mhs("list", user="boss").returncode, 0)
        check("whose mailbox?" in mhs("list").stderr)
        unharmed.served("aliases")


tap.main()
