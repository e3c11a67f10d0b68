/* Activities, minor synchronization points and exceptions (X.225 §7.16 to §7.30). */
#include "osi/session.h"

#include "osi/session_private.h"

static const struct span NO_DATA = {NULL, 0};

/* Starts an activity's variables (X.225 §A.5.4). */
static void activity_begins(struct session *s, uint32_t next_serial) {
    s->activity = true;
    s->segmented = false;
    s->va = s->vm = next_serial;
    s->vsc = false;
}

static void activity_ends(struct session *s) {
    s->activity = false;
    s->segmented = false;
    s->state = STA713;
}

/* ---- start and resume ---- */

static bool may_start(const struct session *s) {
    return s->state == STA713 && !s->activity && (s->units & SESSION_ACTIVITY_MANAGEMENT) &&
           session_owns(s, ALL_TOKENS);
}

bool session_activity_start(struct session *s, struct span activity) {
    struct spdu_writer w = {.len = 0};
    spdu_put(&w, PI_ACTIVITY_IDENTIFIER, activity);
    if (!may_start(s) || activity.len > SESSION_ACTIVITY_ID_MAXIMUM ||
        !session_send(s, LEAD_GT, SPDU_AS, &w, NO_DATA))
        return false;
    activity_begins(s, 1);
    return true;
}

bool session_activity_resume(struct session *s, struct span activity, const struct session_identifier *old,
                             struct span old_activity, uint32_t serial) {
    struct spdu_writer w = {.len = 0}, linking = {.len = 0};
    if (old) {
        if (old->called.data)
            spdu_put(&linking, PI_CALLED_SS_USER_REFERENCE, old->called);
        spdu_put(&linking, PI_CALLING_SS_USER_REFERENCE, old->calling);
        spdu_put(&linking, PI_COMMON_REFERENCE, old->common);
        if (old->additional.data)
            spdu_put(&linking, PI_ADDITIONAL_REFERENCE, old->additional);
    }
    spdu_put(&linking, PI_ACTIVITY_IDENTIFIER, old_activity);
    spdu_put_serial(&linking, serial);
    spdu_put_group(&w, PGI_LINKING_INFORMATION, &linking);
    spdu_put(&w, PI_ACTIVITY_IDENTIFIER, activity);
    if (!may_start(s) || serial >= SESSION_SERIAL_MAXIMUM || !session_send(s, LEAD_GT, SPDU_AR, &w, NO_DATA))
        return false;
    activity_begins(s, serial + 1);
    return true;
}

static bool peer_may_start(const struct session *s) {
    return !s->activity && (s->units & SESSION_ACTIVITY_MANAGEMENT) && session_peer_owns(s, ALL_TOKENS);
}

static bool activity_identifier(const struct spdu *spdu, struct span *id) {
    *id = spdu->parameter[PI_ACTIVITY_IDENTIFIER];
    return id->len >= 1 && id->len <= SESSION_ACTIVITY_ID_MAXIMUM;
}

bool session_receive_as(struct session *s, const struct spdu *spdu) {
    struct session_indication up = {.primitive = S_ACTIVITY_START, .data = spdu->user_data};
    if (!peer_may_start(s) || !activity_identifier(spdu, &up.activity))
        return false;
    activity_begins(s, 1);
    session_up(s, &up);
    return true;
}

bool session_receive_ar(struct session *s, const struct spdu *spdu) {
    struct session_indication up = {.primitive = S_ACTIVITY_RESUME, .data = spdu->user_data};
    const struct span *linking = spdu->linking;
    up.old = (struct session_identifier){.called = linking[PI_CALLED_SS_USER_REFERENCE],
                                         .calling = linking[PI_CALLING_SS_USER_REFERENCE],
                                         .common = linking[PI_COMMON_REFERENCE],
                                         .additional = linking[PI_ADDITIONAL_REFERENCE]};
    up.old_activity = linking[PI_ACTIVITY_IDENTIFIER];
    if (!peer_may_start(s) || !activity_identifier(spdu, &up.activity) ||
        up.old_activity.len > SESSION_ACTIVITY_ID_MAXIMUM || !session_identifier_fits(&up.old) ||
        !spdu_serial_read(linking[PI_SERIAL_NUMBER], &up.serial))
        return false;
    activity_begins(s, up.serial + 1);
    session_up(s, &up);
    return true;
}

