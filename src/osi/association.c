/* An association's life: parameters, octets in and out, events, timers; and which users there are. */
#include "osi/association.h"

#include "base/alloc.h"
#include "osi/rose_private.h"

#define SCRATCH_CAP (256 * 1024) /* decoded values of one control PDU */
#define ADDRESS_CAP                                                                                          \
    (sizeof(struct osi_address) + sizeof(struct span) + COTP_TSELECTOR_MAXIMUM + SESSION_SELECTOR_MAXIMUM +  \
     PRESENTATION_SELECTOR_MAXIMUM + 3 * ARENA_ALIGNMENT)
#define STRINGS_CAP     (16 * 1024)
#define OUTPUT_KEPT     4096 /* an idle association keeps no more */
#define USER_DATA_LIMIT (60 * 1024)

enum { ERROR_PARAMETER = 1, ERROR_MEMORY = 2 };

static const struct association_user *const users[] = {[OSI_USER_RTSE] = &rtse_user,
                                                       [OSI_USER_ROSE] = &rose_user,
                                                       [OSI_USER_ROSE_OVER_RTSE] = &rose_over_rtse_user};

static void on_session(void *user, const struct session_indication *in);

/* ---- creation ---- */

static void default_number(unsigned *number, unsigned value) {
    if (*number == 0)
        *number = value;
}

static void default_time(int64_t *time, int64_t seconds) {
    if (*time == 0)
        *time = seconds * 1000000;
}

static void set_defaults(struct osi_parameters *p) {
    default_number(&p->tpdu_size, COTP_TPDU_MAXIMUM);
    default_number(&p->session_versions, 3);
    default_number(&p->checkpoint_size, OSI_CHECKPOINT_SIZE);
    default_number(&p->window_size, OSI_WINDOW_SIZE);
    if (p->connect_limit == 0)
        p->connect_limit = 65536;
    if (p->output_high_water == 0)
        p->output_high_water = 65536;
    default_time(&p->connect_us, OSI_CONNECT_SECONDS);
    default_time(&p->transfer_us, OSI_TRANSFER_SECONDS);
    default_time(&p->release_us, OSI_RELEASE_SECONDS);
}

/* What the context of an initiator leaves no choice in. */
static void set_by_context(struct osi_parameters *p) {
    bool one = p->contexts && !(p->contexts & (p->contexts - 1)) && !(p->contexts & ~OSI_ALL_CONTEXTS);
    if (one && p->role == OSI_INITIATOR &&
        osi_context_row((enum osi_context)p->contexts)->user == OSI_USER_ROSE_OVER_RTSE)
        p->dialogue = OSI_TWO_WAY_ALTERNATE;
}

static bool copy(struct osi_association *a, struct span *s) {
    if (!s->data)
        return true;
    *s = arena_dup(&a->strings, *s);
    return s->data != NULL;
}

static bool copy_strings(struct osi_association *a) {
    struct osi_parameters *p = &a->parameters;
    struct span *all[] = {&p->calling.t,
                          &p->calling.s,
                          &p->calling.p,
                          &p->called.t,
                          &p->called.s,
                          &p->called.p,
                          &p->calling_entity.ap_title,
                          &p->calling_entity.ae_qualifier,
                          &p->called_entity.ap_title,
                          &p->called_entity.ae_qualifier,
                          &p->id.calling,
                          &p->id.common,
                          &p->id.additional,
                          &p->recovered.calling,
                          &p->recovered.common,
                          &p->recovered.additional,
                          &p->user_data};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (!copy(a, all[i]))
            return false;
    return true;
}

static bool address_fits(const struct osi_address *address) {
    return address->t.len <= COTP_TSELECTOR_MAXIMUM && address->s.len <= SESSION_SELECTOR_MAXIMUM &&
           address->p.len <= PRESENTATION_SELECTOR_MAXIMUM;
}

static bool addresses_fit(const struct osi_parameters *p) {
    bool fit = address_fits(&p->calling) && address_fits(&p->called);
    for (size_t i = 0; i < p->other_count; i++)
        fit = fit && address_fits(&p->others[i]);
    return fit;
}

static bool id_fits(const struct osi_connection_id *id) {
    return id->calling.len >= 1 && id->calling.len <= 62 && id->common.len >= 1 && id->common.len <= 62 &&
           id->additional.len <= 2;
}

