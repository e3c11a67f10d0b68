"""P3 (X.411 section 8, X.419 section 9) as a play: a user agent that binds and submits.

    user = bind(port, "mts-access-94", "/C=GB/A=GOLD/P=ALPHA/S=ANN", "secret")
    user.submit(envelope, content)      # ("result", ...)
"""
from . import ber, names, rose, session as s, x228      # noqa: F401  (rose is offered to the plays)
from .rose import RELIABLE_CONTEXTS, Operations, ReliableOperations
from .transport import Unexpected

MESSAGE_SUBMISSION, PROBE_SUBMISSION, CANCEL, SUBMISSION_CONTROL = 3, 4, 7, 2
MESSAGE_DELIVERY, REPORT_DELIVERY = 5, 6
DELIVERY_CONTROL, REGISTER, CHANGE_CREDENTIALS = 2, 1, 8
MSSE, MDSE, MASE = 5, 7, 9          # presentation contexts, as rose.py numbers them
# Abstract errors.
(CONTROL_VIOLATED, ORIGINATOR_INVALID, RECIPIENT_IMPROPER, NOT_SUBSCRIBED, OLD_CREDENTIALS, NEW_CREDENTIALS, IDENTIFIER_INVALID,
 CANCELLATION_REJECTED, REGISTER_REJECTED, INCONSISTENT, SECURITY, UNSUPPORTED_CRITICAL, CONTROL_VIOLATES, REMOTE_BIND,
 REFUSED) = 1, 2, 3, 4, 5, 6, 7, 8, 10, 11, 12, 13, 14, 15, 16
# Invoke problems of a reject.
DUPLICATE, UNRECOGNIZED, MISTYPED, RESOURCE = range(4)


def password(value, ia5=True):
    """Password: IA5String or OCTET STRING."""
    return ber.ia5(value) if ia5 else ber.octets(value.encode())


def bind_argument(address, secret, ia5=True, store=False, mta=None, context=None, credentials=None):
    """MTSBindArgument under X.219's BIND. `store`: a message store's name; `mta`: an MTA's; `context`: a security context;
    `credentials`: instead of simple ones."""
    name = ber.prim(0, mta.encode()) if mta else names.or_name_under(4, address) if store else names.or_name(address)
    return ber.ctx(16, ber.set_(name, ber.ctx(2, credentials or password(secret, ia5)), ber.ctx(3, context) if context else b""))


class Delivery:
    """What message-delivery or report-delivery brings: its invocation, the octets of its argument, and what stands in that."""

    def __init__(self, number, code, argument):
        self.number, self.code, self.octets = number, code, argument.raw
        self.report = code == REPORT_DELIVERY
        if self.report:
            identifier = argument.app(4)
            content = argument.get(0)
        else:
            identifier, self.time, self.fields = argument[0], argument[1].text(), argument[2]
            content = argument[3]
        self.identifier = next(child.text() for child in identifier if child.cls == ber.UNIVERSAL)
        self.content = content.octets() if content else None

    def __repr__(self):
        return f"{'report' if self.report else 'message'} {self.identifier}"


def read_submission_result(node):
    """(local identifier, time, content identifier or None) of a submission's result."""
    identifier = node.app(4)
    local = next(child.text() for child in identifier if child.cls == ber.UNIVERSAL)
    content = node.app(10)
    return local, node.get(0).text(), content.text() if content else None


class User:
    """What a user agent asks for; mixed into the two forms of associations of operations."""
    asked = 0

    def ask(self, code, argument, context=MSSE):
        """Invokes; the number of the invocation."""
        self.asked += 1
        self.send(self.pdu(self.asked, code, argument), context)
        return self.asked

    @staticmethod
    def pdu(number, code, argument):
        return ber.ctx(1, ber.integer(number), ber.integer(code), argument)

    def keep(self, pdu):
        """The other end's own invocations: controls, and deliveries."""
        if pdu[2] in (MESSAGE_DELIVERY, REPORT_DELIVERY) and self.came_in == MDSE:
            self.deliveries.append(Delivery(pdu[1], pdu[2], pdu[4]))
        else:
            self.controls.append(pdu)

    def answer(self, number=None):
        """The answer to the invocation (the last); what comes of the other end's own invocations is kept in `controls` and
        `deliveries`."""
        while True:
            pdu = self.receive()
            if pdu[0] == "invoke":
                self.keep(pdu)
                continue
            if pdu[1] != (number or self.asked):
                raise AssertionError(f"{pdu} for the answer to {number or self.asked}")
            return pdu

    def delivery(self):
        """The next delivery; it is to be answered."""
        while not self.deliveries:
            pdu = self.receive()
            if pdu is None or pdu[0] != "invoke":
                raise AssertionError(f"{pdu} where a delivery is expected")
            self.keep(pdu)
        return self.deliveries.pop(0)

    def take(self, delivery=None):
        """The result of a delivery (the next one)."""
        delivery = delivery or self.delivery()
        self.send(rose.result(delivery.number, delivery.code, ber.null() if delivery.report else ber.set_()), MDSE)
        return delivery

    def refuse(self, delivery, code, parameter=b""):
        self.send(rose.error(delivery.number, code, parameter), MDSE)

    def call(self, code, argument, context=MSSE):
        self.ask(code, argument, context)
        return self.answer()

    def submit(self, envelope, content):
        return self.call(MESSAGE_SUBMISSION, ber.seq(envelope, ber.octets(content)))

    def probe(self, envelope):
        return self.call(PROBE_SUBMISSION, envelope)

    def cancel(self, domain, local):
        return self.call(CANCEL, ber.app(4, names.domain(domain), ber.ia5(local)))


class DirectUser(User, Operations):
    def send_user_data_part(self, pdu, length):
        """The first octets of a PDU that is a P-DATA of its own, and no more."""
        self.transport.send(s.GIVE + b"\1\0" + x228.pdv(MSSE, pdu), length)


class ReliableUser(User, ReliableOperations):
    """Gives the turn while an answer is awaited, and takes it back for the next question."""
    wanted = False      # the other end has asked for it

    def expect(self, si):
        """The other end may ask for the turn at any time."""
        spdu = self.receive_spdu()
        if spdu.si == s.PT and not spdu.first:
            self.wanted = True
            return self.expect(si)
        if spdu.si != si:
            raise Unexpected(f"{spdu!r} for {s.NAMES[si]}")
        return spdu

    def receive_pdu(self):
        if self.wanted and self.turn:
            self.transport.send(s.spdu(s.GTC))
            self.expect(s.GTA)
            self.turn = self.wanted = False
        return super().receive_pdu()

    def send(self, pdu, context=MSSE):
        if not self.turn:
            self.ask_turn()
        super().send(pdu, context)

    def release(self):
        if not self.turn:
            self.ask_turn()
        super().release()


def bind(port, context, address, secret, argument=None, **options):
    kind = ReliableUser if context in RELIABLE_CONTEXTS else DirectUser
    user = kind.open(port, context, argument or bind_argument(address, secret, **options))
    user.controls, user.deliveries = [], []
    return user
