"""A client of the daemon's local socket (docs/local-protocol.md), so that a play can submit, ask and read."""
import contextlib
import json
import socket
import struct

from . import ber, names
from .tap import PATIENCE

REQUEST, RESPONSE, SUBMIT_BEGIN, SUBMIT_CONTENT, SUBMIT_END, SUBMIT_RESULT, FETCH, FETCH_DATA = range(64, 72)
HELLO, WELCOME = 74, 75
VERSION, OFFERS = 1, b"requests submission fetch"
PIECE = 256 * 1024


class Failed(Exception):
    """The daemon answered with an error. `code` is the table's of docs/local-protocol.md."""

    def __init__(self, error):
        super().__init__(f"{error.get('code')}: {error.get('text')}")
        self.code, self.error = error.get("code"), error


def hello(version=VERSION, wants=OFFERS, program=b"a play"):
    """The frame with which every connection begins."""
    payload = struct.pack(">HI", version, len(program)) + program + wants
    return struct.pack(">IHHQ", len(payload), HELLO, 0, 0) + payload


class Client:
    def __init__(self, path, timeout=PATIENCE):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(timeout)
        self.sock.connect(path)
        self.ref, self.offers = 0, None
        with contextlib.suppress(BrokenPipeError):      # it refused us, and says so
            self.sock.sendall(hello())

    def send(self, kind, payload, ref=None):
        self.sock.sendall(struct.pack(">IHHQ", len(payload), kind, 0, self.ref if ref is None else ref) + payload)

    def _exactly(self, count):
        out = b""
        while len(out) < count:
            more = self.sock.recv(count - len(out))
            if not more:
                raise ConnectionError("the daemon closed the local socket")
            out += more
        return out

    def receive(self):
        """(type, ref, payload) of the next frame; the answer to the hello is passed over."""
        size, kind, _, ref = struct.unpack(">IHHQ", self._exactly(16))
        payload = self._exactly(size)
        if kind != WELCOME or self.offers is not None:
            return kind, ref, payload
        version, length = struct.unpack(">HI", payload[:6])
        assert (ref, version) == (0, VERSION), (ref, version)
        self.offers = payload[6 + length:].split()
        return self.receive()

    def request(self, operation, **members):
        """The answer's JSON value; of an answer in several parts, the lists joined. None members are left out."""
        self.ref += 1
        body = {"operation": operation, **{k.replace("_", "-"): v for k, v in members.items() if v is not None}}
        self.send(REQUEST, json.dumps(body).encode())
        answers = []
        while True:
            kind, _ref, payload = self.receive()
            if kind != RESPONSE:
                raise ConnectionError(f"frame {kind} for a response")
            answers.append(json.loads(payload[1:]))
            if isinstance(answers[-1], dict) and "error" in answers[-1]:
                raise Failed(answers[-1]["error"])
            if payload[0]:
                return answers[0] if len(answers) == 1 else answers

    def begin(self, envelope, content=None, probe=False):
        """A submission up to its end."""
        self.ref += 1
        self.send(SUBMIT_BEGIN, bytes([2 if probe else 1]) + envelope)
        for at in range(0, len(content or b""), PIECE):
            self.send(SUBMIT_CONTENT, content[at:at + PIECE])

    def end(self, mailbox=None, entry=None):
        """Its end; the entry of the mailbox asked for this notification."""
        name = (mailbox or "").encode()
        self.send(SUBMIT_END, struct.pack(">I", len(name)) + name + struct.pack(">Q", entry) if mailbox else b"")

    def submit(self, envelope, content=None, probe=False, notified=()):
        """The local identifier of the accepted message or probe. Raises Failed when it is refused. `notified`: the mailbox
        and the entry that asked for it."""
        self.begin(envelope, content, probe)
        self.end(*notified)
        kind, _ref, payload = self.receive()
        if kind == RESPONSE:
            raise Failed(json.loads(payload[1:])["error"])
        if not payload[0]:
            raise Failed(json.loads(payload[1:])["error"])
        identifier = ber.read(payload[1:]).app(4)
        return next(child.text() for child in identifier if child.cls == ber.UNIVERSAL)

    def entries(self, mailbox, after=None):
        """All entries of a mailbox, or those after one, oldest first."""
        found = []
        while True:
            answer = self.request("mailbox-list", mailbox=mailbox, after=after, limit=1000)
            found += answer["entries"]
            after = answer.get("cursor")
            if not after:
                return found

    def fetch(self, mailbox, entry, part, offset, length=PIECE):
        """A piece of the content (part 0) or the delivery envelope (part 1): the octets and the whole length."""
        self.ref += 1
        name = mailbox.encode()
        self.send(FETCH, struct.pack(">I", len(name)) + name + struct.pack(">QQIB", entry, offset, length, part))
        kind, _ref, payload = self.receive()
        if kind != FETCH_DATA:
            raise Failed(json.loads(payload[1:])["error"])
        got, total = struct.unpack(">QQ", payload[:16])
        assert got == offset
        return payload[16:], total

    def whole(self, mailbox, entry, part):
        out, total = b"", 1
        while len(out) < total:
            piece, total = self.fetch(mailbox, entry, part, len(out))
            assert piece or not total
            out += piece
        return out

    def envelope(self, mailbox, entry):
        return ber.read(self.whole(mailbox, entry, 1))

    def content(self, mailbox, entry):
        return self.whole(mailbox, entry, 0)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


NO_REPORT, NON_DELIVERY_REPORT, REPORT = (), (4,), (3,)


def recipient(address, report=NON_DELIVERY_REPORT, conversion=None, extensions=(), extra=(), directory=None):
    """PerRecipientMessageSubmissionFields, and those of a probe."""
    return ber.set_(names.or_name(address, extra, directory), ber.prim(0, ber.bits_octets(report, 5)),
                    ber.prim(1, ber.integer_octets(conversion)) if conversion is not None else b"",
                    ber.ctx(2, *extensions) if extensions else b"")


def submission_envelope(originator, recipients, report=NON_DELIVERY_REPORT, content_type=22, content_identifier=None,
                        priority=0, indicators=(), deferred=None, extensions=(), types=None):
    """MessageSubmissionEnvelope (X.411 section 8.2.1.1.1). `recipients`: addresses, or elements made by recipient();
    `types`: the element of the encoded information types."""
    fields = [recipient(r, report) if isinstance(r, str) else r for r in recipients]
    return ber.set_(
        names.or_name(originator), types or ber.app(5, ber.prim(0, ber.bits_octets((2,)))),
        ber.app_prim(6, ber.integer_octets(content_type)),
        ber.app_prim(10, content_identifier.encode()) if content_identifier else b"",
        ber.app_prim(7, bytes([priority])) if priority else b"",
        ber.app_prim(8, ber.bits_octets(indicators, 8)) if indicators else b"",
        ber.prim(0, deferred.encode()) if deferred else b"",
        ber.ctx(2, *extensions) if extensions else b"", ber.ctx(1, *fields))


def probe_envelope(originator, recipients, content_identifier, length, indicators=(), extensions=()):
    """ProbeSubmissionEnvelope; `recipients` are elements made by recipient()."""
    return ber.set_(
        names.or_name(originator), ber.app(5, ber.prim(0, ber.bits_octets((2,)))), ber.app_prim(6, b"\x16"),
        ber.app_prim(10, content_identifier.encode()), ber.prim(0, ber.integer_octets(length)),
        ber.app_prim(8, ber.bits_octets(indicators, 8)) if indicators else b"",
        ber.ctx(2, *extensions) if extensions else b"", ber.ctx(3, *recipients))
