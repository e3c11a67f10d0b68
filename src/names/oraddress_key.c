/* The canonical form of attributes, and what is built on it: lists, equality, hashes. */
#include "base/text.h"
#include "names/oraddress_private.h"
#include "names/paddress.h"

/* Blocks of letters whose capitals have even (`to` = 1) or odd (`to` = 0) code points, each before its small
 * letter. */
static const struct {
    uint16_t first, last, to;
} pairs_of_letters[] = {
    {0x100, 0x12F, 1}, {0x132, 0x137, 1}, {0x139, 0x148, 0}, {0x14A, 0x177, 1},   {0x179, 0x17E, 0},
    {0x1CD, 0x1DC, 0}, {0x1DE, 0x1EF, 1}, {0x1F8, 0x21F, 1}, {0x222, 0x233, 1},   {0x460, 0x481, 1},
    {0x48A, 0x4BF, 1}, {0x4C1, 0x4CE, 0}, {0x4D0, 0x52F, 1}, {0x1E00, 0x1E95, 1}, {0x1EA0, 0x1EFF, 1},
};

static uint32_t fold_greek(uint32_t c) {
    static const uint16_t accented[] = {0x3AC, 0, 0x3AD, 0x3AE, 0x3AF, 0, 0x3CC, 0, 0x3CD, 0x3CE};
    if (c >= 0x386 && c <= 0x38F && accented[c - 0x386])
        return accented[c - 0x386];
    if (c >= 0x391 && c <= 0x3AB && c != 0x3A2)
        return c + 32;
    return c == 0x3C2 ? 0x3C3 : c; /* the sigma at a word's end */
}

/*
 * The small letter of a capital, for Latin, Greek, Cyrillic and Armenian
 * scripts. Other characters are their own fold. All folds keep the length in
 * UTF-8.
 */
static uint32_t fold(uint32_t c) {
    if ((c >= 'A' && c <= 'Z') || (c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c < 0xC0)
        return c;
    for (size_t i = 0; i < sizeof pairs_of_letters / sizeof *pairs_of_letters; i++)
        if (c >= pairs_of_letters[i].first && c <= pairs_of_letters[i].last)
            return pairs_of_letters[i].to ? c | 1 : c + (c & 1);
    if (c == 0x178)
        return 0xFF;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    return c >= 0x531 && c <= 0x556 ? c + 48 : fold_greek(c);
}

/* The character at the start of UTF-8 text, and its length; an octet that begins none stands for itself. */
static uint32_t read_character(struct span s, size_t *used) {
    uint8_t first = s.data[0];
    size_t more = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC2 ? 1 : 0;
    uint32_t c = more ? first & (0x3Fu >> more) : first;
    *used = 1;
    if (more >= s.len || first >= 0xF5)
        return first;
    for (size_t i = 1; i <= more; i++) {
        if ((s.data[i] & 0xC0) != 0x80)
            return first;
        c = c << 6 | (s.data[i] & 0x3Fu);
    }
    *used = more + 1;
    return c;
}

/* Folds the character at the start of `s` into `out` and returns the octets read, which are as many as those
 * written. */
static size_t fold_character(struct span s, uint8_t *out) {
    if (s.data[0] < 0x80) {
        out[0] = (uint8_t)fold(s.data[0]);
        return 1;
    }
    size_t used;
    uint32_t folded = fold(read_character(s, &used));
    if (used == 2) {
        out[0] = (uint8_t)(0xC0 | folded >> 6);
        out[1] = (uint8_t)(0x80 | (folded & 0x3F));
    } else if (used == 3) {
        out[0] = (uint8_t)(0xE0 | folded >> 12);
        out[1] = (uint8_t)(0x80 | (folded >> 6 & 0x3F));
        out[2] = (uint8_t)(0x80 | (folded & 0x3F));
    } else {
        memcpy(out, s.data, used);
    }
    return used;
}

/* Small letters and what they become with an accent that follows them: UniversalStrings and what is typed may
 * hold either form, T.61 always means the composed one. */
static const struct {
    uint16_t mark;
    const char *letters;
} accents[] = {
    {0x300, "aàeèiìnǹoòuù"},
    {0x301, "aácćeégǵiílĺnńoórŕsśuúyýzźαάεέηήιίοόυύωώ"},
    {0x302, "aâcĉeêgĝhĥiîjĵoôsŝuûwŵyŷ"},
    {0x303, "aãiĩnñoõuũ"},
    {0x304, "aāeēiīoōuū"},
    {0x306, "aăgğuŭий"},
    {0x307, "cċeėgġzż"},
    {0x308, "aäeëiïoöuüyÿеё"},
    {0x30A, "aåuů"},
    {0x30B, "oőuű"},
    {0x30C, "cčdďeěgǧlľnňrřsštťzž"},
    {0x326, "sștț"},
    {0x327, "cçgģkķlļnņrŗsştţ"},
    {0x328, "aąeęiįuų"},
};

static const char *letters_with(uint32_t mark) {
    for (size_t i = 0; i < sizeof accents / sizeof *accents; i++)
        if (accents[i].mark == mark)
            return accents[i].letters;
    return NULL;
}

/* Puts the accent at `out + len`, of `size` octets, onto the letter before it. Returns the new length. */
static size_t compose(uint8_t *out, size_t len, size_t size) {
    size_t used, start = len;
    const char *letters = letters_with(read_character(span_of(out + len, size), &used));
    while (letters && start && (out[start - 1] & 0xC0) == 0x80)
        start--;
    if (!letters || !start)
        return len + size;
    struct span letter = span_of(out + start - 1, len - start + 1);
    for (struct span rest = span_str(letters); rest.len;) {
        size_t base, composed;
        (void)read_character(rest, &base);
        (void)read_character(span_sub(rest, base, rest.len), &composed);
        if (span_eq(letter, span_sub(rest, 0, base))) {
            memcpy(out + start - 1, rest.data + base, composed);
            return start - 1 + composed;
        }
        rest = span_sub(rest, base + composed, rest.len);
    }
    return len + size;
}

static bool is_space(uint8_t c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Folded and composed, without spaces at the ends, and one for a run of them within. */
static struct span fold_value(struct span value, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, value.len + 1);
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    bool space = false;
    for (size_t i = 0; i < value.len;) {
        if (is_space(value.data[i])) {
            space = len > 0;
            i++;
            continue;
        }
        if (space)
            out[len++] = ' ';
        space = false;
        size_t used = fold_character(span_sub(value, i, value.len), out + len);
        len = used == 2 ? compose(out, len, used) : len + used;
        i += used;
    }
    return span_of(out, len);
}

struct span oraddress_fold(struct span name, struct arena *arena) {
    return fold_value(name, arena);
}

static struct span without_spaces(struct span key, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, key.len + 1);
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < key.len; i++) {
        if (key.data[i] != ' ')
            out[len++] = key.data[i];
    }
    return span_of(out, len);
}

