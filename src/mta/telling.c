#include "mta/telling.h"

#include <stdio.h>

#include "base/log.h"
#include "ipc/payload.h"
#include "mta/mta_private.h"
#include "names/codes.h"

void telling_begin(struct telling *telling, struct mta *mta, const char *who) {
    telling->mta = mta;
    telling->who = who;
    telling->peer = NULL;
    telling->count = telling->others = 0;
}

static bool is_told(const struct mts_event *event) {
    return event->kind == MTS_EVENT_NOT_DELIVERED || event->kind == MTS_EVENT_REPORT_DOUBTED ||
           event->kind == MTS_EVENT_DISCARDED;
}

/* What a report says of recipients is not believed: one line for each cause, whatever it says of them. */
static bool is_alike(const struct mts_event *a, const struct mts_event *b) {
    if (b->kind != a->kind || !span_eq(b->identifier, a->identifier))
        return false;
    return (a->kind == MTS_EVENT_REPORT_DOUBTED ||
            (b->reason == a->reason && b->diagnostic == a->diagnostic)) &&
           span_eq(span_str(b->text), span_str(a->text));
}

static void note(struct telling *telling, const struct mts_event *event) {
    for (size_t i = 0; i < telling->count; i++)
        if (is_alike(telling->fates[i].first, event)) {
            telling->fates[i].count += 1 + event->more;
            return;
        }
    if (telling->count < TELLING_CAUSES)
        telling->fates[telling->count++] = (struct fate){event, 1 + event->more};
    else
        telling->others++;
}

void telling_note(struct telling *telling, const struct mts_decisions *decisions) {
    for (size_t i = 0; i < decisions->event_count; i++) {
        const struct mts_event *event = &decisions->events[i];
        if (event->kind == MTS_EVENT_ACCEPTED && !telling->peer)
            telling->peer = peer_of_hop(telling->mta, event->hop);
        if (is_told(event))
            note(telling, event);
    }
}

/* ---- lines ---- */

static __attribute__((format(printf, 3, 4))) void add_line(struct buf *lines, enum log_level level,
                                                           const char *format, ...) {
    char text[4 * LOG_TEXT_SIZE + 320];
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    buf_append_byte(lines, (uint8_t)level);
    payload_put_octets(lines, span_str(text));
}

const char *telling_cause(const struct mts_event *event, char out[static TELLING_CAUSE]) {
    const char *reason = non_delivery_reason_name(event->reason);
    const char *diagnostic = event->diagnostic < 0 ? NULL : non_delivery_diagnostic_name(event->diagnostic);
    int length =
        snprintf(out, TELLING_CAUSE, "%s (%lld)", reason ? reason : "reason", (long long)event->reason);
    if (event->diagnostic >= 0)
        snprintf(out + length, TELLING_CAUSE - (size_t)length, ", %s (%lld)",
                 diagnostic ? diagnostic : "diagnostic", (long long)event->diagnostic);
    return out;
}

static void add_not_delivered(struct buf *lines, const struct fate *fate) {
    const struct mts_event *event = fate->first;
    char identifier[LOG_TEXT_SIZE], text[LOG_TEXT_SIZE], cause[TELLING_CAUSE], more[40] = "";
    char originator[LOG_TEXT_SIZE], address[LOG_TEXT_SIZE];
    if (fate->count > 1)
        snprintf(more, sizeof more, " and %zu more", fate->count - 1);
    add_line(lines, LOG_LEVEL_NOTICE, "%s from %s is not delivered to recipient %lld, %s%s: %s%s%s",
             log_text(event->identifier, identifier), log_text(event->originator, originator),
             (long long)event->recipient, log_text(event->other, address), more, telling_cause(event, cause),
             event->text ? ": " : "", log_text(span_str(event->text), text));
}

static void add_doubted(struct buf *lines, const struct fate *fate) {
    const struct mts_event *event = fate->first;
    char identifier[LOG_TEXT_SIZE], subject[LOG_TEXT_SIZE], text[LOG_TEXT_SIZE];
    add_line(lines, LOG_LEVEL_WARNING,
             "report %s on %s is not believed of %zu recipient%s (the first is %lld): %s",
             log_text(event->identifier, identifier), log_text(event->other, subject), fate->count,
             fate->count == 1 ? "" : "s", (long long)event->recipient, log_text(span_str(event->text), text));
}

