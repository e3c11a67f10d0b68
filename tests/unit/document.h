/* Pages of docs/ that are made of tables in the code: a test compares each, or writes it anew where
 * CHASQUI_WRITE_DOCS is set. */
#pragma once
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"

/* `made` is what docs/`name` shall be; `table` says, where it is not, what it is made of. */
static inline void document_is(const char *name, const struct buf *made, const char *table) {
    const char *source = getenv("CHASQUI_SOURCE");
    bool writes = getenv("CHASQUI_WRITE_DOCS") != NULL;
    char path[1000];
    struct buf there;
    buf_init(&there, 0);
    snprintf(path, sizeof path, "%s/docs/%s", source ? source : ".", name);
    FILE *file = fopen(path, writes ? "w" : "r");
    assert_non_null(file);
    if (writes)
        assert_int_equal(fwrite(made->data, 1, made->len, file), made->len);
    else if (buf_reserve(&there, made->len + 1))
        there.len = fread(there.data, 1, made->len + 1, file);
    fclose(file);
    if (!writes && !span_eq(buf_span(&there), buf_span(made)))
        fail_msg("docs/%s is not what %s says: run this test with CHASQUI_WRITE_DOCS=1", name, table);
    buf_free(&there);
}
