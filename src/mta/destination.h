/*
 * Where copies wait to go: a peer, the mailboxes here, a user who takes deliveries by P3, the conversion of
 * contents. Each kind has its
 * operations: whoever handles work asks them, and never which kind it is. A new kind is a value, a row in
 * run.c, and a file.
 *
 * A destination is marked when copies may have become ready for it, or when something came free that takes
 * them; the loop pumps what is marked, at the end of the turn and after each commit. Nobody else does.
 */
#ifndef MTA_DESTINATION_H
#define MTA_DESTINATION_H

#include <event2/event.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/span.h"

struct mta;

enum destination_kind {
    DESTINATION_MTA,        /* peer.h; there may be many */
    DESTINATION_MAILBOX,    /* deliver.h: all mailboxes are one */
    DESTINATION_CONVERSION, /* convert.h; one */
    DESTINATION_USER,       /* user_agent.h: one for each user who takes deliveries by P3 */
    DESTINATION_KINDS
};

#define DESTINATION_NONE UINT32_MAX

/* The first member of what its kind makes of it. It lives until the end: rows and work name it by number. */
struct destination {
    enum destination_kind kind;
    char *name;      /* work rows and log lines name it so; empty: the mailboxes */
    uint32_t number; /* in mta->destinations, and of its queue in the schedule */
    uint32_t key;    /* the store's, by its name; 0: the mailboxes */
    bool marked;
    bool reroute;                    /* its copies are still to be looked at for another one */
    struct destination *next_marked; /* the one that was marked after it */
};

/* NULL stands for what the comment says of it. */
struct destination_operations {
    /* Hands out what is ready and on disk. True: there is more, and the loop shall see to others first. */
    bool (*pump)(struct mta *mta, struct destination *destination);

    /* Each second. NULL: nothing. `now`: monotonic µs. */
    void (*tick)(struct mta *mta, struct destination *destination, int64_t now);

    /* Its copies wait, whatever their own state. NULL: never. */
    bool (*waits)(const struct destination *destination);

    /* When that ends, µs since 1970; 0: it does not wait; INT64_MAX: nobody knows. NULL: 0. */
    int64_t (*next_try)(const struct destination *destination);

    /* The state of its copies, where nothing is tried there before an operator says so: `peer-disabled`, say;
     * or NULL. NULL: never. */
    const char *(*blocked)(const struct destination *destination);

    /* What is wrong with it, or NULL. NULL: nothing. */
    const char *(*trouble)(const struct destination *destination);

    /* It left the configuration: its copies are rerouted, but for those in doubt. NULL: never. */
    bool (*is_gone)(const struct destination *destination);

    /* An operator wants its copies tried now, that with the id `work` first (0: any). NULL: they are tried as
     * soon as they are ready. */
    void (*try_now)(struct mta *mta, struct destination *destination, uint64_t work);

    /* Adds to the answer of `status`. NULL: nothing. */
    void (*show)(struct mta *mta, struct destination *destination, json_t *status);

    /* Frees it but for its name. */
    void (*release)(struct mta *mta, struct destination *destination);

    /* Why an operator can't send its copies by a peer instead; NULL: he can. */
    const char *fixed;
};

/* Adds what the caller has filled with its kind; its name is copied. False without memory: it is still the
 * caller's. */
bool destination_add(struct mta *mta, struct destination *destination, struct span name);
void destinations_free(struct mta *mta);

struct destination *destination_at(const struct mta *mta, uint32_t number);
/* By name, or NULL. */
struct destination *destination_find(const struct mta *mta, struct span name);
/* The only one of its kind. */
struct destination *destination_of_kind(const struct mta *mta, enum destination_kind kind);

void destination_mark(struct mta *mta, struct destination *destination);
/* Pumps what is marked: after a commit. */
void destinations_pump(struct mta *mta);
/* The callback of mta->pump: at the end of the turn. */
void destinations_on_mark(evutil_socket_t fd, short what, void *arg);
void destinations_tick(struct mta *mta);

/* The operations, where the kind has them. */
bool destination_waits(const struct mta *mta, const struct destination *destination);
int64_t destination_next_try(const struct mta *mta, const struct destination *destination);
const char *destination_blocked(const struct mta *mta, const struct destination *destination);
const char *destination_trouble(const struct mta *mta, const struct destination *destination);
bool destination_is_gone(const struct mta *mta, const struct destination *destination);
void destination_try_now(struct mta *mta, struct destination *destination, uint64_t work);
const char *destination_fixed(const struct mta *mta, const struct destination *destination);
void destinations_show(struct mta *mta, json_t *status);

#endif
