#!/usr/bin/python3
"""What processes that were taken over can do to the parent, or leave to those that follow them: docs/ARCHITECTURE.md says, and
it is no more.

A process's end of a channel, or its listener, is taken from it while it stands still, and code of this play's own uses it."""
import contextlib
import ctypes
import json
import os
import re
import select
import signal
import socket
import struct
import time

from players import ANN, FAY, Stage, all_there, children, folder, text_message
from peer import tap

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
PARENT, DOOR, STORE, LISTENER = 3, 4, 5, 6                  # mhsd/spawn.h
CONFIG_TAKEN, MANAGE, MANAGED, CHANNEL_GONE = 131, 132, 133, 134
END_NET, END_CLIENTS, END_WORK, END_READER = 1, 2, 3, 4     # ipc/door.h
PIDFD_OPEN, PIDFD_GETFD = 434, 438
CLIENT = 7 << 32 | 1                                        # a client that it makes up
libc = ctypes.CDLL(None, use_errno=True)


def system_call(number, *arguments):
    got = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments))
    if got < 0:
        raise tap.Skip(f"descriptors of other processes are closed: {os.strerror(ctypes.get_errno())}")
    return got


@contextlib.contextmanager
def in_its_place(pid, descriptor=PARENT):
    """The channel to the parent, or another socket, as the process `pid` has it; it stands still meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    pidfd = system_call(PIDFD_OPEN, pid, 0)
    try:
        with socket.socket(fileno=system_call(PIDFD_GETFD, pidfd, descriptor, 0)) as channel:
            yield channel
    finally:
        os.close(pidfd)
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


def clients_of(stage):
    pid, = wait_until(lambda: children(stage.mta)["clients"], what="a process of the clients")
    wait_until(lambda: stage.mta.request("status"), what="an answer of it")
    return pid


def say(channel, number, payload=b"", ref=0):
    channel.sendall(struct.pack(">IHHQ", len(payload), number, 0, ref) + payload)


def answer(channel):
    """All parts of what the parent says to a request."""
    parts = b""
    while True:
        check(select.select([channel], [], [], 20)[0], "the parent does not answer")
        size, number, _, ref = struct.unpack(">IHHQ", channel.recv(16, socket.MSG_WAITALL))
        payload = channel.recv(size, socket.MSG_WAITALL)
        if number != MANAGED:                               # a reload tells this process, too: it takes it
            say(channel, CONFIG_TAKEN, b"\1")
            continue
        equal(ref, CLIENT)
        parts += payload[1:]
        if payload[0]:
            return parts


def ask(channel, **request):
    say(channel, MANAGE, json.dumps(request).encode(), CLIENT)
    return answer(channel)


def numbers():
    """All frames that there are, from their document."""
    with open(os.path.join(os.environ["CHASQUI_SOURCE"], "docs/frames.md")) as file:
        return [int(n) for n in re.findall(r"^## (\d+) ", file.read(), re.M)]


@case("of the parent it can ask for a reload, and for the configuration without its secrets; for nothing else")
def _():
    with folder() as path, Stage(path) as stage:
        all_there(stage.mta)
        with in_its_place(clients_of(stage)) as channel:
            granted = set()
            for operation in ("reload", "config-show", "config-diff", "status", "stop", "mailbox-list", "queue-list", "", 7, None):
                text = ask(channel, operation=operation)
                check(b"near's secret" not in text, f"{operation} tells a password")
                if b'"error"' not in text:
                    granted.add(operation)
            equal(granted, {"reload", "config-show", "config-diff"})
            for text in (b'{"sections":[]}', b'{"operation":"config-show","sections":7}', b"", b"{", b"[]", b"[" * 100_000, b"\xff" * 1000, b'{"operation":"config-show","path":"/etc/shadow"}',
                         b'{"operation":"reload","path":"/etc/shadow"}'):
                say(channel, MANAGE, text, CLIENT)
                check(b'"error"' in answer(channel), f"{text[:40]!r} was granted")
        check("copies" in stage.mta.request("status"))


@case("about users it says nothing when it takes a reload: that would be the daemon's own word in the log")
def _():
    with folder() as path, Stage(path) as stage:
        all_there(stage.mta)
        pid = clients_of(stage)
        with in_its_place(pid) as channel:
            say(channel, MANAGE, json.dumps({"operation": "reload"}).encode(), CLIENT)
            check(select.select([channel], [], [], 20)[0], "the parent does not tell of the reload")
            say(channel, CONFIG_TAKEN, b"\1" + b"root\tlogin: made up\n" * 1000)
            wait_until(lambda: not os.path.exists(f"/proc/{pid}/fd/0"), what="its end")
        all_there(stage.mta)
        check("made up" not in stage.mta.log(), "the log says what it made up")
        check("the clients process broke the rules by frame config-taken" in stage.mta.log(), "the log names it")


def is_gone(pid):
    return not os.path.exists(f"/proc/{pid}/fd/0")


def the(stage, kind):
    pid, = wait_until(lambda: children(stage.mta).get(kind), what=f"a {kind} process")
    return pid


def serves_all(stage, label):
    """Peers and local users."""
    stage.hand_over(text_message(label, [FAY]))
    stage.far.next()
    check("copies" in stage.mta.request("status"))


def shut(listener):
    listener.shutdown(socket.SHUT_RDWR)


def drop_all(listener):
    """A filter that takes no octet, locked. Unix sockets have no use for one."""
    program = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0))
    listener.setsockopt(socket.SOL_SOCKET, 26, struct.pack("HxxxxxxQ", 1, ctypes.addressof(program)))   # SO_ATTACH_FILTER
    listener.setsockopt(socket.SOL_SOCKET, 44, 1)                                                       # SO_LOCK_FILTER


def make_block(listener):
    listener.setblocking(True)


def leave_alone(listener):
    pass


def expect_useless(listener):
    """Whoever was handed it takes nobody's call with it."""
    listener.setblocking(False)
    with contextlib.suppress(OSError):
        listener.accept()
        raise AssertionError("a call is taken by the listener of before")


