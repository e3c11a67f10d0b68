"""A name server (RFC 1035) for plays: it answers A and AAAA questions from a dictionary."""
import socket
import struct
import threading

A, AAAA, NAME_ERROR = 1, 28, 3


class NameServer:
    """`zone`: {name: [address, ...]}; it may be changed while it serves. Names that are not in it do not exist."""

    def __init__(self, zone):
        self.zone, self.asked = dict(zone), []
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.sock.bind(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.sock.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                question, whence = self.sock.recvfrom(4096)
                self.sock.sendto(self.answer(question), whence)
            except OSError:
                return

    def answer(self, message):
        labels, at = [], 12
        while message[at]:
            labels.append(message[at + 1:at + 1 + message[at]].decode("ascii"))
            at += 1 + message[at]
        kind = struct.unpack_from(">H", message, at + 1)[0]
        question = message[12:at + 5]
        name = ".".join(labels).lower()
        self.asked.append((name, kind))
        records = b""
        count = 0
        for address in self.zone.get(name, []):
            octets = socket.inet_pton(socket.AF_INET6 if ":" in address else socket.AF_INET, address)
            if kind == (AAAA if ":" in address else A):
                records += b"\xc0\x0c" + struct.pack(">HHIH", kind, 1, 60, len(octets)) + octets
                count += 1
        flags = 0x8180 | (0 if name in self.zone else NAME_ERROR)
        return message[:2] + struct.pack(">HHHHH", flags, 1, count, 0, 0) + question + records

    def close(self):
        self.sock.close()
