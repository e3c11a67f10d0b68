/* Opening: session, presentation and ACSE together, on either side; what the user adds is behind its table.
 */
#include "osi/association_private.h"
#include "osi/rtse_pdu.h"

enum { TAG_UTC_TIME = 0x17, TAG_T61_STRING = 0x14, TAG_OCTET_STRING = 0x04 };

/* ---- common ---- */

static bool session_id(struct osi_association *a, const struct osi_connection_id *id,
                       struct session_identifier *out) {
    uint8_t tag = a->x410 ? TAG_T61_STRING : TAG_OCTET_STRING;
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

/* ---- request ---- */

static void set_transport_and_session_address(struct osi_association *a,
                                              const struct session_connect *connect, struct osi_open *open) {
    open->calling.t = cotp_selector_span(&a->cotp.calling);
    open->called.t = cotp_selector_span(&a->cotp.called);
    open->calling.s = connect->calling_selector;
    open->called.s = connect->called_selector;
}

static bool wrap_request(struct osi_association *a, struct span apdu, struct span *user_data) {
    const struct osi_parameters *p = &a->parameters;
    const struct osi_context_row *row = osi_context_row((enum osi_context)p->contexts);
    struct acse_associate associate = {.application_context = *row->oid,
                                       .calling = p->calling_entity,
                                       .called = p->called_entity,
                                       .user_context = 3, /* as presentation_connect numbers the carrier */
                                       .user_data = apdu};
    struct presentation_connect connect = {.calling = p->calling.p, .called = p->called.p};
    return acse_request(&a->acse, &associate, &connect.user_data) &&
           presentation_connect(&a->presentation, &connect, user_data);
}

void association_request(struct osi_association *a) {
    const struct osi_parameters *p = &a->parameters;
    struct session_connect connect = {.calling_selector = p->calling.s,
                                      .called_selector = p->called.s,
                                      .versions = p->session_versions,
                                      .units = a->user->units,
                                      .tsdu_to_responder = (uint16_t)p->tsdu_size,
                                      .tsdu_to_initiator = (uint16_t)p->tsdu_size};
    if (p->dialogue == OSI_TWO_WAY_ALTERNATE && p->responder_turn)
        connect.token_setting = 0x15;
    struct span apdu;
    bool ok = session_id(a, &p->id, &connect.identifier) && a->user->request(a, &apdu);
    if (ok && a->x410)
        connect.user_data = apdu;
    else
        ok = ok && wrap_request(a, apdu, &connect.user_data);
    a->state = ASSOCIATION_REQUESTED;
    a->open.dialogue = p->dialogue;
    if (ok && session_connect(&a->session, &connect))
        return;
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_SESSION, false, -1, "user data",
                  "the connect data do not fit in session version 1");
    association_finish(a);
}

/* ---- indication ---- */

/* The application context that a refusal names: the one that was asked for where it is known here, else the
 * first that is accepted. */
static struct span context_of_answer(const struct osi_association *a) {
    unsigned contexts = a->parameters.contexts;
    const struct osi_context_row *row = a->presentation.row;
    for (unsigned bit = 0; bit < OSI_CONTEXT_COUNT && !row; bit++)
        if (contexts >> bit & 1 && osi_context_row((enum osi_context)(1u << bit))->oid)
            row = osi_context_row((enum osi_context)(1u << bit));
    return row ? *row->oid : *osi_context_row(OSI_MTS_TRANSFER)->oid;
}

