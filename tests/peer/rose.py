"""Remote operations (X.880, X.229) as a play: over presentation, or over RTSE. One class for each form.

    peer = Operations.open(port, "mts-access-88")
    peer.invoke(1, 3, argument)
    peer.receive()                  # ("result", 1, 3, node)
    peer.release()
"""
from . import ber, session as s, x228
from .association import Association, BindRefused
from .transport import Transport, Unexpected

ID_AC, ID_AS = "2.6.0.1.", "2.6.0.2."
MSSE, MDSE_88, MRSE_88, MASE_88, MTS_RTSE, MS_88, MS_RTSE, MTS, MS_MSSE, MDSE_94, MRSE_94, MASE_94, MS_94 = \
    1, 2, 5, 6, 8, 9, 10, 11, 13, 14, 15, 16, 17
P3_88, P3_94 = (MSSE, MDSE_88, MASE_88), (MSSE, MDSE_94, MASE_94)
P7_88, P7_94 = (MSSE, MRSE_88, MASE_88), (MS_MSSE, MRSE_94, MASE_94)
# X.419: the arc of the application context, the abstract syntax of its bind or of RTSE, those of its ports.
CONTEXTS = {
    "mts-access-88": (0, MTS, P3_88), "mts-forced-access-88": (1, MTS, P3_88),
    "ms-access-88": (4, MS_88, P7_88), "mts-access-94": (7, MTS, P3_94), "mts-forced-access-94": (8, MTS, P3_94),
    "ms-access-94": (11, MS_94, P7_94)}
RELIABLE_CONTEXTS = {
    "mts-reliable-access-88": (2, MTS_RTSE, P3_88), "mts-forced-reliable-access-88": (3, MTS_RTSE, P3_88),
    "ms-reliable-access-88": (5, MS_RTSE, P7_88), "mts-reliable-access-94": (9, MTS_RTSE, P3_94),
    "mts-forced-reliable-access-94": (10, MTS_RTSE, P3_94), "ms-reliable-access-94": (12, MS_RTSE, P7_94)}
ACSE, CARRIER, FIRST_PORT = 1, 3, 5         # presentation contexts, as this peer numbers them
DUPLEX = 0x0002
GENERAL, INVOKE, RESULT, ERROR = range(4)   # the kinds of a reject's problem

BIND = ber.ctx(16, ber.set_())


# --- PDUs

def invoke(number, code, argument=b"", linked=None):
    return ber.ctx(1, ber.integer(number), b"" if linked is None else ber.prim(0, ber.integer_octets(linked)),
                   ber.integer(code), argument)


def result(number, code=None, value=b""):
    return ber.ctx(2, ber.integer(number), b"" if code is None else ber.seq(ber.integer(code), value))


def error(number, code, parameter=b""):
    return ber.ctx(3, ber.integer(number), ber.integer(code), parameter)


def reject(number, kind, problem):
    return ber.ctx(4, ber.null() if number is None else ber.integer(number),
                   ber.prim(kind, ber.integer_octets(problem)))


def read(octets):
    """("invoke", id, code, linked, argument), ("result", id, code, value), ("error", …) or ("reject", id, kind, problem)."""
    pdu = ber.read(octets)
    number = pdu[0].integer() if pdu[0].number == 2 else None
    if pdu.number == 1:
        rest = list(pdu)[1:]
        linked = rest.pop(0).integer() if rest[0].tag == (ber.CONTEXT, 0) else None
        return "invoke", number, rest[0].integer(), linked, rest[1] if len(rest) > 1 else None
    if pdu.number == 2:
        inner = pdu[1] if len(pdu) > 1 else None
        return "result", number, inner[0].integer() if inner else None, inner[1] if inner else None
    if pdu.number == 3:
        return "error", number, pdu[1].integer(), pdu[2] if len(pdu) > 2 else None
    return "reject", number, pdu[1].number, pdu[1].integer()


# --- opening, in both forms

def definitions(carrier, ports):
    names = ["2.2.1.0.1", ID_AS + str(carrier)] + [ID_AS + str(port) for port in ports]
    return [(2 * i + 1, name) for i, name in enumerate(names)]


