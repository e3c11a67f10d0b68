/* Release and aborts: session, presentation and ACSE together with the user. */
#include "osi/association_private.h"

/* ---- release ---- */

bool osi_association_release(struct osi_association *a, struct span user_data, int64_t now) {
    struct span ppdu = {0}, rlrq;
    if (a->state != ASSOCIATION_OPEN || a->parameters.role != OSI_INITIATOR || !a->user->may_release(a))
        return false;
    if (!a->x410 && (!acse_release(&a->acse, presentation_carrier(&a->presentation), user_data, &rlrq) ||
                     !presentation_wrap(&a->presentation, OSI_SYNTAX_ACSE, rlrq, &ppdu)))
        return false;
    if (!session_release(&a->session, ppdu))
        return false;
    a->state = ASSOCIATION_CLOSING;
    a->user->on_end(a);
    a->now = a->closing_since = now;
    return true;
}

/* RLRQ or RLRE; `*argument` gets what the user put there, the unbind's argument or result. */
static bool read_release(struct osi_association *a, struct span user_data,
                         bool (*read)(struct acse *acse, struct span apdu, struct span *argument),
                         struct span *argument) {
    enum osi_syntax syntax;
    struct span apdu;
    *argument = (struct span){0};
    return a->x410 || (presentation_unwrap(&a->presentation, user_data, &syntax, &apdu) &&
                       read(&a->acse, apdu, argument));
}

void association_release_indication(struct osi_association *a, struct span user_data) {
    struct span answer = {0}, rlre, argument;
    if (!read_release(a, association_keep(a, user_data), acse_release_indication, &argument)) {
        association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
        return;
    }
    bool ok = a->x410 || (acse_release_response(&a->acse, &rlre) &&
                          presentation_wrap(&a->presentation, OSI_SYNTAX_ACSE, rlre, &answer));
    if (!ok || !session_release_response(&a->session, answer)) {
        association_abort(a, OSI_ABORT_LOCAL_SYSTEM_PROBLEM);
        return;
    }
    association_push(a, &(struct osi_event){.type = OSI_EVENT_CLOSE_INDICATION, .u.data = argument});
    osi_cause_set(&a->cause, OSI_END_RELEASED, OSI_LAYER_USER, true, -1, "", "released by the initiator");
    association_finish(a);
}

void association_release_confirm(struct osi_association *a, struct span user_data) {
    struct span result;
    if (read_release(a, user_data, acse_release_confirm, &result))
        osi_cause_set(&a->cause, OSI_END_RELEASED, OSI_LAYER_USER, false, -1, "", "released");
    association_finish(a);
}

/* ---- aborts ---- */

/* The user's APDU of an abort, in ABRT where there is one; `user_speaks` false leaves it out. */
static bool wrap_abort(struct osi_association *a, int reason, struct span data, bool user_speaks,
                       struct span *out) {
    struct span apdu = {0}, abrt;
    if (user_speaks && !a->user->abort(a, reason, data, &apdu))
        return false;
    if (a->x410) {
        *out = apdu;
        return true;
    }
    return acse_abort(&a->acse, !user_speaks, presentation_carrier(&a->presentation), apdu, &abrt) &&
           presentation_user_abort(&a->presentation, abrt, out);
}

static void send_abort(struct osi_association *a, int reason, struct span data) {
    bool associated = a->state == ASSOCIATION_OPEN || a->state == ASSOCIATION_CLOSING;
    enum osi_layer layer = a->cause.layer;
    struct span out = {0};
    /* The cause may name a value in the scratch arena that ran out: a second arena failure only drops the
     * data. */
    if (!associated && a->state != ASSOCIATION_REQUESTED) {
        session_provider_abort(&a->session, a->cause.end == OSI_END_PROTOCOL_ERROR);
    } else if (layer == OSI_LAYER_SESSION || layer == OSI_LAYER_TRANSPORT) {
        session_provider_abort(&a->session, a->cause.end == OSI_END_PROTOCOL_ERROR);
    } else if (layer == OSI_LAYER_PRESENTATION && !a->x410) {
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
    osi_cause_set(&a->cause, OSI_END_PROTOCOL_ERROR, a->user->layer, false, OSI_ABORT_PROTOCOL_ERROR,
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
    enum osi_layer layer = a->user ? a->user->layer : OSI_LAYER_RTSE;
    osi_cause_set(&a->cause, OSI_END_LOCAL, layer, false, (int)reason, "", "%s", text);
    association_abort(a, reason);
}

/* Normal mode's user data begin with another octet: of an indefinite length, too. */
bool association_is_x410_apdu(struct span user_data) {
    return user_data.len > 0 && user_data.data[0] == 0x31;
}

static bool read_abort(struct osi_association *a, struct span user_data, struct span *apdu) {
    *apdu = user_data;
    if (a->x410 || association_is_x410_apdu(user_data))
        return true;
    struct span abrt;
    bool by_provider;
    int reason;
    if (!presentation_aborted(&a->presentation, user_data, &abrt, &reason))
        return false;
    if (!abrt.data)
        return osi_cause_set(&a->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_PRESENTATION, true, reason, "",
                             "ARP PPDU, provider reason %d", reason);
    if (!acse_aborted(&a->acse, abrt, &by_provider, apdu))
        return false;
    if (by_provider && !apdu->data)
        return osi_cause_set(&a->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_ACSE, true, -1, "",
                             "ABRT APDU of the ACSE service provider");
    return true;
}

void association_abort_indication(struct osi_association *a, struct span user_data) {
    struct span apdu = {0};
    const char *how = user_data.len == 0                                ? "ABORT SPDU of the SS-user"
                      : !a->x410 && association_is_x410_apdu(user_data) ? "RTAB APDU of X.410 mode"
                                                                        : NULL;
    if (user_data.len > 0 && !read_abort(a, user_data, &apdu))
        apdu = (struct span){0};
    if (a->user)
        a->user->on_abort(a, apdu, how);
    osi_cause_set(&a->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_SESSION, true, -1, "", "%s",
                  how ? how : "ABRT APDU");
    a->cause.by_peer = true;
    association_finish(a);
}
