"""From the model to C: NAME.h with structs and constants, NAME.c with the engine's tables (src/asn1/table.h)."""
from .lexer import ModuleError
from .model import LISTS, NUMBERS, STRUCTS, UNTAGGED, c_name, member_name
from .parser import UNIVERSAL

CLASS_NAMES = ("BER_UNIVERSAL", "BER_APPLICATION", "BER_CONTEXT", "BER_PRIVATE")


# Of what has no explicit tag around it.
STEPS = {"PrintableString": "CHARACTERS", "NumericString": "CHARACTERS", "IA5String": "CHARACTERS",
         "VisibleString": "CHARACTERS", "UTCTime": "CHARACTERS", "GeneralizedTime": "CHARACTERS",
         "OCTET STRING": "OCTETS", "INTEGER": "NUMBER", "ENUMERATED": "NUMBER", "BIT STRING": "BITS",
         "SEQUENCE": "STRUCT", "SET": "STRUCT", "SEQUENCE OF": "LIST", "SET OF": "LIST", "CHOICE": "UNTAGGED"}


def kind_name(kind):
    return "BER_KIND_" + kind.upper().replace(" ", "_").replace("-", "_")


def string_literal(octets):
    return '"' + "".join(f"\\x{o:02x}" for o in octets) + '"'


def oid_octets(arcs):
    octets = []
    for arc in [arcs[0] * 40 + arcs[1]] + arcs[2:]:
        part = [arc & 0x7F]
        while arc := arc >> 7:
            part.insert(0, arc & 0x7F | 0x80)
        octets += part
    return octets


