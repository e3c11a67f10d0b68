/* RT-OPEN, RT-CLOSE and the aborts: session, presentation, ACSE and RTSE together (X.228 §7.1, §7.2, §7.9,
 * §8.1). */
#include "osi/association_private.h"

enum { TAG_UTC_TIME = 0x17, TAG_T61_STRING = 0x14, TAG_OCTET_STRING = 0x04 };

/* id-ac-mts-transfer, X.419 §8.1: 2.6.0.1.6 */
static const uint8_t ac_mts_transfer[] = {0x56, 0x00, 0x01, 0x06};

static struct span mts_transfer(void) {
    return span_of(ac_mts_transfer, sizeof ac_mts_transfer);
}

/* ---- common ---- */

static bool session_id(struct osi_association *a, const struct osi_connection_id *id,
                       struct session_identifier *out) {
    uint8_t tag = a->codec.x410 ? TAG_T61_STRING : TAG_OCTET_STRING;
    memset(out, 0, sizeof *out);
    return rtse_reference_encode(&a->scratch, tag, id->calling, &out->calling) &&
           rtse_reference_encode(&a->scratch, TAG_UTC_TIME, id->common, &out->common) &&
           rtse_reference_encode(&a->scratch, TAG_T61_STRING, id->additional, &out->additional);
}

static struct osi_connection_id id_of_session(const struct session_identifier *in) {
    return (struct osi_connection_id){
        .calling = rtse_reference_decode(in->calling.data ? in->calling : in->called),
        .common = rtse_reference_decode(in->common),
        .additional = rtse_reference_decode(in->additional),
    };
}

static unsigned bounded(int64_t value, unsigned most) {
    return value < 0 ? 0 : value > most ? most : (unsigned)value;
}

/* Makes `open` what osi_association_open tells from now on: without the spans, which live in the scratch
 * arena. */
static void keep_open(struct osi_association *a, const struct osi_open *open) {
    struct span none = {0};
    a->open = *open;
    a->open.calling = a->open.called = (struct osi_address){0};
    a->open.calling_entity = a->open.called_entity = (struct osi_entity){0};
    a->open.id = a->open.recovered = (struct osi_connection_id){0};
    a->open.user_data = none;
}

/* ---- RT-OPEN request ---- */

static void set_transport_and_session_address(struct osi_association *a,
                                              const struct session_connect *connect, struct osi_open *open) {
    open->calling.t = cotp_selector_span(&a->cotp.calling);
    open->called.t = cotp_selector_span(&a->cotp.called);
    open->calling.s = connect->calling_selector;
    open->called.s = connect->called_selector;
}

static struct rtse_open proposal(const struct osi_association *a) {
    const struct osi_parameters *p = &a->parameters;
    bool is_1988 = p->contexts == OSI_MTS_TRANSFER_PROTOCOL;
    return (struct rtse_open){
        .checkpoint_size = p->no_checkpoints ? 0 : p->checkpoint_size,
        .window_size = p->window_size,
        .dialogue = p->dialogue,
        .recover = p->recover,
        .id = p->recovered,
        .user_data = p->user_data,
        .protocol = is_1988 ? RTSE_APPLICATION_PROTOCOL_P1_1988 : RTSE_APPLICATION_PROTOCOL_P1,
    };
}

static bool wrap_request(struct osi_association *a, struct span rtorq, struct span *user_data) {
    const struct osi_parameters *p = &a->parameters;
    struct acse_associate associate = {.application_context = mts_transfer(),
                                       .calling = p->calling_entity,
                                       .called = p->called_entity,
                                       .user_context = 3, /* as presentation_connect numbers it */
                                       .user_data = rtorq};
    struct presentation_connect connect = {.calling = p->calling.p, .called = p->called.p};
    return acse_request(&a->acse, &associate, &connect.user_data) &&
           presentation_connect(&a->presentation, &connect, user_data);
}

