/*
 * Register-MS (X.413 §8.2.6): the attributes that list and fetch show where they
 * are asked for none. They are kept as a Register-MSArgument that has nothing else.
 * What else can be registered is not kept here, and is refused by its own error,
 * with all of the operation.
 */
#include "ms/operation_private.h"

#define REGISTERED_MOST ((size_t)64 * 1024) /* octets of what is kept */

/* Bits of RegistrationTypes. */
enum { LIST_DEFAULTS = 1, FETCH_DEFAULTS, UA_REGISTRATIONS, SUBMISSION_DEFAULTS, MESSAGE_GROUPS };

static bool fail_registration(struct ms_operation *operation, unsigned bit) {
    struct x413_Register_MSErrorParameter parameter = {
        .problem = x413_RegistrationProblem_registration_not_supported};
    if (operation->request->edition == MS_1988 ||
        !ber_bit_set(&parameter.registration_type.registrations, bit, true, &operation->arena))
        return ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform,
                               "a registration that is not supported");
    return ms_fail(operation, MS_REGISTER_ERROR, &x413_Register_MSErrorParameter_type, &parameter);
}

static bool fail_action(struct ms_operation *operation, struct span type) {
    struct x413_AutoActionRequestErrorParameter_problems_item item = {
        .problem = x413_AutoActionRequestProblem_unavailable_auto_action_type, .type = type};
    struct x413_AutoActionRequestErrorParameter parameter = {.problems = {&item, 1}};
    return ms_fail(operation, MS_AUTO_ACTION_REQUEST_ERROR, &x413_AutoActionRequestErrorParameter_type,
                   &parameter);
}

static bool fail_credentials(struct ms_operation *operation) {
    operation->reply->kind = MS_ERROR;
    operation->reply->code = MS_NEW_CREDENTIALS_UNACCEPTABLE; /* it has no parameter */
    return false;
}

static bool check_supported(struct ms_operation *operation, const struct x413_Register_MSArgument *argument) {
    if (argument->auto_action_registrations.count)
        return fail_action(operation, argument->auto_action_registrations.items[0].auto_action_type);
    if (argument->auto_action_deregistrations.count)
        return fail_action(operation, argument->auto_action_deregistrations.items[0].auto_action_type);
    if (argument->change_credentials)
        return fail_credentials(operation);
    if (argument->user_security_labels.count)
        return ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform,
                               "labels of a user are not registered");
    return argument->ua_registrations.count              ? fail_registration(operation, UA_REGISTRATIONS)
           : argument->submission_defaults               ? fail_registration(operation, SUBMISSION_DEFAULTS)
           : argument->message_group_registrations.count ? fail_registration(operation, MESSAGE_GROUPS)
                                                         : true;
}

/* ---- what is kept ---- */

/* As nothing, where it is none of ours. */
static void read_kept(struct ms_operation *operation, struct x413_Register_MSArgument *kept) {
    struct span octets = operation->service->registered;
    if (!octets.len ||
        !ber_decode(&x413_Register_MSArgument_type, octets, &operation->arena, NULL, kept, NULL))
        *kept = (struct x413_Register_MSArgument){.raw = {NULL, 0}};
    ber_forget_raw(&x413_Register_MSArgument_type, kept);
}

static const struct x413_EntryInformationSelection *
selection_of(struct ms_operation *operation, const x413_AttributeType *types, size_t count) {
    struct x413_EntryInformationSelection *selection = arena_alloc(&operation->arena, sizeof *selection);
    if (!selection)
        return NULL;
    selection->items = arena_array(&operation->arena, count + 1, sizeof *selection->items);
    for (; selection->items && selection->count < count; selection->count++)
        selection->items[selection->count].type = types[selection->count];
    return selection->items ? selection : NULL;
}

