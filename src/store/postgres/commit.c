/*
 * The commit, step by step (postgres_private.h has its argument). It goes on
 * whenever the server has answered, and nothing waits for it but who asks to.
 */
#include <errno.h>
#include <poll.h>
#include <sys/epoll.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "store/postgres/postgres_private.h"

/* How often a server that is gone is tried while a commit is not settled. */
#define AGAIN_MS 250

/* ---- the descriptor ---- */

static struct watched wanted(const struct pg *connection, bool is_wanted) {
    struct watched none = {-1, 0};
    if (!is_wanted || connection->stage == PG_GONE || PQsocket(connection->conn) < 0)
        return none;
    int events = pg_events(connection);
    return (struct watched){PQsocket(connection->conn),
                            (events & POLLIN ? EPOLLIN : 0u) | (events & POLLOUT ? EPOLLOUT : 0u)};
}

/* While libpq connects it may change the socket, and keep the number. */
static void watch_socket(struct pg_store *pg, struct watched *watched, struct watched want, bool changes) {
    struct epoll_event event = {.events = want.events};
    if (want.fd == watched->fd && want.events == watched->events && !changes)
        return;
    if (want.fd >= 0 && epoll_ctl(pg->poll, EPOLL_CTL_MOD, want.fd, &event) != 0 &&
        epoll_ctl(pg->poll, EPOLL_CTL_ADD, want.fd, &event) != 0)
        want = (struct watched){-1, 0};
    *watched = want;
}

/* A socket that was closed has left `poll` by itself, and its number may be the other's now: none is taken
 * out after one was put in. */
void pg_watch(struct pg_store *pg) {
    bool side = pg->side.lost || (pg->commit.step == COMMIT_READYING && pg->commit.awaited) ||
                !pg_takes_octets(&pg->head);
    struct watched of_writer = wanted(&pg->writer, true), of_side = wanted(&pg->side, side);
    if (pg->watched.fd >= 0 && pg->watched.fd != of_writer.fd)
        epoll_ctl(pg->poll, EPOLL_CTL_DEL, pg->watched.fd, NULL);
    if (pg->side_watched.fd >= 0 && pg->side_watched.fd != of_side.fd)
        epoll_ctl(pg->poll, EPOLL_CTL_DEL, pg->side_watched.fd, NULL);
    watch_socket(pg, &pg->watched, of_writer, pg->writer.stage == PG_CALLING);
    watch_socket(pg, &pg->side_watched, of_side, pg->side.stage == PG_CALLING);
}

static void set_timer(struct pg_store *pg, long ms) {
    const struct itimerspec when = {.it_value = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000}};
    uint64_t ticks;
    if (read(pg->timer, &ticks, sizeof ticks) < 0 && errno != EAGAIN)
        log_error("%s: the store's timer can't be read", pg->head.place);
    timerfd_settime(pg->timer, 0, &when, NULL);
}

int pg_descriptor(const struct store *store) {
    return pg_of(store)->poll;
}

static void set_step(struct pg_store *pg, enum commit_step step) {
    pg->commit.step = step;
    pg->commit.since = clock_monotonic_us();
}

/* ---- the end ---- */

static void forget_results(struct commit *commit) {
    PQclear(commit->counted);
    commit->counted = NULL;
    map_clear(&commit->numbers);
}

static void finish(struct pg_store *pg, bool done, const struct error *err) {
    struct store_batch *batch = pg->commit.batch;
    forget_results(&pg->commit);
    set_step(pg, COMMIT_NONE);
    pg->commit.batch = NULL;
    pg->proved = done;
    set_timer(pg, 0);
    pg_contents_land(batch, !done && pg->writer.lost);
    batch_done(batch, done ? NULL : err);
}

