#!/usr/bin/python3
"""The rules of the message transfer service as operators meet them: directory names, and what `mhs route` tells."""
import json
import os

from players import folder  # it also makes the packages beside it importable
from peer import tap
from scenario.chasqui import Mhsd, free_port, peer_section

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
HOME = "/C=GB/A=GOLD/P=ALPHA"
ADA, BOB, TEAM = HOME + "/S=Ada", HOME + "/S=Bob", HOME + "/S=Team"
UWE = "/C=DE/A=VIAT/P=BETA/S=Uwe"
ADA_NAME, BOB_NAME, UWE_NAME = "CN=Ada Jones,O=Alpha,C=GB", "CN=Bob Smith,O=Alpha,C=GB", "CN=Uwe Beta,O=Beta,C=DE"


def alpha(path):
    """ALPHA with Ada (who has a directory name), a list, Uwe in the directory, and a neighbour that is never there."""
    return Mhsd(os.path.join(path, "alpha"), node="alpha",
                user={ADA: {"directory-name": ADA_NAME,
                            "redirection": {"priorities": ["urgent"], "alternate": UWE,
                                            "applies-only-to": {"source-name": HOME}}},
                      HOME + "/S=Labelled": {"redirection": {"security-labels": ["1.2.3/secret"], "alternate": ADA}}},
                list={TEAM: {"members": ["DN:" + ADA_NAME, "DN:CN=Nobody,C=GB"]}},
                directory={UWE_NAME: {"address": UWE}},
                peer={"BETA": peer_section(free_port(), max_length=5000), "SPARE": peer_section(free_port()),
                      "HUB": peer_section(free_port(), "HUB-MTA"), "RIM": peer_section(free_port(), "RIM")},
                route={"/C=DE/A=VIAT/P=BETA": {"next-hop": {"BETA": {"rank": 1}, "SPARE": {"rank": 2, "weight": 5}}},
                       HOME + "/O=Inside": {"next-hop": {"HUB": {"rank": 1}, "RIM": {"rank": 2}}},
                       "/C=AQ": {"non-delivery": "unable-to-transfer", "diagnostic": "no-bilateral-agreement"}})


def ask(mta, *arguments):
    return json.loads(mta.mhs("--json", *arguments).stdout)


def route(mta, *arguments):
    return ask(mta, "route", *arguments)


def entries(mta, user, count):
    return wait_until(lambda: (lambda e: e if len(e) >= count else None)(ask(mta, "list", "--user", user)["entries"]))


@case("the decision has members of its own")
def _():
    with folder() as path, alpha(path) as mta:
        it = route(mta, UWE)
        equal([it[name] for name in ("outcome", "next-hop", "route", "recipient")],
              ["transfer", "BETA", "/C=DE/A=VIAT/P=BETA", UWE])
        equal([(hop["peer"], hop["rank"], hop["weight"], hop["chosen"], hop["usable"]) for hop in it["next-hops"]],
              [("BETA", 1, 1, True, True), ("SPARE", 2, 5, False, True)])
        it = route(mta, "--content-length", "5001", UWE)
        equal(it["next-hop"], "SPARE")
        equal(it["next-hops"][0]["diagnostic"], {"code": 7, "name": "content-too-long"})
        it = route(mta, "/C=AQ/A=SNOMAIL/S=x")
        equal([it[name] for name in ("outcome", "reason", "diagnostic", "route", "next-hops")],
              ["non-delivery", {"code": 1, "name": "unable-to-transfer"},
               {"code": 17, "name": "no-bilateral-agreement"}, "/C=AQ", []])
        it = route(mta, TEAM)
        equal([it["outcome"], it["members"]], ["list-expansion", 2])
        it = route(mta, ADA)
        equal([it["outcome"], it["mailbox"], it["redirections"]], ["local-delivery", ADA, []])
        check("mailbox" in mta.mhs("route", ADA).stdout)


@case("what the decision depends on can be supposed")
def _():
    with folder() as path, alpha(path) as mta:
        it = route(mta, "--priority", "urgent", "--from", HOME + "/S=Labelled", ADA)
        equal([it["outcome"], it["recipient"]], ["transfer", UWE])
        equal(it["redirections"], [{"from": ADA, "to": UWE, "reason": "recipient-assigned-alternate-recipient"}])
        equal(route(mta, "--priority", "urgent", "--from", UWE, ADA)["outcome"], "local-delivery")
        equal(route(mta, "--security-label", "1.2.3/secret", HOME + "/S=Labelled")["recipient"], ADA)
        equal(route(mta, "--security-label", "secret", HOME + "/S=Labelled")["recipient"], HOME + "/S=Labelled")
        inside = HOME + "/O=Inside/S=x"
        equal(route(mta, inside)["next-hop"], "HUB")
        it = route(mta, "--via", "HUB-MTA", inside)
        equal((it["next-hop"], it["next-hops"][0]["usable"], it["next-hops"][0]["diagnostic"]["name"]),
              ("RIM", False, "loop-detected"))
        it = route(mta, "--via", "hub-mta", "--via", "RIM", inside)
        equal((it["outcome"], it["diagnostic"]["name"]), ("non-delivery", "loop-detected"))
        equal(mta.mhs("route", "--via", "x" * 33, inside, check=False).returncode, 1)
        for wrong in (["--content-length", "much", ADA], ["--content-type", "hush", ADA], ["--priority", "soon", ADA],
                      ["rubbish"], ["DN:rubbish"]):
            check(mta.mhs("route", *wrong, check=False).returncode != 0, wrong)


@case("recipients, members and users have directory names")
def _():
    with folder() as path, alpha(path) as mta:
        mta.mhs("user", "add", "--directory-name", BOB_NAME, BOB)
        equal(mta.mhs("user", "add", "--directory-name", BOB_NAME, HOME + "/S=Other", check=False).returncode, 1)
        equal(route(mta, "DN:" + UWE_NAME)["next-hop"], "BETA")
        equal(route(mta, "--directory-name", UWE_NAME, HOME + "/S=Gone")["redirections"],
              [{"from": HOME + "/S=Gone", "to": UWE, "reason": "directory-look-up"}])
        mta.mhs("send", "--from", BOB, "--to", "DN:cn=ada jones,o=alpha,c=gb", "--subject", "one", "--text", "x")
        equal(entries(mta, ADA, 1)[0]["subject"], "one")
        sent = ask(mta, "send", "--from", BOB, "--report", "delivery", "--to", "DN:CN=Nobody,C=GB", "--subject", "two",
                   "--text", "x")
        check("directory-operation-unsuccessful" in mta.mhs("track", sent["mts-identifier"]).stdout)
        entries(mta, BOB, 1)
        mta.mhs("send", "--from", BOB, "--report", "delivery", "--to", TEAM, "--subject", "three", "--text", "x")
        entries(mta, ADA, 2)
        entries(mta, BOB, 2)  # the report on the member whom nobody knows
        mta.stop()
        mta.start()
        equal(route(mta, "DN:" + BOB_NAME)["mailbox"], BOB)
        mta.mhs("user", "remove", "--discard", BOB)
        equal(route(mta, "DN:" + BOB_NAME)["outcome"], "non-delivery")


tap.main()
