"""The PDUs of RTSE (X.228) in presentation (X.226) and ACSE (X.227), in normal and X.410-1984 mode."""
import contextlib

from . import ber, session

AS_ACSE, AS_RTSE, AS_MTSE = "2.2.1.0.1", "2.6.0.2.12", "2.6.0.2.7"
AC_MTS_TRANSFER, BER = "2.6.0.1.6", "2.1.1"
CONTEXTS = [(1, AS_ACSE), (3, AS_RTSE), (5, AS_MTSE)]

LOCAL_SYSTEM_PROBLEM, INVALID_PARAMETER, UNRECOGNIZED_ACTIVITY, TEMPORARY_PROBLEM, PROTOCOL_ERROR, \
    PERMANENT_PROBLEM, USER_ERROR, TRANSFER_COMPLETED = range(8)
RTS_BUSY, CANNOT_RECOVER, VALIDATION_FAILURE, UNACCEPTABLE_DIALOGUE_MODE = range(4)


# Elements that every APDU and PPDU gets in addition, and its sets and sequences: see later_version.
extra = b""


@contextlib.contextmanager
def later_version():
    """Within it all PDUs carry elements and parameters that nobody knows yet."""
    global extra
    extra = ber.prim(90, b"later") + ber.ctx(91, ber.integer(7), ber.octets(b""))
    session.extra = session.parameter(120, b"later") + session.group(200, session.parameter(121, b"x"))
    try:
        yield
    finally:
        extra = session.extra = b""


# --- MTA bind (X.411 section 12.1.1)

def credentials(name, password):
    """password: str makes an IA5String, bytes an OCTET STRING, a whole element is taken as it is (a tuple)."""
    if isinstance(password, tuple):
        value = password[0]
    else:
        value = ber.octets(password) if isinstance(password, bytes) else ber.ia5(password)
    return ber.ctx(1, ber.prim(0, name.encode("latin-1")), ber.ctx(1, value))


def bind_argument(mode, name, password):
    """[16] in normal mode's bind (X.880); bare in X.410 mode. A name of None makes an unauthenticated bind."""
    argument = ber.null() if name is None else credentials(name, password)
    return ber.ctx(16, argument) if mode == "normal" else argument


def bind_result(mode, name, password):
    result = ber.null() if name is None else credentials(name, password)
    return ber.ctx(17, result) if mode == "normal" else result


# --- RTSE

def recover(reference, common):
    return ber.ctx(1, reference, common)


def open_request(checkpoint, window, data, mode, dialogue=0):
    """RTORQ's components. `data` is connectionDataRQ's [0] open or [1] recover."""
    parts = [ber.prim(0, ber.integer_octets(checkpoint))]
    parts += [ber.prim(1, ber.integer_octets(window))] if window != 3 else []
    parts += [ber.prim(2, ber.integer_octets(dialogue))] if dialogue else []
    parts += [ber.ctx(3, data)]
    if mode != "normal":
        parts += [ber.prim(4, ber.integer_octets(12 if mode == "x410" else 1))]
    return extra + b"".join(parts)


def open_accept(checkpoint, window, data):
    return (ber.prim(0, ber.integer_octets(checkpoint)) + extra + ber.prim(1, ber.integer_octets(window))
            + ber.ctx(2, data))


def _number(node, number, default):
    found = node.get(number)
    return found.integer() if found else default


def read_rtorq(node):
    data = node.get(3)[0]
    recovered = (data[0].raw, data[1].raw) if data.number == 1 else None
    return {"checkpoint": _number(node, 0, 0), "window": _number(node, 1, 3), "dialogue": _number(node, 2, 0),
            "protocol": _number(node, 4, 1), "recover": recovered, "data": None if recovered else data[0]}


def read_rtoac(node):
    data = node.get(2)[0]
    return {"checkpoint": _number(node, 0, 0), "window": _number(node, 1, 3), "data": data[0] if len(data) else data}


# --- presentation and ACSE

def pdv(context, *elements):
    return ber.app(1, ber.seq(ber.integer(context), ber.ctx(0, *elements)))


def external(context, element, direct=None):
    return ber.tlv(ber.UNIVERSAL, 8, True, (ber.oid(direct) if direct else b"") + ber.integer(context)
                   + ber.ctx(0, element))


def _version(octets):
    return ber.prim(0, octets) if octets else b""


def connect_ppdu(mode, rtorq, contexts=None, versions=(None, None)):
    """CP: with an AARQ that carries RTORQ, or, in X.410 mode, RTORQ as the x410-mode-parameters. `versions`: contents of
    the BIT STRINGs of presentation and ACSE."""
    if mode != "normal":
        return ber.set_(ber.ctx(0, ber.prim(0, b"\0"), extra), ber.ctx(1, rtorq), extra)
    contexts = contexts or CONTEXTS
    by_name = {name: number for number, name in contexts}
    rtse = by_name.get(AS_RTSE, contexts[min(1, len(contexts) - 1)][0])
    aarq = ber.app(0, _version(versions[1]), ber.ctx(1, ber.oid(AC_MTS_TRANSFER)), extra,
                   ber.ctx(30, external(rtse, ber.ctx(16, rtorq), BER)))
    definitions = [ber.seq(ber.integer(number), ber.oid(name), ber.seq(ber.oid(BER))) for number, name in contexts]
    return ber.set_(ber.ctx(0, ber.prim(0, b"\1"), extra), extra,
                    ber.ctx(2, _version(versions[0]), ber.ctx(4, *definitions), extra, pdv(by_name.get(AS_ACSE, 1), aarq)))