void association_request(struct osi_association *a) {
    const struct osi_parameters *p = &a->parameters;
    a->codec.x410 = p->contexts != OSI_MTS_TRANSFER;
    struct rtse_open rtorq = proposal(a);
    struct session_connect connect = {.calling_selector = p->calling.s,
                                      .called_selector = p->called.s,
                                      .versions = p->session_versions,
                                      .units = SESSION_UNITS_RTSE,
                                      .tsdu_to_responder = (uint16_t)p->tsdu_size,
                                      .tsdu_to_initiator = (uint16_t)p->tsdu_size};
    if (p->dialogue == OSI_TWO_WAY_ALTERNATE && p->responder_turn)
        connect.token_setting = 0x15;
    struct span apdu;
    bool ok = session_id(a, &p->id, &connect.identifier) && rtse_rtorq_encode(&a->codec, &rtorq, &apdu);
    if (ok && a->codec.x410)
        connect.user_data = apdu;
    else
        ok = ok && wrap_request(a, apdu, &connect.user_data);
    a->state = RTSE_OPEN_REQUESTED;
    a->open.checkpoint_size = (unsigned)rtorq.checkpoint_size;
    a->open.window_size = (unsigned)rtorq.window_size;
    a->open.dialogue = p->dialogue;
    if (ok && session_connect(&a->session, &connect))
        return;
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_SESSION, false, -1, "user data",
                  "the connect data do not fit in session version 1");
    association_finish(a);
}

/* ---- RT-OPEN indication ---- */

/* Why an association is not made, in the words of each layer that says so. */
struct refusal {
    int presentation;      /* provider reason of CPR; PRESENTATION_USER_REFUSES: the layers above tell */
    int diagnostic;        /* of AARE; ACSE_NULL: RTORJ tells */
    bool by_acse_provider; /* whose diagnostic it is */
    int reason;            /* RTORJ's refuse reason, in X.410 mode only (X.228 §7.1.6.1) */
    struct span user_data; /* RTORJ's user data, in normal mode only (X.228 §7.1.6.2) */
};

/* Refuses above session: by CPR with AARE where there is one, and the REFUSE SPDU. */
static void refuse(struct osi_association *a, const struct refusal *why) {
    struct span apdu = {0}, rtorj = {0}, ppdu = {0};
    bool ok = rtse_rtorj_encode(&a->codec, why->reason, why->user_data, &rtorj);
    if (!a->codec.x410) {
        struct acse_associate answer = {
            .application_context = mts_transfer(),
            .called = a->parameters.called_entity,
            .result = why->reason == OSI_REFUSE_RTS_BUSY ? ACSE_REJECTED_TRANSIENT : ACSE_REJECTED_PERMANENT,
            .diagnostic = why->diagnostic,
            .by_provider = why->by_acse_provider,
            .user_context = a->presentation.context[SYNTAX_RTSE],
            .user_data = why->diagnostic == ACSE_NULL ? rtorj : (struct span){0}};
        if (a->acse.state == ACSE_STA2)
            ok = ok && acse_response(&a->acse, &answer, &apdu);
        ok = ok && presentation_refuse(&a->presentation, why->presentation, apdu, &ppdu);
    }
    session_refuse(&a->session, SESSION_REFUSE_USER_DATA,
                   ok ? (a->codec.x410 ? rtorj : ppdu) : (struct span){0});
    association_finish(a);
}

/* The cause is there already, as a protocol error or a refusal: a refusal is what the peer gets. */
static void refuse_for_cause(struct osi_association *a, const struct refusal *why) {
    a->cause.end = OSI_END_REFUSED;
    refuse(a, why);
}

static bool selector_matches(struct span required, struct span called) {
    return !required.data || span_eq(required, called);
}

