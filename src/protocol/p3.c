/*
 * P3 as a service: binds of users, and which event and which frame goes where.
 * Whose a bind is and whether the password is right the store process says; the
 * other side hears of a wrong one a fixed time after its bind, as MTAs do.
 */
#include "protocol/p3.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "protocol/bind.h"
#include "protocol/p3_private.h"

/* As for MTAs (admission.c): how long it took to find out, nobody can tell. */
#define REFUSAL_US ((int64_t)300000)

static const struct span nothing = {NULL, 0};

/* ---- binds ---- */

static void refuse(const struct p3 *p3, enum bind_error error) {
    struct arena arena;
    arena_init(&arena, 4096);
    osi_association_refuse(p3->connection->association, OSI_REFUSE_VALIDATION_FAILURE,
                           bind_error_data(error, &arena));
    arena_free(&arena);
}

static void refuse_later(struct p3 *p3) {
    p3->refuse_at = p3->asked + REFUSAL_US;
    connection_kick(p3->connection);
}

static void ask(struct p3 *p3, struct ipc_bind *bind) {
    struct connection *c = p3->connection;
    struct buf payload;
    buf_init_secret(&payload, 0);
    bind->direction = IPC_DIRECTION_IN;
    bind->binder = IPC_BINDER_MTS_USER;
    bind->address = span_str(c->address);
    bind->mode = IPC_MODE_NORMAL;
    bind->two_way_alternate = p3->open.dialogue == OSI_TWO_WAY_ALTERNATE;
    ipc_bind_write(bind, &payload);
    net_tell(c->net, IPC_BIND, c->ref, &payload);
    c->announced = true;
}

/* Over RTSE both sides send, in turn (X.419 §9.4.2). */
static bool dialogue_is_right(const struct p3 *p3) {
    return osi_context_row(p3->open.context)->user != OSI_USER_ROSE_OVER_RTSE ||
           p3->open.dialogue == OSI_TWO_WAY_ALTERNATE;
}

static void on_indication(struct p3 *p3, const struct osi_open *open) {
    struct connection *c = p3->connection;
    struct ipc_bind bind = {0};
    struct arena arena;
    char why[200];
    p3->open = *open;
    p3->asked = clock_monotonic_us();
    c->state = CONNECTION_ADMISSION;
    if (open->recover) { /* there is no bind in it, and nothing that a user could resume */
        osi_association_refuse(c->association, OSI_REFUSE_CANNOT_RECOVER, nothing);
        return;
    }
    if (!dialogue_is_right(p3)) {
        refuse(p3, BIND_UNACCEPTABLE_DIALOGUE_MODE);
        return;
    }
    arena_init_secret(&arena, 64 * 1024);
    if (bind_read_user(open->user_data, &arena, &bind.user, &bind.credentials, &bind.security_context, why)) {
        ask(p3, &bind);
    } else {
        connection_warn(c, "bind refused: the bind argument is not valid: %s", why);
        refuse_later(p3);
    }
    arena_free(&arena);
    mem_wipe_stack();
}

static void admit(struct p3 *p3, const struct ipc_bind_answer *answer) {
    struct connection *c = p3->connection;
    struct arena arena;
    arena_init_secret(&arena, 4096);
    struct span result = bind_user_result(answer, &arena);
    if (connection_name(c, answer->peer) && result.data &&
        osi_association_accept(c->association, result, clock_monotonic_us())) {
        connection_bound(c);
        connection_log(c, LOG_LEVEL_INFO, "association accepted (%s)",
                       osi_context_row(p3->open.context)->name);
    } else {
        osi_association_user_abort(c->association, nothing);
    }
    arena_free(&arena);
}

static void on_bind_answer(struct p3 *p3, const struct ipc_bind_answer *answer) {
    p3->connection->announced = answer->verdict == IPC_BIND_ADMITTED;
    switch (answer->verdict) {
    case IPC_BIND_ADMITTED:
        admit(p3, answer);
        break;
    case IPC_BIND_BUSY:
        refuse(p3, BIND_BUSY);
        break;
    case IPC_BIND_UNACCEPTABLE_DIALOGUE_MODE:
        refuse(p3, BIND_UNACCEPTABLE_DIALOGUE_MODE);
        break;
    case IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT:
        refuse(p3, BIND_UNACCEPTABLE_SECURITY_CONTEXT);
        break;
    case IPC_BIND_RESOLVE:
    case IPC_BIND_AUTHENTICATION_ERROR:
    case IPC_BIND_CANNOT_RECOVER:
        refuse_later(p3);
        break;
    }
}

/* ---- events ---- */

static void tell_close(const struct connection *c, enum ipc_close how, const char *cause) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)how);
    payload_put_octets(&payload, span_str(cause));
    net_tell(c->net, IPC_ASSOCIATION_CLOSE, c->ref, &payload);
}

static void on_closed(struct connection *c, const struct osi_cause *cause) {
    enum ipc_close how = cause->end == OSI_END_RELEASED       ? IPC_CLOSE_RELEASED
                         : cause->end == OSI_END_DISCONNECTED ? IPC_CLOSE_BROKEN
                                                              : IPC_CLOSE_ABORTED;
    p3_of(c)->told = false; /* what came in of a submission goes with the association */
    if (c->announced)
        p3_delivery_ended(p3_of(c), cause->text);
    if (c->announced)
        tell_close(c, how, cause->text);
    c->announced = false;
    if (cause->end != OSI_END_RELEASED && cause->end != OSI_END_LOCAL)
        connection_warn(c, "association ended: %s", cause->text);
}