/* Refuses above session: by CPR with AARE where there is one, and the REFUSE SPDU. */
static void refuse(struct osi_association *a, const struct association_refusal *why) {
    struct span aare = {0}, apdu = {0}, ppdu = {0};
    bool user_tells =
        a->x410 || (why->presentation == PRESENTATION_USER_REFUSES && why->diagnostic == ACSE_NULL);
    bool ok = !user_tells || a->user->refuse(a, why->reason, why->user_data, &apdu);
    if (!a->x410) {
        struct acse_associate answer = {
            .application_context = context_of_answer(a),
            .called = a->parameters.called_entity,
            .result = why->reason == OSI_REFUSE_RTS_BUSY ? ACSE_REJECTED_TRANSIENT : ACSE_REJECTED_PERMANENT,
            .diagnostic = why->diagnostic,
            .by_provider = why->by_acse_provider,
            .user_context = presentation_carrier(&a->presentation),
            .user_data = apdu};
        if (a->acse.state == ACSE_STA2 && why->presentation == PRESENTATION_USER_REFUSES)
            ok = ok && acse_response(&a->acse, &answer, &aare);
        ok = ok && presentation_refuse(&a->presentation, why->presentation, aare, &ppdu);
    }
    session_refuse(&a->session, SESSION_REFUSE_USER_DATA, ok ? (a->x410 ? apdu : ppdu) : (struct span){0});
    association_finish(a);
}

void association_refuse_for_cause(struct osi_association *a, const struct association_refusal *why) {
    a->cause.end = OSI_END_REFUSED;
    refuse(a, why);
}

/* Leaves the addresses of ours whose selector at `part` is the called one, or absent. False: none. */
static bool narrow(struct osi_association *a, size_t part, struct span called) {
    size_t left = 0;
    for (size_t i = 0; i < a->meant_count; i++) {
        const struct span *required = (const struct span *)((const char *)&a->meant[i] + part);
        if (!required->data || span_eq(*required, called))
            a->meant[left++] = a->meant[i];
    }
    a->meant_count = left;
    return left > 0;
}

/* True if a context that is accepted here can do with these session functional units. */
static bool units_suffice(const struct osi_association *a, unsigned units) {
    for (unsigned bit = 0; bit < OSI_CONTEXT_COUNT; bit++)
        if (a->parameters.contexts >> bit & 1 &&
            !(a->users[osi_context_row((enum osi_context)(1u << bit))->user]->units & ~units))
            return true;
    return false;
}

/* True if the S-selector is ours, and functional units, version and tokens are such as we can use. */
static bool accept_session(struct osi_association *a, const struct session_connect *connect) {
    if (!narrow(a, offsetof(struct osi_address, t), cotp_selector_span(&a->cotp.called)) ||
        !narrow(a, offsetof(struct osi_address, s), connect->called_selector)) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, SESSION_REFUSE_SELECTOR_UNKNOWN,
                      "called S-selector", "the called S-selector is not ours");
        session_refuse(&a->session, SESSION_REFUSE_SELECTOR_UNKNOWN, (struct span){0});
    } else if (!units_suffice(a, connect->units)) {
        osi_cause_set(
            &a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, SESSION_REFUSE_USER,
            "session user requirements",
            "functional units %04x are proposed, RTSE needs half-duplex, minor synchronize, activity "
            "management and exceptions, ROSE duplex",
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

static bool refuse_context(struct osi_association *a) {
    osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_ACSE, false,
                  ACSE_APPLICATION_CONTEXT_NAME_NOT_SUPPORTED, "application context name",
                  "the application context is not accepted here");
    association_refuse_for_cause(a, &(struct association_refusal){PRESENTATION_USER_REFUSES,
                                                                  ACSE_APPLICATION_CONTEXT_NAME_NOT_SUPPORTED,
                                                                  .reason = -1});
    return false;
}

/* The application context that AARQ names, if it is accepted here and has what it needs: its user is the one
 * of the association from now on. */
static bool settle_context(struct osi_association *a, struct span name, unsigned units) {
    const struct osi_context_row *row = osi_context_by_oid(name);
    if (!row || !(a->parameters.contexts & row->context))
        return refuse_context(a);
    struct association_refusal why = {PRESENTATION_REASON_NOT_SPECIFIED, ACSE_NO_REASON_GIVEN, .reason = -1};
    bool ok = presentation_settle(&a->presentation, row);
    a->user = a->users[row->user];
    if (ok && (a->user->units & ~units)) {
        why.presentation = PRESENTATION_USER_REFUSES;
        ok = osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, -1,
                           "session user requirements", "functional units %04x do not suffice for %s", units,
                           row->name);
    }
    if (!ok)
        association_refuse_for_cause(a, &why);
    return ok;
}

