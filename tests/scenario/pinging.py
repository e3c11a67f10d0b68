#!/usr/bin/python3
"""mhs ping against a scripted peer that fails in each way: it names the layer and the parameter that did not match."""
import json
import socket
import struct

from players import Scripted, Stage, folder
from peer import ber, session as s, tap, x228
from peer.transport import CC, CR, DR, ER

case, check, equal = tap.case, tap.check, tap.equal
NAME, PASSWORD = "FAR", "far's secret"


# ---- scripts: each answers the call up to its layer, and fails there

def read_cr(peer):
    peer.transport.read_tpdu()


def raw(octets):
    def script(peer):
        read_cr(peer)
        peer.transport.send_raw(octets)
    return script


def tpdu(code, rest):
    def script(peer):
        read_cr(peer)
        peer.transport.send_tpdu(bytes([code, 0, 0]) + rest)
    return script


def other_class(peer):
    header, _data = peer.transport.read_tpdu()
    peer.transport.send_tpdu(bytes([CC]) + header[3:5] + struct.pack(">HB", 1, 0x40))


def disconnect(reason):
    return tpdu(DR, struct.pack(">HB", 1, reason))


def close(peer):
    read_cr(peer)
    peer.transport.sock.shutdown(socket.SHUT_RDWR)


def read_cn(peer):
    peer.transport.accept()
    peer.connect_spdu = peer.receive_spdu()
    peer.mode, rtorq, peer.contexts = x228.read_connect(peer.connect_spdu.user_data)
    parameters = peer.connect_spdu.parameters
    peer.reference, peer.common = parameters[s.PI_CALLING_REFERENCE], parameters[s.PI_COMMON_REFERENCE]
    return rtorq


def refuse(reason):
    def script(peer):
        read_cn(peer)
        peer.transport.send(s.spdu(s.RF, s.parameter(s.PI_TRANSPORT_DISCONNECT, b"\1"), s.parameter(s.PI_REASON, reason)))
    return script


def abort(disconnect_octet, user_data=b""):
    def script(peer):
        read_cn(peer)
        peer.transport.send(s.spdu(s.AB, s.parameter(s.PI_TRANSPORT_DISCONNECT, disconnect_octet),
                                   *([s.parameter(s.PGI_USER_DATA, user_data)] if user_data else [])))
    return script


def cpr(reason):
    """CPR of the presentation provider."""
    return refuse(b"\2" + ber.seq(ber.prim(10, bytes([reason]))))


def aare(source, diagnostic):
    """CPR with an AARE that rejects: source 1 the acse-service-user, 2 the provider."""
    body = ber.app(1, ber.ctx(1, ber.oid(x228.AC_MTS_TRANSFER)), ber.ctx(2, ber.integer(1)),
                   ber.ctx(3, ber.ctx(source, ber.integer(diagnostic))))
    return refuse(b"\2" + ber.seq(ber.ctx(5, *x228._results(3)), x228.pdv(1, body)))


def refuse_with(error):
    def script(peer):
        read_cn(peer)
        peer.refuse(error)
    return script


def accept(rtoac=None, result=None, user_data=None):
    def script(peer):
        read_cn(peer)
        body = rtoac or x228.open_accept(1, 3, ber.ctx(0, result or x228.bind_result(peer.mode, NAME, PASSWORD)))
        if user_data is None:
            peer.send_accept(body)
        else:
            peer.transport.send(s.spdu(s.AC, s.group(s.PGI_CONNECT_ACCEPT, s.parameter(s.PI_OPTIONS, b"\0"),
                                                     s.parameter(s.PI_VERSION, b"\2")),
                                       s.parameter(s.PI_REQUIREMENTS, s.RTSE_REQUIREMENTS.to_bytes(2, "big")),
                                       s.parameter(s.PGI_USER_DATA, user_data)))
        return peer
    return script


def answer(name, password):
    return accept(result=x228.bind_result("normal", name, password))


def rejected_context(number):
    """CPA in which one of the three contexts is rejected by the user."""
    results = x228._results(3)
    results[number] = ber.seq(ber.prim(0, b"\1"), ber.prim(2, b"\0"))
    rtoac = x228.open_accept(1, 3, ber.ctx(0, x228.bind_result("normal", NAME, PASSWORD)))
    return ber.set_(ber.ctx(0, ber.prim(0, b"\1")), ber.ctx(2, ber.ctx(5, *results),
                                                            x228.pdv(1, x228._aare(0, 0, ber.ctx(17, rtoac)))))


