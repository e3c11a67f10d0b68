/* Submission (X.411 §14.6): the transfer envelope that the originating MTA makes of a submission envelope. */
#include "mts/mts_private.h"
#include "schema/x411ext.h"

struct submit {
    struct ruling *ruling;
    struct mts_submission *submission;
    const char *user;
};

static bool refuse(struct submit *s, enum mts_submit_error error, const char *cause) {
    s->submission->error = error;
    s->ruling->out->result = MTS_INVALID;
    s->ruling->out->cause = cause;
    return false;
}

static bool out_of_memory(struct submit *s) {
    s->ruling->no_memory = true;
    return false;
}

/* Name to name with an address: what a user may leave to the directory (X.411 §8.5.5) must be there on
 * transfer. False: `none` names the error, or the name must be asked for first. */
static bool complete_name(struct submit *s, struct x411_ORName *name, enum mts_submit_error none,
                          const char *why) {
    struct x411_ORName found;
    struct cause cause;
    if (!address_is_empty(name))
        return true;
    if (!name->directory_name)
        return refuse(s, none, why);
    enum lookup lookup = directory_look_up(s->ruling, name->directory_name, &found, &cause);
    if (lookup == LOOKUP_NONE)
        return refuse(s, none, why);
    *name = found;
    return lookup == LOOKUP_FOUND;
}

/* A directory name beside the address goes out with it, as who originated the message: another's is forged,
 * and one that the directory does not know for the address proves nothing. False: it must be asked for first,
 * or the submission is refused. */
static bool check_directory_name(struct submit *s, struct x411_ORName *originator,
                                 const struct address *address) {
    struct x411_ORName found;
    struct address found_address;
    struct cause cause;
    if (!originator->directory_name)
        return true;
    enum lookup lookup = directory_look_up(s->ruling, originator->directory_name, &found, &cause);
    if (lookup == LOOKUP_ASKED)
        return false;
    if (lookup == LOOKUP_NONE) {
        originator->directory_name = NULL;
        originator->raw = (struct span){NULL, 0};
        return true;
    }
    if (!address_of(s->ruling->arena, &found, &found_address))
        return out_of_memory(s);
    return span_eq(found_address.key, address->key) ||
           refuse(s, MTS_SUBMIT_ORIGINATOR_INVALID, "the originator's directory name is somebody else's");
}

/* The originator is a user of ours, and the one who submits. */
static bool check_originator(struct submit *s, struct x411_ORName *originator) {
    struct address address, user_address;
    struct x411_ORName user;
    if (!s->ruling->run->relax_bounds && !bounds_hold_in_name(s->ruling, originator))
        return refuse(s, MTS_SUBMIT_ORIGINATOR_INVALID, "the originator's name is over X.411's bounds");
    if (!complete_name(s, originator, MTS_SUBMIT_ORIGINATOR_INVALID, "the originator has no O/R address"))
        return false;
    if (!address_of(s->ruling->arena, originator, &address))
        return out_of_memory(s);
    const struct entry *entry = entry_find(s->ruling->tables, address.key);
    if (!entry || !entry->user)
        return refuse(s, MTS_SUBMIT_ORIGINATOR_INVALID, "the originator is not a user of this MTA");
    if (entry->user->given.may_not_submit)
        return refuse(s, MTS_SUBMIT_ELEMENT_NOT_SUBSCRIBED, "the originator may not submit");
    if (s->user &&
        (!address_parse(s->ruling->arena, s->user, &user, NULL) ||
         !address_of(s->ruling->arena, &user, &user_address) || !span_eq(user_address.key, address.key)))
        return refuse(s, MTS_SUBMIT_ORIGINATOR_INVALID, "the originator is not the user who submits");
    return check_directory_name(s, originator, &address);
}

