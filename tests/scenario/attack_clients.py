#!/usr/bin/python3
"""Local users who ask without reading, crowd the socket, or ask all at once: others are served, and memory is bounded."""
import contextlib
import json
import os
import pwd
import select
import socket
import struct
import threading

from players import ANN, BEN, HOME, LARGE, MB, Unharmed, as_user, folder, hostile_stage, open_way, text_message
from peer import ipm, local, tap

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
OTHER, THIRD = pwd.getpwnam("games"), pwd.getpwnam("daemon")


def frame(kind, payload, ref):
    return struct.pack(">IHHQ", len(payload), kind, 0, ref) + payload


def fetch(ref, entry, length=256 * 1024):
    name = ANN.encode()
    return frame(local.FETCH, struct.pack(">I", len(name)) + name + struct.pack(">QQI", entry, 0, length), ref)


def deliver(mta, octets):
    """An entry of Ann's with a file of so many octets; its number."""
    with mta.client() as client:
        client.submit(local.submission_envelope(BEN, [ANN]), ipm.ipm("big", BEN, [ANN], "big", ipm.file_part("big", b"x" * octets)))
        return wait_until(lambda: client.entries(ANN))[-1]["entry"]


def pour(sock, octets):
    """Sends in the background as far as the daemon reads."""
    def run():
        with contextlib.suppress(OSError):
            sock.sendall(octets)
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


@case("2,000 fetches that nobody reads cost a few answers, and are answered when they are read")
def _():
    with folder() as path, hostile_stage(path) as stage:
        entry = deliver(stage.mta, 300_000)
        with Unharmed(stage) as unharmed, socket.socket(socket.AF_UNIX) as sock:
            sock.connect(stage.mta.socket_path)
            sock.sendall(local.hello())
            pour(sock, b"".join(fetch(ref, entry) for ref in range(1, 2001)))
            for turn in range(3):
                unharmed.served(f"unread-{turn}")
                equal(len(stage.mta.request("mailbox-list", mailbox=ANN)["entries"]), 1)
            client = local.Client(stage.mta.socket_path)
            client.sock.close()
            client.sock = sock
            sock.settimeout(60)
            for ref in range(1, 2001):
                kind, got, payload = client.receive()
                equal((kind, got), (local.FETCH_DATA, ref))
                check(len(payload) > 256 * 1024)


def connect(mta):
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(30)
    sock.connect(mta.socket_path)
    with contextlib.suppress(BrokenPipeError):      # it is refused, and is told so
        sock.sendall(local.hello())
    return sock


def receive(sock, size):
    """So many octets, fewer at the end: a socket with a timeout gives what is there."""
    octets = b""
    while len(octets) < size and (piece := sock.recv(size - len(octets))):
        octets += piece
    return octets


def next_frame(sock):
    """(type, ref, payload) of the next frame that is no answer to the hello; by EOF a struct.error."""
    size, kind, _, ref = struct.unpack(">IHHQ", receive(sock, 16))
    payload = receive(sock, size)
    return next_frame(sock) if kind == local.WELCOME else (kind, ref, payload)


def refusal(sock):
    """What a connection that was refused is told; None when nothing comes, for it was not."""
    if not select.select([sock], [], [], 0)[0]:
        return None
    size, kind, _, ref = struct.unpack(">IHHQ", sock.recv(16))
    payload = sock.recv(size)
    if kind == local.WELCOME:
        return None
    equal((kind, ref), (local.RESPONSE, 0))
    return json.loads(payload[1:])["error"]


@case("100 idle connections of one user leave room for others and for operators, and a burst is few lines")
def _():
    with folder() as path, hostile_stage(path, limits={"clients": 100}) as stage, contextlib.ExitStack() as held:
        open_way(stage.mta)
        with Unharmed(stage) as unharmed:
            with as_user(OTHER):
                crowd = [held.enter_context(connect(stage.mta)) for _ in range(100)]
            stage.mta.request("status")         # by now all were looked at
            told = [refusal(sock) for sock in crowd]
            equal(told.count(None), 20)
            check(all("clients-per-user" in error["text"] for error in told if error), told)
            with as_user(THIRD), local.Client(stage.mta.socket_path) as client:
                check("state" in client.request("status"))
            unharmed.served("idle")
            unharmed.logged(f"uid={OTHER.pw_uid}", "refused", "clients-per-user")
            equal(stage.mta.log().count("a local client was refused"), 30)
            equal(stage.mta.log().count(f"uid={OTHER.pw_uid}: 30 lines in a minute, the next are left out"), 1)


