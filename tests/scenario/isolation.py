#!/usr/bin/python3
"""What each of the daemon's processes holds: an address layout and descriptors of its own, and its slice of the configuration."""
import contextlib
import glob
import os
import re
import signal
import socket
import sys
import time

from players import (ANN, FAR, FAY, JOE, KINDS, NEAR, Neighbour, SEARCHED, Stage, Unharmed, all_there, children, folder, hostile_stage,
                     text_message)
from peer import local, tap, x228
from peer.association import Association, BindRefused
from peer.transport import Transport
from scenario.chasqui import peer_section

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


def held(pid, words):
    """Those of the words that are in the process's memory."""
    found = set()
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            start, end = (int(at, 16) for at in line.split()[0].split("-"))
            if line.split()[1][:2] != "rw" or end - start > 256 << 20:
                continue        # a sanitizer's shadow has terabytes of nothing
            with contextlib.suppress(OSError, ValueError, OverflowError):
                memory.seek(start)
                octets = memory.read(end - start)
                found |= {word for word in words if word in octets}
    return found


def holds(pid, word):
    return bool(held(pid, [word]))


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
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as attack:
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
        attack.served("a-look")


@case("passwords are in the store process and in the parent alone")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage, SEARCHED) as attack:
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
        attack.served("a-search")


class Parts:
    """A socket whose octets leave in parts, each in a segment of its own if the other end is quick."""

    def __init__(self, sock, octets):
        self.sock, self.octets = sock, octets

    def sendall(self, data):
        for at in range(0, len(data), self.octets):
            self.sock.sendall(data[at:at + self.octets])
            time.sleep(0.005)

    def __getattr__(self, name):
        return getattr(self.sock, name)


def binder(stage, mode, password, octets, size_code):
    """NEAR, which binds in parts of so many octets; None where it is refused. Each mode has a host of its own: of one
    that guesses, the right bind is refused as well."""
    host = f"127.0.0.{20 + list(CONTEXTS).index(mode)}"
    transport = Transport(socket.create_connection(("127.0.0.1", stage.mta.port), timeout=tap.PATIENCE, source_address=(host, 0)))
    transport.sock = Parts(transport.sock, octets)
    peer = Association(transport, mode, "name-of-near", password, checkpoint=64)
    transport.connect(size_code=size_code)
    bind = x228.bind_argument(mode, peer.mta, peer.password)
    peer.send_connect(x228.open_request(64, 3, x228.ber.ctx(0, bind), mode, 0))
    try:
        peer.read_accept()
    except BindRefused:
        peer.close()
        return None
    return peer


CONTEXTS = {"normal": "mts-transfer", "x410": "mts-transfer-protocol", "1984": "mts-transfer-protocol-1984"}
WORDS = {word.encode() for word in ("name-of-near", "word-of-near", "wrong-of-near", "ours-to-near", "ourword-to-near", "name-of-far",
                                    "word-of-far", "wrong-of-far", "ours-to-far", "ourword-to-far")}


def gone(pid, words, what):
    """The peer may have the answer before the process has wiped it."""
    left = set(words)

    def nothing():
        left.intersection_update(held(pid, words))
        return not left
    try:
        wait_until(nothing)
    except AssertionError:
        raise AssertionError(f"left of {what}: {left}") from None


