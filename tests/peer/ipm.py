"""Interpersonal messages of X.420 and, for content type 2, of X.420 (1984): enough for a play."""
from . import ber, names


def _descriptor(number, address):
    return ber.ctx(number, names.or_name(address))


def recipient(address, notify=()):
    return ber.set_(_descriptor(0, address), ber.prim(1, ber.bits_octets(notify)) if notify else b"")


def text(body):
    """ia5-text body part, [0]: parameters with the repertoire, then the data."""
    return ber.ctx(0, ber.set_(ber.prim(0, b"\5")), ber.ia5(body))


def external(oid, number, octets):
    """EXTERNAL: a direct reference, and single-ASN1-type [0], octet-aligned [1] or arbitrary [2]."""
    return ber.tlv(ber.UNIVERSAL, 8, True, ber.oid(oid) + ber.tlv(ber.CONTEXT, number, number == 0, octets))


def extended(oid, parameters, data):
    """externally-defined [15]: parameters [0] IMPLICIT EXTERNAL (2.6.1.11.n), data EXTERNAL (2.6.1.4.n)."""
    return ber.ctx(15, ber.ctx(0, ber.oid(f"2.6.1.11.{oid}"), ber.ctx(0, parameters)), data)


def file_part(name, octets, encoding=1):
    """The file-transfer body part; its octets are octet-aligned, or with encoding 2 arbitrary."""
    path = ber.ctx(4, ber.ctx(0, ber.tlv(ber.UNIVERSAL, 25, False, name.encode())))
    contents = external("2.6.1.4.12", encoding, (b"\0" if encoding == 2 else b"") + octets)
    return extended(12, ber.seq(path), external("2.6.1.4.12", 0, ber.seq(contents)))


def general_text(sets, octets):
    """The registrations of its character sets, and a GeneralString."""
    return extended(11, ber.set_(*(ber.integer(n) for n in sets)),
                    external("2.6.1.4.11", 0, ber.tlv(ber.UNIVERSAL, 27, False, octets)))


def teletex(*pages):
    """[5]: the number of pages, and each a TeletexString."""
    return ber.ctx(5, ber.set_(ber.prim(0, ber.integer_octets(len(pages)))),
                   ber.seq(*(ber.tlv(ber.UNIVERSAL, 20, False, page) for page in pages)))


def ipm(identifier, originator, recipients, subject, *parts):
    """The content octets of an IPM. `recipients`: addresses, or elements made by recipient()."""
    to = [recipient(r) if isinstance(r, str) else r for r in recipients]
    heading = ber.set_(ber.app(11, ber.printable(identifier)), _descriptor(0, originator), ber.ctx(2, *to),
                       ber.ctx(8, ber.teletex(subject)))
    return ber.ctx(0, heading, ber.seq(*parts))


def filler(octets):
    """An ia5 text part whose text has that many octets, in lines."""
    line = b"The quick brown fox jumps over the lazy dog, line after line of it.\r\n"
    return text((line * (octets // len(line) + 1))[:octets])
