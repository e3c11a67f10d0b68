/* What the file says, as a tree that holds to the table of options. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/nearest.h"
#include "base/text.h"
#include "mhsd/config_private.h"

/* Titles seen, to find one that stands twice without a walk over all. */
struct titles {
    const struct config_section **slots; /* open addressing; a power of two of them */
    size_t size, used;
};

struct reading {
    struct loader *l;
    struct config_lexer *lexer;
    struct config_token token; /* the next one */
    struct titles titles;
    int depth; /* braces that are open before the token */
};

static void next(struct reading *r) {
    r->depth += (r->token.kind == '{') - (r->token.kind == '}');
    config_lexer_next(r->lexer, &r->token);
}

/* The next token when it is this; then it is taken. */
static bool take(struct reading *r, char kind) {
    if (r->token.kind != kind)
        return false;
    next(r);
    return true;
}

/* What a token is called in an error. */
static const char *shown(const struct config_token *token, char text[64]) {
    if (token->kind == 't')
        snprintf(text, 64, "'%.*s'", (int)(token->text.len < 50 ? token->text.len : 50),
                 (const char *)token->text.data);
    else if (token->kind == 0)
        snprintf(text, 64, "the end of the file");
    else
        snprintf(text, 64, "'%c%s'", token->kind, token->kind == '+' ? "=" : "");
    return text;
}

static bool expected(struct reading *r, const char *what) {
    char text[64];
    if (r->token.kind == 0)
        return config_complain(r->l, r->token.place,
                               "the file ends where %s is expected: a section, list or text is not closed",
                               what);
    if (r->token.kind != '!') /* that was complained of */
        config_complain(r->l, r->token.place, "%s is expected here, not %s", what, shown(&r->token, text));
    return false;
}

static const char *keep_text(struct reading *r) {
    struct span copy = arena_dup(&r->l->arena, r->token.text);
    if (!copy.data)
        config_no_memory(r->l);
    return (const char *)copy.data;
}

/* ---- titles ---- */

static uint64_t title_hash(const struct config_section *section) {
    uintptr_t outer = (uintptr_t)section->outer;
    return span_hash(span_str(section->title)) ^ span_hash(span_str(section->option->name)) * 31 ^
           span_hash(span_of(&outer, sizeof outer)) * 17;
}

static bool same_title(const struct config_section *a, const struct config_section *b) {
    return a->outer == b->outer && strcmp(a->option->name, b->option->name) == 0 &&
           strcmp(a->title, b->title) == 0;
}

/* The slot of such a section, or the empty one where it belongs. */
static const struct config_section **slot_of(const struct titles *titles,
                                             const struct config_section *section) {
    size_t at = title_hash(section) & (titles->size - 1);
    while (titles->slots[at] && !same_title(titles->slots[at], section))
        at = (at + 1) & (titles->size - 1);
    return &titles->slots[at];
}

static bool grow_titles(struct titles *titles) {
    struct titles wider = {.size = titles->size ? titles->size * 2 : 64, .used = titles->used};
    wider.slots = mem_alloc(wider.size * sizeof *wider.slots);
    if (!wider.slots)
        return false;
    for (size_t i = 0; i < titles->size; i++)
        if (titles->slots[i])
            *slot_of(&wider, titles->slots[i]) = titles->slots[i];
    mem_free(titles->slots);
    *titles = wider;
    return true;
}

/* Complains when it stands twice. */
static bool add_title(struct reading *r, struct config_section *section) {
    if (r->titles.used * 2 >= r->titles.size && !grow_titles(&r->titles))
        return config_no_memory(r->l);
    const struct config_section **slot = slot_of(&r->titles, section);
    if (*slot && (*slot)->place.line)
        return config_fail(r->l, section, NULL, "it appears twice: first in %.100s, line %d",
                           r->l->files[(*slot)->place.file], (*slot)->place.line);
    r->titles.used += !*slot;
    *slot = section;
    return true;
}

/* ---- sections ---- */