/* Selectors are octets, so that nothing is folded, but one address has several spellings. */
static struct span psap_key(struct span value, struct span key, struct arena *arena) {
    struct paddress psap;
    struct buf text;
    buf_init(&text, 0);
    if (paddress_parse(value, arena, &psap, NULL) && paddress_print(&psap, &text))
        key = arena_dup(arena, buf_span(&text));
    buf_free(&text);
    return key;
}

struct span oraddress_value_key(enum oraddress_kind kind, struct span value, struct arena *arena) {
    struct span key = fold_value(value, arena);
    if (!key.data)
        return key;
    switch (kind) {
    case ORADDRESS_COUNTRY:
    case ORADDRESS_PD_COUNTRY: {
        const char *alpha = country_of_dcc(key);
        return alpha ? span_str(alpha) : key;
    }
    case ORADDRESS_X121:
    case ORADDRESS_ISDN:
    case ORADDRESS_NUMERIC_USER_ID:
        return without_spaces(key, arena);
    case ORADDRESS_PSAP:
        return psap_key(value, key, arena);
    case ORADDRESS_TERMINAL_TYPE: {
        const char *label = terminal_type_label(terminal_type_of(key));
        return label ? span_str(label) : key;
    }
    default:
        return key;
    }
}

static bool is_clean(struct span value) {
    for (size_t i = 0; i < value.len; i++) {
        if (value.data[i] < 0x20 || value.data[i] == 0x7F)
            return false;
    }
    return text_is_utf8(value);
}

/* UTF-8 without control characters: such have no place in any string of an address, and must not write lines
 * of their own into a log. White space becomes a space, the others U+FFFD. */
static struct span clean(struct span value, struct arena *arena) {
    if (is_clean(value))
        return value;
    value = text_is_utf8(value) ? value : text_from_ia5(value, arena);
    uint8_t *out = value.data ? arena_alloc(arena, value.len * 3 + 1) : NULL;
    if (!out)
        return (struct span){NULL, 0};
    size_t len = 0;
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (is_space(c)) {
            out[len++] = ' ';
        } else if (c < 0x20 || c == 0x7F) {
            memcpy(out + len, "\xEF\xBF\xBD", 3);
            len += 3;
        } else {
            out[len++] = c;
        }
    }
    return span_of(out, len);
}