/* ---- interrupt and discard ---- */

#define STOPPABLE (IN(STA713) | IN(STA04B) | IN(STA20))

static bool stop(struct session *s, uint8_t si, int reason, enum session_state next) {
    struct spdu_writer w = {.len = 0};
    if (reason >= 0)
        spdu_put_number(&w, PI_REASON_CODE, (uint32_t)reason, 1);
    if (!(STOPPABLE & IN(s->state)) || !s->activity || !session_owns(s, SESSION_TOKEN_MAJOR) ||
        !session_send(s, LEAD_GT, si, &w, NO_DATA))
        return false;
    s->state = next;
    return true;
}

bool session_activity_interrupt(struct session *s, int reason) {
    return stop(s, SPDU_AI, reason, STA05B);
}

bool session_activity_discard(struct session *s, int reason) {
    return stop(s, SPDU_AD, reason, STA05C);
}

static bool stop_response(struct session *s, uint8_t si, enum session_state from) {
    struct spdu_writer w = {.len = 0};
    if (s->state != from || !session_send(s, LEAD_PT, si, &w, NO_DATA))
        return false;
    activity_ends(s);
    return true;
}

bool session_activity_interrupt_response(struct session *s) {
    return stop_response(s, SPDU_AIA, STA11B);
}

bool session_activity_discard_response(struct session *s) {
    return stop_response(s, SPDU_ADA, STA11C);
}

static bool stopped(struct session *s, const struct spdu *spdu, enum session_primitive primitive,
                    enum session_state next) {
    if (!s->activity || !session_peer_owns(s, SESSION_TOKEN_MAJOR))
        return false;
    struct span reason = spdu->parameter[PI_REASON_CODE];
    s->state = next;
    session_up(s, &(struct session_indication){.primitive = primitive,
                                               .reason = reason.len ? reason.data[0] : -1,
                                               .data = spdu->user_data});
    return true;
}

bool session_receive_ai(struct session *s, const struct spdu *spdu) {
    return stopped(s, spdu, S_ACTIVITY_INTERRUPT, STA11B);
}

bool session_receive_ad(struct session *s, const struct spdu *spdu) {
    return stopped(s, spdu, S_ACTIVITY_DISCARD, STA11C);
}

static bool stop_confirmed(struct session *s, enum session_primitive primitive) {
    activity_ends(s);
    session_up(s, &(struct session_indication){.primitive = primitive});
    return true;
}

bool session_receive_aia(struct session *s, const struct spdu *spdu) {
    (void)spdu;
    return stop_confirmed(s, S_ACTIVITY_INTERRUPT_CONFIRM);
}

bool session_receive_ada(struct session *s, const struct spdu *spdu) {
    (void)spdu;
    return stop_confirmed(s, S_ACTIVITY_DISCARD_CONFIRM);
}

/* ---- end ---- */

bool session_activity_end(struct session *s, uint32_t *serial) {
    struct spdu_writer w = {.len = 0};
    spdu_put_serial(&w, s->vm);
    if (s->state != STA713 || !s->activity || !session_owns(s, ALL_TOKENS) ||
        s->vm > SESSION_SERIAL_MAXIMUM || !session_send(s, LEAD_GT, SPDU_AE, &w, NO_DATA))
        return false;
    *serial = s->vm;
    s->state = STA04B;
    return true;
}

bool session_activity_end_response(struct session *s) {
    struct spdu_writer w = {.len = 0};
    spdu_put_serial(&w, s->vm);
    if (s->state != STA10B || !session_send(s, LEAD_PT, SPDU_AEA, &w, NO_DATA))
        return false;
    activity_ends(s);
    return true;
}

/* Sync Type Item with bit 1 set is a MAJOR SYNC POINT, whose functional unit is not in use (X.225 §8.3.23).
 */
bool session_receive_ae(struct session *s, const struct spdu *spdu) {
    uint32_t serial;
    if (!s->activity || s->segmented || !session_peer_owns(s, ALL_TOKENS) ||
        (spdu_number(spdu->parameter[PI_SYNC_TYPE_ITEM], 0) & 1) ||
        !spdu_serial_read(spdu->parameter[PI_SERIAL_NUMBER], &serial) || serial != s->vm)
        return false;
    s->state = STA10B;
    session_up(s, &(struct session_indication){
                      .primitive = S_ACTIVITY_END, .serial = serial, .data = spdu->user_data});
    return true;
}

