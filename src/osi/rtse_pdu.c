#include "osi/rtse_pdu.h"

#include "asn1/ber.h"
#include "schema/x228.h"

static bool encode(const struct rtse_codec *c, const struct ber_type *type, const void *value,
                   struct span *out) {
    return ber_encode_arena(type, value, c->arena, out, NULL) ||
           osi_cause_set(c->cause, OSI_END_MEMORY, OSI_LAYER_RTSE, false, -1, "", "no memory for an APDU");
}

static bool decode(const struct rtse_codec *c, const struct ber_type *type, const char *name, struct span in,
                   void *value) {
    struct ber_error error = {.text = "is missing"};
    if (in.data && ber_decode(type, in, c->arena, NULL, value, &error))
        return true;
    return osi_cause_set(c->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_RTSE, false, OSI_ABORT_PROTOCOL_ERROR,
                         name, "%s APDU: %s", name, error.text);
}

static bool wrong_apdu(const struct rtse_codec *c, const char *name) {
    return osi_cause_set(c->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_RTSE, false, OSI_ABORT_PROTOCOL_ERROR,
                         name, "another APDU came where %s is due", name);
}

/* ---- connection data ---- */

static void put_connection(const struct rtse_codec *c, const struct rtse_open *open,
                           struct x228_ConnectionData *data) {
    if (!open->recover) {
        data->choice = x228_ConnectionData_open;
        /* The user has nothing to say: an empty OCTET STRING keeps the mandatory element. */
        data->u.open = open->user_data.data ? open->user_data : SPAN_LIT("\x04\x00");
        return;
    }
    struct x228_SessionConnectionIdentifier *id = &data->u.recover;
    data->choice = x228_ConnectionData_recover;
    if (c->x410) {
        id->callingSSUserReference.choice = x228_CallingSSUserReference_teletex;
        id->callingSSUserReference.u.teletex = open->id.calling;
    } else {
        id->callingSSUserReference.choice = x228_CallingSSUserReference_octets;
        id->callingSSUserReference.u.octets = open->id.calling;
    }
    id->commonReference = open->id.common;
    id->additionalReferenceInformation = open->id.additional;
}

static void get_connection(const struct x228_ConnectionData *data, struct rtse_open *open) {
    open->recover = data->choice == x228_ConnectionData_recover;
    if (!open->recover) {
        open->user_data = data->u.open;
        return;
    }
    const struct x228_SessionConnectionIdentifier *id = &data->u.recover;
    bool teletex = id->callingSSUserReference.choice == x228_CallingSSUserReference_teletex;
    open->id.calling = teletex ? id->callingSSUserReference.u.teletex : id->callingSSUserReference.u.octets;
    open->id.common = id->commonReference;
    open->id.additional = id->additionalReferenceInformation;
}

/* ---- RTORQ and RTOAC ---- */

static void fill_rtorq(const struct rtse_codec *c, const struct rtse_open *open,
                       struct x228_RTORQapdu *rtorq) {
    rtorq->checkpointSize = open->checkpoint_size;
    rtorq->windowSize = open->window_size;
    rtorq->dialogueMode = open->dialogue;
    rtorq->has_applicationProtocol = c->x410;
    rtorq->applicationProtocol = open->protocol;
    put_connection(c, open, &rtorq->connectionDataRQ);
}

bool rtse_rtorq_encode(const struct rtse_codec *c, const struct rtse_open *open, struct span *out) {
    if (c->x410) {
        struct x228_PConnect pconnect = {0};
        fill_rtorq(c, open, &pconnect.pUserData);
        return encode(c, &x228_PConnect_type, &pconnect, out);
    }
    struct x228_RTSE_apdus apdu = {.choice = x228_RTSE_apdus_rtorq_apdu};
    fill_rtorq(c, open, &apdu.u.rtorq_apdu);
    return encode(c, &x228_RTSE_apdus_type, &apdu, out);
}

