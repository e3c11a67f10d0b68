#!/usr/bin/python3
"""Who binds, and who tries to: passwords that no net process holds, guesses, peers of one name, strangers that keep
places, descriptors and turns of the loop for themselves. The processes live on and another neighbour is served."""
import contextlib
import json
import os
import re
import resource
import socket
import threading
import time

from players import ANN, SEARCHED, Neighbour, Unharmed, folder, hostile_stage, named, processes, sockets_of, text_message
from peer import ber, tap, x228
from peer.association import AUTHENTICATION_ERROR, Association, BindRefused
from peer.transport import Closed, Transport
from scenario.chasqui import peer_section

case, check, equal = tap.case, tap.check, tap.equal
HOSTS = [f"127.0.0.{n}" for n in range(20, 60)]


def refused(stage, **options):
    """The bind is refused for its credentials, and no more is said."""
    try:
        stage.call(**options).close()
    except BindRefused as error:
        equal(error.reason, AUTHENTICATION_ERROR)
        return True
    except (Closed, OSError):
        return False
    raise AssertionError("the bind was accepted")


class Caller:
    """Calls from a host of loopback."""

    def __init__(self, stage, host):
        self.stage, self.host = stage, host

    def transport(self):
        sock = socket.create_connection(("127.0.0.1", self.stage.mta.port), timeout=tap.PATIENCE, source_address=(self.host, 0))
        return Transport(sock)

    def bind(self, mta="NEAR", password="near's secret", mode="normal", leave=False):
        """The association, or the reason of the refusal; `leave`: the refused connection stays open."""
        peer = Association(self.transport(), mta=mta, password=password, mode=mode)
        peer.transport.connect(called=b"")
        peer.send_connect(x228.open_request(1, 3, ber.ctx(0, x228.bind_argument(mode, mta, password)), mode, 0))
        try:
            peer.read_accept()
        except BindRefused as error:
            if not leave:
                peer.close()
            return error.reason if not leave else peer
        return peer


def memory_of(pid):
    """All that the process can read, as octets; only root may look."""
    with open(f"/proc/{pid}/maps") as maps, open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            place, rights, _, _, inode = line.split()[:5]
            first, last = (int(part, 16) for part in place.split("-"))
            if "r" not in rights or "w" not in rights or last - first > 1 << 34:
                continue        # shadow memory of the sanitizers is sparse, and holds no octets of ours
            at = first
            while at < last:
                try:
                    memory.seek(at)
                    yield memory.read(min(1 << 24, last - at))
                except (OSError, ValueError, OverflowError):
                    pass
                at += 1 << 24


def holds(pid, secrets):
    """The secrets that stand in the process's memory."""
    found = set()
    for part in memory_of(pid):
        found |= {secret for secret in secrets if secret.encode() in part}
    return found


SECRETS = {"password": "what-BETA-gives-93417", "our-password": "what-we-give-28165",
           "former-password": "what-BETA-gave-77120"}


@case("no net process holds a password of the configuration, at the start and after a reload")
def _():
    if os.geteuid() != 0:
        raise tap.Skip("only root may read the memory of others")
    beta = peer_section(9, "BETA", SECRETS["password"], our_password=SECRETS["our-password"],
                        former_password=SECRETS["former-password"])
    with folder() as path, hostile_stage(path) as stage:
        stage.mta.configure(peer={**stage.mta.settings["peer"], "BETA": beta})
        stage.mta.stop()
        stage.mta.start()
        with Unharmed(stage, SEARCHED) as unharmed:
            for change in (1, 2):
                tap.wait_until(lambda: named(stage, "net") and named(stage, "store"), what="processes")
                for pid in named(stage, "net"):
                    equal(holds(pid, set(SECRETS.values())), set())
                for pid in named(stage, "store"):       # the search finds what is there
                    equal(holds(pid, {SECRETS["password"]}), {SECRETS["password"]})
                if change == 1:
                    lines = stage.mta.log().count("configuration reloaded")
                    stage.mta.configure(log_level="info")
                    stage.mta.reload()
                    tap.wait_until(lambda: stage.mta.log().count("configuration reloaded") >= lines + 2)
            unharmed.served("search")


@case("a password is changed without a gap: the former one is taken as well, until it is taken away")
def _():
    with folder() as path, hostile_stage(path, peer_options={"NEAR": {"password": "new", "former-password": "old"}}) as stage:
        call = stage.call
        stage.call = lambda **options: call(**{"password": "new", **options})
        change_password(stage)