@case("many users together leave the operators' reserve")
def _():
    with folder() as path, hostile_stage(path, limits={"clients": 30, "clients-per-user": 25}) as stage, \
            contextlib.ExitStack() as held:
        open_way(stage.mta)
        with Unharmed(stage):
            for user in OTHER, THIRD:
                with as_user(user):
                    for _ in range(25):
                        held.enter_context(connect(stage.mta))
            for _ in range(3):                  # each is root's
                client = held.enter_context(local.Client(stage.mta.socket_path))
                check("copies" in client.request("status"))


@case("a user that asks all at once, on all its connections, waits, and others do not")
def _():
    with folder() as path, hostile_stage(path) as stage, contextlib.ExitStack() as held:
        open_way(stage.mta)
        request = json.dumps({"operation": "status"}).encode()
        with Unharmed(stage) as unharmed:
            with as_user(OTHER):
                crowd = [held.enter_context(connect(stage.mta)) for _ in range(20)]
            flood = b"".join(frame(local.REQUEST, request, ref) for ref in range(1, 4001))
            for sock in crowd:
                pour(sock, flood)
            for turn in range(3):
                check("copies" in stage.mta.request("status"))
                unharmed.served(f"flood-{turn}")
            for sock in crowd:                  # their turn comes too
                equal(next_frame(sock)[:2], (local.RESPONSE, 1))


def of_submission(kind, payload):
    """A frame that answers a flood of submissions: one answer."""
    equal(kind, local.SUBMIT_RESULT)
    return 1


def of_history(kind, payload):
    """A frame that answers a flood of requests: an answer ends with the last of its frames."""
    equal(kind, local.RESPONSE)
    return payload[0]


def read_flood(crowd, count, wait, until=None):
    """Reads answers to the crowd's flood as they come, until `until` has one, or (without) none is there; their number."""
    answers = 0
    while True:
        ready = select.select([*crowd, *([until] if until else [])], [], [], wait)[0]
        if not ready or until in ready:
            return answers
        for sock in ready:
            kind, _, payload = next_frame(sock)
            answers += count(kind, payload)


def answered_before(crowd, client, request, member, count):
    """The client asks five times, and is answered each time; how many of the crowd's answers went first, at most."""
    most = 0
    for ref in range(100, 105):
        read_flood(crowd, count, 0)
        client.send(local.REQUEST, json.dumps(request).encode(), ref)
        most = max(most, read_flood(crowd, count, 60, client.sock))
        check(member in client.receive()[2])
    return most


@case("a user who submits long envelopes on all his connections holds up another one's request by a few of them at most")
def _():
    users = {ANN: {"login": OTHER.pw_name}, BEN: {"login": THIRD.pw_name}}
    envelope = b"\1" + local.submission_envelope(ANN, [f"{HOME}/S=u{n}" for n in range(3000)])
    with folder() as path, hostile_stage(path, user=users) as stage, contextlib.ExitStack() as held:
        open_way(stage.mta)
        with Unharmed(stage, LARGE) as unharmed:
            with as_user(OTHER):
                crowd = [held.enter_context(connect(stage.mta)) for _ in range(10)]
            flood = b"".join(frame(local.SUBMIT_BEGIN, envelope, ref) + frame(local.SUBMIT_END, b"", ref) for ref in range(1, 41))
            for sock in crowd:
                pour(sock, flood)

            check(select.select(crowd, [], [], 60)[0], "the first of the flood is answered")
            with as_user(THIRD), local.Client(stage.mta.socket_path) as client:
                check("state" in client.request("status"))
                first = answered_before(crowd, client, {"operation": "status"}, b"state", of_submission)
                check(first <= 12, f"{first} of 400 submissions went first")
            unharmed.served("long-envelopes")
            for sock in crowd:
                sock.shutdown(socket.SHUT_RDWR)