/* What is wrong with the parameters, or NULL. */
static const char *parameter_fault(const struct osi_parameters *p) {
    bool one = p->contexts && !(p->contexts & (p->contexts - 1));
    if (p->contexts == 0 || (p->contexts & ~OSI_ALL_CONTEXTS) || (p->role == OSI_INITIATOR && !one))
        return "application contexts";
    if (!addresses_fit(p))
        return "a selector is too long";
    if (p->role == OSI_INITIATOR && !id_fits(&p->id))
        return "connection identifier";
    if (p->role == OSI_INITIATOR && p->recover &&
        osi_context_row((enum osi_context)p->contexts)->user != OSI_USER_RTSE)
        return "remote operations are not recovered";
    if (p->role == OSI_INITIATOR && p->recover && !id_fits(&p->recovered))
        return "identifier of the connection to recover";
    if (p->tpdu_size < COTP_TPDU_MINIMUM || p->tpdu_size > COTP_TPDU_MAXIMUM)
        return "TPDU size";
    if (p->tsdu_size && (p->tsdu_size < COTP_TPDU_MINIMUM || p->tsdu_size > 65535))
        return "TSDU maximum size";
    if (p->checkpoint_size > 65535 || p->window_size > WINDOW_MAXIMUM || (p->session_versions & ~3u))
        return "checkpoint size, window size or session versions";
    if (p->user_data.len > USER_DATA_LIMIT)
        return "user data are too long";
    return NULL;
}

/* Where one address of ours has no T-selector, transport takes any. */
static bool listen_for_selectors(struct osi_association *a) {
    const struct osi_parameters *p = &a->parameters;
    size_t count = 1 + p->other_count;
    struct span *required = arena_array(&a->strings, count, sizeof *required);
    bool any = false;
    a->meant = arena_array(&a->strings, count, sizeof *a->meant);
    if (!required || !a->meant)
        return false;
    for (; a->meant_count < count; a->meant_count++) {
        struct osi_address *address = &a->meant[a->meant_count];
        *address = a->meant_count ? p->others[a->meant_count - 1] : p->called;
        if (a->meant_count && !(copy(a, &address->t) && copy(a, &address->s) && copy(a, &address->p)))
            return false;
        required[a->meant_count] = address->t;
        any = any || !address->t.data;
    }
    cotp_listen(&a->cotp, required, any ? 0 : count);
    return true;
}

static bool start(struct osi_association *a) {
    const struct osi_parameters *p = &a->parameters;
    bool initiator = p->role == OSI_INITIATOR;
    struct span none = {0};
    a->users = users;
    if (initiator) {
        const struct osi_context_row *row = osi_context_row((enum osi_context)p->contexts);
        a->user = users[row->user];
        a->x410 = !row->oid;
    }
    session_init(&a->session, &a->cotp, &a->cause, initiator, p->connect_limit, on_session, a);
    presentation_init(&a->presentation, &a->scratch, &a->cause, p->contexts);
    acse_init(&a->acse, &a->scratch, &a->cause);
    if (!cotp_init(&a->cotp, &a->out, &a->cause, p->tpdu_size, initiator ? p->calling.t : none,
                   initiator ? p->called.t : none))
        return false;
    return initiator ? cotp_connect(&a->cotp) : listen_for_selectors(a);
}

struct osi_association *osi_association_new(const struct osi_parameters *parameters, int64_t now,
                                            struct error *err) {
    struct osi_parameters p = *parameters;
    set_defaults(&p);
    set_by_context(&p);
    const char *fault = parameter_fault(&p);
    if (fault) {
        error_set(err, ERROR_PARAMETER, "association parameters out of range: %s", fault);
        return NULL;
    }
    struct osi_association *a = mem_alloc(sizeof *a);
    if (a) {
        a->parameters = p;
        a->now = a->created = a->progress = now;
        arena_init_secret(&a->strings, STRINGS_CAP + p.user_data.len + p.other_count * ADDRESS_CAP);
        arena_init_secret(&a->scratch, SCRATCH_CAP);
        buf_init_secret(&a->out, 0);
        buf_init_secret(&a->joined, 0);
        if (copy_strings(a) && start(a))
            return a;
        osi_association_free(a);
    }
    error_set(err, ERROR_MEMORY, "no memory for an association");
    return NULL;
}

