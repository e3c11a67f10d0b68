#!/usr/bin/python3
"""Real MTAs' octets, replayed to a listener: accepted or refused for the right reason. Then 1,000 mutated replays."""
import os
import random
import socket

from players import folder, processes
from interop import samples
from peer import ipm, pcap, session, tap, x228, x411
from peer.association import Association, BindRefused
from peer.transport import Transport
from scenario.chasqui import Mhsd, peer_section

case, check, equal = tap.case, tap.check, tap.equal
PP, PPB = "/C=GB/A=TEST/P=PP", "/C=GB/A=TEST/P=PPB"


def daemon(path, **settings):
    """An MTA in the place of PP's second one, with the first, and the one of the older captures, as neighbours."""
    def pp(name, password, **more):
        return peer_section(1, name, password, "PP-HERE", "x", first_retry=3600, longest_retry=3600, **more)
    values = dict(
        peer={"PP-A": pp("PP-A", "secretA", domain=PP, transit=True), "PP-B": pp("PP-B", "secretB"),
              "PERCIVAL": pp("percival.smhs.co.uk", "excalibur", domain="/C=GB/A=SMHS", transit=True)},
        user={f"{PPB}/O=Peer/S=smith": {"available": True}},
        route={PP: {"next-hop": {"PP-A": {"rank": 1}}}, f"{PP}C": {"next-hop": {"PP-B": {"rank": 1}}}})
    values.update(settings)
    return Mhsd(os.path.join(path, "here"), "PP-HERE", PPB, **values)


def conversations(name):
    """The client's octets of each association in a capture."""
    folder_name = samples.folder()
    if not folder_name:
        raise tap.Skip("the captures are not here")
    found = pcap.read_conversations(os.path.join(folder_name, name))
    octets = [b"".join(part for client, part in parts if client) for _port, parts in found]
    return [stream for stream in octets if len(stream) > 60]


def tpkts(octets):
    out = []
    while len(octets) >= 4:
        size = int.from_bytes(octets[2:4], "big")
        out.append(octets[:size])
        octets = octets[size:]
    return out


ANSWERED = {session.CN: session.AC, session.AE: session.AEA, session.FN: session.DN}


def play(port, octets):
    """Replays one association TSDU by TSDU, awaiting what must be answered. The answers' SPDU identifiers; raises
    BindRefused."""
    transport = Transport.dial(port)
    packets, answers, held, mode = tpkts(octets), [], b"", "normal"
    transport.send_raw(packets[0])
    header, _ = transport.read_tpdu()
    equal(header[0] & 0xF0, 0xD0, "a CC")
    for packet in packets[1:]:
        if packet[5] & 0xF0 != 0xF0:
            break
        transport.send_raw(packet)
        held += packet[7:]
        if not packet[6] & 0x80:
            continue
        spdu, held = session.read_tsdu(held), b""
        if spdu.si == session.CN:
            mode = x228.read_connect(spdu.user_data)[0]
        awaited = session.MIA if spdu.si == session.MIP else ANSWERED.get(spdu.si)
        while awaited:
            answer = session.read_tsdu(transport.receive())
            answers.append(answer.si)
            if answer.si == session.RF:
                raise x228.refusal(BindRefused, mode, answer.parameters.get(session.PI_REASON, b""))
            if answer.si == awaited:
                break
            check(answer.si == session.MIA, f"{answer!r} where {session.NAMES[awaited]} was due")
    transport.close()
    return answers


@case("PP's associations in normal mode are accepted, their messages taken")
def _():
    with folder() as path, daemon(path) as mta:
        for name in ("x400-pcap-pp/p1-88-normal.pcap", "x400-pcap-pp/p1-88-stdext.pcap"):
            for stream in conversations(name):
                answers = play(mta.port, stream)
                check(answers[0] == session.AC and session.AEA in answers and answers[-1] == session.DN, answers)
        tap.wait_until(lambda: any(entry["size"] > 80_000 for entry in mta.request(
            "mailbox-list", mailbox=f"{PPB}/O=Peer/S=smith")["entries"]), what="the message of 85 kB")