@case("of a bind nothing is left in a net process: names and passwords, right and wrong, as caller and as called")
def _():
    def far_section(port, mode):
        return peer_section(port, "name-of-far", "word-of-far", "ours-to-far", "ourword-to-far", domain=FAR,
                            application_contexts=[CONTEXTS[mode]])
    wrong = Neighbour("name-of-far", "wrong-of-far")
    near = peer_section(1, "name-of-near", "word-of-near", "ours-to-near", "ourword-to-near", domain=NEAR)
    with folder() as path, contextlib.closing(wrong):
        stage = hostile_stage(path, far=Neighbour("name-of-far", "word-of-far"))
        right = stage.far.port
        other = peer_section(1, "NEAR", "near's secret", domain="/C=FR/A=OTHER", transit=True)
        stage.mta.configure(peer={"NEAR": near, "OTHER": other} | {f"FAR {mode}": far_section(right, mode) for mode in CONTEXTS}
                            | {f"WRONG {mode}": far_section(wrong.port, mode) for mode in CONTEXTS},
                            route={NEAR: {"next-hop": {"NEAR": {"rank": 1}}}, FAR: {"next-hop": {"FAR normal": {"rank": 1}}}})
        with stage, Unharmed(stage, SEARCHED) as attack:
            net, = all_there(stage.mta)["net"]
            try:
                held(net, WORDS)
            except PermissionError as error:
                raise tap.Skip("the memory of other processes is closed") from error
            for mode in CONTEXTS:
                for octets, size_code in ((65536, 11), (65536, 7), (70, 11), (70, 7)):
                    peer = binder(stage, mode, "word-of-near", octets, size_code)
                    gone(net, WORDS, f"a bind in {mode}, {octets}, {size_code}")
                    peer.transport.sock = peer.transport.sock.sock
                    peer.release()
                    equal(binder(stage, mode, "wrong-of-near", octets, size_code), None)
                    gone(net, WORDS, f"a wrong bind in {mode}, {octets}, {size_code}")
                check(stage.mta.request("ping", peer=f"FAR {mode}")["ok"])
                gone(net, WORDS, f"a call in {mode}")
                attack.served(f"binds-in-{mode}")
            for mode in CONTEXTS:
                check(not stage.mta.request("ping", peer=f"WRONG {mode}")["ok"])
                gone(net, WORDS - {b"name-of-far"},     # which the line in the log gives
                     f"a call that is answered by a wrong password in {mode}")
            attack.served("wrong-passwords")


# Executes its arguments on a kernel without Landlock: landlock_create_ruleset is an unknown call (seccomp(2)).
WITHOUT_LANDLOCK = """
import ctypes, errno, os, struct, sys
code = b"".join(struct.pack("HBBI", *line) for line in ((0x20, 0, 0, 0), (0x15, 0, 1, 444), (6, 0, 0, 0x50000 | errno.ENOSYS),
                                                        (6, 0, 0, 0x7FFF0000)))
octets = ctypes.create_string_buffer(code)
program = struct.pack("HxxxxxxP", len(code) // 8, ctypes.addressof(octets))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.c_char_p(program), 0, 0):
    sys.exit(77)
os.execv(sys.argv[1], sys.argv[1:])
"""


@case("without Landlock the daemon does not start and says what to do; with sandbox = partial it says so, and serves")
def _():
    with folder() as path:
        stage = Stage(path, sandbox="full")
        stage.mta.before = [sys.executable, "-c", WITHOUT_LANDLOCK]
        with contextlib.closing(stage.far), contextlib.closing(stage.near):
            stage.mta.start(wait=False)
            status = stage.mta.process.wait(60)
            if status == 77:
                raise tap.Skip("no seccomp filter can be set here")
            equal(status, 1)
            check("this kernel has no Landlock" in stage.mta.log() and "sandbox = partial" in stage.mta.log(), stage.mta.log_tail())
            stage.mta.configure(sandbox="partial")
            stage.mta.start()
            try:
                check("the kernel has no Landlock: files are guarded by permissions" in stage.mta.log(), stage.mta.log_tail())
                stage.hand_over(text_message("unguarded", [FAY]))
                equal(stage.far.next().identifier[1], "unguarded")
            finally:
                equal(stage.mta.stop(), 0)


@case("one of each that ends is there anew, and all goes on")
def _():
    with folder() as path, Stage(path) as stage:
        for kind in ("clients", "reader", "work", "net", "store"):
            before = all_there(stage.mta)
            for pid in before[kind]:
                os.kill(pid, signal.SIGKILL)
            wait_until(lambda: children(stage.mta)[kind] and not set(before[kind]) & set(children(stage.mta)[kind]),
                       what=f"another {kind}")

            def works():
                try:
                    return stage.mta.request("mailbox-list", mailbox=ANN) and stage.mta.answers()
                except (OSError, local.Failed):     # it may still be starting
                    return False
            wait_until(works, what=f"service after the end of {kind}")

            def handed_over():
                try:
                    stage.hand_over(text_message(f"after-{kind}", [FAY], originator=JOE))
                    return True
                except OSError:
                    return False
            wait_until(handed_over, what="an association")
            # One whose confirmation was not on disk yet when a process was killed may come again.
            while stage.far.next(60).identifier[1] != f"after-{kind}":
                pass
            # With the store process end net, clients and work; readers go on.
            stay, after = {"reader"} if kind == "store" else KINDS - {kind}, all_there(stage.mta)
            equal({other: after[other] for other in stay}, {other: before[other] for other in stay}, kind)


tap.main()