void osi_association_free(struct osi_association *a) {
    if (!a)
        return;
    cotp_free(&a->cotp);
    session_free(&a->session);
    if (a->user)
        a->user->free(a);
    association_gathered_free(a);
    buf_free(&a->out);
    arena_free(&a->strings);
    arena_free(&a->scratch);
    mem_free(a);
}

size_t osi_association_memory(const struct osi_association *a) {
    return sizeof *a + a->out.cap + a->joined.cap + (a->user ? a->user->memory(a) : 0) +
           a->cotp.tpkt.partial.cap + a->session.tsdu.cap + a->session.done.cap + a->session.overflow.cap +
           a->session.held.cap + a->strings.used + a->scratch.used;
}

/* ---- events ---- */

/*
 * A bind has a name and a password in it, and so has its answer. Until both are
 * on their way the buffers that they pass through are wiped wherever they give
 * octets up; then what is left in them is, once, and the transfers pay nothing.
 */
static void forget_bind(struct osi_association *a) {
    struct span *bind = &a->parameters.user_data;
    if (a->bound || a->state != ASSOCIATION_OPEN || a->answer_due || a->event_count > 0 ||
        association_output_pending(a) > 0)
        return;
    a->bound = true;
    if (bind->data)
        explicit_bzero((void *)bind->data, bind->len); /* copy_strings() made it */
    *bind = (struct span){NULL, 0};
    arena_free(&a->scratch);
    a->scratch.secret = false;
    buf_no_secret(&a->out);
    buf_no_secret(&a->joined);
    tpkt_no_secret(&a->cotp.tpkt);
    session_no_secret(&a->session);
}

/* All events are handled: what their spans pointed to goes, so that an idle association is small. */
static void release_idle(struct osi_association *a) {
    if (!a->answer_due && a->scratch.used > 0)
        arena_free(&a->scratch);
    if (a->joined.cap > OUTPUT_KEPT)
        association_gathered_free(a);
    tpkt_release(&a->cotp.tpkt);
    session_release_tsdu(&a->session);
    forget_bind(a);
}

bool osi_association_next_event(struct osi_association *a, struct osi_event *event) {
    if (a->event_count == 0) {
        release_idle(a);
        return false;
    }
    *event = a->events[a->event_first];
    a->event_first = (a->event_first + 1) % EVENTS_MAXIMUM;
    a->event_count--;
    return true;
}

bool osi_association_is_over(const struct osi_association *a) {
    return a->over;
}

const struct osi_open *osi_association_open(const struct osi_association *a) {
    return &a->open;
}

/* ---- octets ---- */

static void on_session(void *user, const struct session_indication *in) {
    struct osi_association *a = user;
    switch (in->primitive) {
    case S_DATA:
        a->user->on_data(a, in->data, in->end);
        break;
    case S_CONNECT_INDICATION:
        association_connect_indication(a, in->connect);
        break;
    case S_CONNECT_CONFIRM:
        association_connect_confirm(a, in->connect);
        break;
    case S_CONNECT_REFUSED:
        association_connect_refused(a, in->connect);
        break;
    case S_RELEASE_INDICATION:
        association_release_indication(a, in->data);
        break;
    case S_RELEASE_CONFIRM:
        association_release_confirm(a, in->data);
        break;
    case S_U_ABORT:
        association_abort_indication(a, in->data);
        break;
    case S_P_ABORT:
        association_finish(a);
        break;
    default:
        a->user->on_activity(a, in);
        break;
    }
}

/* True while nothing may be read: an answer is due, or the peer does not take what we write. */
static bool input_waits(const struct osi_association *a) {
    return a->over || a->event_count > 0 || a->answer_due ||
           association_output_pending(a) > 2 * a->parameters.output_high_water;
}

static void receive_tpdu(struct osi_association *a, const struct cotp_indication *in) {
    switch (in->event) {
    case COTP_T_CONNECT:
        session_transport_connected(&a->session);
        if (a->parameters.role == OSI_INITIATOR)
            association_request(a);
        break;
    case COTP_T_DATA:
        if (!session_input(&a->session, in->data, in->end))
            association_finish(a);
        break;
    case COTP_T_DISCONNECT:
        association_finish(a);
        break;
    case COTP_NOTHING:
        break;
    }
}

