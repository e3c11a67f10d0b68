"""P7 (X.413, X.419) as an independent writer: binds, operations, results and errors in BER. Tags are explicit, but those
of what X.411 defines. Values are plain Python: numbers, text, dotted object identifiers, elements made by `ber`."""
from . import ber, names

OPERATIONS = {"ms-submission-control": 2, "ms-message-submission": 3, "ms-probe-submission": 4,
              "ms-cancel-deferred-delivery": 7, "summarize": 20, "list": 21, "fetch": 22, "delete": 23, "register-ms": 24,
              "alert": 25, "modify": 26}
ERRORS = {"attribute-error": 21, "auto-action-request-error": 22, "delete-error": 23, "fetch-restriction-error": 24,
          "range-error": 25, "ms-security-error": 26, "service-error": 27, "sequence-number-error": 28,
          "invalid-parameters-error": 29, "message-group-error": 30, "ms-extension-error": 31, "register-ms-error": 32,
          "modify-error": 33, "entry-class-error": 34}
DELIVERY, SUBMISSION, DRAFT, STORED_MESSAGE, DELIVERY_LOG, SUBMISSION_LOG, MESSAGE_LOG, AUTO_ACTION_LOG = range(8)
ATT, ACT, MR, EXT = "2.6.4.3.", "2.6.4.4.", "2.6.4.8.", "2.6.4.9."
HAT, IPM_MR, AA = "2.6.1.7.", "2.6.1.14.", "2.6.1.15."


def number(tag, value):
    return ber.ctx(tag, ber.integer(value))


def optional(tag, element):
    return b"" if element is None else ber.ctx(tag, element)


def oids(write, *dotted):
    return write(*map(ber.oid, dotted))


def numbers(write, *values):
    return write(*map(ber.integer, values))


def general(text):
    return ber.tlv(ber.UNIVERSAL, 27, False, text.encode("latin-1"))


# --- common

def attribute(kind, *values):
    return ber.seq(ber.oid(kind), ber.seq(*values))


def ordered(kind, *values):
    """OrderedAttribute; a value is (element or None, position or None)."""
    return ber.seq(ber.oid(kind), ber.seq(*[
        ber.seq(optional(0, value), b"" if place is None else number(1, place)) for value, place in values]))


def extension(kind, value):
    """INSTANCE OF MS-EXTENSION"""
    return ber.tlv(ber.UNIVERSAL, 8, True, ber.oid(kind) + ber.ctx(0, value))


def extensions(*items):
    return ber.seq(*items)


def number_range(first=None, last=None):
    return ber.ctx(0, ber.seq(b"" if first is None else number(0, first), b"" if last is None else number(1, last)))


def time_range(first=None, last=None):
    return ber.ctx(1, ber.seq(b"" if first is None else ber.ctx(0, ber.utctime(first)),
                              b"" if last is None else ber.ctx(1, ber.utctime(last))))


def item(tag, *parts):
    return ber.ctx(0, ber.ctx(tag, *parts))


def equality(kind, value):
    return item(0, ber.seq(ber.oid(kind), value))


def substrings(kind, *parts):
    """Parts are (0 initial, 1 any, 2 final; element)."""
    return item(1, ber.seq(ber.oid(kind), ber.seq(*[ber.ctx(tag, value) for tag, value in parts])))


def at_least(kind, value):
    return item(2, ber.seq(ber.oid(kind), value))


def at_most(kind, value):
    return item(3, ber.seq(ber.oid(kind), value))


def present(kind):
    return item(4, ber.oid(kind))


def approximate(kind, value):
    return item(5, ber.seq(ber.oid(kind), value))


def other_match(rule, kind, value):
    return item(6, ber.seq(ber.ctx(0, ber.oid(rule)), ber.ctx(1, ber.oid(kind)), ber.ctx(2, value)))


def all_of(*filters):
    return ber.ctx(1, ber.set_(*filters))


def any_of(*filters):
    return ber.ctx(2, ber.set_(*filters))


def none_of(one):
    return ber.ctx(3, one)


def selector(children=None, span=None, by=None, limit=None, override=None):
    return ber.set_(b"" if children is None else ber.ctx(0, ber.boolean(children)), optional(1, span), optional(2, by),
                    b"" if limit is None else number(3, limit),
                    b"" if override is None else ber.ctx(4, ber.bits(*override)))


def selection(*kinds):
    """EntryInformationSelection of (attribute type, from or None, count or None)."""
    return ber.set_(*[ber.set_(ber.oid(kind), b"" if first is None else number(0, first),
                               b"" if count is None else number(1, count)) for kind, first, count in kinds])


def entry(sequence_number, *attributes, exceeded=()):
    return ber.seq(ber.integer(sequence_number), ber.set_(*attributes) if attributes else b"",
                   ber.ctx(0, ber.set_(*[ber.seq(ber.ctx(0, ber.oid(kind)), number(1, total)) for kind, total in exceeded]))
                   if exceeded else b"")