def change_password(stage):
    with Unharmed(stage) as unharmed:
        for password in ("new", "old"):
            stage.call(password=password).close()
        tap.wait_until(lambda: "peer=NEAR binds by its former password" in stage.mta.log())
        check("by its new password" not in stage.mta.log(), "it had bound by no other")
        stage.call(password="new").close()
        tap.wait_until(lambda: "peer=NEAR binds by its new password now" in stage.mta.log())
        stage.call(password="new").close()
        equal(stage.mta.log().count("peer=NEAR binds by its new password now"), 1)
        check(refused(stage, password="older"), "an older one was not refused")
        tap.wait_until(lambda: "initiator-credentials: the MTA name is that of peer 'NEAR', the password is not"
                       in stage.mta.log())
        peers = stage.mta.settings["peer"]
        del peers["NEAR"]["former-password"]
        stage.mta.configure(peer=peers)
        stage.mta.reload()
        tap.wait_until(lambda: stage.mta.log().count("configuration reloaded") >= 2)
        tap.wait_until(lambda: refuses(stage, "old"), what="the end of the old password")
        unharmed.served("changed")


def refuses(stage, password):
    try:
        stage.call(password=password).close()
    except BindRefused:
        return True
    return False


@case("of several peers of one MTA name the context and the address choose")
def _():
    others = {"NEAR-1984": peer_section(9, "NEAR", "near's secret", accepted_contexts=["mts-transfer-protocol-1984"]),
              "NEAR-THERE": {**peer_section(9, "NEAR", "near's secret"), "address": ["Internet=127.0.0.9+9"]}}
    with folder() as path, hostile_stage(path) as stage:
        peers = {**stage.mta.settings["peer"], **others}
        peers["NEAR"]["accepted-contexts"] = ["mts-transfer"]
        stage.mta.configure(peer=peers)
        stage.mta.stop()
        stage.mta.start()
        with Unharmed(stage) as unharmed:
            for host, mode, peer, context in (
                    ("127.0.0.1", "normal", "NEAR", "mts-transfer"), ("127.0.0.1", "1984", "NEAR-1984", "mts-transfer-protocol-1984"),
                    ("127.0.0.9", "x410", "NEAR-THERE", "mts-transfer-protocol"), ("127.0.0.9", "normal", "NEAR-THERE", "mts-transfer")):
                Caller(stage, host).bind(mode=mode).close()
                line = f"peer={peer} address={host} association accepted ({context})"
                tap.wait_until(lambda line=line: line in stage.mta.log(), what=line)
            unharmed.served("of several")


@case("a refusal tells nothing: the same octets, at no earlier time, whatever is wrong")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        answers = set()
        for mta, password in (("NEAR", "wrong"), ("NOBODY", "near's secret"), ("NEAR", ""), ("FAR", "x" * 60)):
            peer = Association(Transport.dial(stage.mta.port), mta=mta, password=password)
            peer.transport.connect(called=b"")
            before = time.monotonic()
            peer.send_connect(x228.open_request(1, 3, ber.ctx(0, x228.bind_argument("normal", mta, password)), "normal", 0))
            spdu = peer.receive_spdu()
            check(time.monotonic() - before > 0.25, "the refusal came before its time")
            answers.add(bytes(spdu.user_data) + spdu.parameters.get(0x32, b""))
            peer.close()
        equal(len(answers), 1)
        unharmed.served("refusals")


@case("who guesses passwords is refused unread after a few, the log says it once, and the peer itself is served")
def _():
    with folder() as path, hostile_stage(path) as stage:
        with Unharmed(stage) as unharmed:
            guesser = Caller(stage, "127.0.0.9")
            for number in range(14):
                equal(guesser.bind(password=f"guess {number}"), AUTHENTICATION_ERROR)
            equal(guesser.bind(), AUTHENTICATION_ERROR)     # right by now, and not looked at
            unharmed.served("guesses")                      # the peer calls from elsewhere
            unharmed.logged("network=127.0.0.9", "10 wrong binds in a minute", "refused unread")
            lines = [line for line in stage.mta.log().splitlines() if "bind refused" in line and "127.0.0.9" in line]
            equal(len(lines), 1)
        stage.mta.stop()                                    # or when the minute is over
        unharmed.logged("network=127.0.0.9", "more wrong binds", "NEAR")


