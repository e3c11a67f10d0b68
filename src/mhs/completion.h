/* `mhs completion`, which needs the table of all commands. */
#ifndef MHS_COMPLETION_H
#define MHS_COMPLETION_H

#include "mhs/command.h"

/* A command of `mhs`. A table of them ends with a row whose `name` is NULL. */
struct command {
    const char *name;
    int (*run)(int argc, char **argv);
    const char *summary;
    const char *group; /* of the first of a group: its heading in the help */
};

/* Runs it, with argv[0] = `completion`. */
int completion(const struct command *commands, int argc, char **argv);

#endif
