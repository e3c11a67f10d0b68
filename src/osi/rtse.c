/*
 * RTSE as a user of the association: its APDUs in opening and abort (X.228
 * §7.1, §7.9, §8.1), and what session tells of activities.
 */
#include "osi/association_private.h"

#include "osi/context.h"

static unsigned bounded(int64_t value, unsigned most) {
    return value < 0 ? 0 : value > most ? most : (unsigned)value;
}

/* ---- RT-OPEN request ---- */

static const struct rtse_upper owner = {.event = association_push, .octets = association_emit};

/* The machine starts. */
static void begin(struct osi_association *a) {
    if (!a->rtse.upper)
        a->rtse.upper = &owner;
    a->rtse.codec = (struct rtse_codec){.arena = &a->scratch, .cause = &a->cause, .x410 = a->x410};
}

bool rtse_request(struct osi_association *a, struct span *apdu) {
    const struct osi_parameters *p = &a->parameters;
    struct rtse_open rtorq = {
        .checkpoint_size = p->no_checkpoints ? 0 : p->checkpoint_size,
        .window_size = p->window_size,
        .dialogue = p->dialogue,
        .recover = p->recover,
        .id = p->recovered,
        .user_data = p->user_data,
        .protocol = osi_context_row((enum osi_context)p->contexts)->application_protocol,
    };
    begin(a);
    a->open.checkpoint_size = (unsigned)rtorq.checkpoint_size;
    a->open.window_size = (unsigned)rtorq.window_size;
    return rtse_rtorq_encode(&a->rtse.codec, &rtorq, apdu);
}

/* ---- RT-OPEN indication ---- */

static void refuse(struct osi_association *a, enum osi_refuse_reason reason) {
    association_refuse_for_cause(
        a, &(struct association_refusal){PRESENTATION_USER_REFUSES, .reason = (int)reason});
}

/* The application context of X.410 mode stands in RTORQ; absent means 1984's P1. */
static bool check_protocol(struct osi_association *a, const struct rtse_open *rtorq, struct osi_open *open) {
    int64_t protocol = rtorq->has_protocol ? rtorq->protocol : RTSE_APPLICATION_PROTOCOL_P1;
    if (!a->x410)
        return true;
    const struct osi_context_row *row = osi_context_by_protocol(protocol);
    open->context = row ? row->context : OSI_MTS_TRANSFER_PROTOCOL_1984;
    if (row && (a->parameters.contexts & row->context))
        return true;
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, false, OSI_REFUSE_VALIDATION_FAILURE,
                  "application protocol", "application protocol %lld is not accepted here",
                  (long long)protocol);
    refuse(a, OSI_REFUSE_VALIDATION_FAILURE);
    return false;
}

static bool check_dialogue(struct osi_association *a, const struct rtse_open *rtorq) {
    if (rtorq->dialogue != OSI_TWO_WAY_ALTERNATE || !a->parameters.refuse_two_way_alternate)
        return true;
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, false, OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE,
                  "dialogue mode", "two-way alternate is not accepted here");
    refuse(a, OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE);
    return false;
}

/* A new association that goes both ways: operations that broke off with another are not taken up. */
static bool check_operations(struct osi_association *a, const struct rtse_open *rtorq) {
    if (!a->rtse.upper->has_operations)
        return check_dialogue(a, rtorq);
    if (rtorq->dialogue != OSI_TWO_WAY_ALTERNATE) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, false,
                      OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE, "dialogue mode",
                      "remote operations need two-way alternate");
        refuse(a, OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE);
    } else if (rtorq->recover) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, false, OSI_REFUSE_CANNOT_RECOVER,
                      "session connection identifier", "associations of remote operations are not recovered");
        refuse(a, OSI_REFUSE_CANNOT_RECOVER);
    } else {
        return true;
    }
    return false;
}

/* The references of a SessionConnectionIdentifier are those of a session connection (X.228 §9), so that what
 * is longer than X.225 allows names no association that ever was. */