/* CP and AARQ of normal mode; `*apdu` gets the user's APDU. False: refused already. */
static bool read_normal(struct osi_association *a, const struct presentation_connect *connect, unsigned units,
                        struct osi_open *open, struct span *apdu) {
    struct acse_associate aarq;
    struct association_refusal why = {PRESENTATION_ADDRESS_UNKNOWN, ACSE_NO_REASON_GIVEN, .reason = -1};
    open->calling.p = connect->calling;
    open->called.p = connect->called;
    if (!narrow(a, offsetof(struct osi_address, p), connect->called)) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_PRESENTATION, false, PRESENTATION_ADDRESS_UNKNOWN,
                      "called P-selector", "the called P-selector is not ours");
        association_refuse_for_cause(a, &why);
        return false;
    }
    a->parameters.called = a->meant[0];
    if (!acse_indication(&a->acse, connect->user_data, &aarq)) {
        why.presentation = PRESENTATION_USER_DATA_NOT_READABLE;
        association_refuse_for_cause(a, &why);
        return false;
    }
    if (!aarq.version_1) {
        osi_cause_set(&a->cause, OSI_END_REFUSED, OSI_LAYER_ACSE, false, ACSE_NO_COMMON_ACSE_VERSION,
                      "ACSE protocol version", "version 1 of ACSE is not proposed");
        association_refuse_for_cause(
            a, &(struct association_refusal){PRESENTATION_USER_REFUSES, ACSE_NO_COMMON_ACSE_VERSION,
                                             .by_acse_provider = true, .reason = -1});
        return false;
    }
    if (!settle_context(a, aarq.application_context, units))
        return false;
    open->calling_entity = aarq.calling;
    open->called_entity = aarq.called;
    open->context = a->presentation.row->context;
    *apdu = aarq.user_data;
    return true;
}

void association_connect_indication(struct osi_association *a, const struct session_connect *proposed) {
    struct osi_open open = {0};
    struct session_connect own = *proposed;
    const struct session_connect *connect = &own;
    struct presentation_connect cp;
    int provider_reason;
    if (!accept_session(a, connect))
        return;
    own.user_data = association_keep(a, proposed->user_data);
    set_transport_and_session_address(a, connect, &open);
    open.id = id_of_session(&connect->identifier);
    open.turn = connect->responder_tokens;
    open.session_version = connect->versions & a->parameters.session_versions & 2 ? 2 : 1;
    if (!presentation_connect_indication(&a->presentation, connect->user_data, &cp, &provider_reason)) {
        association_refuse_for_cause(
            a, &(struct association_refusal){provider_reason, ACSE_NO_REASON_GIVEN, .reason = -1});
        return;
    }
    a->x410 = cp.x410;
    struct span apdu = connect->user_data;
    if (cp.x410) /* X.410 mode is RTSE's own */
        a->user = a->users[OSI_USER_RTSE];
    else if (!read_normal(a, &cp, connect->units, &open, &apdu))
        return;
    a->user->on_connect(a, apdu, &open);
}

void association_indicate_open(struct osi_association *a, const struct osi_open *open) {
    a->state = ASSOCIATION_INDICATED;
    a->answer_due = true;
    a->open.session_version = open->session_version;
    association_push(a, &(struct osi_event){.type = OSI_EVENT_OPEN_INDICATION, .u.open = *open});
}

/* ---- response ---- */