/* True if RTSE's session functional units are proposed and the S-selector is ours. */
static bool accept_session(struct osi_association *a, const struct session_connect *connect) {
    if (!selector_matches(a->parameters.called.s, connect->called_selector)) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, SESSION_REFUSE_SELECTOR_UNKNOWN,
                      "called S-selector", "the called S-selector is not ours");
        session_refuse(&a->session, SESSION_REFUSE_SELECTOR_UNKNOWN, (struct span){0});
    } else if ((connect->units & SESSION_UNITS_RTSE) != SESSION_UNITS_RTSE) {
        osi_cause_set(
            &a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, SESSION_REFUSE_USER,
            "session user requirements",
            "functional units %04x are proposed, RTSE needs half-duplex, minor synchronize, activity "
            "management and exceptions",
            connect->units);
        session_refuse(&a->session, SESSION_REFUSE_USER, (struct span){0});
    } else if (!(connect->versions & a->parameters.session_versions)) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, SESSION_REFUSE_VERSIONS,
                      "session version", "no common session version");
        session_refuse(&a->session, SESSION_REFUSE_VERSIONS, (struct span){0});
    } else if (connect->tokens_apart) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, SESSION_REFUSE_USER,
                      "token setting item", "the tokens are not all on one side, as RTSE needs them");
        session_refuse(&a->session, SESSION_REFUSE_USER, (struct span){0});
    } else {
        return true;
    }
    association_finish(a);
    return false;
}

/* CP and AARQ of normal mode; `*rtorq` gets RTSE's APDU. False: refused already. */
static bool read_normal(struct osi_association *a, const struct presentation_connect *connect,
                        struct osi_open *open, struct span *rtorq) {
    struct acse_associate aarq;
    open->calling.p = connect->calling;
    open->called.p = connect->called;
    if (!selector_matches(a->parameters.called.p, connect->called)) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_PRESENTATION, false, PRESENTATION_ADDRESS_UNKNOWN,
                      "called P-selector", "the called P-selector is not ours");
        refuse_for_cause(a,
                         &(struct refusal){PRESENTATION_ADDRESS_UNKNOWN, ACSE_NO_REASON_GIVEN, .reason = -1});
        return false;
    }
    if (!acse_indication(&a->acse, connect->user_data, &aarq)) {
        refuse_for_cause(
            a, &(struct refusal){PRESENTATION_USER_DATA_NOT_READABLE, ACSE_NO_REASON_GIVEN, .reason = -1});
        return false;
    }
    if (!aarq.version_1) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_ACSE, false, ACSE_NO_COMMON_ACSE_VERSION,
                      "ACSE protocol version", "version 1 of ACSE is not proposed");
        refuse_for_cause(a, &(struct refusal){PRESENTATION_USER_REFUSES, ACSE_NO_COMMON_ACSE_VERSION,
                                              .by_acse_provider = true, .reason = -1});
        return false;
    }
    if (!span_eq(aarq.application_context, mts_transfer()) || !(a->parameters.contexts & OSI_MTS_TRANSFER)) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_ACSE, false,
                      ACSE_APPLICATION_CONTEXT_NAME_NOT_SUPPORTED, "application context name",
                      "the application context is not accepted here");
        refuse_for_cause(a, &(struct refusal){PRESENTATION_USER_REFUSES,
                                              ACSE_APPLICATION_CONTEXT_NAME_NOT_SUPPORTED, .reason = -1});
        return false;
    }
    open->calling_entity = aarq.calling;
    open->called_entity = aarq.called;
    open->context = OSI_MTS_TRANSFER;
    *rtorq = aarq.user_data;
    return true;
}

/* The application context of X.410 mode stands in RTORQ; absent means 1984's P1. */
static bool check_protocol(struct osi_association *a, const struct rtse_open *rtorq, struct osi_open *open) {
    bool is_1988 = rtorq->has_protocol && rtorq->protocol == RTSE_APPLICATION_PROTOCOL_P1_1988;
    bool is_1984 = !rtorq->has_protocol || rtorq->protocol == RTSE_APPLICATION_PROTOCOL_P1;
    if (!a->codec.x410)
        return true;
    open->context = is_1988 ? OSI_MTS_TRANSFER_PROTOCOL : OSI_MTS_TRANSFER_PROTOCOL_1984;
    if ((is_1988 || is_1984) && (a->parameters.contexts & open->context))
        return true;
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, false, OSI_REFUSE_VALIDATION_FAILURE,
                  "application protocol", "application protocol %lld is not accepted here",
                  (long long)(rtorq->has_protocol ? rtorq->protocol : RTSE_APPLICATION_PROTOCOL_P1));
    refuse_for_cause(a,
                     &(struct refusal){PRESENTATION_USER_REFUSES, .reason = OSI_REFUSE_VALIDATION_FAILURE});
    return false;
}