def releases(peer):
    accept()(peer)
    peer.expect(s.FN)
    peer.answer_release()


def does_not_release(peer):
    accept()(peer)
    peer.expect(s.FN)
    peer.transport.sock.shutdown(socket.SHUT_RDWR)


TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x46"

# (what the peer does, script, layer, parameter or None, a word of the cause)
NORMAL = [
    ("TLS alert", raw(TLS_ALERT), "transport", "TPKT", "TPKT"),
    ("HTTP", raw(b"HTTP/1.0 400 Bad Request\r\n\r\n"), "transport", "TPKT", "TPKT"),
    ("closes", close, "transport", None, "closed"),
    ("DR not specified", disconnect(0), "transport", None, "not specified"),
    ("DR congestion at TSAP", disconnect(1), "transport", None, "congestion at TSAP"),
    ("DR session entity not attached", disconnect(2), "transport", None, "not attached"),
    ("DR address unknown", disconnect(3), "transport", "called T-selector", "address unknown"),
    ("DR congestion", disconnect(129), "transport", None, "congestion"),
    ("DR negotiation failed", disconnect(130), "transport", None, "negotiation failed"),
    ("DR protocol error", disconnect(133), "transport", None, "protocol error"),
    ("DR length invalid", disconnect(138), "transport", None, "length invalid"),
    ("ER", tpdu(ER, b"\2"), "transport", None, "reject cause 2"),
    ("CC of another class", other_class, "transport", "class", "another class"),
    ("CC with another's reference", tpdu(CC, struct.pack(">HB", 1, 0)), "transport", "CC parameters", "our CR"),
    ("CR for a CC", tpdu(CR, struct.pack(">HB", 1, 0)), "transport", "TPDU", "this state"),
    ("RF by the user", refuse(b"\0"), "session", None, "not specified"),
    ("RF user congestion", refuse(b"\1"), "session", None, "congestion at the SS-user"),
    ("RF selector unknown", refuse(b"\x81"), "session", "called S-selector", "selector unknown"),
    ("RF not attached", refuse(b"\x82"), "session", None, "not attached"),
    ("RF congestion", refuse(b"\x83"), "session", None, "congestion"),
    ("RF versions", refuse(b"\x84"), "session", "session version", "versions"),
    ("RF restriction", refuse(b"\x86"), "session", None, "restriction"),
    ("AB protocol error", abort(b"\5"), "session", None, "protocol error"),
    ("ARP", abort(b"\3", ber.seq(ber.prim(0, b"\3"))), "presentation", None, ""),
    ("CPR not specified", cpr(0), "presentation", None, "not specified"),
    ("CPR congestion", cpr(1), "presentation", None, "congestion"),
    ("CPR local limit", cpr(2), "presentation", None, "limit"),
    ("CPR address unknown", cpr(3), "presentation", "called P-selector", "address unknown"),
    ("CPR version", cpr(4), "presentation", "presentation version", "version"),
    ("CPR default context", cpr(5), "presentation", "default context name", "default context"),
    ("CPR user data", cpr(6), "presentation", "user data", "not readable"),
    ("CPR no PSAP", cpr(7), "presentation", "called P-selector", "no PSAP"),
    ("CPA without RTSE's context", accept(user_data=rejected_context(1)), "presentation",
     "presentation context definition list", "contexts"),
    ("CPA that is none", accept(user_data=b"\x30\x00"), "presentation", "CPA", ""),
    ("AARE application context", aare(1, 2), "acse", "application context name", "not supported"),
    ("AARE called AP-title", aare(1, 7), "acse", "called AP-title", "called AP-title"),
    ("AARE called AE-qualifier", aare(1, 9), "acse", "called AE-qualifier", "called AE-qualifier"),
    ("AARE calling AP-title", aare(1, 3), "acse", "calling AP-title", "calling AP-title"),
    ("AARE version", aare(2, 2), "acse", "ACSE version", "version"),
    ("RTORJ alone", refuse_with(None), "rtse", None, "RTORJ"),
    ("RTOAC that is none", accept(rtoac=ber.prim(77, b"x")), "rtse", "RTOAC", ""),
    ("bind busy", refuse_with(0), "bind", None, "busy"),
    ("bind authentication", refuse_with(2), "bind", "initiator-name or credentials", "authentication-error"),
    ("bind dialogue mode", refuse_with(3), "bind", "dialogue mode", "unacceptable-dialogue-mode"),
    ("bind security context", refuse_with(4), "bind", "security-context", "unacceptable-security-context"),
    ("bind confidentiality", refuse_with(5), "bind", "association confidentiality", "confidentiality"),
    ("another's name", answer("WIDE", PASSWORD), "bind", "responder-name", "WIDE"),
    ("a wrong password", answer(NAME, "none"), "bind", "responder-credentials", NAME),
    ("no name", answer(None, None), "bind", "responder-name", "(none)"),
    ("a result that is none", accept(result=ber.ctx(17, ber.integer(5))), "bind", None, "not valid"),
    ("no release", does_not_release, "transport", None, "closed"),
]
X410 = [
    ("rtsBusy", refuse_with(0), "rtse", None, "rtsBusy"),
    ("cannotRecover", refuse_with(None), "rtse", "session connection identifier", "cannotRecover"),
    ("validationFailure", refuse_with(2), "rtse", "initiator-name or credentials", "validationFailure"),
    ("unacceptableDialogueMode", refuse_with(3), "rtse", "dialogue mode", "unacceptableDialogueMode"),
    ("RF selector unknown", refuse(b"\x81"), "session", "called S-selector", "selector unknown"),
    ("another's name", accept(result=x228.bind_result("x410", "WIDE", PASSWORD)), "bind", "responder-name", "WIDE"),
    ("a wrong password", accept(result=x228.bind_result("x410", NAME, "none")), "bind", "responder-credentials", NAME),
]


