#include "mts/controls.h"

#include "mts/mts_private.h"

static const struct ber_limits as_it_came = {.relax_bounds = true};

bool mts_types_only(const struct x411_EncodedInformationTypes *types, struct arena *arena,
                    struct x411p3_EncodedInformationTypesConstraints *constraints) {
    struct name_set set;
    if (!items_of_eits(arena, types, &set))
        return false;
    constraints->exclusively_acceptable_eits.items = set.items;
    constraints->exclusively_acceptable_eits.count = set.count;
    return true;
}

bool mts_controls_of_1988(const struct x411p3_DeliveryControls88 *old, struct arena *arena,
                          struct x411p3_Controls *controls) {
    *controls = (struct x411p3_Controls){
        .restrict_ = old->restrict_,
        .permissible_operations = old->permissible_operations,
        .has_permissible_maximum_content_length = old->has_permissible_maximum_content_length,
        .permissible_maximum_content_length = old->permissible_maximum_content_length,
        .has_permissible_lowest_priority = old->has_permissible_lowest_priority,
        .permissible_lowest_priority = old->permissible_lowest_priority,
        .permissible_content_types = old->permissible_content_types,
        .permissible_security_context = old->permissible_security_context};
    const struct x411_EncodedInformationTypes *types = old->permissible_encoded_information_types_88;
    if (!types)
        return true;
    controls->permissible_encoded_information_types =
        arena_alloc(arena, sizeof *controls->permissible_encoded_information_types);
    return controls->permissible_encoded_information_types &&
           mts_types_only(types, arena, controls->permissible_encoded_information_types);
}

static bool read_1988(struct span argument, struct arena *arena, struct x411p3_Controls *given) {
    struct x411p3_DeliveryControls88 old = {0};
    return ber_decode(&x411p3_DeliveryControls88_type, argument, arena, &as_it_came, &old, NULL) &&
           mts_controls_of_1988(&old, arena, given);
}

static bool read_1994(struct span argument, struct arena *arena, struct x411p3_Controls *given) {
    struct x411p3_DeliveryControlArgument value = {0};
    if (!ber_decode(&x411p3_DeliveryControlArgument_type, argument, arena, &as_it_came, &value, NULL))
        return false;
    *given = (struct x411p3_Controls){
        .restrict_ = value.restrict_,
        .permissible_operations = value.permissible_operations,
        .has_permissible_maximum_content_length = value.has_permissible_maximum_content_length,
        .permissible_maximum_content_length = value.permissible_maximum_content_length,
        .has_permissible_lowest_priority = value.has_permissible_lowest_priority,
        .permissible_lowest_priority = value.permissible_lowest_priority,
        .permissible_content_types = value.permissible_content_types,
        .permissible_encoded_information_types = value.permissible_encoded_information_types,
        .permissible_security_context = value.permissible_security_context};
    return true;
}

static void replace(const struct x411p3_Controls *given, struct x411p3_Controls *controls) {
    if (given->permissible_operations.octets.data)
        controls->permissible_operations = given->permissible_operations;
    if (given->has_permissible_maximum_content_length) {
        controls->has_permissible_maximum_content_length = true;
        controls->permissible_maximum_content_length = given->permissible_maximum_content_length;
    }
    if (given->has_permissible_lowest_priority) {
        controls->has_permissible_lowest_priority = true;
        controls->permissible_lowest_priority = given->permissible_lowest_priority;
    }
    if (given->permissible_content_types.items)
        controls->permissible_content_types = given->permissible_content_types;
    if (given->permissible_encoded_information_types)
        controls->permissible_encoded_information_types = given->permissible_encoded_information_types;
}

bool mts_controls_read(struct span argument, bool edition_1988, const struct x411p3_Controls *defaults,
                       struct arena *arena, struct x411p3_Controls *controls, bool *security) {
    struct x411p3_Controls given = {0};
    if (!(edition_1988 ? read_1988 : read_1994)(argument, arena, &given))
        return false;
    *security = given.permissible_security_context.items != NULL;
    if (given.restrict_)
        replace(&given, controls);
    else
        *controls = *defaults;
    controls->restrict_ = true;
    controls->raw = (struct span){NULL, 0};
    return true;
}

/* ---- what they hold up ---- */

enum { REPORTS_BIT = 0, MESSAGES_BIT = 1 }; /* of Operations */

static bool permits_operation(const struct x411p3_Controls *controls, unsigned bit) {
    return !controls->permissible_operations.octets.data || ber_bit(&controls->permissible_operations, bit);
}

/* Urgent above normal above non-urgent (X.411 §8.2.1.1.1.8). */
static unsigned rank_of(x411_Priority priority) {
    return priority == x411_Priority_urgent ? 2 : priority == x411_Priority_non_urgent ? 0 : 1;
}

static bool same_type(const struct x411_ContentType *a, const struct x411_ContentType *b) {
    return a->choice == b->choice &&
           (a->choice == x411_ContentType_built_in ? a->u.built_in == b->u.built_in
                                                   : span_eq(a->u.extended, b->u.extended));
}

static bool permits_content_type(const struct x411p3_Controls *controls,
                                 const struct x411_ContentType *type) {
    const struct x411_ContentTypes *types = &controls->permissible_content_types;
    for (size_t i = 0; i < types->count; i++)
        if (same_type(&types->items[i], type))
            return true;
    return !types->items;
}

static unsigned hold_message(const struct x411p3_Controls *controls, const struct mts_stored *stored,
                             const struct subject *subject) {
    const struct x411_MessageTransferEnvelope *envelope = &subject->envelope;
    unsigned why = permits_operation(controls, MESSAGES_BIT) ? 0 : MTS_WAITS_MESSAGES;
    if (controls->has_permissible_maximum_content_length &&
        stored->content_length > (uint64_t)controls->permissible_maximum_content_length)
        why |= MTS_WAITS_LENGTH;
    if (controls->has_permissible_lowest_priority &&
        rank_of(envelope->priority) < rank_of(controls->permissible_lowest_priority))
        why |= MTS_WAITS_PRIORITY;
    if (!permits_content_type(controls, &envelope->content_type))
        why |= MTS_WAITS_CONTENT_TYPE;
    if (controls->permissible_encoded_information_types &&
        !constraints_take(controls->permissible_encoded_information_types, subject_types(subject)))
        why |= MTS_WAITS_TYPES;
    return why;
}

unsigned mts_controls_hold(const struct x411p3_Controls *controls, const struct mts_stored *stored,
                           struct arena *arena) {
    static const struct mts_tables no_tables;
    struct mts_run run = {.tables = &no_tables, .arena = arena};
    struct mts_decisions unused;
    struct ruling ruling;
    struct subject subject;
    if (stored->kind == MTS_REPORT)
        return permits_operation(controls, REPORTS_BIT) ? 0 : MTS_WAITS_REPORTS;
    ruling_begin(&ruling, &run, &unused);
    bool known = subject_decode(&ruling, stored, &subject);
    ruling_end(&ruling);
    return known ? hold_message(controls, stored, &subject) : 0;
}