static bool check_dialogue(struct osi_association *a, const struct rtse_open *rtorq) {
    if (rtorq->dialogue != OSI_TWO_WAY_ALTERNATE || !a->parameters.refuse_two_way_alternate)
        return true;
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_RTSE, false, OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE,
                  "dialogue mode", "two-way alternate is not accepted here");
    refuse_for_cause(
        a, &(struct refusal){PRESENTATION_USER_REFUSES, .reason = OSI_REFUSE_UNACCEPTABLE_DIALOGUE_MODE});
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
    refuse_for_cause(a, &(struct refusal){PRESENTATION_USER_REFUSES, .reason = OSI_REFUSE_CANNOT_RECOVER});
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

static void indicate_open(struct osi_association *a, const struct rtse_open *rtorq, struct osi_open *open,
                          unsigned versions) {
    if (!check_protocol(a, rtorq, open) || !check_dialogue(a, rtorq) || !check_recovered(a, rtorq))
        return;
    agree(a, rtorq, open);
    keep_open(a, open);
    open->checkpoint_size = bounded(rtorq->checkpoint_size, UINT16_MAX);
    open->window_size = bounded(rtorq->window_size, UINT16_MAX);
    open->dialogue = a->open.dialogue = rtorq->dialogue;
    open->recover = a->open.recover = rtorq->recover;
    open->recovered = a->recovered = rtorq->id;
    open->session_version = versions & 2 ? 2 : 1;
    open->user_data = rtorq->user_data;
    a->open.session_version = open->session_version;
    a->state = RTSE_OPEN_INDICATED;
    association_push(a, &(struct osi_event){.type = OSI_EVENT_OPEN_INDICATION, .u.open = *open});
}

/* A copy in memory that lives until the next input: the TPDU is the owner's and may go earlier. */
static struct span keep(struct osi_association *a, struct span s) {
    return s.data ? arena_dup(&a->scratch, s) : s;
}

void association_connect_indication(struct osi_association *a, const struct session_connect *proposed) {
    struct osi_open open = {0};
    struct session_connect own = *proposed;
    const struct session_connect *connect = &own;
    struct presentation_connect cp;
    struct rtse_open rtorq;
    int provider_reason;
    if (!accept_session(a, connect))
        return;
    own.user_data = keep(a, proposed->user_data);
    set_transport_and_session_address(a, connect, &open);
    open.id = id_of_session(&connect->identifier);
    open.turn = connect->responder_tokens;
    if (!presentation_connect_indication(&a->presentation, connect->user_data, &cp, &provider_reason)) {
        refuse_for_cause(a, &(struct refusal){provider_reason, ACSE_NO_REASON_GIVEN, .reason = -1});
        return;
    }
    a->codec.x410 = cp.x410;
    struct span apdu = connect->user_data;
    if (!cp.x410 && !read_normal(a, &cp, &open, &apdu))
        return;
    if (!rtse_rtorq_decode(&a->codec, apdu, &rtorq)) {
        refuse_for_cause(a, &(struct refusal){PRESENTATION_USER_REFUSES, ACSE_NO_REASON_GIVEN,
                                              .reason = OSI_REFUSE_VALIDATION_FAILURE});
        return;
    }
    indicate_open(a, &rtorq, &open, connect->versions & a->parameters.session_versions);
}

/* ---- RT-OPEN response ---- */

