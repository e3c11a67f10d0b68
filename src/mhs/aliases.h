/*
 * Short names for addresses: lines `name = ADDRESS` in ~/.config/chasqui/aliases
 * and /etc/chasqui/aliases; `#` begins a comment; the user's own file goes
 * first. The name `me` is the mailbox that commands use when none is given.
 */
#ifndef MHS_ALIASES_H
#define MHS_ALIASES_H

/* The address that `name` stands for, or `name` itself when it is no alias. Valid until the program ends. */
const char *aliases_resolve(const char *name);

/* The user's own mailbox: $CHASQUI_USER or the alias `me`; NULL when neither is set. */
const char *aliases_me(void);

#endif
