#!/usr/bin/python3
"""What a message carries is shown and saved whole, whatever characters and forms it comes in, or it is said what is not. The
daemon that carried it lives on in the same processes, and another neighbour is served."""
import contextlib
import os

from players import BEN, HOME, JOE, NEAR, Unharmed, folder, hostile_stage
from peer import ipm, tap, x411

case, check, equal = tap.case, tap.check, tap.equal
NUL, BOTH_WAYS, NEXT_LINE = "\N{REPLACEMENT CHARACTER}", "\N{RIGHT-TO-LEFT OVERRIDE}", "\x85"


@contextlib.contextmanager
def carrier():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        yield stage, path
        unharmed.served("characters")


def deliver(stage, label, *parts, subject="A play", content=None):
    """Hands a message with these parts over; the number of its entry in BEN's mailbox."""
    content = ipm.ipm(label, JOE, [BEN], subject, *parts) if content is None else content
    before = len(entries(stage))
    stage.hand_over(x411.message(NEAR, label, JOE, [BEN], content))
    found = tap.wait_until(lambda: (lambda all_: all_ if len(all_) > before else None)(entries(stage)))
    return str(found[-1]["entry"])


def entries(stage):
    return stage.mta.request("mailbox-list", mailbox=BEN)["entries"]


def shown(stage, entry, user=BEN):
    return stage.mta.mhs("read", "--user", user, entry).stdout


def saved(stage, path, *words):
    target = os.path.join(path, "saved")
    stage.mta.mhs("save", "--user", BEN, "--force", *words[:2], target, *words[2:])
    with open(target, "rb") as file:
        return file.read()


@case("text in every set of ISO 2022 is shown as its characters")
def _():
    texts = ((ipm.general_text([1, 6, 87], b"\x1b$BF|K\\\x1b(B."), "日本."), (ipm.general_text([1, 2, 100], b"\x1b(B\x0fGr\xfc\xdfe\r\n"), "Grüße"),
             (ipm.general_text([6, 156], b"\xc8Uber \xa3"), "Über £"), (ipm.general_text([6, 149], b"\x1b$)C\x0eGQ\x0f"), "한"),
             (ipm.general_text([1, 21], b"\x1b(K[\\]"), "ÄÖÜ"))
    with carrier() as (stage, path):
        for number, (part, words) in enumerate(texts):
            entry = deliver(stage, f"text-{number}", part)
            check(words in shown(stage, entry), shown(stage, entry))
            check(words.encode() in saved(stage, path, entry, "1", "--text"), words)


@case("a NUL cuts no subject, no text, and no page behind it")
def _():
    with carrier() as (stage, path):
        entry = deliver(stage, "nul-1", ipm.text("first line\0 hidden rest\r\nsecond line\r\n"), subject="Pay 100\0 000 EUR")
        text = shown(stage, entry)
        for words in (f"Pay 100{NUL} 000 EUR", f"first line{NUL} hidden rest", "second line"):
            check(words in text, text)
        equal(saved(stage, path, entry, "1"), b"first line\0 hidden rest\r\nsecond line\r\n")
        entry = deliver(stage, "nul-2", ipm.teletex(b"page\0one", b"page two"))
        check(f"page{NUL}one" in shown(stage, entry) and "page two" in shown(stage, entry), shown(stage, entry))


@case("a file whose octets stand as bits is saved as it was")
def _():
    with carrier() as (stage, path):
        entry = deliver(stage, "bits", ipm.file_part("", b"abc\0\xff", encoding=2))
        equal(saved(stage, path, entry, "1"), b"abc\0\xff")


@case("a content of no octets is taken, said to be empty, and saved as such")
def _():
    with carrier() as (stage, path):
        entry = deliver(stage, "nothing", content=b"")
        check("the content is empty" in shown(stage, entry), shown(stage, entry))
        stage.mta.mhs("save", "--user", BEN, "--content", os.path.join(path, "empty"), entry)
        equal(os.path.getsize(os.path.join(path, "empty")), 0)


@case("names can't drive the terminal, turn text round, or stand for standard output")
def _():
    with carrier() as (stage, path):
        names = {"-": "part-1.bin", "--force": "force", "../.profile": "profile", f"exe{BOTH_WAYS}fdp.doc": "exe___fdp.doc",
                 f"a{NEXT_LINE}b": "a__b", "a\x07b": "a_b"}
        for number, (name, safe) in enumerate(names.items()):
            entry = deliver(stage, f"name-{number}", ipm.file_part(name, b"octets"))
            text = shown(stage, entry)
            check(BOTH_WAYS not in text and NEXT_LINE not in text and "\x1b" not in text, repr(text))
            where = os.path.join(path, f"at-{number}")
            os.mkdir(where)
            done = stage.mta.mhs("save", "--user", BEN, entry, "1", cwd=where)
            equal(os.listdir(where), [safe], done.stdout)


@case("a user whose name needs T.61 is reached, though the daemon met no such character before")
def _():
    rene = f"{HOME}/S=René"
    with carrier() as (stage, path):
        stage.mta.mhs("user", "add", rene)
        check("local" in stage.mta.mhs("route", rene).stdout, "the route to the new user")
        stage.mta.mhs("send", "--from", BEN, "--to", rene, "--subject", "Né à Orléans", "--text", "t")
        found = tap.wait_until(lambda: stage.mta.request("mailbox-list", mailbox=rene)["entries"])
        check(rene in shown(stage, str(found[0]["entry"]), rene), "the name in the heading")
        stage.mta.mhs("send", "--from", rene, "--to", BEN, "--subject", "s", "--text", "t")
        tap.wait_until(lambda: entries(stage))
        check(rene in shown(stage, "1"), "the name of the originator")


@case("a control character in what is shown in one line is refused when it is written")
def _():
    with carrier() as (stage, path):
        for option, value in (("--subject", "two\nlines"), ("--subject", f"turned{BOTH_WAYS}"), ("--reference", "a\x07")):
            done = stage.mta.mhs("send", "--from", BEN, "--to", BEN, "--text", "t", option, value, check=False)
            equal(done.returncode, 2, done.stderr)
            check("control character at octet" in done.stderr, done.stderr)
        equal(entries(stage), [])


if __name__ == "__main__":
    tap.main()
