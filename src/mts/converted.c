/*
 * What becomes of the envelope of a content that is converted (X.411 §14.3):
 * from P22 to P2 (RFC 1328 §5). The content itself is the content room's affair.
 */
#include "mts/mts_private.h"

static const struct span absent = {NULL, 0};

static const struct x411_ContentType p2 = {
    .choice = x411_ContentType_built_in, .u.built_in = x411_BuiltInContentType_interpersonal_messaging_1984};

bool mts_conversion(const struct mts_stored *stored, struct arena *arena, struct mts_conversion *conversion) {
    static const struct mts_tables no_tables;
    struct mts_run run = {.tables = &no_tables, .arena = arena};
    struct mts_decisions out;
    struct ruling ruling;
    struct plan plan;
    struct subject subject;
    ruling_begin(&ruling, &run, &out);
    bool ok = stored->kind == MTS_MESSAGE && plan_read(arena, stored->plan, &plan) &&
              plan.flags & PLAN_TO_P2 && subject_decode(&ruling, stored, &subject);
    if (ok)
        *conversion = (struct mts_conversion){
            subject_has(&subject, x411_PerMessageIndicators_implicit_conversion_prohibited),
            extension_enumerated(&subject.envelope.extensions, EXT_CONVERSION_WITH_LOSS_PROHIBITED) ==
                x411_ConversionWithLossProhibited_conversion_with_loss_prohibited,
            plan.flags & PLAN_ENCAPSULATE, plan.flags & PLAN_REPLACE, plan.rfc1328_address};
    ruling_end(&ruling);
    return ok;
}

/* The last element is ours: it says into what the content was converted
 * (converted-encoded-information-types). */
static bool trace_conversion(struct ruling *ruling, struct subject *subject, unsigned types) {
    struct x411_TraceInformation *trace = &subject->envelope.trace_information;
    struct x411_TraceInformationElement *items = arena_array(ruling->arena, trace->count + 1, sizeof *items);
    struct x411_EncodedInformationTypes *converted = arena_alloc(ruling->arena, sizeof *converted);
    if (!items || !converted) {
        ruling->no_memory = true;
        return false;
    }
    for (unsigned bit = 0; bit < 32; bit++)
        if (types >> bit & 1 &&
            !ber_bit_set(&converted->built_in_encoded_information_types, bit, true, ruling->arena)) {
            ruling->no_memory = true;
            return false;
        }
    if (!trace->count)
        return true;
    memcpy(items, trace->items, trace->count * sizeof *items);
    struct x411_TraceInformationElement *last = &items[trace->count - 1];
    last->raw = last->domain_supplied_information.raw = absent;
    last->domain_supplied_information.converted_encoded_information_types = converted;
    trace->items = items;
    subject->converted = converted;
    return true;
}

/* The copy's recipients are routed anew: tables may have changed while the content was rewritten. */
static void route_converted(struct ruling *ruling, struct subject *subject, const struct plan *plan) {
    size_t cursor = 0, position;
    struct branch *branch = branch_new(ruling, subject);
    while (branch && !ruling->no_memory && plan_next(plan, &branch->subject, &cursor, &position))
        recipient_resolve(ruling, branch, position);
    if (branch)
        split_branches(ruling);
}

void mts_converted(struct mts_run *run, const struct mts_stored *stored, uint64_t length, unsigned types,
                   const char *lost, struct mts_decisions *out) {
    struct ruling ruling;
    struct plan plan;
    struct subject subject;
    ruling_begin(&ruling, run, out);
    if (!plan_read(ruling.arena, stored->plan, &plan) || !subject_decode(&ruling, stored, &subject)) {
        if (!ruling.no_memory) {
            out->result = MTS_INVALID;
            out->cause = "the stored copy can't be decoded";
        }
    } else if (trace_conversion(&ruling, &subject, types)) {
        subject.envelope.content_type = p2;
        subject.length = length;
        ruling_event(&ruling, MTS_EVENT_CONVERTED, subject.identifier)->text =
            *lost ? arena_printf(ruling.arena, "P22 to P2: %s", lost) : "P22 to P2";
        route_converted(&ruling, &subject, &plan);
    }
    ruling_end(&ruling);
}
