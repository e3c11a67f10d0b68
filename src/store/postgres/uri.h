/* The URI of a server, as a place of the store. */
#ifndef STORE_POSTGRES_URI_H
#define STORE_POSTGRES_URI_H

#include <stdbool.h>

/* Is `place` for this engine ("postgresql://…" or "postgres://…")? */
bool pg_is_uri(const char *place);

/* The URI without its password, to be shown and logged. The caller frees it with mem_free; NULL without
 * memory. */
char *pg_public_uri(const char *uri);

#endif
