#!/usr/bin/python3
"""tshark judges what two daemons say to each other: nothing malformed, and the values that were sent."""
import contextlib
import os

from players import folder
from interop import tshark_judge
from peer import ber, ipm, local, names, pcap, session, tap, x228, x411
from peer.association import Association, BindRefused
from scenario.chasqui import Mhsd, free_port, peer_section

case, check, equal, wait_until = tap.case, tap.check, tap.equal, tap.wait_until
ALPHA, BETA = "/C=GB/A=GOLD/P=ALPHA", "/C=DE/A=VIAT/P=BETA"
ANN, BOB, NOBODY = f"{ALPHA}/S=ann", f"{BETA}/S=bob", f"{BETA}/S=nobody"
CONTEXTS = {"normal": "mts-transfer", "x410": "mts-transfer-protocol", "1984": "mts-transfer-protocol-1984"}


@contextlib.contextmanager
def two(path, mode="normal", edition="1988"):
    """ALPHA with the user ann and BETA with bob, neighbours in one mode."""
    ports = free_port(), free_port()

    def one(name, domain, user, port, other, other_domain, other_port):
        peer = peer_section(other_port, other, "between us", name, "between us", domain=other_domain, edition=edition,
                            application_contexts=[CONTEXTS[mode]])
        return Mhsd(os.path.join(path, name), name, domain, port, peer={other: peer},
                    user={user: {"available": True}}, route={other_domain: {"next-hop": {other: {"rank": 1}}}})
    with one("ALPHA-MTA", ALPHA, ANN, ports[0], "BETA-MTA", BETA, ports[1]) as alpha, \
            one("BETA-MTA", BETA, BOB, ports[1], "ALPHA-MTA", ALPHA, ports[0]) as beta:
        yield alpha, beta


def submission_extensions():
    return [x411.extension(4, ber.enumerated(1), {x411.FOR_DELIVERY}),
            x411.extension(5, ber.utctime("361122120000Z"), {x411.FOR_DELIVERY}),
            x411.extension(13, names.or_address(ANN + "/CN=return/")),
            x411.extension(20, ber.set_(ber.oid("1.3.6.1.4.1.32473.1"), ber.integer(2))),
            x411.extension(23, ber.ia5("a correlator")),
            x411.extension("1.3.6.1.4.1.32473.2", ber.octets(b"private"))]


def exchange(alpha, beta, edition="1988"):
    """A message with all that we can originate, one to an unknown user, and 3 MB; waits for all outcomes. 1984 knows
    content type 2 and no extensions."""
    kind, rich = (22, dict(extensions=submission_extensions(), recipient_extensions=[
        x411.extension(6, ber.seq(ber.integer(1)))])) if edition == "1988" else (2, {})

    def content(subject, size):
        return ipm.ipm(subject, ANN, [BOB], subject, ipm.text("Text"), ipm.filler(size))
    with alpha.client() as client:
        identifiers = [
            client.submit(local.submission_envelope(
                ANN, [BOB], local.REPORT, content_identifier="rich", priority=x411.URGENT,
                indicators={x411.DISCLOSURE, x411.ALTERNATE_ALLOWED}, content_type=kind, **rich), content("rich", 500)),
            client.submit(local.submission_envelope(ANN, [BOB, NOBODY], content_identifier="unknown",
                                                    content_type=kind), content("unknown", 100)),
            client.submit(local.submission_envelope(ANN, [BOB], content_identifier="large", content_type=kind),
                          content("large", 3_000_000))]

        def outcomes():
            reports = [entry for entry in client.entries(ANN) if entry["kind"] == "report"]
            with beta.client() as other:
                return len(reports) >= 2 and len(other.entries(BOB)) >= 3
        wait_until(outcomes, 60, "delivery and reports")
    return identifiers


def refusal(alpha):
    try:
        Association.open(alpha.port, mta="BETA-MTA", password="wrong").close()
    except BindRefused:
        return
    raise AssertionError("a wrong password was accepted")


