#!/usr/bin/python3
"""Hostile contents are carried as they are, and whoever reads, saves, decodes or encodes them comes to an end: with what there is,
with what is wrong, within bounds. The daemon that holds them does not open them."""
import json
import os
import random
import resource
import subprocess
import threading
import unicodedata

from players import BEN, JOE, MB, NEAR, Unharmed, folder, hostile_stage
from peer import ber, ipm, tap, x411
from peer.spoil import spoil
from scenario.chasqui import SANITIZER_FINDINGS, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
STATUSES = (0, 1, 5)                    # read, not to be read, read with complaints
CPU_SECONDS, OUTPUT_MOST = 60, 64 * MB
UNENDED = b"\x30\x80"


def nested(depth):
    """A message that forwards one that forwards one …"""
    content = ipm.ipm("in", JOE, [BEN], "in", ipm.text("in"))
    for number in range(depth):
        forwarded = ber.ctx(7, ber.set_(), content)
        content = ipm.ipm(f"f{number}", JOE, [BEN], f"f{number}", forwarded)
    return content


def open_types(depth):
    value = ber.null()
    for _ in range(depth):
        value = ber.ctx(0, ber.seq(ber.oid("1.3.6.1.4.1.32473.9"), ber.ctx(0, value)))
    return ipm.ipm("open", JOE, [BEN], "open", ber.ctx(15, ber.seq(ber.oid("1.3.6.1.4.1.32473.9"), ber.ctx(0, value))))


def contents():
    """name -> octets of a content."""
    heading = ber.ctx(11, ber.set_(), ber.printable("x"))
    hostile = {
        "sequences without an end": UNENDED * 100_000, "sets without an end": b"\x31\x80" * 100_000,
        "strings within strings": b"\x24\x80" * 100_000, "a length of 2^64": b"\xa0\x88" + b"\xff" * 8 + b"x" * 100,
        "a length of 126 octets": b"\xa0\xfe" + b"\xff" * 126, "a tag of 10,000 octets": b"\xbf" + b"\xff" * 10_000 + b"\x01\x00",
        "a list of 100,000 recipients": ber.ctx(0, ber.set_(heading, ber.ctx(2, *[ber.set_(b"")] * 100_000)), ber.seq()),
        "an identifier of 50,000 arcs": ipm.ipm("o", JOE, [BEN], "o", ber.ctx(15, ber.prim(6, b"\x81" * 49_999 + b"\x01"))),
        "an INTEGER of a million bits": ber.ctx(0, ber.set_(heading, ber.prim(12, b"\x7f" * 125_000)), ber.seq()),
        "forwarded 300 times": nested(300), "open types within open types": open_types(300),
        "unused bits, nine of them": ipm.file_part("f", b"abc", encoding=2).replace(b"\x03\x04\x00", b"\x03\x04\x09"),
        "terminal controls": ipm.ipm("t", JOE, [BEN], "\x1b]0;x\x07\x9b2J", ipm.text("\x1b[2J\x1b]52;c;eA==\x07\x9b31m")),
        "no content at all": b"", "one octet": b"\xa0", "half a header": b"\xa0\x82\x01"}
    return hostile


