/* Between downgrade.c (the body) and downgrade_heading.c (what is decoded and encoded anew). */
#ifndef CONTENT_DOWNGRADE_PRIVATE_H
#define CONTENT_DOWNGRADE_PRIVATE_H

#include "content/downgrade.h"
#include "names/rfc1328.h"

/* Takes a whole element and gives the element for 1984, its O/R names as agreed. False: `*why` says what 1984
 * can't express. */
typedef bool element_1984(struct span element, const struct rfc1328 *how, struct arena *arena,
                          struct span *out, const char **why);

element_1984 heading_1984, descriptor_1984, identifier_1984, types_1984;
/* MessageParameters, of ForwardedContentParameters what 1984 has of them. */
element_1984 message_parameters_1984;

#endif