static bool wrap_response(struct osi_association *a, struct span apdu, struct span *user_data) {
    struct acse_associate answer = {.application_context = *a->presentation.row->oid,
                                    .called = a->parameters.called_entity,
                                    .user_context = presentation_carrier(&a->presentation),
                                    .user_data = apdu};
    struct span aare;
    return acse_response(&a->acse, &answer, &aare) &&
           presentation_accept(&a->presentation, a->parameters.called.p, aare, user_data);
}

bool osi_association_accept(struct osi_association *a, struct span user_data, int64_t now) {
    if (a->state != ASSOCIATION_INDICATED || a->event_count > 0)
        return false;
    association_waits_from(a, now);
    struct session_connect answer = {.versions = a->open.session_version == 2 ? 2 : 1,
                                     .units = a->user->units};
    if (!(a->session.proposal.versions & answer.versions))
        answer.versions = 2;
    struct span apdu;
    bool ok = a->user->accept(a, user_data, &apdu);
    if (ok && a->x410)
        answer.user_data = apdu;
    else
        ok = ok && wrap_response(a, apdu, &answer.user_data);
    if (!ok || !session_accept(&a->session, &answer))
        return false;
    a->open.session_version = a->session.version;
    a->open.turn = session_owns(&a->session, SESSION_TOKEN_DATA);
    a->state = ASSOCIATION_OPEN;
    a->answer_due = false;
    a->user->on_open(a);
    return true;
}

bool osi_association_refuse(struct osi_association *a, enum osi_refuse_reason reason, struct span user_data) {
    if (a->state != ASSOCIATION_INDICATED || a->event_count > 0)
        return false;
    osi_cause_set(&a->cause, OSI_END_LOCAL, OSI_LAYER_USER, false, (int)reason, "",
                  "the user refused the association");
    refuse(a, &(struct association_refusal){
                  .presentation = PRESENTATION_USER_REFUSES, .reason = (int)reason, .user_data = user_data});
    return true;
}

/* ---- confirm ---- */

static bool read_accept(struct osi_association *a, const struct session_connect *connect,
                        struct osi_open *open, struct span *apdu) {
    struct presentation_connect cpa;
    struct acse_associate aare;
    *apdu = connect->user_data;
    if (a->x410)
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
    *apdu = aare.user_data;
    return true;
}

void association_connect_confirm(struct osi_association *a, const struct session_connect *answer) {
    struct session_connect own = *answer;
    const struct session_connect *connect = &own;
    own.user_data = association_keep(a, answer->user_data);
    own.calling_selector = association_keep(a, answer->calling_selector);
    own.called_selector = association_keep(a, answer->called_selector);
    struct osi_open open = {.context = (enum osi_context)a->parameters.contexts,
                            .dialogue = a->parameters.dialogue,
                            .recover = a->parameters.recover,
                            .recovered = a->parameters.recovered,
                            .id = a->parameters.id,
                            .session_version = a->session.version};
    struct span apdu;
    set_transport_and_session_address(a, connect, &open);
    bool units = a->session.units == a->user->units;
    if (!units)
        osi_cause_set(
            &a->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_SESSION, false, -1, "session user requirements",
            "the peer accepted without the functional units that %s needs", osi_layer_name(a->user->layer));
    if (!units || !read_accept(a, connect, &open, &apdu) || !a->user->on_accept(a, apdu, &open)) {
        association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
        return;
    }
    open.turn = session_owns(&a->session, SESSION_TOKEN_DATA);
    association_keep_open(a, &open);
    a->state = ASSOCIATION_OPEN;
    association_push(a, &(struct osi_event){.type = OSI_EVENT_OPEN_CONFIRM, .u.open = open});
    a->user->on_open(a);
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
    if (a->x410 || association_is_x410_apdu(connect->user_data)) {
        a->user->on_refuse(a, connect->user_data, NULL);
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
        a->user->on_refuse(a, aare.user_data, "AARE");
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
