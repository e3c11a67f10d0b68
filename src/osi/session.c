/* The session machine on top of its parts: data, tokens, release and abort, the state table, SPDUs in. */
#include "osi/session.h"

#include "osi/session_private.h"

#define V1_ABORT_DATA_MAXIMUM 9  /* X.225 §8.3.9, version 1 */
#define STREAM_PROBE_MAXIMUM  64 /* GT or PT and a DT's parameters fit; a longer start is no plain DT */

/* ---- data out ---- */

static size_t parts_length(const struct span *parts, size_t count) {
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i].len;
    return total;
}

/* One DT with an Enclosure Item, carrying `take` octets of the parts from `*part`, `*offset` on. */
static bool send_dt_segment(struct session *s, const struct span *parts, size_t *part, size_t *offset,
                            size_t take, uint8_t enclosure) {
    uint8_t head[] = {SPDU_GT, 0, SPDU_DT, 3, PI_ENCLOSURE_ITEM, 1, enclosure};
    struct span pieces[8] = {span_of(head, sizeof head)};
    size_t count = 1;
    while (take > 0 && count < 8) {
        struct span piece = span_sub(parts[*part], *offset, take);
        pieces[count++] = piece;
        take -= piece.len;
        *offset += piece.len;
        if (*offset == parts[*part].len) {
            ++*part;
            *offset = 0;
        }
    }
    return cotp_data(s->transport, pieces, count, true);
}

static bool send_dt_segments(struct session *s, const struct span *parts, size_t total, bool first,
                             bool last) {
    size_t room = s->tsdu_out - 7u, part = 0, offset = 0, at = 0;
    do {
        size_t take = total - at < room ? total - at : room;
        uint8_t enclosure = first && at == 0 ? ENCLOSURE_BEGIN : 0;
        if (last && at + take == total)
            enclosure |= ENCLOSURE_END;
        if (!send_dt_segment(s, parts, &part, &offset, take, enclosure))
            return false;
        at += take;
    } while (at < total);
    return true;
}

bool session_data(struct session *s, const struct span *parts, size_t count, bool first, bool last) {
    static const uint8_t head[] = {SPDU_GT, 0, SPDU_DT, 0};
    bool in_activity = s->activity || !(s->units & SESSION_ACTIVITY_MANAGEMENT);
    if (s->state != STA713 || !in_activity || !session_owns(s, SESSION_TOKEN_DATA) || count > 6)
        return false;
    size_t total = parts_length(parts, count);
    bool whole = first && last && total + sizeof head <= s->tsdu_out;
    if (s->tsdu_out && !whole)
        return send_dt_segments(s, parts, total, first, last);
    struct span all[7] = {span_of(head, first ? sizeof head : 0)};
    for (size_t i = 0; i < count; i++)
        all[1 + i] = parts[i];
    s->sending = !last;
    return cotp_data(s->transport, all, count + 1, last);
}

/* ---- tokens ---- */

#define TOKEN_STATES                                                                                         \
    (IN(STA713) | IN(STA04B) | IN(STA05B) | IN(STA05C) | IN(STA10B) | IN(STA11B) | IN(STA11C) | IN(STA18) |  \
     IN(STA19) | IN(STA20) | IN(STA03) | IN(STA09))

static bool in_states(const struct session *s, uint32_t states) {
    return (states & IN(s->state)) != 0;
}

bool session_token_please(struct session *s, uint8_t tokens, struct span user_data) {
    if (!in_states(s, IN(STA713) | IN(STA10B)) || !session_peer_owns(s, tokens))
        return false;
    struct spdu_writer w = {.len = 0};
    spdu_put_number(&w, PI_TOKEN_ITEM, tokens & session_available(s), 1);
    return session_send(s, LEAD_NONE, SPDU_PT, &w, user_data);
}

bool session_control_give(struct session *s) {
    struct spdu_writer w = {.len = 0};
    if (s->state != STA713 || s->activity || !(s->units & SESSION_ACTIVITY_MANAGEMENT) ||
        !session_owns(s, ALL_TOKENS) || !session_send(s, LEAD_NONE, SPDU_GTC, &w, (struct span){0}))
        return false;
    s->state = STA18;
    return true;
}

