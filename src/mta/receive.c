/*
 * Transfers in: what a net process received becomes ours with the commit that
 * follows, or is refused. The answer waits for that commit (I1).
 */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "mta/decide.h"
#include "mta/event.h"
#include "mta/inbound.h"
#include "mta/jump.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"
#include "mta/pace.h"
#include "mta/receive.h"
#include "mta/recovery.h"
#include "names/identifier.h"

/* ---- decoding ---- */

/* A content in an EXTERNAL is copied out of it at once, which holds up everything else: a longer one stays as
 * it is, of type external(1). */
#define EXTERNAL_MOST ((uint64_t)16 << 20)

union apdu {
    struct x411_MessageTransferEnvelope message;
    struct x411_ProbeTransferEnvelope probe;
    struct x411_Report report;
};

struct decoded {
    union apdu apdu;
    const struct x411_MTSIdentifier *identifier;
    bool over_bounds;   /* it breaks upper bounds of X.411, which is answered with a report */
    const char *bounds; /* which one, then */
};

static const struct ber_type *type_of(enum ipc_apdu kind) {
    return kind == IPC_APDU_MESSAGE ? &x411_MessageTransferEnvelope_type
           : kind == IPC_APDU_PROBE ? &x411_ProbeTransferEnvelope_type
                                    : &x411_Report_type;
}

/* A probe and a report come as the MTS-APDU's element with its context tag, or with the type's own. */
static bool decode_octets(struct mta *mta, const struct arrival *arrival, const struct ber_limits *limits,
                          union apdu *apdu, struct ber_error *error) {
    bool tagged = arrival->envelope.len && arrival->envelope.data[0] >> 6 == BER_CONTEXT;
    if (!tagged)
        return ber_decode(type_of(arrival->kind), arrival->envelope, &mta->arena, limits, apdu, error);
    struct x411_MTS_APDU *whole = arena_alloc(&mta->arena, sizeof *whole);
    if (!whole) {
        error->code = BER_MEMORY;
        return false;
    }
    if (!ber_decode(&x411_MTS_APDU_type, arrival->envelope, &mta->arena, limits, whole, error))
        return false;
    if (arrival->kind == IPC_APDU_PROBE && whole->choice == x411_MTS_APDU_probe)
        apdu->probe = whole->u.probe;
    else if (arrival->kind == IPC_APDU_REPORT && whole->choice == x411_MTS_APDU_report)
        apdu->report = whole->u.report;
    else
        return error_set(NULL, 0, "another kind");
    return true;
}

static bool decode(struct mta *mta, const struct arrival *arrival, struct decoded *decoded,
                   struct ber_error *error) {
    struct ber_limits limits = {.relax_bounds = mta->view.config->limits.relax_bounds};
    *error = (struct ber_error){0};
    *decoded = (struct decoded){0};
    if (!decode_octets(mta, arrival, &limits, &decoded->apdu, error)) {
        if (error->code != BER_BOUND)
            return false;
        struct ber_error again = {0};
        limits.relax_bounds = decoded->over_bounds = true;
        decoded->apdu = (union apdu){0};
        if (!decode_octets(mta, arrival, &limits, &decoded->apdu, &again)) {
            /* What is over the bounds and over the memory comes no smaller: for good, and why. */
            if (again.code != BER_MEMORY)
                *error = again;
            return false;
        }
        decoded->bounds = error->text;
    }
    decoded->identifier = arrival->kind == IPC_APDU_MESSAGE ? &decoded->apdu.message.message_identifier
                          : arrival->kind == IPC_APDU_PROBE
                              ? &decoded->apdu.probe.probe_identifier
                              : &decoded->apdu.report.envelope.report_identifier;
    return true;
}

/* ---- repeats ---- */

/* SHA-256 over the envelope and the store's digest of the content. */
static bool digest_of(const struct arrival *arrival, uint8_t out[static STORE_DIGEST]) {
    uint8_t content[STORE_DIGEST] = {0};
    struct span parts[] = {arrival->envelope, span_of(content, sizeof content)};
    return (!arrival->content || store_content_digest(arrival->content, content, NULL)) &&
           store_digest(parts, sizeof parts / sizeof *parts, out);
}

/* ---- the rules ---- */

