#include "mta/user_controls.h"

#include "mta/copy.h"
#include "mta/mta_private.h"
#include "mta/user_agent.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"
#include "mta/users.h"
#include "mts/controls.h"
#include "schema/x419.h"

/* Copies that the result of delivery-control is made of, at most, and octets of their envelopes: each is read
 * from the store, and everybody waits meanwhile. */
#define LOOKED_MOST        1000
#define LOOKED_OCTETS_MOST ((size_t)1024 * 1024)

/* ---- what holds ---- */

/* Those that he has registered. */
static bool read_defaults(const struct user_association *association, struct arena *arena,
                          struct x411p3_Controls *controls) {
    static const struct ber_limits as_it_came = {.relax_bounds = true};
    const struct local_user *user =
        user_find(&association->net->mta->view, user_association_address(association));
    struct span octets =
        user && user->registered.len ? arena_dup(arena, buf_span(&user->registered)) : SPAN_LIT("");
    struct x411p3_RegisterArgument registered = {0};
    *controls = (struct x411p3_Controls){.restrict_ = true};
    if (!octets.data || (octets.len && !ber_decode(&x411p3_RegisterArgument_type, octets, arena, &as_it_came,
                                                   &registered, NULL)))
        return false;
    if (registered.default_delivery_controls && registered.default_delivery_controls->restrict_)
        *controls = *registered.default_delivery_controls;
    return true;
}

/* In the arena, whatever becomes of those that are kept. */
static bool read_controls(const struct user_association *association, struct arena *arena,
                          struct x411p3_Controls *controls) {
    static const struct ber_limits as_it_came = {.relax_bounds = true};
    if (!association->controls)
        return read_defaults(association, arena, controls);
    struct span octets = arena_dup(arena, bytes_head(association->controls));
    *controls = (struct x411p3_Controls){0};
    return octets.data && ber_decode(&x411p3_Controls_type, octets, arena, &as_it_came, controls, NULL);
}

static bool permits(const struct user_association *association, const struct copy *copy,
                    struct arena *arena) {
    struct x411p3_Controls controls;
    return !read_controls(association, arena, &controls) ||
           !mts_controls_hold(&controls, &copy->stored, arena);
}

struct user_association *user_controls_choose(struct mta *mta, const struct user_agent *agent,
                                              const struct copy *copy, bool *later) {
    *later = false;
    for (struct user_association *one = agent->first; one; one = one->next_of_agent) {
        if (one->state != USER_UP || !permits(one, copy, &mta->arena))
            continue;
        if (user_association_is_idle(one))
            return one;
        *later = true;
    }
    return NULL;
}

/* ---- the operation ---- */

struct looking {
    struct mta *mta;
    const struct x411p3_Controls *controls;
    unsigned left;
    size_t octets_left;
    unsigned why; /* or'ed enum mts_waiting */
};

static bool look_at(void *context, struct work *work) {
    struct looking *looking = context;
    struct copy copy;
    struct error err = {0};
    if (looking->left-- == 0 || !looking->octets_left)
        return false;
    if (work->state == WORK_HELD || !work->committed || !copy_load_rows(looking->mta, work, &copy, &err))
        return true;
    looking->octets_left -=
        copy.stored.octets.len < looking->octets_left ? copy.stored.octets.len : looking->octets_left;
    copy.stored.content_length = copy.message.content_length;
    looking->why |= mts_controls_hold(looking->controls, &copy.stored, &looking->mta->arena);
    return true;
}

static bool set_bits(struct arena *arena, struct ber_bits *bits, bool zero, bool one) {
    return (!zero || ber_bit_set(bits, 0, true, arena)) && (!one || ber_bit_set(bits, 1, true, arena));
}

