#ifndef MS_COLUMNS_PRIVATE_H
#define MS_COLUMNS_PRIVATE_H

#include "ms/match.h"

/* What is hashed: of two values that match it is the same; the absent span where that can't be said. */
struct span ms_hashed(enum ms_form form, const struct ms_operand *operand, struct arena *arena);

#endif