def connect_ppdu(arc, contexts, user):
    aarq = ber.app(0, ber.ctx(1, ber.oid(ID_AC + str(arc))), ber.ctx(30, x228.external(CARRIER, user, x228.BER)))
    items = [ber.seq(ber.integer(number), ber.oid(name), ber.seq(ber.oid(x228.BER))) for number, name in contexts]
    return ber.set_(ber.ctx(0, ber.prim(0, b"\1")), ber.ctx(2, ber.ctx(4, *items), x228.pdv(ACSE, aarq)))


def accept_ppdu(arc, count, user):
    aare = ber.app(1, ber.ctx(1, ber.oid(ID_AC + str(arc))), ber.ctx(2, ber.integer(0)),
                   ber.ctx(3, ber.ctx(1, ber.integer(0))), ber.ctx(30, x228.external(CARRIER, user, x228.BER)))
    results = [ber.seq(ber.prim(0, b"\0"), ber.prim(1, ber.oid_octets(x228.BER)))] * count
    return ber.set_(ber.ctx(0, ber.prim(0, b"\1")), ber.ctx(2, ber.ctx(5, *results), x228.pdv(ACSE, aare)))


def accepted(octets):
    """The user's element in an AARE within a CPA."""
    aare = ber.read(octets).get(2).app(1)[0].get(0)[0]
    return aare.get(30)[0].get(0)[0]


class Operations(Association):
    """Over presentation: each PDU is a P-DATA."""
    requirements = DUPLEX

    @classmethod
    def open(cls, port, context, bind=BIND, size_code=11, tsdu=0, requirements=None, ports=None, arc=None):
        """`ports`, `arc`: instead of those of the context. Raises BindRefused, Aborted."""
        peer = cls.ask_to_bind(Transport.dial(port), context, bind, size_code, tsdu, requirements, ports, arc)
        peer.hear_of_bind()
        return peer

    @classmethod
    def ask_to_bind(cls, transport, context, bind=BIND, size_code=11, tsdu=0, requirements=None, ports=None, arc=None):
        """`open` without its answer."""
        peer = cls(transport)
        known = {**CONTEXTS, **RELIABLE_CONTEXTS}[context]
        peer.contexts = definitions(known[1], known[2] if ports is None else ports)
        peer.transport.connect(size_code=size_code)
        peer.tsdu_max = tsdu
        accept = [s.parameter(s.PI_OPTIONS, b"\0"), s.parameter(s.PI_VERSION, b"\2")]
        accept += [s.parameter(s.PI_TSDU_SIZE, tsdu.to_bytes(2, "big") * 2)] if tsdu else []
        peer.transport.send(s.spdu(
            s.CN, s.group(s.PGI_CONNECTION_IDENTIFIER, s.parameter(s.PI_CALLING_REFERENCE, peer.reference),
                          s.parameter(s.PI_COMMON_REFERENCE, peer.common)),
            s.group(s.PGI_CONNECT_ACCEPT, *accept),
            s.parameter(s.PI_REQUIREMENTS, (requirements or peer.requirements).to_bytes(2, "big")),
            s.parameter(s.PGI_USER_DATA,
                        connect_ppdu(known[0] if arc is None else arc, peer.contexts, peer.opening(bind)))))
        return peer

    def hear_of_bind(self):
        spdu = self.receive_spdu()
        if spdu.si == s.RF:
            raise x228.refusal(BindRefused, "normal", spdu.parameters.get(s.PI_REASON, b""))
        if spdu.si != s.AC:
            raise Unexpected(f"{spdu!r} for an AC")
        self.accept_spdu = spdu
        self.opened(accepted(spdu.user_data))

    def accept_operations(self, bind_result=ber.ctx(17, ber.set_())):
        """As responder: any context, whatever is proposed."""
        self.transport.accept()
        spdu = self.receive_spdu()
        normal = ber.read(spdu.user_data).get(2)
        self.contexts = [(item[0].integer(), item[1].oid()) for item in normal.get(4)]
        aarq = normal.app(1)[0].get(0)[0]
        self.arc = int(aarq.get(1)[0].oid().rsplit(".", 1)[1])
        self.bind_argument = aarq.get(30)[0].get(0)[0]
        version = s.group(s.PGI_CONNECT_ACCEPT, s.parameter(s.PI_OPTIONS, b"\0"), s.parameter(s.PI_VERSION, b"\2"),
                          s.parameter(s.PI_TOKEN_SETTING, b"\0"))
        self.transport.send(s.spdu(
            s.AC, version, s.parameter(s.PI_REQUIREMENTS, spdu.parameters[s.PI_REQUIREMENTS]),
            s.parameter(s.PGI_USER_DATA,
                        accept_ppdu(self.arc, len(self.contexts), self.answering(bind_result)))))

    def opening(self, bind):
        return bind

    def opened(self, user):
        self.bind_result = user

    def answering(self, bind_result):
        return bind_result

    def send(self, pdu, context=FIRST_PORT):
        self.send_user_data(x228.pdv(context, pdu))

    def send_user_data(self, octets):
        step = self.tsdu_max - 16 if self.tsdu_max else 0
        if not step:
            self.give(b"\1\0" + octets)
            return
        for at in range(0, len(octets), step):
            enclosure = (at == 0) | (at + step >= len(octets)) << 1
            self.give(s.spdu(s.DT, s.parameter(s.PI_ENCLOSURE, bytes([enclosure])), data=octets[at:at + step]))

    def invoke(self, number, code, argument=b"", linked=None):
        self.send(invoke(number, code, argument, linked))

    def receive_pdu(self):
        """The octets of the next PDU and its presentation context. None when the other end released."""
        octets = b""
        while True:
            spdu = self.receive_spdu()
            if spdu.si == s.FN:
                self.answer_release()
                return None
            if spdu.si != s.DT or not spdu.first:
                raise Unexpected(repr(spdu))
            octets += spdu.data
            if spdu.parameters.get(s.PI_ENCLOSURE, b"\3")[0] & 2:
                item = ber.read(octets)[0]
                self.came_in = item[0].integer()
                return item.get(0)[0].raw

    def receive(self):
        octets = self.receive_pdu()
        return read(octets) if octets is not None else None


