/*
 * Loop detection (X.411 §14.3): the object is in our domain again after it
 * was in a foreign one, and nobody has redirected it or expanded a list since.
 * Adjacent elements of one domain are one visit; an element that says
 * `rerouted` is no visit, and an attempted domain was never reached. Within
 * the domain, internal trace says the same of this MTA; and of the next one, which
 * needs no further round to find it out.
 */
#include "mts/mts_private.h"

static bool has_actions(const struct ber_bits *actions) {
    return ber_bit(actions, x411_OtherActions_redirected) || ber_bit(actions, x411_OtherActions_dl_operation);
}

/* Looks back from the newest element: a visit to another domain, then one to `domain`, without an action in
 * between. */
bool loop_of_domain(const struct x411_GlobalDomainIdentifier *domain,
                    const struct x411_TraceInformation *trace) {
    bool foreign = false;
    for (size_t i = trace->count; i-- > 0;) {
        const struct x411_TraceInformationElement *element = &trace->items[i];
        const struct x411_DomainSuppliedInformation *supplied = &element->domain_supplied_information;
        if (has_actions(&supplied->other_actions))
            return false;
        if (supplied->routing_action == x411_RoutingAction_rerouted)
            continue;
        if (!domain_equal(&element->global_domain_identifier, domain))
            foreign = true;
        else if (foreign)
            return true;
    }
    return false;
}

/* The same with MTAs for domains; elements of other domains end the search: the external trace judges those.
 */
static bool internal_loop(const struct x411_GlobalDomainIdentifier *domain, struct span mta_name,
                          const struct x411_InternalTraceInformation *trace) {
    bool other = false;
    for (size_t i = trace->count; i-- > 0;) {
        const struct x411_InternalTraceInformationElement *element = &trace->items[i];
        const struct x411_MTASuppliedInformation *supplied = &element->mta_supplied_information;
        if (has_actions(&supplied->other_actions) ||
            !domain_equal(&element->global_domain_identifier, domain))
            return false;
        if (supplied->routing_action == x411_RoutingAction_rerouted)
            continue;
        if (!span_eq_nocase(element->mta_name, mta_name))
            other = true;
        else if (other)
            return true;
    }
    return false;
}

/* `trace` is as received, before our own element: from a foreign peer it ends in a foreign element. */
bool loop_detected(const struct mts_tables *tables, const struct x411_TraceInformation *trace,
                   const struct x411_Extensions *extensions, struct arena *arena) {
    struct x411_InternalTraceInformation internal = {0};
    if (loop_of_domain(&tables->domain, trace))
        return true;
    return extension_decode(arena, extensions, EXT_INTERNAL_TRACE, &x411_InternalTraceInformation_type,
                            &internal) &&
           internal_loop(&tables->domain, tables->mta_name, &internal);
}

enum hop_loop { LOOP_UNKNOWN, LOOP_NONE, LOOP_FOUND };

/* What was found of each hop is kept for the trace that it was found in: recipients of one envelope share it,
 * and the cost must not be the product of both. */
static uint8_t *loop_of_hop(struct ruling *ruling, const struct x411_ExtensionField *trace, int hop) {
    if (ruling->loop_trace != trace->value.data || !ruling->hop_loops) {
        ruling->loop_trace = trace->value.data;
        ruling->hop_loops = arena_array(ruling->arena, ruling->tables->hop_count, sizeof *ruling->hop_loops);
    }
    ruling->no_memory |= !ruling->hop_loops;
    return ruling->hop_loops ? &ruling->hop_loops[hop] : NULL;
}

bool loop_ahead(struct ruling *ruling, const struct x411_Extensions *extensions, int number) {
    const struct hop *hop = &ruling->tables->hops[number];
    const struct x411_ExtensionField *field = extension_find(extensions, EXT_INTERNAL_TRACE);
    if (hop->foreign || hop->given.dont_check_loops || !field || !ruling->tables->self.internal_trace)
        return false;
    uint8_t *loop = loop_of_hop(ruling, field, number);
    if (!loop)
        return false;
    if (*loop == LOOP_UNKNOWN) {
        struct x411_InternalTraceInformation trace = {0};
        *loop = extension_decode(ruling->arena, extensions, EXT_INTERNAL_TRACE,
                                 &x411_InternalTraceInformation_type, &trace) &&
                        internal_loop(&hop->domain, span_str(hop->given.mta_name), &trace)
                    ? LOOP_FOUND
                    : LOOP_NONE;
    }
    return *loop == LOOP_FOUND;
}
