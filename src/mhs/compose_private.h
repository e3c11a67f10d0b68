/* Between compose.c, compose_heading.c and compose_words.c. */
#ifndef MHS_COMPOSE_PRIVATE_H
#define MHS_COMPOSE_PRIVATE_H

#include "mhs/compose.h"

struct word {
    const char *name;
    int64_t value;
};

/* Looks a word up in a table that ends with a NULL name. Returns COMMAND_OK, or COMMAND_USAGE after naming
 * the words that there are. */
int compose_choose(const struct command_usage *usage, const struct word *words, const char *name,
                   int64_t *value);

/* What is over can't be waited for: a sign that slipped in is told. A date is left to the daemon, whose clock
 * may be another. */
int compose_future(const struct command_usage *usage, const char *option, const char *value,
                   int64_t *seconds);

/* Takes an option of the heading. Returns COMMAND_OK or the exit code. */
int compose_heading(struct draft *draft, const struct command_usage *usage, int id, const char *value);

#endif
