/* Addresses and times as a person types them. */
#ifndef MHS_ADDRESS_H
#define MHS_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "schema/x411.h"

/*
 * Reads an O/R address in any spelling, an alias, or `DN:` and a directory name, and completes nothing: an
 * address that lacks a mandatory attribute is refused. False when it is none;
 * that was said on standard error, with what is wrong.
 */
bool address_read(const char *text, struct arena *arena, struct x411_ORName *name);

/* The same with what may stand around it, as `mhs read` shows a user: `Ada Jones <ADDRESS>, +44 20 7946
 * 0000`. The texts live in the arena; each may be absent (NULL). */
struct address_user {
    struct x411_ORName name;
    const char *free_form_name, *telephone_number;
};
bool address_read_user(const char *text, struct arena *arena, struct address_user *user);

/* The address of a name in one line; "(no address)" when it has none. */
const char *address_show(const struct x411_ORName *name, struct arena *arena);

/*
 * What all spellings of a name have in common, by which it is found again: the key of its O/R address
 * (names/oraddress.h), of a directory name alone `DN:` and the key of that. The second is of a name as text;
 * of one that is no name the text itself. Of no length where the name is empty. In the arena; `data` NULL
 * without memory.
 */
struct span address_key(const struct x411_ORName *name, struct arena *arena);
struct span address_key_of(const char *text, struct arena *arena);

/* True when both names have the same key; false without memory. */
bool address_same(const struct x411_ORName *a, const struct x411_ORName *b);

/* The mailbox that a command works with: `given`, else the user's own (mhs/aliases.h), as an address in the
 * daemon's spelling. NULL when there is none; that was said. */
const char *address_mailbox(const char *given, struct arena *arena);

/* `2026-11-22T06:30:00Z`, `2026-11-22 06:30+01:00`, `2026-11-22 06:30` or `2026-11-22` (its beginning) in
 * local time, or from now: `+90s`, `+30m`, `+2h`, `+1d`, and before now: `-2h`. Where the zone was not given,
 * and is not UTC, it is said what was understood. False when it is none of these; said. */
bool time_from_text(const char *text, int64_t *seconds);

#endif