static bool wrap_response(struct osi_association *a, struct span rtoac, struct span *user_data) {
    struct acse_associate answer = {.application_context = mts_transfer(),
                                    .called = a->parameters.called_entity,
                                    .user_context = a->presentation.context[SYNTAX_RTSE],
                                    .user_data = rtoac};
    struct span aare;
    return acse_response(&a->acse, &answer, &aare) &&
           presentation_accept(&a->presentation, a->parameters.called.p, aare, user_data);
}

bool osi_association_accept(struct osi_association *a, struct span user_data, int64_t now) {
    if (a->state != RTSE_OPEN_INDICATED || a->event_count > 0)
        return false;
    association_waits_from(a, now);
    struct rtse_open rtoac = {.checkpoint_size = a->open.checkpoint_size,
                              .window_size = a->open.window_size,
                              .recover = a->open.recover,
                              .user_data = user_data};
    struct session_connect answer = {.versions = a->open.session_version == 2 ? 2 : 1,
                                     .units = SESSION_UNITS_RTSE};
    if (!(a->session.proposal.versions & answer.versions))
        answer.versions = 2;
    if (rtoac.recover) /* the recovered connection is named again, as in RTORQ */
        rtoac.id = a->recovered;
    struct span apdu;
    bool ok = rtse_rtoac_encode(&a->codec, &rtoac, &apdu);
    if (ok && a->codec.x410)
        answer.user_data = apdu;
    else
        ok = ok && wrap_response(a, apdu, &answer.user_data);
    if (!ok || !session_accept(&a->session, &answer))
        return false;
    a->open.session_version = a->session.version;
    a->open.turn = session_owns(&a->session, SESSION_TOKEN_DATA);
    a->state = RTSE_OPEN;
    return true;
}

bool osi_association_refuse(struct osi_association *a, enum osi_refuse_reason reason, struct span user_data) {
    if (a->state != RTSE_OPEN_INDICATED || a->event_count > 0)
        return false;
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_USER, false, (int)reason, "",
                  "the user refused the association");
    refuse(a, &(struct refusal){
                  .presentation = PRESENTATION_USER_REFUSES, .reason = (int)reason, .user_data = user_data});
    return true;
}

/* ---- RT-OPEN confirm ---- */

static bool read_accept(struct osi_association *a, const struct session_connect *connect,
                        struct osi_open *open, struct span *rtoac) {
    struct presentation_connect cpa;
    struct acse_associate aare;
    *rtoac = connect->user_data;
    if (a->codec.x410)
        return true;
    if (!presentation_accepted(&a->presentation, connect->user_data, &cpa) ||
        !acse_confirm(&a->acse, cpa.user_data, &aare))
        return false;
    if (aare.result != 0)
        return osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_ACSE, true, aare.diagnostic,
                             acse_diagnostic_parameter(&aare),
                             "AARE rejects within an accepted presentation connection: %s",
                             acse_diagnostic_text(&aare));
    open->called.p = cpa.called;
    open->called_entity = aare.called;
    *rtoac = aare.user_data;
    return true;
}