def ping(stage, script):
    """What `mhs ping --json FAR` says, and its exit status."""
    stage.far.script = script
    done = stage.mta.mhs("ping", "FAR", "--json", check=False)
    return json.loads(done.stdout), done.returncode


def play(table, context):
    with folder() as path, Stage(path, far=Scripted(), peer_options={
            "FAR": {"application-contexts": [context]}}) as stage:
        said, status = ping(stage, releases)
        equal((said["ok"], status), (True, 0), str(said))
        wrong = []
        for name, script, layer, parameter, word in table:
            said, status = ping(stage, script)
            found = (said["ok"], status, said.get("layer"), said.get("parameter"))
            if found != (False, 1, layer, parameter) or word not in said["cause"]:
                wrong.append(f"{name}: {said}, status {status}, wanted {layer}, {parameter}, {word!r}")
        check(not wrong, "\n".join(wrong))


@case("each failure in normal mode is told by its layer and its parameter")
def _():
    play(NORMAL, "mts-transfer")


@case("each failure in X.410 mode")
def _():
    play(X410, "mts-transfer-protocol")


@case("silence at each layer ends in time")
def _():
    with folder() as path, Stage(path, far=Scripted(), timers={"connect": 1, "release": 1}) as stage:
        for name, script, layer in (("transport", read_cr, "transport"), ("session", read_cn, "session"),
                                    ("release", accept(), "rtse")):
            said, status = ping(stage, script)
            equal((said["ok"], status, said["layer"], said.get("parameter")), (False, 1, layer, "timer"), f"{name}: {said}")


@case("people read the same")
def _():
    with folder() as path, Stage(path, far=Scripted()) as stage:
        stage.far.script = disconnect(3)
        done = stage.mta.mhs("ping", "FAR", check=False)
        equal(done.returncode, 1)
        for word in ("not reached", "transport", "called T-selector", "address unknown"):
            check(word in done.stdout, done.stdout)


@case("what in the peer's configuration can't work is said with the answer, and at the start")
def _():
    with folder() as path, Stage(path, peer_options={"FAR": {"old-extension-form": True, "edition": "1984"}}) as stage:
        answer = stage.mta.request("ping", peer="FAR")
        check(answer["ok"], answer)
        check([w.startswith("old-extension-form: it does nothing") for w in answer["warnings"]] == [True], answer)
        check("warning" in stage.mta.mhs("ping", "FAR").stdout)
        check('peer "FAR": old-extension-form: it does nothing' in stage.mta.log(), stage.mta.log_tail())
        equal(stage.mta.request("ping", peer="NEAR")["warnings"], [])


tap.main()
