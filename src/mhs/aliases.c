#include "mhs/aliases.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"
#include "mhs/command.h"
#include "names/oraddress.h"

enum { STEPS_MOST = 16, LINE_MOST = 8192 };
#define ALIASES_MAX ((size_t)16 * 1024 * 1024)
#define SCRATCH_MAX ((size_t)1024 * 1024)

struct alias {
    struct alias *next; /* in the order of the files */
    const char *name, *value, *place;
    const char *folded; /* the name, as names are compared */
    const char *key; /* of the address that it stands for, once aliases_short was asked; NULL: it is none */
};

static struct arena arena;
static struct alias *aliases, **aliases_end;
static bool keys_made;
static const char *own_path; /* of the user's file */

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

static bool is_address(const char *text) {
    return strpbrk(text, "=;/") != NULL;
}

/* What is wrong with a line, or NULL for a comment, an empty line and one that was taken. */
static const char *take_line(char *line, const char *path, unsigned number) {
    char *name = trim(line), *equals = strchr(name, '=');
    if (!*name || *name == '#')
        return NULL;
    if (!equals)
        return "there is no '='";
    *equals = '\0';
    name = trim(name);
    char *value = trim(equals + 1);
    if (!*name || is_address(name))
        return "there is no name that can be an alias before '='";
    if (!*value)
        return "there is no address after '='";
    struct alias *alias = arena_alloc(&arena, sizeof *alias);
    if (!alias)
        return "it is too much";
    *alias = (struct alias){.name = arena_printf(&arena, "%s", name),
                            .value = arena_printf(&arena, "%s", value),
                            .place = arena_printf(&arena, "%s:%u", path, number),
                            .folded = (const char *)oraddress_fold(span_str(name), &arena).data};
    if (!alias->folded || !alias->name || !alias->value || !alias->place)
        return "it is too much";
    *aliases_end = alias;
    aliases_end = &alias->next;
    return NULL;
}

/* The rest of a line that is too long goes with it. */
static bool read_line(FILE *file, char line[LINE_MOST], bool *cut) {
    if (!fgets(line, LINE_MOST, file))
        return false;
    *cut = !strchr(line, '\n') && strlen(line) + 1 == LINE_MOST;
    for (int c = 0; *cut && c != EOF && c != '\n';)
        c = fgetc(file);
    return true;
}

static void read_file(const char *path) {
    static char line[LINE_MOST];
    FILE *file = fopen(path, "r");
    bool cut;
    if (!file) {
        if (errno != ENOENT && errno != ENOTDIR)
            fprintf(stderr, "mhs: the aliases in %s can't be read: %s\n", path, strerror(errno));
        return;
    }
    for (unsigned number = 1; read_line(file, line, &cut); number++) {
        const char *wrong = cut ? "it is too long" : take_line(line, path, number);
        if (wrong)
            fprintf(stderr, "mhs: %s:%u is not an alias and is passed over: %s; write name = ADDRESS\n", path,
                    number, wrong);
    }
    fclose(file);
}

static void read_files(void) {
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (aliases_end)
        return;
    aliases_end = &aliases;
    arena_init(&arena, ALIASES_MAX);
    if (config && *config)
        own_path = arena_printf(&arena, "%s/chasqui/aliases", config);
    else
        own_path = arena_printf(&arena, "%s/.config/chasqui/aliases", home ? home : "");
    if (own_path)
        read_file(own_path);
    read_file("/etc/chasqui/aliases");
}

static const struct alias *look_up(const char *name) {
    struct arena scratch;
    read_files();
    arena_init(&scratch, SCRATCH_MAX);
    const char *folded = (const char *)oraddress_fold(span_str(name), &scratch).data;
    const struct alias *alias = folded ? aliases : NULL;
    while (alias && strcmp(alias->folded, folded) != 0)
        alias = alias->next;
    arena_free(&scratch);
    return alias;
}

static void tell_unknown(const char *name) {
    if (!*name)
        command_fail(COMMAND_USAGE, "the address is empty: write one, as /C=GB/A=GOLD/S=Smith, or an alias");
    else if (strncasecmp(name, "DN:", 3) == 0)
        command_fail(COMMAND_USAGE, "'%s' is no directory name: write DN:CN=Ada Jones,O=Alpha,C=GB", name);
    else
        command_fail(
            COMMAND_USAGE,
            "no such alias: '%s'; aliases are lines 'name = ADDRESS' in %s and "
            "/etc/chasqui/aliases, and an address is written /C=GB/A=GOLD/S=Smith or S=Smith; A=GOLD; "
            "C=GB",
            name, own_path ? own_path : "the user's file");
}

