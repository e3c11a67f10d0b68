/* The mark of a move: a record of the store's own. */
#include "store/mark_private.h"

#include <stdio.h>

static const struct span mark_name = {(const uint8_t *)"move", 4};

bool mark_read(struct store *store, struct mark *mark, struct error *err) {
    struct error inner = {0};
    struct buf data;
    *mark = (struct mark){NO_MARK};
    buf_init(&data, 0);
    bool found = store_get_record(store, STORE_MOVE, mark_name, &data, &inner);
    if (found && data.len > TOKEN) {
        mark->state = (enum mark_state)data.data[0];
        memcpy(mark->token, data.data + 1, TOKEN);
        snprintf(mark->other, sizeof mark->other, "%.*s", (int)(data.len - 1 - TOKEN), data.data + 1 + TOKEN);
    }
    buf_free(&data);
    return found || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
}

bool mark_write(struct store *store, const struct mark *mark, struct error *err) {
    struct store_batch *batch = store_batch_new(store);
    struct buf data;
    buf_init(&data, 0);
    buf_append_byte(&data, (uint8_t)mark->state);
    buf_append(&data, mark->token, TOKEN);
    buf_append(&data, mark->other, strlen(mark->other));
    bool done = batch && !data.failed &&
                (mark->state ? store_put_record(batch, STORE_MOVE, mark_name, buf_span(&data))
                             : store_remove_record(batch, STORE_MOVE, mark_name));
    done = done ? store_commit(batch, err) : store_no_memory(store, err);
    store_batch_free(batch);
    buf_free(&data);
    return done;
}

bool mark_refuses(const char *place, const struct mark *mark, struct error *err) {
    if (mark->state == MOVED)
        return error_set(err, STORE_MOVED,
                         "%s: this store was moved to %s, and is out of date: let 'store' name that one (if "
                         "that is lost: 'mhs store move --take-back')",
                         place, mark->other);
    return error_set(err, STORE_MOVED,
                     "%s: the move of %s to here is not at its end: run 'mhs store move' with both again, "
                     "or let 'store' name that one",
                     place, mark->other);
}

bool move_is_over(struct store *store, struct error *err) {
    struct mark mark;
    return mark_read(store, &mark, err) && (!mark.state || mark_refuses(store->place, &mark, err));
}
