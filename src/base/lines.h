/* Text that is made of lines. */
#ifndef BASE_LINES_H
#define BASE_LINES_H

#include "base/span.h"

/* Takes the next line off `rest`; the line feed that ends it is no part of it. False: there is none left. */
static inline bool lines_next(struct span *rest, struct span *line) {
    if (rest->len == 0)
        return false;
    const uint8_t *end = (const uint8_t *)memchr(rest->data, '\n', rest->len);
    *line = span_sub(*rest, 0, end ? (size_t)(end - rest->data) : rest->len);
    *rest = span_sub(*rest, line->len + 1, rest->len);
    return true;
}

/* The same of lines `TITLE, tab, text`; one without a tab is passed over. */
static inline bool lines_next_titled(struct span *rest, struct span *title, struct span *text) {
    struct span line;
    while (lines_next(rest, &line)) {
        const uint8_t *tab = line.len ? (const uint8_t *)memchr(line.data, '\t', line.len) : NULL;
        if (!tab)
            continue;
        *title = span_sub(line, 0, (size_t)(tab - line.data));
        *text = span_sub(line, title->len + 1, line.len);
        return true;
    }
    return false;
}

#endif