static void apply_contents(struct pg_store *pg) {
    const struct fold *fold = &pg->commit.fold;
    const PGresult *counted = pg->commit.counted;
    for (size_t i = 0; i < fold->contents.room; i++) {
        const struct map_slot *slot = &fold->contents.slots[i];
        if (!slot->key || !map_find(&fold->counts, slot->key))
            continue;
        struct pg_content *part = pg_content_of(slot->value);
        part->has_row = true;
        part->saved = part->commit_length;
    }
    pg->content_octets += fold->content_octets;
    for (int row = 0; counted && row < PQntuples(counted); row++) {
        uint64_t id = (uint64_t)pg_number(counted, row, 1);
        struct store_content *open = content_find(&pg->head, id);
        pg->content_octets -= (uint64_t)pg_number(counted, row, 2);
        if (open) {
            pg_content_of(open)->doomed = true;
            store_content_release(open);
        } else
            pg_chunks_forget(pg, id, 0);
    }
}

/* The sequence-numbers that the entries got: from the first of
 * their mailbox on, in the order of operations. */
static void apply_entries(struct pg_store *pg) {
    struct store_batch *batch = pg->commit.batch;
    for (size_t i = 0; i < batch->count && pg->commit.numbers.count; i++) {
        struct operation *operation = &batch->list[i];
        if (operation->type == ADD_ENTRY && !operation->left_out)
            operation->entry.sequence = (uint64_t)map_find(&pg->commit.numbers, operation->number)->number++;
    }
}

static void succeed(struct pg_store *pg) {
    pg_known_note(pg, pg->commit.batch);
    apply_contents(pg);
    apply_entries(pg);
    pg->serial++;
    finish(pg, true, NULL);
}

static void fail(struct pg_store *pg, const struct error *err) {
    finish(pg, false, err);
}

/* ---- the first step ---- */

static bool send_rows(struct pg_store *pg, struct error *err) {
    struct fold *fold = &pg->commit.fold;
    for (int query = FOLD_FIRST; query < FOLD_END; query++) {
        struct pg_parameters parameters = {0};
        if (fold_is_empty(fold, (enum query)query))
            continue;
        for (size_t n = 0; n < fold_columns((enum query)query); n++)
            if (!pg_add_array(&parameters, &fold->columns[query - FOLD_FIRST][n]))
                return store_no_memory(&pg->head, err);
        if (query == Q_ADD_WORK)
            pg_add_number(&parameters, pg->node);
        if (!pg_send(&pg->writer, query == Q_ADD_REPEATS && pg->commit.asks ? Q_ASK_REPEATS : (size_t)query,
                     &parameters, err))
            return false;
    }
    return pg_sync(&pg->writer, err) && pg_flush(&pg->writer, err);
}

static bool send_all(struct pg_store *pg, struct error *err) {
    struct pg_parameters fence = {0};
    pg_add_number(&fence, pg->node);
    pg_add_number(&fence, pg->epoch);
    pg_add_number(&fence, pg->serial + 1);
    pg_add_number(&fence, pg->lease);
    return pg_send(&pg->writer, Q_BEGIN, NULL, err) && pg_send(&pg->writer, Q_FENCE, &fence, err) &&
           send_rows(pg, err);
}

static void begin_pass(struct pg_store *pg) {
    struct error err = {0};
    bool ready = pg_chunks_verify(pg, &err) && fold_batch(&pg->commit.fold, pg->commit.batch, &err);
    pg->commit.failure = (struct error){0};
    pg->commit.again = false;
    forget_results(&pg->commit);
    set_step(pg, COMMIT_WRITING);
    if (ready && send_all(pg, &err))
        return;
    if (ready)
        pg->writer.lost = true; /* what was half sent goes with its connection */
    fail(pg, &err);
}

bool pg_take_probe(struct pg_store *pg, struct error *err) {
    PGresult *result = pg_take(&pg->writer, err);
    pg->proved = pg_take_sync(&pg->writer, result ? err : NULL) && result;
    pg->probing = false;
    PQclear(result);
    return pg->proved;
}