def run(*arguments, octets=b"", folder_=None, socket=None):
    """The status, output and error of `mhs`; it ends by itself, in order, with little memory."""
    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        resource.setrlimit(resource.RLIMIT_FSIZE, (OUTPUT_MOST, OUTPUT_MOST))
    environment = {**os.environ, "CHASQUI_SOCKET": socket or "", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
                   "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}
    done = subprocess.run([program("mhs"), *arguments], input=octets, capture_output=True, timeout=300, env=environment,
                          cwd=folder_, preexec_fn=limit)
    error = done.stderr.decode(errors="replace")
    found = SANITIZER_FINDINGS.search(error)
    check(not found and done.returncode in STATUSES, f"{arguments}: exit {done.returncode}: {error[-3000:]}")
    check(done.returncode == 0 or error, f"{arguments}: says nothing")
    return done.returncode, done.stdout, error


def judge_shown(octets, label):
    driving = [c for c in octets.decode() if unicodedata.category(c) == "Cc" and c not in "\n\t"]
    check(not driving, f"{label}: {driving} drive the terminal: {octets[:2000]}")


def judge_notation(octets, label):
    """decode ends in both notations; its JSON is JSON, and where nothing was wrong with the value means the same octets."""
    judge_shown(run("decode", octets=octets)[1], label)
    status, text, _ = run("decode", "--json", octets=octets)
    judge_shown(text, label)
    json.loads(text)
    if status == 0:
        status, again, error = run("encode", octets=text)
        equal((status, again), (0, octets), f"{label}: {error}")


@case("hostile contents are delivered as they are; to list, read, save and decode them ends")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, 96 * MB) as attack:
        hostile = contents()
        with stage.call() as peer:
            for number, octets in enumerate(hostile.values()):
                peer.transfer(x411.message(NEAR, f"hostile-{number}", JOE, [BEN], octets))
            peer.release()
        entries = wait_until(lambda: (lambda e: e if len(e) == len(hostile) else None)(
            stage.mta.request("mailbox-list", mailbox=BEN, limit=1000)["entries"]), 60)
        where = stage.mta.socket_path
        numbers = dict(zip(hostile, sorted(entry["entry"] for entry in entries)))
        for label, octets in hostile.items():
            number, target = str(numbers[label]), os.path.join(path, "saved")
            run("save", "--user", BEN, "--force", "--content", target, number, socket=where)
            with open(target, "rb") as file:
                check(file.read() == octets, f"{label}: saved otherwise")
            for words in ((), ("--json",)):
                _, shown, _ = run(*words, "read", "--user", BEN, number, socket=where)
                judge_shown(shown, label)
            run("save", "--user", BEN, "--force", number, "1", target, socket=where)
            judge_notation(octets, label)
        shown = json.loads(run("--json", "read", "--user", BEN, str(numbers["terminal controls"]), socket=where)[1])
        equal(shown["ipm"]["parts"][0]["text"], "\x1b[2J\x1b]52;c;eA==\x07\x9b31m", "JSON means what was sent")
        attack.served("contents")


@case("messages spoilt by chance are shown as far as they go, and mean the same octets where nothing is wrong")
def _():
    dice = random.Random("attack_notation")
    parts = (ipm.text("Hello"), ipm.file_part("a file", b"octets"), ipm.general_text([1, 6, 100], b"Gr\xfc\xdfe"), ipm.teletex(b"page"))
    content = ipm.ipm("chance", JOE, [BEN], "chance", *parts, ber.ctx(7, ber.set_(), ipm.ipm("in", JOE, [BEN], "in", *parts)))
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, 96 * MB) as attack:
        spoilt = [spoil(dice, content) for _ in range(40)] + [content[:dice.randrange(1, len(content))] for _ in range(10)]
        with stage.call() as peer:
            for number, octets in enumerate(spoilt):
                peer.transfer(x411.message(NEAR, f"chance-{number}", JOE, [BEN], octets))
            peer.release()
        entries = wait_until(lambda: (lambda e: e if len(e) == len(spoilt) else None)(
            stage.mta.request("mailbox-list", mailbox=BEN, limit=1000)["entries"]), 60)
        readers = [threading.Thread(target=read_all, args=(stage, sorted(e["entry"] for e in entries)[start::2])) for start in (0, 1)]
        for reader in readers:
            reader.start()
        attack.served("chance")
        for reader in readers:
            reader.join()
        for number, octets in enumerate(spoilt):
            judge_notation(octets, f"chance-{number}")
        attack.served("after")


def read_all(stage, entries):
    for entry in entries:
        run("read", "--user", BEN, str(entry), socket=stage.mta.socket_path)


tap.main()