def read_connect(octets):
    """The mode, RTORQ's node and the presentation contexts of a CP."""
    cp = ber.read(octets)
    if cp.get(0)[0].integer() == 0:
        return "x410", cp.get(1), []
    normal = cp.get(2)
    contexts = [(item[0].integer(), item[1].oid()) for item in normal.get(4)]
    aarq = normal.app(1)[0].get(0)[0]
    return "normal", aarq.get(30)[0].get(0)[0], contexts


def _results(count):
    return [ber.seq(ber.prim(0, b"\0"), ber.prim(1, ber.oid_octets(BER)))] * count


def _aare(result, source, body, context=3):
    return ber.app(1, ber.ctx(1, ber.oid(AC_MTS_TRANSFER)), ber.ctx(2, ber.integer(result)),
                   ber.ctx(3, ber.ctx(1, ber.integer(source))), extra, ber.ctx(30, external(context, body, BER)))


def accept_ppdu(mode, rtoac, contexts=3):
    if mode != "normal":
        return ber.set_(ber.ctx(0, ber.prim(0, b"\0")), extra, ber.ctx(1, rtoac))
    return ber.set_(ber.ctx(0, ber.prim(0, b"\1")), extra,
                    ber.ctx(2, ber.ctx(5, *_results(contexts)), extra, pdv(1, _aare(0, 0, ber.ctx(17, rtoac)))))


def accepted_rtoac(mode, octets):
    cpa = ber.read(octets)
    if mode != "normal":
        return cpa.get(1)
    aare = cpa.get(2).app(1)[0].get(0)[0]
    return aare.get(30)[0].get(0)[0]


def refuse_ppdu(mode, error, contexts=()):
    """CPR with RTORJ: the bind error in normal mode, the refuse reason in X.410 mode; None is cannotRecover."""
    if mode != "normal":
        reason = {None: CANNOT_RECOVER, 0: RTS_BUSY, 2: VALIDATION_FAILURE, 3: UNACCEPTABLE_DIALOGUE_MODE}[error]
        return ber.set_(ber.prim(0, bytes([reason])), extra)
    body = extra + (b"" if error is None else ber.ctx(1, ber.ctx(18, ber.integer(error))))
    return ber.seq(ber.ctx(5, *_results(len(contexts))), extra, pdv(1, _aare(1, 1, ber.ctx(18, body))))


def refusal(kind, mode, reason):
    """The exception for REFUSE's reason code parameter: who refused and why. `kind(layer, reason, octets)`."""
    if not reason or reason[0] != 2 or len(reason) == 1:
        return kind("session", reason[0] if reason else None, reason)
    cpr = ber.read(reason[1:])
    if mode != "normal":
        found = cpr.get(0)
        return kind("rtse", found.integer() if found else None, reason)
    user = cpr.app(1)
    if not user:
        provider = cpr.get(10)
        return kind("presentation", provider.integer() if provider else None, reason)
    aare = user[0].get(0)[0]
    info = aare.get(30)
    if not info:
        return kind("acse", aare.get(3)[0][0].integer(), reason)
    direct = info[0].get(0)[0]
    if direct.tag == (ber.CONTEXT, 18) and len(direct) and direct[0].cls == ber.UNIVERSAL:    # without RTSE
        return kind("bind", bind_problem(direct[0]), reason)
    error = direct.get(1)
    if not error:
        return kind("rtse", None, reason)
    inner = error[0]
    return kind("mta-bind", bind_problem(inner[0] if inner.tag == (ber.CONTEXT, 18) else inner), reason)


def bind_problem(node):
    """The number of a bind error: bare, or the [0] of a SET (MSBindError of 1994)."""
    return node.get(0)[0].integer() if node.constructed else node.integer()


def data_ppdu(mode, octets):
    return octets if mode != "normal" else pdv(CONTEXTS[1][0], ber.octets(octets))


def data_octets(mode, octets):
    if mode != "normal":
        return octets
    return b"".join(value.octets() for item in ber.read(octets) for value in item.get(0))


def transfer_value(mode, apdu):
    """What RTTRs carry in all: an EXTERNAL with the MTSE context in normal mode, else the APDU itself."""
    return external(CONTEXTS[2][0], apdu) if mode == "normal" else apdu


def apdu(mode, value):
    return ber.read(value).get(0)[0].raw if mode == "normal" else value


def release_parameters(mode, code, request):
    if mode != "normal":
        return []
    return [session.parameter(code, pdv(1, ber.app(2 if request else 3, ber.prim(0, b"\0"), extra)))]


def abort_parameters(mode, code, reason):
    if reason is None:
        return []
    fields = ber.prim(0, ber.integer_octets(reason)) + extra
    if mode != "normal":
        return [session.parameter(code, ber.set_(fields))]   # X.226: the components of RTAB in a SET of their own
    rtab = ber.ctx(22, fields)
    abrt = ber.app(4, ber.prim(0, b"\0"), extra, ber.ctx(30, external(3, rtab, BER)))
    return [session.parameter(code, ber.ctx(0, extra, pdv(1, abrt)))]


def abort_reason(user_data):
    """RTAB's abort reason in an ABORT's user data, or None."""
    if not user_data:
        return None
    try:
        node = ber.read(user_data)
    except ber.Broken:
        return None
    found = node if node.tag == (ber.UNIVERSAL, 17) else _find(node, (ber.CONTEXT, 22))
    return _number(found, 0, None) if found else None


def _find(node, tag):
    if node.tag == tag and node.constructed:
        return node
    return next(filter(None, (_find(child, tag) for child in node)), None)
