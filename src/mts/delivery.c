/* Delivery (X.411 §14.7): the delivery envelopes, and the report on a delivery. */
#include "mts/mts_private.h"

/* Extensions of the transfer envelopes that a user does not get (X.411 §8.3.1.1.1, table 6; §8.3.1.2). */
static bool is_for_user(const struct x411_ExtensionField *field) {
    switch (extension_number(field)) {
    case EXT_RECIPIENT_REASSIGNMENT_PROHIBITED:
    case EXT_ORIGINATOR_REQUESTED_ALTERNATE:
    case EXT_DL_EXPANSION_PROHIBITED:
    case EXT_LATEST_DELIVERY_TIME:
    case EXT_PROOF_OF_SUBMISSION_REQUEST:
    case EXT_CONTENT_CORRELATOR:
    case EXT_FORWARDING_REQUEST:
    case EXT_INTERNAL_TRACE:
        return false;
    default:
        return true;
    }
}

static bool is_for_reported_user(const struct x411_ExtensionField *field) {
    return extension_number(field) != EXT_INTERNAL_TRACE;
}

static bool gather(struct arena *arena, const struct x411_Extensions *from,
                   bool (*wanted)(const struct x411_ExtensionField *), struct x411_Extensions *to) {
    struct x411_ExtensionField *items = arena_array(arena, to->count + from->count + 1, sizeof *items);
    if (!items)
        return false;
    if (to->count)
        memcpy(items, to->items, to->count * sizeof *items);
    for (size_t i = 0; i < from->count; i++)
        if (wanted(&from->items[i]))
            items[to->count++] = from->items[i];
    to->items = to->count ? items : NULL;
    return true;
}

static struct x411_ORName *first_intended(struct arena *arena, const recipient_fields *recipient) {
    struct x411_RedirectionHistory history = {0};
    if (!extension_decode(arena, &recipient->extensions, EXT_REDIRECTION_HISTORY,
                          &x411_RedirectionHistory_type, &history) ||
        !history.count)
        return NULL;
    return &history.items[0].intended_recipient_name.intended_recipient;
}

/* The others' names, where their disclosure was asked for. */
static bool fill_others(struct arena *arena, const struct subject *subject, size_t position,
                        struct x411p3_OtherMessageDeliveryFields *fields) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    size_t count = envelope->per_recipient_fields.count;
    if (count < 2 || !subject_has(subject, x411_PerMessageIndicators_disclosure_of_other_recipients))
        return true;
    struct x411_ORName *names = arena_array(arena, count, sizeof *names);
    if (!names)
        return false;
    for (size_t i = 0, at = 0; i < count; i++)
        if (i != position)
            names[at++] = envelope->per_recipient_fields.items[i].recipient_name;
    fields->other_recipient_names.items = names;
    fields->other_recipient_names.count = count - 1;
    return true;
}

static bool fill_fields(struct arena *arena, const struct subject *subject, size_t position,
                        struct x411p3_OtherMessageDeliveryFields *fields) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    const recipient_fields *recipient = &envelope->per_recipient_fields.items[position];
    if (envelope->content_type.choice == x411_ContentType_built_in) {
        fields->content_type.choice = x411p3_DeliveredContentType_built_in;
        fields->content_type.u.built_in = envelope->content_type.u.built_in;
    } else {
        fields->content_type.choice = x411p3_DeliveredContentType_extended;
        fields->content_type.u.extended = envelope->content_type.u.extended;
    }
    fields->originator_name = envelope->originator_name;
    fields->original_encoded_information_types = envelope->original_encoded_information_types;
    fields->priority = envelope->priority;
    fields->this_recipient_name = recipient->recipient_name;
    fields->originally_intended_recipient_name = first_intended(arena, recipient);
    fields->converted_encoded_information_types = subject->converted;
    fields->content_identifier = envelope->content_identifier;
    if (envelope->trace_information.count)
        fields->message_submission_time =
            envelope->trace_information.items[0].domain_supplied_information.arrival_time;
    if (subject_has(subject, x411_PerMessageIndicators_implicit_conversion_prohibited) &&
        !ber_bit_set(&fields->delivery_flags, x411p3_DeliveryFlags_implicit_conversion_prohibited, true,
                     arena))
        return false;
    return fill_others(arena, subject, position, fields) &&
           gather(arena, &envelope->extensions, is_for_user, &fields->extensions) &&
           gather(arena, &recipient->extensions, is_for_user, &fields->extensions);
}

