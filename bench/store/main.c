/*
 * What the store alone can do: messages in, one piece of work each, done, as
 * the switch does it. One process, no sockets.
 *
 *   bench-store FOLDER [OCTETS [IN-FLIGHT [SECONDS [HELD]]]]
 *
 * Each commit takes in half of what is in flight and finishes as many older
 * ones, each with its events and repeat key. HELD messages lie in the queue from
 * the beginning. Prints one line of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "store/store.h"

struct bench {
    struct store *store;
    struct store_batch *batch;
    size_t octets;
    uint64_t *works, *messages; /* a ring of those in flight */
    size_t ring, added, finished;
    uint32_t next_hop;
    uint8_t *content;
};

static void die(const char *what, const struct error *err) {
    fprintf(stderr, "bench-store: %s: %s\n", what, err->text);
    exit(1);
}

static int64_t cpu_us(void) {
    struct rusage r;
    getrusage(RUSAGE_SELF, &r);
    return (int64_t)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) * 1000000 + r.ru_utime.tv_usec +
           r.ru_stime.tv_usec;
}

static void commit(struct bench *b) {
    struct error err = {0};
    if (!store_commit(b->batch, &err))
        die("commit", &err);
}

static void add_message(struct bench *b, uint64_t number, uint8_t status) {
    static const char envelope[400] = "an envelope of a usual length";
    struct error err = {0};
    uint8_t digest[STORE_DIGEST] = {0}, repeat[STORE_DIGEST];
    char id[48];
    int len = snprintf(id, sizeof id, "/C=GB/A=GOLD/P=ALPHA;%016llx", (unsigned long long)number);
    memcpy(b->content, &number, sizeof number);
    memcpy(digest, &number, sizeof number);
    struct span key = span_of(id, (size_t)len);
    if (!store_repeat_key(SPAN_LIT("ALPHA"), key, digest, repeat) ||
        store_find_repeat(b->store, b->batch, repeat, &err) != STORE_REPEAT_UNKNOWN)
        die("repeat", &err);
    struct store_content *content = store_content_create(b->store, b->octets, &err);
    if (!content || !store_content_append(content, span_of(b->content, b->octets), &err))
        die("content", &err);
    uint64_t message = store_add_message(b->batch, 1, span_of(envelope, sizeof envelope), content);
    struct store_work work = {.message = message,
                              .next_hop = b->next_hop,
                              .status = status,
                              .due = 1,
                              .expiry = 2,
                              .priority = 1,
                              .data = SPAN_LIT("\x01\x00\x00\x00")};
    b->messages[b->added % b->ring] = message;
    b->works[b->added % b->ring] = store_add_work(b->batch, &work);
    store_add_repeat(b->batch, repeat, INT64_MAX);
    store_add_event(b->batch, key, 1, SPAN_LIT("{\"event\":\"transfer-in\",\"peer\":\"ALPHA\"}"));
    store_content_release(content);
    b->added += status == STORE_READY;
}

static void finish_message(struct bench *b) {
    char id[48];
    int len = snprintf(id, sizeof id, "/C=GB/A=GOLD/P=ALPHA;%016llx", (unsigned long long)b->finished);
    size_t at = b->finished++ % b->ring;
    store_finish_work(b->batch, b->works[at], b->messages[at]);
    store_add_event(b->batch, span_of(id, (size_t)len), 2,
                    SPAN_LIT("{\"event\":\"transfer-out\",\"peer\":\"BETA\"}"));
}

static void hold(struct bench *b, size_t held) {
    for (size_t i = 0; i < held; i++) {
        add_message(b, UINT64_C(1) << 60 | i, STORE_HELD);
        if (i % 1000 == 999)
            commit(b);
    }
    commit(b);
}

static bool count_row(void *context, const struct store_work *work) {
    size_t *rows = context;
    *rows += work->id != 0;
    return true;
}

static size_t restart(struct bench *b, const char *place, int64_t *us) {
    struct error err = {0};
    size_t rows = 0;
    struct store_options options = {.create = true};
    store_batch_free(b->batch);
    store_close(b->store);
    int64_t start = clock_monotonic_us();
    b->store = store_open(place, &options, &err);
    if (!b->store || !store_each_work(b->store, 0, 0, 0, -1, count_row, &rows, &err))
        die("open", &err);
    *us = clock_monotonic_us() - start;
    b->batch = store_batch_new(b->store);
    b->next_hop = store_next_hop(b->store, SPAN_LIT("BETA"), NULL);
    return rows;
}

static size_t argument(int argc, char **argv, int index, size_t otherwise) {
    return argc > index ? strtoull(argv[index], NULL, 10) : otherwise;
}

int main(int argc, char **argv) {
    if (argc < 2) {
        fprintf(stderr, "usage: bench-store FOLDER [OCTETS [IN-FLIGHT [SECONDS [HELD]]]]\n");
        return 2;
    }
    struct error err = {0};
    struct store_options options = {.create = true};
    struct bench b = {.octets = argument(argc, argv, 2, 2048), .ring = argument(argc, argv, 3, 32)};
    int64_t seconds = (int64_t)argument(argc, argv, 4, 5), restart_us;
    size_t held = argument(argc, argv, 5, 0), half = b.ring > 1 ? b.ring / 2 : 1;
    b.works = calloc(b.ring, sizeof *b.works);
    b.messages = calloc(b.ring, sizeof *b.messages);
    b.content = malloc(b.octets + sizeof(uint64_t));
    b.store = store_open(argv[1], &options, &err);
    if (!b.store || !b.works || !b.messages || !b.content)
        die("open", &err);
    memset(b.content, 'x', b.octets);
    b.batch = store_batch_new(b.store);
    b.next_hop = store_next_hop(b.store, SPAN_LIT("BETA"), NULL);
    hold(&b, held);
    size_t rows = restart(&b, argv[1], &restart_us);

    int64_t start = clock_monotonic_us(), cpu = cpu_us(), now;
    size_t commits = 0;
    do {
        while (b.added > b.finished + b.ring - half)
            finish_message(&b);
        for (size_t i = 0; i < half; i++)
            add_message(&b, b.added, STORE_READY);
        commit(&b);
        commits++;
        now = clock_monotonic_us();
    } while (now - start < seconds * 1000000);
    cpu = cpu_us() - cpu;
    printf("{\"octets\": %zu, \"in_flight\": %zu, \"held\": %zu, \"messages_per_s\": %.0f, "
           "\"cpu_us_per_message\": %.1f, "
           "\"commit_us\": %.0f, \"restart_rows\": %zu, \"restart_ms\": %.1f}\n",
           b.octets, b.ring, held, (double)b.finished * 1e6 / (double)(now - start),
           (double)cpu / (double)b.finished, (double)(now - start) / (double)commits, rows,
           (double)restart_us / 1000);
    store_batch_free(b.batch);
    store_close(b.store);
    free(b.works);
    free(b.messages);
    free(b.content);
    return 0;
}
