#!/usr/bin/python3
"""Remote operations of the product (operations-node) against the independent peer, over presentation and over RTSE."""
import os
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
from interop import tshark_judge                                                        # noqa: E402
from interop.program import Program                                                     # noqa: E402
from peer import ber, every, ipm, names, rose, session, tap, x228                       # noqa: E402
from peer.association import Aborted, BindRefused, Excepted                             # noqa: E402
from peer.rose import CONTEXTS, RELIABLE_CONTEXTS, Operations, ReliableOperations       # noqa: E402
from peer.transport import Closed, Transport                                            # noqa: E402

case, check, equal = tap.case, tap.check, tap.equal
SUM, FAIL, LARGE, CALLS_BACK, CALLED_BACK = 3, 4, 5, 6, 7
FORMS = ((Operations, "mts-access-88"), (ReliableOperations, "mts-reliable-access-88"))


class Node(Program):
    name = "operations-node"


class Performing(Node):
    def __init__(self):
        super().__init__("perform")
        self.port = int(self.until("port").split()[1])


def sum_of(octets):
    value = 0
    for octet in octets:
        value = (value * 33 + octet) & 0xffffffff
    return value


def turn_back(peer):
    """Over RTSE the turn is with the other end after an answer."""
    if isinstance(peer, ReliableOperations) and not peer.turn:
        peer.ask_turn()


def summed(peer, number, argument):
    """Invokes the sum of an argument; True if it comes back as it must."""
    peer.invoke(number, SUM, argument)
    kind, answered, code, value = peer.receive()
    equal((kind, answered, code, int(value[0][1].contents)), ("result", number, SUM, sum_of(argument)))
    turn_back(peer)


@case("each access context of X.419: bind, result, error, unbind")
def _():
    with Performing() as node:
        for form, contexts in ((Operations, CONTEXTS), (ReliableOperations, RELIABLE_CONTEXTS)):
            for context in contexts:
                peer = form.open(node.port, context)
                equal(node.until("open"), f"open {context}")
                equal(peer.bind_result.raw, b"\xb1\x0c\x31\x0a\x80\x01N\xa2\x05\x16\x03pwd")
                summed(peer, 7, ber.octets(b"argument"))
                equal(peer.came_in, rose.FIRST_PORT)
                peer.invoke(-8, FAIL)
                kind, number, code, _parameter = peer.receive()
                equal((kind, number, code), ("error", -8, 7))
                turn_back(peer)
                peer.release()
                check(node.until("closed").startswith("closed 0"), node.lines[-1])


@case("arguments of any form and size, at each TPDU and TSDU size")
def _():
    nested = ber.seq(ber.ctx(0, ber.octets(b"x" * 3000)), ber.set_(ber.null()))
    with Performing() as node:
        for form, context in FORMS:
            for size_code, tsdu in ((7, 0), (11, 400), (13, 0)):
                peer = form.open(node.port, context, size_code=size_code, tsdu=tsdu if form is Operations else 0)
                for number, argument in enumerate((nested, ber.indefinite(nested), ber.octets(b"y" * 200_000), ber.null())):
                    summed(peer, number, argument)
                peer.release()


@case("a large result comes by the pieces")
def _():
    with Performing() as node:
        for form, context in FORMS:
            peer = form.open(node.port, context)
            peer.invoke(1, LARGE)
            kind, number, code, value = peer.receive()
            equal((kind, number, code, len(value.octets())), ("result", 1, LARGE, 300_000))
            turn_back(peer)
            peer.release()


@case("a linked operation names the one that it belongs to")
def _():
    with Performing() as node:
        for form, context in FORMS:
            peer = form.open(node.port, context)
            peer.invoke(5, CALLS_BACK)
            kind, child, code, linked, _argument = peer.receive()
            equal((kind, code, linked), ("invoke", CALLED_BACK, 5))
            equal(peer.receive()[:3], ("result", 5, CALLS_BACK))
            turn_back(peer)
            peer.send(rose.result(child))
            check(" kind 2 " in node.until("whole kind 2"), node.lines[-1])
            peer.release()


@case("what does not fit is rejected with its problem, and does not end the association")
def _():
    wrong = (
        (rose.invoke(1, 99), (1, rose.INVOKE, 1)), (rose.invoke(1, CALLED_BACK), (1, rose.INVOKE, 1)),
        (rose.invoke(1, SUM, linked=50), (1, rose.INVOKE, 5)), (rose.result(40), (40, rose.RESULT, 0)),
        (rose.error(40, 7), (40, rose.ERROR, 0)), (ber.seq(), (None, rose.GENERAL, 0)),
        (ber.ctx(5, ber.integer(1)), (None, rose.GENERAL, 0)), (ber.ctx(1, ber.octets(b"1")), (None, rose.GENERAL, 1)),
        (ber.ctx(1, ber.null(), ber.integer(SUM)), (None, rose.GENERAL, 1)),
        (rose.invoke(2, SUM, ber.null() + ber.null()), (2, rose.GENERAL, 1)),
        (ber.ctx(1, ber.integer(3), ber.oid("2.6.0.1.6")), (3, rose.INVOKE, 1)))
    with Performing() as node:
        for form, context in FORMS:
            peer = form.open(node.port, context)
            for pdu, wanted in wrong:
                peer.send(pdu)
                equal(peer.receive(), ("reject", *wanted), pdu.hex())
                turn_back(peer)
                summed(peer, 9, ber.octets(b"still here"))
            for number in (None, 77):                   # a reject is never rejected itself
                peer.send(rose.reject(number, rose.INVOKE, 0))
            peer.send(ber.ctx(4, ber.octets(b"none")))
            summed(peer, 9, ber.octets(b"still here"))
            peer.release()
            check(node.until("closed").startswith("closed 0"), node.lines[-1])


