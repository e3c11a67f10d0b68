"""tshark as a judge: it decodes captures, ours or real ones, and this module counts what it complains about.

tshark 4.0 can't follow X.410 mode and 1984 traffic; there `wrap` puts the reassembled APDU into a synthetic normal-mode
association, which it can.
"""
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from peer import ber, pcap, session, x228
from peer.transport import CC, CR, DT

COMPLAINTS = '_ws.malformed || _ws.expert.severity == "Error" || _ws.expert.group == "Malformed"'


def available():
    return shutil.which("tshark") is not None


def _tshark(path, ports, *arguments):
    decode = [word for port in ports for word in ("-d", f"tcp.port=={port},tpkt")]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(["tshark", "-r", path, *decode, *arguments], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, errors="replace",
                              env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home})
    if done.returncode:
        raise RuntimeError(f"tshark failed on {path}: {done.stderr.strip()}")
    return done.stdout


def complaints(path, ports=()):
    """What tshark calls malformed or erroneous: a list of (frame number, message), [] when it is content."""
    out = _tshark(path, ports, "-Y", COMPLAINTS, "-T", "fields", "-e", "frame.number", "-e", "_ws.expert.message")
    return [tuple(line.split("\t", 1)) for line in out.splitlines()]


def values(path, field, ports=()):
    """All values of a display filter's field, in order."""
    out = _tshark(path, ports, "-Y", field, "-T", "fields", "-e", field, "-E", "occurrence=a", "-E", "aggregator=\x1f")
    return [value for line in out.splitlines() for value in line.split("\x1f") if value]


def tree(path, ports=(), wanted="p1"):
    """The decoded frames that hold the protocol `wanted`, as tshark's JSON objects."""
    return json.loads(_tshark(path, ports, "-Y", wanted, "-T", "json", "--no-duplicate-keys"))


def text(path, ports=(), wanted="p1"):
    return _tshark(path, ports, "-Y", wanted, "-V")


def frames(path, wanted, ports=()):
    """The numbers of the frames that match a display filter."""
    return [int(n) for n in _tshark(path, ports, "-Y", wanted, "-T", "fields", "-e", "frame.number").split()]


def _tpdu(header, data=b""):
    return (len(header) + len(data) + 5).to_bytes(2, "big").join((b"\3\0", bytes([len(header)]))) + header + data


def _tsdu(data):
    step = 60000
    parts = [data[i:i + step] for i in range(0, len(data), step)]
    return b"".join(_tpdu(bytes([DT, 0x80 if i == len(parts) - 1 else 0]), part) for i, part in enumerate(parts))


def association_octets(apdu, checkpoint=0):
    """The octets of a whole association that transfers one APDU in normal mode: [(from the client?, octets)]."""
    s = session
    reference = s.parameter(s.PI_CALLING_REFERENCE, ber.octets(b"judge"))
    accept = s.group(s.PGI_CONNECT_ACCEPT, s.parameter(s.PI_OPTIONS, b"\0"), s.parameter(s.PI_VERSION, b"\2"),
                     s.parameter(s.PI_TOKEN_SETTING, b"\0"))
    requirements = s.parameter(s.PI_REQUIREMENTS, s.RTSE_REQUIREMENTS.to_bytes(2, "big"))
    bind = ber.ctx(0, x228.bind_argument("normal", "JUDGE", "x"))
    result = ber.ctx(0, x228.bind_result("normal", "JUDGED", "x"))
    connect = s.spdu(s.CN, s.group(s.PGI_CONNECTION_IDENTIFIER, reference), accept, requirements, s.parameter(
        s.PGI_USER_DATA, x228.connect_ppdu("normal", x228.open_request(checkpoint, 3, bind, "normal"))))
    accepted = s.spdu(s.AC, accept, requirements, s.parameter(
        s.PGI_USER_DATA, x228.accept_ppdu("normal", x228.open_accept(checkpoint, 3, result))))
    log = [(True, _tpdu(bytes([CR, 0, 0, 0, 1, 0]))), (False, _tpdu(bytes([CC, 0, 1, 0, 2, 0]))),
           (True, _tsdu(connect)), (False, _tsdu(accepted)),
           (True, _tsdu(s.GIVE + s.spdu(s.AS, s.parameter(s.PI_ACTIVITY, ber.integer(1)))))]
    log.append((True, _tsdu(s.GIVE + b"\1\0" + x228.data_ppdu("normal", x228.transfer_value("normal", apdu)))))
    serial = s.parameter(s.PI_SERIAL, b"1")
    return log + [(True, _tsdu(s.GIVE + s.spdu(s.AE, serial))), (False, _tsdu(s.PLEASE + s.spdu(s.AEA, serial)))]


def wrap(path, *apdus):
    """Writes a capture in which each APDU crosses an association of its own in normal mode."""
    writer = pcap.Writer(path)
    for apdu in apdus:
        writer.conversation(association_octets(apdu))
    writer.close()


def judge_apdus(*apdus):
    """tshark's complaints about the APDUs, each in a synthetic normal-mode association."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        wrap(file.name, *apdus)
        return complaints(file.name)


def recut(conversation):
    """The same octets with one TPKT an entry and the DTs of a TSDU together: tshark 4.0 mixes up two TSDUs whose DTs
    meet in one TCP segment or alternate in the two directions."""
    held, tsdu, out = {True: b"", False: b""}, {True: [], False: []}, []
    for sent, octets in conversation:
        held[sent] += octets
        while len(held[sent]) >= 7:
            size = int.from_bytes(held[sent][2:4], "big")
            if size < 7 or len(held[sent]) < size:
                break
            tpkt, held[sent] = held[sent][:size], held[sent][size:]
            tsdu[sent].append((sent, tpkt))
            if tpkt[5] & 0xF0 != DT or tpkt[6] & 0x80:
                out += tsdu[sent]
                tsdu[sent] = []
    return out + tsdu[True] + tsdu[False] + [(sent, rest) for sent, rest in held.items() if rest]


def judge_log(*logs):
    """tshark's complaints about what Transport.log kept of one or more associations."""
    return judge_conversations([(entry[0], entry[-1]) for entry in log] for log in logs)


def judge_conversations(conversations, keep=None):
    """tshark's complaints about conversations, each [(from the client?, octets)]; `keep`: where to leave the capture."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        writer = pcap.Writer(keep or file.name)
        for conversation in conversations:
            writer.conversation(recut(conversation))
        writer.close()
        return complaints(keep or file.name)


class Capture:
    """A capture of the loopback interface while the block runs: `with Capture(path, ports):`. Needs root."""

    def __init__(self, path, ports):
        self.path, self.ports = path, ports

    def __enter__(self):
        wanted = " or ".join(f"tcp port {port}" for port in self.ports)
        self.process = subprocess.Popen(["dumpcap", "-q", "-i", "lo", "-f", wanted, "-B", "16", "-w", self.path, "-P"],
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        deadline = time.time() + 15
        while time.time() < deadline and self.process.poll() is None and not self._sees_packets():
            time.sleep(0.1)
        if self.process.poll() is not None:
            raise RuntimeError("dumpcap: " + self.process.stderr.read().decode(errors="replace"))
        return self

    def _sees_packets(self):
        """Pokes the first port until the capture file grows: only then is dumpcap listening."""
        try:
            socket.create_connection(("127.0.0.1", self.ports[0]), timeout=1).close()
        except OSError:
            pass
        return os.path.exists(self.path) and os.path.getsize(self.path) > 24

    def __exit__(self, *_):
        time.sleep(0.5)
        self.process.send_signal(signal.SIGINT)
        self.process.wait(10)