class ReliableOperations(Operations):
    """Over RTSE: each PDU is an RT-TRANSFER, and the turn must be here."""
    requirements = s.RTSE_REQUIREMENTS
    dialogue = 1
    recovering = None

    def opening(self, bind):
        self.turn = True
        data = ber.ctx(0, bind) if self.recovering is None else x228.recover(*self.recovering)
        return ber.ctx(16, x228.open_request(self.checkpoint, self.window, data, "normal", self.dialogue))

    def opened(self, user):
        fields = x228.read_rtoac(user)
        self.checkpoint, self.window, self.bind_result = fields["checkpoint"], fields["window"], fields["data"]

    def answering(self, bind_result):
        self.turn = False
        self.checkpoint = 1
        return ber.ctx(17, x228.open_accept(self.checkpoint, self.window, ber.ctx(0, bind_result)))

    def send(self, pdu, context=FIRST_PORT):
        self.start_activity()
        self.send_segments(x228.external(context, pdu))
        self.end_activity()

    def receive_pdu(self):
        """Gives the turn when it is asked for."""
        value = b""
        while True:
            spdu = self.receive_spdu()
            if spdu.si == s.PT and not spdu.first:
                self.transport.send(s.spdu(s.GTC))
                self.expect(s.GTA)
                self.turn = False
            elif spdu.si == s.GTC:
                self.transport.send(s.spdu(s.GTA))
                self.turn = True
            elif spdu.si == s.AS:
                value = b""
            elif spdu.si == s.DT and spdu.first:
                value += x228.data_octets("normal", spdu.data)
            elif spdu.si == s.MIP:
                self.please(s.spdu(s.MIA, s.parameter(s.PI_SERIAL, spdu.parameters[s.PI_SERIAL])))
            elif spdu.si == s.AE:
                self.confirm(spdu)
                external = ber.read(value)
                self.came_in = next(node.integer() for node in external if node.tag == (ber.UNIVERSAL, 2))
                return external.get(0)[0].raw
            elif spdu.si == s.FN:
                self.answer_release()
                return None
            else:
                raise Unexpected(repr(spdu))

    def ask_turn(self):
        """Until the turn is here; what comes meanwhile is not expected."""
        self.transport.send(s.spdu(s.PT, s.parameter(s.PI_TOKEN, b"\1"),
                                   s.parameter(s.PGI_USER_DATA, x228.pdv(CARRIER, ber.integer(1)))))
        self.expect(s.GTC)
        self.transport.send(s.spdu(s.GTA))
        self.turn = True