bool session_receive_aea(struct session *s, const struct spdu *spdu) {
    uint32_t serial;
    if (!spdu_serial_read(spdu->parameter[PI_SERIAL_NUMBER], &serial) || serial != s->vm)
        return false;
    activity_ends(s);
    session_up(s, &(struct session_indication){.primitive = S_ACTIVITY_END_CONFIRM, .data = spdu->user_data});
    return true;
}

/* ---- minor synchronization points ---- */

/* V(A) and V(M) at a minor synchronization point, made by us or by the peer (X.225 §A.5.4). */
static void sync_point(struct session *s, bool ours) {
    if (ours == s->vsc)
        s->va = s->vm;
    s->vsc = !ours;
    s->vm++;
}

bool session_sync_minor(struct session *s, uint32_t *serial) {
    struct spdu_writer w = {.len = 0};
    spdu_put_serial(&w, s->vm); /* no Sync Type Item: explicit confirmation is wanted */
    if (s->state != STA713 || !s->activity || !session_owns(s, SESSION_TOKEN_MINOR | SESSION_TOKEN_DATA) ||
        s->vm > SESSION_SERIAL_MAXIMUM || !session_send(s, LEAD_GT, SPDU_MIP, &w, NO_DATA))
        return false;
    *serial = s->vm;
    sync_point(s, true);
    return true;
}

bool session_sync_minor_response(struct session *s, uint32_t serial) {
    struct spdu_writer w = {.len = 0};
    spdu_put_serial(&w, serial);
    bool state = s->state == STA713 || s->state == STA10B;
    if (!state || !s->activity || !s->vsc || serial < s->va || serial >= s->vm ||
        !session_send(s, LEAD_PT, SPDU_MIA, &w, NO_DATA))
        return false;
    s->va = serial + 1;
    return true;
}

bool session_receive_mip(struct session *s, const struct spdu *spdu) {
    uint32_t serial;
    if (!s->activity || s->segmented || !session_peer_owns(s, SESSION_TOKEN_MINOR | SESSION_TOKEN_DATA) ||
        !spdu_serial_read(spdu->parameter[PI_SERIAL_NUMBER], &serial) || serial != s->vm)
        return false;
    sync_point(s, false);
    session_up(s, &(struct session_indication){
                      .primitive = S_SYNC_MINOR, .serial = serial, .data = spdu->user_data});
    return true;
}

bool session_receive_mia(struct session *s, const struct spdu *spdu) {
    uint32_t serial;
    if (!s->activity || s->vsc || !spdu_serial_read(spdu->parameter[PI_SERIAL_NUMBER], &serial) ||
        serial < s->va || serial >= s->vm)
        return false;
    s->va = serial + 1;
    session_up(s, &(struct session_indication){
                      .primitive = S_SYNC_MINOR_CONFIRM, .serial = serial, .data = spdu->user_data});
    return true;
}

/* ---- exceptions ---- */

bool session_exception_report(struct session *s, int reason, struct span user_data) {
    struct spdu_writer w = {.len = 0};
    spdu_put_number(&w, PI_REASON_CODE, (uint32_t)reason, 1);
    bool state = s->state == STA713 || s->state == STA10B;
    if (!state || !s->activity || !(s->units & SESSION_EXCEPTIONS) || session_owns(s, SESSION_TOKEN_DATA) ||
        !session_send(s, LEAD_PT, SPDU_ED, &w, user_data))
        return false;
    s->state = STA19;
    return true;
}

static bool exception(struct session *s, const struct spdu *spdu, enum session_primitive primitive) {
    if (!s->activity || !(s->units & SESSION_EXCEPTIONS) || !session_owns(s, SESSION_TOKEN_DATA))
        return false;
    struct span reason = spdu->parameter[PI_REASON_CODE];
    s->state = STA20;
    session_up(s, &(struct session_indication){.primitive = primitive,
                                               .reason = reason.len ? reason.data[0] : -1,
                                               .data = spdu->user_data});
    return true;
}

bool session_receive_ed(struct session *s, const struct spdu *spdu) {
    return exception(s, spdu, S_U_EXCEPTION_REPORT);
}

bool session_receive_er(struct session *s, const struct spdu *spdu) {
    return exception(s, spdu, S_P_EXCEPTION_REPORT);
}