static bool check_recovered(struct osi_association *a, const struct rtse_open *rtorq) {
    const struct osi_connection_id *id = &rtorq->id;
    if (!rtorq->recover ||
        (id->calling.len <= SESSION_REFERENCE_MAXIMUM && id->common.len <= SESSION_REFERENCE_MAXIMUM &&
         id->additional.len <= SESSION_REFERENCE_MAXIMUM))
        return true;
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, false, OSI_REFUSE_CANNOT_RECOVER,
                  "session connection identifier",
                  "RT-RECOVER names an association by a longer reference than there can be");
    refuse(a, OSI_REFUSE_CANNOT_RECOVER);
    return false;
}

/*
 * Checkpoint size and window (X.228 §7.1.3): never above the proposal; a proposal
 * of 0 leaves the size to the responder, an answer of 0 means none.
 */
static void agree(struct osi_association *a, const struct rtse_open *rtorq, struct osi_open *open) {
    const struct osi_parameters *p = &a->parameters;
    unsigned size = bounded(rtorq->checkpoint_size, UINT16_MAX),
             window = bounded(rtorq->window_size, WINDOW_MAXIMUM);
    if (size == 0 || size > p->checkpoint_size)
        size = p->checkpoint_size;
    if (window == 0)
        window = 1;
    open->checkpoint_size = p->no_checkpoints ? 0 : size;
    open->window_size = window < p->window_size ? window : p->window_size;
}

void rtse_on_connect(struct osi_association *a, struct span apdu, struct osi_open *open) {
    struct rtse_open rtorq;
    begin(a);
    if (!rtse_rtorq_decode(&a->rtse.codec, apdu, &rtorq)) {
        association_refuse_for_cause(
            a, &(struct association_refusal){PRESENTATION_USER_REFUSES, ACSE_NO_REASON_GIVEN,
                                             .reason = OSI_REFUSE_VALIDATION_FAILURE});
        return;
    }
    if (!check_protocol(a, &rtorq, open) || !check_operations(a, &rtorq) || !check_recovered(a, &rtorq))
        return;
    agree(a, &rtorq, open);
    association_keep_open(a, open);
    open->checkpoint_size = bounded(rtorq.checkpoint_size, UINT16_MAX);
    open->window_size = bounded(rtorq.window_size, UINT16_MAX);
    open->dialogue = a->open.dialogue = rtorq.dialogue;
    open->recover = a->open.recover = rtorq.recover;
    open->recovered = a->rtse.recovered = rtorq.id;
    open->user_data = rtorq.user_data;
    association_indicate_open(a, open);
}

/* ---- RT-OPEN response and confirm ---- */

bool rtse_accept(struct osi_association *a, struct span user_data, struct span *apdu) {
    struct rtse_open rtoac = {.checkpoint_size = a->open.checkpoint_size,
                              .window_size = a->open.window_size,
                              .recover = a->open.recover,
                              .user_data = user_data};
    if (rtoac.recover) /* the recovered connection is named again, as in RTORQ */
        rtoac.id = a->rtse.recovered;
    return rtse_rtoac_encode(&a->rtse.codec, &rtoac, apdu);
}

bool rtse_refuse(struct osi_association *a, int reason, struct span user_data, struct span *apdu) {
    return rtse_rtorj_encode(&a->rtse.codec, reason, user_data, apdu);
}

bool rtse_on_accept(struct osi_association *a, struct span apdu, struct osi_open *open) {
    struct rtse_open rtoac;
    if (!rtse_rtoac_decode(&a->rtse.codec, apdu, &rtoac))
        return false;
    /* An answer above the proposal breaks the rule of X.228 §7.1.3; the smaller of both is safe for either
     * side. */
    unsigned size = bounded(rtoac.checkpoint_size, UINT16_MAX),
             window = bounded(rtoac.window_size, WINDOW_MAXIMUM);
    bool above = a->open.checkpoint_size && size > a->open.checkpoint_size;
    open->checkpoint_size = above ? a->open.checkpoint_size : size;
    open->window_size = window == 0 ? 1 : window;
    open->user_data = rtoac.recover ? (struct span){0} : rtoac.user_data;
    return true;
}

void rtse_on_open(struct osi_association *a) {
    if (!a->x410 && a->rtse.upper == &owner) /* there is one abstract syntax alone */
        a->rtse.context_in = a->rtse.context_out = a->presentation.context[a->presentation.row->syntaxes[0]];
    a->rtse.state = RTSE_OPEN;
}