@case("PP's associations in X.410 mode and of 1984 are accepted, their messages taken")
def _():
    with folder() as path, daemon(path) as mta:
        for name in ("x400-pcap-pp/p1-88-x410.pcap", "x400-pcap-pp/p1-84.pcap"):
            for stream in conversations(name):
                answers = play(mta.port, stream)
                check(answers[0] == session.AC and session.AEA in answers, answers)
        tap.wait_until(lambda: mta.request("mailbox-list", mailbox=f"{PPB}/O=Peer/S=smith")["entries"])


@case("PP's wrong password is refused as an authentication error")
def _():
    with folder() as path, daemon(path) as mta:
        for stream in conversations("x400-pcap-pp/p1-88-reject.pcap"):
            try:
                play(mta.port, stream)
            except BindRefused as refused:
                equal((refused.layer, refused.reason), ("mta-bind", 2))
            else:
                raise AssertionError("accepted")


@case("of the associations of 2005 that with the password is accepted, that without is refused")
def _():
    with folder() as path, daemon(path) as mta:
        for stream in conversations("x400-pcap/x400-ping-success.pcap"):
            equal(play(mta.port, stream), [session.AC, session.DN])
        for stream in conversations("x400-pcap/x400-ping-refuse.pcap"):
            try:
                play(mta.port, stream)
            except BindRefused as refused:
                equal((refused.layer, refused.reason), ("mta-bind", 2))
            else:
                raise AssertionError("accepted")


def mutate(octets, chance):
    """A few octets changed, removed, doubled or cut off."""
    octets = bytearray(octets)
    for _ in range(chance.choice([1, 1, 2, 4, 16])):
        at, kind = chance.randrange(len(octets)), chance.randrange(5)
        if kind == 0:
            octets[at] = chance.randrange(256)
        elif kind == 1:
            octets[at] ^= 1 << chance.randrange(8)
        elif kind == 2:
            del octets[at:at + chance.randrange(1, 40)]
        elif kind == 3:
            octets[at:at] = octets[at:at + chance.randrange(1, 40)]
        else:
            octets[at] = chance.choice([0, 0x7f, 0x80, 0xff, 0x84])
        if not octets:
            return b"\0"
    return bytes(octets)


def throw(port, octets, source):
    """Sends all at once and reads until the end, or for a moment."""
    with socket.create_connection(("127.0.0.1", port), timeout=10, source_address=(source, 0)) as sock:
        sock.settimeout(0.3)
        try:
            sock.sendall(octets)
            sock.shutdown(socket.SHUT_WR)
            while sock.recv(65536):
                pass
        except OSError:
            pass


def own_conversations():
    """Where the captures are not: what the scripted peer sends in each mode, with checkpoints, release and refusal."""
    content = ipm.ipm("own", PP + "/S=a", [f"{PPB}/O=Peer/S=smith"], "own", ipm.text("o" * 5000))
    apdu = x411.message(PP, "own", PP + "/S=a", [f"{PPB}/O=Peer/S=smith"], content)
    found = []
    with folder() as path, daemon(path) as mta:
        for mode in ("normal", "x410", "1984"):
            peer = Association.open(mta.port, mode=mode, mta="PP-A", password="secretA", checkpoint=1)
            peer.transfer(apdu)
            peer.release()
            found.append(b"".join(octets for sent, _at, octets in peer.transport.log if sent))
    return found


@case("1,000 mutated captures do no harm")
def _():
    if samples.folder():
        whole = [stream for name, _ports in samples.CAPTURES[2:] for stream in conversations(name)]
    else:
        whole = own_conversations()
    streams = [stream[:20_000] for stream in whole]
    seed = random.SystemRandom().randrange(1 << 30)
    print(f"# seed {seed}")
    chance = random.Random(seed)
    with folder() as path, daemon(path, log_level="error") as mta:
        before = set(processes(mta.process.pid))
        for number in range(1000):      # each from a place of its own: wrong binds are counted by network
            throw(mta.port, mutate(chance.choice(streams), chance), f"127.1.{number // 250}.{number % 250 + 1}")
        check(before <= set(processes(mta.process.pid)), "a process ended:\n" + mta.log_tail(15))
        check(sum(processes(mta.process.pid).values()) < 700 << 20, "memory grew")
        play(mta.port, whole[0])


tap.main()