/* GT with a Token Item: S-TOKEN-GIVE. It may also end an exception (X.225 §7.21.2). */
static bool receive_gt(struct session *s, const struct spdu *spdu) {
    uint8_t tokens = (uint8_t)spdu_number(spdu->parameter[PI_TOKEN_ITEM], 0) & session_available(s);
    if (tokens == 0)
        return true;
    if (!in_states(s, IN(STA713) | IN(STA19)) || !session_peer_owns(s, tokens))
        return false;
    s->tokens |= tokens;
    if (s->state == STA19)
        s->state = STA713;
    session_up(s, &(struct session_indication){.primitive = S_TOKEN_GIVE, .tokens = tokens});
    return true;
}

static bool receive_pt(struct session *s, const struct spdu *spdu) {
    uint8_t tokens = (uint8_t)spdu_number(spdu->parameter[PI_TOKEN_ITEM], 0) & session_available(s);
    if (tokens == 0)
        return true;
    if (!in_states(s, TOKEN_STATES))
        return false;
    session_up(s, &(struct session_indication){
                      .primitive = S_TOKEN_PLEASE, .tokens = tokens, .data = spdu->user_data});
    return true;
}

static bool receive_gtc(struct session *s, const struct spdu *spdu) {
    (void)spdu;
    struct spdu_writer w = {.len = 0};
    if (s->activity || !session_peer_owns(s, ALL_TOKENS) || !(s->units & SESSION_ACTIVITY_MANAGEMENT))
        return false;
    session_send(s, LEAD_NONE, SPDU_GTA, &w, (struct span){0});
    s->tokens = session_available(s);
    session_up(s, &(struct session_indication){.primitive = S_CONTROL_GIVE});
    return true;
}

static bool receive_gta(struct session *s, const struct spdu *spdu) {
    (void)spdu;
    s->tokens = 0;
    s->state = STA713;
    session_up(s, &(struct session_indication){.primitive = S_CONTROL_GIVE_ACK});
    return true;
}

/* ---- data ---- */

/* A DT's parameters; its user information follows, perhaps in later fragments. */
static bool begin_dt(struct session *s, const struct spdu *spdu) {
    bool in_activity = s->activity || !(s->units & SESSION_ACTIVITY_MANAGEMENT);
    if (!in_activity || !session_peer_owns(s, SESSION_TOKEN_DATA) || s->state == STA10B)
        return false;
    uint32_t whole = ENCLOSURE_BEGIN | ENCLOSURE_END;
    uint32_t enclosure = spdu_number(spdu->parameter[PI_ENCLOSURE_ITEM], whole);
    if (s->segmented == ((enclosure & ENCLOSURE_BEGIN) != 0))
        return false;
    s->stream_end = (enclosure & ENCLOSURE_END) != 0;
    s->segmented = !s->stream_end;
    return true;
}

/* True while an exception that we reported makes all but a recovery meaningless (X.225 §7.21). */
static bool data_is_ignored(const struct session *s) {
    return in_states(s, IN(STA19) | IN(STA05B) | IN(STA05C));
}

static void up_data(struct session *s, struct span data, bool end) {
    if (!data_is_ignored(s))
        session_up(s, &(struct session_indication){.primitive = S_DATA, .data = data, .end = end});
}

static bool receive_dt(struct session *s, const struct spdu *spdu) {
    if (!begin_dt(s, spdu))
        return false;
    up_data(s, spdu->information, s->stream_end);
    return true;
}

/* ---- release and abort ---- */

bool session_release(struct session *s, struct span user_data) {
    struct spdu_writer w = {.len = 0};
    spdu_put_number(&w, PI_TRANSPORT_DISCONNECT, RELEASED, 1);
    if (s->state != STA713 || s->activity || !session_owns(s, ALL_TOKENS) ||
        !session_send(s, LEAD_NONE, SPDU_FN, &w, user_data))
        return false;
    s->state = STA03;
    return true;
}

bool session_release_response(struct session *s, struct span user_data) {
    struct spdu_writer w = {.len = 0};
    if (s->state != STA09 || !session_send(s, LEAD_NONE, SPDU_DN, &w, user_data))
        return false;
    s->state = STA16;
    return true;
}

static bool receive_fn(struct session *s, const struct spdu *spdu) {
    if (s->activity || !session_peer_owns(s, ALL_TOKENS))
        return false;
    s->state = STA09;
    session_up(s, &(struct session_indication){.primitive = S_RELEASE_INDICATION, .data = spdu->user_data});
    return true;
}

