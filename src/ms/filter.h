/*
 * Filters (X.413 §8.1.3): what a selector, a registration or a summary asks of
 * entries, decided on the values of one entry after the other. Pure: values come
 * from a callback, nothing is written.
 *
 * An item is undefined where its attribute type is not known, its rule is not
 * one of that attribute's, or what is asserted is no value of the rule's type;
 * it is false where the entry has no such attribute, or no value that matches.
 * `not` of undefined is undefined; `and` is false with a false one, else
 * undefined with an undefined one; `or` likewise with true; without any within,
 * `and` is true and `or` false. These are the Directory's rules (X.511 §7.8),
 * which X.413 took over; its own text was not at hand. An entry is selected
 * where the whole is true.
 *
 * greater-or-equal is true if the asserted value stands before a value of the
 * entry, or is equal to it; less-or-equal the other way round. approximate-match
 * is decided as equality. Of several values one that matches is enough. Text is
 * compared without regard to case, to the character set that carries it, and to
 * spaces at its ends and runs of them, but by the rules that heed case.
 *
 * Deciding may cost the length of the filter times that of the entry's values:
 * the caller says how much work all entries that it goes through may be.
 */
#ifndef MS_FILTER_H
#define MS_FILTER_H

#include "base/arena.h"
#include "ms/attribute.h"
#include "schema/x413.h"

#define MS_FILTER_DEPTH 64    /* filters within filters; the decoder takes no more of the encoding either */
#define MS_FILTER_NODES 16384 /* items and what joins them, of one filter */

struct ms_filter;

enum ms_filter_error {
    MS_FILTER_TOO_LARGE = 1, /* deeper or longer than the bounds above */
    MS_FILTER_MEMORY
};

/*
 * Prepares a decoded filter: what is asserted is read once for all entries. The
 * result lives in `arena` and points into the filter, which must outlive it.
 * NULL, with the cause in `*why`, when it is too large or memory is short. No
 * filter at all (NULL) is one that is true.
 */
const struct ms_filter *ms_filter_prepare(const struct x413_Filter *filter, struct arena *arena,
                                          enum ms_filter_error *why);

/* What is wrong with an item, for an attribute-error (X.413 §9.2). */
struct ms_filter_problem {
    int64_t problem;         /* an x413_AttributeProblem */
    struct span type, value; /* as they stand in the filter; `value` may be absent */
};

/* The `index`th of them, in the order of the filter; false behind the last. */
bool ms_filter_problem(const struct ms_filter *filter, size_t index, struct ms_filter_problem *problem);

/*
 * Where the values of an entry's attribute come from: whole elements of BER, of
 * the attribute's type, which must stay until the filter is decided or the next
 * call. No values: the entry has no such attribute. False: they can't be had.
 */
struct ms_values {
    bool (*get)(void *user, const struct ms_attribute *attribute, const struct span **values, size_t *count);
    void *user;
    uint64_t *work; /* how much more may be done for who asks: a value that is compared takes 1, and 1 for
                       each 64 octets of it. 0: no filter is decided any more. NULL: any amount may */
};

enum ms_verdict {
    MS_FALSE,
    MS_TRUE,
    MS_UNDEFINED,
    MS_UNDECIDED /* values could not be had, memory is short, or it was too much work */
};

/* Decides the filter for one entry. `scratch` is reset, more than once. */
enum ms_verdict ms_filter_decide(const struct ms_filter *filter, const struct ms_values *values,
                                 struct arena *scratch);

#endif