def group(*parts):
    return ber.seq(*map(general, parts))


def submission_options(entry_class=None, no_auto_modify=None, groups=(), extra=None):
    return ber.set_(b"" if entry_class is None else number(0, entry_class),
                    b"" if no_auto_modify is None else ber.ctx(1, ber.boolean(no_auto_modify)),
                    ber.ctx(2, ber.set_(*groups)) if groups else b"", optional(3, extra))


def submission_results(created=None, entry_of_log=None, extra=None):
    return ber.set_(b"" if created is None else number(0, created),
                    b"" if entry_of_log is None else ber.ctx(1, number(1, entry_of_log)), optional(2, extra))


# --- bind

def bind_argument(user, password, restrictions=None, configuration=None, identifier=None, extra=None, context=None):
    """`context`: a security context of this label."""
    return ber.set_(names.or_name(user), ber.ctx(2, ber.ia5(password)),
                    optional(3, context), optional(4, restrictions),
                    b"" if configuration is None else ber.ctx(5, ber.boolean(configuration)),
                    b"" if identifier is None else ber.ctx(6, ber.printable(identifier)), optional(7, extra))


def restrictions(content_types=(), eits=(), length=None):
    return ber.set_(ber.ctx(0, oids(ber.set_, *content_types)) if content_types else b"",
                    ber.ctx(1, oids(ber.set_, *eits)) if eits else b"", b"" if length is None else number(2, length))


def bind_result(password, *parts):
    """Parts are elements made by ber.ctx, in the order of their tags."""
    return ber.set_(ber.ctx(2, ber.ia5(password)), *parts)


def bind_error(problem, text=None, failing=()):
    """Of 1988 where nothing but the problem is told."""
    if text is None and not failing:
        return ber.enumerated(problem)
    return ber.set_(ber.ctx(0, ber.enumerated(problem)), b"" if text is None else ber.ctx(1, general(text)),
                    ber.ctx(2, oids(ber.set_, *failing)) if failing else b"")


# --- operations

def entry_class(value):
    return b"" if value is None else number(0, value)


def summarize(selected, kinds=(), of=None):
    return ber.set_(entry_class(of), ber.ctx(1, selected), ber.ctx(2, oids(ber.seq, *kinds)) if kinds else b"")


def list_(selected, wanted=None, of=None):
    return ber.set_(entry_class(of), ber.ctx(1, selected), optional(3, wanted))


def fetch(what, wanted=None, of=None):
    """`what`: a sequence number, or a selector."""
    chosen = number(2, what) if isinstance(what, int) else ber.ctx(1, what)
    return ber.set_(entry_class(of), chosen, optional(3, wanted))


def delete(what, of=None):
    """`what`: a list of sequence numbers, or a selector."""
    chosen = ber.ctx(2, numbers(ber.set_, *what)) if isinstance(what, list) else ber.ctx(1, what)
    return ber.set_(entry_class(of), chosen)


def modify(what, *modifications, of=None):
    """Modifications are made by modification()."""
    chosen = ber.ctx(2, numbers(ber.seq, *what)) if isinstance(what, list) else ber.ctx(1, what)
    return ber.set_(entry_class(of), chosen, ber.ctx(3, ber.seq(*modifications)))


def modification(tag, element, strict=None):
    """Tags: 1 add-attribute, 2 remove-attribute, 3 add-values, 4 remove-values."""
    return ber.set_(b"" if strict is None else ber.ctx(0, ber.boolean(strict)), ber.ctx(tag, element))


def registration(kind, parameter=None, identifier=None):
    return ber.seq(ber.oid(kind), b"" if identifier is None else number(0, identifier), optional(1, parameter))


def alert(identifier, new_entry=None):
    return ber.set_(number(0, identifier), optional(2, new_entry))


def recipient(address):
    """PerRecipientMessageSubmissionFields"""
    return ber.set_(names.or_name(address), ber.prim(0, ber.bits_octets((3, 4))))


def message_envelope(originator, *recipients):
    return ber.set_(names.or_name(originator), ber.app_prim(6, b"\x16"), ber.ctx(1, *map(recipient, recipients)))


def message_submission(originator, recipients, content, options=None):
    return ber.seq(message_envelope(originator, *recipients), ber.octets(content), optional(4, options))


def probe_submission(originator, recipients, options=None):
    return ber.set_(names.or_name(originator), ber.app_prim(6, b"\x16"), ber.ctx(3, *map(recipient, recipients)),
                    optional(4, options))


def submission_result(identifier, time, results=None):
    """Of a message or a probe, from the MTS."""
    return ber.set_(identifier, ber.prim(0, time.encode()), optional(4, results))


# --- errors

def problems(tag, *items):
    return ber.set_(ber.ctx(tag, ber.set_(*items)))


def problem(code, *rest):
    return ber.set_(number(0, code), *rest)
