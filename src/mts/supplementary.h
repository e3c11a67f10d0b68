/* What the supplementary-information of a report can say. */
#ifndef MTS_SUPPLEMENTARY_H
#define MTS_SUPPLEMENTARY_H

#include "base/arena.h"
#include "base/span.h"

/*
 * UTF-8 as a PrintableString of at most ub-supplementary-info-length characters
 * (X.411): letters go without their accents (`Größe`: Grosse), quotation marks and
 * dashes become plain ones, each other character that it lacks a `?`. `data` is
 * NULL for an empty text and without memory.
 */
struct span supplementary_of(struct span text, struct arena *arena);

#endif
