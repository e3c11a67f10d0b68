#include "mta/user_cancel.h"

#include "mta/batch.h"
#include "mta/cancel.h"
#include "mta/mta_private.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"
#include "names/identifier.h"
#include "names/oraddress.h"
#include "schema/x411p3.h"
#include "schema/x419.h"

static bool is_his(const void *context, struct span originator) {
    const struct user_association *association = context;
    struct arena *arena = &association->net->mta->arena;
    struct span given = oraddress_key_of(originator, arena, NULL);
    struct span his = oraddress_key_of(user_association_address(association), arena, NULL);
    return given.data && his.data && span_eq(given, his);
}

/* False: the argument is none. */
static bool read_identifier(struct mta *mta, struct span argument, struct buf *text) {
    struct x411_MTSIdentifier identifier = {0};
    arena_reset(&mta->arena);
    return ber_decode(&x411p3_CancelDeferredDeliveryArgument_type, argument, &mta->arena, NULL, &identifier,
                      NULL) &&
           mts_identifier_print(&identifier, text);
}

static void cancel(struct user_association *association, uint32_t invocation, struct span identifier) {
    struct mta *mta = association->net->mta;
    const struct cancel_asker asker = {is_his, association, "cancelled by its originator"};
    struct error err = {0};
    struct batch_mark mark = batch_mark(mta);
    switch (cancel_deferred(mta, identifier, &asker, &err)) {
    case CANCEL_UNKNOWN:
        user_error(association, invocation, USER_MESSAGE_SUBMISSION_IDENTIFIER_INVALID);
        break;
    case CANCEL_REJECTED:
        user_error(association, invocation, USER_DEFERRED_DELIVERY_CANCELLATION_REJECTED);
        break;
    case CANCEL_DONE:
        if (user_result_after_commit(association, invocation, x419_op_cancel_deferred_delivery,
                                     SPAN_LIT("\5\0")))
            break;
        batch_undo(mta, mark);
        /* fall through */
    case CANCEL_NO_ROOM:
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
        break;
    }
}

void user_cancel(struct user_association *association, uint32_t invocation, struct span argument) {
    struct buf identifier;
    buf_init(&identifier, 0);
    if (read_identifier(association->net->mta, argument, &identifier))
        cancel(association, invocation, buf_span(&identifier));
    else
        user_reject(association, invocation, USER_MISTYPED_ARGUMENT);
    buf_free(&identifier);
}