/* The last alias of the chain that `name` begins; NULL, and the cause said if `aloud`, when it has no end. */
static const struct alias *follow(const char *name, bool aloud) {
    const struct alias *steps[STEPS_MOST], *alias = look_up(name);
    if (!alias && aloud)
        tell_unknown(name);
    for (size_t count = 0; alias && !is_address(alias->value); count++) {
        for (size_t i = 0; i < count; i++)
            if (steps[i] == alias) {
                if (aloud)
                    command_fail(COMMAND_USAGE, "the alias '%s' leads round in a circle, by %s: '%s = %s'",
                                 name, alias->place, alias->name, alias->value);
                return NULL;
            }
        const struct alias *next = look_up(alias->value);
        if (aloud && !next)
            command_fail(COMMAND_USAGE, "%s: '%s = %s' leads to no such alias and is not an address",
                         alias->place, alias->name, alias->value);
        else if (aloud && count + 1 == STEPS_MOST)
            command_fail(COMMAND_USAGE,
                         "the alias '%s' leads over more than %d others; write the address itself", name,
                         STEPS_MOST);
        if (count + 1 == STEPS_MOST)
            return NULL;
        steps[count] = alias;
        alias = next;
    }
    return alias;
}

void aliases_each(void (*tell)(void *context, const char *name), void *context) {
    read_files();
    for (const struct alias *alias = aliases; alias; alias = alias->next)
        tell(context, alias->name);
}

void aliases_forget(void) {
    arena_free(&arena);
    aliases = NULL;
    own_path = NULL;
    aliases_end = NULL;
    keys_made = false;
}

const char *aliases_resolve(const char *name) {
    if (is_address(name))
        return name;
    const struct alias *alias = follow(name, true);
    return alias ? alias->value : NULL;
}

/* A text in angle brackets, or before them, is no alias. */
static bool is_list(const char *text) {
    return !is_address(text) && !strchr(text, '<') && strchr(text, ',');
}

static bool spread(const char *given, unsigned depth, bool (*each)(void *, const char *), void *context);

static bool spread_list(const char *list, unsigned depth, bool (*each)(void *, const char *), void *context) {
    char *copy = strdup(list), *rest = copy, *one;
    bool done = copy != NULL;
    while (done && (one = strsep(&rest, ",")) != NULL)
        done = spread(trim(one), depth, each, context);
    free(copy);
    return done;
}

/* What has no end is told of as of an alias that stands alone (follow). */
static bool has_end(const struct alias *alias) {
    unsigned steps = 0;
    while (alias && !is_address(alias->value) && !is_list(alias->value) && ++steps < STEPS_MOST)
        alias = look_up(alias->value);
    return steps < STEPS_MOST;
}

static bool spread(const char *given, unsigned depth, bool (*each)(void *, const char *), void *context) {
    const struct alias *alias = is_address(given) || strchr(given, '<') ? NULL : look_up(given);
    if (depth > STEPS_MOST) {
        command_fail(COMMAND_USAGE, "the group '%s' leads over more than %d others, or round in a circle",
                     given, STEPS_MOST);
        return false;
    }
    if (is_list(given))
        return spread_list(given, depth + 1, each, context);
    if (alias && is_list(alias->value))
        return spread_list(alias->value, depth + 1, each, context);
    if (alias && !is_address(alias->value) && look_up(alias->value) && has_end(alias))
        return spread(alias->value, depth + 1, each, context);
    return each(context, given);
}

bool aliases_spread(const char *given, bool (*each)(void *context, const char *one), void *context) {
    return spread(given, 0, each, context);
}

bool aliases_is_known(const char *name) {
    return is_address(name) || follow(name, false);
}

const char *aliases_place(const char *name) {
    const struct alias *alias = is_address(name) ? NULL : follow(name, false);
    return alias ? alias->place : NULL;
}

bool aliases_me(const char **address) {
    const char *user = getenv("CHASQUI_USER");
    const char *name = user && *user ? user : "me";
    *address = NULL;
    if (name != user && !look_up(name))
        return true;
    *address = aliases_resolve(name);
    return *address;
}

/* What all spellings of an address have in common. */
static void make_keys(void) {
    read_files();
    for (struct alias *alias = aliases; alias && !keys_made; alias = alias->next)
        alias->key = (const char *)oraddress_key_of(span_str(alias->value), &arena, NULL).data;
    keys_made = true;
}

const char *aliases_short(const char *address) {
    struct arena scratch;
    make_keys();
    if (!aliases)
        return address;
    arena_init(&scratch, SCRATCH_MAX);
    const char *key = (const char *)oraddress_key_of(span_str(address), &scratch, NULL).data;
    const struct alias *alias = key ? aliases : NULL;
    while (alias && !(alias->key && strcmp(alias->key, key) == 0))
        alias = alias->next;
    arena_free(&scratch);
    return alias ? alias->name : address;
}