static void accept_by_rules(struct mts_run *run, const struct arrival *arrival, const struct decoded *decoded,
                            struct mts_decisions *out) {
    int hop = arrival->peer->hop;
    if (arrival->kind == IPC_APDU_MESSAGE)
        mts_accept_message(run, hop, &decoded->apdu.message, arrival->content_length, out);
    else if (arrival->kind == IPC_APDU_PROBE)
        mts_accept_probe(run, hop, &decoded->apdu.probe, out);
    else
        mts_accept_report(run, hop, &decoded->apdu.report, out);
}

/* A report's content is the one that it returns; the rules take it out of what they hold. */
static bool report_content(struct mta *mta, const struct decoded *decoded, struct content *content) {
    struct span returned = decoded->apdu.report.content.returned_content;
    if (!returned.data)
        return true;
    content->stored = store_content_create(mta->view.store, returned.len, NULL);
    content->length = returned.len;
    content->memory = returned;
    return content->stored && store_content_append(content->stored, returned, NULL);
}

static bool copy_from(struct store_content *from, uint64_t offset, struct store_content *to,
                      struct buf *piece) {
    struct error err = {0};
    uint64_t end = store_content_length(from);
    size_t got;
    buf_clear(piece);
    if (!buf_reserve(piece, IPC_CHUNK))
        return false;
    for (; offset < end; offset += got)
        if (!store_content_read(from, offset, piece->data, IPC_CHUNK, &got, &err) || !got ||
            !store_content_append(to, span_of(piece->data, got), &err))
            return false;
    return true;
}

/* Takes a content out of the EXTERNAL in which a peer of 1984 sent it, and names its type. False when that
 * can't be done now. */
static bool open_external(struct mta *mta, const struct arrival *arrival, struct decoded *decoded,
                          struct content *content) {
    struct x411_MessageTransferEnvelope *envelope = &decoded->apdu.message;
    uint8_t octets[MTS_EXTERNAL_HEAD];
    size_t got = 0;
    uint64_t offset;
    struct span type, kept;
    if (arrival->kind != IPC_APDU_MESSAGE || !arrival->content || arrival->content_length > EXTERNAL_MOST ||
        !store_content_read(arrival->content, 0, octets, sizeof octets, &got, NULL) ||
        !mts_external(mta->view.config->tables, arrival->peer->hop, envelope, span_of(octets, got),
                      arrival->content_length, &type, &offset))
        return true;
    kept = arena_dup(&mta->arena, type);
    content->stored = store_content_create(mta->view.store, arrival->content_length - offset, NULL);
    if (!kept.data || !content->stored ||
        !copy_from(arrival->content, offset, content->stored, &mta->scratch))
        return false;
    content->length = arrival->content_length - offset;
    content->memory = store_content_memory(content->stored);
    envelope->content_type =
        (struct x411_ContentType){.choice = x411_ContentType_extended, .u.extended = kept};
    envelope->raw = (struct span){NULL, 0};
    return true;
}

static enum arrival_result take(struct mta *mta, const struct arrival *received, struct decoded *decoded,
                                char cause[static RECEIVE_CAUSE]) {
    struct mts_run run = run_begin(mta, &mta->arena);
    run.over_bounds = decoded->over_bounds;
    struct mts_decisions decisions = {0};
    struct content content = {received->content, received->content_length, received->memory};
    struct arrival own = *received, *arrival = &own;
    bool opened = open_external(mta, received, decoded, &content);
    arrival->content_length = content.length;
    if (opened)
        do
            accept_by_rules(&run, arrival, decoded, &decisions);
        while (run_again(mta, &run, &decisions));
    mta->id_next = run.id_next;
    if (decisions.result == MTS_INVALID) {
        snprintf(cause, RECEIVE_CAUSE, "%s", decisions.cause ? decisions.cause : "no valid APDU");
        if (content.stored != arrival->content)
            store_content_release(content.stored);
        return ARRIVAL_REFUSED;
    }
    bool report = arrival->kind == IPC_APDU_REPORT;
    bool done = decisions.result == MTS_DECIDED && (!report || report_content(mta, decoded, &content)) &&
                decide_apply(mta, &run, &decisions, &content) &&
                (arrival->kind != IPC_APDU_MESSAGE || !decisions.event_count ||
                 event_content_identifier(mta, decoded->apdu.message.content_identifier,
                                          decisions.events[0].identifier));
    if (content.stored != arrival->content)
        store_content_release(content.stored);
    bool unread = decisions.result == MTS_NO_RECORD;
    if (!done && !unread && decoded->over_bounds && store_accepting(mta->view.store)) {
        snprintf(cause, RECEIVE_CAUSE, "%s", decoded->bounds);
        return ARRIVAL_REFUSED;
    }
    if (done)
        return ARRIVAL_TAKEN;
    snprintf(cause, RECEIVE_CAUSE, "%s",
             unread ? "the record of what was routed can't be read" : "no memory");
    return ARRIVAL_LATER;
}