bool rtse_rtorq_decode(const struct rtse_codec *c, struct span in, struct rtse_open *open) {
    struct x228_PConnect pconnect = {0};
    struct x228_RTSE_apdus apdu = {0};
    const struct x228_RTORQapdu *rtorq = c->x410 ? &pconnect.pUserData : &apdu.u.rtorq_apdu;
    memset(open, 0, sizeof *open);
    if (!(c->x410 ? decode(c, &x228_PConnect_type, "RTORQ", in, &pconnect)
                  : decode(c, &x228_RTSE_apdus_type, "RTORQ", in, &apdu)))
        return false;
    if (!c->x410 && apdu.choice != x228_RTSE_apdus_rtorq_apdu)
        return wrong_apdu(c, "RTORQ");
    open->checkpoint_size = rtorq->checkpointSize;
    open->window_size = rtorq->windowSize;
    open->dialogue = rtorq->dialogueMode == 1 ? OSI_TWO_WAY_ALTERNATE : OSI_MONOLOGUE;
    open->has_protocol = rtorq->has_applicationProtocol;
    open->protocol = rtorq->applicationProtocol;
    get_connection(&rtorq->connectionDataRQ, open);
    return true;
}

static void fill_rtoac(const struct rtse_codec *c, const struct rtse_open *open,
                       struct x228_RTOACapdu *rtoac) {
    rtoac->checkpointSize = open->checkpoint_size;
    rtoac->windowSize = open->window_size;
    put_connection(c, open, &rtoac->connectionDataAC);
}

bool rtse_rtoac_encode(const struct rtse_codec *c, const struct rtse_open *open, struct span *out) {
    if (c->x410) {
        struct x228_PAccept paccept = {0};
        fill_rtoac(c, open, &paccept.pUserData);
        return encode(c, &x228_PAccept_type, &paccept, out);
    }
    struct x228_RTSE_apdus apdu = {.choice = x228_RTSE_apdus_rtoac_apdu};
    fill_rtoac(c, open, &apdu.u.rtoac_apdu);
    return encode(c, &x228_RTSE_apdus_type, &apdu, out);
}

bool rtse_rtoac_decode(const struct rtse_codec *c, struct span in, struct rtse_open *open) {
    struct x228_PAccept paccept = {0};
    struct x228_RTSE_apdus apdu = {0};
    const struct x228_RTOACapdu *rtoac = c->x410 ? &paccept.pUserData : &apdu.u.rtoac_apdu;
    memset(open, 0, sizeof *open);
    if (!(c->x410 ? decode(c, &x228_PAccept_type, "RTOAC", in, &paccept)
                  : decode(c, &x228_RTSE_apdus_type, "RTOAC", in, &apdu)))
        return false;
    if (!c->x410 && apdu.choice != x228_RTSE_apdus_rtoac_apdu)
        return wrong_apdu(c, "RTOAC");
    open->checkpoint_size = rtoac->checkpointSize;
    open->window_size = rtoac->windowSize;
    get_connection(&rtoac->connectionDataAC, open);
    return true;
}

/* ---- RTORJ and RTAB ---- */

bool rtse_rtorj_encode(const struct rtse_codec *c, int reason, struct span user_data, struct span *out) {
    if (c->x410) {
        struct x228_PRefuse prefuse = {.refuseReason = reason};
        return encode(c, &x228_PRefuse_type, &prefuse, out);
    }
    struct x228_RTSE_apdus apdu = {.choice = x228_RTSE_apdus_rtorj_apdu,
                                   .u.rtorj_apdu.userDataRJ = user_data};
    return encode(c, &x228_RTSE_apdus_type, &apdu, out);
}

bool rtse_rtorj_decode(const struct rtse_codec *c, struct span in, int *reason, struct span *user_data) {
    *reason = -1;
    *user_data = (struct span){0};
    if (c->x410) {
        struct x228_PRefuse prefuse = {0};
        if (!decode(c, &x228_PRefuse_type, "RTORJ", in, &prefuse))
            return false;
        *reason = (int)prefuse.refuseReason;
        return true;
    }
    struct x228_RTSE_apdus apdu = {0};
    if (!decode(c, &x228_RTSE_apdus_type, "RTORJ", in, &apdu))
        return false;
    if (apdu.choice != x228_RTSE_apdus_rtorj_apdu)
        return wrong_apdu(c, "RTORJ");
    if (apdu.u.rtorj_apdu.has_refuseReason)
        *reason = (int)apdu.u.rtorj_apdu.refuseReason;
    *user_data = apdu.u.rtorj_apdu.userDataRJ;
    return true;
}

