"""Basic encoding rules (X.690): a writer of octets and a reader into a tree. Knows no application."""

UNIVERSAL, APPLICATION, CONTEXT, PRIVATE = range(4)


class Broken(ValueError):
    """The octets are not BER."""


# --- writer -------------------------------------------------------------------------------------------------

def identifier(cls, number, constructed):
    first = cls << 6 | (0x20 if constructed else 0)
    if number < 31:
        return bytes([first | number])
    tail = [number & 0x7f]
    while number > 0x7f:
        number >>= 7
        tail.append(0x80 | number & 0x7f)
    return bytes([first | 31]) + bytes(reversed(tail))


def length(count):
    if count < 0x80:
        return bytes([count])
    octets = count.to_bytes((count.bit_length() + 7) // 8, "big")
    return bytes([0x80 | len(octets)]) + octets


def tlv(cls, number, constructed, contents):
    return identifier(cls, number, constructed) + length(len(contents)) + contents


def seq(*parts):
    return tlv(UNIVERSAL, 16, True, b"".join(parts))


def set_(*parts):
    return tlv(UNIVERSAL, 17, True, b"".join(parts))


def ctx(number, *parts):
    """A constructed [number]."""
    return tlv(CONTEXT, number, True, b"".join(parts))


def prim(number, contents):
    """A primitive [number], as implicit tagging makes it."""
    return tlv(CONTEXT, number, False, contents)


def app(number, *parts):
    return tlv(APPLICATION, number, True, b"".join(parts))


def app_prim(number, contents):
    return tlv(APPLICATION, number, False, contents)


def integer_octets(value):
    return value.to_bytes(max(1, (value.bit_length() + 8) // 8), "big", signed=True)


def integer(value):
    return tlv(UNIVERSAL, 2, False, integer_octets(value))


def enumerated(value):
    return tlv(UNIVERSAL, 10, False, integer_octets(value))


def oid_octets(dotted):
    arcs = [int(arc) for arc in dotted.split(".")]
    out = b""
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        group = [arc & 0x7f]
        while arc > 0x7f:
            arc >>= 7
            group.append(0x80 | arc & 0x7f)
        out += bytes(reversed(group))
    return out


def oid(dotted):
    return tlv(UNIVERSAL, 6, False, oid_octets(dotted))


def bits_octets(bits, size=0):
    """The contents of a BIT STRING whose bits named in `bits` are one, at least `size` bits long."""
    count = max([size] + [bit + 1 for bit in bits])
    octets = bytearray((count + 7) // 8)
    for bit in bits:
        octets[bit // 8] |= 0x80 >> bit % 8
    return bytes([len(octets) * 8 - count]) + bytes(octets)


def bits(*numbers, size=0):
    return tlv(UNIVERSAL, 3, False, bits_octets(numbers, size))


def octets(value):
    return tlv(UNIVERSAL, 4, False, value)


def null():
    return b"\x05\x00"


def boolean(value):
    return tlv(UNIVERSAL, 1, False, b"\xff" if value else b"\x00")


def _string(number):
    def write(text):
        return tlv(UNIVERSAL, number, False, text if isinstance(text, bytes) else text.encode("latin-1"))
    return write


utf8, numeric, printable, teletex, ia5, utctime, general_time, visible = map(_string, (12, 18, 19, 20, 22, 23, 24, 26))


def bmp(text):
    return tlv(UNIVERSAL, 30, False, text.encode("utf-16-be"))


def indefinite(element):
    """The same constructed element, each level's length given by end-of-contents octets."""
    node = read(element)
    if not node.constructed:
        return element
    inner = b"".join(indefinite(child.raw) for child in node)
    return identifier(node.cls, node.number, True) + b"\x80" + inner + b"\x00\x00"


# --- reader -------------------------------------------------------------------------------------------------

class Node:
    """One element: its tag, its contents octets or its children, and the octets that it was read from."""

    __slots__ = ("cls", "number", "constructed", "contents", "children", "raw", "offset")

    def __init__(self, cls, number, constructed, offset):
        self.cls, self.number, self.constructed, self.offset = cls, number, constructed, offset
        self.contents = self.raw = b""
        self.children = []

    @property
    def tag(self):
        return (self.cls, self.number)

    def __iter__(self):
        return iter(self.children)

    def __len__(self):
        return len(self.children)

    def __bool__(self):
        return True     # an element that is there, though it has no children

    def __getitem__(self, index):
        return self.children[index]

    def __repr__(self):
        name = {UNIVERSAL: "", APPLICATION: "APPLICATION ", CONTEXT: "", PRIVATE: "PRIVATE "}[self.cls]
        return f"[{name}{self.number}]" + (repr(self.children) if self.constructed else f"={self.contents.hex()}")

    def get(self, number, cls=CONTEXT):
        """The first child with that tag, or None."""
        return next((child for child in self.children if child.tag == (cls, number)), None)

    def app(self, number):
        return self.get(number, APPLICATION)

    def octets(self):
        """The value of a string type, its segments joined."""
        if not self.constructed:
            return self.contents
        return b"".join(child.octets() for child in self.children)

    def text(self):
        return self.octets().decode("latin-1")

    def integer(self):
        return int.from_bytes(self.contents, "big", signed=True)

    def bits(self):
        """The numbers of the bits that are one."""
        value = self.octets()[1:]
        return {i for i in range(len(value) * 8) if value[i // 8] & 0x80 >> i % 8}

    def oid(self):
        arcs, value = [], 0
        for octet in self.contents:
            value = value << 7 | octet & 0x7f
            if not octet & 0x80:
                arcs.append(value)
                value = 0
        first = min(arcs[0] // 40, 2)
        return ".".join(map(str, [first, arcs[0] - 40 * first] + arcs[1:]))


def _header(data, at):
    """The identifier and length at `at`: class, number, constructed, length or None, where the contents begin."""
    start = data[at]
    at += 1
    number = start & 31
    if number == 31:
        number = 0
        while True:
            number = number << 7 | data[at] & 0x7f
            at += 1
            if not data[at - 1] & 0x80:
                break
    size = data[at]
    at += 1
    if size == 0x80:
        size = None
    elif size > 0x80:
        count = size & 0x7f
        if at + count > len(data):
            raise Broken(f"the length at {at} is cut off")
        size = int.from_bytes(data[at:at + count], "big")
        at += count
    return start >> 6, number, bool(start & 0x20), size, at


def _read(data, at, limit, depth):
    try:
        cls, number, constructed, size, inner = _header(data, at)
    except IndexError:
        raise Broken(f"the element at {at} is cut off") from None
    node = Node(cls, number, constructed, at)
    if depth > 200:
        raise Broken(f"nested too deeply at {at}")
    if size is None and not constructed:
        raise Broken(f"indefinite length of a primitive at {at}")
    end = limit if size is None else inner + size
    if end > limit:
        raise Broken(f"the element at {at} has {size} octets, {limit - inner} are there")
    here = inner
    while constructed and (size is None or here < end):
        if size is None and data[here:here + 2] == b"\0\0":
            break
        child, here = _read(data, here, end, depth + 1)
        node.children.append(child)
    node.contents = data[inner:here if constructed else end]
    stop = here + 2 if size is None else end
    node.raw = data[at:stop]
    return node, stop


def read_first(data):
    """The first element of `data` and the octets after it."""
    data = bytes(data)
    node, end = _read(data, 0, len(data), 0)
    return node, data[end:]


def read(data):
    """The one element that `data` is. Raises Broken when there is more or less."""
    node, rest = read_first(data)
    if rest:
        raise Broken(f"{len(rest)} octets after the element")
    return node