static void on_event(struct connection *c, struct osi_event *event) {
    struct p3 *p3 = p3_of(c);
    switch ((int)event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        on_indication(p3, &event->u.open);
        break;
    case OSI_EVENT_RO_BEGIN:
        p3_begin(p3, &event->u.ro);
        break;
    case OSI_EVENT_RO_DATA:
        p3_data(p3, event->u.data);
        break;
    case OSI_EVENT_RO_END:
        p3_end(p3);
        break;
    case OSI_EVENT_RO_DROPPED:
        p3_dropped(p3);
        break;
    case OSI_EVENT_RO_RETURNED:
        p3_delivery_returned(p3, &event->u.ro);
        p3_returned(p3, &event->u.ro);
        break;
    case OSI_EVENT_MAY_SEND:
        p3_push(p3);
        break;
    case OSI_EVENT_CLOSED:
        on_closed(c, event->u.cause);
        break;
    default: /* the rest is RTSE's own */
        break;
    }
}

/* With as much open as may be, in operations and in octets of their arguments, the next waits in the network:
 * who asks for much at a time is no fault, and is not rejected (X.880's resource-limitation), as long as he
 * reads his answers. */
static bool sated(const struct connection *c) {
    const struct p3 *p3 = p3_of(c);
    return !p3->coming && c->state == CONNECTION_OPEN &&
           (osi_ro_outstanding(c->association, false) >= OSI_RO_OUTSTANDING ||
            p3->open_octets >= P3_OPEN_OCTETS);
}

static int64_t due(const struct connection *c) {
    const struct p3 *p3 = p3_of(c);
    return p3->refuse_at ? p3->refuse_at : INT64_MAX;
}

static void wake(struct connection *c) {
    struct p3 *p3 = p3_of(c);
    if (!p3->refuse_at || p3->refuse_at > clock_monotonic_us())
        return;
    p3->refuse_at = 0;
    if (c->association && !osi_association_is_over(c->association))
        refuse(p3, BIND_AUTHENTICATION_ERROR);
}

/* ---- frames of the store process ---- */

static unsigned state(const struct connection *c) {
    if (!c->announced)
        return IPC_STATE_GONE;
    if (c->state == CONNECTION_ADMISSION)
        return IPC_STATE_ASKED;
    if (c->state != CONNECTION_OPEN)
        return IPC_STATE_GONE;
    return IPC_STATE_USER | (p3_of(c)->delivery.active ? IPC_STATE_DELIVERING : IPC_STATE_NO_DELIVERY);
}

static bool on_frame(struct connection *c, enum ipc_type type, struct span payload) {
    struct p3 *p3 = p3_of(c);
    struct ipc_bind_answer answer;
    bool right = true;
    if (type == IPC_USER_ANSWER)
        right = p3_on_answer(p3, payload);
    else if (type == IPC_USER_CONTROL)
        right = p3_on_control(p3, payload);
    else if (type == IPC_USER_DELIVER)
        right = p3_on_deliver(p3, payload);
    else if (type == IPC_USER_DELIVER_DATA)
        right = p3_on_deliver_data(p3, payload);
    else if ((right = type == IPC_BIND_ANSWER && ipc_bind_answer_read(payload, &answer)))
        on_bind_answer(p3, &answer);
    if (right && p3->delivery.active)
        p3_push(p3);
    if (right)
        connection_kick(c);
    return right;
}

/* ---- life ---- */

static bool take_on(struct connection *c) {
    struct p3 *p3 = mem_alloc(sizeof *p3);
    c->user = p3;
    if (!p3)
        return false;
    *p3 = (struct p3){.connection = c};
    return true;
}

static void let_go(struct connection *c) {
    struct p3 *p3 = p3_of(c);
    p3_forget_argument(p3);
    p3_answers_free(p3);
    p3_delivery_free(&p3->delivery);
    mem_free(p3);
    c->user = NULL;
}

static bool over(struct connection *c) {
    (void)c;
    return false;
}

/* Whether the user is one still, the store process looks. */
static void reloaded(struct connection *c) {
    (void)c;
}

static bool tell_cut(struct connection *c) {
    return p3_tell_cut(p3_of(c));
}

static void cut(struct connection *c) {
    if (c->state == CONNECTION_OPEN)
        tell_cut(c);
    if (c->announced)
        p3_delivery_ended(p3_of(c), "the daemon was stopped");
    if (c->announced)
        tell_close(c, IPC_CLOSE_ABORTED, "the daemon was stopped");
    c->announced = false;
}

const struct service p3_service = {.contexts = OSI_MTS_ACCESS_88 | OSI_MTS_RELIABLE_ACCESS_88 |
                                               OSI_MTS_ACCESS_94 | OSI_MTS_RELIABLE_ACCESS_94,
                                   .users = true,
                                   .open = take_on,
                                   .event = on_event,
                                   .state = state,
                                   .frame = on_frame,
                                   .sated = sated,
                                   .due = due,
                                   .wake = wake,
                                   .over = over,
                                   .reloaded = reloaded,
                                   .tell_cut = tell_cut,
                                   .cut = cut,
                                   .close = let_go};