static bool receive_dn(struct session *s, const struct spdu *spdu) {
    s->state = STA01;
    session_up(s, &(struct session_indication){.primitive = S_RELEASE_CONFIRM, .data = spdu->user_data});
    return true;
}

/* An SPDU can't be put inside a TSDU that is open: it ends first, broken off. */
static void end_open_tsdu(struct session *s) {
    if (s->sending)
        cotp_data(s->transport, NULL, 0, true);
    s->sending = false;
}

void session_user_abort(struct session *s, struct span user_data) {
    struct spdu_writer w = {.len = 0};
    end_open_tsdu(s);
    spdu_put_number(&w, PI_TRANSPORT_DISCONNECT, RELEASED | USER_ABORT, 1);
    if (s->version == 1 && user_data.len > V1_ABORT_DATA_MAXIMUM)
        user_data = (struct span){0};
    session_send(s, LEAD_NONE, SPDU_AB, &w, user_data);
    s->state = STA16;
}

void session_provider_abort(struct session *s, bool protocol_error) {
    struct spdu_writer w = {.len = 0};
    spdu_put_number(&w, PI_TRANSPORT_DISCONNECT, RELEASED | (protocol_error ? PROTOCOL_ERROR : RESTRICTION),
                    1);
    if (!in_states(s, IN(STA01) | IN(STA01B) | IN(STA01C) | IN(STA16)))
        session_send(s, LEAD_NONE, SPDU_AB, &w, (struct span){0});
    s->state = STA16;
}

static bool receive_ab(struct session *s, const struct spdu *spdu) {
    uint32_t disconnect = spdu_number(spdu->parameter[PI_TRANSPORT_DISCONNECT], RELEASED);
    struct spdu_writer none = {.len = 0};
    if (!(disconnect & RELEASED))
        session_send(s, LEAD_NONE, SPDU_AA, &none, (struct span){0});
    s->state = STA16;
    if (disconnect & USER_ABORT) {
        session_up(s, &(struct session_indication){.primitive = S_U_ABORT, .data = spdu->user_data});
        return true;
    }
    const char *why = disconnect & PROTOCOL_ERROR ? "protocol error"
                      : disconnect & RESTRICTION  ? "implementation restriction"
                                                  : "no reason given";
    osi_cause_set(s->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_SESSION, true, (int)disconnect, "",
                  "ABORT SPDU, %s", why);
    session_up(s, &(struct session_indication){.primitive = S_P_ABORT});
    return true;
}

static bool receive_aa(struct session *s, const struct spdu *spdu) {
    (void)spdu;
    s->state = STA01;
    return true;
}

/* ---- the state table ---- */

#define OVERTAKEN (IN(STA05B) | IN(STA05C))
#define DATA_PHASE                                                                                           \
    (IN(STA713) | IN(STA03) | IN(STA04B) | IN(STA05B) | IN(STA05C) | IN(STA09) | IN(STA10B) | IN(STA11B) |   \
     IN(STA11C) | IN(STA18) | IN(STA19) | IN(STA20))
#define ANY_CONNECTED (DATA_PHASE | IN(STA01D) | IN(STA02A) | IN(STA02B) | IN(STA08) | IN(STA16) | IN(STA01A))