/* Extensions critical for submission must be understood and done; proof of submission is not given here. */
static bool check_critical(struct submit *s, const struct x411_Extensions *extensions) {
    const struct x411_ExtensionField *proof = extension_find(extensions, EXT_PROOF_OF_SUBMISSION_REQUEST);
    bool proof_critical = proof && extension_critical(proof, CRITICAL_FOR_SUBMISSION) &&
                          extension_enumerated(extensions, EXT_PROOF_OF_SUBMISSION_REQUEST) == 1;
    for (size_t i = 0; i < extensions->count && !proof_critical; i++) {
        const struct x411_ExtensionField *field = &extensions->items[i];
        struct x411_Extensions one = {.items = (struct x411_ExtensionField *)field, .count = 1};
        if (field != proof && criticality_unknown(&one, CRITICAL_FOR_SUBMISSION))
            return refuse(s, MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION,
                          "an extension that is critical for submission");
    }
    return !proof_critical ||
           refuse(s, MTS_SUBMIT_UNSUPPORTED_CRITICAL_FUNCTION, "proof of submission is not given");
}

/* What only the MTS adds (histories, trace) a user can't claim: an extension that we know, where submission
 * has no place for it (X.411 §8.2.1). */
static bool check_places(struct submit *s, const struct x411_Extensions *extensions,
                         const struct ber_table *table) {
    for (size_t i = 0; i < extensions->count; i++) {
        int64_t number = extension_number(&extensions->items[i]);
        if (!ber_table_by_number(table, number) &&
            ber_table_by_number(&x411ext_StandardExtensions_table, number))
            return refuse(s, MTS_SUBMIT_INCONSISTENT_REQUEST,
                          "an extension that has no place in a submission");
    }
    return true;
}

/* What P1 carries: without the submission's own extensions, and nothing critical for submission any more. */
static bool transfer_extensions(struct submit *s, struct x411_Extensions *extensions,
                                const struct ber_table *table) {
    struct arena *arena = s->ruling->arena;
    struct span absent = {NULL, 0};
    if (!check_places(s, extensions, table) || !check_critical(s, extensions))
        return false;
    if (!extension_set(arena, extensions, EXT_PROOF_OF_SUBMISSION_REQUEST, absent) ||
        !extension_set(arena, extensions, EXT_FORWARDING_REQUEST, absent))
        return out_of_memory(s);
    struct x411_ExtensionField *items = arena_array(arena, extensions->count + 1, sizeof *items);
    if (!items)
        return out_of_memory(s);
    for (size_t i = 0; i < extensions->count; i++) {
        items[i] = extensions->items[i];
        if (!extension_critical(&items[i], CRITICAL_FOR_SUBMISSION))
            continue;
        items[i].raw = absent;
        if (!ber_bit_set(&items[i].criticality, CRITICAL_FOR_SUBMISSION, false, arena))
            return out_of_memory(s);
    }
    extensions->items = extensions->count ? items : NULL;
    return true;
}

/* Responsibility is ours; the MTA asks for what the originator asks for, and for non-delivery at least. */
static bool set_indicators(struct submit *s, const struct ber_bits *request, struct ber_bits *indicators) {
    uint8_t *octet = arena_alloc(s->ruling->arena, 1);
    if (!octet)
        return out_of_memory(s);
    *octet = 0x80 >> x411_PerRecipientIndicators_responsibility;
    if (ber_bit(request, x411p3_OriginatorReportRequest_report))
        *octet |= 0x80 >> x411_PerRecipientIndicators_originating_MTA_report |
                  0x80 >> x411_PerRecipientIndicators_originator_report;
    else
        *octet |= 0x80 >> x411_PerRecipientIndicators_originating_MTA_non_delivery_report;
    if (!ber_bit(request, x411p3_OriginatorReportRequest_report) &&
        ber_bit(request, x411p3_OriginatorReportRequest_non_delivery_report))
        *octet |= 0x80 >> x411_PerRecipientIndicators_originator_non_delivery_report;
    *indicators = (struct ber_bits){span_of(octet, 1), 0};
    return true;
}

/* "On submission the OR-address need not be present, but on transfer the OR-address must be present" (X.411
 * annex B, OriginatorRequestedAlternateRecipient). */
static bool complete_alternate(struct submit *s, struct x411_Extensions *extensions) {
    struct x411_ORName alternate = {0};
    if (!extension_decode(s->ruling->arena, extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
                          &x411_MTAOriginatorRequestedAlternateRecipient_type, &alternate) ||
        !address_is_empty(&alternate))
        return true;
    if (!complete_name(s, &alternate, MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED,
                       "an alternate recipient without an O/R address"))
        return false;
    return extension_encode(s->ruling->arena, extensions, EXT_ORIGINATOR_REQUESTED_ALTERNATE,
                            &x411_MTAOriginatorRequestedAlternateRecipient_type, &alternate) ||
           out_of_memory(s);
}

