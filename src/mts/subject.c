/*
 * The message or probe that is decided on. Its fields are changed in a copy of the
 * struct; parts that nobody touches keep their raw span and leave as they came.
 */
#include "mts/mts_private.h"

static const struct span absent = {NULL, 0};

struct span identifier_text(struct arena *arena, const struct x411_MTSIdentifier *identifier) {
    struct buf text;
    buf_init(&text, 0);
    struct span copy = absent;
    if (mts_identifier_print(identifier, &text))
        copy = arena_dup(arena, buf_span(&text));
    buf_free(&text);
    return copy;
}

bool subject_own_recipients(struct ruling *ruling, struct subject *subject) {
    struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    size_t count = envelope->per_recipient_fields.count;
    recipient_fields *items = arena_array(ruling->arena, count ? count : 1, sizeof *items);
    if (!items) {
        ruling->no_memory = true;
        return false;
    }
    if (count)
        memcpy(items, envelope->per_recipient_fields.items, count * sizeof *items);
    envelope->per_recipient_fields.items = items;
    return true;
}

static bool finish(struct ruling *ruling, struct subject *subject) {
    const struct x411_TraceInformation *trace = &subject->envelope.trace_information;
    subject->envelope.raw = absent;
    subject->arrival = ruling->run->now;
    subject->converted = trace_converted_types(trace);
    for (size_t i = trace->count; i-- > 0;)
        if (domain_equal(&trace->items[i].global_domain_identifier, &ruling->tables->domain)) {
            time_read(trace->items[i].domain_supplied_information.arrival_time, &subject->arrival);
            break;
        }
    subject->identifier = identifier_text(ruling->arena, &subject->envelope.message_identifier);
    if (!subject->identifier.data)
        ruling->no_memory = true;
    return !ruling->no_memory;
}

bool subject_of_message(struct ruling *ruling, const struct x411_MessageTransferEnvelope *envelope,
                        uint64_t length, struct subject *subject) {
    *subject =
        (struct subject){.kind = MTS_MESSAGE, .envelope = *envelope, .has_length = true, .length = length};
    return subject_own_recipients(ruling, subject) && finish(ruling, subject);
}

bool subject_of_probe(struct ruling *ruling, const struct x411_ProbeTransferEnvelope *probe,
                      struct subject *subject) {
    size_t count = probe->per_recipient_fields.count;
    recipient_fields *items = arena_array(ruling->arena, count ? count : 1, sizeof *items);
    *subject = (struct subject){.kind = MTS_PROBE,
                                .has_length = probe->has_content_length,
                                .length = probe->has_content_length ? (uint64_t)probe->content_length : 0};
    if (!items) {
        ruling->no_memory = true;
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        const struct x411_PerRecipientProbeTransferFields *from = &probe->per_recipient_fields.items[i];
        items[i] = (recipient_fields){from->raw,
                                      from->recipient_name,
                                      from->originally_specified_recipient_number,
                                      from->per_recipient_indicators,
                                      from->has_explicit_conversion,
                                      from->explicit_conversion,
                                      from->extensions};
    }
    subject->envelope = (struct x411_MessageTransferEnvelope){
        .message_identifier = probe->probe_identifier,
        .originator_name = probe->originator_name,
        .original_encoded_information_types = probe->original_encoded_information_types,
        .content_type = probe->content_type,
        .content_identifier = probe->content_identifier,
        .per_message_indicators = probe->per_message_indicators,
        .per_domain_bilateral_information = {probe->per_domain_bilateral_information.items,
                                             probe->per_domain_bilateral_information.count},
        .trace_information = probe->trace_information,
        .extensions = probe->extensions,
        .per_recipient_fields = {.items = items, .count = count}};
    return finish(ruling, subject);
}