static void add_discarded(struct buf *lines, const struct fate *fate) {
    const struct mts_event *event = fate->first;
    char identifier[LOG_TEXT_SIZE], subject[LOG_TEXT_SIZE], text[LOG_TEXT_SIZE];
    bool report = event->other.len;
    add_line(lines, LOG_LEVEL_NOTICE, "%s%s%s%s goes no further: %s", report ? "report " : "",
             log_text(event->identifier, identifier), report ? " on " : "",
             report ? log_text(event->other, subject) : "", log_text(span_str(event->text), text));
}

/* Of a peer, a user, or nobody. */
static enum burst_answer write_line(struct mta *mta, uint32_t peer, const char *user, enum log_level level,
                                    struct span text) {
    struct log_causer *causer = peer ? &peer_at(mta, peer - 1)->lines : &mta->lines;
    if (user[0])
        return log_caused_by_user(user, level, "%s %.*s", user, (int)text.len, (const char *)text.data);
    return log_caused_by(causer, level, "%s%s%.*s", peer ? causer->who : "", peer ? " " : "", (int)text.len,
                         (const char *)text.data);
}

/* The hint stands once behind each burst. */
static void tell(struct mta *mta, const struct effect *effect) {
    struct reader r = reader_of(bytes_head(effect->bytes));
    char user[LOG_CAUSER_SIZE];
    struct span name = bytes_rest(effect->bytes);
    snprintf(user, sizeof user, "%.*s", (int)name.len, name.data ? (const char *)name.data : "");
    while (reader_left(&r)) {
        enum log_level level = (enum log_level)reader_u8(&r);
        struct span text = payload_octets(&r);
        if (write_line(mta, effect->number, user, level, text) == BURST_LAST)
            log_notice("what else is not delivered in this minute: see 'mhs track'");
    }
    bytes_drop(effect->bytes);
}

static void drop(struct mta *mta, const struct effect *effect) {
    (void)mta;
    bytes_drop(effect->bytes);
}

static const struct effect_kind log_lines = {tell, drop};

static bool with_batch(struct mta *mta, struct span lines, const char *who, uint32_t peer) {
    struct effect effect = {.kind = &log_lines, .bytes = bytes_new(lines, span_str(who)), .number = peer};
    if (effect.bytes && batch_effect(mta, effect))
        return true;
    bytes_drop(effect.bytes);
    return false;
}

static bool line_of(struct mta *mta, const char *who, const char *format, va_list values) {
    char text[2 * LOG_TEXT_SIZE + 600];
    vsnprintf(text, sizeof text, format, values);
    buf_clear(&mta->scratch);
    add_line(&mta->scratch, LOG_LEVEL_NOTICE, "%s", text);
    return !mta->scratch.failed && with_batch(mta, buf_span(&mta->scratch), who, 0);
}

bool telling_line(struct mta *mta, const char *format, ...) {
    va_list values;
    va_start(values, format);
    bool done = line_of(mta, NULL, format, values);
    va_end(values);
    return done;
}

bool telling_of_user(struct mta *mta, const char *who, const char *format, ...) {
    va_list values;
    va_start(values, format);
    bool done = line_of(mta, who, format, values);
    va_end(values);
    return done;
}

bool telling_end(struct telling *telling) {
    struct mta *mta = telling->mta;
    struct buf *lines = &mta->scratch;
    if (!telling->count)
        return true;
    buf_clear(lines);
    for (size_t i = 0; i < telling->count; i++) {
        const struct fate *fate = &telling->fates[i];
        if (fate->first->kind == MTS_EVENT_NOT_DELIVERED)
            add_not_delivered(lines, fate);
        else if (fate->first->kind == MTS_EVENT_REPORT_DOUBTED)
            add_doubted(lines, fate);
        else
            add_discarded(lines, fate);
    }
    if (telling->others)
        add_line(lines, LOG_LEVEL_NOTICE, "%zu more recipients, for other causes: see 'mhs track'",
                 telling->others);
    if (lines->failed || !lines->len)
        return !lines->failed;
    const struct peer *peer = telling->who ? NULL : telling->peer;
    return with_batch(mta, buf_span(lines), telling->who, peer ? peer->destination.number + 1 : 0);
}
