/*
 * The scanner of one field, on types that are streamed: the same octets in one
 * piece, in many, and with the state saved and restored between them, must give
 * the same; what decodes as a value must be scanned, and its envelope decode (but for nesting, lengths of
 * many octets, and segments within an ANY, where the scanner is strict). The
 * first octet chooses the type, the second the size of the pieces.
 */
#include <stdlib.h>
#include <string.h>

#include "asn1/scanner.h"
#include "schema/x226.h"
#include "schema/x411p3.h"
#include "schema/x501.h"
#include "schema/x880.h"

#define LIMIT 65536

static const struct {
    const struct ber_type *type;
    struct ber_path paths[3];
    size_t count;
} streamed[] = {
    {&x880_ROS_type, {{"invoke.argument"}, {"returnResult.result.result"}, {"returnError.parameter"}}, 3},
    {&x411p3_MessageDeliveryArgument_type, {{"content"}}, 1},
    {&x411p3_MessageSubmissionArgument_type, {{"content"}}, 1},
    {&x226_User_data_type, {{"fully-encoded-data.*.presentation-data-values.single-ASN1-type"}}, 1},
    {&x501_Attribute_type, {{"values(type).*", SPAN_LIT("\x55\x04\x03"), true}}, 1},
};

struct seen {
    size_t fields, octets;
    uint64_t hash;
};

static bool take_field(void *context, unsigned path, struct span head) {
    struct seen *seen = context;
    seen->fields++;
    seen->hash ^= span_hash(head) + path;
    return true;
}

static bool take_octets(void *context, struct span octets) {
    struct seen *seen = context;
    for (size_t i = 0; i < octets.len; i++)
        seen->hash = (seen->hash << 5 ^ seen->hash >> 59 ^ octets.data[i]) * 0x9E3779B97F4A7C15u;
    seen->octets += octets.len;
    return true;
}

static const struct ber_scan_handler handler = {take_field, take_octets};

static void save_and_restore(struct ber_scanner *s, const struct ber_plan *plan) {
    struct buf state, head;
    buf_init(&state, 0);
    buf_init(&head, 0);
    if (!ber_scanner_save(s, &state) || state.len > BER_SCAN_STATE_MAX ||
        !buf_append_span(&head, buf_span(&s->head)) ||
        !ber_scanner_restore(s, plan, buf_span(&state), buf_span(&head), LIMIT))
        abort();
    buf_free(&head);
    buf_free(&state);
}

static bool run(const struct ber_plan *plan, struct span in, size_t size, bool saving, struct seen *seen,
                struct buf *envelope, bool *deep) {
    struct ber_scanner s;
    bool ok = true;
    ber_scanner_init(&s, plan, LIMIT);
    for (size_t at = 0; ok && at < in.len; at += size) {
        ok = ber_scanner_feed(&s, span_sub(in, at, size), &handler, seen);
        if (ok && saving)
            save_and_restore(&s, plan);
    }
    ok = ok && ber_scanner_finish(&s);
    *deep =
        !ok && (strstr(s.error, "deeply") || strstr(s.error, "not valid") || strstr(s.error, "a segment"));
    if (ok && !ber_scanner_envelope(&s, envelope))
        abort();
    ber_scanner_free(&s);
    return ok;
}

static void check(const struct ber_plan *plan, const struct ber_type *type, struct span in, size_t piece) {
    struct seen whole = {0}, cut = {0}, saved = {0};
    struct buf envelope, other;
    struct arena arena;
    bool deep, ignored;
    buf_init(&envelope, 0);
    buf_init(&other, 0);
    arena_init(&arena, 1 << 22);
    void *value = arena_alloc(&arena, ber_type_size(type));
    bool ok = run(plan, in, in.len ? in.len : 1, false, &whole, &envelope, &deep);
    if (run(plan, in, piece, false, &cut, &other, &ignored) != ok ||
        run(plan, in, piece, true, &saved, &other, &ignored) != ok)
        abort();
    if (ok && (memcmp(&whole, &cut, sizeof whole) != 0 || memcmp(&whole, &saved, sizeof whole) != 0))
        abort();
    if (whole.fields > 1)
        abort();
    struct ber_limits limits = {.relax_bounds = true};
    if (value && ber_decode(type, in, &arena, &limits, value, NULL)) {
        memset(value, 0, ber_type_size(type));
        if (!deep && (!ok || !ber_decode(type, buf_span(&envelope), &arena, &limits, value, NULL)))
            abort();
    }
    arena_free(&arena);
    buf_free(&envelope);
    buf_free(&other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 2)
        return 0;
    size_t which = data[0] % (sizeof streamed / sizeof *streamed);
    struct span in = span_of(data + 2, size - 2);
    struct ber_plan plan;
    if (!ber_plan_init(&plan, streamed[which].type, streamed[which].paths, streamed[which].count))
        abort();
    check(&plan, streamed[which].type, in, (size_t)data[1] % 32 + 1);
    struct ber_scanner s;
    struct seen seen = {0};
    ber_scanner_init(&s, &plan, LIMIT);
    if (ber_scanner_restore(&s, &plan, span_sub(in, 0, 64), SPAN_LIT(""), LIMIT))
        ber_scanner_feed(&s, span_sub(in, 64, SIZE_MAX), &handler, &seen);
    ber_scanner_free(&s);
    return 0;
}
