/*
 * Short names for addresses: lines `name = ADDRESS` in ~/.config/chasqui/aliases
 * and /etc/chasqui/aliases; `#` begins a comment; the user's own file goes
 * first, case of names is ignored. What stands for an ADDRESS may be another
 * alias. The name `me` is the mailbox that commands use when none is given.
 * A line that is none is passed over and named, with its file, on standard error.
 */
#ifndef MHS_ALIASES_H
#define MHS_ALIASES_H

#include <stdbool.h>

/*
 * The address that `name` stands for, or `name` itself when it is written as an
 * address (it has a `=`, `;` or `/`). NULL when it is no alias, or leads to
 * none or round in a circle: that was said on standard error. Valid until the
 * program ends.
 */
const char *aliases_resolve(const char *name);

/*
 * Tells each address that is meant: `given` itself, or of aliases joined by commas (`ada,uwe`) and of an
 * alias that stands for such a list each, one after the other; what is told is for aliases_resolve. False as
 * soon as `each` was, or when groups lead round in a circle: that was said.
 */
bool aliases_spread(const char *given, bool (*each)(void *context, const char *one), void *context);

/* True when it is written as an address, or is an alias. Nothing is said. */
bool aliases_is_known(const char *name);

/* `FILE:LINE` from which `name` gets its address; NULL when it is no alias. */
const char *aliases_place(const char *name);

/* The user's own mailbox: $CHASQUI_USER or the alias `me`; `*address` is NULL when neither is set. False as
 * aliases_resolve. */
bool aliases_me(const char **address);

/* For lists: the alias that stands for `address` (in any spelling), the user's own first; without one the
 * address itself. Valid as long as both. */
const char *aliases_short(const char *address);

/* Tells each name, in the order of the files. */
void aliases_each(void (*tell)(void *context, const char *name), void *context);

/* Forgets the files, which are read once, at the first need. */
void aliases_forget(void);

#endif