static struct config_section *add_section(struct loader *l, struct config_section *outer,
                                          const struct config_option *option, const char *title,
                                          struct config_place place) {
    struct config_section *section = config_array(l, 1, sizeof *section);
    if (!section)
        return NULL;
    *section = (struct config_section){.option = option, .title = title, .outer = outer, .place = place};
    section->values_end = &section->values;
    section->end = &section->first;
    if (outer) {
        *outer->end = section;
        outer->end = &section->next;
    }
    return section;
}

/* Those that are there once: limits, timers, each schedule. */
static bool add_lasting(struct loader *l, struct config_section *outer) {
    for (const struct config_option *row = outer->option->options; row->type != CONFIG_END; row++)
        if ((row->type == CONFIG_SECTION || row->title) &&
            !add_section(l, outer, row, row->title, (struct config_place){0}))
            return false;
    return true;
}

static struct config_section *lasting(const struct config_section *outer, const struct config_option *row) {
    struct config_section *section = outer->first;
    while (section && section->option != row)
        section = section->next;
    return section;
}

/* ---- what is unknown ---- */

static const char *nearest_in(const struct config_option *section, struct span name) {
    struct nearest nearest = nearest_begin(name);
    for (const struct config_option *row = section->options; row->type != CONFIG_END; row++)
        nearest_try(&nearest, row->name);
    return nearest.name;
}

/* A section elsewhere that has an option of this name. */
static const struct config_option *home_of(const struct config_option *section, struct span name) {
    if (config_option_named(section, name, NULL))
        return section;
    const struct config_option *home = NULL;
    for (const struct config_option *row = section->options; !home && row->type != CONFIG_END; row++)
        if (config_is_section(row))
            home = home_of(row, name);
    return home;
}

static void tell_unknown(struct reading *r, const struct config_section *section) {
    const struct config_token *name = &r->token;
    const char *near = nearest_in(section->option, name->text);
    const struct config_option *home = home_of(&config_top, name->text);
    char text[64];
    bool top = !section->outer;
    shown(name, text);
    if (near)
        config_complain(r->l, name->place, "there is no option %s%s%s; did you mean '%s'?", text,
                        top ? "" : " in a ", section->option->name, near);
    else if (home)
        config_complain(r->l, name->place, "the option %s does not belong %s%s, but %s%s", text,
                        top ? "at the top level" : "in a ", section->option->name,
                        home == &config_top ? "at the top level" : "in a section ", home->name);
    else
        config_complain(r->l, name->place, "there is no option %s%s%s", text, top ? "" : " in a ",
                        section->option->name);
}

/* To behind the brace that closes the one that was taken. */
static bool skip_braces(struct reading *r) {
    for (unsigned depth = 1; depth; next(r)) {
        if (r->token.kind == 0)
            return expected(r, "'}'");
        depth += r->token.kind == '{';
        depth -= r->token.kind == '}';
        if (!depth)
            break;
    }
    next(r);
    return true;
}

/* Passes over an option that is unknown, a value or a section, to go on behind it. */
static bool skip_unknown(struct reading *r) {
    next(r);
    bool sets = take(r, '=') || take(r, '+');
    if (!sets && r->token.kind == 't')
        next(r);
    if (take(r, '{'))
        return skip_braces(r);
    if (!sets || r->token.kind != 't')
        return expected(r, "'=' with a value, or '{'");
    next(r);
    return true;
}

/* ---- values ---- */

static void allowed_words(const struct config_option *row, size_t size, char text[]) {
    text[0] = '\0';
    for (unsigned i = 0; row->words[i]; i++) {
        strncat(text, i ? ", " : "", size - strlen(text) - 1);
        strncat(text, row->words[i], size - strlen(text) - 1);
    }
}

static int position_of(const struct config_option *row, const char *word) {
    for (int i = 0; row->words[i]; i++)
        if (strcmp(word, row->words[i]) == 0)
            return i;
    return -1;
}

