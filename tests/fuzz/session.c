/*
 * The session machine. The first octet chooses the role; then come fragments of
 * TSDUs: two octets (high bit: the TSDU ends here; the rest: length) and the octets.
 * Each indication is answered where it wants an answer.
 */
#include "osi/session.h"

struct run {
    struct cotp cotp;
    struct session session;
    struct osi_cause cause;
    struct buf out;
    bool aborted;
};

static void answer(struct run *r, const struct session_indication *in) {
    struct session *s = &r->session;
    struct session_connect accept = {.versions = 3, .units = SESSION_UNITS_RTSE, .user_data = SPAN_LIT("ok")};
    uint32_t serial;
    switch (in->primitive) {
    case S_CONNECT_INDICATION:
        if (!(in->connect->versions & 1) ? !session_accept(s, &accept)
                                         : !session_refuse(s, 2, SPAN_LIT("no")))
            __builtin_trap();
        break;
    case S_CONNECT_CONFIRM:
        session_activity_start(s, SPAN_LIT("\x02\x01\x01"));
        session_data(s, &accept.user_data, 1, true, true);
        session_sync_minor(s, &serial);
        session_activity_end(s, &serial);
        break;
    case S_SYNC_MINOR:
        session_sync_minor_response(s, in->serial);
        break;
    case S_ACTIVITY_END:
        if (in->serial & 1)
            session_activity_end_response(s);
        else
            session_exception_report(s, 6, (struct span){0});
        break;
    case S_ACTIVITY_INTERRUPT:
        session_activity_interrupt_response(s);
        break;
    case S_ACTIVITY_DISCARD:
        session_activity_discard_response(s);
        break;
    case S_U_EXCEPTION_REPORT:
        session_activity_discard(s, in->reason);
        break;
    case S_CONTROL_GIVE:
        session_control_give(s);
        break;
    case S_RELEASE_INDICATION:
        session_release_response(s, (struct span){0});
        break;
    default:
        break;
    }
}

static void indicate(void *user, const struct session_indication *in) {
    struct run *r = user;
    uint8_t sum = 0;
    if (r->aborted)
        __builtin_trap(); /* nothing may follow an abort */
    for (size_t i = 0; i < in->data.len; i++)
        sum ^= in->data.data[i];
    r->aborted = in->primitive == S_P_ABORT || in->primitive == S_U_ABORT;
    if (!r->aborted || sum == 0)
        answer(r, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct run r = {0};
    struct span in = span_of(data, size), none = {0};
    if (size < 1)
        return 0;
    bool initiator = data[0] & 1;
    in = span_sub(in, 1, in.len);
    buf_init(&r.out, 1 << 20);
    cotp_init(&r.cotp, &r.out, &r.cause, 2048, none, none);
    r.cotp.state = COTP_OPEN;
    session_init(&r.session, &r.cotp, &r.cause, initiator, 65536, indicate, &r);
    session_transport_connected(&r.session);
    struct session_connect connect = {
        .versions = 3, .units = SESSION_UNITS_RTSE, .user_data = SPAN_LIT("hello")};
    if (initiator)
        session_connect(&r.session, &connect);
    while (in.len > 2 && !r.aborted) {
        size_t len = (size_t)(in.data[0] & 0x7F) << 8 | in.data[1];
        struct span fragment = span_sub(in, 2, len);
        if (!session_input(&r.session, fragment, in.data[0] & 0x80))
            break;
        in = span_sub(in, 2 + fragment.len, in.len);
    }
    session_free(&r.session);
    cotp_free(&r.cotp);
    buf_free(&r.out);
    return 0;
}
