"""tshark as a judge: it decodes captures, ours or real ones, and this module says what it complains about.

tshark 4.0 can't follow X.410 mode, 1984 traffic and resumed transfers; there `wrap` puts the reassembled APDU into a
synthetic normal-mode association, which it can.
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time

from interop import tshark_text
from peer import ber, pcap, session, x228
from peer.transport import CC, CR, DT

# What tshark 4.0 can't read though it is right, by its message and the line above it. Its register of extensions (4.0's
# output, and the REGISTER part of Wireshark's p1.cnf) has none for 41, 43 and 44, which X.420 defines, nor for 46; it
# prints their values by the tags. The OID of a private extension is unknown to it by its nature.
NOT_IMPLEMENTED = "not implemented. +Contact Wireshark developers if you want this supported$"
EXCUSED = [
    ("P1", "Unknown standard-extension", f"Dissector for standard-extension (41|43|44|46) {NOT_IMPLEMENTED}"),
    ("P1", f"BER: Dissector for OID {NOT_IMPLEMENTED}", r"ExtensionField \(iso\.3\.6\.1\.4\.1\.32473\.2\)$"),
    # The octets of a file are an OCTET STRING in an EXTERNAL of FTAM's unstructured binary (1.0.8571.2.4), whose name
    # tshark prints and which it has no dissector for.
    ("X.420", f"BER: Dissector for OID {NOT_IMPLEMENTED}", r"FileTransferData item$"),
    # P7, by Wireshark's p7.cnf: no dissectors of parameters of auto-actions and of attributes that are an INTEGER, NULL or
    # GeneralString; over these parameters, the values of an OrderedAttribute and that of an attribute-error it does not step.
    ("P7", f"BER: Dissector for OID {NOT_IMPLEMENTED}", r"(AutoActionRegistration|attribute-values: \d+ items?)$"),
    ("P7", "BER Error: This field lies beyond the end of the known sequence definition.$",
     r"(AutoActionRegistration|attribute-values item)$"),
    ("P7", r"BER Error: Unknown field in SET class:CONTEXT\(2\) tag:2$", "problems item$"),
]


def available():
    return shutil.which("tshark") is not None


def frames(path, ports=()):
    """The frames of a capture as tshark reads them, as tshark_text.Frame."""
    decode = [word for port in ports for word in ("-d", f"tcp.port=={port},tpkt")]
    with tempfile.TemporaryDirectory() as home:
        done = subprocess.run(["tshark", "-r", path, "-o", "ber.decode_unexpected:TRUE", *decode, "-V"],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="surrogateescape",
                              env={**os.environ, "HOME": home, "XDG_CONFIG_HOME": home, "LC_ALL": "C.UTF-8"})
    if done.returncode:
        raise RuntimeError(f"tshark failed on {path}: {done.stderr.strip()}")
    return tshark_text.frames(done.stdout)


def _excused(complaint):
    return any(complaint.layer == layer and re.match(message, complaint.message) and
               any(re.match(line, text) for text in complaint.path[-4:]) for layer, message, line in EXCUSED)


def found_fault(read):
    """What tshark calls malformed, erroneous or worth a warning in these frames, what is excused left out."""
    return [complaint for frame in read for complaint in frame.complaints if not _excused(complaint)]


def complaints(path, ports=()):
    return found_fault(frames(path, ports))


def kinds(read):
    """All complaints by layer and kind, without the excuses."""
    return {complaint.kind for frame in read for complaint in frame.complaints}


def _tpdu(header, data=b""):
    return (len(header) + len(data) + 5).to_bytes(2, "big").join((b"\3\0", bytes([len(header)]))) + header + data


def _tsdu(data):
    step = 60000
    parts = [data[i:i + step] for i in range(0, len(data), step)]
    return b"".join(_tpdu(bytes([DT, 0x80 if i == len(parts) - 1 else 0]), part) for i, part in enumerate(parts))


def association_octets(apdu):
    """The octets of a whole association that transfers one APDU in normal mode: [(from the client?, octets)]."""
    s = session
    reference = s.parameter(s.PI_CALLING_REFERENCE, ber.octets(b"judge"))
    accept = s.group(s.PGI_CONNECT_ACCEPT, s.parameter(s.PI_OPTIONS, b"\0"), s.parameter(s.PI_VERSION, b"\2"),
                     s.parameter(s.PI_TOKEN_SETTING, b"\0"))
    requirements = s.parameter(s.PI_REQUIREMENTS, s.RTSE_REQUIREMENTS.to_bytes(2, "big"))
    bind = ber.ctx(0, x228.bind_argument("normal", "JUDGE", "x"))
    result = ber.ctx(0, x228.bind_result("normal", "JUDGED", "x"))
    connect = s.spdu(s.CN, s.group(s.PGI_CONNECTION_IDENTIFIER, reference), accept, requirements, s.parameter(
        s.PGI_USER_DATA, x228.connect_ppdu("normal", x228.open_request(0, 3, bind, "normal"))))
    accepted = s.spdu(s.AC, accept, requirements, s.parameter(
        s.PGI_USER_DATA, x228.accept_ppdu("normal", x228.open_accept(0, 3, result))))
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


def rewritten(path, conversations):
    """Writes conversations, each [(from the client?, octets)], so that tshark can follow them; its frames."""
    writer = pcap.Writer(path)
    for conversation in conversations:
        writer.conversation(recut(conversation))
    writer.close()
    return frames(path)


def judge_log(*logs):
    """tshark's complaints about what Transport.log kept of one or more associations."""
    with tempfile.NamedTemporaryFile(suffix=".pcap") as file:
        return found_fault(rewritten(file.name, [[(entry[0], entry[-1]) for entry in log] for log in logs]))


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
