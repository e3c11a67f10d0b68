#include "osi/rose.h"

#include "asn1/ber.h"
#include "schema/x880.h"

void rose_init(struct rose *r) {
    memset(r, 0, sizeof *r);
    r->next = 1;
}

static bool is_open(const struct rose_invocations *i, int64_t id) {
    for (size_t n = 0; n < i->count; n++)
        if (i->ids[n] == id)
            return true;
    return false;
}

static bool open_invocation(struct rose_invocations *i, int64_t id) {
    if (i->count == ROSE_OUTSTANDING)
        return false;
    i->ids[i->count++] = id;
    return true;
}

static bool close_invocation(struct rose_invocations *i, int64_t id) {
    for (size_t n = 0; n < i->count; n++)
        if (i->ids[n] == id) {
            i->ids[n] = i->ids[--i->count];
            return true;
        }
    return false;
}

static bool encode(const struct x880_ROS *ros, struct arena *arena, struct span *pdu) {
    return ber_encode_arena(&x880_ROS_type, ros, arena, pdu, NULL);
}

static struct x880_InvokeId present_id(int64_t id) {
    return (struct x880_InvokeId){.choice = x880_InvokeId_present, .u.present = id};
}

/* ---- requests ---- */

bool rose_invoke(struct rose *r, int64_t operation, struct span argument, struct arena *arena, int64_t *id,
                 struct span *pdu) {
    struct x880_ROS ros = {.choice = x880_ROS_invoke};
    ros.u.invoke.invokeId = present_id(r->next);
    ros.u.invoke.opcode.choice = x880_Code_local;
    ros.u.invoke.opcode.u.local = operation;
    ros.u.invoke.argument = argument;
    if (r->ours.count == ROSE_OUTSTANDING || r->next == INT32_MAX || !encode(&ros, arena, pdu))
        return false;
    *id = r->next++;
    return open_invocation(&r->ours, *id);
}

bool rose_result(struct rose *r, int64_t id, int64_t operation, struct span result, struct arena *arena,
                 struct span *pdu) {
    struct x880_ROS ros = {.choice = x880_ROS_returnResult};
    struct x880_ReturnResult_result value = {.opcode.choice = x880_Code_local};
    ros.u.returnResult.invokeId = present_id(id);
    value.opcode.u.local = operation;
    value.result = result;
    if (result.data)
        ros.u.returnResult.result = &value;
    return is_open(&r->theirs, id) && encode(&ros, arena, pdu) && close_invocation(&r->theirs, id);
}

bool rose_error(struct rose *r, int64_t id, int64_t error, struct span parameter, struct arena *arena,
                struct span *pdu) {
    struct x880_ROS ros = {.choice = x880_ROS_returnError};
    ros.u.returnError.invokeId = present_id(id);
    ros.u.returnError.errcode.choice = x880_Code_local;
    ros.u.returnError.errcode.u.local = error;
    ros.u.returnError.parameter = parameter;
    return is_open(&r->theirs, id) && encode(&ros, arena, pdu) && close_invocation(&r->theirs, id);
}

static bool encode_reject(const struct rose_pdu *reject, struct arena *arena, struct span *pdu) {
    struct x880_ROS ros = {.choice = x880_ROS_reject};
    struct x880_Reject *value = &ros.u.reject;
    value->invokeId =
        reject->has_id ? present_id(reject->id) : (struct x880_InvokeId){.choice = x880_InvokeId_absent};
    switch (reject->problem_kind) {
    case ROSE_GENERAL:
        value->problem.choice = x880_Reject_problem_general;
        value->problem.u.general = reject->problem;
        break;
    case ROSE_INVOKE_PROBLEM:
        value->problem.choice = x880_Reject_problem_invoke;
        value->problem.u.invoke = reject->problem;
        break;
    case ROSE_RESULT_PROBLEM:
        value->problem.choice = x880_Reject_problem_returnResult;
        value->problem.u.returnResult = reject->problem;
        break;
    case ROSE_ERROR_PROBLEM:
        value->problem.choice = x880_Reject_problem_returnError;
        value->problem.u.returnError = reject->problem;
        break;
    }
    return encode(&ros, arena, pdu);
}

bool rose_reject(struct rose *r, int64_t id, int64_t invoke_problem, struct arena *arena, struct span *pdu) {
    struct rose_pdu reject = {
        .has_id = true, .id = id, .problem_kind = ROSE_INVOKE_PROBLEM, .problem = invoke_problem};
    return is_open(&r->theirs, id) && encode_reject(&reject, arena, pdu) && close_invocation(&r->theirs, id);
}

/* ---- indications ---- */

static void set_id(struct rose_pdu *pdu, const struct x880_InvokeId *id) {
    pdu->has_id = id->choice == x880_InvokeId_present;
    pdu->id = pdu->has_id ? id->u.present : 0;
}

static void set_code(struct rose_pdu *pdu, const struct x880_Code *code) {
    pdu->has_code = code->choice == x880_Code_local;
    pdu->code = pdu->has_code ? code->u.local : 0;
}

