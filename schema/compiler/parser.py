"""From words to a tree: modules, types, values and tables as written, nothing resolved."""
from dataclasses import dataclass, field
from typing import Optional

from .lexer import ModuleError, tokens_of

STRINGS = {
    "UTF8String": 12, "NumericString": 18, "PrintableString": 19, "TeletexString": 20, "VideotexString": 21,
    "IA5String": 22, "GraphicString": 25, "VisibleString": 26, "GeneralString": 27, "UniversalString": 28,
    "BMPString": 30,
}
SYNONYMS = {"T61String": "TeletexString", "ISO646String": "VisibleString"}
# Universal tags of all builtin types (X.680 table 1).
UNIVERSAL = {
    "BOOLEAN": 1, "INTEGER": 2, "BIT STRING": 3, "OCTET STRING": 4, "NULL": 5, "OBJECT IDENTIFIER": 6,
    "ObjectDescriptor": 7, "REAL": 9, "ENUMERATED": 10, "RELATIVE-OID": 13, "SEQUENCE": 16, "SET": 17,
    "SEQUENCE OF": 16, "SET OF": 17, "UTCTime": 23, "GeneralizedTime": 24, **STRINGS,
}
SIMPLE = {"BOOLEAN", "NULL", "REAL", "RELATIVE-OID", "ObjectDescriptor", "UTCTime", "GeneralizedTime", *STRINGS}
CLASSES = {"UNIVERSAL": 0, "APPLICATION": 1, "PRIVATE": 3}
CRITICALITIES = {"for-submission": 0, "for-transfer": 1, "for-delivery": 2}


@dataclass
class Type:
    kind: str  # a key of UNIVERSAL, or CHOICE, ANY, REFERENCE
    line: int
    tags: list = field(default_factory=list)  # (class, number, mode) outermost first
    named: list = field(default_factory=list)  # (name, number or value's name or None)
    fields: list = field(default_factory=list)
    element: Optional["Type"] = None
    extensible: bool = False
    marker: int = 0  # components before the last extension marker
    reference: str = ""
    bounds: list = field(default_factory=list)  # (low, high): integers, values' names, MIN, MAX
    sizes: list = field(default_factory=list)
    module: object = None
    cname: str = ""  # set for types that get a C name
    label: str = ""  # the name for diagnostics


@dataclass
class Field:
    name: str
    type: Type
    line: int
    optional: bool = False
    default: object = None  # a Value
    pointer: bool = False
    components_of: bool = False


@dataclass
class Value:
    line: int
    kind: str  # number, name, boolean, braces, string
    content: object


@dataclass
class Row:
    key: Value
    name: str
    type: Type
    criticality: int
    line: int


@dataclass
class Module:
    path: str
    stem: str
    name: str = ""
    implicit: bool = False
    imports: dict = field(default_factory=dict)  # symbol: (module's name, line)
    types: dict = field(default_factory=dict)
    values: dict = field(default_factory=dict)  # name: (Type, Value, line)
    tables: dict = field(default_factory=dict)  # name: list of Row


