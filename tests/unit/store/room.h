/*
 * What the store's tests share: a fresh place, a store in it, short ways to add
 * things. The place is a folder; with a server's folder in
 * $CHASQUI_TEST_POSTGRES (tests/unit/with_postgres.py) it is a database there. With $CHASQUI_TEST_BESIDE a
 * thread of the store's does each commit of the folder's.
 */
#ifndef TESTS_STORE_ROOM_H
#define TESTS_STORE_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "place.h"
#include "store/check.h"
#include "store/postgres/options.h"
#include "store/sqlite/options.h"
#include "store/store.h"
#include "store/thread.h"

struct room {
    char path[PLACE_MAX];
    struct store_options options;
    struct sqlite_options engine; /* what the options point at, or at a server */
    struct postgres_options at_server;
    struct store *store;
    struct store_batch *batch;
    struct arena arena;
};

/* One for all rooms of the program, in each process anew. */
static inline struct store_thread *room_thread(void) {
    static struct store_thread *thread;
    static pid_t process;
    if (getenv("CHASQUI_TEST_BESIDE") && !place_server() && process != getpid()) {
        process = getpid();
        thread = store_thread_start(NULL);
        assert_non_null(thread);
    }
    return thread;
}

static inline void room_open(struct room *room) {
    struct error err = {0};
    room->options.thread = room_thread();
    room->engine.beside = true;
    /* A session of a writer that was killed may live for a moment, and a server that was killed comes up. */
    int64_t end = clock_monotonic_us() + (place_server() ? 20000000 : 0);
    do {
        err.code = 0;
        room->store = store_open(room->path, &room->options, &err);
    } while (!room->store && (err.code == STORE_LOCKED || err.code == STORE_IO) &&
             clock_monotonic_us() < end && usleep(10000) == 0);
    if (!room->store)
        fail_msg("open: %s", err.text);
    room->batch = store_batch_new(room->store);
    assert_non_null(room->batch);
}

static inline void room_close(struct room *room) {
    store_batch_free(room->batch);
    store_close(room->store);
    room->store = NULL;
    room->batch = NULL;
}

static inline void room_reopen(struct room *room) {
    room_close(room);
    room_open(room);
}

static inline void print_finding(void *context, const struct store_finding *finding) {
    (void)context;
    if (finding->step)
        return;
    fprintf(stderr, "# I%d: %s\n", finding->invariant, finding->text);
}

/* For a test that is about files of the embedded engine. */
static inline bool is_at_a_server(void) {
    if (place_server())
        fprintf(stderr, "# not at a server\n");
    return place_server() != NULL;
}

/* No finding on the closed store: all invariants hold. */
static inline void room_check(const struct room *room) {
    struct error err = {0};
    uint64_t findings = 0;
    if (!store_check(room->path, true, print_finding, NULL, &findings, &err))
        fail_msg("check: %s", err.text);
    assert_int_equal(findings, 0);
}

static inline int room_setup(void **state) {
    struct room *room = calloc(1, sizeof *room);
    if (!room || !place_make(room->path))
        return -1;
    room->options.create = true;
    room->options.engine = place_server() ? (const void *)&room->at_server : &room->engine;
    room->options.low_water = 1;
    arena_init(&room->arena, 16 << 20);
    room_open(room);
    *state = room;
    return 0;
}

static inline int room_remove(void **state) {
    struct room *room = *state;
    arena_free(&room->arena);
    int result = place_remove(room->path) ? 0 : -1;
    free(room);
    return result;
}

/* Every test ends with a check of the invariants. */
static inline int room_teardown(void **state) {
    struct room *room = *state;
    if (room->store)
        room_close(room);
    uint64_t findings = 0;
    struct error err = {0};
    bool ok = store_check(room->path, true, print_finding, NULL, &findings, &err) && !findings;
    return room_remove(state) || !ok;
}

static inline void room_commit(struct room *room) {
    struct error err = {0};
    if (!store_commit(room->batch, &err))
        fail_msg("commit: %s", err.text);
}

static inline bool add_repeat(struct store_batch *batch, struct span peer, struct span mts_identifier,
                              const uint8_t digest[static STORE_DIGEST], int64_t expiry) {
    uint8_t key[STORE_DIGEST];
    return store_repeat_key(peer, mts_identifier, digest, key) && store_add_repeat(batch, key, expiry);
}