static const struct session_row rows[] = {
    {"CONNECT", SPDU_CN, false, IN(STA01C), 0, session_receive_cn},
    {"ACCEPT", SPDU_AC, false, IN(STA02A), 0, session_receive_ac},
    {"REFUSE", SPDU_RF, false, IN(STA02A) | IN(STA02B), 0, session_receive_rf},
    {"OVERFLOW ACCEPT", SPDU_OA, false, IN(STA02B), 0, session_receive_oa},
    {"CONNECT DATA OVERFLOW", SPDU_CDO, false, IN(STA01D), 0, session_receive_cdo},
    {"GIVE TOKENS CONFIRM", SPDU_GTC, false, IN(STA713), 0, receive_gtc},
    {"GIVE TOKENS ACK", SPDU_GTA, false, IN(STA18), 0, receive_gta},
    {"FINISH", SPDU_FN, false, IN(STA713), 0, receive_fn},
    {"DISCONNECT", SPDU_DN, false, IN(STA03), 0, receive_dn},
    {"ABORT", SPDU_AB, false, ANY_CONNECTED, 0, receive_ab},
    {"ABORT ACCEPT", SPDU_AA, false, IN(STA16) | IN(STA01A), 0, receive_aa},
    {"DATA TRANSFER", SPDU_DT, true, IN(STA713) | IN(STA19) | IN(STA03), OVERTAKEN, receive_dt},
    {"ACTIVITY START", SPDU_AS, true, IN(STA713), 0, session_receive_as},
    {"ACTIVITY RESUME", SPDU_AR, true, IN(STA713), 0, session_receive_ar},
    {"ACTIVITY INTERRUPT", SPDU_AI, true, IN(STA713) | IN(STA10B) | IN(STA19), 0, session_receive_ai},
    {"ACTIVITY INTERRUPT ACK", SPDU_AIA, true, IN(STA05B), 0, session_receive_aia},
    {"ACTIVITY DISCARD", SPDU_AD, true, IN(STA713) | IN(STA10B) | IN(STA19), 0, session_receive_ad},
    {"ACTIVITY DISCARD ACK", SPDU_ADA, true, IN(STA05C), 0, session_receive_ada},
    {"ACTIVITY END", SPDU_AE, true, IN(STA713), IN(STA19), session_receive_ae},
    {"ACTIVITY END ACK", SPDU_AEA, true, IN(STA04B), OVERTAKEN | IN(STA20), session_receive_aea},
    {"MINOR SYNC POINT", SPDU_MIP, true, IN(STA713), IN(STA19), session_receive_mip},
    {"MINOR SYNC ACK", SPDU_MIA, true, IN(STA713) | IN(STA04B), OVERTAKEN | IN(STA20), session_receive_mia},
    {"EXCEPTION DATA", SPDU_ED, true, IN(STA713) | IN(STA04B), OVERTAKEN, session_receive_ed},
    {"EXCEPTION REPORT", SPDU_ER, true, IN(STA713) | IN(STA04B), OVERTAKEN, session_receive_er},
};

static const struct session_row *find_row(uint8_t si, bool concatenated) {
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].si == si && rows[i].concatenated == concatenated)
            return &rows[i];
    return NULL;
}

/* X.225 §A.4.1: an SPDU where the table has no entry is a protocol error: S-P-ABORT to both users. */
static bool fail(struct session *s, const char *what, const char *why) {
    osi_cause_set(s->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_SESSION, false, -1, what, "%s SPDU %s in %s",
                  what, why, session_state_name(s->state));
    session_provider_abort(s, true);
    session_up(s, &(struct session_indication){.primitive = S_P_ABORT});
    return false;
}

/* Joins the user data of a segmented SPDU other than DT to the parameters of its first segment (X.225
 * §6.3.5); true when it is whole (or was not segmented). */
static bool join_segments(struct session *s, struct spdu *spdu, bool *broken) {
    struct span item = spdu->parameter[PI_ENCLOSURE_ITEM];
    uint32_t enclosure = spdu_number(item, ENCLOSURE_BEGIN | ENCLOSURE_END);
    if (!item.data || spdu->si == SPDU_CDO || enclosure == (ENCLOSURE_BEGIN | ENCLOSURE_END))
        return true;
    if (enclosure & ENCLOSURE_BEGIN) {
        buf_clear(&s->overflow);
        buf_clear(&s->first);
        *broken = !buf_append_span(&s->first, spdu->raw);
        s->joining = spdu->si;
    }
    *broken = *broken || s->joining != spdu->si || !buf_append_span(&s->overflow, spdu->user_data);
    if (*broken || !(enclosure & ENCLOSURE_END))
        return false;
    s->joining = 0;
    *broken = !spdu_read(buf_span(&s->first), spdu);
    spdu->user_data = buf_span(&s->overflow);
    return !*broken;
}

static bool receive(struct session *s, struct spdu *spdu, bool concatenated) {
    const struct session_row *row = find_row(spdu->si, concatenated);
    if (!row)
        return fail(s, "unknown", "or of a functional unit that is not in use");
    if (in_states(s, row->ignored))
        return true;
    if (!in_states(s, row->states))
        return fail(s, row->name, "not allowed");
    bool broken = false, is_dt = concatenated && spdu->si == SPDU_DT;
    if (!is_dt && spdu->information.len > 0)
        return fail(s, row->name, "followed by another without extended concatenation");
    if (!is_dt && !join_segments(s, spdu, &broken))
        return broken ? fail(s, row->name, "whose segments do not fit, or are too long") : true;
    if (!row->receive(s, spdu))
        return osi_cause_is_set(s->cause) && s->state == STA16 ? false
                                                               : fail(s, row->name, "breaks a condition");
    return s->state != STA16 || !osi_cause_is_set(s->cause);
}