/* Waiting (X.411 §8.3.1.3.2): kinds of what the controls hold up. */
static bool make_result(const struct looking *looking, struct arena *arena, struct buf *out) {
    struct x411p3_DeliveryControlResult result = {0};
    unsigned why = looking->why;
    return set_bits(arena, &result.waiting_operations, why & MTS_WAITS_REPORTS, why & ~MTS_WAITS_REPORTS) &&
           set_bits(arena, &result.waiting_messages, why & MTS_WAITS_LENGTH, why & MTS_WAITS_PRIORITY) &&
           ber_encode(&x411p3_DeliveryControlResult_type, &result, out, NULL);
}

static bool look_at_all(const struct user_association *association, const struct x411p3_Controls *controls,
                        struct buf *out) {
    struct mta *mta = association->net->mta;
    struct looking looking = {
        .mta = mta, .controls = controls, .left = LOOKED_MOST, .octets_left = LOOKED_OCTETS_MOST};
    schedule_each_of(&mta->schedule, association->agent->destination.number, look_at, &looking);
    return make_result(&looking, &mta->arena, out);
}

/* `changed`: they are others than those of before. */
static bool keep(struct user_association *association, const struct x411p3_Controls *controls,
                 bool *changed) {
    struct mta *mta = association->net->mta;
    buf_clear(&mta->scratch);
    struct bytes *kept = ber_encode(&x411p3_Controls_type, controls, &mta->scratch, NULL)
                             ? bytes_new(buf_span(&mta->scratch), (struct span){NULL, 0})
                             : NULL;
    *changed =
        kept && (!association->controls || !span_eq(bytes_head(kept), bytes_head(association->controls)));
    if (kept) {
        bytes_drop(association->controls);
        association->controls = kept;
    }
    return kept != NULL;
}

static void refuse(const struct user_association *association, uint32_t invocation, int64_t argument,
                   int64_t reason) {
    struct x411p3_RefusedOperation refused = {
        .refused_argument = {.choice = x411p3_RefusedOperation_refused_argument_built_in_argument,
                             .u.built_in_argument = argument},
        .refusal_reason = reason};
    struct mta *mta = association->net->mta;
    buf_clear(&mta->prefix);
    ber_encode(&x411p3_RefusedOperation_type, &refused, &mta->prefix, NULL);
    user_answer(association, invocation, IPC_USER_ERROR, USER_OPERATION_REFUSED, buf_span(&mta->prefix));
}

/* `arena`: the controls are looked at while mta->arena is used for copies. */
static void control(struct user_association *association, uint32_t invocation, struct span argument,
                    bool edition_1988, struct arena *arena) {
    struct mta *mta = association->net->mta;
    struct x411p3_Controls controls, defaults;
    bool security = false, changed;
    if (!read_controls(association, arena, &controls) || !read_defaults(association, arena, &defaults) ||
        !mts_controls_read(argument, edition_1988, &defaults, arena, &controls, &security)) {
        user_reject(association, invocation,
                    arena->cap_hit ? USER_RESOURCE_LIMITATION : USER_MISTYPED_ARGUMENT);
        return;
    }
    if (security) {
        refuse(association, invocation, x411p3_RefusedArgument_permissible_security_context,
               x411p3_RefusalReason_facility_unavailable);
        return;
    }
    buf_clear(&mta->prefix);
    if (!keep(association, &controls, &changed) || !look_at_all(association, &controls, &mta->prefix)) {
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
        return;
    }
    if (changed)
        user_agent_unbar(mta, association->agent);
    user_answer(association, invocation, IPC_USER_RESULT, x419_op_delivery_control, buf_span(&mta->prefix));
}

void user_delivery_control(struct user_association *association, uint32_t invocation, struct span argument,
                           bool edition_1988) {
    struct arena arena;
    if (!association->agent) { /* what is for him goes into a mailbox */
        refuse(association, invocation, x411p3_RefusedArgument_restrict,
               x411p3_RefusalReason_facility_unavailable);
        return;
    }
    arena_init(&arena, 1024 * 1024);
    control(association, invocation, argument, edition_1988, &arena);
    arena_free(&arena);
}
