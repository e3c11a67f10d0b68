/*
 * Security labels (X.411 §8.5.9): written, read, and compared plainly. What a
 * security policy makes of them (clearances, dominance, what a category means)
 * is not judged here.
 */
#ifndef LABELS_LABEL_H
#define LABELS_LABEL_H

#include "base/arena.h"
#include "base/error.h"
#include "schema/x411.h"

/*
 * Reads `POLICY/CLASSIFICATION/CATEGORIES`, of which parts at the end may be
 * missing and the first two empty, or `CLASSIFICATION`: the policy a dotted OBJECT
 * IDENTIFIER, the classification one of X.411's names (`unmarked` … `top-secret`)
 * or a number, the categories a list with commas of `TYPE:VALUE`, the type a dotted
 * OBJECT IDENTIFIER, the value one BER element in hex. False with an error when
 * the text is none.
 */
bool label_parse(struct span text, struct arena *arena, struct x411_SecurityLabel *label, struct error *err);

/* The same text of a label, without its privacy mark; `-` when it has no part. A NUL follows; `data` NULL
 * without memory. */
struct span label_text(const struct x411_SecurityLabel *label, struct arena *arena);

/*
 * True when a message's label falls under a registered one: the same policy, the
 * same classification and the same set of categories. A part that the registered
 * label leaves out is not compared; the privacy mark never is.
 */
bool label_matches(const struct x411_SecurityLabel *registered, const struct x411_SecurityLabel *message);

#endif