# Some kernels let root alone set a filter.
FILTERS = [("net", drop_all, "had a filter set")] if os.geteuid() == 0 else []


@case("who follows it is called as before, whatever it did to the socket that they share, and whoever still has that")
def _():
    with folder() as path, Stage(path) as stage:
        all_there(stage.mta)
        for number, (kind, deed, words) in enumerate([
                ("net", shut, "was shut"), *FILTERS, ("net", make_block, "was made to block"), ("net", leave_alone, ""),
                ("clients", shut, "was shut"), ("clients", make_block, "was made to block"), ("clients", leave_alone, "")]):
            serves_all(stage, f"before {number}")
            before = len(stage.mta.log())
            pid = the(stage, kind)
            with in_its_place(pid, LISTENER) as listener:
                deed(listener)
                os.kill(pid, signal.SIGKILL)
                wait_until(lambda: children(stage.mta).get(kind, [pid]) != [pid], what=f"another {kind} process")
                wait_until(stage.mta.answers, what=f"calls are taken after {deed.__name__}")
                serves_all(stage, f"after {number}")
                expect_useless(listener)
            if words:
                place = f"the listener at 127.0.0.1 port {stage.mta.port}" if kind == "net" else f"the local socket {stage.mta.socket_path}"
                check(f"{place} {words} by a process that had it: it was opened anew" in stage.mta.log()[before:], f"{kind}: {words}: the log tells")


@case("a listener that several have serves again though who shut it lives")
def _():
    with folder() as path, Stage(path, net_processes=2) as stage:
        all_there(stage.mta)
        before = children(stage.mta)["net"]
        with in_its_place(before[0], LISTENER) as listener:
            listener.shutdown(socket.SHUT_RDWR)
            wait_until(lambda: "it serves again" in stage.mta.log(), what="the parent to look")
            stage.hand_over(text_message("by the other", [FAY]))
        equal(sorted(children(stage.mta)["net"]), sorted(before), "the net processes")


@case("who breaks the rules of another process is ended, though it would stay, and another follows")
def _():
    with folder() as path, Stage(path) as stage:
        for kind in ("net", "clients", "work"):
            before = all_there(stage.mta)
            pid = the(stage, kind)
            with in_its_place(pid, STORE) as channel:
                say(channel, 200, b"x")
                wait_until(lambda: is_gone(pid), what=f"the end of the {kind} process")
            all_there(stage.mta)
            check(f"the {kind} process broke the rules, says the store process; it is ended" in stage.mta.log(), "the log names it")
            after = children(stage.mta)
            equal({k: v for k, v in after.items() if k != kind}, {k: v for k, v in before.items() if k != kind}, "the others stay")
            wait_until(stage.mta.answers, what="it serves")
        serves_all(stage, "all")


@case("who loses a channel and stays is ended, and another follows")
def _():
    with folder() as path, Stage(path) as stage:
        for kind, descriptor in (("net", STORE), ("clients", STORE), ("work", STORE), ("net", PARENT), ("reader", PARENT), ("store", PARENT)):
            all_there(stage.mta)
            pid = the(stage, kind)
            with in_its_place(pid, descriptor) as channel:
                channel.shutdown(socket.SHUT_RDWR)
                wait_until(lambda: is_gone(pid), what=f"the end of the {kind} process")
            check(f"the {kind} process has lost a channel and does not end by itself; it is ended" in stage.mta.log(), "the log names it")
        wait_until(stage.mta.answers, what="it serves")     # with the store process the others have ended
        all_there(stage.mta)
        serves_all(stage, "all")


