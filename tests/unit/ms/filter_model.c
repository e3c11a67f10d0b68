/* Random filters on random entries against a plain model: trees decided by recursion, values as C's own. */
#include "entries.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>

#define FILTERS     4000
#define ENTRIES     12 /* for each filter */
#define MOST_NODES  24
#define MOST_TEXT   7
#define MOST_GROUPS 3
#define MOST_PIECES 3

/* ---- the model ---- */

enum kind { NUMBER, PRIORITY, STATUS, NOTES, GROUP, UNKNOWN, KINDS };
enum op { EQUAL, NEARLY, NOT_BEFORE, NOT_BEHIND, PARTS, PRESENT, ONE_PART, COUNT_IS, BROKEN, OPS };
enum join { ITEM, AND, OR, NOT };

struct value {
    int64_t number;
    char text[MOST_TEXT + 1];
    char group[MOST_GROUPS][MOST_TEXT + 1];
    size_t parts;
};

struct node {
    enum join join;
    size_t within[3], count;
    enum op op;
    enum kind kind;
    struct value value;
    struct value piece[MOST_PIECES]; /* of PARTS */
    int place[MOST_PIECES];
    size_t pieces;
};

struct tree {
    struct node nodes[MOST_NODES];
    size_t count;
};

struct modelled {
    struct value values[KINDS][3];
    size_t count[KINDS];
};

/* Spaces at the ends that are asked for go, of several in a row one stays, letters are small. */
static void normal(const char *from, bool head, bool tail, char *to) {
    size_t len = 0;
    for (; *from; from++)
        if (*from != ' ' || (len ? to[len - 1] != ' ' : !head))
            to[len++] = (char)tolower((unsigned char)*from);
    if (tail && len && to[len - 1] == ' ')
        len--;
    to[len] = '\0';
}

static bool same_text(const char *a, const char *b) {
    char x[MOST_TEXT + 1], y[MOST_TEXT + 1];
    normal(a, true, true, x);
    normal(b, true, true, y);
    return strcmp(x, y) == 0;
}

/* Every place is tried for a part in the middle. */
static bool pieces_fit(const struct node *node, size_t at, const char *rest) {
    char piece[MOST_TEXT + 1];
    if (at == MOST_PIECES || at == node->pieces)
        return true;
    normal(node->piece[at].text, node->place[at] == INITIAL, node->place[at] == FINAL, piece);
    size_t len = strlen(piece);
    if (node->place[at] == INITIAL)
        return strncmp(rest, piece, len) == 0 && pieces_fit(node, at + 1, rest + len);
    if (node->place[at] == FINAL)
        return strlen(rest) >= len && strcmp(rest + strlen(rest) - len, piece) == 0;
    for (const char *from = rest;; from++) {
        if (strncmp(from, piece, len) == 0 && pieces_fit(node, at + 1, from + len))
            return true;
        if (!*from)
            return false;
    }
}

static bool is_number(enum kind kind) {
    return kind == NUMBER || kind == PRIORITY || kind == STATUS;
}

static bool equal(enum kind kind, const struct value *a, const struct value *b) {
    if (is_number(kind))
        return a->number == b->number;
    if (kind == NOTES)
        return same_text(a->text, b->text);
    bool same = a->parts == b->parts;
    for (size_t i = 0; same && i < a->parts; i++)
        same = same_text(a->group[i], b->group[i]);
    return same;
}

/* True if the item can be decided at all. */
static bool is_defined(const struct node *node) {
    switch (node->op) {
    case EQUAL:
    case NEARLY:
        return node->kind != UNKNOWN;
    case NOT_BEFORE:
    case NOT_BEHIND:
        return node->kind == NUMBER || node->kind == PRIORITY; /* the status has no ordering */
    case PARTS:
        return node->kind == NOTES;
    case PRESENT:
        return node->kind != UNKNOWN;
    case ONE_PART:
    case COUNT_IS:
        return node->kind == GROUP;
    default:
        return false;
    }
}

static bool holds(const struct node *node, const struct value *value) {
    char text[MOST_TEXT + 1], part[MOST_TEXT + 1];
    bool found = false;
    switch (node->op) {
    case NOT_BEFORE:
        return value->number >= node->value.number;
    case NOT_BEHIND:
        return value->number <= node->value.number;
    case PARTS:
        normal(value->text, true, true, text);
        return pieces_fit(node, 0, text);
    case ONE_PART:
        normal(node->value.text, true, true, part);
        for (size_t i = 0; i < value->parts; i++) {
            normal(value->group[i], true, true, text);
            found |= strstr(text, part) != NULL;
        }
        return found;
    default:
        return equal(node->kind, &node->value, value);
    }
}

