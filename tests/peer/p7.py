"""P7 (X.413, X.419 section 10) as a play: a user agent that binds to its message store.

    user = bind(port, "ms-access-94", "/C=GB/A=GOLD/P=ALPHA/S=ANN", "secret")
    user.list(x413.selector(), [SUBJECT])      # ("result", number, 21, node)
"""
from . import ber, p3, x413
from .rose import RELIABLE_CONTEXTS

MSSE, MRSE, MASE = p3.MSSE, p3.MDSE, p3.MASE        # presentation contexts, as rose.py numbers them
CONTEXTS = ("ms-access-88", "ms-access-94", "ms-reliable-access-88", "ms-reliable-access-94")
NEW, LISTED, PROCESSED = range(3)
CONTENT, CONTENT_LENGTH, CONTENT_TYPE, CREATION, STATUS, ENTRY_TYPE, ENVELOPE, SEQUENCE, PRIORITY = (
    x413.ATT + str(n) for n in (1, 6, 8, 11, 15, 16, 18, 39, 31))


def bind_argument(address, secret, **options):
    return ber.ctx(16, x413.bind_argument(address, secret, **options))


class Retrieval:
    """Operations of the retrieval port; each gives the PDU of the answer."""

    def retrieve(self, code, argument):
        return self.call(code, argument, MRSE)

    def summarize(self, selected=None, kinds=(), of=None):
        return self.retrieve(20, x413.summarize(selected or x413.selector(), kinds, of))

    def list(self, selected=None, kinds=None, of=None):
        return self.retrieve(21, x413.list_(selected or x413.selector(), wanted(kinds), of))

    def fetch(self, what, kinds=None, of=None):
        return self.retrieve(22, x413.fetch(what, wanted(kinds), of))

    def delete(self, what, of=None):
        return self.retrieve(23, x413.delete(what, of))


class DirectUser(Retrieval, p3.DirectUser):
    pass


class ReliableUser(Retrieval, p3.ReliableUser):
    pass


def wanted(kinds):
    """EntryInformationSelection; None: it is left out, which is not the same as an empty one."""
    return None if kinds is None else x413.selection(*[(kind, None, None) if isinstance(kind, str) else kind for kind in kinds])


def bind(port, context, address, secret, argument=None, **options):
    kind = ReliableUser if context in RELIABLE_CONTEXTS else DirectUser
    user = kind.open(port, context, argument or bind_argument(address, secret, **options))
    user.controls = []
    return user


# --- what is answered, as plain values

def entry(node):
    """(number, {attribute: [values as nodes]}, {attribute: total}) of an EntryInformation."""
    attributes, counts = {}, {}
    for part in list(node)[1:]:
        if part.tag == (ber.UNIVERSAL, 17):
            attributes = {a[0].oid(): list(a[1]) for a in part}
        else:
            counts = {c.get(0)[0].oid(): c.get(1)[0].integer() for c in part[0]}
    return node[0].integer(), attributes, counts


def explicit(node, number):
    """The element within [number], or None."""
    part = node.get(number)
    return part[0] if part else None


def number(node, tag):
    part = explicit(node, tag)
    return None if part is None else part.integer()


def listed(pdu):
    """(next, [entry]) of a list's result."""
    assert pdu[0] == "result", pdu
    entries = explicit(pdu[3], 1)
    return number(pdu[3], 0), [entry(e) for e in entries or ()]


def fetched(pdu):
    """(entry or None, [other numbers], next) of a fetch's result."""
    assert pdu[0] == "result", pdu
    one, others = explicit(pdu[3], 0), explicit(pdu[3], 1)
    return entry(one) if one else None, [n.integer() for n in others or ()], number(pdu[3], 2)


def summarized(pdu):
    """(next, count, (lowest, highest) or None, [(absent, {value octets: count})])."""
    assert pdu[0] == "result", pdu
    span, summaries = explicit(pdu[3], 2), explicit(pdu[3], 3)
    read = []
    for summary in summaries or ():
        present = explicit(summary, 1)
        read.append((number(summary, 0) or 0, {p[1].raw: p[2].integer() for p in present or ()}))
    return number(pdu[3], 0), number(pdu[3], 1), (number(span, 0), number(span, 1)) if span else None, read


def problems(pdu, tag=0):
    """[(problem, the rest of the problem's element)] of an error's parameter."""
    assert pdu[0] == "error", pdu
    return [(p.get(0)[0].integer() if p.get(0) else None, p) for p in explicit(pdu[3], tag)]