@case("a user who asks for long histories on all his connections holds up another one's request by a few of them at most")
def _():
    users = {ANN: {"login": OTHER.pw_name}, BEN: {"login": THIRD.pw_name}}
    request = json.dumps({"operation": "track", "recent": 1000}).encode()
    with folder() as path, hostile_stage(path, user=users) as stage, contextlib.ExitStack() as held:
        open_way(stage.mta)
        with as_user(OTHER), local.Client(stage.mta.socket_path) as client:
            for number in range(200):
                client.submit(local.submission_envelope(ANN, [ANN]), ipm.ipm(f"h{number}", ANN, [ANN], "h", ipm.text("h")))
        with Unharmed(stage, LARGE) as unharmed:
            with as_user(OTHER):
                crowd = [held.enter_context(connect(stage.mta)) for _ in range(6)]
            for sock in crowd:
                pour(sock, b"".join(frame(local.REQUEST, request, ref) for ref in range(1, 401)))

            check(select.select(crowd, [], [], 60)[0], "the first of the flood is answered")
            with as_user(THIRD), local.Client(stage.mta.socket_path) as client:
                check("entries" in client.request("mailbox-list", mailbox=BEN))
                asked = {"operation": "mailbox-list", "mailbox": BEN}
                first = answered_before(crowd, client, asked, b"entries", of_history)
                check(first <= 4, f"{first} histories went first")
            unharmed.served("long-histories")
            for sock in crowd:
                sock.shutdown(socket.SHUT_RDWR)


@case("a request over 64 KiB is refused, and the next one is answered")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage), local.Client(stage.mta.socket_path) as client:
        client.send(local.REQUEST, b"{" + b",".join(b'"k%d":1' % n for n in range(90_000)) + b"}", ref=7)
        kind, ref, payload = client.receive()
        equal((kind, ref, json.loads(payload[1:])["error"]["code"]), (local.RESPONSE, 7, "too-large"))
        check("state" in client.request("status"))