static const char *refuse_reason_text(int reason) {
    static const char *const names[] = {"rtsBusy", "cannotRecover", "validationFailure",
                                        "unacceptableDialogueMode"};
    return reason >= 0 && reason < 4 ? names[reason] : "no reason";
}

static const char *refuse_reason_parameter(int reason) {
    return reason == OSI_REFUSE_CANNOT_RECOVER               ? "session connection identifier"
           : reason == OSI_REFUSE_VALIDATION_FAILURE         ? "initiator-name or credentials"
           : reason == OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE ? "dialogue mode"
                                                             : "";
}

/* A refusal by RTSE or its user, told by RTORJ. */
static void refused_by_rtse(struct osi_association *a, struct span apdu, const char *how) {
    int reason;
    struct span user_data;
    if (!rtse_rtorj_decode(&a->rtse.codec, apdu, &reason, &user_data))
        return;
    bool user = user_data.data != NULL;
    osi_cause_set(&a->cause, OSI_END_REFUSED, user ? OSI_LAYER_USER : OSI_LAYER_RTSE, true, reason,
                  refuse_reason_parameter(reason), "refused by %s%s: %s", how,
                  user ? " with a bind error" : "", refuse_reason_text(reason));
    a->cause.user_data = association_keep_with_cause(a, user_data);
}

/* Who speaks X.410 mode only can't read what normal mode proposes, and says so in his own: PP 6.0 by an RTAB
 * where RTORJ is due. */
static void refused_in_x410_mode(struct osi_association *a, struct span apdu) {
    int reason = -1;
    struct span none;
    struct osi_cause ignored = {0};
    struct rtse_codec x410 = {.arena = &a->scratch, .cause = &ignored, .x410 = true};
    rtse_rtab_decode(&x410, apdu, &reason, &none);
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, true, reason, "application context",
                  "normal mode (mts-transfer) was proposed, and X.410 mode answers, reason %d: the peer's "
                  "application-contexts here is to name mts-transfer-protocol, or its -1984",
                  reason);
}

void rtse_on_refuse(struct osi_association *a, struct span apdu, const char *how) {
    if (!a->x410 && association_is_x410_apdu(apdu))
        refused_in_x410_mode(a, apdu);
    else
        refused_by_rtse(a, apdu, how ? "AARE and RTORJ" : "RTORJ");
}

/* ---- aborts ---- */

bool rtse_abort(struct osi_association *a, int reason, struct span user_data, struct span *apdu) {
    return rtse_rtab_encode(&a->rtse.codec, reason, user_data, apdu);
}

static const char *abort_reason_text(int reason) {
    static const char *const names[] = {"localSystemProblem", "invalidParameter", "unrecognizedActivity",
                                        "temporaryProblem",   "protocolError",    "permanentProblem",
                                        "userError",          "transferCompleted"};
    return reason >= 0 && reason < 8 ? names[reason] : "no reason";
}

void rtse_on_abort(struct osi_association *a, struct span apdu, const char *how) {
    struct span data = {0};
    int reason = -1;
    if (apdu.data)
        rtse_rtab_decode(&a->rtse.codec, apdu, &reason, &data);
    bool user = reason == OSI_ABORT_USER_ERROR || data.data;
    osi_cause_set(&a->cause, user ? OSI_END_USER_ABORT : OSI_END_PROVIDER_ABORT,
                  user ? OSI_LAYER_USER : OSI_LAYER_RTSE, true, reason, "", "%s, %s", how ? how : "RTAB APDU",
                  abort_reason_text(reason));
    a->cause.user_data = association_keep_with_cause(a, data);
}

void rtse_on_end(struct osi_association *a) {
    a->rtse.state = RTSE_CLOSED;
}

bool rtse_may_release(const struct osi_association *a) {
    return a->rtse.state == RTSE_OPEN && session_owns(&a->session, SESSION_TOKEN_DATA | SESSION_TOKEN_MAJOR);
}

/* ---- activities and tokens ---- */