/* What an agent of 1994 has registered is asked for by one of 1988 as far as that edition knows it. */
static const struct x413_EntryInformationSelection *
registered_of(struct ms_operation *operation, const x413_AttributeType *types, size_t count) {
    x413_AttributeType *known = arena_array(&operation->arena, count + 1, sizeof *known);
    size_t known_count = 0;
    for (size_t i = 0; known && i < count; i++) {
        const struct ms_attribute *attribute = ms_attribute_by_oid(types[i]);
        if (!attribute || attribute->edition <= operation->request->edition)
            known[known_count++] = types[i];
    }
    return known ? selection_of(operation, known, known_count) : NULL;
}

const struct x413_EntryInformationSelection *
ms_requested(struct ms_operation *operation, const struct x413_EntryInformationSelection *requested,
             bool list) {
    struct x413_Register_MSArgument kept = {.raw = {NULL, 0}};
    const struct x413_EntryInformationSelection *chosen = requested;
    if (!requested->items) {
        read_kept(operation, &kept);
        chosen = list ? registered_of(operation, kept.list_attribute_defaults.items,
                                      kept.list_attribute_defaults.count)
                      : registered_of(operation, kept.fetch_attribute_defaults.items,
                                      kept.fetch_attribute_defaults.count);
    }
    if (!chosen)
        ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    return chosen && ms_check_requested(operation, chosen, list) ? chosen : NULL;
}

static bool check_defaults(struct ms_operation *operation, const x413_AttributeType *types, size_t count,
                           bool list) {
    const struct x413_EntryInformationSelection *selection = selection_of(operation, types, count);
    if (!selection)
        return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    return ms_check_requested(operation, selection, list);
}

static bool keep(struct ms_operation *operation, const struct x413_Register_MSArgument *argument,
                 struct x413_Register_MSArgument *kept) {
    struct buf *registered = &operation->reply->registered;
    if (argument->list_attribute_defaults.items)
        kept->list_attribute_defaults = argument->list_attribute_defaults;
    if (argument->fetch_attribute_defaults.items)
        kept->fetch_attribute_defaults = argument->fetch_attribute_defaults;
    if (!argument->list_attribute_defaults.items && !argument->fetch_attribute_defaults.items)
        return true;
    return (ber_encode(&x413_Register_MSArgument_type, kept, registered, NULL) &&
            registered->len <= REGISTERED_MOST) ||
           ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform, "too much to register");
}

/* ---- the result ---- */

static bool put_result(struct ms_operation *operation, const struct x413_RegistrationTypes *asked,
                       const struct x413_Register_MSArgument *kept) {
    struct x413_Register_MSResult result = {.choice = x413_Register_MSResult_no_status_information};
    if (asked && operation->request->edition != MS_1988) {
        struct x413_Register_MSResult_registered_information *told = &result.u.registered_information;
        result.choice = x413_Register_MSResult_registered_information;
        if (ber_bit(&asked->registrations, LIST_DEFAULTS) && kept->list_attribute_defaults.count) {
            told->list_attribute_defaults.items = kept->list_attribute_defaults.items;
            told->list_attribute_defaults.count = kept->list_attribute_defaults.count;
        }
        if (ber_bit(&asked->registrations, FETCH_DEFAULTS) && kept->fetch_attribute_defaults.count) {
            told->fetch_attribute_defaults.items = kept->fetch_attribute_defaults.items;
            told->fetch_attribute_defaults.count = kept->fetch_attribute_defaults.count;
        }
    }
    return ber_encode(&x413_Register_MSResult_type, &result, &operation->reply->octets, NULL) ||
           ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
}

bool ms_register(struct ms_operation *operation) {
    struct x413_Register_MSArgument argument = {.raw = {NULL, 0}}, kept = {.raw = {NULL, 0}};
    if (!ms_read_argument(operation, &x413_Register_MSArgument_type, &argument) ||
        !ms_check_extensions(operation, &argument.register_ms_extensions) ||
        !check_supported(operation, &argument) ||
        !check_defaults(operation, argument.list_attribute_defaults.items,
                        argument.list_attribute_defaults.count, true) ||
        !check_defaults(operation, argument.fetch_attribute_defaults.items,
                        argument.fetch_attribute_defaults.count, false))
        return false;
    read_kept(operation, &kept);
    return keep(operation, &argument, &kept) &&
           put_result(operation, argument.registration_status_request, &kept);
}
