/*
 * Repeat keys, packed one row a commit, 32 octets each. The lookup of a key that was never seen, which is
 * nearly every one, costs a look in memory and at the filters of the runs.
 */
#include "store/sqlite/sqlite_private.h"

struct search {
    const uint8_t *key;
    bool found;
};

static bool match_key(void *context, struct span digest) {
    struct search *search = context;
    search->found = !memcmp(digest.data, search->key, STORE_DIGEST);
    return !search->found;
}

static bool find_in_rows(struct sqlite *store, const struct buf *rows, struct search *search,
                         struct error *err) {
    struct buf packed;
    bool ok = true;
    buf_init(&packed, 0);
    for (size_t at = 0; ok && !search->found && at < rows->len; at += sizeof(uint64_t)) {
        uint64_t row;
        memcpy(&row, rows->data + at, sizeof row);
        ok = packed_row(store, true, row, &packed, err);
        if (ok)
            repeats_unpack(buf_span(&packed), match_key, search);
    }
    buf_free(&packed);
    return ok;
}

bool sqlite_find_repeat(struct store *head, const uint8_t key[static STORE_DIGEST], bool *found,
                        struct error *err) {
    struct sqlite *store = sqlite_of(head);
    struct search search = {key, false};
    struct buf rows;
    buf_init(&rows, 0);
    bool ok = runs_lookup(store, true, store_hash(head, span_of(key, STORE_DIGEST)), &rows, err) &&
              (!rows.len || find_in_rows(store, &rows, &search, err));
    buf_free(&rows);
    *found = search.found;
    return ok;
}
