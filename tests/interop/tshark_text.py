"""What tshark reads in a capture, from its text output: frames, their layers, its complaints and the values.

A reading is a list of lines "field: value", or "field" for what has fields of its own, in the order of the wire. What
says nothing about a value is left out: tshark's remarks, counts, padding, summaries, bits that are zero. Where a CHOICE
holds a plain value the field is named by the CHOICE.
"""
import re

# The layers by the first words of their headings.
LAYERS = {"TPKT": "TPKT", "ISO 8073/X.224": "COTP", "ISO 8327-1": "session", "ISO 8823": "presentation",
          "ISO 8650-1": "ACSE", "X.228": "RTSE", "X.880": "ROSE", "X.411": "P1", "X.413": "P7", "X.420": "X.420"}
# How "[Malformed Packet: …]" names them.
MALFORMED = {"TPKT": "TPKT", "COTP": "COTP", "SES": "session", "PRES": "presentation", "ACSE": "ACSE", "RTSE": "RTSE",
             "ROS": "ROSE", "P1": "P1", "P7": "P7", "P22": "X.420"}
EXPERT = re.compile(r"\[Expert Info \((?:Warning|Error)/[^)]*\): (.*)\]$")
REMARK = re.compile(r"\[(?!(?:CONTEXT|APPLICATION|PRIVATE) \d)|Padding:|BER: Dissector for |Dissector for ")
LONG = 100      # of what tshark truncates so many characters are kept
BIT = re.compile(r"[01. ]*[01][01. ]* = (.*): (True|False)$")


class Complaint:
    """`path`: the lines around it, the outermost first."""

    def __init__(self, layer, message, path):
        self.layer, self.message, self.path = layer, message, path

    @property
    def kind(self):
        return self.layer, re.sub(r"\b[0-9]+\b", "n", self.message)

    def __repr__(self):
        return f"{self.layer}: {self.message} in {' > '.join(self.path[-3:])}"


class Frame:
    """One packet: `port`, the caller's TCP port; `layers`: (name, lines) from TPKT up, in tshark's order."""

    def __init__(self, lines):
        self.layers, self.complaints, self.port, self.sent = [], [], None, False
        layer, path = None, []
        for line in lines:
            depth = len(line) - len(line.lstrip())
            if depth == 0:
                layer = self._heading(line, layer)
            path = [item for item in path if item[0] < depth] + [(depth, line.strip())]
            found = EXPERT.search(line)
            if found and layer:
                self.complaints.append(Complaint(layer, found.group(1), [text for _, text in path[:-1]]))
            elif depth and layer and self.layers:
                self.layers[-1][1].append(line)

    def _heading(self, line, before):
        ports = re.match(r"Transmission Control Protocol, Src Port: (\d+), Dst Port: (\d+)", line)
        if ports:
            source, destination = map(int, ports.groups())
            self.port, self.sent = max(source, destination), source > destination
        name = next((LAYERS[start] for start in LAYERS if line.startswith(start)), None)
        if name:
            self.layers.append((name, []))
        malformed = re.match(r"\[Malformed Packet: (\w+)", line)
        return MALFORMED.get(malformed.group(1), malformed.group(1)) if malformed else name or before

    def layer(self, name):
        """The reading of all that a layer has in this frame."""
        return [line for found, lines in self.layers if found == name for line in reading(lines)]

    @property
    def apdu(self):
        """The reading of an MTS-APDU and of the content in it, or None."""
        lines = self.layer("P1")
        return lines + self.layer("X.420") if lines and lines[0].startswith("MTS-APDU") else None


def frames(text):
    """The frames of `tshark -V`."""
    return [Frame(part.splitlines()) for part in re.split(r"^(?=Frame \d+: )", text, flags=re.M) if part.strip()]


def reading(lines):
    """A reading of indented lines of tshark."""
    items = [(len(line) - len(line.lstrip()), line.strip()) for line in lines]
    items = [item for item in items if item[1] and not REMARK.match(item[1])]
    out = []
    for at, (depth, text) in enumerate(items):
        inside = _children(items, at)
        bit = BIT.match(text)
        if bit:
            out += [f"{bit.group(1)}: True"] if bit.group(2) == "True" else []
        elif inside and all(BIT.match(child) for child in inside):
            out.append(text.partition(":")[0])
        else:
            out.append(_plain(text))
    return _joined(out)


def _children(items, at):
    depth, inside = items[at][0], []
    for below, text in items[at + 1:]:
        if below <= depth:
            break
        inside.append(text)
    return inside


def _plain(text):
    """Without counts and summaries in brackets."""
    label, colon, value = text.partition(": ")
    if label.endswith(" [truncated]"):
        return f"{label[:-12]}: {value[:LONG]}\u2026"
    if colon and not re.match(r"\d+ items?\b", value):
        return text
    return re.sub(r"( \d+ items?)?( \(.*\))?( \d+ items?)?$", "", label)


def _joined(lines):
    """CHOICEs of plain values and the values as one line each."""
    out = []
    for line in lines:
        chosen = re.search(r": ([\w-]+) \(\d+\)$", out[-1]) if out else None
        if chosen and line.startswith(chosen.group(1) + ": "):
            out[-1] = out[-1].partition(": ")[0] + line[len(chosen.group(1)):]
        else:
            out.append(line)
    return out