@case("one that asks and goes at once takes its requests with it")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        entry = deliver(stage.mta, MB // 2)
        for _ in range(50):
            with connect(stage.mta) as sock:
                sock.sendall(b"".join(fetch(ref, entry) for ref in range(1, 20)))
        unharmed.served("gone")
        equal(len(stage.mta.request("mailbox-list", mailbox=ANN)["entries"]), 1)


@case("a user whose messages fail by the hundred writes a few lines, others write theirs, and the record has all")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        with stage.mta.client() as client:
            for number in range(300):
                nobody = [f"{HOME}/S=nobody{number}-{i}" for i in range(3)]
                client.submit(local.submission_envelope(BEN, nobody), ipm.ipm("no", BEN, nobody, "no", ipm.text("no")))
            stage.hand_over(text_message("other", [f"{HOME}/S=nobody"]))
            unharmed.logged("peer=NEAR", "other", "is not delivered")
            log = stage.mta.log()
            equal(log.count(f"uid={os.geteuid()} ["), 30)
            check("and 2 more" in log, "recipients that fail alike have a line each")
            check(f"uid={os.geteuid()}: 30 lines in a minute, the next are left out" in log, stage.mta.log_tail())
            check("see 'mhs track'" in log, stage.mta.log_tail())
            found = client.request("track", originator=BEN, recent=1000)["messages"]
            equal(len(found), 300)


# ---- submissions ----

def refused(client):
    """The refusals of submissions that a connection was told until now, by ref: their codes."""
    client.send(local.REQUEST, json.dumps({"operation": "status"}).encode(), ref=1 << 30)
    codes = {}
    while True:
        kind, ref, payload = client.receive()
        if kind == local.RESPONSE:
            equal(ref, 1 << 30)
            return codes
        equal((kind, payload[0]), (local.SUBMIT_RESULT, 0))
        codes[ref] = json.loads(payload[1:])["error"]["code"]


def submitted(client, *refs):
    """The octets of so many results, by ref; what is accepted begins with 1."""
    results = {}
    while len(results) < len(refs):
        kind, ref, payload = client.receive()
        equal(kind, local.SUBMIT_RESULT)
        results[ref] = payload[0]
    equal(sorted(results), sorted(refs))
    return results


def two_users(path, **settings):
    """A stage where Ann and Ben are users of this machine, and nobody is an operator but root."""
    stage = hostile_stage(path, user={ANN: {"login": OTHER.pw_name}, BEN: {"login": THIRD.pw_name}}, **settings)
    return stage


@case("one uid has 64 submissions open, over all its connections; another one's, and the places of those that end, are free")
def _():
    with folder() as path, two_users(path) as stage, contextlib.ExitStack() as held:
        open_way(stage.mta)
        with Unharmed(stage) as unharmed:
            envelope = local.submission_envelope(ANN, [BEN])
            with as_user(OTHER):
                crowd = [held.enter_context(local.Client(stage.mta.socket_path)) for _ in range(10)]
            over = {}
            for number, client in enumerate(crowd):
                for ref in range(1, 9):
                    client.send(local.SUBMIT_BEGIN, b"\1" + envelope, ref=ref)
                over.update({(number, ref): code for ref, code in refused(client).items()})
            equal(sorted(over), [(number, ref) for number in (8, 9) for ref in range(1, 9)])
            equal(set(over.values()), {"unavailable"})
            with as_user(THIRD), local.Client(stage.mta.socket_path) as client:
                client.begin(local.submission_envelope(BEN, [ANN]), ipm.ipm("ben", BEN, [ANN], "ben", ipm.text("x")))
                client.end()
                equal(submitted(client, 1), {1: 1})
            # One place becomes free by an end, eight by a connection that goes.
            crowd[0].send(local.SUBMIT_CONTENT, ipm.ipm("one", ANN, [BEN], "one", ipm.text("x")), ref=3)
            crowd[0].send(local.SUBMIT_END, b"", ref=3)
            equal(submitted(crowd[0], 3), {3: 1})
            crowd[1].close()

            def room():
                crowd[9].send(local.SUBMIT_BEGIN, b"\1" + envelope, ref=100 + len(begun))
                begun.append(100 + len(begun))
                return begun[-1] not in refused(crowd[9])
            begun = []
            wait_until(room)
            wait_until(lambda: not refused(crowd[9]) and room())
            unharmed.served("open-submissions")


@case("one uid has 16 MiB of envelopes open, and no process grows by more")
def _():
    with folder() as path, two_users(path) as stage, contextlib.ExitStack() as held:
        open_way(stage.mta)
        envelope = b"\1" + bytes(MB - 1024)
        with Unharmed(stage, LARGE) as unharmed:
            with as_user(OTHER):
                crowd = [held.enter_context(local.Client(stage.mta.socket_path)) for _ in range(5)]
            codes = []
            for client in crowd:
                for ref in range(1, 6):
                    client.send(local.SUBMIT_BEGIN, envelope, ref=ref)
                codes += refused(client).values()
            equal(codes, ["unavailable"] * 9)
            for client in crowd:
                client.close()
            unharmed.served("envelopes")
            with as_user(OTHER), local.Client(stage.mta.socket_path) as client:
                wait_until(lambda: client.send(local.SUBMIT_BEGIN, envelope, ref=1) or not refused(client))


@case("submissions of one connection go side by side, whatever becomes of each")
def _():
    with folder() as path, hostile_stage(path, limits={"content-octets": MB}) as stage, Unharmed(stage) as unharmed, \
            stage.mta.client() as client:
        message, probe = local.submission_envelope(ANN, [BEN]), local.probe_envelope(ANN, [local.recipient(BEN)], "p", 9)
        contents = {ref: ipm.ipm(f"m{ref}", ANN, [BEN], f"m{ref}", ipm.file_part("f", bytes([ref]) * 300_000)) for ref in (1, 2, 3)}
        for ref in contents:
            client.send(local.SUBMIT_BEGIN, b"\1" + message, ref=ref)
        client.send(local.SUBMIT_BEGIN, b"\2" + probe, ref=4)
        client.send(local.SUBMIT_BEGIN, b"\1" + message, ref=5)
        client.send(local.SUBMIT_CONTENT, b"x", ref=4)                  # a probe has none
        for _ in range(5):
            client.send(local.SUBMIT_CONTENT, bytes(MB // 4), ref=5)    # over the limit with the last
        client.send(local.SUBMIT_CONTENT, b"x", ref=99)                 # nobody began it
        equal(refused(client), {4: "inconsistent-request", 5: "too-large"})
        for at in range(0, 310_000, 100_000):
            for ref, content in contents.items():
                client.send(local.SUBMIT_CONTENT, content[at:at + 100_000], ref=ref)
        for ref in (3, 1, 2, 4, 5):                                     # what was refused is over
            client.send(local.SUBMIT_END, b"", ref=ref)
        equal(submitted(client, 1, 2, 3), {1: 1, 2: 1, 3: 1})
        entries = wait_until(lambda: (lambda e: e if len(e) == 3 else None)(client.entries(BEN)))
        got = sorted(client.content(BEN, entry["entry"]) for entry in entries)
        equal([len(one) for one in got], [len(one) for one in sorted(contents.values())])
        check(got == sorted(contents.values()))
        equal(refused(client), {})
        unharmed.served("side-by-side")


tap.main()
