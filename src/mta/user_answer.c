#include "mta/user_answer.h"

#include "mta/mta_private.h"
#include "mta/user_association.h"

void user_answer(const struct user_association *association, uint32_t invocation, enum ipc_user_answer what,
                 uint16_t code, struct span value) {
    struct buf *head = &association->net->mta->head;
    buf_clear(head);
    buf_append_u32(head, invocation);
    buf_append_byte(head, (uint8_t)what);
    buf_append_u16(head, code);
    ipc_send(association->net->channel, IPC_USER_ANSWER, association->ref, buf_span(head), value);
}

void user_error(const struct user_association *association, uint32_t invocation, enum user_error error) {
    user_answer(association, invocation, IPC_USER_ERROR, (uint16_t)error, (struct span){NULL, 0});
}

void user_reject(const struct user_association *association, uint32_t invocation, enum user_problem problem) {
    user_answer(association, invocation, IPC_USER_REJECT, (uint16_t)problem, (struct span){NULL, 0});
}

/* Of the effect: `ref` is the invocation, `number` the code, `bytes` the result. */
static void is_written(struct mta *mta, const struct effect *effect) {
    const struct user_association *association = user_association_numbered(mta, effect->association);
    if (association)
        user_answer(association, (uint32_t)effect->ref, IPC_USER_RESULT, (uint16_t)effect->number,
                    bytes_rest(effect->bytes));
    bytes_drop(effect->bytes);
}

static void is_not_written(struct mta *mta, const struct effect *effect) {
    const struct user_association *association = user_association_numbered(mta, effect->association);
    if (association)
        user_reject(association, (uint32_t)effect->ref, USER_RESOURCE_LIMITATION);
    bytes_drop(effect->bytes);
}

static const struct effect_kind result_of_commit = {is_written, is_not_written};

bool user_result_after_commit(const struct user_association *association, uint32_t invocation, uint16_t code,
                              struct span result) {
    struct effect effect = {.kind = &result_of_commit,
                            .association = association->number,
                            .ref = invocation,
                            .number = code,
                            .bytes = bytes_new((struct span){NULL, 0}, result)};
    if (effect.bytes && batch_effect(association->net->mta, effect))
        return true;
    bytes_drop(effect.bytes);
    return false;
}
