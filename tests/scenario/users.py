#!/usr/bin/python3
"""Users made and changed by operators, many at a time too, and the shells' completion of all commands."""
import json
import os
import re
import shutil
import subprocess

from players import HOME, folder
from peer import tap
from scenario.chasqui import Mhsd, program

case, check, equal = tap.case, tap.check, tap.equal


def users(mta):
    return {user["address"]: user for user in json.loads(mta.mhs("--json", "user", "list").stdout)["users"]}


@case("many users in one go: what is wrong is told with its line, the others are there, also after a restart")
def _():
    with folder() as path:
        with Mhsd(path, domain=HOME) as mta:
            names = [f"{HOME}/S=user{number}" for number in range(200)]
            with open(f"{path}/users", "w") as file:
                file.write("# the first department\n\n" + "".join(
                    f"{name}\t{number + 1000}\tCN=user{number},C=GB\n" if number % 2 else f"{name}\n"
                    for number, name in enumerate(names)))
                file.write(f"{names[7]}\n{HOME}/S=x\tmany\n/C=FR/A=ELSE/S=y\n{HOME}/S=z\t1\tCN=z\tmore\n/PN=/\n")
            done = mta.mhs("--json", "user", "add", "--file", f"{path}/users", check=False)
            equal(done.returncode, 1)
            for line in 203, 204, 205, 206, 207:
                check(f"users: line {line}: " in done.stderr, (line, done.stderr))
            check("is a user already" in done.stderr and f"our domain is {HOME}" in done.stderr, done.stderr)
            said = json.loads(done.stdout)
            equal((said["changed"], [wrong["line"] for wrong in said["wrong"]]), (200, [203, 204, 205, 206, 207]))
            equal([wrong["code"] for wrong in said["wrong"]], ["exists"] + ["bad-request"] * 4)
            found = users(mta)
            equal(sorted(found), sorted(names))
            equal((found[names[8]]["uid"], found[names[9]]["uid"], found[names[9]]["directory-name"]),
                  (None, 1009, "CN=user9,C=GB"))
            equal(mta.mhs("user", "add", "--file", f"{path}/missing", check=False).returncode, 4)
            equal(mta.mhs("user", "add", "--file", f"{path}/users", names[0], check=False).returncode, 2)
            equal(mta.mhs("user", "add", "--file", f"{path}/users", "--uid", "7", check=False).returncode, 2)
        with mta:
            equal(sorted(users(mta)), sorted(names))


@case("one user is shown and changed, by any spelling; what is not said stays, and the directory follows")
def _():
    with folder() as path:
        with Mhsd(path, domain=HOME, user={f"{HOME}/S=fixed": {}}) as mta:
            mta.mhs("user", "add", "--uid", "1234", f"{HOME}/S=ann")
            spelled = "s=ANN;p=Alpha;a=gold;c=gb"

            def ann():
                user, = json.loads(mta.mhs("--json", "user", "show", spelled).stdout)["users"]
                return user["address"], user["uid"], user["directory-name"]

            def known(name):
                return "S=ann" in str(mta.request("route", address=f"DN:{name}"))
            equal(ann(), (f"{HOME}/S=ann", 1234, None))
            mta.mhs("user", "set", "--directory-name", "CN=Ann,C=GB", spelled)
            equal(ann(), (f"{HOME}/S=ann", 1234, "CN=Ann,C=GB"))
            check(known("CN=Ann,C=GB"))
            mta.mhs("user", "set", "--uid", "none", "--directory-name", "CN=Anna,C=GB", spelled)
            equal(ann(), (f"{HOME}/S=ann", None, "CN=Anna,C=GB"))
            check(known("CN=Anna,C=GB") and not known("CN=Ann,C=GB"))
            for arguments, text in ((["--directory-name", "rubbish", spelled], "bad-request"),
                                    ([f"{HOME}/S=nobody"], "is no user here"),
                                    (["--uid", "7", f"{HOME}/S=fixed"], "configuration file")):
                done = mta.mhs("user", "set", *arguments, check=False)
                equal(done.returncode, 1)
                check(text in done.stderr, done.stderr)
            equal(ann(), (f"{HOME}/S=ann", None, "CN=Anna,C=GB"))
            equal(mta.mhs("user", "show", f"{HOME}/S=nobody", check=False).returncode, 1)
        with mta:
            equal(ann(), (f"{HOME}/S=ann", None, "CN=Anna,C=GB"))


@case("an address that is in use is said with the option and the remedy")
def _():
    with folder() as path, Mhsd(path) as mta:
        for other, text in ((Mhsd(f"{path}/two", port=mta.port), f"port {mta.port}"), (Mhsd(f"{path}/three"), mta.socket_path)):
            if text == mta.socket_path:
                other.configure(socket=mta.socket_path)
            done = subprocess.run([program("mhsd"), "-c", other.path], capture_output=True, text=True, timeout=60)
            equal(done.returncode, 1)
            line, = [line for line in done.stderr.splitlines() if text in line]
            check("end it, or" in line and ("'listen'" in line or "'socket'" in line), line)


def completed(*words):
    script = subprocess.run([program("mhs"), "completion", "bash"], capture_output=True, text=True, check=True).stdout
    quoted = " ".join(f"'{word}'" for word in words)
    done = subprocess.run(["bash", "--norc", "-c", f'{script}\nCOMP_WORDS=({quoted}); COMP_CWORD={len(words) - 1}; _mhs\n'
                           'echo "${COMPREPLY[@]}"'], capture_output=True, text=True, timeout=60)
    equal(done.stderr, "")
    return done.stdout.split()


@case("bash completes every command, subcommand and option that the help shows; the script for zsh is sound")
def _():
    if not shutil.which("bash"):
        raise tap.Skip("bash is not installed")
    text = subprocess.run([program("mhs"), "--help"], capture_output=True, text=True).stdout
    commands = re.findall(r"^  ([a-z]+) ", text, re.M)
    check(len(commands) > 18, commands)
    equal([word for word in completed("mhs", "") if word[0] != "-"], commands)
    for command in commands:
        if command == "help":
            continue
        text = subprocess.run([program("mhs"), command, "--help"], capture_output=True, text=True).stdout
        subcommands = re.findall(r"^  ([a-z]+) ", text, re.M)
        if subcommands:
            equal([word for word in completed("mhs", command, "") if word[0] != "-"], subcommands, command)
        for line in [[command]] if not subcommands else [[command, sub] for sub in subcommands]:
            text = subprocess.run([program("mhs"), *line, "--help"], capture_output=True, text=True).stdout
            options = re.findall(r"^  (?:-.,|   ) (--[a-z0-9-]+)", text, re.M)
            check("--json" in options, (line, text))
            equal(completed("mhs", *line, "--"), options, " ".join(line))
    equal(completed("mhs", "--socket", "/x", "--json", "queue", "rel"), ["release"])
    script = subprocess.run([program("mhs"), "completion", "zsh"], capture_output=True, text=True, check=True).stdout
    check(script.startswith("#compdef mhs\n"), script[:100])
    if shutil.which("zsh"):
        equal(subprocess.run(["zsh", "-n"], input=script, capture_output=True, text=True).stderr, "")
    equal(subprocess.run([program("mhs"), "completion", "fish"], capture_output=True).returncode, 2)


tap.main()
