/* Trace information and internal trace information (X.411 §12.3.1). */
#include "mts/mts_private.h"

/* True when the hop is in another domain; `*domain` is the hop's. An unknown sender counts as foreign. */
static bool domain_of_hop(const struct mts_tables *tables, int hop,
                          const struct x411_GlobalDomainIdentifier **domain) {
    bool known = hop >= 0 && (size_t)hop < tables->hop_count;
    *domain = known ? &tables->hops[hop].domain : NULL;
    return !known || tables->hops[hop].foreign;
}

static bool append_element(struct ruling *ruling, struct x411_TraceInformation *trace,
                           const struct x411_TraceInformationElement *element) {
    struct x411_TraceInformationElement *items = arena_array(ruling->arena, trace->count + 1, sizeof *items);
    if (!items) {
        ruling->no_memory = true;
        return false;
    }
    if (trace->count)
        memcpy(items, trace->items, trace->count * sizeof *items);
    items[trace->count] = *element;
    trace->items = items;
    trace->count++;
    return true;
}

static bool append_internal(struct ruling *ruling, struct x411_Extensions *extensions,
                            const struct x411_InternalTraceInformationElement *element) {
    struct x411_InternalTraceInformation old = {0}, trace;
    extension_decode(ruling->arena, extensions, EXT_INTERNAL_TRACE, &x411_InternalTraceInformation_type,
                     &old);
    trace.count = old.count + 1;
    trace.items = arena_array(ruling->arena, trace.count, sizeof *trace.items);
    if (trace.items) {
        if (old.count)
            memcpy(trace.items, old.items, old.count * sizeof *trace.items);
        trace.items[old.count] = *element;
        if (extension_encode(ruling->arena, extensions, EXT_INTERNAL_TRACE,
                             &x411_InternalTraceInformation_type, &trace))
            return true;
    }
    ruling->no_memory = true;
    return false;
}

/*
 * Our element, when an object enters our domain (from a foreign one, or made
 * here: `peer` -1), and our MTA's internal one. `deferred` is the time until
 * which the message is object, 0 for none.
 */
bool trace_arrive(struct ruling *ruling, int peer, struct x411_TraceInformation *trace,
                  struct x411_Extensions *extensions, int64_t deferred) {
    const struct x411_GlobalDomainIdentifier *domain;
    struct x411_TraceInformationElement element = {.global_domain_identifier = ruling->tables->domain};
    struct x411_DomainSuppliedInformation *supplied = &element.domain_supplied_information;
    supplied->routing_action = x411_RoutingAction_relayed;
    if (!time_write(ruling, ruling->run->now, &supplied->arrival_time))
        return false;
    if (deferred && !time_write(ruling, deferred, &supplied->deferred_time))
        return false;
    if (domain_of_hop(ruling->tables, peer, &domain) && !append_element(ruling, trace, &element))
        return false;
    if (!ruling->tables->self.internal_trace)
        return true;
    struct x411_InternalTraceInformationElement internal = {
        .global_domain_identifier = ruling->tables->domain, .mta_name = ruling->tables->mta_name};
    internal.mta_supplied_information.arrival_time = supplied->arrival_time;
    internal.mta_supplied_information.deferred_time = supplied->deferred_time;
    internal.mta_supplied_information.routing_action = x411_RoutingAction_relayed;
    return append_internal(ruling, extensions, &internal);
}

static bool internal_not_deferred(struct ruling *ruling, struct x411_Extensions *extensions) {
    struct x411_InternalTraceInformation trace = {0};
    if (!extension_decode(ruling->arena, extensions, EXT_INTERNAL_TRACE, &x411_InternalTraceInformation_type,
                          &trace))
        return true;
    for (size_t i = trace.count; i-- > 0;) {
        struct x411_InternalTraceInformationElement *element = &trace.items[i];
        struct x411_MTASuppliedInformation *supplied = &element->mta_supplied_information;
        if (!supplied->deferred_time.data)
            continue;
        supplied->deferred_time = supplied->raw = element->raw = (struct span){NULL, 0};
        return extension_encode(ruling->arena, extensions, EXT_INTERNAL_TRACE,
                                &x411_InternalTraceInformation_type, &trace);
    }
    return true;
}

/*
 * Ours are the last ones that have a deferred-time: the deferral was still to come when the message was
 * here, so nobody before us held it to its end. Elements of rerouting, which may follow, have none.
 */
bool trace_not_deferred(struct ruling *ruling, struct x411_TraceInformation *trace,
                        struct x411_Extensions *extensions) {
    struct x411_TraceInformationElement *items = arena_array(ruling->arena, trace->count, sizeof *items);
    if (!items)
        return trace->count == 0;
    memcpy(items, trace->items, trace->count * sizeof *items);
    for (size_t i = trace->count; i-- > 0;) {
        struct x411_DomainSuppliedInformation *supplied = &items[i].domain_supplied_information;
        if (!supplied->deferred_time.data)
            continue;
        supplied->deferred_time = supplied->raw = items[i].raw = (struct span){NULL, 0};
        break;
    }
    trace->items = items;
    return internal_not_deferred(ruling, extensions);
}