@case("a peer's next fault is told though the first was told in this minute, and the minute's line names peer and cause")
def _():
    with folder() as path, hostile_stage(path) as stage:
        stage.mta.configure(peer={**stage.mta.settings["peer"], "THERE": {**peer_section(9, "THERE", "theirs"), "address": ["Internet=127.0.0.9+9"]}})
        stage.mta.mhs("reload")
        there = Caller(stage, "127.0.0.9")
        with Unharmed(stage) as unharmed:
            for _ in range(2):
                equal(there.bind(mta="THERE", password="wrong"), AUTHENTICATION_ERROR)
            peers = stage.mta.settings["peer"]
            stage.mta.configure(peer={**peers, "THERE": {**peers["THERE"], "mta-name": "THERE-MTA"}})     # the wrong way to mend it
            stage.mta.mhs("reload")
            for _ in range(3):
                equal(there.bind(mta="THERE", password="theirs"), AUTHENTICATION_ERROR)
            for cause in ("initiator-credentials: the MTA name is that of peer 'THERE', the password is not",
                          "initiator-name: no peer has the MTA name 'THERE'; it calls from where peer 'THERE' is"):
                line = f"peer=THERE address=127.0.0.9 bind refused: {cause}"
                tap.wait_until(lambda line=line: line in stage.mta.log(), what=line)
                equal(stage.mta.log().count(line), 1)
            unharmed.served("causes")
        stage.mta.stop()
        unharmed.logged("network=127.0.0.9 3 more wrong binds with the MTA name 'THERE' in a minute",
                        "the last that was looked at: peer=THERE initiator-name: no peer has the MTA name 'THERE'")


@case("a reload that changes a peer, 'mhs peer retry' and enable have its next bind looked at, and only that one")
def _():
    with folder() as path, hostile_stage(path) as stage:
        peers = stage.mta.settings["peer"]
        near = {**peers["NEAR"], "address": ["Internet=127.0.0.9+9"]}
        stage.mta.configure(peer={**peers, "NEAR": near})
        stage.mta.mhs("reload")
        there, stranger = Caller(stage, "127.0.0.9"), Caller(stage, "127.0.0.10")

        def guess(caller):
            for number in range(10):
                equal(caller.bind(password=f"guess {number}"), AUTHENTICATION_ERROR)

        def waits(caller, password="near's secret"):
            equal(caller.bind(password=password), AUTHENTICATION_ERROR)

        with Unharmed(stage) as unharmed:
            guess(there)
            guess(stranger)
            waits(there)
            stage.mta.mhs("reload")                         # nothing of it changed
            waits(there)
            stage.mta.configure(peer={**peers, "NEAR": {**near, "password": "another"}})
            stage.mta.mhs("reload")
            waits(stranger, "another")
            there.bind(password="another").close()
            there.bind(password="another").close()
            equal(there.bind(password="one more guess"), AUTHENTICATION_ERROR)
            waits(there, "another")
            done = stage.mta.mhs("peer", "retry", "NEAR")           # no copy waits, and yet it is not in vain
            check("; its next bind is looked at again\n" in done.stdout, done.stdout)
            done = stage.mta.mhs("--json", "peer", "retry", "NEAR", check=False)
            equal((done.returncode, json.loads(done.stdout)["bind-wait-ended"]), (1, False), "no bind waits any more")
            waits(stranger, "another")
            equal(there.bind(password="one more guess"), AUTHENTICATION_ERROR)
            waits(there, "another")
            check("binds-refused-until:" in stage.mta.mhs("peer", "show", "NEAR").stdout, "it says so")
            done = stage.mta.mhs("peer", "enable", "NEAR", "--reason", "its end")   # though it is enabled
            equal(done.stdout, "it is enabled already; its next bind is looked at again\n")
            check("binds-refused-until" not in stage.mta.mhs("peer", "show", "NEAR").stdout, "it is over")
            done = stage.mta.mhs("peer", "enable", "NEAR", "--reason", "once more", check=False)
            check(done.returncode == 1 and "is enabled already" in done.stderr, done.stderr)
            equal(there.bind(password="one more guess"), AUTHENTICATION_ERROR)
            waits(there, "another")
            stage.mta.mhs("peer", "disable", "NEAR", "--reason", "a wait")
            stage.mta.mhs("peer", "enable", "NEAR", "--reason", "its end")
            waits(stranger, "another")
            there.bind(password="another").close()
            call = stage.call
            stage.call = lambda **options: call(**{"password": "another", **options})
            unharmed.served("waits")