static struct span message_envelope(struct arena *arena, const struct subject *subject, size_t position,
                                    int64_t time) {
    struct x411p3_MessageDeliveryEnvelope *envelope = arena_alloc(arena, sizeof *envelope);
    struct span octets = {NULL, 0};
    if (!envelope || position >= subject->envelope.per_recipient_fields.count)
        return octets;
    envelope->message_delivery_identifier = subject->envelope.message_identifier;
    if (!ber_utctime_write(time, arena, &envelope->message_delivery_time) ||
        !fill_fields(arena, subject, position, &envelope->other_fields) ||
        !ber_encode_arena(&x411p3_MessageDeliveryEnvelope_type, envelope, arena, &octets, NULL))
        return (struct span){NULL, 0};
    return octets;
}

/* The entry is that of the first recipient whose it is. */
static void fill_delivery(struct ruling *ruling, const struct branch *branch, size_t position,
                          struct mts_delivery *out) {
    const struct subject *subject = &branch->subject;
    out->delivered = true;
    out->mailbox = branch->targets[position].mailbox;
    out->originator = ruling_address(ruling, &subject->envelope.originator_name);
    out->recipient =
        ruling_address(ruling, &subject->envelope.per_recipient_fields.items[position].recipient_name);
    out->identifier = subject->identifier;
    out->envelope = &subject->envelope;
    out->position = (uint32_t)position;
}

/* The message is the user's under that number, too, since `time`. The recipient is done with. */
static struct outcome delivered(struct ruling *ruling, const struct branch *branch, size_t position,
                                int64_t time) {
    const struct subject *subject = &branch->subject;
    struct target *target = &branch->targets[position];
    struct outcome outcome = {
        .position = position, .delivered = true, .time = time, .user_type = target->user_type};
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_DELIVERED, subject->identifier);
    event->recipient =
        subject->envelope.per_recipient_fields.items[position].originally_specified_recipient_number;
    event->time = time;
    event->name = span_str(target->mailbox);
    *target = (struct target){.kind = TARGET_NONE};
    return outcome;
}

/* ---- reports ---- */

static bool fill_reported(struct arena *arena, const struct x411_PerRecipientReportTransferFields *from,
                          struct x411p3_PerRecipientReportDeliveryFields *to) {
    to->actual_recipient_name = from->actual_recipient_name;
    to->report_type = from->last_trace_information.report_type;
    to->converted_encoded_information_types =
        from->last_trace_information.converted_encoded_information_types;
    to->originally_intended_recipient_name = from->originally_intended_recipient_name;
    to->supplementary_information = from->supplementary_information;
    return gather(arena, &from->extensions, is_for_reported_user, &to->extensions);
}

static struct span report_envelope(struct arena *arena, const struct x411_Report *report) {
    const struct x411_ReportTransferContent *content = &report->content;
    struct x411p3_ReportDeliveryEnvelope envelope = {
        .subject_submission_identifier = content->subject_identifier,
        .content_identifier = content->content_identifier,
        .content_type = content->content_type,
        .original_encoded_information_types = content->original_encoded_information_types};
    const struct span absent = {NULL, 0};
    struct span octets;
    size_t count = content->per_recipient_fields.count;
    envelope.per_recipient_fields.items =
        arena_array(arena, count + 1, sizeof *envelope.per_recipient_fields.items);
    envelope.per_recipient_fields.count = count;
    if (!envelope.per_recipient_fields.items)
        return absent;
    for (size_t i = 0; i < count; i++)
        if (!fill_reported(arena, &content->per_recipient_fields.items[i],
                           &envelope.per_recipient_fields.items[i]))
            return absent;
    bool done = gather(arena, &report->envelope.extensions, is_for_reported_user, &envelope.extensions) &&
                gather(arena, &content->extensions, is_for_reported_user, &envelope.extensions) &&
                ber_encode_arena(&x411p3_ReportDeliveryEnvelope_type, &envelope, arena, &octets, NULL);
    return done ? octets : absent;
}

static const struct ber_limits as_stored = {.relax_bounds = true, .relax_characters = true};