static bool check_words(struct loader *l, struct config_section *section, struct config_value *value) {
    char known[160];
    for (size_t i = 0; i < value->count; i++) {
        int position = position_of(value->option, value->items[i]);
        allowed_words(value->option, sizeof known, known);
        if (position < 0)
            return config_fail(l, section, value->option->name, "'%.40s' is not one of: %s", value->items[i],
                               known);
        value->number =
            value->option->type == CONFIG_WORD ? position : value->number | (int64_t)1 << position;
    }
    return value->option->most == 0 ||
           ((int64_t)value->count >= value->option->least && (int64_t)value->count <= value->option->most) ||
           config_fail(l, section, value->option->name, "%lld to %lld of them are named",
                       (long long)value->option->least, (long long)value->option->most);
}

static bool check_number(struct loader *l, struct config_section *section, struct config_value *value) {
    const struct config_option *row = value->option;
    const char *text = value->items[0];
    char *end;
    errno = 0;
    value->number = strtoll(text, &end, 0);
    if (*text == '\0' || *end != '\0')
        return config_fail(l, section, row->name, "'%.40s' is not a number: one from %lld to %lld is wanted",
                           text, (long long)row->least, (long long)row->most);
    if (value->number == 0 && errno == 0 && row->flags & CONFIG_ZERO_DEFAULT)
        value->number = row->number;
    return (errno == 0 && value->number >= row->least && value->number <= row->most) ||
           config_fail(l, section, row->name, "%.40s is not between %lld and %lld", text,
                       (long long)row->least, (long long)row->most);
}

static bool check_flag(struct loader *l, struct config_section *section, struct config_value *value) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on"};
    for (unsigned i = 0; i < sizeof words / sizeof *words; i++)
        if (strcasecmp(value->items[0], words[i]) == 0) {
            value->number = i % 2;
            return true;
        }
    return config_fail(l, section, value->option->name, "'%.40s' is neither true nor false", value->items[0]);
}

static bool check_length(struct loader *l, struct config_section *section, struct config_value *value) {
    const struct config_option *row = value->option;
    int64_t length = (int64_t)strlen(value->items[0]);
    if (length < row->least && length == 0)
        return config_fail(l, section, row->name, "it is empty: %.150s", row->help);
    return row->most == 0 || length <= row->most ||
           config_fail(l, section, row->name, "it has %lld octets, and may have %lld to %lld",
                       (long long)length, (long long)row->least, (long long)row->most);
}

#define NO_UTF8 "it is no UTF-8: save the file as UTF-8"

/* What people read is text; a password may be octets. */
static bool check_characters(struct loader *l, struct config_section *section,
                             const struct config_value *value) {
    for (size_t i = 0; i < value->count && !(value->option->flags & CONFIG_SECRET); i++)
        if (!text_is_utf8(span_str(value->items[i])))
            return config_fail(l, section, value->option->name, NO_UTF8);
    return true;
}

static bool check_value(struct loader *l, struct config_section *section, struct config_value *value) {
    if (!check_characters(l, section, value))
        return false;
    switch (value->option->type) {
    case CONFIG_NUMBER:
        return check_number(l, section, value);
    case CONFIG_FLAG:
        return check_flag(l, section, value);
    case CONFIG_WORD:
    case CONFIG_WORDS:
        return check_words(l, section, value);
    case CONFIG_TEXT:
    case CONFIG_LOGIN:
    case CONFIG_GROUP:
        return check_length(l, section, value);
    default:
        return true;
    }
}

static bool is_list(const struct config_option *row) {
    return row->type == CONFIG_TEXTS || row->type == CONFIG_WORDS;
}

/* Texts as they are read, before their number is known. */
struct items {
    const char *text;
    struct items *next;
};

static bool read_item(struct reading *r, struct items ***end, size_t *count) {
    if (r->token.kind != 't')
        return expected(r, "a value");
    struct items *item = config_array(r->l, 1, sizeof *item);
    if (!item || !(item->text = keep_text(r)))
        return false;
    **end = item;
    *end = &item->next;
    ++*count;
    next(r);
    return true;
}

/* `{ a, b }`, where a comma may stand behind the last. */
static bool read_items(struct reading *r, struct items **first, size_t *count) {
    struct items **end = first;
    while (!take(r, '}')) {
        if (!read_item(r, &end, count))
            return false;
        if (r->token.kind != '}' && !take(r, ','))
            return expected(r, "',' or '}'");
    }
    return true;
}

