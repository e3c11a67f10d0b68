/* RT-TURN-PLEASE and RT-TURN-GIVE (X.228 §7.4): PLEASE TOKENS with RTTP, and S-CONTROL-GIVE. */
#include "osi/association_private.h"

static bool may_turn(const struct osi_association *a) {
    return a->rtse.state >= RTSE_OPEN && a->open.dialogue == OSI_TWO_WAY_ALTERNATE;
}

bool osi_rt_has_turn(const struct osi_association *a) {
    return a->rtse.state >= RTSE_OPEN && a->session.state != STA18 &&
           session_owns(&a->session, SESSION_TOKEN_DATA | SESSION_TOKEN_MINOR | SESSION_TOKEN_MAJOR);
}

bool osi_rt_turn_please(struct osi_association *a, int priority, int64_t now) {
    struct span rttp, user_data;
    if (!may_turn(a) || osi_rt_has_turn(a) || !rtse_rttp_encode(&a->rtse.codec, priority, &rttp))
        return false;
    user_data = rttp;
    if (!a->x410 && !presentation_wrap(&a->presentation, OSI_SYNTAX_RTSE, rttp, &user_data))
        return false;
    association_waits_from(a, now);
    return session_token_please(&a->session, SESSION_TOKEN_DATA, user_data);
}

bool osi_rt_turn_give(struct osi_association *a, int64_t now) {
    if (!may_turn(a) || a->rtse.state != RTSE_OPEN || !session_control_give(&a->session))
        return false;
    association_waits_from(a, now);
    return true;
}

void rtse_turn_please(struct osi_association *a, struct span user_data) {
    enum osi_syntax syntax;
    struct span rttp = user_data;
    struct osi_event event = {.type = OSI_EVENT_TURN_PLEASE};
    if (!may_turn(a))
        return; /* in a monologue there is no turn to give */
    if (user_data.len > 0 &&
        ((!a->x410 && !presentation_unwrap(&a->presentation, user_data, &syntax, &rttp)) ||
         !rtse_rttp_decode(&a->rtse.codec, rttp, &event.u.priority))) {
        association_abort(a, OSI_ABORT_PROTOCOL_ERROR);
        return;
    }
    rtse_tell(a, &event);
}

void rtse_turn_received(struct osi_association *a) {
    rtse_tell_type(a, OSI_EVENT_TURN_GIVE);
}