/* False: something is still to come that the batch needs. */
static bool get_ready(struct pg_store *pg) {
    struct error err = {0};
    bool old = pg->writer.called < pg->commit.since;
    if (!pg_tend_writer(pg, &err)) {
        if (err.code && old && !pg->commit.retried)
            pg->commit.retried = true; /* a call of before this commit: once more */
        else if (err.code)
            fail(pg, &err);
        return err.code != 0;
    }
    if (pg->probing && pg_must_wait(&pg->writer))
        return false;
    if (pg->probing)
        pg_take_probe(pg, &err);
    if (pg->writer.lost)
        return true; /* it is called anew */
    for (struct error ignored = {0}; pg->commit.awaited && !pg->side.lost;) {
        if (pg_must_wait(&pg->side))
            return false;
        pg_take_chunk(pg, &ignored);
    }
    begin_pass(pg);
    return true;
}

/* Writing a large batch, libpq takes in what the server answers; the socket then says nothing more. */
static void tell_answer(struct pg_store *pg) {
    pg->commit.answered = pg->commit.step == COMMIT_WRITING && !pg->writer.lost && !PQisBusy(pg->writer.conn);
    if (pg->commit.answered)
        set_timer(pg, 1);
}

void pg_commit_begin(struct store_batch *batch) {
    struct pg_store *pg = pg_of(batch->store);
    pg->commit.batch = batch;
    pg->commit.retried = false;
    pg->commit.awaited = pg->chunks;
    pg_contents_fly(batch);
    pg->commit.asks = pg_known_note(pg, batch);
    set_step(pg, COMMIT_READYING);
    pg_proceed(batch->store, false);
    tell_answer(pg);
}

/* ---- verdicts ---- */

/* Another pass follows without the operation's request, or the whole fails. */
static void refuse(struct pg_store *pg, size_t operation, struct error *err) {
    if (batch_fail(pg->commit.batch, &pg->commit.batch->list[operation], err))
        pg->commit.again = true;
    else if (!pg->commit.failure.code)
        pg->commit.failure = *err;
}

/* The message that the operation names; 0: none. */
static uint64_t message_of(const struct operation *operation) {
    return operation->type == ADD_WORK                                     ? operation->work.message
           : operation->type == ADD_ENTRY || operation->type == COPY_ENTRY ? operation->entry.message
                                                                           : 0;
}

/* What can't be judged is not committed. */
static void judge_nothing(struct pg_store *pg) {
    if (!pg->commit.failure.code)
        store_no_memory(&pg->head, &pg->commit.failure);
}

static void miss_messages(struct pg_store *pg, const PGresult *counted) {
    struct store_batch *batch = pg->commit.batch;
    struct map missing = {0};
    for (int row = 0; row < PQntuples(counted); row++)
        if (pg_number(counted, row, 0) && !map_at(&missing, (uint64_t)pg_number(counted, row, 1)))
            judge_nothing(pg);
    for (size_t i = 0; i < batch->count && missing.count; i++) {
        uint64_t id = message_of(&batch->list[i]);
        struct error err;
        if (!id || batch->list[i].left_out || !map_find(&missing, id))
            continue;
        error_set(&err, STORE_BAD_REQUEST, "message %llu is not there", (unsigned long long)id);
        refuse(pg, i, &err);
    }
    map_free(&missing);
}

/* Where the key stands: at its short form, or behind others of the same. NULL: it does not. */
static struct map_slot *inserted_at(const struct map *map, const PGresult *inserted,
                                    const uint8_t key[static STORE_DIGEST]) {
    uint64_t id = repeat_short(key);
    struct map_slot *slot = map_find(map, id);
    while (slot && !span_eq(pg_octets(inserted, (int)slot->number, 0), span_of(key, STORE_DIGEST)))
        slot = map_find(map, ++id);
    return slot;
}

/* The keys that were inserted -> their rows. False without memory. */
static bool list_inserted(struct map *map, const PGresult *inserted) {
    for (int row = 0; row < PQntuples(inserted); row++) {
        uint64_t id = repeat_short(pg_octets(inserted, row, 0).data);
        while (map_find(map, id))
            id++;
        struct map_slot *slot = map_at(map, id);
        if (!slot)
            return false;
        slot->number = row;
    }
    return true;
}

