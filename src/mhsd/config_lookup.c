/*
 * What a configuration wants to know of the system: the numbers of users and
 * groups. The parent asks, and its slices hold the answers behind the names,
 * with colons, which no such name has: "ada:1000", "ops:110:1000:1001". The
 * other processes live in a sandbox without files, and read them there.
 */
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

#include "mhsd/config_private.h"

static bool take_ids(struct loader *l, struct config_value *value, const uint32_t *ids, size_t count) {
    uint32_t *copy = config_array(l, count, sizeof *copy);
    if (!copy)
        return false;
    memcpy(copy, ids, count * sizeof *ids);
    value->ids = copy;
    value->id_count = count;
    return true;
}

static bool ask_user(struct loader *l, struct config_section *section, struct config_value *value) {
    const char *name = value->items[0];
    const struct passwd *entry = getpwnam(name);
    if (!entry)
        return config_fail(l, section, value->option->name,
                           "there is no local user '%.60s'; create it (useradd %s%.60s), or name another",
                           name, value->option->flags & CONFIG_ROOT ? "--system " : "", name);
    uint32_t uid = entry->pw_uid;
    return take_ids(l, value, &uid, 1);
}

static bool ask_group(struct loader *l, struct config_section *section, struct config_value *value) {
    const char *name = value->items[0];
    const struct group *entry = getgrnam(name);
    size_t count = 1, most = 1;
    if (!entry)
        return config_fail(l, section, value->option->name,
                           "there is no group '%.60s'; create it (groupadd --system %.60s)", name, name);
    while (entry->gr_mem[most - 1])
        most++;
    uint32_t *ids = config_array(l, most, sizeof *ids);
    if (!ids)
        return false;
    ids[0] = entry->gr_gid;
    for (char **member = entry->gr_mem; *member; member++) {
        const struct passwd *user = getpwnam(*member);
        if (user)
            ids[count++] = user->pw_uid;
    }
    value->ids = ids;
    value->id_count = count;
    return true;
}

/* The answers in a slice; the name alone stays. */
static bool read_ids(struct loader *l, struct config_section *section, struct config_value *value) {
    const char *text = value->items[0], *colon = strchr(text, ':');
    size_t most = 0;
    for (const char *c = text; *c; c++)
        most += *c == ':';
    uint32_t *ids = config_array(l, most, sizeof *ids);
    const char **items = config_array(l, 2, sizeof *items);
    struct span name = arena_dup(&l->arena, span_of(text, colon ? (size_t)(colon - text) : strlen(text)));
    if (!ids || !items || !name.data)
        return config_no_memory(l);
    for (char *end; colon; colon = *end == ':' ? end : NULL)
        ids[value->id_count++] = (uint32_t)strtoul(colon + 1, &end, 10);
    items[0] = (const char *)name.data;
    value->items = items;
    value->ids = value->id_count ? ids : NULL;
    return value->ids || value->option->flags & CONFIG_ROOT ||
           config_fail(l, section, value->option->name, "'%.60s' has no number", items[0]);
}

static bool look_up(struct loader *l, struct config_section *section, struct config_value *value) {
    enum config_type type = value->option->type;
    if ((type != CONFIG_LOGIN && type != CONFIG_GROUP) || value->items[0][0] == '\0')
        return true;
    if (l->processes != CONFIG_ALL)
        return read_ids(l, section, value);
    if (value->option->flags & CONFIG_ROOT && geteuid() != 0)
        return true;
    return type == CONFIG_LOGIN ? ask_user(l, section, value) : ask_group(l, section, value);
}

static bool look_up_all(struct loader *l, struct config_section *section) {
    bool done = true;
    for (struct config_value *value = section->values; value; value = value->next)
        done = look_up(l, section, value) && done;
    for (struct config_section *inner = section->first; inner; inner = inner->next)
        done = look_up_all(l, inner) && done;
    return done;
}

/* A default that is a name of the system's is set, so that its number has a place. */
static bool set_defaults(struct loader *l) {
    for (const struct config_option *row = config_top.options; row->type != CONFIG_END; row++) {
        if ((row->type != CONFIG_LOGIN && row->type != CONFIG_GROUP) || !row->text ||
            config_value(l->tree, row->name))
            continue;
        struct config_value *value = config_array(l, 1, sizeof *value);
        const char **items = config_array(l, 2, sizeof *items);
        if (!value || !items)
            return false;
        items[0] = row->text;
        *value = (struct config_value){.option = row, .items = items, .count = 1};
        *l->tree->values_end = value;
        l->tree->values_end = &value->next;
    }
    return true;
}

bool config_lookup(struct loader *l) {
    return (l->processes != CONFIG_ALL || set_defaults(l)) && look_up_all(l, l->tree);
}