void association_connect_confirm(struct osi_association *a, const struct session_connect *answer) {
    struct session_connect own = *answer;
    const struct session_connect *connect = &own;
    own.user_data = keep(a, answer->user_data);
    own.calling_selector = keep(a, answer->calling_selector);
    own.called_selector = keep(a, answer->called_selector);
    struct osi_open open = {.context = (enum osi_context)a->parameters.contexts,
                            .dialogue = a->parameters.dialogue,
                            .recover = a->parameters.recover,
                            .recovered = a->parameters.recovered,
                            .id = a->parameters.id,
                            .session_version = a->session.version};
    struct rtse_open rtoac;
    struct span apdu;
    set_transport_and_session_address(a, connect, &open);
    bool units = a->session.units == SESSION_UNITS_RTSE;
    if (!units)
        osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_SESSION, false, -1,
                      "session user requirements",
                      "the peer accepted without the functional units that RTSE needs");
    if (!units || !read_accept(a, connect, &open, &apdu) || !rtse_rtoac_decode(&a->codec, apdu, &rtoac)) {
        association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
        return;
    }
    /* An answer above the proposal breaks the rule of X.228 §7.1.3; the smaller of both is safe for either
     * side. */
    unsigned size = bounded(rtoac.checkpoint_size, UINT16_MAX),
             window = bounded(rtoac.window_size, WINDOW_MAXIMUM);
    bool above = a->open.checkpoint_size && size > a->open.checkpoint_size;
    open.checkpoint_size = above ? a->open.checkpoint_size : size;
    open.window_size = window == 0 ? 1 : window;
    open.turn = session_owns(&a->session, SESSION_TOKEN_DATA);
    open.user_data = rtoac.recover ? (struct span){0} : rtoac.user_data;
    keep_open(a, &open);
    a->state = RTSE_OPEN;
    association_push(a, &(struct osi_event){.type = OSI_EVENT_OPEN_CONFIRM, .u.open = open});
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

static const char *session_reason_text(int reason) {
    switch (reason) {
    case SESSION_REFUSE_USER_CONGESTION:
        return "temporary congestion at the SS-user";
    case SESSION_REFUSE_SELECTOR_UNKNOWN:
        return "session selector unknown";
    case SESSION_REFUSE_NOT_ATTACHED:
        return "SS-user not attached to SSAP";
    case SESSION_REFUSE_CONGESTION:
        return "congestion at connect time";
    case SESSION_REFUSE_VERSIONS:
        return "proposed protocol versions not supported";
    case SESSION_REFUSE_RESTRICTION:
        return "implementation restriction";
    default:
        return "reason not specified";
    }
}

/* The cause lives as long as the association. */
static struct span keep_with_cause(struct osi_association *a, struct span s) {
    return s.data ? arena_dup(&a->strings, s) : s;
}

/* A refusal by RTSE or its user, told by RTORJ. */
static void refused_by_rtse(struct osi_association *a, struct span apdu, const char *how) {
    int reason;
    struct span user_data;
    if (!rtse_rtorj_decode(&a->codec, apdu, &reason, &user_data))
        return;
    bool user = user_data.data != NULL;
    osi_cause_set(&a->cause, OSI_END_REFUSED, user ? OSI_LAYER_USER : OSI_LAYER_RTSE, true, reason,
                  refuse_reason_parameter(reason), "refused by %s%s: %s", how,
                  user ? " with a bind error" : "", refuse_reason_text(reason));
    a->cause.user_data = keep_with_cause(a, user_data);
}

/* Normal mode's user data begin with another octet: of an indefinite length, too. */
static bool is_x410_apdu(struct span user_data) {
    return user_data.len > 0 && user_data.data[0] == 0x31;
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

static void refused_above_session(struct osi_association *a, const struct session_connect *connect) {
    static const char *const provider[][2] = {{"reason not specified", ""},
                                              {"temporary congestion", ""},
                                              {"local limit exceeded", ""},
                                              {"called presentation address unknown", "called P-selector"},
                                              {"protocol version not supported", "presentation version"},
                                              {"default context not supported", "default context name"},
                                              {"user data not readable", "user data"},
                                              {"no PSAP available", "called P-selector"}};
    struct span apdu;
    int reason;
    struct acse_associate aare;
    if (a->codec.x410) {
        refused_by_rtse(a, connect->user_data, "RTORJ");
        return;
    }
    if (is_x410_apdu(connect->user_data)) {
        refused_in_x410_mode(a, connect->user_data);
        return;
    }
    if (!presentation_refused(&a->presentation, connect->user_data, &apdu, &reason))
        return;
    if (reason >= 0 || !apdu.data) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_PRESENTATION, true, reason,
                      reason >= 0 && reason < 8 ? provider[reason][1] : "", "CPR PPDU: %s",
                      reason >= 0 && reason < 8 ? provider[reason][0] : "unknown reason");
        return;
    }
    if (!acse_confirm(&a->acse, apdu, &aare))
        return;
    if (aare.user_data.data) {
        refused_by_rtse(a, aare.user_data, "AARE and RTORJ");
        return;
    }
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_ACSE, true, aare.diagnostic,
                  acse_diagnostic_parameter(&aare), "AARE: %s", acse_diagnostic_text(&aare));
}

