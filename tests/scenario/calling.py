#!/usr/bin/python3
"""How neighbours are called: names of hosts, several addresses, application contexts in their order."""
import contextlib
import json
import socket
import threading

from players import FAY, Scripted, Stage, folder, text_message
from peer import session, tap, x228
from peer.association import ENDED, Aborted, Association, BindRefused
from peer.nameserver import NameServer
from peer.transport import PI_CALLED, Closed, Refused, Transport
from scenario.chasqui import free_port

case, check, equal = tap.case, tap.check, tap.equal


def ping(stage, peer="FAR"):
    """What `mhs ping` says, as its JSON."""
    return json.loads(stage.mta.mhs("ping", peer, "--json", check=False).stdout)


@contextlib.contextmanager
def named(path, zone, host, **more):
    """A stage on which FAR is called by a name, and the name server."""
    names = NameServer(zone)
    with contextlib.closing(names):
        stage = Stage(path, name_servers=[names.address], **more)
        peers = stage.mta.settings["peer"]
        peers["FAR"]["address"] = [f"Internet={host}+{stage.far.port}"]
        stage.mta.configure(peer=peers)
        with stage:
            yield stage, names


@case("a name is resolved when the peer is called, by the name server, inside the sandbox")
def _():
    with folder() as path, named(path, {"far.test": ["127.0.0.1"]}, "far.test") as (stage, names):
        equal(names.asked, [], "questions before anybody is called")
        answer = ping(stage)
        check(answer["ok"], str(answer))
        equal(answer["address"], "127.0.0.1")
        check(("far.test", 1) in names.asked, str(names.asked))
        stage.hand_over(text_message("named-1", [FAY]))
        equal(stage.far.next().identifier[1], "named-1")


@case("a name of the hosts file needs no name server")
def _():
    with folder() as path, named(path, {}, "localhost") as (stage, names):
        answer = ping(stage)
        check(answer["ok"], str(answer))
        equal([name for name, _kind in names.asked if name == "localhost"], [])


@case("the addresses of a name are tried one after the other, IPv6 among them")
def _():
    with folder() as path, named(path, {"far.test": ["127.0.0.66", "::1", "127.0.0.1"]}, "far.test") as (stage, _names):
        answer = ping(stage)
        check(answer["ok"], str(answer))
        equal(answer["address"], "127.0.0.1")
        check("far.test (127.0.0.66)" in stage.mta.log(), stage.mta.log_tail())


@case("a name that does not resolve is a failed call that names it, and is tried again until it does")
def _():
    with folder() as path, named(path, {}, "far.test") as (stage, names):
        answer = ping(stage)
        equal((answer["ok"], answer["layer"]), (False, "name resolution"))
        check("'far.test' does not resolve" in answer["cause"], answer["cause"])
        shown = stage.mta.mhs("ping", "FAR", check=False)
        check(shown.returncode != 0 and "name resolution" in shown.stdout, shown.stdout)
        def failed():
            return stage.mta.log().count("'far.test' does not resolve")
        before = failed()
        stage.hand_over(text_message("named-2", [FAY]))
        tap.wait_until(lambda: failed() >= before + 2, what="a second call that fails")
        check(stage.far.nothing(0))
        names.zone["far.test"] = ["127.0.0.1"]       # the host comes into being
        equal(stage.far.next().identifier[1], "named-2")


@case("a reload names other name servers, and a peer by another name, without a restart")
def _():
    with folder() as path, named(path, {}, "far.test") as (stage, _names):
        check(not ping(stage)["ok"])
        other = NameServer({"moved.test": ["127.0.0.1"]})
        with contextlib.closing(other):
            peers = stage.mta.settings["peer"]
            peers["FAR"]["address"] = [f"Internet=moved.test+{stage.far.port}"]
            stage.mta.configure(peer=peers, name_servers=[other.address])
            stage.mta.reload()
            tap.wait_until(lambda: ping(stage)["ok"], what="the peer's new name")