static inline enum store_repeat find_repeat(struct store *store, struct store_batch *batch, struct span peer,
                                            struct span mts_identifier,
                                            const uint8_t digest[static STORE_DIGEST]) {
    uint8_t key[STORE_DIGEST];
    return store_repeat_key(peer, mts_identifier, digest, key) ? store_find_repeat(store, batch, key, NULL)
                                                               : STORE_REPEAT_FAILED;
}

/* The committed activity of a key, or NULL; until the next call. */
static inline const struct store_activity_in *find_activity(struct store *store, struct span peer,
                                                            struct span association, struct span activity) {
    static struct store_activity_in found;
    struct error err = {0};
    if (store_find_activity_in(store, peer, association, activity, &found, &err))
        return &found;
    assert_int_equal(err.code, STORE_NOT_FOUND);
    return NULL;
}

/* Octets that depend on `seed` and the position. */
static inline void fill_octets(uint8_t *out, uint64_t offset, size_t len, unsigned seed) {
    for (size_t i = 0; i < len; i++)
        out[i] = (uint8_t)(((offset + i) * 2654435761u >> 7) + seed);
}

static inline void append_octets(struct store_content *content, uint64_t len, unsigned seed) {
    static uint8_t octets[256 * 1024];
    struct error err = {0};
    while (len) {
        size_t part = len < sizeof octets ? (size_t)len : sizeof octets;
        fill_octets(octets, store_content_length(content), part, seed);
        if (!store_content_append(content, span_of(octets, part), &err))
            fail_msg("append: %s", err.text);
        len -= part;
    }
}

static inline struct store_content *make_content(struct room *room, uint64_t len, unsigned seed) {
    struct store_content *content = store_content_create(room->store, len, NULL);
    assert_non_null(content);
    append_octets(content, len, seed);
    return content;
}

static inline void expect_octets(struct store_content *content, uint64_t len, unsigned seed) {
    static uint8_t got_octets[100000], want[100000];
    struct error err = {0};
    size_t got;
    assert_int_equal(store_content_length(content), len);
    for (uint64_t at = 0; at < len; at += got) {
        if (!store_content_read(content, at, got_octets, sizeof got_octets, &got, &err))
            fail_msg("read: %s", err.text);
        assert_int_not_equal(got, 0);
        fill_octets(want, at, got, seed);
        assert_memory_equal(got_octets, want, got);
    }
}

static inline void expect_message(struct room *room, uint64_t id, uint64_t len, unsigned seed) {
    struct store_content *content = store_content_open(room->store, id, NULL);
    assert_non_null(content);
    expect_octets(content, len, seed);
    store_content_release(content);
}

static inline bool is_there(struct room *room, uint64_t message) {
    struct store_message got;
    struct error err = {0};
    if (store_get_message(room->store, message, &room->arena, &got, &err))
        return true;
    assert_int_equal(err.code, STORE_NOT_FOUND);
    return false;
}

static inline bool count_one(void *context, const struct store_work *work) {
    ++*(unsigned *)context;
    return work->id != 0;
}

/* Rows of work; of a status, when it is not negative. */
static inline unsigned rows_of_work(struct room *room, int status) {
    unsigned count = 0;
    assert_true(store_each_work(room->store, 0, 0, 0, status, count_one, &count, NULL));
    return count;
}

/* A message with one piece of work; returns its id, and the work's by `work`. */
static inline uint64_t add_one(struct room *room, uint64_t len, unsigned seed, uint64_t *work) {
    struct store_content *content = make_content(room, len, seed);
    uint64_t message = store_add_message(room->batch, 1000, SPAN_LIT("envelope"), content);
    store_content_release(content);
    struct store_work row = {.message = message,
                             .next_hop = store_next_hop(room->store, SPAN_LIT("BETA"), NULL),
                             .due = 5,
                             .expiry = 10,
                             .priority = 2,
                             .data = SPAN_LIT("recipients")};
    uint64_t id = store_add_work(room->batch, &row);
    assert_true(message && id);
    if (work)
        *work = id;
    return message;
}

#endif
