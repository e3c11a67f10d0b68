#include "osi/rose_pdu.h"

#include "asn1/ber.h"
#include "schema/x880.h"

enum { TAG_INTEGER = 0x02, TAG_SEQUENCE = 0x30, TAG_LINKED = 0x80, TAG_INVOKE = 0xA1, TAG_REJECT = 0xA4 };

const struct ber_plan *rose_pdu_plan(void) {
    static struct ber_plan plan;
    static const struct ber_path paths[] = {{.components = "invoke.argument"},
                                            {.components = "returnResult.result.result"},
                                            {.components = "returnError.parameter"}};
    if (plan.count == 0)
        ber_plan_init(&plan, &x880_ROS_type, paths, 3);
    return &plan;
}

/* ---- writing ---- */

static struct x880_InvokeId id_of(const struct osi_ro *ro) {
    struct x880_InvokeId id = {.choice = ro->has_id ? x880_InvokeId_present : x880_InvokeId_absent};
    id.u.present = ro->id;
    return id;
}

static struct x880_Code code_of(const struct osi_ro *ro) {
    return (struct x880_Code){.choice = x880_Code_local, .u.local = ro->code};
}

static void put_reject(const struct osi_ro *ro, struct x880_Reject *reject) {
    reject->invokeId = id_of(ro);
    switch (ro->problem_kind) {
    case OSI_RO_INVOKE_PROBLEM:
        reject->problem.choice = x880_Reject_problem_invoke;
        reject->problem.u.invoke = ro->problem;
        break;
    case OSI_RO_RESULT_PROBLEM:
        reject->problem.choice = x880_Reject_problem_returnResult;
        reject->problem.u.returnResult = ro->problem;
        break;
    case OSI_RO_ERROR_PROBLEM:
        reject->problem.choice = x880_Reject_problem_returnError;
        reject->problem.u.returnError = ro->problem;
        break;
    default:
        reject->problem.choice = x880_Reject_problem_general;
        reject->problem.u.general = ro->problem;
        break;
    }
}

bool rose_pdu_encode(const struct osi_ro *ro, struct span parameter, struct buf *out) {
    struct x880_ROS ros = {0};
    struct x880_ReturnResult_result result = {.opcode = code_of(ro), .result = parameter};
    switch (ro->kind) {
    case OSI_RO_INVOKE:
        ros.choice = x880_ROS_invoke;
        ros.u.invoke.invokeId = id_of(ro);
        ros.u.invoke.has_linkedId = ro->has_linked;
        ros.u.invoke.linkedId = ro->linked_id;
        ros.u.invoke.opcode = code_of(ro);
        ros.u.invoke.argument = parameter;
        break;
    case OSI_RO_RESULT:
        ros.choice = x880_ROS_returnResult;
        ros.u.returnResult.invokeId = id_of(ro);
        ros.u.returnResult.result = parameter.data ? &result : NULL;
        break;
    case OSI_RO_ERROR:
        ros.choice = x880_ROS_returnError;
        ros.u.returnError.invokeId = id_of(ro);
        ros.u.returnError.errcode = code_of(ro);
        ros.u.returnError.parameter = parameter;
        break;
    case OSI_RO_REJECT:
        ros.choice = x880_ROS_reject;
        put_reject(ro, &ros.u.reject);
        break;
    }
    return ber_encode(&x880_ROS_type, &ros, out, NULL);
}

/* An INTEGER of either sign; returns its octets. */
static size_t put_integer(uint8_t *out, uint8_t tag, int64_t value) {
    size_t octets = 1;
    while (octets < 8 && (value >> (8 * octets - 1)) != 0 && (value >> (8 * octets - 1)) != -1)
        octets++;
    out[0] = tag;
    out[1] = (uint8_t)octets;
    for (size_t i = 0; i < octets; i++)
        out[2 + i] = (uint8_t)((uint64_t)value >> 8 * (octets - 1 - i));
    return 2 + octets;
}