class Parser:
    def __init__(self, path, stem, text):
        self.path = path
        self.tokens, self.hints = tokens_of(path, text)
        self.at = 0
        self.module = Module(path, stem)
        self.in_table = False  # where braces behind a type's name are the next row's key

    # ---- words ----

    def fail(self, cause, line=None):
        raise ModuleError(self.path, line or self.token.line, cause)

    @property
    def token(self):
        return self.tokens[self.at]

    def next(self):
        token = self.token
        self.at += 1
        return token

    def peek(self, *texts):
        """True if the next tokens are these."""
        ahead = self.tokens[self.at:self.at + len(texts)]
        return len(ahead) == len(texts) and all(a.text == t and a.kind in ("word", "mark") for a, t in zip(ahead, texts))

    def take(self, *texts):
        if self.peek(*texts):
            self.at += len(texts)
            return True
        return False

    def want(self, *texts):
        for text in texts:
            if not self.take(text):
                self.fail(f"expected '{text}', found '{self.token.text}'")

    def word(self, what, upper=None):
        token = self.token
        if token.kind != "word" or (upper is not None and token.text[0].isupper() != upper):
            self.fail(f"expected {what}, found '{token.text}'")
        return self.next()

    def skip_braces(self, opening="{", closing="}"):
        """Passes a balanced group and returns its tokens without the outer pair."""
        self.want(opening)
        start, depth = self.at, 1
        while depth:
            token = self.next()
            if token.kind == "end":
                self.fail(f"'{opening}' without '{closing}'", self.tokens[start - 1].line)
            if token.kind == "mark":
                depth += (token.text == opening) - (token.text == closing)
        return self.tokens[start:self.at - 1]

    # ---- module ----

    def parse(self):
        self.module.name = self.word("the module's name", True).text
        if self.peek("{"):
            self.skip_braces()
        self.want("DEFINITIONS")
        if self.take("IMPLICIT", "TAGS"):
            self.module.implicit = True
        elif not self.take("EXPLICIT", "TAGS") and self.peek("AUTOMATIC"):
            self.fail("AUTOMATIC TAGS are not known here; write the tags out")
        self.take("EXTENSIBILITY", "IMPLIED")
        self.want("::=", "BEGIN")
        if self.take("EXPORTS"):
            while not self.take(";"):
                self.next()
        if self.take("IMPORTS"):
            self.imports()
        while not self.take("END"):
            self.assignment()
        return self.module

    def imports(self):
        while not self.take(";"):
            symbols = [self.word("an imported name")]
            while self.take(","):
                symbols.append(self.word("an imported name"))
            self.want("FROM")
            source = self.word("a module's name", True).text
            if self.peek("{"):
                self.skip_braces()
            for symbol in symbols:
                if symbol.text in self.module.imports:
                    self.fail(f"'{symbol.text}' is imported twice", symbol.line)
                self.module.imports[symbol.text] = (source, symbol.line)

    def assignment(self):
        name = self.word("a definition")
        known = (*self.module.types, *self.module.values, *self.module.tables)
        if name.text in known or name.text in self.module.imports:
            self.fail(f"'{name.text}' is defined twice", name.line)
        if name.text[0].islower():
            value_type = self.type()
            self.want("::=")
            self.module.values[name.text] = (value_type, self.value(), name.line)
        elif self.take("TABLE"):
            self.want("::=")
            self.module.tables[name.text] = self.table()
        else:
            self.want("::=")
            self.module.types[name.text] = self.type()

    def table(self):
        rows = []
        self.want("{")
        while not self.take("}"):
            line = self.token.line
            key = self.value()
            name = self.word("the row's name", False).text
            self.in_table = True
            row_type = self.type()
            self.in_table = False
            criticality = 0
            if self.take("CRITICAL"):
                for token in self.skip_braces():
                    if token.text in CRITICALITIES:
                        criticality |= 1 << CRITICALITIES[token.text]
                    elif token.text not in (",", "|"):
                        self.fail(f"'{token.text}' is no criticality", token.line)
            self.take(",")
            rows.append(Row(key, name, row_type, criticality, line))
        return rows

    # ---- types ----

    def type(self):
        tags = []
        first = self.token.line
        while self.take("["):
            tag_class = 2
            if self.token.text in CLASSES:
                tag_class = CLASSES[self.next().text]
            number = self.next()
            if number.kind != "number":
                self.fail(f"expected a tag's number, found '{number.text}'", number.line)
            self.want("]")
            mode = next((m for m in ("IMPLICIT", "EXPLICIT") if self.take(m)), None)
            tags.append((tag_class, int(number.text), mode))
        made = self.untagged_type()
        made.tags = tags
        made.line = first
        made.module = self.module
        while self.peek("("):
            self.constraint(made)
        return made

    def untagged_type(self):
        token = self.word("a type")
        text = SYNONYMS.get(token.text, token.text)
        line = token.line
        if text in SIMPLE:
            return Type(text, line)
        if text in ("BIT", "OCTET"):
            self.want("STRING")
            return Type(f"{text} STRING", line, named=self.named() if text == "BIT" else [])
        if text == "OBJECT":
            self.want("IDENTIFIER")
            return Type("OBJECT IDENTIFIER", line)
        if text == "INTEGER":
            return Type(text, line, named=self.named())
        if text == "ENUMERATED":
            return self.enumerated(line)
        if text == "ANY":
            if self.take("DEFINED", "BY"):
                self.word("a component's name")
            return Type("ANY", line)
        if text == "CHOICE":
            made = Type("CHOICE", line)
            self.components(made)
            return made
        if text in ("SEQUENCE", "SET"):
            return self.constructed(text, line)
        if text == "EXTERNAL" or text[0].isupper() and text not in ("TABLE", "END"):
            if self.peek("{") and not self.in_table:
                self.fail(f"parameterized type '{text}': write it out as a plain type")
            if self.peek("."):
                self.fail(f"information object or external reference '{text}.': write it out as a plain type")
            return Type("REFERENCE", line, reference=text)
        return self.fail(f"expected a type, found '{token.text}'", line)

    def constructed(self, text, line):
        if self.peek("{"):
            made = Type(text, line)
            self.components(made)
            return made
        made = Type(f"{text} OF", line)
        if self.peek("SIZE"):
            self.constraint_element(made)
        elif self.peek("("):
            self.constraint(made)
        self.want("OF")
        if self.token.text[0].islower():
            self.word("an element's name")
        made.element = self.type()
        return made

    def components(self, made):
        self.want("{")
        while not self.take("}"):
            if self.take("[["):
                continue
            if self.take("..."):
                made.extensible, made.marker = True, len(made.fields)
            elif not self.take("]]"):
                made.fields.append(self.component(made.kind == "CHOICE"))
            if not self.take(",") and not self.peek("}") and not self.peek("]]"):
                self.fail(f"expected ',' or '}}', found '{self.token.text}'")

    def component(self, in_choice):
        line = self.token.line
        if self.take("COMPONENTS", "OF"):
            return Field("", self.type(), line, components_of=True)
        name = self.word("a component's name", False).text
        made = Field(name, self.type(), line)
        if not in_choice:
            if self.take("OPTIONAL"):
                made.optional = True
            elif self.take("DEFAULT"):
                made.default = self.value()
        last = self.tokens[self.at - 1].line
        made.pointer = any(self.hints.get(n) == "pointer" for n in (line, last))
        return made

    def named(self):
        """The named numbers or bits of an INTEGER, BIT STRING or ENUMERATED."""
        names = []
        if not self.take("{"):
            return names
        while not self.take("}"):
            if self.take("..."):
                names.append(("...", None))
            else:
                name = self.word("a name", False).text
                number = None
                if self.take("("):
                    number = self.number_or_name()
                    self.want(")")
                names.append((name, number))
            if not self.take(",") and not self.peek("}"):
                self.fail(f"expected ',' or '}}', found '{self.token.text}'")
        return names

    def enumerated(self, line):
        made = Type("ENUMERATED", line, named=self.named())
        if ("...", None) in made.named:
            made.extensible = True
            made.named.remove(("...", None))
        used = {number for _, number in made.named if number is not None}
        for i, (name, number) in enumerate(made.named):
            if number is None:  # X.680 §20.3: the lowest number that is not used yet
                number = next(n for n in range(len(made.named) + 1) if n not in used)
                used.add(number)
                made.named[i] = (name, number)
        return made

    # ---- constraints ----

    def constraint(self, made):
        """( ... ): sizes and ranges are kept; alphabets, inner subtypes and contents constraints are prose for us."""
        self.want("(")
        extensible = False
        while not self.take(")"):
            if self.take("..."):
                extensible = True
            elif not any(self.take(m) for m in ("|", "^", ",", "UNION", "INTERSECTION")):
                self.constraint_element(made)
        if extensible:
            made.bounds, made.sizes = [], []

    def constraint_element(self, made):
        if self.take("SIZE"):
            self.want("(")
            made.sizes += self.ranges()
        elif self.take("FROM"):
            self.skip_braces("(", ")")
        elif self.take("WITH"):
            if self.take("COMPONENTS"):
                self.skip_braces()
            else:
                self.want("COMPONENT")
                self.skip_braces("(", ")")
        elif self.take("CONSTRAINED", "BY"):
            self.skip_braces()
        elif self.take("CONTAINING"):
            self.type()
        elif self.take("ENCODED", "BY"):
            self.value()
        elif self.peek("("):
            self.constraint(made)
        elif self.token.kind == "string":
            self.next()
        else:
            made.bounds.append(self.range())

    def ranges(self):
        found = []
        extensible = False
        while not self.take(")"):
            if self.take("..."):
                extensible = True
            elif not self.take("|") and not self.take(","):
                found.append(self.range())
        return [] if extensible else found

    def range(self):
        low = self.number_or_name()
        return (low, self.number_or_name() if self.take("..") else low)

    def number_or_name(self):
        negative = self.take("-")
        token = self.next()
        if token.kind == "number":
            return -int(token.text) if negative else int(token.text)
        if token.kind == "word" and not negative:
            return token.text
        return self.fail(f"expected a number or a value's name, found '{token.text}'", token.line)

    # ---- values ----

    def value(self):
        token = self.token
        if token.text in ("TRUE", "FALSE"):
            return Value(self.next().line, "boolean", token.text == "TRUE")
        if token.kind == "string":
            return Value(self.next().line, "string", token.text[1:-1].replace('""', '"'))
        if token.kind == "bits":
            return Value(self.next().line, "braces", [token])
        if self.peek("{"):
            return Value(token.line, "braces", self.skip_braces())
        if self.take("NULL"):
            return Value(token.line, "braces", [])
        content = self.number_or_name()
        return Value(token.line, "number" if isinstance(content, int) else "name", content)
