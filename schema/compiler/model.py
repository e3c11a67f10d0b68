"""What the modules mean together: references, values, tags, names in C, and what contains what."""
from .lexer import ModuleError
from .parser import UNIVERSAL, Value

STRUCTS = ("SEQUENCE", "SET", "CHOICE")
LISTS = ("SEQUENCE OF", "SET OF")
UNTAGGED = ("CHOICE", "ANY")
NUMBERS = ("INTEGER", "ENUMERATED")
ROOT_ARCS = {"itu-t": 0, "ccitt": 0, "itu-r": 0, "iso": 1, "joint-iso-itu-t": 2, "joint-iso-ccitt": 2}
OTHER_ARCS = {"standard": 0, "registration-authority": 1, "member-body": 2, "identified-organization": 3,
              "recommendation": 0, "question": 1, "administration": 2, "network-operator": 3}
MAX_COMPONENTS = 64  # BER_MAX_COMPONENTS
KEYWORDS = set("""auto break case char const continue default do double else enum extern float for goto if inline int
    long register restrict return short signed sizeof static struct switch typedef union unsigned void volatile while
    bool true false asm typeof raw unknown""".split())


def c_name(name):
    return name.replace("-", "_")


def member_name(name):
    return c_name(name) + ("_" if name in KEYWORDS else "")