size_t rose_pdu_head(const struct osi_ro *ro, uint8_t out[static ROSE_PDU_HEAD]) {
    size_t at = 0;
    out[at++] = (uint8_t)(TAG_INVOKE - OSI_RO_INVOKE + ro->kind);
    out[at++] = 0x80;
    at += put_integer(out + at, TAG_INTEGER, ro->id);
    if (ro->kind == OSI_RO_INVOKE && ro->has_linked)
        at += put_integer(out + at, TAG_LINKED, ro->linked_id);
    if (ro->kind == OSI_RO_RESULT) {
        out[at++] = TAG_SEQUENCE;
        out[at++] = 0x80;
    }
    return at + put_integer(out + at, TAG_INTEGER, ro->code);
}

struct span rose_pdu_tail(const struct osi_ro *ro) {
    static const uint8_t ends[4] = {0};
    return span_of(ends, ro->kind == OSI_RO_RESULT ? 4 : 2);
}

/* ---- reading ---- */

static void set_id(struct osi_ro *ro, const struct x880_InvokeId *id) {
    ro->has_id = id->choice == x880_InvokeId_present;
    ro->id = ro->has_id ? id->u.present : 0;
}

static void set_code(struct osi_ro *ro, const struct x880_Code *code) {
    ro->has_code = code->choice == x880_Code_local;
    ro->code = ro->has_code ? code->u.local : 0;
}

static void set_reject(struct osi_ro *ro, const struct x880_Reject *reject) {
    set_id(ro, &reject->invokeId);
    switch (reject->problem.choice) {
    case x880_Reject_problem_general:
        ro->problem_kind = OSI_RO_GENERAL_PROBLEM;
        ro->problem = reject->problem.u.general;
        break;
    case x880_Reject_problem_invoke:
        ro->problem_kind = OSI_RO_INVOKE_PROBLEM;
        ro->problem = reject->problem.u.invoke;
        break;
    case x880_Reject_problem_returnResult:
        ro->problem_kind = OSI_RO_RESULT_PROBLEM;
        ro->problem = reject->problem.u.returnResult;
        break;
    case x880_Reject_problem_returnError:
        ro->problem_kind = OSI_RO_ERROR_PROBLEM;
        ro->problem = reject->problem.u.returnError;
        break;
    }
}

static void set_pdu(struct osi_ro *ro, const struct x880_ROS *ros) {
    switch (ros->choice) {
    case x880_ROS_invoke:
        set_id(ro, &ros->u.invoke.invokeId);
        ro->has_linked = ros->u.invoke.has_linkedId;
        ro->linked_id = ros->u.invoke.linkedId;
        set_code(ro, &ros->u.invoke.opcode);
        break;
    case x880_ROS_returnResult:
        set_id(ro, &ros->u.returnResult.invokeId);
        if (ros->u.returnResult.result)
            set_code(ro, &ros->u.returnResult.result->opcode);
        break;
    case x880_ROS_returnError:
        set_id(ro, &ros->u.returnError.invokeId);
        set_code(ro, &ros->u.returnError.errcode);
        break;
    case x880_ROS_reject:
        set_reject(ro, &ros->u.reject);
        break;
    }
}

bool rose_pdu_decode(struct span envelope, struct arena *arena, struct osi_ro *ro, bool *known) {
    struct x880_ROS ros = {0};
    uint8_t first = envelope.len ? envelope.data[0] : 0;
    *known = first >= TAG_INVOKE && first <= TAG_REJECT;
    *ro = (struct osi_ro){.kind = *known ? (enum osi_ro_kind)(first - TAG_INVOKE + OSI_RO_INVOKE)
                                         : OSI_RO_INVOKE};
    bool ok = ber_decode(&x880_ROS_type, envelope, arena, NULL, &ros, NULL);
    if (*known && (ok || ros.choice)) /* what could be read up to the fault */
        set_pdu(ro, &ros);
    return ok;
}
