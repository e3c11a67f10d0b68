/*
 * P7 as a service: which event and which frame goes where. What it has of P3,
 * submission and its answers, P3's functions do (p7_private.h).
 */
#include "protocol/p7.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "protocol/p7_private.h"

/* ---- events ---- */

static void tell_close(struct connection *c, enum ipc_close how, const char *cause) {
    struct buf payload;
    if (!c->announced)
        return;
    c->announced = false;
    buf_init(&payload, 0);
    buf_append_byte(&payload, (uint8_t)how);
    payload_put_octets(&payload, span_str(cause));
    net_tell(c->net, IPC_ASSOCIATION_CLOSE, c->ref, &payload);
}

static void on_closed(struct connection *c, const struct osi_cause *cause) {
    p7_of(c)->p3.told = false; /* what came in of a submission goes with the association */
    tell_close(c,
               cause->end == OSI_END_RELEASED       ? IPC_CLOSE_RELEASED
               : cause->end == OSI_END_DISCONNECTED ? IPC_CLOSE_BROKEN
                                                    : IPC_CLOSE_ABORTED,
               cause->text);
    if (cause->end != OSI_END_RELEASED && cause->end != OSI_END_LOCAL)
        connection_warn(c, "association ended: %s", cause->text);
}

static void on_begin(struct p7 *p7, const struct osi_ro *ro) {
    if (p7_is_retrieval(ro))
        p7_begin(p7, ro);
    else
        p3_begin(&p7->p3, ro);
}

static void on_data(struct p7 *p7, struct span data) {
    if (p7->gathers)
        p7_data(p7, data);
    else
        p3_data(&p7->p3, data);
}

static void on_end(struct p7 *p7, bool dropped) {
    if (p7->gathers)
        (dropped ? p7_dropped : p7_end)(p7);
    else
        (dropped ? p3_dropped : p3_end)(&p7->p3);
}

static void on_event(struct connection *c, struct osi_event *event) {
    struct p7 *p7 = p7_of(c);
    switch ((int)event->type) {
    case OSI_EVENT_OPEN_INDICATION:
        p7_indication(p7, &event->u.open);
        break;
    case OSI_EVENT_RO_BEGIN:
        on_begin(p7, &event->u.ro);
        break;
    case OSI_EVENT_RO_DATA:
        on_data(p7, event->u.data);
        break;
    case OSI_EVENT_RO_END:
    case OSI_EVENT_RO_DROPPED:
        on_end(p7, event->type == OSI_EVENT_RO_DROPPED);
        break;
    case OSI_EVENT_RO_RETURNED:
        p3_returned(&p7->p3, &event->u.ro);
        break;
    case OSI_EVENT_MAY_SEND:
        p7_push(p7);
        p7_ask_next(p7);
        break;
    case OSI_EVENT_CLOSED:
        on_closed(c, event->u.cause);
        break;
    default: /* the rest is RTSE's own */
        break;
    }
}

static bool sated(const struct connection *c) {
    const struct p7 *p7 = p7_of(c);
    return !p7->p3.coming && c->state == CONNECTION_OPEN &&
           (p7_is_sated(p7) || p7->p3.open_octets >= P3_OPEN_OCTETS ||
            osi_ro_outstanding(c->association, false) >= OSI_RO_OUTSTANDING);
}

static int64_t due(const struct connection *c) {
    const struct p7 *p7 = p7_of(c);
    return p7->p3.refuse_at ? p7->p3.refuse_at : INT64_MAX;
}

static void wake(struct connection *c) {
    struct p7 *p7 = p7_of(c);
    if (!p7->p3.refuse_at || p7->p3.refuse_at > clock_monotonic_us())
        return;
    p7->p3.refuse_at = 0;
    if (c->association && !osi_association_is_over(c->association))
        p7_refuse_wrong(p7);
}

/* ---- frames ---- */

static unsigned state(const struct connection *c) {
    if (!c->announced)
        return IPC_STATE_GONE;
    if (c->state == CONNECTION_ADMISSION)
        return IPC_STATE_ASKED;
    return c->state == CONNECTION_OPEN ? IPC_STATE_USER : IPC_STATE_GONE;
}

static bool take_frame(struct p7 *p7, enum ipc_type type, struct span payload) {
    switch ((int)type) {
    case IPC_MS_OPEN:
        return p7_on_open(p7, payload);
    case IPC_BIND_ANSWER:
        return p7_on_bind_answer(p7, payload);
    case IPC_MS_ANSWER:
        return p7_on_answer(p7, payload);
    case IPC_MS_DATA:
        return p7_on_data(p7, payload);
    case IPC_USER_ANSWER:
        return p7_on_changed(p7, payload);
    case IPC_USER_CONTROL:
        return p3_on_control(&p7->p3, payload);
    default:
        return false;
    }
}

static bool on_frame(struct connection *c, enum ipc_type type, struct span payload) {
    bool right = take_frame(p7_of(c), type, payload);
    if (!right)
        return false;
    p7_ask_next(p7_of(c));
    connection_kick(c);
    return true;
}

static void reader_lost(struct connection *c, const void *reader) {
    p7_ask_anew(p7_of(c), reader);
    p7_read_anew(p7_of(c), reader);
}

static bool waits_for_reader(const struct connection *c) {
    return p7_of(c)->waits;
}

static void reader_free(struct connection *c) {
    p7_ask_waiting(p7_of(c));
}

/* ---- life ---- */

static bool take_on(struct connection *c) {
    struct p7 *p7 = mem_alloc(sizeof *p7);
    c->user = p7;
    if (!p7)
        return false;
    *p7 = (struct p7){.p3 = {.connection = c}};
    return true;
}

static void let_go(struct connection *c) {
    struct p7 *p7 = p7_of(c);
    p3_forget_argument(&p7->p3);
    p3_answers_free(&p7->p3);
    p7_retrieval_free(p7);
    p7_answer_free(p7);
    p7_bind_free(p7);
    mem_free(p7);
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
    return p3_tell_cut(&p7_of(c)->p3);
}

static void cut(struct connection *c) {
    if (c->state == CONNECTION_OPEN)
        tell_cut(c);
    tell_close(c, IPC_CLOSE_ABORTED, "the daemon was stopped");
}

const struct service p7_service = {.contexts = OSI_MS_ACCESS_88 | OSI_MS_RELIABLE_ACCESS_88 |
                                               OSI_MS_ACCESS_94 | OSI_MS_RELIABLE_ACCESS_94,
                                   .users = true,
                                   .open = take_on,
                                   .event = on_event,
                                   .state = state,
                                   .frame = on_frame,
                                   .reader_lost = reader_lost,
                                   .waits_for_reader = waits_for_reader,
                                   .reader_free = reader_free,
                                   .sated = sated,
                                   .due = due,
                                   .wake = wake,
                                   .over = over,
                                   .reloaded = reloaded,
                                   .tell_cut = tell_cut,
                                   .cut = cut,
                                   .close = let_go};