static void deliver_report(struct ruling *ruling, const struct mts_stored *stored, struct mts_delivery *out) {
    struct x411_Report report = {0};
    struct address address;
    if (!ber_decode(&x411_Report_type, stored->octets, ruling->arena, &as_stored, &report, NULL)) {
        ruling->out->result = MTS_INVALID;
        ruling->out->cause = "the stored report can't be decoded";
        return;
    }
    struct span identifier = identifier_text(ruling->arena, &report.envelope.report_identifier);
    out->identifier = identifier_text(ruling->arena, &report.content.subject_identifier);
    out->recipient = ruling_address(ruling, &report.envelope.report_destination_name);
    out->returned_content = report.content.returned_content;
    if (!address_of(ruling->arena, &report.envelope.report_destination_name, &address)) {
        ruling->no_memory = true;
        return;
    }
    const struct entry *entry = entry_find(ruling->tables, address.key);
    bool confirmed = out->time != 0;
    out->delivered = confirmed || (entry && entry->user && entry->user->given.mailbox);
    if (out->delivered && !confirmed)
        out->mailbox = entry->user->given.mailbox;
    struct mts_event *event =
        ruling_event(ruling, out->delivered ? MTS_EVENT_DELIVERED : MTS_EVENT_DISCARDED, identifier);
    event->other = out->identifier;
    event->name = span_str(out->mailbox);
    event->text = out->delivered ? NULL : "the report's destination is gone";
}

/* ---- messages ---- */

struct mts_opened {
    struct subject subject;
    struct target *targets; /* one for each recipient; between deliveries nothing is decided of any */
};

static struct mts_opened *open_message(struct ruling *ruling, const struct mts_stored *stored) {
    struct mts_opened *opened = arena_alloc(ruling->arena, sizeof *opened);
    if (!opened || !subject_decode(ruling, stored, &opened->subject))
        return NULL;
    size_t count = opened->subject.envelope.per_recipient_fields.count;
    opened->targets = arena_array(ruling->arena, count ? count : 1, sizeof *opened->targets);
    return opened->targets ? opened : NULL;
}

struct mts_opened *mts_open(struct mts_run *run, const struct mts_stored *stored) {
    struct mts_decisions unused;
    struct ruling ruling;
    if (stored->kind == MTS_REPORT)
        return NULL;
    ruling_begin(&ruling, run, &unused);
    struct mts_opened *opened = open_message(&ruling, stored);
    ruling_end(&ruling);
    return opened;
}

/* The recipients of the copy, all with one mailbox. */
struct addressed {
    size_t *positions;
    recipient_fields *as_they_came;
    size_t count;
};

static bool find_addressed(struct ruling *ruling, const struct mts_stored *stored,
                           const struct subject *subject, struct addressed *addressed) {
    struct plan plan;
    size_t cursor = 0, position, count = 0;
    *addressed = (struct addressed){0};
    if (!plan_read(ruling->arena, stored->plan, &plan))
        return false;
    while (plan_next(&plan, subject, &cursor, &position))
        count++;
    addressed->positions = arena_array(ruling->arena, count + 1, sizeof *addressed->positions);
    addressed->as_they_came = arena_array(ruling->arena, count + 1, sizeof *addressed->as_they_came);
    if (!addressed->positions || !addressed->as_they_came)
        return false;
    for (cursor = 0; plan_next(&plan, subject, &cursor, &position); addressed->count++) {
        addressed->positions[addressed->count] = position;
        addressed->as_they_came[addressed->count] = subject->envelope.per_recipient_fields.items[position];
    }
    return addressed->count;
}

/*
 * Each recipient is resolved anew: since the copy was stored the user may have
 * gone, assigned a redirection or changed what he takes, and the latest
 * delivery time may have passed. One entry comes of all to whom it is delivered;
 * each of their numbers has its event and its part of the report.
 */