/* Adds the texts to those that the value has. */
static bool add_items(struct loader *l, struct config_value *value, const struct items *first, size_t count) {
    const char **items = config_array(l, value->count + count + 1, sizeof *items);
    if (!items)
        return false;
    memcpy(items, value->items, value->count * sizeof *items);
    for (; first; first = first->next)
        items[value->count++] = first->text;
    value->items = items;
    return true;
}

static struct config_value *value_of(const struct config_section *section, const struct config_option *row) {
    struct config_value *value = section->values;
    while (value && value->option != row)
        value = value->next;
    return value;
}

static struct config_value *add_value(struct loader *l, struct config_section *section,
                                      const struct config_option *row, struct config_place place) {
    static const char *const none[] = {NULL};
    struct config_value *value = config_array(l, 1, sizeof *value);
    if (!value)
        return NULL;
    *value = (struct config_value){.option = row, .place = place, .items = none};
    *section->values_end = value;
    section->values_end = &value->next;
    return value;
}

/* Behind the option's name. False: the reading can't go on. */
static bool read_value(struct reading *r, struct config_section *section, const struct config_option *row,
                       struct config_place place) {
    struct loader *l = r->l;
    struct config_value *value = value_of(section, row);
    bool adds = r->token.kind == '+' && is_list(row);
    struct items *items = NULL, **end = &items;
    size_t count = 0;
    if (!take(r, adds ? '+' : '='))
        return expected(r, is_list(row) ? "'=' or '+='" : "'='");
    if (value && !adds)
        config_complain(l, place, "%s appears twice: first in %.100s, line %d", row->name,
                        l->files[value->place.file], value->place.line);
    if (is_list(row) && take(r, '{') ? !read_items(r, &items, &count) : !read_item(r, &end, &count))
        return false;
    if (!value && !(value = add_value(l, section, row, place)))
        return false;
    if (!add_items(l, value, items, count))
        return false;
    value->faulty = !check_value(l, section, value);
    return true;
}

/* ---- the whole ---- */

static bool read_options(struct reading *r, struct config_section *section);

/* The row of a section that is there once for each of some titles. */
static const struct config_option *titled_row(struct reading *r, const struct config_section *outer,
                                              const struct config_option *row, struct config_place place,
                                              const char *title) {
    const struct config_option *fits = config_option_named(outer->option, span_str(row->name), title);
    if (fits)
        return fits;
    char known[160] = "";
    for (const struct config_option *other = outer->option->options; other->type != CONFIG_END; other++)
        if (other->title && strcmp(other->name, row->name) == 0) {
            strncat(known, known[0] ? ", " : "", sizeof known - strlen(known) - 1);
            strncat(known, other->title, sizeof known - strlen(known) - 1);
        }
    config_complain(r->l, place, "a %s is for one of %s, not '%.40s'", row->name, known, title);
    return row;
}

/* The section that the file begins; NULL without memory. */
static struct config_section *begin_section(struct reading *r, struct config_section *outer,
                                            const struct config_option *row, struct config_place place,
                                            const char *title) {
    bool once = row->type == CONFIG_SECTION || row->title;
    struct config_section *section = once ? lasting(outer, row) : add_section(r->l, outer, row, title, place);
    if (!section)
        return NULL;
    if (once && section->place.line)
        config_complain(r->l, place, "%s%s%s%s appears twice: first in %.100s, line %d", row->name,
                        title ? " \"" : "", title ? title : "", title ? "\"" : "",
                        r->l->files[section->place.file], section->place.line);
    section->place = place;
    if (!once && row->type == CONFIG_TITLED && add_title(r, section) && !text_is_utf8(span_str(title)))
        config_fail(r->l, section, NULL, NO_UTF8);
    return section;
}