/* A key that was not inserted is there; of the same key twice in a batch, only the first may be. */
static void know_repeats(struct pg_store *pg, const PGresult *inserted) {
    struct store_batch *batch = pg->commit.batch;
    struct map map = {0}, seen = {0};
    struct error err;
    if (PQntuples(inserted) == (int)pg->commit.fold.columns[Q_ADD_REPEATS - FOLD_FIRST][0].count)
        return;
    error_set(&err, STORE_REPEATED, "this was taken in before");
    bool ok = list_inserted(&map, inserted);
    for (size_t i = 0; i < batch->count && ok; i++) {
        const struct operation *operation = &batch->list[i];
        if (operation->type != ADD_REPEAT || operation->left_out)
            continue;
        struct map_slot *slot = inserted_at(&map, inserted, operation->repeat.digest);
        uint64_t row = slot ? (uint64_t)slot->number + 1 : 0;
        if (!slot || map_find(&seen, row))
            refuse(pg, i, &err);
        else
            ok = map_at(&seen, row) != NULL;
    }
    if (!ok)
        judge_nothing(pg);
    map_free(&map);
    map_free(&seen);
}

static void miss_mailboxes(struct pg_store *pg, const PGresult *numbered) {
    struct store_batch *batch = pg->commit.batch;
    struct map *numbers = &pg->commit.numbers;
    for (int row = 0; row < PQntuples(numbered); row++) {
        struct map_slot *slot = map_at(numbers, (uint64_t)pg_number(numbered, row, 0));
        if (slot)
            slot->number = pg_number(numbered, row, 1);
        else
            judge_nothing(pg);
    }
    for (size_t i = 0; i < batch->count; i++) {
        struct error err;
        if (batch->list[i].type != ADD_ENTRY || batch->list[i].left_out ||
            map_find(numbers, batch->list[i].number))
            continue;
        error_set(&err, STORE_BAD_REQUEST, "mailbox %u is not there", batch->list[i].number);
        refuse(pg, i, &err);
    }
}

static void look(struct pg_store *pg, enum query query, PGresult *result) {
    if (query == Q_ADD_REPEATS && pg->commit.asks)
        know_repeats(pg, result);
    else if (query == Q_ADD_ENTRIES)
        miss_mailboxes(pg, result);
    else if (query == Q_COUNT) {
        miss_messages(pg, result);
        pg->commit.counted = result;
        return;
    }
    PQclear(result);
}

/* ---- the answers to the first step ---- */

static bool take_fence(struct pg_store *pg, struct error *err) {
    PGresult *fence = pg_take(&pg->writer, err);
    bool ours = fence && PQntuples(fence) == 1;
    if (ours)
        pg->commit.transaction = pg_number(fence, 0, 0);
    else if (fence)
        pg_taken_over(pg, err);
    PQclear(fence);
    return ours;
}

static bool take_rows(struct pg_store *pg, struct error *err) {
    for (int query = FOLD_FIRST; query < FOLD_END; query++) {
        if (fold_is_empty(&pg->commit.fold, (enum query)query))
            continue;
        PGresult *result = pg_take(&pg->writer, err);
        if (!result)
            return false;
        look(pg, (enum query)query, result);
    }
    return true;
}

static bool take_all(struct pg_store *pg, struct error *err) {
    PGresult *begun = pg_take(&pg->writer, err);
    PQclear(begun);
    bool ok = begun && take_fence(pg, err) && take_rows(pg, err);
    return pg_take_sync(&pg->writer, ok ? err : NULL) && ok;
}

static bool send_end(struct pg_store *pg, enum query query, enum commit_step step, struct error *err) {
    set_step(pg, step);
    return pg_send(&pg->writer, query, NULL, err) && pg_sync(&pg->writer, err) && pg_flush(&pg->writer, err);
}

static void unsettled(struct pg_store *pg) {
    log_warning(
        "%s: the connection broke while a batch was committed; the server will be asked what came of it",
        pg->head.place);
    set_step(pg, COMMIT_UNSETTLED);
    error_set(&pg->commit.failure, STORE_IO, "%s: what came of the last batch is not known yet",
              pg->head.place);
}