static void set_reject(struct rose_pdu *pdu, const struct x880_Reject *reject) {
    pdu->kind = ROSE_REJECT;
    set_id(pdu, &reject->invokeId);
    pdu->problem_kind = (enum rose_problem_kind)reject->problem.choice;
    switch (pdu->problem_kind) {
    case ROSE_GENERAL:
        pdu->problem = reject->problem.u.general;
        break;
    case ROSE_INVOKE_PROBLEM:
        pdu->problem = reject->problem.u.invoke;
        break;
    case ROSE_RESULT_PROBLEM:
        pdu->problem = reject->problem.u.returnResult;
        break;
    case ROSE_ERROR_PROBLEM:
        pdu->problem = reject->problem.u.returnError;
        break;
    }
}

static void set_pdu(struct rose_pdu *pdu, const struct x880_ROS *ros) {
    memset(pdu, 0, sizeof *pdu);
    switch (ros->choice) {
    case x880_ROS_invoke:
        pdu->kind = ROSE_INVOKE;
        set_id(pdu, &ros->u.invoke.invokeId);
        pdu->parameter = ros->u.invoke.argument;
        set_code(pdu, &ros->u.invoke.opcode);
        break;
    case x880_ROS_returnResult:
        pdu->kind = ROSE_RESULT;
        set_id(pdu, &ros->u.returnResult.invokeId);
        if (ros->u.returnResult.result) {
            pdu->parameter = ros->u.returnResult.result->result;
            set_code(pdu, &ros->u.returnResult.result->opcode);
        }
        break;
    case x880_ROS_returnError:
        pdu->kind = ROSE_ERROR;
        set_id(pdu, &ros->u.returnError.invokeId);
        pdu->parameter = ros->u.returnError.parameter;
        set_code(pdu, &ros->u.returnError.errcode);
        break;
    case x880_ROS_reject:
        set_reject(pdu, &ros->u.reject);
        break;
    }
}

static enum rose_input answer_reject(const struct rose_pdu *reject, struct arena *arena, struct span *reply) {
    return encode_reject(reject, arena, reply) ? ROSE_REJECTED : ROSE_NO_MEMORY;
}

/* A PDU that can't be read: unrecognized if its tag is none of ROSE's, else mistyped or badly structured. */
static enum rose_input reject_unreadable(struct span in, enum ber_error_code code, struct arena *arena,
                                         struct span *reply) {
    struct rose_pdu reject = {.problem_kind = ROSE_GENERAL, .problem = ROSE_MISTYPED_PDU};
    bool known = in.len > 0 && in.data[0] >= 0xA1 && in.data[0] <= 0xA4;
    if (code == BER_MEMORY)
        return ROSE_NO_MEMORY;
    if (known && in.data[0] == 0xA4)
        return ROSE_IGNORED;
    if (!known)
        reject.problem = ROSE_UNRECOGNIZED_PDU;
    else if (code == BER_TRUNCATED || code == BER_LENGTH || code == BER_TRAILING)
        reject.problem = ROSE_BADLY_STRUCTURED_PDU;
    return answer_reject(&reject, arena, reply);
}

/* What is wrong with a readable PDU in the light of the open invocations; 0 when nothing is. */
static enum rose_problem_kind find_problem(struct rose *r, const struct rose_pdu *pdu, int64_t *problem) {
    *problem = ROSE_UNRECOGNIZED_INVOCATION;
    switch (pdu->kind) {
    case ROSE_INVOKE:
        *problem = is_open(&r->theirs, pdu->id) ? ROSE_DUPLICATE_INVOCATION : ROSE_RESOURCE_LIMITATION;
        return is_open(&r->theirs, pdu->id) || !open_invocation(&r->theirs, pdu->id) ? ROSE_INVOKE_PROBLEM
                                                                                     : 0;
    case ROSE_RESULT:
        return close_invocation(&r->ours, pdu->id) ? 0 : ROSE_RESULT_PROBLEM;
    case ROSE_ERROR:
        return close_invocation(&r->ours, pdu->id) ? 0 : ROSE_ERROR_PROBLEM;
    case ROSE_REJECT:
        if (pdu->has_id && pdu->problem_kind == ROSE_INVOKE_PROBLEM)
            close_invocation(&r->ours, pdu->id);
        break;
    }
    return 0;
}

enum rose_input rose_input(struct rose *r, struct span in, struct arena *arena, struct rose_pdu *pdu,
                           struct span *reply) {
    struct x880_ROS ros = {0};
    struct ber_error error = {.code = BER_OK};
    if (!ber_decode(&x880_ROS_type, in, arena, NULL, &ros, &error))
        return reject_unreadable(in, error.code, arena, reply);
    set_pdu(pdu, &ros);
    if (pdu->kind != ROSE_REJECT && !pdu->has_id) { /* noInvokeId: nothing could answer it */
        struct rose_pdu none = {.problem_kind = ROSE_GENERAL, .problem = ROSE_MISTYPED_PDU};
        return answer_reject(&none, arena, reply);
    }
    int64_t problem;
    enum rose_problem_kind kind = find_problem(r, pdu, &problem);
    if (kind == 0)
        return ROSE_INDICATION;
    struct rose_pdu reject = {.has_id = true, .id = pdu->id, .problem_kind = kind, .problem = problem};
    return answer_reject(&reject, arena, reply);
}
