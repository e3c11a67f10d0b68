#!/usr/bin/python3
"""What a process of the clients that was taken over can ask of the parent: docs/ARCHITECTURE.md says, and it is no more.

Its end of the channel to the parent is taken from it while it stands still, and code of this play's own speaks there."""
import contextlib
import ctypes
import json
import os
import re
import select
import signal
import socket
import struct

from players import ANN, Stage, all_there, children, folder
from peer import tap

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
PARENT = 3                                                  # mhsd/spawn.h
CONFIG_TAKEN, MANAGE, MANAGED = 131, 132, 133
PIDFD_OPEN, PIDFD_GETFD = 434, 438
CLIENT = 7 << 32 | 1                                        # a client that it makes up
libc = ctypes.CDLL(None, use_errno=True)


def system_call(number, *arguments):
    got = libc.syscall(ctypes.c_long(number), *(ctypes.c_long(a) for a in arguments))
    if got < 0:
        raise tap.Skip(f"descriptors of other processes are closed: {os.strerror(ctypes.get_errno())}")
    return got


@contextlib.contextmanager
def in_its_place(pid):
    """The channel to the parent, as the process `pid` has it; it stands still meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    pidfd = system_call(PIDFD_OPEN, pid, 0)
    try:
        with socket.socket(fileno=system_call(PIDFD_GETFD, pidfd, PARENT, 0)) as channel:
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
