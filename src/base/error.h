/*
 * An error value: what went wrong, in words that tell a person what to do.
 * Functions that can fail return false (or NULL) and fill the error that the
 * caller passed; `err` may be NULL when the caller does not want to know.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stdbool.h>

struct error {
    int code;       /* the room's own enumeration; 0 means none */
    char text[512]; /* one line, plain English, no closing full stop */
};

/* Fills `err` (if any) and returns false, so that a caller can `return error_set(...)`. */
bool error_set(struct error *err, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Puts what is to be done behind the text that is there: where both have no room, the end of the first goes.
 * Returns false. What is cut, here and in the others, is cut between words, and ends with an ellipsis. */
bool error_append(struct error *err, const char *remedy);

/* Puts `context` and a colon before the text that is there. Returns false. */
bool error_prefix(struct error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