@case("refused connections that stay open keep no place")
def _():
    with folder() as path, hostile_stage(path, limits={"opening": 100, "connections": 12}) as stage, \
            Unharmed(stage) as unharmed:
        stubborn = []
        for host in HOSTS:
            peer = Caller(stage, host).bind(mta="NOBODY", leave=True)
            stubborn.append(peer)
        stop = threading.Event()

        def keep_alive():
            while not stop.wait(0.2):
                for peer in stubborn:
                    with contextlib.suppress(OSError):
                        peer.transport.sock.send(b"\0")

        thread = threading.Thread(target=keep_alive)
        thread.start()
        try:
            unharmed.served("stubborn")
            net = next(iter(named(stage, "net")))
            tap.wait_until(lambda: sockets_of(net) < 12, what="the end of those that linger")
        finally:
            stop.set()
            thread.join()
            for peer in stubborn:
                peer.close()


@case("without free descriptors the net process rests, says so once, and serves again when there are some")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        net = next(iter(named(stage, "net")))
        limit = resource.prlimit(net, resource.RLIMIT_NOFILE)
        used = len(os.listdir(f"/proc/{net}/fd"))
        resource.prlimit(net, resource.RLIMIT_NOFILE, (used + 4, limit[1]))
        crowd = [socket.create_connection(("127.0.0.1", stage.mta.port), timeout=tap.PATIENCE) for _ in range(20)]
        unharmed.logged("new connections wait", "LimitNOFILE")
        before = voluntary(net)             # who spins never sleeps
        tap.wait_until(lambda: voluntary(net) >= before + 8, what="a net process that rests between its looks")
        equal(stage.mta.log().count("new connections wait"), 1)
        for sock in crowd:
            sock.close()
        resource.prlimit(net, resource.RLIMIT_NOFILE, limit)
        unharmed.served("descriptors")


@case("octets that come one by one are gathered, and others are served meanwhile")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        net = next(iter(named(stage, "net")))
        stop, sent = threading.Event(), [0]

        def dribble(sock):
            data = bytes.fromhex("0300000b06e00000000100") + bytes.fromhex("0300f00002f080") * 1000
            for at in range(len(data)):
                if stop.is_set():
                    break
                try:
                    sock.send(data[at:at + 1])
                except OSError:
                    break
                sent[0] += 1
                time.sleep(0.001)           # else the kernel gathers them

        socks = [socket.create_connection(("127.0.0.1", stage.mta.port), timeout=tap.PATIENCE) for _ in range(8)]
        for sock in socks:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threads = [threading.Thread(target=dribble, args=(sock,)) for sock in socks]
        switches = voluntary(net)
        for thread in threads:
            thread.start()
        unharmed.served("octets")
        tap.wait_until(lambda: sent[0] >= 12000, what="octets")
        stop.set()
        for thread in threads:
            thread.join()
        woken = voluntary(net) - switches
        tap.note(f"{sent[0]} segments, the net process was woken {woken} times")
        check(woken < sent[0] / 2 + 500, f"each octet wakes the net process: {woken} times for {sent[0]}")
        for sock in socks:
            sock.close()
        unharmed.served("again")


def voluntary(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"^voluntary_ctxt_switches:\s+(\d+)", file.read(), re.M).group(1))


@case("strangers can't fill the log, and what they do is counted")
def _():
    with folder() as path, hostile_stage(path) as stage, Unharmed(stage) as unharmed:
        for _ in range(150):
            with socket.create_connection(("127.0.0.1", stage.mta.port), timeout=tap.PATIENCE, source_address=("127.0.0.9", 0)) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\n\r\n")
                with contextlib.suppress(OSError):
                    sock.recv(100)
        unharmed.logged("network=127.0.0.9", "the next are left out")
        lines = [line for line in stage.mta.log().splitlines() if "127.0.0.9" in line]
        check(10 < len(lines) < 40, f"{len(lines)} lines about 150 connections")
        unharmed.served("strangers")


@case("a ping says which of name and password of the responder is wrong")
def _():
    with folder() as path:
        for options, parameter in (({"mta": "OTHER"}, "responder-name"), ({"password": "wrong"}, "responder-credentials")):
            name = os.path.join(path, parameter)
            os.mkdir(name)
            with hostile_stage(name, far=Neighbour(**options)) as stage:
                before = set(processes(stage.mta.process.pid))
                answer = stage.mta.request("ping", peer="FAR")
                equal((answer["ok"], answer["layer"], answer["parameter"]), (False, "bind", parameter))
                stage.hand_over(text_message("after", [ANN]))
                tap.wait_until(lambda: stage.mta.request("mailbox-list", mailbox=ANN)["entries"], what="another's message")
                check(before <= set(processes(stage.mta.process.pid)), "a process ended:\n" + stage.mta.log_tail(15))


if __name__ == "__main__":
    tap.main()
