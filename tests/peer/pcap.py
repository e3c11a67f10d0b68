"""Capture files, pcap and pcapng: read the TCP payloads of one, write one from octets that were logged."""
import struct

ETHERNET, RAW_IP, LOOPBACK = 1, 101, 0


def _read_pcapng(data):
    """The enhanced packet blocks of a pcapng file."""
    at, links, packets, order = 0, [], [], "<"
    while at + 12 <= len(data):
        if data[at:at + 4] == b"\x0a\x0d\x0d\x0a":
            order = "<" if data[at + 8:at + 12] == b"\x4d\x3c\x2b\x1a" else ">"
            links = []
        kind, size = struct.unpack(order + "II", data[at:at + 8])
        if kind == 1:
            links.append(struct.unpack(order + "H", data[at + 8:at + 10])[0])
        elif kind == 6:
            interface, _, _, captured = struct.unpack(order + "IIII", data[at + 8:at + 24])
            packets.append((links[interface], data[at + 28:at + 28 + captured]))
        at += size
    return packets


def read_packets(path):
    """The frames of a pcap file (either byte order) or a pcapng file as (link type, octets)."""
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] == b"\x0a\x0d\x0d\x0a":
        return _read_pcapng(data)
    order = "<" if data[:4] in (b"\xd4\xc3\xb2\xa1", b"\x4d\x3c\xb2\xa1") else ">"
    link = struct.unpack(order + "I", data[20:24])[0]
    at, packets = 24, []
    while at + 16 <= len(data):
        size = struct.unpack(order + "I", data[at + 8:at + 12])[0]
        packets.append((link, data[at + 16:at + 16 + size]))
        at += 16 + size
    return packets


def read_segments(path):
    """The TCP segments that begin a connection or hold data: (source port, destination port, SYN alone?, sequence
    number, payload)."""
    segments = []
    for link, frame in read_packets(path):
        packet = frame[14:] if link == ETHERNET else frame
        header = (packet[0] & 15) * 4
        total = struct.unpack(">H", packet[2:4])[0]
        tcp = packet[header:total]
        if packet[9] != 6:
            continue
        source, destination, sequence = struct.unpack(">HHI", tcp[:8])
        opens, payload = tcp[13] & 0x12 == 0x02, tcp[(tcp[12] >> 4) * 4:]
        if payload or opens:
            segments.append((source, destination, opens, sequence, payload))
    return segments


def read_conversations(path):
    """Every connection: (server port, [(from client?, octets)]) in the order of the capture, repeats dropped."""
    found, current, seen = [], {}, set()
    for source, destination, opens, sequence, payload in read_segments(path):
        if opens or not {(source, destination), (destination, source)} & set(current):
            current[source, destination] = []
            found.append((destination, current[source, destination]))
            seen.clear()
        if not payload or (source, destination, sequence) in seen:
            continue
        seen.add((source, destination, sequence))
        client = (source, destination) in current
        current[(source, destination) if client else (destination, source)].append((client, payload))
    return found


def _sum(data):
    if len(data) % 2:
        data += b"\0"
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


class Writer:
    """Writes conversations of logged octets as TCP over IPv4, one after another."""

    def __init__(self, path):
        self.file = open(path, "wb")
        self.file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, RAW_IP))
        self.clock = 1_700_000_000.0
        self.client = 40000

    def _packet(self, source, destination, sequence, acknowledged, flags, payload=b""):
        tcp = struct.pack(">HHIIBBHHH", source, destination, sequence & 0xFFFFFFFF, acknowledged & 0xFFFFFFFF,
                          5 << 4, flags, 65535, 0, 0) + payload
        ip = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(tcp), 0, 0x4000, 64, 6, 0, b"\x7f\0\0\1", b"\x7f\0\0\1")
        ip = ip[:10] + struct.pack(">H", _sum(ip)) + ip[12:]
        self.clock += 0.0001
        seconds = int(self.clock)
        self.file.write(struct.pack("<IIII", seconds, int((self.clock - seconds) * 1e6), len(ip) + len(tcp),
                                    len(ip) + len(tcp)) + ip + tcp)

    def conversation(self, log, port=102):
        """`log`: (sent by the client?, octets) in order."""
        self.client += 1
        here, there = 1000, 5000
        self._packet(self.client, port, here, 0, 0x02)
        self._packet(port, self.client, there, here + 1, 0x12)
        here, there = here + 1, there + 1
        self._packet(self.client, port, here, there, 0x10)
        for sent, octets in log:
            for i in range(0, len(octets), 32000):
                part = octets[i:i + 32000]
                if sent:
                    self._packet(self.client, port, here, there, 0x18, part)
                    here += len(part)
                else:
                    self._packet(port, self.client, there, here, 0x18, part)
                    there += len(part)
        self._packet(self.client, port, here, there, 0x11)
        self._packet(port, self.client, there, here + 1, 0x11)

    def close(self):
        self.file.close()