void association_connect_refused(struct osi_association *a, const struct session_connect *connect) {
    if (connect->user_data.len > 0)
        refused_above_session(a, connect);
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, true, connect->reason,
                  connect->reason == SESSION_REFUSE_SELECTOR_UNKNOWN ? "called S-selector"
                  : connect->reason == SESSION_REFUSE_VERSIONS       ? "session version"
                                                                     : "",
                  "REFUSE SPDU: %s", session_reason_text(connect->reason));
    a->cause.end = OSI_END_REFUSED;
    a->cause.by_peer = true;
    association_finish(a);
}

/* ---- RT-CLOSE ---- */

bool osi_association_release(struct osi_association *a, (struct span){0}, int64_t now) {
    struct span user_data = {0}, rlrq;
    if (a->state != RTSE_OPEN || a->parameters.role != OSI_INITIATOR ||
        !session_owns(&a->session, SESSION_TOKEN_DATA | SESSION_TOKEN_MAJOR))
        return false;
    if (!a->codec.x410 && (!acse_release(&a->acse, &rlrq) ||
                           !presentation_wrap(&a->presentation, SYNTAX_ACSE, rlrq, &user_data)))
        return false;
    if (!session_release(&a->session, user_data))
        return false;
    a->state = RTSE_CLOSING;
    a->now = a->closing_since = now;
    return true;
}

static bool read_release(struct osi_association *a, struct span user_data,
                         bool (*read)(struct acse *acse, struct span apdu)) {
    enum presentation_syntax syntax;
    struct span apdu;
    return a->codec.x410 ||
           (presentation_unwrap(&a->presentation, user_data, &syntax, &apdu) && read(&a->acse, apdu));
}

void association_release_indication(struct osi_association *a, struct span user_data) {
    struct span answer = {0}, rlre;
    if (!read_release(a, user_data, acse_release_indication)) {
        association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
        return;
    }
    bool ok = a->codec.x410 || (acse_release_response(&a->acse, &rlre) &&
                                presentation_wrap(&a->presentation, SYNTAX_ACSE, rlre, &answer));
    if (!ok || !session_release_response(&a->session, answer)) {
        association_abort(a, OSI_ABORT_LOCAL_SYSTEM_PROBLEM);
        return;
    }
    association_push_type(a, OSI_EVENT_CLOSE_INDICATION);
    osi_cause_set(&a->cause, OSI_END_RELEASED, OSI_LAYER_USER, true, -1, "", "released by the initiator");
    association_finish(a);
}

void association_release_confirm(struct osi_association *a, struct span user_data) {
    if (read_release(a, user_data, acse_release_confirm))
        osi_cause_set(&a->cause, OSI_END_RELEASED, OSI_LAYER_USER, false, -1, "", "released");
    association_finish(a);
}

/* ---- aborts ---- */

static bool wrap_abort(struct osi_association *a, int reason, struct span data, bool rtse_speaks,
                       struct span *out) {
    struct span rtab = {0}, abrt;
    if (rtse_speaks && !rtse_rtab_encode(&a->codec, reason, data, &rtab))
        return false;
    if (a->codec.x410) {
        *out = rtab;
        return true;
    }
    int64_t context = a->presentation.context[SYNTAX_RTSE];
    return acse_abort(&a->acse, !rtse_speaks, context, rtab, &abrt) &&
           presentation_user_abort(&a->presentation, abrt, out);
}

