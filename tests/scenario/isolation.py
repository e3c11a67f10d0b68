#!/usr/bin/python3
"""What each of the daemon's processes holds: an address layout and descriptors of its own, and its slice of the configuration."""
import contextlib
import glob
import os
import re
import signal

from players import ANN, FAY, JOE, KINDS, Stage, all_there, children, folder, text_message
from peer import local, tap

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
def descriptors(pid):
    """{number: what it leads to}"""
    found = {}
    for link in glob.glob(f"/proc/{pid}/fd/*"):
        with contextlib.suppress(OSError):
            found[int(os.path.basename(link))] = os.readlink(link)
    return found


def layout(pid):
    """Where the program, the C library and the stack are."""
    with open(f"/proc/{pid}/maps") as file:
        lines = [line.split() for line in file]
    return tuple(next(line[0] for line in lines if re.search(wanted, line[-1])) for wanted in ("/mhsd", "libc[.-]", "stack"))


def holds(pid, words):
    """True when the octets are in the process's memory."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(at, 16) for at in line.split()[0].split("-"))
            if line.split()[1][:2] != "rw" or end - start > 256 << 20:
                continue        # a sanitizer's shadow has terabytes of nothing
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(start)
                if words in memory.read(end - start):
                    return True
    return False


@case("each process was executed anew, at addresses of its own")
def _():
    with folder() as path, Stage(path) as stage:
        found = all_there(stage.mta)
        pids = [stage.mta.process.pid] + [pid for kind in found.values() for pid in kind]
        for parts in zip(*map(layout, pids)):
            equal(len(set(parts)), len(pids), "address layouts that differ")


@case("with a store on disk, none of them holds the client library of a server, nor what that brings along")
def _():
    with folder() as path, Stage(path) as stage:
        found = all_there(stage.mta)
        for pid in [stage.mta.process.pid] + [pid for kind in found.values() for pid in kind]:
            with open(f"/proc/{pid}/maps") as maps:
                equal(re.findall(r"lib(?:pq|krb5|ldap|gnutls)[^/\n]*", maps.read()), [], "libraries")


@case("each has the descriptors of its kind: listeners, the local socket, the store's files")
def _():
    with folder() as path, Stage(path) as stage:
        found = all_there(stage.mta)
        with open("/proc/net/unix") as file:
            sockets = [line.split() for line in file]
        wanted = {f"socket:[{line[6]}]" for line in sockets[1:]
                  if line[-1] == stage.mta.socket_path and int(line[3], 16) & 0x10000}     # not its connections
        with open("/proc/net/tcp") as file:
            port = f":{stage.mta.port:04X}"
            ports = {f"socket:[{line.split()[9]}]" for line in file if line.split()[1].endswith(port) and line.split()[3] == "0A"}
        for kind, pids in found.items():
            for pid in pids:
                what = set(descriptors(pid).values())
                equal(bool(wanted & what), kind == "clients", f"the local socket in {kind}")
                equal(bool(ports & what), kind == "net", f"the network's listeners in {kind}")
                files = {name for name in what if name.startswith(stage.mta.folder + "/store")}
                equal(bool(files), kind in ("store", "reader"), f"the store's files in {kind}: {files}")
        # Nothing else of ours can be called: no process of the same user can pass for one of them.
        listening = {f"socket:[{line[6]}]" for line in sockets[1:] if int(line[3], 16) & 0x10000}
        ours = set().union(*(descriptors(pid).values() for pids in found.values() for pid in pids))
        equal(listening & ours, wanted)


@case("passwords are in the store process and in the parent alone")
def _():
    with folder() as path, Stage(path) as stage:
        found = all_there(stage.mta)
        store, = found["store"]
        secret = b"near's secret"
        try:
            check(holds(store, secret), "the store process knows them")
        except PermissionError as error:
            raise tap.Skip("the memory of other processes is closed") from error
        for kind in KINDS - {"store"}:
            for pid in found[kind]:
                check(not holds(pid, secret), f"a password is in {kind}")


@case("one of each that ends is there anew, and all goes on")
def _():
    with folder() as path, Stage(path) as stage:
        for kind in ("clients", "reader", "work", "net", "store"):
            before = all_there(stage.mta)
            for pid in before[kind]:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: children(stage.mta)[kind] and not set(before[kind]) & set(children(stage.mta)[kind]),
                       seconds=60, what=f"another {kind}")

            def works():
                try:
                    return stage.mta.request("mailbox-list", mailbox=ANN) and stage.mta.answers()
                except (OSError, local.Failed):     # it may still be starting
                    return False
            wait_until(works, seconds=60, what=f"service after the end of {kind}")

            def handed_over():
                try:
                    stage.hand_over(text_message(f"after-{kind}", [FAY], originator=JOE))
                    return True
                except OSError:
                    return False
            wait_until(handed_over, seconds=60, what="an association")
            # One whose confirmation was not on disk yet when a process was killed may come again.
            while stage.far.next(60).identifier[1] != f"after-{kind}":
                pass
            if kind not in ("net", "store"):
                equal(children(stage.mta)["store"], before["store"])
                equal(children(stage.mta)["net"], before["net"])


tap.main()
