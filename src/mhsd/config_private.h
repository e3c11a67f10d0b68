/* The reading of the configuration, shared by the config_*.c files. */
#ifndef MHSD_CONFIG_PRIVATE_H
#define MHSD_CONFIG_PRIVATE_H

#include <confuse.h>

#include "base/arena.h"
#include "base/buf.h"
#include "mhsd/config.h"
#include "mts/tables.h"

struct loader {
    struct config config; /* first: what the callers get a pointer to */
    cfg_t *cfg;           /* owns the strings that the tables point to */
    struct arena arena;
    struct mts_tables *tables;
    const char *file;
    struct span text;    /* with what was included */
    const char *answers; /* what the system was asked by another process, or NULL: it is asked now */
    struct buf *record;  /* where the system's answers are written down, or NULL */
    struct error *err;
};

/* `FILE: line N: SECTION: OPTION: text` into the loader's error; returns false. `option` may be NULL. */
bool config_fail(struct loader *l, cfg_t *section, const char *option, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* An array in the loader's arena; an empty one when `count` is 0. NULL, with the error filled, without
 * memory. */
void *config_array(struct loader *l, size_t count, size_t size);

/* A list option's strings, as the cfg owns them. */
bool config_strings(struct loader *l, cfg_t *section, const char *option, const char *const **items,
                    size_t *count);

/* A number from `least` to `most`. */
bool config_number(struct loader *l, cfg_t *section, const char *option, long least, long most, long *value);

/* The position of the option's value in `words` (closed by NULL). */
bool config_word(struct loader *l, cfg_t *section, const char *option, const char *const *words,
                 int *position);

/* The same for each string of a list: the or of `1 << position`. */
bool config_words(struct loader *l, cfg_t *section, const char *option, const char *const *words,
                  unsigned *bits);

/* config_lookup.c: what the system knows. False: it does not. */
struct lookup_group {
    uint32_t gid;
    const uint32_t *uids; /* of its members */
    size_t count;
};
bool lookup_user(struct loader *l, const char *name, uint32_t *uid);
bool lookup_group(struct loader *l, const char *name, struct lookup_group *group);

/* config_peers.c */
bool config_listeners(struct loader *l);
bool config_peers(struct loader *l);

/* config_mts.c */
bool config_mts(struct loader *l);

#endif