static enum ms_verdict decide_item(const struct node *node, const struct modelled *entry) {
    if (!is_defined(node))
        return MS_UNDEFINED;
    if (node->op == PRESENT)
        return entry->count[node->kind] ? MS_TRUE : MS_FALSE;
    if (node->op == COUNT_IS)
        return (size_t)node->value.number == entry->count[GROUP] ? MS_TRUE : MS_FALSE;
    for (size_t i = 0; i < entry->count[node->kind]; i++)
        if (holds(node, &entry->values[node->kind][i]))
            return MS_TRUE;
    return MS_FALSE;
}

static enum ms_verdict decide(const struct tree *tree, size_t at, const struct modelled *entry) {
    const struct node *node = &tree->nodes[at];
    size_t verdicts[4] = {0};
    if (node->join == ITEM)
        return decide_item(node, entry);
    for (size_t i = 0; i < node->count; i++)
        verdicts[decide(tree, node->within[i], entry)]++;
    if (node->join == NOT)
        return verdicts[MS_TRUE] ? MS_FALSE : verdicts[MS_FALSE] ? MS_TRUE : MS_UNDEFINED;
    enum ms_verdict deciding = node->join == OR ? MS_TRUE : MS_FALSE,
                    else_ = node->join == OR ? MS_FALSE : MS_TRUE;
    return verdicts[deciding] ? deciding : verdicts[MS_UNDEFINED] ? MS_UNDEFINED : else_;
}

/* ---- chance ---- */

static uint64_t chance;

static unsigned below(unsigned most) {
    chance ^= chance << 13;
    chance ^= chance >> 7;
    chance ^= chance << 17;
    return (unsigned)(chance >> 33) % most;
}

static void random_text(char *text, size_t least) {
    size_t len = least + below(MOST_TEXT - 1);
    for (size_t i = 0; i < len; i++)
        text[i] = "aabAB  "[below(7)];
    text[len] = '\0';
}

static struct value random_value(enum kind kind) {
    struct value value = {.number = below(3)};
    random_text(value.text, 1);
    value.parts = kind == GROUP ? 1 + below(MOST_GROUPS) : 0;
    for (size_t i = 0; i < value.parts; i++)
        snprintf(value.group[i], sizeof value.group[i], "%c%c", "abA"[below(3)], "ab"[below(2)]);
    return value;
}

static void random_item(struct node *node) {
    node->op = below(OPS);
    node->kind = below(8) ? below(UNKNOWN) : UNKNOWN;
    node->value = random_value(node->kind);
    if (node->op == ONE_PART)
        snprintf(node->value.text, sizeof node->value.text, "%s", below(2) ? "a" : "ba");
    node->pieces = 1 + below(MOST_PIECES);
    for (size_t i = 0; i < node->pieces; i++) {
        random_text(node->piece[i].text, below(2));
        node->piece[i].text[below(4)] = '\0';
        node->place[i] = i == 0 && below(2) ? INITIAL : i + 1 == node->pieces && below(2) ? FINAL : ANY;
    }
}

static size_t random_tree(struct tree *tree, unsigned depth) {
    size_t at = tree->count++;
    struct node *node = &tree->nodes[at];
    *node = (struct node){.join = depth == 0 || tree->count + 4 > MOST_NODES ? ITEM : (enum join)below(4)};
    if (node->join == ITEM) {
        random_item(node);
        return at;
    }
    size_t wanted = node->join == NOT ? 1 : below(4);
    while (node->count < wanted && (node->count == 0 || tree->count + 4 < MOST_NODES)) {
        size_t within = random_tree(tree, depth - 1);
        node->within[node->count++] = within;
    }
    return at;
}

static struct modelled random_entry(void) {
    struct modelled entry = {0};
    for (enum kind kind = NUMBER; kind < UNKNOWN; kind++) {
        entry.count[kind] = is_number(kind) ? below(5) > 0 : below(4);
        for (size_t i = 0; i < entry.count[kind]; i++)
            entry.values[kind][i] = random_value(kind);
    }
    return entry;
}

/* ---- the same as X.413 has it ---- */

static struct span identifier(enum kind kind) {
    const struct span identifiers[] = {x413at_id_att_sequence_number,    x413at_id_att_priority,
                                       x413at_id_att_retrieval_status,   x413at_id_att_message_notes,
                                       x413at_id_att_message_group_name, SPAN_LIT("\x2A\x03")};
    return identifiers[kind];
}