static void decide_delivery(struct ruling *ruling, struct branch *branch, const struct addressed *addressed,
                            struct mts_delivery *out) {
    struct cause cause;
    bool in_time = check_latest_delivery(ruling, &branch->subject, &cause);
    struct outcome *outcomes = arena_array(ruling->arena, addressed->count, sizeof *outcomes);
    size_t count = 0;
    if (!outcomes)
        ruling->no_memory = true;
    for (size_t i = 0; i < addressed->count && !ruling->no_memory; i++) {
        size_t position = addressed->positions[i];
        if (in_time)
            recipient_resolve(ruling, branch, position);
        else
            branch->targets[position] = (struct target){.kind = TARGET_FAILED, .cause = cause};
        if (ruling->no_memory || branch->targets[position].kind != TARGET_MAILBOX)
            continue;
        if (!count)
            fill_delivery(ruling, branch, position, out);
        outcomes[count++] = delivered(ruling, branch, position, ruling->run->now);
    }
    if (count && !ruling->no_memory)
        report_make(ruling, &branch->subject, outcomes, count);
    if (count < addressed->count &&
        subject_own_recipients(ruling, &branch->subject)) /* what becomes of them changes the envelope */
        split_branches(ruling);
}

/* Nothing is delivered yet: would all of them be? Else the copy is split as one that comes now. */
static void look_ahead(struct ruling *ruling, struct branch *branch, const struct addressed *addressed,
                       struct mts_delivery *out) {
    struct cause cause;
    bool in_time = check_latest_delivery(ruling, &branch->subject, &cause);
    size_t count = 0;
    for (size_t i = 0; i < addressed->count && !ruling->no_memory; i++) {
        size_t position = addressed->positions[i];
        if (in_time)
            recipient_resolve(ruling, branch, position);
        else
            branch->targets[position] = (struct target){.kind = TARGET_FAILED, .cause = cause};
        count += branch->targets[position].kind == TARGET_MAILBOX;
    }
    if (ruling->no_memory)
        return;
    if (count == addressed->count)
        fill_delivery(ruling, branch, addressed->positions[0], out);
    else if (subject_own_recipients(ruling, &branch->subject))
        split_branches(ruling);
}

/* Whatever has become of the user since: he said that he has it. */
static void note_delivery(struct ruling *ruling, struct branch *branch, const struct addressed *addressed,
                          struct mts_delivery *out) {
    bool private_domain = ruling->tables->domain.private_domain_identifier;
    struct outcome *outcomes = arena_array(ruling->arena, addressed->count, sizeof *outcomes);
    ruling->no_memory = ruling->no_memory || !outcomes;
    for (size_t i = 0; i < addressed->count && !ruling->no_memory; i++) {
        size_t position = addressed->positions[i];
        branch->targets[position] = (struct target){.kind = TARGET_MAILBOX,
                                                    .mailbox = out->mailbox,
                                                    .user_type = private_domain ? x411_TypeOfMTSUser_private
                                                                                : x411_TypeOfMTSUser_public};
        if (i == 0)
            fill_delivery(ruling, branch, position, out);
        outcomes[i] = delivered(ruling, branch, position, out->time);
    }
    if (!ruling->no_memory)
        report_make(ruling, &branch->subject, outcomes, addressed->count);
}

typedef void addressed_step(struct ruling *ruling, struct branch *branch, const struct addressed *addressed,
                            struct mts_delivery *out);

static void deliver_message(struct ruling *ruling, const struct mts_stored *stored, addressed_step *step,
                            struct mts_delivery *out) {
    struct mts_opened *opened = stored->opened ? stored->opened : open_message(ruling, stored);
    struct addressed addressed;
    ruling->has_content = stored->has_content;
    if (!opened || !find_addressed(ruling, stored, &opened->subject, &addressed)) {
        ruling->out->result = MTS_INVALID;
        ruling->out->cause = "the stored copy can't be decoded";
        return;
    }
    struct branch *branch = branch_with(ruling, &opened->subject, opened->targets);
    if (!branch)
        return;
    step(ruling, branch, &addressed, out);
    for (size_t i = 0; i < addressed.count; i++) {
        opened->subject.envelope.per_recipient_fields.items[addressed.positions[i]] =
            addressed.as_they_came[i];
        opened->targets[addressed.positions[i]] = (struct target){0};
    }
}

void mts_deliver(struct mts_run *run, const struct mts_stored *stored, struct mts_delivery *out) {
    struct ruling ruling;
    *out = (struct mts_delivery){0};
    ruling_begin(&ruling, run, &out->more);
    if (stored->kind == MTS_REPORT)
        deliver_report(&ruling, stored, out);
    else
        deliver_message(&ruling, stored, decide_delivery, out);
    ruling_end(&ruling);
    if (out->more.result != MTS_DECIDED)
        out->delivered = false;
}

