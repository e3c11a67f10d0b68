#include "mta/view.h"

#include "base/clock.h"
#include "mta/mailbox.h"
#include "store/store.h"

/* Less than the process of the clients waits for a reader (clients/readers.c), by more than one read takes.
 */
#define READS_MOST_US (INT64_C(40) * 1000000)

/* What a question's filters may compare. Some 3 comparisons take a microsecond, and others wait; 500,000
 * entries are few. Behind the store process all mail waits. */
#define READER_WORK (UINT64_C(8) * 1000000)
#define STORE_WORK  (UINT64_C(2) * 1000000)

void view_init(struct view *view, const struct mta_config *config) {
    *view = (struct view){.config = config};
    arena_init(&view->arena, config->limits.envelope_memory);
    buf_init(&view->head, 0);
    buf_init(&view->scratch, 0);
    view->question_work = READER_WORK;
}

void view_init_beside(struct view *view, const struct mta_config *config) {
    view_init(view, config);
    view->question_work = STORE_WORK;
    view->left_to_readers = config->readers;
}

void view_answer(struct view *view) {
    store_read_until(view->store, clock_monotonic_us() + READS_MOST_US);
}

void view_answered(struct view *view) {
    store_read_until(view->store, 0);
}

void view_free(struct view *view) {
    users_free(&view->users);
    store_close(view->store);
    arena_free(&view->arena);
    buf_free(&view->head);
    buf_free(&view->scratch);
}

bool mta_examine_users(const struct mta_config *config, struct buf *remarks, struct error *err) {
    static const struct store_options reader = {.read_only = true};
    struct view view;
    view_init(&view, config);
    view.store = store_open(config->store_place, &reader, err);
    bool done = view.store && users_load(&view, err);
    if (done)
        mailboxes_remark_unowned(&view);
    if (done)
        buf_append_span(remarks, buf_span(&view.users.remarks));
    view_free(&view);
    return done;
}