def captured(path, ports):
    """The conversations of a capture, whole TPKTs, those that are only a poke of dumpcap left out."""
    found = pcap.read_conversations(path)
    return [parts for server, parts in found if server in ports and sum(len(o) for _, o in parts) > 50]


@case("a full set of associations in normal mode: nothing malformed, the values that were sent")
def _():
    if not tshark_judge.available() or os.geteuid() != 0:
        raise tap.Skip("capturing needs tshark and root")
    with folder() as path:
        with two(path) as (alpha, beta):
            ports = [alpha.port, beta.port]
            with tshark_judge.Capture(f"{path}/lo.pcap", ports):
                identifiers = exchange(alpha, beta)
                with alpha.client() as client:
                    client.submit(x411_probe(), probe=True)
                    wait_until(lambda: len([e for e in client.entries(ANN) if e["kind"] == "report"]) >= 3, 30)
                refusal(alpha)
                alpha.stop()
                beta.stop()
        judged = f"{path}/judged.pcap"
        equal(tshark_judge.judge_conversations(captured(f"{path}/lo.pcap", ports), judged), [])
        seen = tshark_judge.values(judged, "p1.local_identifier")
        for identifier in identifiers:
            check(identifier in seen, f"{identifier} is not on the wire: {seen}")
        text = tshark_judge.text(judged)
        for wanted in ("content-identifier: rich", "priority: urgent (2)", "ia5text: a correlator",
                       "MTS-APDU: probe (2)", "MTS-APDU: report (1)", "unrecognised-OR-name", "LatestDeliveryTime: 36-11-22",
                       "private-extension: 1.3.6.1.4.1.32473.2"):
            check(wanted in text, f"{wanted!r} is not in what tshark reads")
        for subject in ("rich", "unknown", "large"):
            check(f"InterPersonal Message ({subject})" in text or subject in tshark_judge.text(judged, wanted="p22"), subject)


def x411_probe():
    fields = ber.set_(names.or_name(BOB), ber.prim(0, ber.bits_octets(local.REPORT, 5)))
    return ber.set_(names.or_name(ANN), ber.app(5, ber.prim(0, ber.bits_octets((2,)))), ber.app_prim(6, b"\x16"),
                    ber.app_prim(10, b"probe"), ber.ctx(3, fields))


def apdus(path, ports):
    """The APDUs of all completed activities in a capture of X.410 mode."""
    found = []
    for parts in captured(path, ports):
        for client in (True, False):
            value, held = b"", b""
            for _sent, tpkt in (item for item in tshark_judge.recut(parts) if item[0] is client):
                if tpkt[5] & 0xF0 != 0xF0:
                    continue
                held += tpkt[7:]
                if not tpkt[6] & 0x80:
                    continue
                spdu, held = session.read_tsdu(held), b""
                if spdu.si == session.AS:
                    value = b""
                elif spdu.si == session.DT and spdu.first:
                    value += spdu.data
                elif spdu.si == session.AE:
                    found.append(x228.apdu("x410", value))
    return found


def x410(mode, edition):
    if not tshark_judge.available() or os.geteuid() != 0:
        raise tap.Skip("capturing needs tshark and root")
    with folder() as path:
        with two(path, mode, edition) as (alpha, beta):
            ports = [alpha.port, beta.port]
            with tshark_judge.Capture(f"{path}/lo.pcap", ports):
                exchange(alpha, beta, edition)
        found = apdus(f"{path}/lo.pcap", ports)
        equal(sorted({ber.read(apdu).number for apdu in found}), [0, 1], "messages and reports")
        equal(tshark_judge.judge_apdus(*found), [])


@case("X.410 mode with 1988 content, its APDUs wrapped into normal mode: nothing malformed")
def _():
    x410("x410", "1988")


@case("1984, its APDUs wrapped into normal mode: nothing malformed")
def _():
    x410("1984", "1984")


tap.main()