/* A key that was thought to be new is there: another node wrote it. Which one it is, is to be asked. */
static bool must_ask(const struct pg_store *pg, const struct error *err) {
    return err->code == STORE_BAD_REQUEST && !pg->commit.asks &&
           !fold_is_empty(&pg->commit.fold, Q_ADD_REPEATS);
}

static bool after_writing(struct pg_store *pg) {
    struct error err = {0};
    if (pg_must_wait(&pg->writer))
        return false;
    bool ok = take_all(pg, &err);
    if (pg->writer.lost && !pg->commit.retried) { /* nothing was to be committed yet */
        pg->commit.retried = true;
        set_step(pg, COMMIT_READYING);
        return true;
    }
    if (pg->writer.lost) {
        fail(pg, &err);
        return true;
    }
    if (ok && !pg->commit.failure.code && !pg->commit.again) {
        if (!send_end(pg, Q_COMMIT, COMMIT_ENDING, &err))
            unsettled(pg); /* some of it may have been sent */
        return true;
    }
    if (!ok && must_ask(pg, &err))
        pg->commit.asks = pg->commit.again = true;
    else if (!ok)
        pg->commit.failure = err;
    if (!send_end(pg, Q_ROLLBACK, COMMIT_UNDOING, &err))
        fail(pg, &err);
    return true;
}

static bool after_undoing(struct pg_store *pg) {
    struct error err = {0};
    if (pg_must_wait(&pg->writer))
        return false;
    PQclear(pg_take(&pg->writer, &err));
    if (!err.code)
        pg_take_sync(&pg->writer, &err);
    if (!pg->commit.failure.code)
        pg->commit.failure = err;
    if (pg->commit.failure.code)
        fail(pg, &pg->commit.failure);
    else
        begin_pass(pg);
    return true;
}

static bool after_ending(struct pg_store *pg) {
    struct error err = {0};
    if (pg_must_wait(&pg->writer))
        return false;
    PGresult *result = pg_take(&pg->writer, &err);
    bool committed = result && !strcmp(PQcmdStatus(result), "COMMIT");
    PQclear(result);
    if (!pg->writer.lost)
        pg_take_sync(&pg->writer, NULL);
    if (committed)
        succeed(pg);
    else if (pg->writer.lost)
        unsettled(pg);
    else
        fail(pg, &err);
    return true;
}

/* ---- an end that is not known ---- */

/* 1: it is committed; 0: it is not; -1: it can't be told yet. */
static int settle(struct pg_store *pg, struct error *err) {
    struct pg_parameters parameters = {0};
    if (!pg_tend_writer(pg, err))
        return -1;
    pg_add_number(&parameters, pg->node);
    pg_add_number(&parameters, pg->commit.transaction);
    PGresult *result = pg_query(&pg->writer, Q_SETTLE, &parameters, err);
    if (!result || PQntuples(result) != 1) {
        PQclear(result);
        return -1;
    }
    struct span status = pg_octets(result, 0, 0);
    bool moved = pg_number(result, 0, 1) == pg->serial + 1;
    int verdict = span_eq(status, SPAN_LIT("in progress")) ? -1 : moved;
    log_notice("%s: the batch that was being committed is %s (the server says of transaction %lld: %.*s)",
               pg->head.place,
               verdict < 0 ? "still under way"
               : verdict   ? "committed"
                           : "not committed",
               (long long)pg->commit.transaction, status.data ? (int)status.len : 7,
               status.data ? (const char *)status.data : "unknown");
    PQclear(result);
    return verdict;
}

/* The session that committed has the lock until it has ended. */
static void note_why(struct pg_store *pg, const struct error *err) {
    if (err->code == STORE_LOCKED)
        error_set(&pg->commit.failure, STORE_IO,
                  "%s: what came of the last batch is not known before its session at the server has ended",
                  pg->head.place);
    else
        pg->commit.failure = *err;
    store_refuses(&pg->head, &pg->commit.failure);
}

