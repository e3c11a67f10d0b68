#include "mhs/aliases.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/arena.h"

#define ALIASES_MAX (1024 * 1024)

static struct arena arena;

static char *trim(char *text) {
    while (isspace((unsigned char)*text))
        text++;
    char *end = text + strlen(text);
    while (end > text && isspace((unsigned char)end[-1]))
        *--end = '\0';
    return text;
}

/* Looks for `name` in one file; NULL when the file or the name is not there. */
static const char *look_up(const char *path, const char *name) {
    FILE *file = fopen(path, "r");
    if (!file)
        return NULL;
    char line[1024];
    const char *found = NULL;
    while (!found && fgets(line, sizeof line, file)) {
        char *equals = strchr(line, '=');
        char *key = trim(line);
        if (!equals || *key == '#')
            continue;
        *equals = '\0';
        if (strcasecmp(trim(key), name) == 0)
            found = arena_printf(&arena, "%s", trim(equals + 1));
    }
    fclose(file);
    return found;
}

static const char *look_up_everywhere(const char *name) {
    char path[4096];
    const char *config = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    if (!arena.cap)
        arena_init(&arena, ALIASES_MAX);
    const char *found = NULL;
    if (config && *config)
        snprintf(path, sizeof path, "%s/chasqui/aliases", config);
    else
        snprintf(path, sizeof path, "%s/.config/chasqui/aliases", home ? home : "");
    found = look_up(path, name);
    return found ? found : look_up("/etc/chasqui/aliases", name);
}

const char *aliases_resolve(const char *name) {
    const char *found = strpbrk(name, "=;/") ? NULL : look_up_everywhere(name);
    return found ? found : name;
}

const char *aliases_me(void) {
    const char *user = getenv("CHASQUI_USER");
    return user && *user ? aliases_resolve(user) : look_up_everywhere("me");
}