static void on_token_give(struct osi_association *a) {
    if (session_owns(&a->session, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR | SESSION_TOKEN_MAJOR))
        rtse_turn_received(a);
}

void rtse_on_activity(struct osi_association *a, const struct session_indication *in) {
    switch (in->primitive) {
    case S_SYNC_MINOR:
        rtse_receive_checkpoint(a, in->serial);
        break;
    case S_SYNC_MINOR_CONFIRM:
        rtse_send_checkpoint_confirmed(a, in->serial);
        break;
    case S_TOKEN_GIVE:
    case S_CONTROL_GIVE:
        on_token_give(a);
        break;
    case S_TOKEN_PLEASE:
        rtse_turn_please(a, in->data);
        break;
    case S_CONTROL_GIVE_ACK:
        if (a->rtse.upper->turn_given)
            a->rtse.upper->turn_given(a);
        break;
    case S_U_EXCEPTION_REPORT:
        rtse_send_exception(a, in->reason);
        break;
    case S_P_EXCEPTION_REPORT:
        rtse_send_exception(a, SESSION_RECEIVING_ABILITY_JEOPARDIZED);
        break;
    case S_ACTIVITY_START:
        rtse_receive_begin(a, in);
        break;
    case S_ACTIVITY_RESUME:
        rtse_receive_resume(a, in);
        break;
    case S_ACTIVITY_INTERRUPT:
    case S_ACTIVITY_DISCARD:
        rtse_receive_stopped(a, in->primitive == S_ACTIVITY_INTERRUPT);
        break;
    case S_ACTIVITY_INTERRUPT_CONFIRM:
    case S_ACTIVITY_DISCARD_CONFIRM:
        rtse_send_stopped(a, in->primitive == S_ACTIVITY_INTERRUPT_CONFIRM);
        break;
    case S_ACTIVITY_END:
        rtse_receive_end(a);
        break;
    default:
        rtse_send_end_confirmed(a);
        break;
    }
}

/* ---- what the peer owes ---- */

struct association_due rtse_due(const struct osi_association *a) {
    const struct osi_parameters *p = &a->parameters;
    const char *overdue = "the peer did not answer in time";
    bool window_is_full = a->session.vsc && a->session.vm - a->session.va >= a->open.window_size;
    switch (a->rtse.state) {
    case RTSE_ENDING:
    case RTSE_REJECTING:
        return (struct association_due){p->transfer_us, overdue};
    case RTSE_STOPPING: /* an answer that costs the peer nothing: some never give it */
        return (struct association_due){p->release_us,
                                        "the discard or interrupt of the activity was not answered in time"};
    case RTSE_RECEIVING: /* with the window full it is we who are waited for */
        return (struct association_due){window_is_full ? ASSOCIATION_NOTHING_DUE : p->transfer_us, overdue};
    case RTSE_SENDING: /* without checkpoints it is the peer's TCP that is waited for */
        return (struct association_due){a->rtse.tx.mark_count ? p->transfer_us : 0, overdue};
    default:
        return (struct association_due){0, overdue};
    }
}

bool rtse_is_sending(const struct osi_association *a) {
    return a->rtse.state == RTSE_SENDING;
}

size_t rtse_memory(const struct osi_association *a) {
    return a->rtse.tx.pending.cap;
}

const struct association_user rtse_user = {
    .layer = OSI_LAYER_RTSE,
    .units = SESSION_UNITS_RTSE,
    .data_event = OSI_EVENT_TRANSFER_DATA,
    .request = rtse_request,
    .on_connect = rtse_on_connect,
    .accept = rtse_accept,
    .refuse = rtse_refuse,
    .on_accept = rtse_on_accept,
    .on_refuse = rtse_on_refuse,
    .on_open = rtse_on_open,
    .on_data = rtse_receive_data,
    .on_activity = rtse_on_activity,
    .on_output = rtse_send_unblock,
    .due = rtse_due,
    .is_sending = rtse_is_sending,
    .may_release = rtse_may_release,
    .abort = rtse_abort,
    .on_abort = rtse_on_abort,
    .on_end = rtse_on_end,
    .memory = rtse_memory,
    .free = rtse_send_free,
};