/* permanentProblem and userError are for normal mode only (X.228 §7.9.2.4.1, §7.9.3.4.1). */
static int x410_abort_reason(int reason) {
    return reason == OSI_ABORT_PERMANENT_PROBLEM || reason == OSI_ABORT_USER_ERROR
               ? OSI_ABORT_LOCAL_SYSTEM_PROBLEM
               : reason;
}

bool rtse_rtab_encode(const struct rtse_codec *c, int reason, struct span user_data, struct span *out) {
    if (c->x410) {
        struct x228_AbortInformation information = {.has_abortReason = true,
                                                    .abortReason = x410_abort_reason(reason)};
        return encode(c, &x228_AbortInformation_type, &information, out);
    }
    struct x228_RTSE_apdus apdu = {.choice = x228_RTSE_apdus_rtab_apdu,
                                   .u.rtab_apdu = {.has_abortReason = true, .abortReason = reason}};
    apdu.u.rtab_apdu.userdataAB = user_data;
    return encode(c, &x228_RTSE_apdus_type, &apdu, out);
}

/* RTAB comes under other identifier octets, too: PP 6.0 writes UNIVERSAL 22 for [22], and X.410 mode's SET
 * where normal mode was proposed; X.410-1984 mode's as SEQUENCE. What stands in it is the same. */
static bool retag_rtab(const struct rtse_codec *c, struct span *in) {
    static const uint8_t seen[] = {0xB6, 0x36, 0x31, 0x30};
    uint8_t due = c->x410 ? 0x31 : 0xB6;
    if (in->len == 0 || in->data[0] == due || !memchr(seen, in->data[0], sizeof seen))
        return true;
    uint8_t *octets = arena_alloc(c->arena, in->len);
    if (!octets)
        return osi_cause_set(c->cause, OSI_END_MEMORY, OSI_LAYER_RTSE, false, -1, "",
                             "no memory for an APDU");
    memcpy(octets, in->data, in->len);
    octets[0] = due;
    *in = span_of(octets, in->len);
    return true;
}

bool rtse_rtab_decode(const struct rtse_codec *c, struct span in, int *reason, struct span *user_data) {
    *reason = -1;
    *user_data = (struct span){0};
    if (!retag_rtab(c, &in))
        return false;
    if (c->x410) {
        struct x228_AbortInformation information = {0};
        if (!decode(c, &x228_AbortInformation_type, "RTAB", in, &information))
            return false;
        *reason = information.has_abortReason ? (int)information.abortReason : -1;
        return true;
    }
    struct x228_RTSE_apdus apdu = {0};
    if (!decode(c, &x228_RTSE_apdus_type, "RTAB", in, &apdu))
        return false;
    if (apdu.choice != x228_RTSE_apdus_rtab_apdu)
        return wrong_apdu(c, "RTAB");
    *reason = apdu.u.rtab_apdu.has_abortReason ? (int)apdu.u.rtab_apdu.abortReason : -1;
    *user_data = apdu.u.rtab_apdu.userdataAB;
    return true;
}

/* ---- RTTP and references ---- */

bool rtse_rttp_encode(const struct rtse_codec *c, int priority, struct span *out) {
    x228_RTTPapdu value = priority;
    return encode(c, &x228_RTTPapdu_type, &value, out);
}

bool rtse_rttp_decode(const struct rtse_codec *c, struct span in, int *priority) {
    x228_RTTPapdu value = 0;
    if (!decode(c, &x228_RTTPapdu_type, "RTTP", in, &value))
        return false;
    *priority = value < 0 ? 0 : value > 255 ? 255 : (int)value;
    return true;
}

bool rtse_reference_encode(struct arena *arena, uint8_t tag, struct span text, struct span *out) {
    *out = (struct span){0};
    if (!text.data)
        return true;
    uint8_t *octets = text.len <= 127 ? arena_alloc(arena, text.len + 2) : NULL;
    if (!octets)
        return false;
    octets[0] = tag;
    octets[1] = (uint8_t)text.len;
    memcpy(octets + 2, text.data, text.len);
    *out = span_of(octets, text.len + 2);
    return true;
}

struct span rtse_reference_decode(struct span pi) {
    bool tagged = pi.len >= 2 && pi.data[1] == pi.len - 2 && pi.data[0] <= 0x1E;
    return tagged ? span_sub(pi, 2, pi.len) : pi;
}
