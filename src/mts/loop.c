/*
 * Loop detection (X.411 §14.3): the object is in our domain again after it
 * was in a foreign one, and nobody has redirected it or expanded a list since.
 * Adjacent elements of one domain are one visit; an element that says
 * `rerouted` is no visit, and an attempted domain was never reached. Within
 * the domain, internal trace says the same of this MTA.
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
static bool internal_loop(const struct mts_tables *tables,
                          const struct x411_InternalTraceInformation *trace) {
    bool other = false;
    for (size_t i = trace->count; i-- > 0;) {
        const struct x411_InternalTraceInformationElement *element = &trace->items[i];
        const struct x411_MTASuppliedInformation *supplied = &element->mta_supplied_information;
        if (has_actions(&supplied->other_actions) ||
            !domain_equal(&element->global_domain_identifier, &tables->domain))
            return false;
        if (supplied->routing_action == x411_RoutingAction_rerouted)
            continue;
        if (!span_eq_nocase(element->mta_name, tables->mta_name))
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
           internal_loop(tables, &internal);
}
