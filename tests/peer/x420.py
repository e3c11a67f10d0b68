"""A reader of interpersonal messages (X.420), heading and body, into plain values: the judge of what a user agent wrote."""
from . import ber, names

IMPORTANCES = {0: "low", 1: "normal", 2: "high"}
SENSITIVITIES = {1: "personal", 2: "private", 3: "company-confidential"}
REQUESTS = {0: "rn", 1: "nrn", 2: "ipm-return", 3: "an-supported", 4: "suppress-an"}
AUTO_SUBMITTED = {0: "not-auto-submitted", 1: "auto-generated", 2: "auto-replied"}


def wide(node):
    """A SET with two-octets BMPString or four-octets UniversalString."""
    one = node[0]
    return one.octets().decode({30: "utf-16-be", 28: "utf-32-be"}[one.number])


def descriptor(node):
    """ORDescriptor, whatever its tag."""
    out = {}
    for part in node:
        if part.tag == (ber.APPLICATION, 0):
            out["address"] = names.read_or_name(part).rstrip("/")
        elif part.number == 0:
            out["name"] = part.octets()
        elif part.number == 1:
            out["telephone"] = part.text()
    return out


def recipient(node):
    out = descriptor(node.get(0))
    if node.get(1):
        out["requests"] = {REQUESTS[bit] for bit in node.get(1).bits()}
    if node.get(2):
        out["reply"] = node.get(2).contents != b"\0"
    for extension in node.get(3) or ():
        kind = extension[0].oid()
        out[{"2.6.1.20.0": "circulation", "2.6.1.20.1": "precedence"}.get(kind, kind)] = \
            extension[1].integer() if len(extension) > 1 and extension[1].number == 2 else True
    return out


def identifier(node):
    """(user or None, local part)"""
    user = node.app(0)
    return (names.read_or_name(user).rstrip("/") if user else None, node.get(19, ber.UNIVERSAL).text())


def checkmark(node):
    kind = {5: "simple", 24: "timestamped", 16: "signed"}[node.number]
    return node.text() if kind == "timestamped" else kind


def circulation(value):
    return [{**recipient(next(part for part in member if part.number == 17)),
             **{"checked": checkmark(part) for part in member if part.number != 17}} for member in value]


def codes(value):
    out = []
    for code in value:
        found = {}
        for part in code:
            if part.tag == (ber.UNIVERSAL, 6):
                found["oid"] = part.oid()
            elif part.tag == (ber.UNIVERSAL, 17):
                found["text"] = wide(part)
            else:
                found["user"] = descriptor(part)
        out.append(found)
    return out


def categories(value):
    return [{("oid", "text")[part.number]: part.oid() if part.number == 0 else wide(part) for part in category}
            for category in value]


EXTENSIONS = {
    0: ("incomplete-copy", lambda value: True), 1: ("languages", lambda value: [part.text() for part in value]),
    2: ("auto-submitted", lambda value: AUTO_SUBMITTED[value.integer()]),
    5: ("authorization-time", lambda value: value.text()), 6: ("circulation-list", circulation),
    7: ("distribution-codes", codes), 8: ("extended-subject", wide), 9: ("information-categories", categories),
    10: ("manual-handling", lambda value: [wide(part) for part in value]), 11: ("originators-reference", wide),
    12: ("precedence-policy", lambda value: value.oid())}

FIELDS = {
    0: ("originator", descriptor), 1: ("authorizing-users", lambda node: list(map(descriptor, node))),
    2: ("to", lambda node: list(map(recipient, node))), 3: ("cc", lambda node: list(map(recipient, node))),
    4: ("bcc", lambda node: list(map(recipient, node))), 5: ("replied-to", identifier),
    6: ("obsoleted", lambda node: list(map(identifier, node))), 7: ("related", lambda node: list(map(identifier, node))),
    8: ("subject", lambda node: node[0].octets()), 9: ("expiry", lambda node: node.text()),
    10: ("reply-by", lambda node: node.text()), 11: ("reply-to", lambda node: list(map(descriptor, node))),
    12: ("importance", lambda node: IMPORTANCES[node.integer()]),
    13: ("sensitivity", lambda node: SENSITIVITIES[node.integer()]),
    14: ("auto-forwarded", lambda node: node.contents != b"\0")}


def heading(node):
    """The fields that are there."""
    out = {}
    for field in node:
        if field.cls == ber.APPLICATION:
            out["this-IPM"] = identifier(field)
        elif field.number == 15:
            for extension in field:
                name, read = EXTENSIONS[int(extension[0].oid().removeprefix("2.6.1.5."))]
                out[name] = read(extension[1] if len(extension) > 1 else None)
        else:
            name, read = FIELDS[field.number]
            out[name] = read(field)
    return out


def ipm(content):
    """(heading, [body parts as nodes]) of a content's octets."""
    node = ber.read(content)
    if node.tag != (ber.CONTEXT, 0):
        raise ber.Broken("no interpersonal message")
    return heading(node[0]), list(node[1])


# --- body parts

def external(node):
    """(direct reference, how the value is encoded, the value) of an EXTERNAL, whatever its tag."""
    return node[0].oid(), node[1].number, node[1][0] if node[1].number == 0 else node[1].octets()


def date(node):
    return node[0].text() if node and node[0].number == 1 else None


def file_parameters(node):
    out = {}
    environment, attributes = node.get(2), node.get(4)
    if environment:
        out["application"] = environment.get(0)[0].oid()
    if attributes:
        out["path"] = [part.octets() for part in attributes.get(0) or ()]
        out["created"], out["modified"] = date(attributes.get(4)), date(attributes.get(5))
        out["size"] = attributes.get(13)[0].integer()
    return out


def part(node):
    """(kind, parameters, data) of a BodyPart."""
    if node.number == 15:
        parameters = node.get(0)
        kind, encoding, data = external(node.get(8, ber.UNIVERSAL))
        short = kind.removeprefix("2.6.1.4.") if kind.startswith("2.6.1.4.") else kind
        value = external(parameters)[2] if parameters else None
        if short == "12":
            return "file", file_parameters(value), external(data[0])
        if short == "11":
            return "general-text", sorted(number.integer() for number in value), data.octets()
        return {"14": "report", "15": "notification", "16": "voice"}.get(short, kind), value, \
            data if encoding == 0 else (encoding, data)
    kind = {0: "ia5-text", 3: "g3-facsimile", 5: "teletex", 6: "videotex", 7: "national", 8: "encrypted", 9: "message",
            14: "bilateral"}[node.number]
    if kind == "bilateral":
        return kind, None, node.octets()
    if kind == "national":
        return kind, None, node[0]
    return kind, node[0], node[1]