/* One whole TSDU: one SPDU of category 1, or one of category 0 with or without one of category 2. */
static bool process(struct session *s, struct span tsdu) {
    uint8_t si = tsdu.len ? tsdu.data[0] : 0;
    struct spdu lead;
    if (!spdu_read(tsdu, &lead))
        return fail(s, "unreadable", "whose lengths do not fit");
    if (si != SPDU_GT && si != SPDU_PT)
        return receive(s, &lead, false);
    if (!in_states(s, DATA_PHASE))
        return fail(s, si == SPDU_GT ? "GIVE TOKENS" : "PLEASE TOKENS", "not allowed");
    if (lead.information.len > 0) {
        struct spdu second;
        if (!spdu_read(lead.information, &second))
            return fail(s, "unreadable", "whose lengths do not fit");
        if (!receive(s, &second, true))
            return false;
    }
    /* The tokens pass after what they were concatenated with (X.225 §6.3.7). */
    if (si == SPDU_GT && !receive_gt(s, &lead))
        return fail(s, "GIVE TOKENS", "of tokens the peer does not own");
    if (si == SPDU_PT && !receive_pt(s, &lead))
        return fail(s, "PLEASE TOKENS", "not allowed");
    return true;
}

/*
 * If the TSDU that starts with `start` is data whose parameters are all there,
 * its user information goes up as it comes, without being gathered. `*used`
 * gets the octets before it.
 */
static bool try_stream(struct session *s, struct span start, size_t *used, bool *ok) {
    uint8_t si;
    size_t header, length;
    *ok = true;
    if (!in_states(s, IN(STA713) | IN(STA19) | IN(STA03)) ||
        !spdu_header_read(start, &si, &header, &length) || length != 0 || (si != SPDU_GT && si != SPDU_PT))
        return false;
    struct span rest = span_sub(start, header, start.len);
    if (!spdu_header_read(rest, &si, &header, &length) || si != SPDU_DT || header + length > rest.len)
        return false;
    struct spdu dt;
    if (!spdu_read(rest, &dt) || !begin_dt(s, &dt)) {
        *ok = fail(s, "DATA TRANSFER", "breaks a condition");
        return true;
    }
    *used = start.len - dt.information.len;
    s->streaming = true;
    return true;
}

/* What went up points into the gathered TSDU: it stays until the next input. */
static void set_aside(struct session *s) {
    s->done = s->tsdu;
    s->tsdu = (struct buf){.limit = s->limit, .secret = s->done.secret};
}

static bool stream(struct session *s, struct span fragment, bool end) {
    s->streaming = !end;
    if (fragment.len > 0 || end)
        up_data(s, fragment, end && s->stream_end);
    return s->state != STA16;
}

/* The first fragments of a TSDU that is not whole. */
static bool gather(struct session *s, struct span fragment, bool end) {
    bool ok;
    size_t used;
    if (!end && s->tsdu.len == 0 && try_stream(s, fragment, &used, &ok))
        return ok && stream(s, span_sub(fragment, used, fragment.len), false);
    if (!buf_append_span(&s->tsdu, fragment)) {
        osi_cause_set(s->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_SESSION, false, -1, "TSDU size",
                      "a TSDU is over the limit of %zu octets", s->limit);
        session_provider_abort(s, false);
        session_up(s, &(struct session_indication){.primitive = S_P_ABORT});
        return false;
    }
    if (!end && s->tsdu.len <= STREAM_PROBE_MAXIMUM && try_stream(s, buf_span(&s->tsdu), &used, &ok)) {
        set_aside(s);
        return ok && stream(s, span_sub(buf_span(&s->done), used, s->done.len), false);
    }
    if (!end)
        return true;
    set_aside(s);
    return process(s, buf_span(&s->done));
}

void session_release_tsdu(struct session *s) {
    buf_free(&s->done);
}

bool session_input(struct session *s, struct span fragment, bool end) {
    session_release_tsdu(s);
    if (s->state == STA01)
        return false;
    if (s->streaming)
        return stream(s, fragment, end);
    if (s->tsdu.len == 0 && end)
        return process(s, fragment);
    return gather(s, fragment, end);
}
