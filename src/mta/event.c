#include "mta/event.h"

#include "base/clock.h"

static int64_t now_seconds(void) {
    return clock_now_us() / SECOND;
}

struct span event_message_key(uint64_t message, uint8_t out[static 9]) {
    out[0] = 0; /* no identifier's text begins with it */
    for (unsigned i = 0; i < 8; i++)
        out[1 + i] = (uint8_t)(message >> (56 - 8 * i));
    return span_of(out, 9);
}

/* Longer ones than ub-content-id-length (16) allows come from peers whose bounds are relaxed. */
struct span event_content_key(struct span content_identifier, uint8_t out[static EVENT_CONTENT_KEY]) {
    struct span name = span_sub(content_identifier, 0, EVENT_CONTENT_KEY - 1);
    out[0] = 1; /* no identifier's text begins with it */
    if (name.len)
        memcpy(out + 1, name.data, name.len);
    return span_of(out, 1 + name.len);
}

enum { REFUSED_MARK = 2 }; /* no identifier's text begins with it */

struct span event_refused_key(struct span identifier, struct buf *out) {
    buf_clear(out);
    buf_append_byte(out, REFUSED_MARK);
    buf_append_span(out, identifier);
    return buf_span(out);
}

struct span event_key_identifier(struct span key) {
    if (key.len && key.data[0] == REFUSED_MARK)
        key = span_sub(key, 1, SIZE_MAX);
    return key.len && key.data[0] == '[' ? key : (struct span){NULL, 0};
}

static struct span cut(struct span s) {
    return span_sub(s, 0, 512);
}

/* Reports go to those that are named in these: by the whole of an address that is as long as addresses get.
 * (They have no more texts, so that no record is longer for it.) */
static struct span cut_name(const struct event_record *record) {
    bool whole = record->kind == MTS_EVENT_SUBMITTED || record->kind == MTS_EVENT_ACCEPTED ||
                 record->kind == MTS_EVENT_EXPANDED;
    return span_sub(record->name, 0, whole ? 1536 : 512);
}

static void write_record(struct buf *out, const struct event_record *record) {
    buf_append_byte(out, record->kind);
    buf_append_u64(out, (uint64_t)record->time);
    buf_append_u64(out, (uint64_t)record->number);
    buf_append_u16(out, (uint16_t)record->reason);
    buf_append_u16(out, (uint16_t)record->diagnostic);
    payload_put_octets(out, record->peer);
    payload_put_octets(out, cut_name(record));
    payload_put_octets(out, cut(record->other));
    payload_put_octets(out, cut(record->text));
}

bool event_read(struct reader *r, struct event_record *record) {
    if (reader_left(r) == 0)
        return false;
    record->kind = reader_u8(r);
    record->time = (int64_t)reader_u64(r);
    record->number = (int64_t)reader_u64(r);
    record->reason = (int16_t)reader_u16(r);
    record->diagnostic = (int16_t)reader_u16(r);
    record->peer = payload_octets(r);
    record->name = payload_octets(r);
    record->other = payload_octets(r);
    record->text = payload_octets(r);
    return !r->failed;
}

static struct event_record of_rules(struct mta *mta, const struct mts_event *event) {
    struct peer *peer = peer_of_hop(mta, event->hop);
    return (struct event_record){
        .kind = (uint8_t)event->kind,
        .time = event->kind == MTS_EVENT_DEFERRED || event->kind == MTS_EVENT_DELIVERED ? event->time
                                                                                        : now_seconds(),
        .number = event->recipient,
        .reason = event->reason,
        .diagnostic = event->diagnostic,
        .peer = span_str(peer ? peer->name : NULL),
        .name = event->name,
        .other = event->other,
        .text = span_str(event->text)};
}

static bool add(struct mta *mta, struct span key) {
    return !mta->scratch.failed &&
           store_add_event(mta->batch.store, key, clock_now_us(), buf_span(&mta->scratch));
}

/* A report is also told under its subject, where its own identifier stands beside it. */
static bool tell_subject(struct mta *mta, const struct mts_event *event) {
    struct event_record record = of_rules(mta, event);
    record.other = event->identifier;
    buf_clear(&mta->scratch);
    write_record(&mta->scratch, &record);
    return add(mta, event->other);
}

/* What is told of a report is told of its subject too, where it is looked for. Of a strange one it would make
 * a record before there is a message, which who guesses identifiers could fill. */
static bool concerns_subject(const struct mts_event *event) {
    return event->other.len && !event->strange &&
           (event->kind == MTS_EVENT_REPORT_IN || event->kind == MTS_EVENT_DISCARDED);
}

/* Those of one message stand in a row and share an entry. */
bool event_decided(struct mta *mta, const struct mts_decisions *decisions) {
    for (size_t i = 0, end; i < decisions->event_count; i = end) {
        const struct mts_event *first = &decisions->events[i];
        buf_clear(&mta->scratch);
        for (end = i; end < decisions->event_count; end++) {
            if (!span_eq(decisions->events[end].identifier, first->identifier))
                break;
            struct event_record record = of_rules(mta, &decisions->events[end]);
            write_record(&mta->scratch, &record);
        }
        if (!add(mta, first->identifier))
            return false;
        for (size_t j = i; j < end; j++)
            if (concerns_subject(&decisions->events[j]) && !tell_subject(mta, &decisions->events[j]))
                return false;
    }
    return true;
}

static bool add_own(struct mta *mta, struct span key, struct event_record record) {
    if (!record.time)
        record.time = now_seconds();
    record.reason = record.diagnostic = -1;
    buf_clear(&mta->scratch);
    write_record(&mta->scratch, &record);
    return add(mta, key);
}