static bool fill_recipient(struct submit *s, enum mts_kind kind,
                           const struct x411p3_PerRecipientMessageSubmissionFields *from, size_t position,
                           recipient_fields *to) {
    const struct ber_table *places = kind == MTS_PROBE
                                         ? &x411ext_PerRecipientProbeSubmissionExtensions_table
                                         : &x411ext_PerRecipientMessageSubmissionExtensions_table;
    to->recipient_name = from->recipient_name;
    to->originally_specified_recipient_number = (int64_t)position + 1;
    to->has_explicit_conversion = from->has_explicit_conversion;
    to->explicit_conversion = from->explicit_conversion;
    to->extensions = from->extensions;
    return transfer_extensions(s, &to->extensions, places) && complete_alternate(s, &to->extensions) &&
           set_indicators(s, &from->originator_report_request, &to->per_recipient_indicators);
}

/* An O/R name needs an address or a directory name (X.411 §8.2.1.1.1.2). */
static bool is_improper(const struct x411_ORName *name) {
    return address_is_empty(name) && !name->directory_name;
}

static bool recipient_is_sound(struct submit *s, enum mts_kind kind, const recipient_fields *recipient) {
    return !is_improper(&recipient->recipient_name) &&
           (s->ruling->run->relax_bounds || (bounds_hold_in_name(s->ruling, &recipient->recipient_name) &&
                                             bounds_hold_in_recipient(s->ruling, kind, recipient)));
}

static bool fill_recipients(struct submit *s, const struct x411p3_PerRecipientMessageSubmissionFields *from,
                            size_t count, struct subject *subject) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    recipient_fields *items = arena_array(s->ruling->arena, count ? count : 1, sizeof *items);
    uint32_t *improper = arena_array(s->ruling->arena, count ? count : 1, sizeof *improper);
    if (!items || !improper)
        return out_of_memory(s);
    s->submission->improper = improper;
    for (size_t i = 0; i < count; i++) {
        if (!fill_recipient(s, subject->kind, &from[i], i, &items[i]))
            return false;
        if (!recipient_is_sound(s, subject->kind, &items[i]))
            improper[s->submission->improper_count++] = (uint32_t)i;
    }
    envelope->per_recipient_fields.items = items;
    envelope->per_recipient_fields.count = count;
    if (!count || s->submission->improper_count)
        return refuse(s, MTS_SUBMIT_RECIPIENT_IMPROPERLY_SPECIFIED,
                      "a recipient without an O/R name, or over X.411's bounds");
    return true;
}

/* Upper bounds: those of names have errors of their own, the rest contradicts what may be asked for. */
static bool check_bounds(struct submit *s, const struct subject *subject) {
    struct ruling *ruling = s->ruling;
    if (!ruling->run->relax_bounds && (ruling->run->over_bounds || !bounds_hold_for_all(ruling, subject)))
        return refuse(s, MTS_SUBMIT_INCONSISTENT_REQUEST, "a value over X.411's bounds");
    return !ruling->no_memory;
}

/* Times that contradict each other (X.411 §8.2.2.5). */
static bool check_times(struct submit *s, const struct subject *subject) {
    struct span latest_text;
    int64_t deferred, latest;
    if (!extension_decode(s->ruling->arena, &subject->envelope.extensions, EXT_LATEST_DELIVERY_TIME,
                          &x411_LatestDeliveryTime_type, &latest_text) ||
        !time_read(latest_text, &latest))
        return true;
    if (time_read(subject->envelope.deferred_delivery_time, &deferred) && deferred > latest)
        return refuse(s, MTS_SUBMIT_INCONSISTENT_REQUEST, "deferred beyond the latest delivery time");
    return true;
}