static enum arrival_result known(struct mta *mta, const struct arrival *arrival,
                                 const struct decoded *decoded, bool pending) {
    buf_clear(&mta->prefix);
    mts_identifier_print(decoded->identifier, &mta->prefix);
    log_caused_by(&arrival->peer->lines, LOG_LEVEL_NOTICE,
                  "peer=%s repeats a transfer: confirmed, not worked on again", arrival->peer->name);
    event_identifier(mta, buf_span(&mta->prefix), EVENT_REPEAT, arrival->peer, (struct span){NULL, 0});
    batch_arm_later(mta);
    if (!pending)
        mta->counters[COUNT_REPEATS]++;
    return !pending ? ARRIVAL_KNOWN : counter_with_batch(mta, COUNT_REPEATS) ? ARRIVAL_TAKEN : ARRIVAL_LATER;
}

/* The peer's number, and how much came. */
static void is_received(struct mta *mta, const struct effect *effect) {
    struct peer *peer = peer_at(mta, effect->number);
    mta->counters[COUNT_RECEIVED]++;
    peer->received.messages++;
    peer->received.octets += effect->octets;
    peer->last_success = clock_now_us();
}

static void is_not_received(struct mta *mta, const struct effect *effect) {
    (void)mta;
    (void)effect;
}

static const struct effect_kind reception = {is_received, is_not_received};

static bool count_with_batch(struct mta *mta, const struct arrival *arrival) {
    return batch_effect_later(mta,
                              (struct effect){.kind = &reception,
                                              .number = arrival->peer->destination.number,
                                              .octets = arrival->envelope.len + arrival->content_length});
}

static enum arrival_result take_new(struct mta *mta, const struct arrival *arrival, struct decoded *decoded,
                                    char cause[static RECEIVE_CAUSE]) {
    uint8_t digest[STORE_DIGEST], key[STORE_DIGEST];
    struct error err = {0};
    unsigned keep = mta->view.config->limits.repeat_seconds;
    if (!digest_of(arrival, digest)) {
        snprintf(cause, RECEIVE_CAUSE, "the content can't be read again");
        return ARRIVAL_LATER;
    }
    if (!store_repeat_key(span_str(arrival->peer->name), decoded->identifier->raw, digest, key)) {
        snprintf(cause, RECEIVE_CAUSE, "no memory");
        return ARRIVAL_LATER;
    }
    switch (batch_find_repeat(mta, key, &err)) {
    case STORE_REPEAT_KNOWN:
        return known(mta, arrival, decoded, false);
    case STORE_REPEAT_PENDING:
        return known(mta, arrival, decoded, true);
    case STORE_REPEAT_FAILED:
        snprintf(cause, RECEIVE_CAUSE, "%s", err.text);
        return ARRIVAL_LATER;
    case STORE_REPEAT_UNKNOWN:
        break;
    }
    enum arrival_result result = take(mta, arrival, decoded, cause);
    if (result != ARRIVAL_TAKEN ||
        (store_add_repeat(mta->batch.store, key, jump_steady(mta) + keep * SECOND) &&
         count_with_batch(mta, arrival)))
        return result;
    snprintf(cause, RECEIVE_CAUSE, "no memory");
    return ARRIVAL_LATER;
}

static bool may_take(struct mta *mta, const struct arrival *arrival, char cause[static RECEIVE_CAUSE]) {
    uint64_t most = mta->view.config->limits.content_octets;
    if (arrival->late)
        snprintf(cause, RECEIVE_CAUSE, "the MTA is stopping");
    else if (arrival->peer->hop < 0) /* a reload has taken it away, which is no fault of what it sends */
        snprintf(cause, RECEIVE_CAUSE, "the peer is not in the configuration any more");
    else if (!store_accepting(mta->view.store))
        snprintf(cause, RECEIVE_CAUSE, "%s", store_cause(mta->view.store)->text);
    else if (most && arrival->content_length > most)
        snprintf(cause, RECEIVE_CAUSE, "the content is longer than %llu octets", (unsigned long long)most);
    else
        return true;
    return false;
}

