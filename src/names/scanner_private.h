/* A place in a text that is being read, shared by the parsers of distinguished names and presentation
 * addresses. */
#ifndef NAMES_SCANNER_PRIVATE_H
#define NAMES_SCANNER_PRIVATE_H

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

struct scanner {
    struct span text;
    size_t at;
    struct arena *arena;
    struct error *err;
    const char *what; /* "distinguished name", in errors */
    int syntax;       /* the error's code when the text is wrong */
};

/* The octet at this place; 0 at the end. */
static inline uint8_t peek(const struct scanner *s) {
    return s->at < s->text.len ? s->text.data[s->at] : 0;
}

/* Says what is wrong, and with which text it begins; returns false. */
static inline bool failed(struct scanner *s, const char *cause) {
    struct span rest = span_sub(s->text, s->at, 60);
    return error_set(s->err, s->syntax, "%s: %s at '%.*s'", s->what, cause, (int)rest.len,
                     rest.data ? (const char *)rest.data : "");
}

#endif