static void submit(struct submit *s, struct subject *subject, struct x411_Extensions extensions,
                   const struct x411p3_PerRecipientMessageSubmissionFields *recipients, size_t count) {
    struct ruling *ruling = s->ruling;
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    int64_t deferred = 0;
    if (extensions_are_too_many(&extensions)) {
        refuse(s, MTS_SUBMIT_INCONSISTENT_REQUEST, "too many extension fields");
        return;
    }
    const struct ber_table *places = subject->kind == MTS_PROBE
                                         ? &x411ext_PerProbeSubmissionExtensions_table
                                         : &x411ext_PerMessageSubmissionExtensions_table;
    envelope->extensions = extensions;
    if (!check_originator(s, &envelope->originator_name) ||
        !transfer_extensions(s, &envelope->extensions, places) ||
        !fill_recipients(s, recipients, count, subject) || !check_bounds(s, subject) ||
        !check_times(s, subject))
        return;
    subject->identifier = ruling_identifier(ruling, &envelope->message_identifier);
    subject->arrival = ruling->run->now;
    if (time_read(envelope->deferred_delivery_time, &deferred) && deferred <= ruling->run->now)
        deferred = 0;
    if (!trace_arrive(ruling, -1, &envelope->trace_information, &envelope->extensions, deferred))
        return;
    s->submission->identifier = envelope->message_identifier;
    time_write(ruling, ruling->run->now, &s->submission->time);
    struct mts_event *event = ruling_event(ruling, MTS_EVENT_SUBMITTED, subject->identifier);
    event->text = subject->kind == MTS_PROBE ? MTS_EVENT_OF_PROBE : NULL;
    struct branch *branch = branch_new(ruling, subject);
    if (!branch)
        return;
    branch_resolve(ruling, branch);
    split_branches(ruling);
}

void mts_submit_message(struct mts_run *run, const char *user,
                        const struct x411p3_MessageSubmissionEnvelope *envelope, uint64_t content_length,
                        struct mts_submission *submission, struct mts_decisions *out) {
    struct ruling ruling;
    struct submit s = {&ruling, submission, user};
    *submission = (struct mts_submission){0};
    ruling_begin(&ruling, run, out);
    ruling.has_content = true;
    struct subject subject = {.kind = MTS_MESSAGE, .has_length = true, .length = content_length};
    subject.envelope = (struct x411_MessageTransferEnvelope){
        .originator_name = envelope->originator_name,
        .original_encoded_information_types = envelope->original_encoded_information_types,
        .content_type = envelope->content_type,
        .content_identifier = envelope->content_identifier,
        .priority = envelope->priority,
        .per_message_indicators = envelope->per_message_indicators,
        .deferred_delivery_time = envelope->deferred_delivery_time};
    submit(&s, &subject, envelope->extensions, envelope->per_recipient_fields.items,
           envelope->per_recipient_fields.count);
    ruling_end(&ruling);
}

void mts_submit_probe(struct mts_run *run, const char *user,
                      const struct x411p3_ProbeSubmissionEnvelope *envelope,
                      struct mts_submission *submission, struct mts_decisions *out) {
    struct ruling ruling;
    struct submit s = {&ruling, submission, user};
    size_t count = envelope->per_recipient_fields.count;
    *submission = (struct mts_submission){0};
    ruling_begin(&ruling, run, out);
    struct x411p3_PerRecipientMessageSubmissionFields *recipients =
        arena_array(ruling.arena, count ? count : 1, sizeof *recipients);
    if (!recipients) {
        ruling.no_memory = true;
        ruling_end(&ruling);
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const struct x411p3_PerRecipientProbeSubmissionFields *from =
            &envelope->per_recipient_fields.items[i];
        recipients[i] = (struct x411p3_PerRecipientMessageSubmissionFields){
            .recipient_name = from->recipient_name,
            .originator_report_request = from->originator_report_request,
            .has_explicit_conversion = from->has_explicit_conversion,
            .explicit_conversion = from->explicit_conversion,
            .extensions = from->extensions};
    }
    struct subject subject = {.kind = MTS_PROBE,
                              .has_length = envelope->has_content_length,
                              .length =
                                  envelope->has_content_length ? (uint64_t)envelope->content_length : 0};
    subject.envelope = (struct x411_MessageTransferEnvelope){
        .originator_name = envelope->originator_name,
        .original_encoded_information_types = envelope->original_encoded_information_types,
        .content_type = envelope->content_type,
        .content_identifier = envelope->content_identifier,
        .per_message_indicators = envelope->per_message_indicators};
    submit(&s, &subject, envelope->extensions, recipients, count);
    ruling_end(&ruling);
}