@case("an operation of another port is not this port's")
def _():
    with Performing() as node:
        peer = Operations.open(node.port, "mts-access-88")
        peer.send(rose.invoke(1, SUM), context=7)       # message delivery
        equal(peer.receive(), ("reject", 1, rose.INVOKE, 1))
        peer.release()


def ended(peer, act):
    """True if what `act` does ends the association."""
    try:
        act()
        while peer.receive_spdu():
            pass
    except (Aborted, Closed, OSError):
        return True
    return False


@case("a storm of wrong PDUs ends in an abort")
def _():
    with Performing() as node:
        for form, context in FORMS:
            peer = form.open(node.port, context)

            def storm():
                for number in range(200):
                    peer.send(rose.invoke(number, 99))
                    peer.receive()
                    turn_back(peer)
            check(ended(peer, storm))
            check("too many PDUs" in node.until("closed"), node.lines[-1])
            peer.close()


@case("what is no P-DATA of one operation ends the association")
def _():
    pdu = rose.invoke(1, SUM)
    broken = (x228.pdv(rose.CARRIER, pdu), x228.pdv(rose.ACSE, pdu), x228.pdv(99, pdu),
              ber.app(1, *[ber.seq(ber.integer(5), ber.ctx(0, pdu))] * 2), ber.app(1), ber.app(0, b""), ber.null(),
              x228.pdv(5, pdu) + b"\0", ber.app(1, ber.seq(ber.integer(5), ber.ctx(0, pdu, pdu))))
    with Performing() as node:
        for octets in broken:
            peer = Operations.open(node.port, "mts-access-88")
            check(ended(peer, lambda: peer.send_user_data(octets)), octets.hex())
            check(node.until("closed").startswith("closed 4"), f"{octets.hex()}: {node.lines[-1]}")
            peer.close()
        peer = Operations.open(node.port, "mts-access-88")
        peer.send_user_data(x228.pdv(5, pdu)[:-1])      # cut short: wrong when something else comes
        check(ended(peer, lambda: peer.send(pdu)))
        check("cut short" in node.until("closed"), node.lines[-1])
        peer.close()


@case("primitives of functional units that are not in use, and data without the turn, are protocol errors")
def _():
    with Performing() as node:
        peer = Operations.open(node.port, "mts-access-88")
        check(ended(peer, peer.start_activity))
        node.until("closed 4")
        peer = ReliableOperations.open(node.port, "mts-reliable-access-88")
        check(ended(peer, lambda: peer.send_data(b"x")))                        # outside of an activity
        node.until("closed 4")
        peer = ReliableOperations.open(node.port, "mts-reliable-access-88")
        peer.invoke(1, SUM, ber.null())
        peer.receive()
        check(not peer.turn)
        check(ended(peer, peer.start_activity))                                 # the turn is there
        node.until("closed 4")


@case("reliable contexts are new associations that go both ways")
def _():
    with Performing() as node:
        for attribute, value, reason in (("dialogue", 0, None), ("recovering", (ber.octets(b"a"), ber.utctime("261122061500Z")), None)):
            try:
                setattr(ReliableOperations, attribute, value)
                ReliableOperations.open(node.port, "mts-reliable-access-88")
            except BindRefused as refused:
                equal((refused.layer, refused.reason), ("rtse", reason), attribute)
            else:
                raise AssertionError(f"{attribute} was accepted")
            finally:
                setattr(ReliableOperations, attribute, {"dialogue": 1, "recovering": None}[attribute])


def interrupted(node, invocation, octets):
    """Its invocation breaks off after three checkpoints, which are confirmed."""
    peer = ReliableOperations.open(node.port, "mts-reliable-access-88")
    value = x228.external(5, rose.invoke(invocation, SUM, ber.octets(octets)))
    peer.start_activity()
    peer.send_segments(value, stop_after=3)
    while peer.acknowledged < peer.sent_serial:
        peer.await_acknowledgement()
    peer.interrupt()
    return peer, value