static void deliver_by_protocol(struct mts_run *run, const struct mts_stored *stored, addressed_step *step,
                                struct mts_delivery *out) {
    struct ruling ruling;
    ruling_begin(&ruling, run, &out->more);
    if (stored->kind != MTS_REPORT)
        deliver_message(&ruling, stored, step, out);
    else
        deliver_report(&ruling, stored, out);
    ruling_end(&ruling);
    if (out->more.result != MTS_DECIDED)
        out->delivered = false;
}

void mts_delivery_ahead(struct mts_run *run, const struct mts_stored *stored, struct mts_delivery *out) {
    *out = (struct mts_delivery){0};
    deliver_by_protocol(run, stored, look_ahead, out);
    if (out->delivered)
        out->more.event_count = 0;
}

void mts_delivered(struct mts_run *run, const struct mts_stored *stored, const char *mailbox, int64_t time,
                   struct mts_delivery *out) {
    *out = (struct mts_delivery){.mailbox = mailbox, .time = time};
    deliver_by_protocol(run, stored, note_delivery, out);
}

static bool first_addressed(const struct mts_stored *stored, struct arena *arena, size_t *position) {
    static const struct mts_tables no_tables;
    struct mts_run run = {.tables = &no_tables, .arena = arena};
    struct mts_decisions unused;
    struct ruling ruling;
    struct subject subject;
    struct addressed addressed;
    ruling_begin(&ruling, &run, &unused);
    bool found =
        subject_decode(&ruling, stored, &subject) && find_addressed(&ruling, stored, &subject, &addressed);
    ruling_end(&ruling);
    *position = found ? addressed.positions[0] : 0;
    return found;
}

/* An element's head. Lengths below 128 in one octet, others in eight: whatever there is. */
static bool put_head(struct buf *out, uint8_t tag, uint64_t length) {
    if (!buf_append_byte(out, tag) || (length < 128 && !buf_append_byte(out, (uint8_t)length)))
        return false;
    return length < 128 || (buf_append_byte(out, 0x88) && buf_append_u64(out, length));
}

static size_t head_length(uint64_t length) {
    return length < 128 ? 2 : 10;
}

enum { SEQUENCE = 0x30, SET = 0x31, CONTENT = 0x04, RETURNED_CONTENT = 0x80 };

bool mts_delivery_argument(const struct mts_stored *stored, int64_t time, struct arena *arena,
                           struct buf *out) {
    struct ber_element element;
    enum ber_error_code why;
    size_t position = 0;
    bool report = stored->kind == MTS_REPORT;
    if (!report && !first_addressed(stored, arena, &position))
        return false;
    struct span envelope = mts_delivery_envelope(stored, (uint32_t)position, time, arena);
    if (!envelope.data || !ber_element_read(envelope, &element, &why))
        return false;
    struct span fields = ber_element_contents(envelope, &element);
    bool content = !report || stored->has_content;
    uint64_t length = content ? head_length(stored->content_length) + stored->content_length : 0;
    return put_head(out, report ? SET : SEQUENCE, fields.len + length) && buf_append_span(out, fields) &&
           (!content || put_head(out, report ? RETURNED_CONTENT : CONTENT, stored->content_length));
}

static struct span envelope_of_message(const struct mts_stored *stored, uint32_t position, int64_t time,
                                       struct arena *arena) {
    static const struct mts_tables no_tables;
    struct mts_run run = {.tables = &no_tables, .arena = arena, .now = time};
    struct mts_decisions unused;
    struct ruling ruling;
    struct subject subject;
    struct span octets = {NULL, 0};
    ruling_begin(&ruling, &run, &unused);
    if (subject_decode(&ruling, stored, &subject))
        octets = message_envelope(arena, &subject, position, time);
    ruling_end(&ruling);
    return octets;
}

struct span mts_delivery_envelope(const struct mts_stored *stored, uint32_t position, int64_t time,
                                  struct arena *arena) {
    struct x411_Report report = {0};
    if (stored->kind != MTS_REPORT)
        return envelope_of_message(stored, position, time, arena);
    return ber_decode(&x411_Report_type, stored->octets, arena, &as_stored, &report, NULL)
               ? report_envelope(arena, &report)
               : (struct span){NULL, 0};
}
