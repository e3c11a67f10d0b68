"""MTS-APDUs of X.411: messages with every extension, probes and reports; and what a play reads in them."""
import time

from . import ber, names

NORMAL, NON_URGENT, URGENT = 0, 1, 2
P2, P22 = 2, 22
FOR_SUBMISSION, FOR_TRANSFER, FOR_DELIVERY = 0, 1, 2
RESPONSIBILITY, MTA_REPORT, MTA_NON_DELIVERY, ORIGINATOR_REPORT, ORIGINATOR_NON_DELIVERY = range(5)
DISCLOSURE, IMPLICIT_CONVERSION_PROHIBITED, ALTERNATE_ALLOWED, RETURN_CONTENT = range(4)
ONE_RECIPIENT = (RESPONSIBILITY, MTA_NON_DELIVERY, ORIGINATOR_NON_DELIVERY)
REPORTED = (RESPONSIBILITY, MTA_REPORT, ORIGINATOR_REPORT)


def now(offset=0):
    return time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + offset))


def mts_identifier(domain, local):
    return ber.app(4, names.domain(domain), ber.ia5(local))


def trace(*elements):
    """TraceInformation of (domain, arrival time, options): options are routing_action, attempted, deferred, actions."""
    return ber.app(9, *[_trace_element(*element) for element in elements])


def _supplied(arrival, options):
    return ber.set_(
        ber.prim(0, arrival.encode()), ber.prim(2, bytes([options.get("routing_action", 0)])),
        options.get("attempted", b""),
        ber.prim(1, options["deferred"].encode()) if "deferred" in options else b"",
        ber.prim(3, ber.bits_octets(options["actions"])) if "actions" in options else b"")


def _trace_element(domain, arrival, options=None):
    options = dict(options or {})
    if "attempted" in options:
        options["attempted"] = names.domain(options["attempted"])
    return ber.seq(names.domain(domain), _supplied(arrival, options))


def internal_trace(*elements):
    """Elements are (domain, MTA name, arrival time)."""
    return ber.seq(*[ber.seq(names.domain(domain), ber.ia5(mta), _supplied(arrival, {}))
                     for domain, mta, arrival in elements])


def extension(kind, value=None, critical=(), old_form=False):
    """An ExtensionField: `kind` a number of a standard one or an OID; `old_form` writes the type as an older
    implementation does, as an INTEGER under an explicit [0]."""
    if isinstance(kind, str):
        tag = ber.prim(3, ber.oid_octets(kind))
    else:
        tag = ber.ctx(0, ber.integer(kind)) if old_form else ber.prim(0, ber.integer_octets(kind))
    return ber.seq(tag, ber.prim(1, ber.bits_octets(critical)) if critical else b"",
                   ber.ctx(2, value) if value is not None else b"")


def recipient(address, number=1, indicators=ONE_RECIPIENT, conversion=None, extensions=(), extra=(), directory=None):
    """PerRecipientMessageTransferFields (and those of a probe)."""
    return ber.set_(names.or_name(address, extra, directory), ber.prim(0, ber.integer_octets(number)),
                    ber.prim(1, ber.bits_octets(indicators, 8)),
                    ber.prim(2, ber.integer_octets(conversion)) if conversion is not None else b"",
                    ber.ctx(3, *extensions) if extensions else b"")


def encoded_types(*bits, extended=()):
    return ber.app(5, ber.prim(0, ber.bits_octets(bits)),
                   ber.ctx(4, *map(ber.oid, extended)) if extended else b"")


def _content_type(kind):
    return ber.oid(kind) if isinstance(kind, str) else ber.app_prim(6, ber.integer_octets(kind))


def _per_message(domain, local, originator, options):
    """The fields that messages and probes share, in the order of X.411 Figure 4; options are keyword arguments."""
    o = options
    return [
        mts_identifier(domain, local), names.or_name(originator),
        o["eits"] if o.get("eits") is not None else encoded_types(2),
        _content_type(o.get("content_type", P22)),
        ber.app_prim(10, o["content_identifier"].encode()) if "content_identifier" in o else b"",
        ber.prim(0, ber.integer_octets(o["content_length"])) if "content_length" in o else b"",
        ber.app_prim(7, bytes([o["priority"]])) if "priority" in o else b"",
        ber.app_prim(8, ber.bits_octets(o["indicators"], 8)) if "indicators" in o else b"",
        ber.prim(0, o["deferred"].encode()) if "deferred" in o else b"",
        ber.ctx(1, *o["bilateral"]) if "bilateral" in o else b"",
        o["trace"] if "trace" in o else trace((domain, now())),
        ber.ctx(3, *o["extensions"]) if o.get("extensions") else b""]


def message(domain, local, originator, recipients, content, **options):
    """A message transfer APDU. `recipients`: elements made by recipient(), or addresses. `content`: octets, or a
    whole element when it is a tuple (for constructed strings)."""
    recipients = [recipient(r, i + 1) if isinstance(r, str) else r for i, r in enumerate(recipients)]
    envelope = ber.set_(*_per_message(domain, local, originator, options), ber.ctx(2, *recipients))
    return ber.ctx(0, envelope, content[0] if isinstance(content, tuple) else ber.octets(content))


def probe(domain, local, originator, recipients, **options):
    recipients = [recipient(r, i + 1, REPORTED) if isinstance(r, str) else r for i, r in enumerate(recipients)]
    return ber.ctx(2, *_per_message(domain, local, originator, options), ber.ctx(2, *recipients))