@case("a silent name server holds nobody else up")
def _():
    with folder() as path, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        stage = Stage(path, name_servers=["127.0.0.1:%d" % silent.getsockname()[1]])
        peers = dict(stage.mta.settings["peer"])
        peers["LOST"] = {**peers["FAR"], "address": ["Internet=lost.test+102"]}
        stage.mta.configure(peer=peers)
        with stage:
            lost = threading.Thread(target=lambda: ping(stage, "LOST"), daemon=True)
            lost.start()
            silent.settimeout(20)
            check(silent.recv(512), "the name server is asked")
            for i in range(3):
                stage.hand_over(text_message(f"beside-{i}", [FAY]))
                equal(stage.far.next().identifier[1], f"beside-{i}")
                check(i or lost.is_alive(), "the name server was not asked, or another neighbour waited for it")


class Choosy(Scripted):
    """A neighbour that takes one application context only, and keeps which ones it was offered."""

    def __init__(self, takes):
        self.takes, self.offered = takes, []
        super().__init__(self._answer)

    def _answer(self, peer):
        peer.transport.accept(11)
        peer.connect_spdu = peer.receive_spdu()
        mode, rtorq, contexts = x228.read_connect(peer.connect_spdu.user_data)
        if mode != "normal":
            mode = "1984" if x228.read_rtorq(rtorq)["protocol"] == 1 else "x410"
        self.offered.append(mode)
        peer.mode, peer.contexts = mode, contexts
        parameters = peer.connect_spdu.parameters
        peer.reference, peer.common = (parameters.get(code, b"") for code in (session.PI_CALLING_REFERENCE,
                                                                              session.PI_COMMON_REFERENCE))
        if mode != self.takes:
            peer.refuse(2 if mode != "normal" else None)
            return
        peer.send_accept(x228.open_accept(1, 3, x228.ber.ctx(0, x228.bind_result(mode, peer.mta, peer.password))))
        while peer.receive() is not None:
            pass


@case("application contexts are tried in the configured order until one is taken")
def _():
    names = {"normal": "mts-transfer", "x410": "mts-transfer-protocol", "1984": "mts-transfer-protocol-1984"}
    for order, takes in ((("normal", "x410", "1984"), "1984"), (("1984", "normal", "x410"), "x410"),
                         (("x410", "normal"), "normal"), (("normal",), "x410")):
        far = Choosy(takes)
        with folder() as path, Stage(path, far=far, peer_options={
                "FAR": {"application-contexts": [names[mode] for mode in order]}}) as stage:
            answer = ping(stage)
            tried = list(order[:order.index(takes) + 1]) if takes in order else list(order)
            equal(far.offered, tried)
            equal(answer["ok"], takes in order)
            if answer["ok"]:
                equal(answer["application-context"], names[takes])


@case("selectors in each form of RFC 1278 reach the peer, and IPv6 hosts are called")
def _():
    if not socket.has_ipv6:
        raise tap.Skip("no IPv6 here")
    try:
        listener = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError as error:
        raise tap.Skip(str(error)) from None
    seen = []

    def serve():
        while True:
            try:
                sock, _ = listener.accept()
            except OSError:
                return
            peer = Association(Transport(sock), mta="FAR", password="far's secret")
            with contextlib.suppress(*ENDED):
                peer.accept()
                parameters = peer.connect_spdu.parameters
                seen.append((peer.transport.parameters.get(PI_CALLED), parameters.get(session.PI_CALLED_SELECTOR)))
                peer.receive()
            peer.close()

    port = listener.getsockname()[1]
    threading.Thread(target=serve, daemon=True).start()
    with folder() as path, contextlib.closing(listener):
        forms = {f'"591"/Internet=[::1]+{port}': (b"591", None),
                 f"'a0ff'H/'00'H/Internet=[::1]+{port}": (b"\x00", b"\xa0\xff"),
                 f"#63/#41/#12/Internet=[::1]+{port}": (b"\x00\x0c", b"\x00\x29")}
        for address, wanted in forms.items():
            seen.clear()
            with Stage(path + str(len(address)), peer_options={"FAR": {"address": [address]}}) as stage:
                answer = ping(stage)
                check(answer["ok"], f"{address}: {answer}")
                equal(answer["address"], "::1")
                equal(seen[:1], [wanted], address)


