"""Octets of BER that were right, with some values made wrong by chance."""


def leaves(octets, at=0, end=None):
    """(place, length) of the contents of each primitive within the octets, all of definite lengths."""
    end = len(octets) if end is None else end
    while at < end:
        tag, size, head = octets[at], octets[at + 1], 2
        while tag & 0x1F == 0x1F and octets[at + head - 1] & 0x80:
            head += 1
        size = octets[at + head - 1]
        if size & 0x80:
            count = size & 0x7F
            size = int.from_bytes(octets[at + head:at + head + count], "big")
            head += count
        if tag & 0x20:
            yield from leaves(octets, at + head, at + head + size)
        elif size:
            yield at + head, size
        at += head + size


def spoil(dice, apdu):
    """`apdu` by the random.Random `dice`: some values become others of the same length, some tags others."""
    octets = bytearray(apdu)
    places = list(leaves(apdu))
    for at, size in dice.sample(places, dice.choice([1, 1, 2, 5])):
        octets[at:at + size] = dice.choice([dice.randbytes(size), b"\0" * size, b"\xff" * size, b" " * size, b"9" * size])
        if dice.random() < 0.2:
            octets[at - 2] ^= 1 << dice.randrange(5)
    return bytes(octets)
