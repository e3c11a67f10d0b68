#include "protocol/apdu_scanner.h"

#include "base/reader.h"
#include "schema/x411.h"

/* What the scanner makes of a message's own header: `[0]` of indefinite length. */
#define MESSAGE_HEAD "\xA0\x80"
#define AROUND       16 /* octets of the scanner's head that are none of the envelope: headers and ends */

static const struct ber_plan *plan(void) {
    static struct ber_plan plan;
    if (plan.count == 0)
        ber_plan_init(&plan, &x411_MTS_APDU_type, &(struct ber_path){.components = "message.content"}, 1);
    return &plan;
}

void apdu_scanner_init(struct apdu_scanner *s, size_t envelope_limit) {
    s->kind = 0;
    s->told = false;
    s->content_at = 0;
    s->offset = 0;
    s->error = "";
    ber_scanner_init(&s->scanner, plan(), envelope_limit + AROUND);
}

void apdu_scanner_free(struct apdu_scanner *s) {
    ber_scanner_free(&s->scanner);
}

static bool fail(struct apdu_scanner *s, const char *why) {
    s->error = why;
    s->scanner.in = BER_SCAN_FAILED;
    return false;
}

struct feeding {
    struct apdu_scanner *scanner;
    const struct apdu_handler *handler;
    void *context;
};

static bool tell_envelope(struct feeding *f, struct span envelope) {
    f->scanner->told = true;
    return f->handler->envelope(f->context, f->scanner->kind, envelope) ||
           fail(f->scanner, "the envelope was not taken");
}

static bool on_content_begins(void *context, unsigned path, struct span head) {
    struct feeding *f = context;
    struct span envelope = span_sub(head, sizeof MESSAGE_HEAD - 1, SIZE_MAX);
    (void)path;
    /* The last element that was collected is the first. */
    if (envelope.len == 0 || f->scanner->scanner.element != sizeof MESSAGE_HEAD - 1)
        return fail(f->scanner, "there is not one envelope before the content");
    f->scanner->content_at = head.len + f->scanner->scanner.field_len;
    return tell_envelope(f, envelope);
}

static bool on_octets(void *context, struct span octets) {
    struct feeding *f = context;
    return f->handler->content(f->context, octets) || fail(f->scanner, "the content was not taken");
}

static void set_kind(struct apdu_scanner *s, uint8_t first) {
    s->kind = first == 0xA1 ? IPC_APDU_REPORT : first == 0xA2 ? IPC_APDU_PROBE : IPC_APDU_MESSAGE;
}

/* What the scanner lets pass, for it may stand in a value of another type. */
static bool check(struct feeding *f) {
    struct apdu_scanner *s = f->scanner;
    bool complete = s->scanner.in == BER_SCAN_COMPLETE;
    size_t ends = complete ? 2 : 0; /* of the message's SEQUENCE */
    if (s->kind == IPC_APDU_MESSAGE && s->told && s->scanner.head.len != s->content_at + ends)
        return fail(s, "octets after the content");
    if (s->kind == IPC_APDU_MESSAGE && !s->told && complete)
        return fail(s, "the message has no content");
    if (s->kind == IPC_APDU_MESSAGE || s->told || !complete)
        return true;
    return tell_envelope(f, buf_span(&s->scanner.head));
}

bool apdu_scanner_feed(struct apdu_scanner *s, struct span in, const struct apdu_handler *handler,
                       void *context) {
    static const struct ber_scan_handler inner = {on_content_begins, on_octets};
    struct feeding feeding = {s, handler, context};
    if (in.len == 0)
        return s->scanner.in != BER_SCAN_FAILED;
    if (s->kind == 0)
        set_kind(s, in.data[0]);
    bool ok = ber_scanner_feed(&s->scanner, in, &inner, &feeding);
    s->offset = s->scanner.offset;
    if (!ok && !s->error[0])
        s->error = s->scanner.over_limit ? "the envelope is longer than the limit" : s->scanner.error;
    return ok && check(&feeding);
}

bool apdu_scanner_finish(struct apdu_scanner *s) {
    return s->scanner.in == BER_SCAN_COMPLETE || fail(s, "the APDU ends too early");
}

/* ---- the state, kept with a checkpoint ---- */

struct span apdu_scanner_collected(const struct apdu_scanner *s) {
    size_t around = s->kind == IPC_APDU_MESSAGE ? sizeof MESSAGE_HEAD - 1 : 0;
    return s->told ? (struct span){NULL, 0} : span_sub(buf_span(&s->scanner.head), around, SIZE_MAX);
}

bool apdu_scanner_save(const struct apdu_scanner *s, struct buf *out) {
    buf_append_byte(out, (uint8_t)s->kind);
    buf_append_byte(out, s->told);
    return ber_scanner_save(&s->scanner, out);
}

/* True for what scanning can come to: levels are those of a message alone, and what was told goes on. */
static bool is_possible(const struct apdu_scanner *s) {
    const struct ber_scanner *b = &s->scanner;
    bool message = s->kind == IPC_APDU_MESSAGE;
    bool other = s->kind == IPC_APDU_REPORT || s->kind == IPC_APDU_PROBE;
    if (s->kind != 0 && !message && !other)
        return false;
    if (b->in == BER_SCAN_COMPLETE)
        return (message || other) && s->told;
    return b->found == s->told && (!s->told || message) && (b->depth == 0 || message);
}

bool apdu_scanner_restore(struct apdu_scanner *s, struct span state, struct span collected,
                          size_t envelope_limit) {
    struct reader r = reader_of(state);
    struct buf head;
    apdu_scanner_free(s);
    apdu_scanner_init(s, envelope_limit);
    s->kind = (enum ipc_apdu)reader_u8(&r);
    uint8_t told = reader_u8(&r);
    s->told = told == 1;
    if (r.failed || told > 1 || collected.len > envelope_limit || (s->told && collected.len > 0))
        return false;
    /* The message's own header is no part of what was collected. */
    buf_init(&head, 0);
    struct span rest = reader_take(&r, reader_left(&r));
    if (s->kind == IPC_APDU_MESSAGE && !s->told && rest.len > 1 && rest.data[1] > 0)
        buf_append_span(&head, SPAN_LIT(MESSAGE_HEAD));
    buf_append_span(&head, collected);
    bool ok = !head.failed &&
              ber_scanner_restore(&s->scanner, plan(), rest, buf_span(&head), envelope_limit + AROUND);
    buf_free(&head);
    s->offset = s->scanner.offset;
    return ok && is_possible(s);
}