static bool try_settling(struct pg_store *pg) {
    struct error err = {0};
    int verdict = settle(pg, &err);
    if (err.code == STORE_FENCED)
        fail(pg, &err); /* whatever came of it, nobody here goes on from it */
    else if (verdict < 0) {
        if (err.code)
            note_why(pg, &err);
        set_timer(pg, AGAIN_MS);
    } else if (verdict)
        succeed(pg);
    else {
        error_set(&err, STORE_IO, "%s: the connection broke before the batch was committed", pg->head.place);
        fail(pg, &err);
    }
    return pg->commit.step != COMMIT_UNSETTLED;
}

/* ---- limits ---- */

static void say_late(const struct pg_store *pg, struct error *err) {
    error_set(err, STORE_IO, "%s: the server has not answered to a commit for %d s", pg->head.place,
              (int)((clock_monotonic_us() - pg->commit.since) / 1000000));
}

bool pg_commit_is_late(const struct pg_store *pg, struct error *err) {
    bool unsettled = pg->commit.step == COMMIT_UNSETTLED;
    if (pg->commit.step == COMMIT_NONE ||
        (!unsettled && clock_monotonic_us() - pg->commit.since < pg->commit_us))
        return false;
    if (unsettled)
        *err = pg->commit.failure;
    else
        say_late(pg, err);
    return true;
}

/* What is not answered in time goes with its connection. */
static void give_up_late(struct pg_store *pg) {
    enum commit_step step = pg->commit.step;
    int64_t waited = clock_monotonic_us() - pg->commit.since;
    struct error err = {0};
    if (step == COMMIT_READYING && pg->commit.awaited && waited > pg->side.patience_ms * INT64_C(1000)) {
        pg_disconnect(&pg->side);
        pg->side.silent = true;
    } else if (step == COMMIT_READYING && pg->probing && clock_monotonic_us() - pg->probed > pg->commit_us) {
        pg->probing = false; /* the commit goes on by a session that is called anew */
        pg_disconnect(&pg->writer);
    } else if ((step == COMMIT_WRITING || step == COMMIT_UNDOING) && waited > pg->commit_us) {
        say_late(pg, &err);
        pg_disconnect(&pg->writer);
        fail(pg, &err);
    } else if (step == COMMIT_ENDING && waited > 2 * pg->commit_us) {
        pg_disconnect(&pg->writer);
        unsettled(pg);
    }
}

/* ---- going on ---- */

static void go_on(struct pg_store *pg) {
    static bool (*const steps[])(struct pg_store *) = {[COMMIT_READYING] = get_ready,
                                                       [COMMIT_WRITING] = after_writing,
                                                       [COMMIT_ENDING] = after_ending,
                                                       [COMMIT_UNDOING] = after_undoing,
                                                       [COMMIT_UNSETTLED] = try_settling};
    if (pg->commit.answered || pg->commit.step == COMMIT_UNSETTLED)
        set_timer(pg, 0);
    pg->commit.answered = false;
    give_up_late(pg);
    pg_chunks_look(pg);
    while (pg->commit.step != COMMIT_NONE && steps[pg->commit.step](pg)) {
    }
    if (pg->commit.step == COMMIT_NONE && pg->writer.stage == PG_READY)
        pg_is_connected(&pg->writer);
    if (pg->commit.step == COMMIT_NONE && pg->writer.lost)
        pg_go_on(&pg->writer, pg->uri, &pg->writer.why);
    pg_step_side(pg);
    pg_watch(pg);
}

void pg_proceed(struct store *store, bool wait) {
    struct pg_store *pg = pg_of(store);
    struct pollfd fd = {.fd = pg->poll, .events = POLLIN};
    for (go_on(pg); wait && pg->commit.step != COMMIT_NONE; go_on(pg))
        poll(&fd, 1, AGAIN_MS);
}

void pg_give_up(struct store *store) {
    struct pg_store *pg = pg_of(store);
    struct error err;
    error_set(&err, STORE_IO, "%s: what comes of the batch is not known: the process ends", store->place);
    pg_disconnect(&pg->writer);
    pg_disconnect(&pg->side);
    pg->side.silent = true;
    fail(pg, &err);
}