class Model:
    def __init__(self, modules):
        self.modules = modules
        self.by_name = {}
        for module in modules:
            for name in (module.name, module.stem):
                if self.by_name.setdefault(name.lower(), module) is not module:
                    raise ModuleError(module.path, 1, f"another module has the name '{name}' too")
        self.structs = []  # struct-like types in the order of definition
        for module in modules:
            self.check_imports(module)
        for module in modules:
            for name, made in module.types.items():
                self.name_type(made, f"{module.stem}_{c_name(name)}", name)
            for table, rows in module.tables.items():
                for row in rows:
                    self.name_type(row.type, f"{module.stem}_{c_name(table)}_{c_name(row.name)}", row.name)
        for module in modules:
            self.check_references(module)
        for made in self.structs:
            self.expand_components(made)
        for made in self.structs:
            self.check_members(made)
        self.mark_pointers()

    def fail(self, at, cause):
        raise ModuleError(at.module.path, at.line, cause)

    # ---- references ----

    def check_imports(self, module):
        for symbol, (source, line) in module.imports.items():
            other = self.by_name.get(source.lower())
            if not other:
                raise ModuleError(module.path, line, f"there is no module '{source}'")
            if symbol not in other.types and symbol not in other.values and symbol not in other.tables:
                raise ModuleError(module.path, line, f"module '{source}' does not define '{symbol}'")

    def home(self, module, symbol):
        """The module in which a symbol that `module` uses is defined, or None."""
        if symbol in module.types or symbol in module.values or symbol in module.tables:
            return module
        if symbol in module.imports:
            return self.by_name[module.imports[symbol][0].lower()]
        return self.by_name.get("asn1") if symbol == "EXTERNAL" else None

    def target(self, made):
        """The type that a reference names."""
        home = self.home(made.module, made.reference)
        if not home or made.reference not in home.types:
            self.fail(made, f"type '{made.reference}' is neither defined nor imported")
        return home.types[made.reference]

    def base(self, made):
        """The builtin type at the end of the references."""
        seen = []
        while made.kind == "REFERENCE":
            if made in seen:
                self.fail(made, f"'{made.reference}' is defined by itself alone")
            seen.append(made)
            made = self.target(made)
        return made

    def check_references(self, module):
        for made in module.types.values():
            self.check_type(made)
        for rows in module.tables.values():
            for row in rows:
                self.check_type(row.type)
        for name, (made, _, _) in module.values.items():
            self.check_type(made)

    def check_type(self, made):
        self.base(made)
        for part in made.fields:
            self.check_type(part.type)
        if made.element:
            self.check_type(made.element)

    # ---- names ----

    def name_type(self, made, cname, label):
        """Gives the type and all that is written inline in it its name in C."""
        made.cname = cname
        made.label = label
        if made.kind in STRUCTS or made.kind in LISTS:
            self.structs.append(made)
        for part in made.fields:
            if not part.components_of:
                self.name_type(part.type, f"{cname}_{c_name(part.name)}", f"{label}.{part.name}")
        if made.element:
            self.name_type(made.element, f"{cname}_item", f"{label}.item")

    def expand_components(self, made, inside=()):
        if any(part.components_of for part in made.fields):
            if made in inside:
                self.fail(made, "COMPONENTS OF itself")
            fields, marker = [], made.marker
            for place, part in enumerate(made.fields):
                if place == made.marker:
                    marker = len(fields)
                if not part.components_of:
                    fields.append(part)
                    continue
                base = self.base(part.type)
                if base.kind != made.kind:
                    self.fail(part.type, f"COMPONENTS OF wants a {made.kind}")
                self.expand_components(base, (*inside, made))
                fields += base.fields
            made.marker = marker if made.marker < len(made.fields) else len(fields)
            made.fields = fields

    def check_members(self, made):
        seen = set()
        for part in made.fields:
            name = member_name(part.name)
            if name in seen:
                self.fail(part.type, f"component '{part.name}' stands twice in '{made.label}'")
            seen.add(name)
        if made.kind == "CHOICE":
            if not made.fields:
                self.fail(made, "a CHOICE without alternatives")
            self.check_distinct(made, made.fields)
        elif made.kind == "SET":
            self.check_distinct(made, made.fields)
        elif made.kind == "SEQUENCE":
            run = []
            for part in made.fields:
                run.append(part)
                self.check_distinct(made, run)
                if not part.optional and part.default is None:
                    run = []
        if made.kind in ("SEQUENCE", "SET") and len(made.fields) > MAX_COMPONENTS:
            self.fail(made, f"a {made.kind} of more than {MAX_COMPONENTS} components")

    def check_distinct(self, made, fields):
        seen = {}
        for i, part in enumerate(fields):
            first = self.first_tags(part.type)
            if first is None and i + 1 < len(fields):
                self.fail(part.type, f"nothing can follow the untagged ANY '{part.name}' in '{made.label}'")
            for tag in first or []:
                if tag in seen:
                    self.fail(part.type, f"'{part.name}' and '{seen[tag]}' of '{made.label}' have the same tag")
                seen[tag] = part.name

    # ---- tags ----

    def tags(self, made):
        """The tags of a value, outermost first; for a CHOICE or ANY only those around it."""
        if made.kind == "REFERENCE":
            inner = self.tags(self.target(made))
        elif made.kind in UNTAGGED:
            inner = []
        else:
            inner = [(0, UNIVERSAL[made.kind])]
        for tag_class, number, mode in reversed(made.tags):
            implicit = mode == "IMPLICIT" or (mode is None and made.module.implicit)
            inner = [(tag_class, number)] + (inner[1:] if implicit and inner else inner)
        return inner

    def first_tags(self, made, inside=()):
        """The tags with which a value can begin; None stands for any."""
        tags = self.tags(made)
        if tags:
            return tags[:1]
        base = self.base(made)
        if base.kind == "ANY":
            return None
        if base in inside:
            self.fail(made, f"'{base.label}' is an alternative of itself")
        found = []
        for part in base.fields:
            first = self.first_tags(part.type, (*inside, base))
            if first is None:
                return None
            found += first
        return found

    def index(self, made):
        """The place, from 1, of each component by the tags with which it begins, where a tag alone tells."""
        places = {}
        for place, part in enumerate(made.fields[:255], 1):
            first = self.first_tags(part.type)
            if first is None:
                return {}
            places.update((tag, 0 if tag in places else place) for tag in first)
        return {tag: place for tag, place in places.items() if place and tag[1] < 31 and tag != (0, 0)}

    # ---- values ----

    def integer(self, module, line, content, inside=()):
        """The number that a literal or a value's name stands for."""
        if isinstance(content, int):
            return content
        home = self.home(module, content)
        if not home or content not in home.values:
            raise ModuleError(module.path, line, f"value '{content}' is neither defined nor imported")
        if (home, content) in inside:
            raise ModuleError(module.path, line, f"value '{content}' is defined by itself")
        made, value, value_line = home.values[content]
        if self.base(made).kind not in NUMBERS:
            raise ModuleError(module.path, line, f"'{content}' is no number")
        number = self.named_number(made, value)
        if number is not None:
            return number
        if value.kind not in ("number", "name"):
            raise ModuleError(home.path, value_line, f"'{content}' wants a number")
        return self.integer(home, value_line, value.content, (*inside, (home, content)))

    def named_number(self, made, value):
        base = self.base(made)
        for name, number in base.named:
            if value.kind == "name" and name == value.content:
                return self.integer(base.module, base.line, number)
        return None

    def named_numbers(self, made):
        return [(name, self.integer(made.module, made.line, number)) for name, number in made.named if name != "..."]

    def default_number(self, part):
        """The default of a BOOLEAN, INTEGER or ENUMERATED as a number."""
        value = part.default
        kind = self.base(part.type).kind
        if kind == "BOOLEAN":
            if value.kind != "boolean":
                self.fail(part.type, f"the default of '{part.name}' is no BOOLEAN")
            return int(value.content)
        number = self.named_number(part.type, value)
        if number is None and value.kind in ("number", "name"):
            number = self.integer(part.type.module, part.line, value.content)
        if number is None:
            self.fail(part.type, f"the default of '{part.name}' is no number")
        return number

    def oid(self, module, value, inside=()):
        """An OBJECT IDENTIFIER value as a list of arcs."""
        if value.kind == "name":
            home = self.home(module, value.content)
            if not home or value.content not in home.values:
                raise ModuleError(module.path, value.line, f"value '{value.content}' is neither defined nor imported")
            if (home, value.content) in inside:
                raise ModuleError(module.path, value.line, f"value '{value.content}' is defined by itself")
            return self.oid(home, home.values[value.content][1], (*inside, (home, value.content)))
        if value.kind != "braces":
            raise ModuleError(module.path, value.line, "expected an object identifier in braces")
        arcs = []
        tokens = list(value.content)
        while tokens:
            token = tokens.pop(0)
            if len(tokens) >= 3 and tokens[0].text == "(" and tokens[2].text == ")":
                number = tokens[1]
                del tokens[:3]
                arcs.append(int(number.text) if number.kind == "number" else
                            self.integer(module, number.line, number.text))
            elif token.kind == "number":
                arcs.append(int(token.text))
            else:
                arcs += self.arc_by_name(module, token, arcs, inside)
        if len(arcs) < 2 or arcs[0] > 2 or (arcs[0] < 2 and arcs[1] > 39):
            raise ModuleError(module.path, value.line, "no object identifier: " + ".".join(map(str, arcs)))
        return arcs

    def arc_by_name(self, module, token, arcs, inside):
        home = self.home(module, token.text)
        if home and token.text in home.values:
            if self.base(home.values[token.text][0]).kind in NUMBERS:
                return [self.integer(module, token.line, token.text)]
            if not arcs:
                return self.oid(module, Value(token.line, "name", token.text), inside)
        if not arcs and token.text in ROOT_ARCS:
            return [ROOT_ARCS[token.text]]
        if len(arcs) == 1 and token.text in OTHER_ARCS:
            return [OTHER_ARCS[token.text]]
        raise ModuleError(module.path, token.line, f"'{token.text}' is no known arc; give its number")

    # ---- bounds ----

    def bounds(self, made):
        """(low, high, low's name, high's name) of the SIZE or range that the type itself states, or None."""
        kind = self.base(made).kind
        ranges = made.bounds if kind in NUMBERS else made.sizes
        if not ranges or kind == "ENUMERATED":
            return None
        lows = [self.bound(made, low, 0 if made.sizes else -(1 << 63)) for low, _ in ranges]
        highs = [self.bound(made, high, (1 << 63) - 1) for _, high in ranges]
        low, high = min(lows, key=lambda b: b[0]), max(highs, key=lambda b: b[0])
        if low[0] > high[0]:
            self.fail(made, f"an empty range: {low[0]} to {high[0]}")
        return (low[0], high[0], low[1], high[1])

    def bound(self, made, end, unbounded):
        if end in ("MIN", "MAX"):
            return (unbounded, None)
        named = self.named_number(made, Value(made.line, "name", end))
        if named is not None:
            return (named, end)
        return (self.integer(made.module, made.line, end), end if isinstance(end, str) else None)

    # ---- containment ----

    def by_value(self, made):
        """The structs that a struct holds by value, with the members that hold them."""
        for part in made.fields:
            base = self.base(part.type)
            held = base.kind in LISTS or (base.kind in STRUCTS and not self.is_pointer(part))
            if held:
                yield part, base

    def is_pointer(self, part):
        kind = self.base(part.type).kind
        return part.pointer or (kind in STRUCTS and (part.optional or part.default is not None))

    def mark_pointers(self):
        """A member through which a type would contain itself becomes a pointer."""
        for made in self.structs:
            for part, base in list(self.by_value(made)):
                if base.kind in STRUCTS and self.reaches(base, made, set()):
                    part.pointer = True

    def reaches(self, start, goal, seen):
        if start is goal:
            return True
        seen.add(id(start))
        return any(self.reaches(base, goal, seen) for _, base in self.by_value(start) if id(base) not in seen)
