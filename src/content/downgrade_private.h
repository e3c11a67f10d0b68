/* Between downgrade.c (the body) and downgrade_heading.c (what is decoded and encoded anew). */
#ifndef CONTENT_DOWNGRADE_PRIVATE_H
#define CONTENT_DOWNGRADE_PRIVATE_H

#include "content/downgrade.h"

/* Each takes a whole element and gives the element for 1984. False: `*why` says what 1984 can't express. */
bool heading_1984(struct span element, struct arena *arena, struct span *out, const char **why);
bool descriptor_1984(struct span element, struct arena *arena, struct span *out, const char **why);
bool identifier_1984(struct span element, struct arena *arena, struct span *out, const char **why);
bool types_1984(struct span element, struct arena *arena, struct span *out, const char **why);
/* MessageParameters, of ForwardedContentParameters what 1984 has of them. */
bool message_parameters_1984(struct span element, struct arena *arena, struct span *out, const char **why);

#endif