class Parted(Choosy):
    """A neighbour that has each application context at a T-selector of its own, and hangs up at any other."""

    def __init__(self, places):
        self.places, self.called = places, []
        super().__init__(None)

    def _answer(self, peer):
        accept = peer.transport.accept

        def at_selector(*arguments):
            accept(*arguments)
            self.called.append(peer.transport.parameters.get(PI_CALLED))
            self.takes = self.places.get(self.called[-1])
            if not self.takes:
                raise Closed("nobody is at that selector")
        peer.transport.accept = at_selector
        super()._answer(peer)


@case("a peer has several addresses with a T-selector each, and each application context has one of its own")
def _():
    far = Parted({b"in88": "normal", b"inx410": "x410", b"in84": "1984"})
    with folder() as path, Stage(path, far=far) as stage:
        def heard(*lines, **options):
            far.called.clear(), far.offered.clear()
            stage.mta.settings["peer"]["FAR"].update({"address": [f"{line}/Internet=127.0.0.1+{far.port}" for line in lines], **options})
            stage.mta.configure()
            stage.mta.mhs("reload")
            return ping(stage)["ok"], far.called, far.offered
        equal(heard('"none"', '"in88"'), (True, [b"none", b"in88"], ["normal"]))
        contexts = {"application-contexts": ["mts-transfer-protocol", "mts-transfer"]}
        equal(heard('mts-transfer "in88"', 'mts-transfer-protocol "inx410"', **contexts),
              (True, [b"in88"], ["normal"]))
        equal(heard('mts-transfer "gone"', 'mts-transfer-protocol "inx410"', **contexts),
              (True, [b"gone", b"inx410"], ["x410"]))
        equal(heard('mts-transfer-protocol-1984 "in84"', **{"application-contexts": ["mts-transfer-protocol-1984"]}),
              (True, [b"in84"], ["1984"]))


def listened_at(stage):
    for number, (called, session_selector) in enumerate(
            [(b"591", None), (b"592", None), (b"592", b"any"), (b"593", b"S1"), (b"593", b"S2")]):
        with stage.call(called=called, selectors=session_selector and (b"x", session_selector)) as near:
            near.transfer(text_message(f"line-{number}", [FAY]))
            equal(stage.far.next().identifier[1], f"line-{number}")
            near.release()
    for called, session_selector in ((b"590", None), (b"", None), (b"593", None), (b"593", b"S3"), (b"591x", b"S1")):
        try:
            stage.call(called=called, selectors=session_selector and (b"x", session_selector)).close()
        except (BindRefused, Closed, Refused, Aborted):
            continue
        raise AssertionError(f"{called}, {session_selector} was taken")
    check("the called S-selector is not ours" in stage.mta.log())
    check("the called T-selector 590 is not ours" in stage.mta.log())


@case("lines of `listen` for one address differ in a selector, and each takes its calls")
def _():
    port = free_port()
    here = f"Internet=127.0.0.1+{port}"
    with folder() as path:
        stage = Stage(path, listen=[f'"591"/{here}', f'"592"/{here}', f'"S1"/"593"/{here}', f'"S2"/"593"/{here}'])
        stage.mta.port = port
        with stage:
            listened_at(stage)


@case("a stop releases what we opened and aborts what was opened to us")
def _():
    with folder() as path, Stage(path) as stage, stage.call() as near:
        near.transfer(text_message("stop-1", [FAY]))
        stage.far.next()
        equal(stage.mta.stop(), 0)
        try:
            near.receive_spdu()
        except Aborted as aborted:
            equal(aborted.rtab, x228.USER_ERROR)
        else:
            raise AssertionError("no abort")
        heard = b"".join(octets for sent, _at, octets in stage.far.logs[-1] if not sent)
        while len(heard) > int.from_bytes(heard[2:4], "big"):
            heard = heard[int.from_bytes(heard[2:4], "big"):]
        equal(session.read_tsdu(heard[7:]).si, session.FN)


tap.main()