/* What needs more than `envelope-memory` needs it at the next try too. */
static enum arrival_result later_or_never(const struct mta *mta, char cause[static RECEIVE_CAUSE]) {
    if (!mta->arena.cap_hit)
        return ARRIVAL_LATER;
    snprintf(cause, RECEIVE_CAUSE, "the envelope needs more memory than the limit of %zu octets",
             mta->arena.cap);
    return ARRIVAL_REFUSED;
}

/* ---- refusals ---- */

/* The elements among which an APDU's identifier is: a report has them in its envelope. */
static struct span elements_of(const struct arrival *arrival) {
    struct ber_element element;
    enum ber_error_code why;
    struct span at = arrival->envelope;
    for (int depth = arrival->kind == IPC_APDU_REPORT ? 2 : 1; depth > 0; depth--)
        at = ber_element_read(at, &element, &why) ? ber_element_contents(at, &element)
                                                  : (struct span){NULL, 0};
    return at;
}

/* Of what can't be decoded as a whole. */
static bool find_identifier(struct mta *mta, const struct arrival *arrival,
                            struct x411_MTSIdentifier *identifier) {
    const struct ber_limits limits = {.relax_bounds = true};
    struct span left = elements_of(arrival);
    struct ber_element element;
    enum ber_error_code why;
    size_t used;
    for (; ber_element_read(left, &element, &why); left = span_sub(left, element.total, SIZE_MAX)) {
        if (element.tag_class != BER_APPLICATION || element.number != 4) /* X.411: MTSIdentifier */
            continue;
        arena_reset(&mta->arena);
        return ber_decode_prefix(&x411_MTSIdentifier_type, left, &mta->arena, &limits, identifier, &used,
                                 NULL);
    }
    return false;
}

/* Where its line is left out of the log it is found by its identifier, if it has one. */
static void record_refusal(struct mta *mta, const struct arrival *arrival,
                           const struct x411_MTSIdentifier *identifier, const char *cause) {
    struct x411_MTSIdentifier found;
    buf_clear(&mta->prefix);
    if (!identifier && find_identifier(mta, arrival, &found))
        identifier = &found;
    if (identifier && mts_identifier_print(identifier, &mta->prefix) &&
        event_refused(mta, buf_span(&mta->prefix), arrival->peer, cause))
        batch_arm_later(mta);
}

/* What bears it, or reports on it, can't be recorded: at each try, so that it is no fault of now. */
static bool is_too_long(struct mta *mta, const struct x411_MTSIdentifier *identifier) {
    buf_clear(&mta->prefix);
    return mts_identifier_print(identifier, &mta->prefix) && mta->prefix.len > EVENT_IDENTIFIER_MOST;
}

static enum arrival_result receive_decoded(struct mta *mta, const struct arrival *arrival,
                                           struct decoded *decoded, char cause[static RECEIVE_CAUSE]) {
    struct batch_mark mark = batch_mark(mta);
    if (is_too_long(mta, decoded->identifier) ||
        (arrival->kind == IPC_APDU_REPORT &&
         is_too_long(mta, &decoded->apdu.report.content.subject_identifier))) {
        snprintf(cause, RECEIVE_CAUSE, "an MTS-identifier of it is longer than %d octets as text",
                 EVENT_IDENTIFIER_MOST);
        return ARRIVAL_REFUSED;
    }
    enum arrival_result result = take_new(mta, arrival, decoded, cause);
    if (result == ARRIVAL_LATER)
        result = later_or_never(mta, cause);
    if (result == ARRIVAL_LATER || result == ARRIVAL_REFUSED)
        batch_undo(mta, mark);
    return result;
}

enum arrival_result receive_apdu(struct mta *mta, const struct arrival *arrival,
                                 char cause[static RECEIVE_CAUSE]) {
    struct decoded decoded;
    struct ber_error error;
    enum arrival_result result = ARRIVAL_REFUSED;
    mta->crowded = NULL;
    if (!may_take(mta, arrival, cause))
        return ARRIVAL_LATER;
    arena_reset(&mta->arena);
    bool whole = decode(mta, arrival, &decoded, &error);
    if (whole)
        result = receive_decoded(mta, arrival, &decoded, cause);
    else
        snprintf(cause, RECEIVE_CAUSE, "%s",
                 error.text[0] ? error.text : "the envelope is none of the stated kind");
    if (!whole && error.code == BER_MEMORY)
        result = later_or_never(mta, cause);
    if (result == ARRIVAL_REFUSED)
        record_refusal(mta, arrival, whole ? decoded.identifier : NULL, cause);
    return result;
}

