"""Words of an ASN.1 module (X.680 clause 12)."""
import re
from typing import NamedTuple


class ModuleError(Exception):
    """A mistake in a module: FILE:LINE: cause."""

    def __init__(self, path, line, cause):
        super().__init__(f"{path}:{line}: {cause}")


class Token(NamedTuple):
    kind: str  # word, number, string, bits, mark, end
    text: str
    line: int


TOKEN = re.compile(
    r"""
      (?P<hint>--!\s*(?P<hinted>[a-z][a-z-]*)[^\n]*)
    | (?P<comment>--(?:[^\n-]|-(?!-))*(?:--|-?(?=\n)|-?\Z) | /\*.*?\*/)
    | (?P<space>\s+)
    | (?P<bits>'[0-9A-F\s]*'[BH])
    | (?P<word>[A-Za-z](?:-?[A-Za-z0-9])*)
    | (?P<number>[0-9]+)
    | (?P<string>"(?:[^"]|"")*")
    | (?P<mark>::=|\.\.\.|\.\.|\[\[|\]\]|[][{}(),;|<^.:@-])
    """,
    re.VERBOSE | re.DOTALL,
)
HINTS = ("pointer",)


def tokens_of(path, text):
    """Returns the tokens, closed by one of kind `end`, and the hints ({line: word})."""
    tokens, hints = [], {}
    line = at = 0
    line = 1
    while at < len(text):
        match = TOKEN.match(text, at)
        if not match:
            raise ModuleError(path, line, f"no ASN.1: {text[at:at + 12]!r}")
        kind = match.lastgroup
        if match.group("hint"):
            if match.group("hinted") not in HINTS:
                raise ModuleError(path, line, f"unknown hint '{match.group('hinted')}'; hints are {', '.join(HINTS)}")
            hints[line] = match.group("hinted")
        elif kind not in ("comment", "space"):
            tokens.append(Token(kind, match.group(), line))
        line += match.group().count("\n")
        at = match.end()
    tokens.append(Token("end", "end of file", line))
    return tokens, hints
