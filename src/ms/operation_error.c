/* What an operation is refused with (X.413 §9). */
#include <stdio.h>

#include "ms/operation_private.h"

#define MISTYPED_ARGUMENT 2 /* X.880 §9.6 */

bool ms_fail(struct ms_operation *operation, enum ms_error_code code, const struct ber_type *type,
             const void *parameter) {
    struct ms_reply *reply = operation->reply;
    buf_clear(&reply->octets);
    buf_clear(&reply->inserts);
    reply->kind = MS_ERROR;
    reply->code = code;
    ber_encode(type, parameter, &reply->octets, NULL);
    return false;
}

bool ms_fail_service(struct ms_operation *operation, int64_t problem, const char *why) {
    struct x413_ServiceErrorParameter parameter = {.problem = problem};
    snprintf(operation->reply->why, sizeof operation->reply->why, "%s", why);
    return ms_fail(operation, MS_SERVICE_ERROR, &x413_ServiceErrorParameter_type, &parameter);
}

bool ms_fail_store(struct ms_operation *operation, const struct error *err) {
    return ms_fail_service(operation, x413_ServiceProblem_unavailable, err->text);
}

bool ms_fail_attribute(struct ms_operation *operation, int64_t problem, struct span type, struct span value) {
    struct x413_AttributeErrorParameter_problems_item item = {
        .problem = problem, .type = type, .value = value};
    struct x413_AttributeErrorParameter parameter = {.problems = {&item, 1}};
    return ms_fail(operation, MS_ATTRIBUTE_ERROR, &x413_AttributeErrorParameter_type, &parameter);
}

bool ms_fail_number(struct ms_operation *operation, uint64_t number) {
    struct x413_SequenceNumberErrorParameter_problems_item item = {
        .problem = x413_SequenceNumberProblem_no_such_entry, .sequence_number = (int64_t)number};
    struct x413_SequenceNumberErrorParameter parameter = {.problems = {&item, 1}};
    return ms_fail(operation, MS_SEQUENCE_NUMBER_ERROR, &x413_SequenceNumberErrorParameter_type, &parameter);
}

bool ms_reject_argument(struct ms_operation *operation) {
    operation->reply->kind = MS_REJECT;
    operation->reply->code = MISTYPED_ARGUMENT;
    return false;
}

bool ms_read_argument(struct ms_operation *operation, const struct ber_type *type, void *argument) {
    struct ber_error error = {0};
    return ber_decode(type, operation->request->argument, &operation->arena, NULL, argument, &error) ||
           (error.code == BER_MEMORY ? ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform,
                                                       "an argument that takes too much memory")
                                     : ms_reject_argument(operation));
}
