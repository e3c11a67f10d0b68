"""TPKT (RFC 1006) and transport class 0 (X.224) over a blocking socket; a log of all octets for the judge."""
import socket
import struct
import time

from .tap import PATIENCE

CR, CC, DR, DC, DT, ER = 0xE0, 0xD0, 0x80, 0xC0, 0xF0, 0x70
PI_TPDU_SIZE, PI_CALLING, PI_CALLED, PI_PREFERRED_SIZE = 0xC0, 0xC1, 0xC2, 0xF0


class Closed(Exception):
    """The other end closed or reset the connection."""


class Refused(Exception):
    """The other end answered with DR or ER."""


class Unexpected(Exception):
    """The other end sent something else than what the play expects."""


class Transport:
    """One transport connection. `log` keeps (sent, time, octets) in order, for a synthesized capture."""

    def __init__(self, sock, timeout=PATIENCE, tpdu_size=2048):
        self.sock = sock
        self.sock.settimeout(timeout)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.tpdu_size = tpdu_size
        self.log = []
        self._held = bytearray()
        self.reference = 0x4350

    @classmethod
    def dial(cls, port, host="127.0.0.1", **options):
        return cls(socket.create_connection((host, port), timeout=options.get("timeout", PATIENCE)), **options)

    # octets

    def send_raw(self, octets):
        self.log.append((True, time.time(), octets))
        try:
            self.sock.sendall(octets)
        except (BrokenPipeError, ConnectionError) as error:
            raise Closed(str(error)) from None

    def _read_exactly(self, count):
        while len(self._held) < count:  # a bytearray: both ends cost what is added or taken
            try:
                more = self.sock.recv(262144)
            except ConnectionError as error:
                raise Closed(str(error)) from None
            if not more:
                raise Closed("end of the connection")
            self.log.append((False, time.time(), more))
            self._held += more
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def send_tpdu(self, header, data=b""):
        tpdu = bytes([len(header)]) + header + data
        self.send_raw(struct.pack(">BBH", 3, 0, len(tpdu) + 4) + tpdu)

    def read_tpdu(self):
        """The next TPDU: its header octets after the length indicator, and its user data."""
        version, _, size = struct.unpack(">BBH", self._read_exactly(4))
        if version != 3 or size < 7:
            raise Unexpected(f"TPKT version {version}, length {size}")
        tpdu = self._read_exactly(size - 4)
        return tpdu[1:1 + tpdu[0]], tpdu[1 + tpdu[0]:]

    # the service

    def connect(self, called=b"", calling=b"", size_code=11, extra=b""):
        """Sends CR, awaits CC. `size_code` is the power of two of the TPDU size; 0 leaves the parameter out."""
        self.send_tpdu(bytes([CR, 0, 0]) + struct.pack(">H", self.reference) + b"\0"
                       + self._parameters(called, calling, size_code) + extra)
        header, _ = self.read_tpdu()
        if header[0] & 0xF0 in (DR, ER):
            raise Refused(f"TPDU {header[0]:#x}, reason {header[5] if len(header) > 5 else header[-1]}")
        if header[0] & 0xF0 != CC:
            raise Unexpected(f"TPDU {header[0]:#x} for a CC")
        self.parameters = self._read_parameters(header[6:])
        self.tpdu_size = self._negotiated(self.parameters, 65531 if size_code == 0 else 1 << size_code)

    def accept(self, size_code=11):
        """Awaits CR, answers CC."""
        header, _ = self.read_tpdu()
        if header[0] & 0xF0 != CR:
            raise Unexpected(f"TPDU {header[0]:#x} for a CR")
        self.parameters = self._read_parameters(header[6:])
        proposed = self.parameters.get(PI_TPDU_SIZE)
        if proposed:
            size_code = min(size_code, proposed[0])
        self.tpdu_size = 1 << size_code
        self.send_tpdu(bytes([CC]) + header[3:5] + struct.pack(">H", self.reference) + b"\0"
                       + bytes([PI_TPDU_SIZE, 1, size_code]))

    @staticmethod
    def _parameters(called, calling, size_code):
        out = b""
        if calling:
            out += bytes([PI_CALLING, len(calling)]) + calling
        if called:
            out += bytes([PI_CALLED, len(called)]) + called
        return out + (bytes([PI_TPDU_SIZE, 1, size_code]) if size_code else b"")

    @staticmethod
    def _read_parameters(octets):
        found = {}
        while len(octets) >= 2:
            found[octets[0]] = octets[2:2 + octets[1]]
            octets = octets[2 + octets[1]:]
        return found

    @staticmethod
    def _negotiated(parameters, proposed):
        if PI_PREFERRED_SIZE in parameters:
            return int.from_bytes(parameters[PI_PREFERRED_SIZE], "big") * 128
        if PI_TPDU_SIZE in parameters:
            return min(proposed, 1 << parameters[PI_TPDU_SIZE][0])
        return min(proposed, 65531)

    def send(self, tsdu, most=None):
        """T-DATA: one TSDU in as many DTs as the TPDU size asks for. `most`: only the first octets of what that makes."""
        step = self.tpdu_size - 3
        parts = [tsdu[i:i + step] for i in range(0, len(tsdu), step)] or [b""]
        out = bytearray()
        for i, part in enumerate(parts):
            out += struct.pack(">BBHBBB", 3, 0, len(part) + 7, 2, DT, 0x80 if i == len(parts) - 1 else 0) + part
        self.send_raw(bytes(out[:most]))

    def receive(self):
        """The next TSDU. Raises Closed after DR or the end of the connection."""
        tsdu = bytearray()
        while True:
            header, data = self.read_tpdu()
            if header[0] & 0xF0 == DR:
                raise Closed(f"DR, reason {header[5]}")
            if header[0] & 0xF0 != DT:
                raise Unexpected(f"TPDU {header[0]:#x} for a DT")
            tsdu += data
            if header[1] & 0x80:
                return bytes(tsdu)

    def disconnect(self):
        self.send_tpdu(bytes([DR, 0, 0]) + struct.pack(">H", self.reference) + b"\x80")

    def close(self):
        self.sock.close()

    def reset(self):
        """Ends the connection with a TCP reset, as a crash of the machine does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()
