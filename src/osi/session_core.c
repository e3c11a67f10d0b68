/* What every part of the session machine stands on: its variables, tokens, and writing an SPDU. */
#include "osi/session.h"

#include "osi/session_private.h"

#define V1_USER_DATA_MAXIMUM 512 /* X.225 §8.3, version 1 */

const char *session_state_name(enum session_state state) {
    static const char *const names[SESSION_STATES] = {
        [STA01] = "STA 01",   [STA01A] = "STA 01A", [STA01B] = "STA 01B", [STA01C] = "STA 01C",
        [STA01D] = "STA 01D", [STA02A] = "STA 02A", [STA02B] = "STA 02B", [STA03] = "STA 03",
        [STA04B] = "STA 04B", [STA05B] = "STA 05B", [STA05C] = "STA 05C", [STA08] = "STA 08",
        [STA09] = "STA 09",   [STA10B] = "STA 10B", [STA11B] = "STA 11B", [STA11C] = "STA 11C",
        [STA16] = "STA 16",   [STA18] = "STA 18",   [STA19] = "STA 19",   [STA20] = "STA 20",
        [STA713] = "STA 713",
    };
    return names[state];
}

void session_init(struct session *s, struct cotp *transport, struct osi_cause *cause, bool initiator,
                  size_t limit, session_indicate *indicate, void *user) {
    memset(s, 0, sizeof *s);
    s->state = initiator ? STA01B : STA01;
    s->transport = transport;
    s->cause = cause;
    s->initiator = initiator;
    s->limit = limit;
    s->indicate = indicate;
    s->user = user;
    s->version = 2;
    buf_init_secret(&s->tsdu, limit);
    buf_init_secret(&s->overflow, limit);
    buf_init_secret(&s->first, limit);
    buf_init_secret(&s->held, limit);
    buf_init_secret(&s->done, limit);
}

void session_no_secret(struct session *s) {
    struct buf *all[] = {&s->tsdu, &s->overflow, &s->first, &s->held, &s->done};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        buf_no_secret(all[i]);
}

void session_free(struct session *s) {
    buf_free(&s->tsdu);
    buf_free(&s->overflow);
    buf_free(&s->first);
    buf_free(&s->held);
    buf_free(&s->done);
}

void session_transport_connected(struct session *s) {
    s->state = STA01C;
}

void session_up(struct session *s, const struct session_indication *indication) {
    s->indicate(s->user, indication);
}

uint8_t session_tokens_of(unsigned units) {
    uint8_t tokens = 0;
    if (units & SESSION_HALF_DUPLEX)
        tokens |= SESSION_TOKEN_DATA;
    if (units & SESSION_MINOR_SYNCHRONIZE)
        tokens |= SESSION_TOKEN_MINOR;
    if (units & SESSION_ACTIVITY_MANAGEMENT)
        tokens |= SESSION_TOKEN_MAJOR;
    return tokens;
}

uint8_t session_available(const struct session *s) {
    return session_tokens_of(s->units);
}

bool session_owns(const struct session *s, uint8_t tokens) {
    return (session_available(s) & tokens & ~s->tokens) == 0;
}

bool session_peer_owns(const struct session *s, uint8_t tokens) {
    return (session_available(s) & tokens & s->tokens) == 0;
}

/* ---- writing ---- */

static size_t lead_write(uint8_t out[static 2], enum session_lead lead) {
    if (lead == LEAD_NONE)
        return 0;
    out[0] = lead == LEAD_GT ? SPDU_GT : SPDU_PT;
    out[1] = 0;
    return 2;
}

static bool send_whole(struct session *s, enum session_lead lead, uint8_t si,
                       const struct spdu_writer *parameters, struct span user_data) {
    uint8_t head[8], data_head[4];
    size_t head_len = lead_write(head, lead), data_head_len = 0;
    if (user_data.data) {
        data_head[0] =
            si == SPDU_CN && user_data.len > V1_USER_DATA_MAXIMUM ? PGI_EXTENDED_USER_DATA : PGI_USER_DATA;
        data_head_len = 1 + spdu_length_write(data_head + 1, user_data.len);
    }
    size_t length = parameters->len + data_head_len + user_data.len;
    if (parameters->failed || length > SPDU_MAXIMUM)
        return false;
    head[head_len++] = si;
    head_len += spdu_length_write(head + head_len, length);
    struct span parts[] = {span_of(head, head_len), span_of(parameters->octets, parameters->len),
                           span_of(data_head, data_head_len), user_data};
    return cotp_data(s->transport, parts, 4, true);
}

/* Parameters go with the first segment; each has an Enclosure Item (X.225 §6.3.5). */
static bool send_segments(struct session *s, enum session_lead lead, uint8_t si,
                          const struct spdu_writer *parameters, struct span user_data) {
    size_t room = s->tsdu_out - 16u;
    if (parameters->len + 16 >= room)
        return false;
    size_t at = 0;
    do {
        struct spdu_writer segment = {.len = 0};
        size_t take = at == 0 ? room - parameters->len : room;
        bool end = user_data.len - at <= take;
        spdu_put_number(&segment, PI_ENCLOSURE_ITEM,
                        (at == 0 ? ENCLOSURE_BEGIN : 0) | (end ? ENCLOSURE_END : 0), 1);
        if (at == 0 && parameters->len) {
            memcpy(segment.octets + segment.len, parameters->octets, parameters->len);
            segment.len += parameters->len;
        }
        struct span piece = span_sub(user_data, at, take);
        if (!send_whole(s, lead, si, &segment, piece))
            return false;
        at += piece.len;
    } while (at < user_data.len);
    return true;
}

static bool may_segment(const struct session *s, uint8_t si) {
    return s->version == 2 && s->tsdu_out && si != SPDU_CN && si != SPDU_AC && si != SPDU_RF &&
           si != SPDU_CDO;
}

bool session_send(struct session *s, enum session_lead lead, uint8_t si, const struct spdu_writer *parameters,
                  struct span user_data) {
    if (may_segment(s, si) && parameters->len + user_data.len + 16 > s->tsdu_out)
        return send_segments(s, lead, si, parameters, user_data);
    return send_whole(s, lead, si, parameters, user_data);
}