static bool encode_probe(struct ruling *ruling, const struct subject *subject, struct span *octets) {
    const struct x411_MessageTransferEnvelope *from = &subject->envelope;
    size_t count = from->per_recipient_fields.count;
    struct x411_PerRecipientProbeTransferFields *items =
        arena_array(ruling->arena, count ? count : 1, sizeof *items);
    if (!items)
        return false;
    for (size_t i = 0; i < count; i++) {
        const recipient_fields *recipient = &from->per_recipient_fields.items[i];
        items[i] =
            (struct x411_PerRecipientProbeTransferFields){recipient->raw,
                                                          recipient->recipient_name,
                                                          recipient->originally_specified_recipient_number,
                                                          recipient->per_recipient_indicators,
                                                          recipient->has_explicit_conversion,
                                                          recipient->explicit_conversion,
                                                          recipient->extensions};
    }
    struct x411_ProbeTransferEnvelope probe = {
        .probe_identifier = from->message_identifier,
        .originator_name = from->originator_name,
        .original_encoded_information_types = from->original_encoded_information_types,
        .content_type = from->content_type,
        .content_identifier = from->content_identifier,
        .has_content_length = subject->has_length,
        .content_length = (int64_t)subject->length,
        .per_message_indicators = from->per_message_indicators,
        .per_domain_bilateral_information = {from->per_domain_bilateral_information.items,
                                             from->per_domain_bilateral_information.count},
        .trace_information = from->trace_information,
        .extensions = from->extensions,
        .per_recipient_fields = {.items = items, .count = count}};
    return ber_encode_arena(&x411_ProbeTransferEnvelope_type, &probe, ruling->arena, octets, NULL);
}

bool subject_encode(struct ruling *ruling, const struct subject *subject, struct span *octets) {
    bool ok = subject->kind == MTS_PROBE ? encode_probe(ruling, subject, octets)
                                         : ber_encode_arena(&x411_MessageTransferEnvelope_type,
                                                            &subject->envelope, ruling->arena, octets, NULL);
    ruling->no_memory |= !ok;
    return ok;
}

bool subject_decode(struct ruling *ruling, const struct mts_stored *stored, struct subject *subject) {
    /* What is stored was judged when it came in. */
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    ruling->has_content = stored->has_content;
    if (stored->kind == MTS_MESSAGE) {
        struct x411_MessageTransferEnvelope envelope = {0};
        return ber_decode(&x411_MessageTransferEnvelope_type, stored->octets, ruling->arena, &limits,
                          &envelope, NULL) &&
               subject_of_message(ruling, &envelope, stored->content_length, subject);
    }
    struct x411_ProbeTransferEnvelope probe = {0};
    return stored->kind == MTS_PROBE &&
           ber_decode(&x411_ProbeTransferEnvelope_type, stored->octets, ruling->arena, &limits, &probe,
                      NULL) &&
           subject_of_probe(ruling, &probe, subject);
}

bool subject_responsible(const recipient_fields *recipient) {
    return ber_bit(&recipient->per_recipient_indicators, x411_PerRecipientIndicators_responsibility);
}

bool subject_set_responsible(struct arena *arena, recipient_fields *recipient, bool responsible) {
    if (subject_responsible(recipient) == responsible)
        return true;
    recipient->raw = absent;
    return ber_bit_set(&recipient->per_recipient_indicators, x411_PerRecipientIndicators_responsibility,
                       responsible, arena);
}

bool subject_has(const struct subject *subject, unsigned bit) {
    return ber_bit(&subject->envelope.per_message_indicators, bit);
}

struct branch *branch_with(struct ruling *ruling, const struct subject *subject, struct target *targets) {
    struct branch *branch = arena_alloc(ruling->arena, sizeof *branch);
    if (!branch || !targets) {
        ruling->no_memory = true;
        return NULL;
    }
    branch->targets = targets;
    branch->subject = *subject;
    *ruling->last = branch;
    ruling->last = &branch->next;
    return branch;
}

struct branch *branch_new(struct ruling *ruling, const struct subject *subject) {
    size_t count = subject->envelope.per_recipient_fields.count;
    return branch_with(ruling, subject, arena_array(ruling->arena, count ? count : 1, sizeof(struct target)));
}

struct branch *branch_copy(struct ruling *ruling, const struct branch *from) {
    struct branch *branch = branch_new(ruling, &from->subject);
    if (!branch)
        return NULL;
    size_t count = from->subject.envelope.per_recipient_fields.count;
    recipient_fields *items = arena_array(ruling->arena, count ? count : 1, sizeof *items);
    if (!items) {
        ruling->no_memory = true;
        return NULL;
    }
    memcpy(items, from->subject.envelope.per_recipient_fields.items, count * sizeof *items);
    branch->subject.envelope.per_recipient_fields.items = items;
    branch->dl_depth = from->dl_depth;
    return branch;
}

const struct x411_EncodedInformationTypes *subject_types(const struct subject *subject) {
    return subject->converted ? subject->converted : subject->envelope.original_encoded_information_types;
}
