#!/usr/bin/python3
"""The configuration: all that is wrong is said at once, its cost is linear, and a reload tells what has changed."""
import os
import subprocess

from players import folder
from peer import tap
from scenario.chasqui import Mhsd, peer_section, program

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
HEAD = 'mta-name = "ALPHA-MTA"\ndomain = "/C=GB/A=GOLD/P=ALPHA"\nrun-as = ""\nstore = "/nowhere/store"\n'


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def examine(path):
    """What mhsd -t says of a file, and the processor's seconds that it took."""
    process = subprocess.Popen([program("mhsd"), "-t", "-c", path], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    said = process.stderr.read()
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, said, usage.ru_utime + usage.ru_stime


@case("a file with many faults is told all of them, each with file, line, option and what is allowed")
def _():
    with folder() as path:
        write(f"{path}/peers.conf", 'peer BETA {\n  window-size = 500\n  dialogue = shouting\n  pasword = "x"\n}\n'
                                    'peer BETA { }\n')
        write(f"{path}/main.conf", HEAD + 'node = a\nnode = b\ninclude("peers.conf")\nlisten = { "nonsense" }\n'
                                          'limits { clients = many }\ntpdu-size = 128\ncatch-all =\n')
        status, said, _ = examine(f"{path}/main.conf")
        equal(status, 1)
        for place, words in (("main.conf: line 6", "node stands twice"), ("peers.conf: line 2", "between 1 and 100"),
                             ("peers.conf: line 3", "monologue, two-way-alternate"),
                             ("peers.conf: line 4", "'password' is meant"), ("peers.conf: line 6", "stands twice"),
                             ("main.conf: line 9", "'many' is no number"),
                             ("main.conf: line 10", "does not belong at the top level, but in a section peer"),
                             ("main.conf: line 12", "the file ends where a value is expected")):
            check(any(place + ":" in line and words in line for line in said.splitlines()), (place, words, said))


@case("its cost grows with its length, not with the square of it")
def _():
    with folder() as path:
        seconds = {}
        for count in (3000, 24000):
            write(f"{path}/main.conf", HEAD + "".join(
                f'user "/C=GB/A=GOLD/P=ALPHA/S=u{number}" {{ max-length = {number} }}\n' for number in range(count)))
            status, said, seconds[count] = examine(f"{path}/main.conf")
            equal((status, said), (0, ""))
        tap.note(f"processor's seconds: {seconds}")
        # Eight times as long: 8 if linear, 64 if quadratic.
        check(seconds[24000] < 24 * max(seconds[3000], 0.02), seconds)


@case("a reload tells each change, shows no secret, and what is wrong changes nothing")
def _():
    with folder() as path:
        mta = Mhsd(path + "/mta", peer={"BETA": peer_section(1, password="first"), "GAMMA": peer_section(1)})
        with mta:
            mta.configure(peer={"BETA": peer_section(1, password="second", idle=7), "DELTA": peer_section(1)}, node="other",
                          log_level="debug")
            mta.reload()
            wait_until(lambda: "read anew" in mta.log() and "configuration reloaded" in mta.log())
            for words in ('peer "BETA": password has changed', 'peer "BETA": idle = 7, was 60', 'peer "GAMMA": it is gone',
                          'peer "DELTA": it is new', 'log-level = "debug", was "info"',
                          "'node' has changed: that takes effect when the daemon is started anew"):
                check(words in mta.log(), (words, mta.log_tail()))
            check("first" not in mta.log() and "second" not in mta.log(), mta.log_tail())
            with open(mta.path, "a") as file:
                file.write('node = again\npeer BETA { iddle = 3 }\n')
            mta.reload()
            wait_until(lambda: "node stands twice" in mta.log() and "'idle' is meant" in mta.log())
            equal(mta.request("status")["state"], "serving")


tap.main()
