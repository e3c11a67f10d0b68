#!/usr/bin/python3
"""libmhs as a program of somebody else uses it: what is installed, what it exports, and the example against a daemon."""
import json
import os
import re
import shutil
import subprocess

from players import ANN, BEN, folder, hostile_stage
from peer import tap
from scenario.chasqui import BUILD, SOURCE

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
HEADER = f"{SOURCE}/include/chasqui/mhs.h"
LIBRARY = f"{BUILD}/src/access/libmhs.so.0"


def declared():
    """The functions of the header."""
    with open(HEADER) as file:
        text = re.sub(r"/\*.*?\*/", "", file.read(), flags=re.S)
    return sorted(re.findall(r"^(?:[a-z_]+ )+\**(mhs_\w+)\(", text, re.M))


def example(socket_path, *arguments, program=f"{BUILD}/examples/mailbox"):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, "CHASQUI_SOCKET": socket_path})


@case("the library exports what the header declares, and the manual page tells of each")
def _():
    names = declared()
    check(len(names) >= 22, names)
    told = subprocess.run(["nm", "-D", "--defined-only", LIBRARY], capture_output=True, text=True, check=True).stdout
    equal(sorted(re.findall(r"^\w+ T (\w+)@@LIBMHS_0$", told, re.M)), names)
    equal(re.findall(r"^\w+ [TDBRVW] ((?!mhs_)\w+)", told, re.M), [])
    with open(f"{SOURCE}/man/libmhs.3") as file:
        equal(sorted(set(re.findall(r"^\.Fn (mhs_\w+) \"", file.read(), re.M))), names)


@case("the header needs nothing else, in C99 and in C++")
def _():
    for compiler, language, standard in ("cc", "c", "c99"), ("c++", "c++", "c++11"):
        if not shutil.which(compiler):
            continue
        done = subprocess.run([compiler, "-x", language, f"-std={standard}", "-pedantic-errors", "-Wall", "-Wextra", "-Werror",
                               "-fsyntax-only", "-"], input=f'#include "{HEADER}"\n', capture_output=True, text=True)
        equal((compiler, done.returncode, done.stderr), (compiler, 0, ""))


def roundtrip(mta, program):
    """Submits, lists, fetches and deletes with the example."""
    def run(*arguments):
        done = example(mta.socket_path, *arguments, program=program)
        equal((done.returncode, done.stderr), (0, ""))
        return done.stdout
    identifier = run("submit", BEN, ANN, "Grüße", "It runs.\nЙо.").strip()
    check(re.fullmatch(r"\[/.*;\S+\]", identifier), identifier)
    rows = wait_until(lambda: [row for row in run("list", ANN).splitlines() if row.endswith(", new")])
    number, kind = rows[-1].split()[:2]
    equal((kind, BEN in rows[-1]), ("message", True))
    equal(run("fetch", ANN, number), "Subject: Grüße\n\nIt runs.\nЙо.\n")
    check(f"{number} message" in run("list", ANN) and not [row for row in run("list", ANN).splitlines() if row.endswith(", new")])
    run("delete", ANN, number)
    equal([row for row in run("list", ANN).splitlines() if row.startswith(f"{number} ")], [])
    # The report that was asked for.
    wait_until(lambda: " report " in run("list", BEN))


@case("the example submits, lists, fetches and deletes, and hears why it may not")
def _():
    with folder() as path, hostile_stage(path) as stage:
        roundtrip(stage.mta, f"{BUILD}/examples/mailbox")
        done = example(stage.mta.socket_path, "fetch", ANN, "4000")
        equal((done.returncode, done.stdout), (1, ""))
        check("(not-found, error 34)" in done.stderr, done.stderr)
        done = example(stage.mta.socket_path, "submit", BEN, "/PN=/", "x", "y")
        equal((done.returncode, "(invalid, error 1)" in done.stderr), (1, True))
        equal(example(stage.mta.socket_path, "submit", BEN).returncode, 2)
    done = example(f"{path}/gone.sock", "list", ANN)
    equal((done.returncode, "(unreachable, error 3)" in done.stderr), (1, True))


def sanitizers():
    options = json.loads(subprocess.run(["meson", "introspect", "--buildoptions", BUILD], capture_output=True, text=True,
                                        check=True).stdout)
    chosen = next(option["value"] for option in options if option["name"] == "b_sanitize")
    return [] if chosen == "none" else [f"-fsanitize={chosen}"]


@case("an installed library is found with pkg-config, and a program that is built with it runs")
def _():
    if not shutil.which("pkg-config"):
        raise tap.Skip("there is no pkg-config")
    with folder() as path, hostile_stage(path) as stage:
        root = f"{path}/root"
        subprocess.run(["meson", "install", "-C", BUILD, "--no-rebuild", "--destdir", root], check=True, capture_output=True,
                       timeout=120)
        packages = [found for found, _, files in os.walk(root) if "libmhs.pc" in files]
        equal(len(packages), 1)
        environment = {**os.environ, "PKG_CONFIG_SYSROOT_DIR": root, "PKG_CONFIG_LIBDIR": packages[0],
                       "PKG_CONFIG_ALLOW_SYSTEM_CFLAGS": "1", "PKG_CONFIG_ALLOW_SYSTEM_LIBS": "1"}
        flags = subprocess.run(["pkg-config", "--cflags", "--libs", "libmhs"], capture_output=True, text=True, check=True,
                               env=environment).stdout.split()
        place = os.path.dirname(packages[0])
        subprocess.run(["cc", "-std=c11", *sanitizers(), "-o", f"{path}/mailbox", f"{SOURCE}/examples/mailbox.c", *flags,
                        f"-Wl,-rpath,{place}"], check=True, timeout=120)
        roundtrip(stage.mta, f"{path}/mailbox")


tap.main()
