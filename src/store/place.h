/*
 * Where a store is: a `place` is a folder, which is the embedded engine's, or the URI of a server,
 * `postgresql://…` (engine.h).
 */
#ifndef STORE_PLACE_H
#define STORE_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

/* False, with what can be written, for a URI of what can't be a store (`mysql://…`): no folder is meant by
 * it. */
bool store_is_place(const char *place, struct error *err);

/* Is it a folder? Else it is the URI of a server. */
bool store_is_folder(const char *place);

/* The place without a password that stands in it, to be shown; and with one. NULL without memory, or where
 * the place can't have one. The caller frees it with mem_free. */
char *store_public_place(const char *place);

/* The same, but that a folder is named from the root on: what is read elsewhere, or later, must not hang on
 * where it was written. */
char *store_full_place(const char *place);
char *store_secret_place(const char *place, const char *password);

/* What a process needs to open a place from within a sandbox. */
struct store_reach {
    char *place;    /* opens without names to be resolved and files to be read */
    bool calls;     /* a server is called, again whenever it was away */
    uint16_t port;  /* of the server; 0: a Unix socket */
    char *files[4]; /* that are read each time: certificates and their like; closed by NULL if fewer */
};

/* Finds it out, which may take a connection to the server. The caller ends it with store_reach_free, also
 * after a failure. */
bool store_reach(const char *place, struct store_reach *reach, struct error *err);
void store_reach_free(struct store_reach *reach);

/* Is there a store at `place`? STORE_NOT_FOUND: no. STORE_READ_ONLY: it may not be looked at. STORE_CORRUPT:
 * a backup that is not whole. */
bool store_is_there(const char *place, struct error *err);

/*
 * Would this program open the store at `place` as far as its schema goes? Reads
 * only, and migrates nothing. STORE_NOT_FOUND: there is none yet. STORE_VERSION:
 * it is a newer one, or somebody else's database. STORE_READ_ONLY: it may not
 * be read, or a crash left it so that only a writer can.
 */
bool store_examine(const char *place, struct error *err);

#endif