static struct span element(enum kind kind, const struct value *value) {
    struct span texts[MOST_GROUPS + 1] = {{NULL, 0}};
    if (kind == PRIORITY)
        return tagged_number(0x47, value->number);
    if (is_number(kind))
        return integer(value->number);
    if (kind != GROUP)
        return general(value->text);
    for (size_t i = 0; i < value->parts; i++)
        texts[i] = general(value->group[i]);
    return tlv(0x30, texts);
}

static struct x413_Filter pieces(const struct node *node) {
    struct part parts[MOST_PIECES];
    for (size_t i = 0; i < node->pieces; i++) {
        parts[i].place = (unsigned)node->place[i];
        parts[i].value = general(node->piece[i].text);
    }
    return substrings(identifier(node->kind), parts, node->pieces);
}

static struct x413_Filter item_of(const struct node *node) {
    struct span kind = identifier(node->kind), value = element(node->kind, &node->value);
    switch (node->op) {
    case NEARLY:
        return approximate(kind, value);
    case NOT_BEFORE:
        return at_least(kind, value);
    case NOT_BEHIND:
        return at_most(kind, value);
    case PARTS:
        return pieces(node);
    case PRESENT:
        return present(kind);
    case ONE_PART:
        return other(MS_SINGLE_SUBSTRING_LIST_ELEMENTS_MATCH, kind, TLV(0x30, printable(node->value.text)));
    case COUNT_IS:
        return other(MS_VALUE_COUNT_MATCH, kind, integer(node->value.number));
    case BROKEN:
        return equality(kind, EMPTY(0x31));
    default:
        return equality(kind, value);
    }
}

static struct x413_Filter filter_of(const struct tree *tree, size_t at) {
    static const int choices[] = {[AND] = x413_Filter_and, [OR] = x413_Filter_or, [NOT] = x413_Filter_not};
    const struct node *node = &tree->nodes[at];
    struct x413_Filter within[3];
    if (node->join == ITEM)
        return item_of(node);
    for (size_t i = 0; i < node->count; i++)
        within[i] = filter_of(tree, node->within[i]);
    return joined(choices[node->join], within, node->count);
}

static struct entry entry_of(const struct modelled *modelled) {
    struct entry entry = {0};
    for (enum kind kind = NUMBER; kind < UNKNOWN; kind++)
        for (size_t i = 0; i < modelled->count[kind]; i++)
            entry_add(&entry, identifier(kind), element(kind, &modelled->values[kind][i]));
    return entry;
}

/* The filter as the decoder gives it to a service. */
static const struct x413_Filter *decoded(const struct x413_Filter *filter) {
    struct x413_Filter *again = arena_alloc(&arena, sizeof *again);
    struct span octets;
    assert_non_null(again);
    assert_true(ber_encode_arena(&x413_Filter_type, filter, &arena, &octets, NULL));
    assert_true(ber_decode(&x413_Filter_type, octets, &arena, NULL, again, NULL));
    return again;
}

static void filters_agree_with_the_model(void **state) {
    (void)state;
    const char *seed = getenv("CHASQUI_SEED");
    size_t seen[4] = {0};
    struct arena scratch;
    arena_init(&scratch, 1 << 20);
    chance = seed ? strtoull(seed, NULL, 0) : UINT64_C(0x9E3779B97F4A7C15);
    for (size_t i = 0; i < FILTERS; i++) {
        struct tree tree = {.count = 0};
        uint64_t from = chance;
        random_tree(&tree, 4);
        arena_reset(&arena);
        struct x413_Filter made = filter_of(&tree, 0);
        const struct ms_filter *filter = prepared(decoded(&made));
        for (size_t k = 0; k < ENTRIES; k++) {
            struct modelled modelled = random_entry();
            struct entry entry = entry_of(&modelled);
            struct ms_values values = {entry_get, &entry};
            enum ms_verdict wanted = decide(&tree, 0, &modelled),
                            got = ms_filter_decide(filter, &values, &scratch);
            if (got != wanted)
                fail_msg("entry %zu of the filter from CHASQUI_SEED=%#llx: %d, the model says %d", k,
                         (unsigned long long)from, (int)got, (int)wanted);
            seen[wanted]++;
        }
    }
    arena_free(&scratch);
    /* Each verdict was tried often enough to mean something. */
    for (int verdict = MS_FALSE; verdict <= MS_UNDEFINED; verdict++)
        assert_in_range(seen[verdict], FILTERS * ENTRIES / 20, FILTERS * ENTRIES);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(filters_agree_with_the_model),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