def bilateral(domain, value):
    a = names.parse(domain)
    private = ber.seq(ber.ctx(0, ber.printable(a["A"][0])), ber.ctx(1, ber.printable(a["P"][0]))) if "P" in a else \
        names.administration(a["A"][0])
    return ber.seq(names.country(a["C"][0]), private, value)


def report(domain, local, destination, subject, recipients, **options):
    """A report APDU. `subject`: (domain, local identifier); `recipients`: made by reported()."""
    o = options
    envelope = ber.set_(mts_identifier(domain, local), names.or_name(destination),
                        o["trace"] if "trace" in o else trace((domain, now())),
                        ber.ctx(1, *o["envelope_extensions"]) if o.get("envelope_extensions") else b"")
    content = ber.set_(
        mts_identifier(*subject), o.get("intermediate", b""), encoded_types(2),
        _content_type(o.get("content_type", P22)),
        ber.app_prim(10, o["content_identifier"].encode()) if "content_identifier" in o else b"",
        ber.prim(1, o["returned"]) if "returned" in o else b"",
        ber.ctx(3, *o["extensions"]) if o.get("extensions") else b"", ber.ctx(0, *recipients))
    return ber.ctx(1, envelope, content)


def reported(address, number=1, delivered=None, reason=1, diagnostic=None, indicators=REPORTED, arrival=None,
             intended=None, supplementary=None, extensions=()):
    """PerRecipientReportTransferFields: a delivery at the time `delivered`, else a non-delivery."""
    if delivered:
        kind = ber.ctx(0, ber.prim(0, delivered.encode()))
    else:
        kind = ber.ctx(1, ber.prim(0, ber.integer_octets(reason)),
                       ber.prim(1, ber.integer_octets(diagnostic)) if diagnostic is not None else b"")
    return ber.set_(names.or_name_under(0, address), ber.prim(1, ber.integer_octets(number)),
                    ber.prim(2, ber.bits_octets(indicators, 8)),
                    ber.ctx(3, ber.prim(0, (arrival or now()).encode()), ber.ctx(1, kind)),
                    names.or_name_under(4, intended) if intended else b"",
                    ber.prim(5, supplementary.encode()) if supplementary else b"",
                    ber.ctx(6, *extensions) if extensions else b"")


# --- reading

def read_identifier(node):
    return names.read_domain(node.app(3)), next(c.text() for c in node if c.cls == ber.UNIVERSAL)


def read_trace(node):
    return [{"domain": names.read_domain(element[0]), "arrival": element[1].get(0).text(),
             "action": element[1].get(2).integer(),
             "actions": element[1].get(3).bits() if element[1].get(3) else set()} for element in node]


def read_extensions(node):
    """{number or OID: (criticality bits, value node or None)}; the older form of the type is read too."""
    found = {}
    for field in node or []:
        kind = field[0]
        if kind.number == 3:
            key = kind.oid()
        else:
            key = (kind[0] if kind.constructed else kind).integer()
        value = field.get(2)
        found[key] = (field.get(1).bits() if field.get(1) else set(), value[0] if value else None)
    return found


class Received:
    """A received MTS-APDU. kind: "message", "probe" or "report"."""

    def __init__(self, octets):
        node = ber.read(octets)
        self.node, self.octets = node, octets
        self.kind = {0: "message", 1: "report", 2: "probe"}[node.number]
        self.envelope = node if self.kind == "probe" else node[0]
        self.identifier = read_identifier(self.envelope.app(4))
        self.trace = read_trace(self.envelope.app(9))
        if self.kind == "report":
            self._read_report(node[1])
        else:
            self._read_message(node)

    def _read_message(self, node):
        e = self.envelope
        self.content = node[1].octets() if self.kind == "message" else None
        self.originator = names.read_or_name(e.app(0))
        kind = e.app(6)
        self.content_type = kind.integer() if kind else e.get(6, ber.UNIVERSAL).oid()
        self.priority = e.app(7).integer() if e.app(7) else NORMAL
        self.indicators = e.app(8).bits() if e.app(8) else set()
        self.content_identifier = e.app(10).text() if e.app(10) else None
        self.deferred = e.get(0).text() if e.get(0) and self.kind == "message" else None
        self.extensions = read_extensions(e.get(3))
        self.recipients = [{"name": names.read_or_name(r.app(0)), "number": r.get(0).integer(),
                            "indicators": r.get(1).bits(), "extensions": read_extensions(r.get(3))}
                           for r in e.get(2)]

    def _read_report(self, content):
        self.destination = names.read_or_name(self.envelope.app(0))
        self.extensions = read_extensions(self.envelope.get(1))
        self.subject = read_identifier(content.app(4))
        self.content_extensions = read_extensions(content.get(3))
        self.content_identifier = content.app(10).text() if content.app(10) else None
        self.returned = content.get(1).octets() if content.get(1) else None
        self.recipients = [self._read_reported(r) for r in content.get(0)]

    @staticmethod
    def _read_reported(r):
        kind = r.get(3).get(1)[0]
        out = {"name": names.read_or_name(r.get(0)), "number": r.get(1).integer(), "indicators": r.get(2).bits(),
               "delivered": None, "reason": None, "diagnostic": None,
               "intended": names.read_or_name(r.get(4)) if r.get(4) else None,
               "extensions": read_extensions(r.get(6))}
        if kind.number == 0:
            out["delivered"] = kind.get(0).text()
        else:
            out["reason"] = kind.get(0).integer()
            out["diagnostic"] = kind.get(1).integer() if kind.get(1) else None
        return out