/* Behind the section's name. */
static bool read_section(struct reading *r, struct config_section *outer, const struct config_option *row,
                         struct config_place place) {
    const char *title = NULL;
    char what[48];
    if (row->type == CONFIG_TITLED) {
        snprintf(what, sizeof what, "the title of the %s", row->name);
        if (r->token.kind != 't')
            return expected(r, what);
        if (!(title = keep_text(r)))
            return false;
        next(r);
        if (row->title)
            row = titled_row(r, outer, row, place, title);
    }
    bool opened = take(r, '{');
    if (!opened && (expected(r, "'{'") || r->token.kind != 't'))
        return false;
    struct config_section *section = begin_section(r, outer, row, place, title);
    if (section && !opened) { /* what follows is read as if it were there */
        r->depth++;
        section->broken = section->faulty = true;
    }
    return section && read_options(r, section);
}

/* include("FILE"), behind the word. */
static bool read_include(struct reading *r, struct config_place place) {
    if (!take(r, '('))
        return expected(r, "'('");
    if (r->token.kind != 't')
        return expected(r, "the name of a file");
    const char *name = keep_text(r);
    next(r);
    if (!name || r->token.kind != ')')
        return name && expected(r, "')'");
    config_lexer_include(r->lexer, span_str(name), place); /* without it, what follows is looked at yet */
    next(r);
    return true;
}

/* What must be given and is not. */
static void check_needed(struct loader *l, struct config_section *section) {
    for (const struct config_option *row = section->option->options; row->type != CONFIG_END; row++)
        if (row->flags & CONFIG_NEEDED && row->processes & l->processes && !value_of(section, row))
            config_fail(l, section, row->name, "it must be given: %.150s", row->help);
}

static bool read_option(struct reading *r, struct config_section *section) {
    struct config_token name = r->token;
    struct config_place place = name.place;
    if (name.kind != 't')
        return expected(r, "the name of an option");
    if (r->lexer->may_include && !name.quoted && span_eq(name.text, SPAN_LIT("include"))) {
        next(r);
        return read_include(r, place);
    }
    const struct config_option *row = config_option_named(section->option, name.text, NULL);
    if (!row) {
        tell_unknown(r, section);
        section->faulty = section->outer != NULL;
        return skip_unknown(r);
    }
    next(r);
    return config_is_section(row) ? read_section(r, section, row, place) : read_value(r, section, row, place);
}

static bool unclosed(struct reading *r, struct config_section *section) {
    section->faulty = false;
    return config_fail(
        r->l, section, NULL,
        "a section, list or text is not closed before the end of the file; this section begins here");
}

/* Behind an option that can't be read, which stands at `broken`: to the next line that begins with an option
 * of the section, or to the section's end. False: that is not to be found. */
static bool recover(struct reading *r, struct config_section *section, struct config_place broken,
                    int depth) {
    section->broken = true;
    section->faulty = section->outer != NULL;
    r->l->incomplete = r->l->incomplete || !section->outer;
    for (; r->token.kind; next(r)) {
        const struct config_token *token = &r->token;
        bool other_line = token->place.line != broken.line || token->place.file != broken.file;
        if (r->depth > depth)
            continue;
        if (token->kind == '}' && section->outer)
            return true;
        if (token->kind == 't' && !token->quoted && other_line &&
            config_option_named(section->option, token->text, NULL))
            return true;
    }
    return false;
}

/* To the end of the file or, within a section, its brace. */
static bool read_options(struct reading *r, struct config_section *section) {
    int depth = r->depth;
    if (!add_lasting(r->l, section))
        return false;
    while (r->token.kind != (section->outer ? '}' : 0)) {
        if (r->token.kind == 0)
            return unclosed(r, section);
        struct config_place place = r->token.place;
        bool read = read_option(r, section);
        if (r->l->no_memory || r->l->complaint_count >= CONFIG_COMPLAINTS_MOST ||
            (!read && !recover(r, section, place, depth)))
            return false;
    }
    if (section->outer)
        next(r);
    if (!section->broken)
        check_needed(r->l, section);
    return true;
}

struct config_section *config_tree_read(struct loader *l, struct config_lexer *lexer) {
    struct reading r = {.l = l, .lexer = lexer};
    struct config_section *top = add_section(l, NULL, &config_top, NULL, (struct config_place){0});
    next(&r);
    if (top)
        read_options(&r, top);
    mem_free(r.titles.slots);
    return l->no_memory || l->complaint_count >= CONFIG_COMPLAINTS_MOST ? NULL : top;
}