@case("who stays when the store process ends is ended, and others follow")
def _():
    with folder() as path, Stage(path) as stage:
        before = all_there(stage.mta)
        still = [the(stage, kind) for kind in ("net", "clients", "work")]
        for pid in still:
            os.kill(pid, signal.SIGSTOP)
        os.kill(before["store"][0], signal.SIGKILL)
        wait_until(lambda: all(map(is_gone, still)), what="their end")
        wait_until(stage.mta.answers, what="it serves")
        serves_all(stage, "all")


def sockets_besides(pid, known):
    return [int(fd) for fd in os.listdir(f"/proc/{pid}/fd") if int(fd) > known and os.readlink(f"/proc/{pid}/fd/{fd}").startswith("socket:")]


@case("a reader that breaks the rules of the clients' process is ended; who breaks those of a reader, with the reader")
def _():
    with folder() as path, Stage(path) as stage:
        # A reader has a channel to a net process too, which leaves it and asks the store process; it may be either of the two.
        for kind, last, channels, ended in (("reader", DOOR, 2, ["reader"]), ("clients", LISTENER, 1, ["clients", "reader"])):
            before = all_there(stage.mta)
            wait_until(lambda: stage.mta.request("mailbox-list", mailbox=ANN), what="an answer of a reader")
            pid = the(stage, kind)
            found = wait_until(lambda: len(found := sockets_besides(pid, last)) == channels and found, what="the channels between them")
            with contextlib.ExitStack() as stack:
                for channel in [stack.enter_context(in_its_place(pid, descriptor)) for descriptor in found]:
                    say(channel, 200, b"x")
                wait_until(lambda: all(is_gone(before[k][0]) for k in ended), what="their end")
            all_there(stage.mta)
            after = children(stage.mta)
            equal({k: v for k, v in after.items() if k not in ended}, {k: v for k, v in before.items() if k not in ended}, "the others stay")
            wait_until(stage.mta.answers, what="it serves")
            wait_until(lambda: stage.mta.request("mailbox-list", mailbox=ANN), what="an answer of a reader")


def gone(end, life, number=0, breach=True):
    return struct.pack(">BBIB", end, number, life, breach)


@case("nobody has others ended but by what its kind may say: the clients' process a reader, a reader the clients' process with itself")
def _():
    with folder() as path, Stage(path) as stage:
        for kind, end, number in (("clients", END_NET, 0), ("clients", END_WORK, 0), ("clients", END_CLIENTS, 0), ("clients", END_READER, 200), ("reader", END_NET, 0),
                                  ("reader", END_READER, 0), ("net", END_NET, 0), ("net", END_CLIENTS, 0), ("work", END_NET, 0)):
            before = all_there(stage.mta)
            pid = the(stage, kind)
            with in_its_place(pid) as channel:
                say(channel, CHANNEL_GONE, gone(end, 1, number))
                wait_until(lambda: is_gone(pid), what=f"the end of the {kind} process that said it of {end}, {number}")
            after = all_there(stage.mta)
            equal({k: v for k, v in after.items() if k != kind}, {k: v for k, v in before.items() if k != kind}, "the others stay")
        before = all_there(stage.mta)
        with in_its_place(the(stage, "clients")) as channel:    # of those before and after the one that there is
            for life in (0, 1, 1000):
                say(channel, CHANNEL_GONE, gone(END_READER, life))
        time.sleep(1)
        equal(all_there(stage.mta), before, "nobody was ended")
        check("copies" in stage.mta.request("status"))


@case("whatever else it says ends it, by name, and no other process")
def _():
    with folder() as path, Stage(path) as stage:
        before = all_there(stage.mta)
        wrong = [(number, b"", 0) for number in numbers() if number != MANAGE] + [
            (CONFIG_TAKEN, b"\1", 0), (MANAGE, b"{}", 1), (0, b"", 0), (65535, b"", 0)]
        for number, payload, ref in wrong[::3] + wrong[-4:]:
            pid = clients_of(stage)
            with in_its_place(pid) as channel, contextlib.suppress(BrokenPipeError, ConnectionResetError):
                say(channel, number, payload, ref)
                wait_until(lambda: not os.path.exists(f"/proc/{pid}/fd/0"), what=f"the end of who said frame {number}")
        after = all_there(stage.mta)
        for kind in ("store", "net", "reader", "work"):
            equal(sorted(after[kind]), sorted(before[kind]), f"the {kind} processes")
        check("the clients process broke the rules by frame" in stage.mta.log(), "the log names it")
        stage.mta.request("mailbox-list", mailbox=ANN)


tap.main()
