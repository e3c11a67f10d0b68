/*
 * Who is where: the built-in table from directory names to O/R addresses. The
 * configuration fills it, and `mhs user add`; other directories come later.
 */
#ifndef DIRECTORY_DIRECTORY_H
#define DIRECTORY_DIRECTORY_H

#include "base/error.h"
#include "base/span.h"

struct directory;

/* An empty table; NULL without memory. Freed with directory_free, which takes NULL too. */
struct directory *directory_new(void);
void directory_free(struct directory *directory);

/*
 * Adds an entry: `name` is a distinguished name (RFC 4514), with or without
 * `DN:` before it, `address` an O/R address in any spelling, which is kept as it
 * is given. False with an error when either is not valid, or when the name has
 * another address already.
 */
bool directory_add(struct directory *directory, const char *name, const char *address, struct error *err);

/* Takes the name's entry out. False when there is none. */
bool directory_remove(struct directory *directory, const char *name);

/* The address of a name given as BER of X.501 Name, or NULL when it is not known (or is no Name). Valid until
 * the entry is removed. */
const char *directory_find(const struct directory *directory, struct span name);

size_t directory_count(const struct directory *directory);

#endif
