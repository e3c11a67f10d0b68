/*
 * What the store gives back is not believed either: a row's data (`form` octets
 * as mts/row.h), the held object and its plan. u16 length, so many octets of a
 * row, then the object, which is taken for events and summaries too.
 */
#include "asn1/ber.h"
#include "base/reader.h"
#include "mta/event.h"
#include "mts/row.h"
#include "mts/summary.h"
#include "names/identifier.h"

#include "../unit/numbers.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static struct mts_tables *tables_new(void) {
    static const struct mts_self self = {
        .domain = "/C=GB/A=GOLD/P=ALPHA", .mta_name = "alpha-1", NUMBERS_OF_SELF};
    static const struct mts_hop hop = {.name = "beta", .domain = "/C=DE/A=VIAT/P=BETA"};
    static const struct mts_choice choice = {"beta", 1, 1};
    static const struct mts_route routes[] = {{.pattern = "/C=GB/A=GOLD/P=ALPHA", .action = MTS_ROUTE_LOCAL},
                                              {.pattern = "", .choices = &choice, .choice_count = 1}};
    struct mts_tables *tables = mts_tables_new(&self, NULL);
    require(tables && mts_tables_add_hop(tables, &hop, NULL) &&
            mts_tables_add_route(tables, &routes[0], NULL) && mts_tables_add_route(tables, &routes[1], NULL));
    require(mts_tables_add_user(
        tables, &(struct mts_user){.address = "/C=GB/A=GOLD/P=ALPHA/S=bob", .mailbox = "bob"}, NULL));
    return tables;
}

static void check_row(struct span data, const struct row *row) {
    struct buf again;
    buf_init(&again, 0);
    require(row_write(&again, row) && again.len == data.len);
    buf_free(&again);
}

static void work_on(struct mts_run *run, const struct mts_stored *stored) {
    const struct mts_failure failure = {.reason = 0, .diagnostic = 2};
    static const struct mts_rerouting ways[] = {{0, -1}, {-1, -1}, {-1, 0}};
    struct mts_decisions out;
    struct mts_delivery delivery;
    struct mts_conversion conversion;
    struct mts_recipient *recipients;
    struct buf prefix;
    size_t count;
    buf_init(&prefix, 1 << 24);
    mts_outbound(stored, run->arena, &prefix);
    buf_free(&prefix);
    mts_recipients(stored, run->arena, &recipients, &count);
    mts_deliver(run, stored, &delivery);
    mts_delivery_envelope(stored, delivery.position, run->now, run->arena);
    mts_work_failed(run, stored, &failure, &out);
    mts_work_expired(run, stored, "Connection refused", &out);
    mts_redirect(run, stored, "/C=GB/A=GOLD/P=ALPHA/S=bob", &out);
    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++)
        mts_reroute(run, stored, &ways[i], &out);
    if (mts_conversion(stored, run->arena, &conversion))
        mts_converted(run, stored, 100, 4, "", &out);
}

static void print_trace(const struct x411_TraceInformation *trace) {
    struct buf text;
    buf_init(&text, 4096);
    for (size_t i = 0; i < trace->count; i++)
        domain_print(&trace->items[i].global_domain_identifier, &text);
    buf_free(&text);
}

static void look_at(struct span octets, struct arena *arena) {
    struct summary summary;
    for (int kind = MTS_MESSAGE; kind <= MTS_REPORT; kind++) {
        if (summary_of((enum mts_kind)kind, octets, arena, &summary) && summary.trace)
            print_trace(summary.trace);
        summary_of_delivery((enum mts_kind)kind, octets, arena, &summary);
    }
    struct reader r = reader_of(octets);
    struct event_record record;
    while (event_read(&r, &record))
        require(event_name(&record) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct mts_tables *tables;
    struct reader in = reader_of(span_of(data, size));
    struct arena arena;
    struct row row;
    if (!tables)
        tables = tables_new();
    arena_init(&arena, (size_t)64 << 20);
    size_t length = reader_u16(&in);
    struct span head = reader_take(&in, length < reader_left(&in) ? length : reader_left(&in));
    struct span octets = reader_take(&in, reader_left(&in));
    struct mts_run run = {.tables = tables, .arena = &arena, .now = 1795327200, .id_prefix = "alpha-1.1"};
    if (row_read(head, &row)) {
        check_row(head, &row);
        struct mts_stored stored = {row.kind, octets, row.plan, row.has_content, row.has_content ? 70 : 0};
        work_on(&run, &stored);
    }
    look_at(octets, &arena);
    arena_free(&arena);
    return 0;
}