/* ---- what the peer owes ---- */

/* How long the peer may take over what it owes from `progress` on; nothing is due where that is not positive.
 */
static struct association_due peer_due(const struct osi_association *a) {
    struct association_due due = {0, "the peer did not answer in time"};
    if (a->state == ASSOCIATION_OPEN)
        due = a->user->due(a);
    bool half_sent = association_output_pending(a) > 0 || tpkt_is_partial(&a->cotp.tpkt) ||
                     a->session.streaming || a->session.tsdu.len > 0;
    if (due.us == 0 && half_sent)
        due.us = a->parameters.transfer_us;
    return due;
}

bool osi_association_takes_input(const struct osi_association *a) {
    return !input_waits(a);
}

size_t osi_association_input(struct osi_association *a, struct span in, int64_t now) {
    a->now = now;
    if (input_waits(a))
        return 0;
    size_t used;
    bool due = peer_due(a).us > 0;
    struct cotp_indication tpdu = cotp_input(&a->cotp, in, &used);
    if (tpdu.event != COTP_NOTHING || !due) /* the first octets of a TPDU, after an idle time */
        association_waits_from(a, now);
    receive_tpdu(a, &tpdu);
    association_flush(a);
    if (a->out.failed && !a->over) {
        osi_cause_set(&a->cause, OSI_END_MEMORY, OSI_LAYER_TRANSPORT, false, -1, "",
                      "no memory for the output");
        association_finish(a);
    }
    return used;
}

void osi_association_disconnected(struct osi_association *a, int64_t now) {
    a->now = now;
    association_finish(a);
}

struct span osi_association_output(struct osi_association *a) {
    return span_of(a->out.data ? a->out.data + a->out_start : (const uint8_t *)"",
                   association_output_pending(a));
}

static void release_output(struct osi_association *a) {
    a->out_start = 0;
    if (a->out.cap > OUTPUT_KEPT && !(a->user && a->user->is_sending(a)))
        buf_free(&a->out);
    else
        buf_clear(&a->out);
}

void osi_association_output_taken(struct osi_association *a, size_t len, int64_t now) {
    size_t pending = association_output_pending(a);
    a->now = a->progress = now;
    a->out_start += len < pending ? len : pending;
    if (a->out_start == a->out.len) {
        release_output(a);
    } else if (a->out_start > a->out.len / 2 && a->out_start > OUTPUT_KEPT) {
        buf_consume(&a->out, a->out_start); /* moves less than was written: linear in all */
        a->out_start = 0;
    }
    if (a->state == ASSOCIATION_OPEN)
        a->user->on_output(a);
}

/* ---- time ---- */

int64_t osi_association_deadline(const struct osi_association *a) {
    const struct osi_parameters *p = &a->parameters;
    if (a->over || a->event_count > 0)
        return INT64_MAX;
    switch (a->state) {
    case ASSOCIATION_IDLE:
    case ASSOCIATION_REQUESTED:
    case ASSOCIATION_INDICATED:
        return a->created + p->connect_us;
    case ASSOCIATION_CLOSING:
        return a->closing_since + p->release_us;
    default:
        break;
    }
    int64_t us = peer_due(a).us;
    return us > 0 ? a->progress + us : INT64_MAX;
}

void osi_association_timeout(struct osi_association *a, int64_t now) {
    a->now = now;
    if (now < osi_association_deadline(a))
        return;
    bool opening = a->state <= ASSOCIATION_INDICATED;
    const char *what = opening                           ? "the association was not opened in time"
                       : a->state == ASSOCIATION_CLOSING ? "the release was not answered in time"
                                                         : peer_due(a).overdue;
    enum osi_layer layer = a->session.state == STA01 || a->session.state == STA01B ? OSI_LAYER_TRANSPORT
                           : opening                                               ? OSI_LAYER_SESSION
                                                                                   : a->user->layer;
    osi_cause_set(&a->cause, OSI_END_TIMEOUT, layer, false, -1, "timer", "%s", what);
    association_abort(a, OSI_ABORT_TEMPORARY_PROBLEM);
}