@case("an interrupted transfer is resumed, also behind the last checkpoint, and more than once")
def _():
    octets = bytes(i * 7 % 251 for i in range(9000))
    with Performing() as node:
        for back in 0, 1, 2:
            peer, value = interrupted(node, 1, octets)
            at = 3 - back
            peer.resume_activity(peer.activity_identifier, at)
            if back == 1:
                peer.send_segments(value[at * 1024:], stop_after=2)
                while peer.acknowledged < peer.sent_serial:
                    peer.await_acknowledgement()
                peer.interrupt()
                at += 2
                peer.resume_activity(peer.activity_identifier, at)
            peer.send_segments(value[at * 1024:])
            peer.end_activity()
            _kind, answered, _code, result = peer.receive()
            equal((answered, int(result[0][1].contents)), (1, sum_of(ber.octets(octets))), back)
            turn_back(peer)
            peer.release()


@case("a resumed transfer that is interrupted before all of it came again has no octets twice")
def _():
    octets = bytes(i * 7 % 251 for i in range(9000))
    with Performing() as node:
        peer, value = interrupted(node, 1, octets)
        peer.resume_activity(peer.activity_identifier, 1)
        peer.send_segments(value[1024:], stop_after=1)
        while peer.acknowledged < peer.sent_serial:
            peer.await_acknowledgement()
        peer.interrupt()
        peer.resume_activity(peer.activity_identifier, 2)
        peer.send_segments(value[2 * 1024:])
        peer.end_activity()
        _kind, answered, _code, result = peer.receive()
        equal((answered, int(result[0][1].contents)), (1, sum_of(ber.octets(octets))))
        turn_back(peer)
        peer.release()


@case("a resume of what is not kept is refused; the association goes on")
def _():
    with Performing() as node:
        peer, value = interrupted(node, 1, b"z" * 5000)
        peer.resume_activity(peer.activity_identifier, 77)
        try:
            peer.expect(session.MIA)
        except Excepted as excepted:
            equal(excepted.reason, b"\6")
        peer.discard()
        summed(peer, 1, ber.octets(b"anew"))
        peer.release()


@case("contexts that are not defined, and functional units that do not suffice, are refused")
def _():
    with Performing() as node:
        for options, layer in (({"ports": ()}, "presentation"), ({"arc": 6}, "acse"), ({"arc": 99}, "acse"),
                               ({"requirements": 0x0001}, "session")):
            try:
                Operations.open(node.port, "mts-access-88", **options)
            except BindRefused as refused:
                equal(refused.layer, layer, options)
            else:
                raise AssertionError(f"{options} was accepted")
        peer = Operations.open(node.port, "mts-access-88", ports=(rose.MSSE,))  # one port is enough
        summed(peer, 1, ber.null())
        peer.release()


@case("it invokes, three megabytes by the pieces, and unbinds")
def _():
    for form, contexts in ((Operations, CONTEXTS), (ReliableOperations, RELIABLE_CONTEXTS)):
        for context in contexts:
            size = 3_000_000 if context.endswith("access-88") else 10
            with socket.create_server(("127.0.0.1", 0)) as listener:
                with Node("call", context, listener.getsockname()[1], size) as node:
                    peer = form(Transport(listener.accept()[0]))
                    peer.accept_operations()
                    equal(peer.arc, contexts[context][0])
                    wanted = rose.definitions(*contexts[context][1:])
                    equal(peer.contexts, wanted, context)
                    kind, number, code, linked, argument = peer.receive()
                    equal((kind, code, linked, argument.octets()), ("invoke", SUM, None, bytes(size)))
                    turn_back(peer)
                    peer.send(rose.result(number, SUM, ber.integer(1)))
                    equal(peer.receive(), None)
                    check(node.until("closed").startswith("closed 0"), node.lines[-1])
                    peer.close()


def submission(content):
    """A MessageSubmissionArgument (X.411 section 12.2)."""
    recipient = ber.set_(names.or_name(every.BOB), ber.prim(0, b"\6\x40"))
    envelope = ber.set_(names.or_name(every.ANN), ber.app_prim(6, b"\x16"), ber.ctx(1, recipient))
    return ber.seq(envelope, ber.octets(content))


def mts_bind():
    return ber.ctx(16, ber.set_(names.or_name(every.ANN), ber.ctx(2, ber.ia5("secret"))))


@case("tshark reads bind, submission and result, and finds nothing wrong")
def _():
    if not tshark_judge.available():
        raise tap.Skip("tshark is not here")
    content = ipm.ipm("1", every.ANN, [every.BOB], "P3", ipm.filler(500))
    with Performing() as node, tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        peer = Operations.open(node.port, "mts-access-88", bind=mts_bind())
        summed(peer, 1, submission(content))
        peer.release()
        log = [(sent, octets) for sent, _at, octets in peer.transport.log]
        frames = tshark_judge.rewritten(file.name, [log])
        equal(tshark_judge.found_fault(frames), [])
        read = subprocess.run(["tshark", "-r", file.name, "-V"], capture_output=True, text=True).stdout
        for wanted in ("bind-invoke", "bind-result", "MessageSubmissionArgument", "originator-name", "returnResult",
                       "message-submission-identifier"):
            check(wanted in read, f"{wanted} is not what tshark saw")


tap.main()