/* That of a number has no zeros before it. */
static struct span type_key(enum oraddress_kind kind, struct span type, struct arena *arena) {
    struct span key = fold_value(type, arena);
    while (kind == ORADDRESS_UNKNOWN && is_digits(key) && key.len > 1 && key.data[0] == '0')
        key = span_sub(key, 1, key.len);
    return key;
}

bool attribute_teletex(struct attribute_list *list, struct span teletex) {
    struct oraddress_attribute *item = &list->items[list->count - 1];
    item->teletex = clean(teletex, list->arena);
    return item->teletex.data;
}

bool attribute_append(struct attribute_list *list, enum oraddress_kind kind, struct span type,
                      struct span value) {
    if (list->count == list->room) {
        size_t room = list->room ? list->room * 2 : 12;
        struct oraddress_attribute *items = arena_array(list->arena, room, sizeof(*items));
        if (!items)
            return false;
        if (list->count)
            memcpy(items, list->items, list->count * sizeof(*items));
        list->items = items;
        list->room = room;
    }
    struct oraddress_attribute *item = &list->items[list->count];
    *item = (struct oraddress_attribute){.kind = kind, .value = clean(value, list->arena)};
    if (item->value.data)
        item->key = oraddress_value_key(kind, item->value, list->arena);
    if (type.data) {
        item->type = clean(type, list->arena);
        item->type_key = item->type.data ? type_key(kind, item->type, list->arena) : item->type;
    }
    if (!item->key.data || (type.data && !item->type_key.data))
        return false;
    list->count++;
    return true;
}

bool attribute_sort(struct attribute_list *list) {
    size_t start[ORADDRESS_KINDS + 1] = {0};
    bool sorted = true;
    for (size_t i = 0; i < list->count; i++) {
        start[list->items[i].kind + 1]++;
        sorted = sorted && (i == 0 || list->items[i - 1].kind <= list->items[i].kind);
    }
    if (sorted)
        return true;
    for (int kind = 1; kind <= ORADDRESS_KINDS; kind++)
        start[kind] += start[kind - 1];
    struct oraddress_attribute *items = arena_array(list->arena, list->room, sizeof(*items));
    if (!items)
        return false;
    for (size_t i = 0; i < list->count; i++)
        items[start[list->items[i].kind]++] = list->items[i];
    list->items = items;
    return true;
}

const struct oraddress_attribute *oraddress_find(const struct oraddress *address, enum oraddress_kind kind) {
    for (size_t i = 0; i < address->count && address->items[i].kind <= kind; i++) {
        if (address->items[i].kind == kind)
            return &address->items[i];
    }
    return NULL;
}

bool oraddress_equal(const struct oraddress *a, const struct oraddress *b) {
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        const struct oraddress_attribute *x = &a->items[i], *y = &b->items[i];
        if (x->kind != y->kind || !span_eq(x->key, y->key) || !span_eq(x->type_key, y->type_key))
            return false;
    }
    return true;
}

bool oraddress_is_postal(const struct oraddress *address) {
    for (size_t i = 0; i < address->count; i++) {
        if (address->items[i].kind >= ORADDRESS_PD_SERVICE && address->items[i].kind <= ORADDRESS_PD_LINE_6)
            return true;
    }
    return false;
}

static bool has_any(const struct oraddress *address, enum oraddress_kind first, enum oraddress_kind last) {
    for (size_t i = 0; i < address->count; i++) {
        if (address->items[i].kind >= first && address->items[i].kind <= last)
            return true;
    }
    return false;
}

static const char *what_lacks(const struct oraddress *address) {
    bool terminal = has_any(address, ORADDRESS_X121, ORADDRESS_PSAP);
    if (!terminal && !oraddress_find(address, ORADDRESS_COUNTRY))
        return "country";
    if (!terminal && !oraddress_find(address, ORADDRESS_ADMD))
        return "administration domain";
    if (oraddress_is_postal(address)) {
        if (!oraddress_find(address, ORADDRESS_PD_COUNTRY))
            return "physical delivery country";
        return oraddress_find(address, ORADDRESS_PD_POSTAL_CODE) ? NULL : "postal code";
    }
    if (has_any(address, ORADDRESS_GIVEN_NAME, ORADDRESS_GENERATION) &&
        !oraddress_find(address, ORADDRESS_SURNAME))
        return "surname";
    if (terminal || has_any(address, ORADDRESS_ORGANIZATION, ORADDRESS_NUMERIC_USER_ID) ||
        oraddress_find(address, ORADDRESS_DOMAIN_DEFINED))
        return NULL;
    return "organization, unit, common name, personal name, numeric identifier or domain-defined attribute";
}

bool oraddress_is_complete(const struct oraddress *address, const char **missing) {
    const char *lacks = what_lacks(address);
    if (missing)
        *missing = lacks;
    return !lacks;
}
