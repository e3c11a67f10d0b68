"""O/R addresses written as /C=GB/A=GOLD/P=ALPHA/O=org/OU1=unit/S=smith/G=ann/ into BER and back."""
from . import ber

# Extension attributes that are plain strings (X.411 Figure 2): number, type.
COMMON_NAME, TELETEX_COMMON_NAME, PDS_NAME, POSTAL_CODE = 1, 2, 7, 9
PERSONAL = [("S", 0), ("G", 1), ("I", 2), ("Q", 3)]


def parse(text):
    """{"C": [..], ...}: every attribute's values in order; DDA:type=value keeps its type in the key."""
    found = {}
    for part in text.strip("/").split("/"):
        key, _, value = part.partition("=")
        key = "DDA:" + key[4:] if key.upper().startswith("DDA:") else key.upper().rstrip("0123456789")
        found.setdefault(key, []).append(value)
    return found


def country(value):
    return ber.app(1, (ber.numeric if value.isdigit() else ber.printable)(value))


def administration(value):
    return ber.app(2, (ber.numeric if value.isdigit() else ber.printable)(value))


def _private(value):
    return (ber.numeric if value.isdigit() else ber.printable)(value)


def standard_attributes(a):
    def one(key, write):
        return write(a[key][0]) if key in a else b""
    personal = b"".join(ber.prim(n, a[key][0].encode()) for key, n in PERSONAL if key in a)
    return ber.seq(
        one("C", country), one("A", administration),
        one("X", lambda v: ber.prim(0, v.encode())), one("T-ID", lambda v: ber.prim(1, v.encode())),
        one("P", lambda v: ber.ctx(2, _private(v))), one("O", lambda v: ber.prim(3, v.encode())),
        one("N-ID", lambda v: ber.prim(4, v.encode())), ber.ctx(5, personal) if personal else b"",
        ber.ctx(6, *map(ber.printable, a["OU"])) if "OU" in a else b"")


def extension_attribute(number, value):
    return ber.seq(ber.prim(0, ber.integer_octets(number)), ber.ctx(1, value))


def or_address_parts(text, extra=()):
    """The components of ORAddress. `extra`: further extension attributes as (number, element)."""
    a = parse(text)
    domain_defined = [ber.seq(ber.printable(key[4:]), ber.printable(value))
                      for key in a if key.startswith("DDA:") for value in a[key]]
    extensions = [extension_attribute(COMMON_NAME, ber.printable(a["CN"][0]))] if "CN" in a else []
    extensions += [extension_attribute(number, value) for number, value in extra]
    return (standard_attributes(a) + (ber.seq(*domain_defined) if domain_defined else b"")
            + (ber.set_(*extensions) if extensions else b""))


def or_address(text):
    return ber.seq(or_address_parts(text))


def or_name(text, extra=(), directory=None):
    """ORName, [APPLICATION 0]. `directory`: the element of a directory name."""
    return ber.app(0, or_address_parts(text, extra), ber.ctx(0, directory) if directory else b"")


def or_name_under(number, text):
    """ORName under an implicit [number], as per-recipient report fields have it."""
    return ber.ctx(number, or_address_parts(text))


def domain(text):
    """GlobalDomainIdentifier from /C=/A=/P=."""
    a = parse(text)
    return ber.app(3, country(a["C"][0]), administration(a["A"][0]), _private(a["P"][0]) if "P" in a else b"")


def read_domain(node):
    parts = [f"C={node.app(1)[0].text()}", f"A={node.app(2)[0].text()}"]
    parts += [f"P={child.text()}" for child in node if child.cls == ber.UNIVERSAL]
    return "/" + "/".join(parts) + "/"


def read_or_name(node):
    """The address in the order C A P O OU S G I Q CN DDA, as text."""
    out = []
    built_in = node[0]
    for child in built_in:
        if child.tag == (ber.APPLICATION, 1):
            out.append("C=" + child[0].text())
        elif child.tag == (ber.APPLICATION, 2):
            out.append("A=" + child[0].text())
        elif child.number in (0, 1, 3, 4):
            out.append({0: "X", 1: "T-ID", 3: "O", 4: "N-ID"}[child.number] + "=" + child.text())
        elif child.number == 2:
            out.append("P=" + child[0].text())
        elif child.number == 5:
            out += [f"{key}={child.get(n).text()}" for key, n in PERSONAL if child.get(n)]
        elif child.number == 6:
            out += [f"OU{i + 1}={unit.text()}" for i, unit in enumerate(child)]
    for part in node.children[1:]:
        if part.tag == (ber.UNIVERSAL, 16):
            out += [f"DDA:{pair[0].text()}={pair[1].text()}" for pair in part]
        elif part.tag == (ber.UNIVERSAL, 17):
            out += [f"CN={item.get(1)[0].text()}" for item in part if item.get(0).integer() == COMMON_NAME]
    return "/" + "/".join(out) + "/"