bool event_message(struct mta *mta, struct span identifier, uint64_t message) {
    return add_own(mta, identifier, (struct event_record){.kind = EVENT_MESSAGE, .number = (int64_t)message});
}

bool event_copy(struct mta *mta, uint64_t message, enum event_own what, const struct peer *peer,
                struct span text) {
    uint8_t key[9];
    return add_own(
        mta, event_message_key(message, key),
        (struct event_record){
            .kind = (uint8_t)what, .number = -1, .peer = span_str(peer ? peer->name : NULL), .text = text});
}

bool event_copy_at(struct mta *mta, uint64_t message, enum event_own what,
                   const struct destination *destination, struct span recipient, struct span text) {
    uint8_t key[9];
    return add_own(mta, event_message_key(message, key),
                   (struct event_record){.kind = (uint8_t)what,
                                         .number = -1,
                                         .peer = span_str(destination ? destination->name : NULL),
                                         .name = recipient,
                                         .text = text});
}

bool event_try(struct mta *mta, uint64_t message, enum event_own what, const struct peer *peer,
               unsigned number, int64_t when, struct span text) {
    uint8_t key[9];
    return add_own(mta, event_message_key(message, key),
                   (struct event_record){.kind = (uint8_t)what,
                                         .time = when / SECOND,
                                         .number = number,
                                         .peer = span_str(peer ? peer->name : NULL),
                                         .text = text});
}

bool event_delivery(struct mta *mta, uint64_t message, enum event_own what, const char *user, unsigned number,
                    int64_t when, const char *text) {
    uint8_t key[9];
    return add_own(mta, event_message_key(message, key),
                   (struct event_record){.kind = (uint8_t)what,
                                         .time = when / SECOND,
                                         .number = number,
                                         .name = span_str(user),
                                         .text = span_str(text)});
}

bool event_identifier(struct mta *mta, struct span identifier, enum event_own what, const struct peer *peer,
                      struct span text) {
    return add_own(
        mta, identifier,
        (struct event_record){
            .kind = (uint8_t)what, .number = -1, .peer = span_str(peer ? peer->name : NULL), .text = text});
}

bool event_refused(struct mta *mta, struct span identifier, const struct peer *peer, const char *cause) {
    struct span key = event_refused_key(identifier, &mta->head);
    return !mta->head.failed && event_identifier(mta, key, EVENT_REFUSED, peer, span_str(cause));
}

bool event_content_identifier(struct mta *mta, struct span content_identifier, struct span identifier) {
    uint8_t key[EVENT_CONTENT_KEY];
    return !content_identifier.len ||
           add_own(
               mta, event_content_key(content_identifier, key),
               (struct event_record){.kind = (uint8_t)EVENT_IDENTIFIED, .number = -1, .name = identifier});
}

static const char *const names[] = {
    [MTS_EVENT_ACCEPTED] = "received",
    [MTS_EVENT_SUBMITTED] = "submitted",
    [MTS_EVENT_ROUTED] = "routed",
    [MTS_EVENT_TO_MAILBOX] = "routed",
    [MTS_EVENT_DEFERRED] = "deferred",
    [MTS_EVENT_REDIRECTED] = "redirected",
    [MTS_EVENT_EXPANDED] = "expanded",
    [MTS_EVENT_REROUTED] = "rerouted",
    [MTS_EVENT_DELIVERED] = "delivered",
    [MTS_EVENT_NOT_DELIVERED] = "non-delivered",
    [MTS_EVENT_REPORTED] = "report-made",
    [MTS_EVENT_REPORT_IN] = "report-received",
    [MTS_EVENT_DISCARDED] = "discarded",
    [MTS_EVENT_TO_CONVERSION] = "to-conversion",
    [MTS_EVENT_CONVERTED] = "converted",
    [MTS_EVENT_REPORT_DOUBTED] = "report-doubted",
    [EVENT_MESSAGE] = "stored",
    [EVENT_TRANSFERRED] = "transferred",
    [EVENT_TRANSFER_REFUSED] = "transfer-refused",
    [EVENT_TRANSFER_DEFERRED] = "transfer-deferred",
    [EVENT_TRANSFER_BROKEN] = "transfer-broken",
    [EVENT_IN_DOUBT] = "in-doubt",
    [EVENT_REPEAT] = "repeat",
    [EVENT_HELD] = "held",
    [EVENT_RELEASED] = "released",
    [EVENT_RETRIED] = "retried",
    [EVENT_REDIRECTED_BY_OPERATOR] = "redirected-by-operator",
    [EVENT_DELETED] = "deleted",
    [EVENT_NON_DELIVERED_BY_OPERATOR] = "non-delivered-by-operator",
    [EVENT_EXPIRED] = "expired",
    [EVENT_CONVERSION_BROKEN] = "conversion-broken",
    [EVENT_NOT_CONVERTED] = "not-converted",
    [EVENT_CONTENT_LOST] = "content-lost",
    [EVENT_REFUSED] = "refused",
    [EVENT_REMOVED_WITH_USER] = "removed-with-user",
    [EVENT_DELIVERY_REFUSED] = "delivery-refused",
    [EVENT_DELIVERY_DEFERRED] = "delivery-deferred",
    [EVENT_DELIVERY_BROKEN] = "delivery-broken",
    [EVENT_CANCELLED] = "cancelled",
};

const char *event_name(const struct event_record *record) {
    const char *name = record->kind < sizeof names / sizeof names[0] ? names[record->kind] : NULL;
    return name ? name : "unknown";
}