/* The other of the two actions. */
static unsigned other_than(unsigned bit) {
    return bit == x411_OtherActions_redirected ? x411_OtherActions_dl_operation
                                               : x411_OtherActions_redirected;
}

/* Our MTA's last element; one of another MTA is not ours to mark. */
static bool mark_internal(struct ruling *ruling, struct x411_Extensions *extensions, unsigned bit) {
    struct x411_InternalTraceInformation trace = {0};
    if (!extension_decode(ruling->arena, extensions, EXT_INTERNAL_TRACE, &x411_InternalTraceInformation_type,
                          &trace) ||
        !trace.count)
        return true;
    struct x411_InternalTraceInformationElement *last = &trace.items[trace.count - 1], element = *last;
    if (!domain_equal(&last->global_domain_identifier, &ruling->tables->domain) ||
        !span_eq_nocase(last->mta_name, ruling->tables->mta_name))
        return true;
    struct x411_MTASuppliedInformation *supplied = &element.mta_supplied_information;
    element.raw = supplied->raw = (struct span){NULL, 0};
    if (ber_bit(&supplied->other_actions, other_than(bit))) {
        *supplied = (struct x411_MTASuppliedInformation){.arrival_time = supplied->arrival_time,
                                                         .routing_action = x411_RoutingAction_relayed};
        return ber_bit_set(&supplied->other_actions, bit, true, ruling->arena) &&
               append_internal(ruling, extensions, &element);
    }
    if (!ber_bit_set(&supplied->other_actions, bit, true, ruling->arena))
        return false;
    *last = element;
    return extension_encode(ruling->arena, extensions, EXT_INTERNAL_TRACE,
                            &x411_InternalTraceInformation_type, &trace);
}

/* The domain's last element, in an array that may be changed. */
static bool mark_last(struct ruling *ruling, struct x411_TraceInformation *trace, unsigned bit) {
    struct x411_TraceInformationElement element = trace->items[trace->count - 1];
    struct x411_DomainSuppliedInformation *supplied = &element.domain_supplied_information;
    element.raw = supplied->raw = (struct span){NULL, 0};
    if (ber_bit(&supplied->other_actions, other_than(bit)))
        *supplied = (struct x411_DomainSuppliedInformation){.arrival_time = supplied->arrival_time,
                                                            .routing_action = x411_RoutingAction_relayed};
    else
        trace->count--;
    return ber_bit_set(&supplied->other_actions, bit, true, ruling->arena) &&
           append_element(ruling, trace, &element);
}

/*
 * Records in our elements that we redirected (bit 0) or expanded a list (bit 1).
 * An element never says both: where it has the other action "a new trace element
 * is made", and likewise in the internal trace (X.411, 1999, §12.2.1.1).
 */
bool trace_mark(struct ruling *ruling, struct x411_TraceInformation *trace,
                struct x411_Extensions *extensions, unsigned bit) {
    if (!trace->count)
        return true;
    if (mark_internal(ruling, extensions, bit) && mark_last(ruling, trace, bit))
        return true;
    ruling->no_memory = true;
    return false;
}

struct x411_EncodedInformationTypes *trace_converted_types(const struct x411_TraceInformation *trace) {
    for (size_t i = trace->count; i-- > 0;)
        if (trace->items[i].domain_supplied_information.converted_encoded_information_types)
            return trace->items[i].domain_supplied_information.converted_encoded_information_types;
    return NULL;
}

/* A further element after a next hop was given up: rerouted, and where we tried (X.411 §12.3.1.1). */
bool trace_reroute(struct ruling *ruling, struct subject *subject, int attempted) {
    const struct x411_GlobalDomainIdentifier *domain;
    struct x411_TraceInformationElement element = {.global_domain_identifier = ruling->tables->domain};
    struct x411_InternalTraceInformationElement internal = {
        .global_domain_identifier = ruling->tables->domain, .mta_name = ruling->tables->mta_name};
    struct x411_DomainSuppliedInformation *supplied = &element.domain_supplied_information;
    bool foreign = domain_of_hop(ruling->tables, attempted, &domain);
    supplied->routing_action = internal.mta_supplied_information.routing_action = x411_RoutingAction_rerouted;
    if (!time_write(ruling, ruling->run->now, &supplied->arrival_time))
        return false;
    if (foreign) {
        supplied->attempted_domain = arena_alloc(ruling->arena, sizeof *supplied->attempted_domain);
        if (!supplied->attempted_domain || !domain) {
            ruling->no_memory = true;
            return false;
        }
        *supplied->attempted_domain = *domain;
        if (!append_element(ruling, &subject->envelope.trace_information, &element))
            return false;
    }
    if (!ruling->tables->self.internal_trace || foreign || !domain)
        return true;
    internal.mta_supplied_information.arrival_time = supplied->arrival_time;
    struct x411_MTASuppliedInformation_attempted *mta = arena_alloc(ruling->arena, sizeof *mta);
    if (!mta) {
        ruling->no_memory = true;
        return false;
    }
    mta->choice = x411_MTASuppliedInformation_attempted_mta;
    mta->u.mta = span_str(ruling->tables->hops[attempted].given.mta_name);
    internal.mta_supplied_information.attempted = mta;
    return append_internal(ruling, &subject->envelope.extensions, &internal);
}
