/* Values of options that are words or times. */
#include <string.h>

#include "base/nearest.h"
#include "mhs/address.h"
#include "mhs/compose_private.h"

int compose_choose(const struct command_usage *usage, const struct word *words, const char *name,
                   int64_t *value) {
    char all[160] = "";
    struct nearest nearest = nearest_begin(span_str(name));
    for (; words->name; words++) {
        if (strcmp(words->name, name) == 0) {
            *value = words->value;
            return COMMAND_OK;
        }
        if (*all)
            strncat(all, ", ", sizeof all - strlen(all) - 1);
        strncat(all, words->name, sizeof all - strlen(all) - 1);
        nearest_try(&nearest, words->name);
    }
    return nearest.name
               ? command_usage_error(usage, "'%s' is none of %s; did you mean '%s'?", name, all, nearest.name)
               : command_usage_error(usage, "'%s' is none of %s", name, all);
}

int compose_future(const struct command_usage *usage, const char *option, const char *value,
                   int64_t *seconds) {
    if (!time_from_text(value, seconds))
        return COMMAND_USAGE;
    return *value != '-'
               ? COMMAND_OK
               : command_usage_error(usage, "%s: %s is past; give a time to come, as +2h", option, value);
}