static void send_abort(struct osi_association *a, int reason, struct span data) {
    bool associated = a->state >= RTSE_OPEN && a->state != RTSE_CLOSED;
    enum osi_layer layer = a->cause.layer;
    struct span out = {0};
    /* The cause may name a value in the scratch arena that ran out: a second arena failure only drops the
     * data. */
    if (!associated && a->state != RTSE_OPEN_REQUESTED) {
        session_provider_abort(&a->session, a->cause.end == OSI_END_PROTOCOL_ERROR);
    } else if (layer == OSI_LAYER_SESSION || layer == OSI_LAYER_TRANSPORT) {
        session_provider_abort(&a->session, a->cause.end == OSI_END_PROTOCOL_ERROR);
    } else if (layer == OSI_LAYER_PRESENTATION && !a->codec.x410) {
        presentation_provider_abort(&a->presentation, PRESENTATION_INVALID_PARAMETER_VALUE, &out);
        session_user_abort(&a->session, out);
    } else {
        wrap_abort(a, reason, data, layer != OSI_LAYER_ACSE, &out);
        session_user_abort(&a->session, out);
    }
}

void association_abort(struct osi_association *a, enum osi_abort_reason reason) {
    if (a->over)
        return;
    send_abort(a, (int)reason, (struct span){0});
    association_finish(a);
}

void association_protocol_error(struct osi_association *a, const char *parameter, const char *text) {
    osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_RTSE, false, OSI_ABORT_PROTOCOL_ERROR,
                  parameter, "%s", text);
    association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
}

void osi_association_user_abort(struct osi_association *a, struct span user_data) {
    if (a->over)
        return;
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_USER, false, OSI_ABORT_USER_ERROR, "",
                  "aborted by the user");
    send_abort(a, OSI_ABORT_USER_ERROR, user_data);
    association_finish(a);
}

void osi_association_abort(struct osi_association *a, enum osi_abort_reason reason, const char *text) {
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_RTSE, false, (int)reason, "", "%s", text);
    association_abort(a, reason);
}

static const char *abort_reason_text(int reason) {
    static const char *const names[] = {"localSystemProblem", "invalidParameter", "unrecognizedActivity",
                                        "temporaryProblem",   "protocolError",    "permanentProblem",
                                        "userError",          "transferCompleted"};
    return reason >= 0 && reason < 8 ? names[reason] : "no reason";
}

static bool read_abort(struct osi_association *a, struct span user_data, struct span *rtab) {
    *rtab = user_data;
    if (a->codec.x410 || is_x410_apdu(user_data))
        return true;
    struct span abrt;
    bool by_provider;
    int reason;
    if (!presentation_aborted(&a->presentation, user_data, &abrt, &reason))
        return false;
    if (!abrt.data)
        return osi_cause_set(&a->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_PRESENTATION, true, reason, "",
                             "ARP PPDU, provider reason %d", reason);
    if (!acse_aborted(&a->acse, abrt, &by_provider, rtab))
        return false;
    if (by_provider && !rtab->data)
        return osi_cause_set(&a->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_ACSE, true, -1, "",
                             "ABRT APDU of the ACSE service provider");
    return true;
}

void association_abort_indication(struct osi_association *a, struct span user_data) {
    struct span rtab, data = {0};
    int reason = -1;
    if (user_data.len > 0 && read_abort(a, user_data, &rtab) && rtab.data)
        rtse_rtab_decode(&a->codec, rtab, &reason, &data);
    bool user = reason == OSI_ABORT_USER_ERROR || data.data;
    const char *how = user_data.len == 0                          ? "ABORT SPDU of the SS-user"
                      : !a->codec.x410 && is_x410_apdu(user_data) ? "RTAB APDU of X.410 mode"
                                                                  : "RTAB APDU";
    osi_cause_set(&a->cause, user ? OSI_END_USER_ABORT : OSI_END_PROVIDER_ABORT,
                  user ? OSI_LAYER_USER : OSI_LAYER_RTSE, true, reason, "", "%s, %s", how,
                  abort_reason_text(reason));
    a->cause.by_peer = true;
    a->cause.user_data = keep_with_cause(a, data);
    association_finish(a);
}