class Generator:
    def __init__(self, model, module, prefixes):
        self.model = model
        self.module = module
        self.prefixes = prefixes  # include folder of each module
        self.head = []
        self.body = []
        self.primitives = {}  # tables of inline primitives: id(type) -> expression

    # ---- C types ----

    def c_type(self, made):
        """The C type of a value of `made`."""
        if made.kind == "REFERENCE":
            target = self.model.target(made)
            base = self.model.base(made)
            return f"struct {base.cname}" if base.kind in STRUCTS or base.kind in LISTS else target.cname
        kind = made.kind
        if kind in STRUCTS or kind in LISTS:
            return f"struct {made.cname}"
        if kind in ("BOOLEAN", "NULL"):
            return "bool"
        if kind in NUMBERS:
            return "int64_t"
        return "struct ber_bits" if kind == "BIT STRING" else "struct span"

    def is_void(self, part, in_choice):
        """True for a NULL whose being there says all."""
        return self.model.base(part.type).kind == "NULL" and (in_choice or not part.optional)

    def has_flag(self, part):
        return part.optional and self.model.base(part.type).kind in ("BOOLEAN", *NUMBERS)

    def member(self, part, in_choice):
        if self.is_void(part, in_choice):
            return []
        name = member_name(part.name)
        star = "*" if self.model.is_pointer(part) or part.pointer else ""
        lines = [f"bool has_{c_name(part.name)};"] if self.has_flag(part) else []
        return lines + [f"{self.c_type(part.type)} {star}{name};"]

    def struct(self, made):
        lines = [f"struct {made.cname} {{ /* {made.label} */"]
        if made.kind in LISTS:
            lines += [f"    {self.c_type(made.element)} *items;", "    size_t count;"]
        elif made.kind == "CHOICE":
            lines += ["    struct span raw;", "    enum {"]
            lines += [f"        {made.cname}_{c_name(part.name)} = {i + 1}," for i, part in enumerate(made.fields)]
            lines += ["    } choice;"]
            members = [line for part in made.fields for line in self.member(part, True)]
            if members:
                lines += ["    union {"] + [f"        {m}" for m in members] + ["    } u;"]
        else:
            lines += ["    struct span raw;"]
            lines += [f"    {line}" for part in made.fields for line in self.member(part, False)]
            if made.extensible:
                lines += ["    struct span unknown;"]
        return lines + ["};", ""]

    # ---- the header ----

    def header(self):
        guard = f"SCHEMA_{self.module.stem.upper()}_H"
        out = [f"/* Made by schema/compile from {self.module.stem}.asn1: changes are lost. */", f"#ifndef {guard}",
               f"#define {guard}", "", '#include "asn1/table.h"']
        out += [f'#include "{self.prefixes[other.stem]}{other.stem}.h"' for other in self.imported()]
        out += [""] + self.value_declarations() + self.aliases() + self.number_constants()
        for made in self.ordered_structs():
            out += self.struct(made)
        out += [f"extern const struct ber_type {made.cname}_type;" for made in self.tabled_types()]
        out += [f"extern const struct ber_table {self.table_name(name)};" for name in self.module.tables]
        out += [f"extern const struct ber_module {self.module.stem}_module;", "", "#endif", ""]
        return "\n".join(out)

    def imported(self):
        found = []
        for source, _ in self.module.imports.values():
            other = self.model.by_name[source.lower()]
            if other not in found:
                found.append(other)
        external = self.model.by_name.get("asn1")
        if external and external is not self.module and external not in found and not self.depends(external, self.module):
            found.append(external)
        for other in found:
            if self.depends(other, self.module):
                raise ModuleError(self.module.path, 1, f"imports from '{other.name}', which imports from here")
        return found

    def depends(self, module, goal, seen=()):
        """True if `module` imports, by whatever way, from `goal`."""
        for source, _ in module.imports.values():
            other = self.model.by_name[source.lower()]
            if other is goal or (other not in seen and self.depends(other, goal, (*seen, other))):
                return True
        return False

    def value_declarations(self):
        out = []
        for name, (made, value, line) in self.module.values.items():
            cname = f"{self.module.stem}_{c_name(name)}"
            kind = self.model.base(made).kind
            if kind in NUMBERS:
                out.append(self.constant(cname, self.model.integer(self.module, line, name)))
            elif kind == "OBJECT IDENTIFIER":
                arcs = ".".join(map(str, self.model.oid(self.module, value)))
                out.append(f"extern const struct span {cname}; /* {arcs} */")
            elif value.kind == "string":
                out.append(f"extern const struct span {cname};")
            else:
                raise ModuleError(self.module.path, line, f"a value of type {kind} has no form in C")
        return out + [""]

    def constant(self, cname, number):
        if -(1 << 31) <= number < 1 << 31:
            return f"enum {{ {cname} = {number} }};"
        if number == -(1 << 63):
            return f"#define {cname} INT64_MIN"
        return f"#define {cname} INT64_C({number})"

    def aliases(self):
        """Named types that are no struct of their own."""
        out, later = [], []
        for name, made in self.module.types.items():
            base = self.model.base(made)
            if base.kind not in STRUCTS and base.kind not in LISTS:
                self.typedef(made, out)
            elif made is not base:
                later.append(f"#define {made.cname} {base.cname}")
                if base.kind == "CHOICE":
                    later += [f"#define {made.cname}_{c_name(part.name)} {base.cname}_{c_name(part.name)}"
                              for part in base.fields]
        return out + later + [""]

    def typedef(self, made, out):
        """Writes the typedef of a primitive after the one that it refers to."""
        if made.kind == "REFERENCE":
            target = self.model.target(made)
            if target.module is self.module:
                self.typedef(target, out)
        line = f"typedef {self.c_type(made)} {made.cname};"
        if line not in out:
            out.append(line)

    def all_types(self):
        """Every type written in the module, inline ones included."""
        def walk(made):
            yield made
            for part in made.fields:
                if part.type.cname.startswith(made.cname):
                    yield from walk(part.type)
            if made.element:
                yield from walk(made.element)
        for made in self.module.types.values():
            yield from walk(made)
        for rows in self.module.tables.values():
            for row in rows:
                yield from walk(row.type)

    def number_constants(self):
        out = []
        for made in self.all_types():
            for name, number in self.model.named_numbers(made):
                out.append(self.constant(f"{made.cname}_{c_name(name)}", number))
        return out + [""]

    def ordered_structs(self):
        """Structs so that what is held by value comes first."""
        done = []

        def place(made):
            if made in done or made.module is not self.module:
                return
            for _, held in self.model.by_value(made):
                place(held)
            done.append(made)
        for made in self.model.structs:
            place(made)
        return done

    def tabled_types(self):
        """Types whose tables others may use: the named ones and inline structs."""
        named = {id(made) for made in self.module.types.values()}
        return [made for made in self.all_types() if id(made) in named or made.kind in STRUCTS or made.kind in LISTS]

    # ---- the tables ----

    def source(self):
        self.body = []
        tabled = self.tabled_types()
        types = [line for made in tabled for line in self.type_table(made, True)]
        tables = [line for name, rows in self.module.tables.items() for line in self.table(name, rows)]
        names = sorted(self.module.types)
        out = [f"/* Made by schema/compile from {self.module.stem}.asn1: changes are lost. */",
               f'#include "{self.prefixes[self.module.stem]}{self.module.stem}.h"', ""]
        out += self.values() + self.body + types + tables
        out += ["static const struct ber_type *const all_types[] = {"]
        out += [f"    &{self.module.types[name].cname}_type," for name in names] + ["    NULL,", "};", ""]
        out += [f"const struct ber_module {self.module.stem}_module = {{",
                f'    "{self.module.stem}", all_types, {len(names)}}};', ""]
        return "\n".join(out)

    def values(self):
        out = []
        for name, (made, value, line) in self.module.values.items():
            cname = f"{self.module.stem}_{c_name(name)}"
            kind = self.model.base(made).kind
            octets = None
            if kind == "OBJECT IDENTIFIER":
                octets = oid_octets(self.model.oid(self.module, value))
            elif value.kind == "string":
                octets = value.content.encode()
            if octets is not None:
                out.append(f"const struct span {cname} = {self.span(octets)};")
        return out + [""]

    def span(self, octets):
        return f"{{(const uint8_t *){string_literal(octets)}, {len(octets)}}}"

    def tag_list(self, tags):
        if not tags:
            return "NULL"
        return "(const uint32_t[]){" + ", ".join(f"BER_ID({CLASS_NAMES[c]}, {n})" for c, n in tags) + "}"

    def type_table(self, made, public):
        """The struct ber_type of a type, and its fields before it."""
        base = self.model.base(made)
        out = []
        fields = base.fields
        if base.kind in LISTS:
            fields = [base.element]
            out += [f"static const struct ber_field {made.cname}_fields[] = {{", self.element_row(base), "};"]
        elif fields:
            rows = [self.field_row(base, i, part) for i, part in enumerate(fields)]
            out += [f"static const struct ber_field {made.cname}_fields[] = {{", *rows, "};"]
        tags = self.model.tags(made)
        out += [f"{'' if public else 'static '}const struct ber_type {made.cname}_type = {{",
                f'    .name = "{made.label}",', f"    .kind = {kind_name(base.kind)},"]
        flags = ["BER_TYPE_EXTENSIBLE"] if base.extensible else []
        if base.kind in STRUCTS and any(self.has_default(part) for part in fields):
            flags.append("BER_TYPE_DEFAULTS")
        if flags:
            out.append(f"    .flags = {' | '.join(flags)},")
        out += [f"    .size = sizeof({self.c_type(made)}),", f"    .tags = {self.tag_list(tags)},",
                f"    .tag_count = {len(tags)},"]
        if fields:
            out += [f"    .fields = {made.cname}_fields,", f"    .count = {len(fields)},"]
        if base.kind in (*LISTS, *STRUCTS):     # also without fields: 0 would be an octet, that of an end of contents
            out.append(f"    .first = {self.octet_at(base, 0)},")
        if base.kind in STRUCTS:
            out += self.index_lines(base)
        if base.kind == "CHOICE":
            out.append(f"    .extra = offsetof(struct {base.cname}, choice),")
        elif base.kind in STRUCTS and base.extensible:
            out += [f"    .extra = offsetof(struct {base.cname}, unknown),", f"    .marker = {base.marker},"]
        return out + self.bounds_line(made) + self.names_lines(base) + ["};", ""]

    def has_default(self, part):
        return part.default is not None and self.model.base(part.type).kind in ("BOOLEAN", *NUMBERS)

    def index_lines(self, base):
        """What finds a component by its first identifier octet, and the components that must be there."""
        places = self.model.index(base)
        out = ["    .index = ber_no_index,"]
        if places:
            listed = ", ".join(f"BER_INDEX({c}, {n}, {place})" for (c, n), place in places.items())
            out = [f"    .index = (const uint8_t[256]){{{listed}}},"]
        mandatory = sum(1 << i for i, part in enumerate(base.fields) if not part.optional and part.default is None)
        return out + ([f"    .mandatory = UINT64_C({mandatory:#x})," ] if base.kind != "CHOICE" else [])

    def stated_bounds(self, made):
        while made.kind == "REFERENCE" and not self.model.bounds(made):
            made = self.model.target(made)
        return self.model.bounds(made)

    def bounds_line(self, made):
        bounds = self.stated_bounds(made)
        if not bounds:
            return []
        def number(n):
            return {-(1 << 63): "INT64_MIN", (1 << 63) - 1: "INT64_MAX"}.get(n, str(n))
        names = ", ".join(f'"{n}"' if n else "NULL" for n in bounds[2:])
        return [f"    .bounds = &(const struct ber_bounds){{{number(bounds[0])}, {number(bounds[1])}, {names}}},"]

    def names_lines(self, base):
        names = self.model.named_numbers(base)
        if not names:
            return []
        listed = ", ".join(f'{{{number}, "{name}"}}' for name, number in names)
        return [f"    .names = (const struct ber_name[]){{{listed}}},", f"    .name_count = {len(names)},"]

    def type_expression(self, made, with_tags=False):
        """The address of the table of a type that stands inline; with_tags if the table's own tags matter."""
        own_tags = with_tags and made.tags
        if made.kind == "REFERENCE" and not own_tags and not self.model.bounds(made):
            return f"&{self.model.target(made).cname}_type"
        if made.kind in STRUCTS or made.kind in LISTS:
            return f"&{made.cname}_type"
        if made.kind != "REFERENCE" and not own_tags and not self.model.bounds(made) and not made.named:
            return f"&ber_{c_name(made.kind.replace(' ', '_'))}_type"
        if id(made) not in self.primitives:
            self.primitives[id(made)] = f"&{made.cname}_type"
            self.body += self.type_table(made, False)
        return self.primitives[id(made)]

    def element_row(self, made):
        element = made.element
        first = self.model.first_tags(element)
        return "    " + self.row("item", element, ["0"], "0", "0", "0", first)

    def field_row(self, made, index, part):
        in_choice = made.kind == "CHOICE"
        flags, has, value, offset = [], "0", "0", "0"
        path = ("u." if in_choice else "") + member_name(part.name)
        struct = f"struct {made.cname}"
        if self.is_void(part, in_choice):
            flags.append("BER_FIELD_VOID")
        else:
            pointer = self.model.is_pointer(part) or part.pointer
            flags += ["BER_FIELD_POINTER"] if pointer else []
            offset = f"BER_OFFSET({struct}, {path}, {self.c_type(part.type)}{' *' if pointer else ''})"
        if part.optional or part.default is not None:
            flags.append("BER_FIELD_OPTIONAL")
        if self.has_flag(part):
            flags.append("BER_FIELD_HAS")
            has = f"BER_OFFSET({struct}, has_{c_name(part.name)}, bool)"
        if self.is_nullable(part, flags):
            flags.append("BER_FIELD_NULLABLE")
        if self.has_default(part):
            flags.append("BER_FIELD_DEFAULT")
            value = str(self.model.default_number(part))
        if in_choice:
            value = str(index + 1)
        return "    " + self.row(part.name, part.type, flags or ["0"], offset, has, value,
                                 self.model.first_tags(part.type), self.octet_at(made, index + 1))

    def octet(self, made):
        """The one identifier octet with which the usual form of a value begins, or 0."""
        tags, kind = self.model.tags(made), self.model.base(made).kind
        constructed = len(tags) > 1 or kind in UNTAGGED or kind in ("SEQUENCE", "SET") or kind in LISTS
        return tags[0][0] << 6 | (0x20 if constructed else 0) | tags[0][1] if tags and tags[0][1] < 31 else 0

    def octet_at(self, made, index):
        """The octet of a component or an item, or that there is none."""
        parts = [made.element] if made.kind in LISTS else [part.type for part in made.fields]
        octet = self.octet(parts[index]) if index < len(parts) else 0
        return hex(octet) if octet else "BER_NO_OCTET"

    def row(self, name, made, flags, offset, has, value, first, next_octet="BER_NO_OCTET"):
        tags = self.model.tags(made)
        firsts = self.tag_list(first) if first and not tags else "NULL"
        count = len(first) if first and not tags else 0
        identifier = f"BER_ID({CLASS_NAMES[tags[0][0]]}, {tags[0][1]})" if tags else "BER_NO_ID"
        kind = self.model.base(made).kind
        around = len(tags) - (kind not in UNTAGGED)
        octet = self.octet(made)
        if not around and not {"BER_FIELD_POINTER", "BER_FIELD_HAS", "BER_FIELD_VOID"}.intersection(flags):
            flags = [flag for flag in flags if flag != "0"] + ["BER_FIELD_PLAIN"]
        step = self.step(made, flags, around) if octet or not tags else "NONE"
        least, most = self.short_bounds(made)
        return (f'{{"{name}", {self.type_expression(made)}, {self.tag_list(tags)}, {firsts}, {len(tags)}, {around}, '
                f"{' | '.join(flags)}, {octet:#x}, {count}, {kind_name(kind)}, BER_STEP_{step}, {next_octet}, {has}, "
                f"{offset}, {identifier}, {least}, {most}, {value}}},")

    def step(self, made, flags, around):
        """How the decoder takes it where it is of the usual form (enum ber_step)."""
        kind = self.model.base(made).kind
        if around == 1 and kind in UNTAGGED:
            return "CHOICE" if kind == "CHOICE" else "OPEN" if "BER_FIELD_POINTER" not in flags else "NONE"
        if around or ("BER_FIELD_PLAIN" not in flags and kind not in (*STRUCTS, *NUMBERS)):
            return "NONE"
        return STEPS.get(kind, "NONE")

    def short_bounds(self, made):
        """What a size or number of 16 bits may be; of a broken or negative range, or scattered names: nothing."""
        base = self.model.base(made)
        low, high = (self.stated_bounds(made) or (0, 0xFFFF))[:2]
        if base.kind == "ENUMERATED" and base.named and not base.extensible:
            numbers = sorted(number for _, number in self.model.named_numbers(base))
            low, high = (0, len(numbers) - 1) if numbers == list(range(len(numbers))) else (1, 0)
        return (1, 0) if high < 0 else (min(max(low, 0), 0xFFFF), min(high, 0xFFFF))

    def is_nullable(self, part, flags):
        kind = self.model.base(part.type).kind
        if "BER_FIELD_POINTER" in flags:
            return True
        if kind in LISTS:
            return part.optional or part.default is not None
        return kind not in (*STRUCTS, *NUMBERS, "BOOLEAN", "NULL")

    # ---- TABLE ----

    def table_name(self, name):
        return f"{self.module.stem}_{c_name(name)}_table"

    def table(self, name, rows):
        by_number, by_oid = {}, {}
        for row in rows:
            number = self.row_number(row)
            key = number if number is not None else tuple(oid_octets(self.model.oid(self.module, row.key)))
            keyed = by_oid if number is None else by_number
            if key in keyed:
                raise ModuleError(self.module.path, row.line, f"the key of '{row.name}' stands twice in '{name}'")
            keyed[key] = row
        out = []
        for suffix, keyed in (("numbers", by_number), ("oids", by_oid)):
            if keyed:
                out += [f"static const struct ber_table_row {self.table_name(name)}_{suffix}[] = {{"]
                out += [self.table_row(key, row) for key, row in sorted(keyed.items())] + ["};"]
        numbers = f"{self.table_name(name)}_numbers" if by_number else "NULL"
        oids = f"{self.table_name(name)}_oids" if by_oid else "NULL"
        return out + [f"const struct ber_table {self.table_name(name)} = {{",
                      f'    "{name}", {numbers}, {len(by_number)}, {oids}, {len(by_oid)}}};', ""]

    def row_number(self, row):
        if row.key.kind == "number":
            return row.key.content
        if row.key.kind == "name":
            home = self.model.home(self.module, row.key.content)
            if home and row.key.content in home.values:
                if self.model.base(home.values[row.key.content][0]).kind in NUMBERS:
                    return self.model.integer(self.module, row.line, row.key.content)
        return None

    def table_row(self, key, row):
        number, oid = (key, "{NULL, 0}") if isinstance(key, int) else (0, self.span(key))
        return (f'    {{{number}, {oid}, "{row.name}", {self.type_expression(row.type, True)}, '
                f"{row.criticality}}},")
