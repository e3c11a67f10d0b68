/* O/R names for those who know the attributes of 1984 only (RFC 1328 §3). */
#ifndef NAMES_ORADDRESS_1984_H
#define NAMES_ORADDRESS_1984_H

#include "base/arena.h"
#include "schema/x411.h"

/*
 * Makes `*to` what 1984 can express of `*from`: a common name becomes the
 * domain-defined attribute `Common` (RFC 1328 §3.2), its teletex and universal
 * variants go, and so does a directory name. False when another extension
 * attribute stands in the name, when there is no room for one more domain-defined
 * attribute, or without memory.
 */
bool oraddress_to_1984(const struct x411_ORName *from, struct arena *arena, struct x411_ORName *to);

#endif