/* ---- answers ---- */

/* The association of a transfer that is about to be answered, or NULL. One of a disabled peer waited for that
 * alone, and ends when the peer is pumped. */
static struct association *answered_at_last(struct mta *mta, const struct effect *effect) {
    struct association *association = association_numbered(mta, effect->association);
    if (!association)
        return NULL;
    association->unanswered--;
    if (association->peer->disabled)
        destination_mark(mta, &association->peer->destination);
    return association;
}

static void accept_now(struct mta *mta, const struct effect *effect) {
    struct association *association = answered_at_last(mta, effect);
    uint32_t transfer = (uint32_t)effect->ref;
    if (association && !pace_delay(association, transfer, effect->number))
        association_answer(association, transfer, IPC_ACCEPTED, "");
}

static void refuse_now(struct mta *mta, const struct effect *effect) {
    struct association *association = answered_at_last(mta, effect);
    bool repeated = batch_was_repeated(mta);
    mta->counters[repeated ? COUNT_REPEATS : COUNT_REFUSED]++;
    if (association && association->transfer == (uint32_t)effect->ref)
        association->ended_well = false; /* and what is stored of it is there still */
    if (association)
        association_answer(association, (uint32_t)effect->ref,
                           repeated ? IPC_ACCEPTED : IPC_REFUSED_TEMPORARILY,
                           repeated ? "" : batch_cause(mta));
}

static const struct effect_kind acceptance = {accept_now, refuse_now};

static bool accept_after_commit(struct association *association) {
    struct mta *mta = association->net->mta;
    uint32_t crowded = mta->crowded ? mta->crowded->destination.number : DESTINATION_NONE;
    bool waits = batch_effect(mta, (struct effect){.kind = &acceptance,
                                                   .association = association->number,
                                                   .ref = association->transfer,
                                                   .number = crowded});
    association->unanswered += waits;
    return waits;
}

void receive_answer(struct association *association, enum arrival_result result, const char *cause) {
    struct mta *mta = association->net->mta;
    if (result == ARRIVAL_TAKEN && accept_after_commit(association))
        return;
    if (result == ARRIVAL_KNOWN) {
        association_answer(association, association->transfer, IPC_ACCEPTED, "");
        return;
    }
    mta->counters[COUNT_REFUSED]++;
    if (result != ARRIVAL_REFUSED) /* the net process, which knows the address, tells of that */
        refusal_log_in(association->peer, cause);
    association_answer(association, association->transfer,
                       result == ARRIVAL_REFUSED ? IPC_REFUSED : IPC_REFUSED_TEMPORARILY, cause);
}

/* ---- one frame ---- */

bool receive_whole(struct association *association, struct span payload) {
    struct mta *mta = association->net->mta;
    struct reader r = reader_of(payload);
    uint32_t transfer = reader_u32(&r);
    uint8_t kind = reader_u8(&r);
    struct span activity = payload_octets(&r), envelope = payload_octets(&r);
    struct span content = payload_rest(&r);
    inbound_forget_answered(association);
    association->transfer = transfer;
    if (recovery_brings_new(association))
        return true;
    struct error err = {0};
    if (!outcome_begins(association, activity, &err)) {
        receive_answer(association, ARRIVAL_LATER, err.text);
        return true;
    }
    err = (struct error){0};
    struct arrival arrival = {.peer = association->peer,
                              .kind = (enum ipc_apdu)kind,
                              .envelope = envelope,
                              .memory = content,
                              .content_length = content.len,
                              .late = link_stops(association->net)};
    char cause[RECEIVE_CAUSE] = "no memory";
    enum arrival_result result = ARRIVAL_LATER;
    arrival.content = store_content_create(mta->view.store, content.len, &err);
    if (arrival.content && store_content_append(arrival.content, content, &err))
        result = receive_apdu(mta, &arrival, cause);
    else
        snprintf(cause, sizeof cause, "%s", err.text);
    store_content_release(arrival.content);
    receive_answer(association, result, cause);
    return true;
}
