/* The files of aliases: the input up to the first line feed is the name that is looked for, the rest the
 * files. */
#include "mhs/aliases.h"

#include <stdlib.h>

#include "files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    char name[200] = "";
    const uint8_t *line = size ? memchr(data, '\n', size) : NULL;
    size_t length = line ? (size_t)(line - data) : 0;
    setenv("HOME", "/0", 1);
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("CHASQUI_USER");
    memcpy(name, data, length < sizeof name ? length : sizeof name - 1);
    files_octets = line ? span_of(line + 1, size - length - 1) : span_of(data, 0);
    const char *found = aliases_resolve(name);
    if (strpbrk(name, "=;/") && found != name)
        __builtin_trap();
    const char *me;
    aliases_me(&me);
    aliases_place(name);
    aliases_forget();
    return 0;
}
