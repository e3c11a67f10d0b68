/* Session connection: CONNECT, its data overflow, ACCEPT and REFUSE (X.225 §7.1 to §7.5). */
#include "osi/session.h"

#include "osi/session_private.h"

#define V1_CONNECT_DATA_MAXIMUM 512
#define V2_CONNECT_DATA_MAXIMUM 10240
#define TOKEN_CALLED_CHOICE     2 /* in a pair of bits of the Token Setting Item */

static void put_identifier(struct spdu_writer *w, const struct session_identifier *id) {
    struct spdu_writer inner = {.len = 0};
    if (id->called.data)
        spdu_put(&inner, PI_CALLED_SS_USER_REFERENCE, id->called);
    if (id->calling.data)
        spdu_put(&inner, PI_CALLING_SS_USER_REFERENCE, id->calling);
    if (id->common.data)
        spdu_put(&inner, PI_COMMON_REFERENCE, id->common);
    if (id->additional.data)
        spdu_put(&inner, PI_ADDITIONAL_REFERENCE, id->additional);
    spdu_put_group(w, PGI_CONNECTION_IDENTIFIER, &inner);
}

static void put_connect_accept(struct spdu_writer *w, const struct session_connect *c, unsigned versions) {
    struct spdu_writer inner = {.len = 0};
    spdu_put_number(&inner, PI_PROTOCOL_OPTIONS, 0, 1); /* no extended concatenation */
    if (c->tsdu_to_responder || c->tsdu_to_initiator)
        spdu_put_number(&inner, PI_TSDU_MAXIMUM_SIZE,
                        (uint32_t)c->tsdu_to_responder << 16 | c->tsdu_to_initiator, 4);
    spdu_put_number(&inner, PI_VERSION_NUMBER, versions, 1);
    if (c->units & SESSION_HALF_DUPLEX ||
        c->units & (SESSION_MINOR_SYNCHRONIZE | SESSION_ACTIVITY_MANAGEMENT))
        spdu_put_number(&inner, PI_TOKEN_SETTING_ITEM, c->token_setting, 1);
    spdu_put_group(w, PGI_CONNECT_ACCEPT_ITEM, &inner);
}

static void put_selectors(struct spdu_writer *w, const struct session_connect *c) {
    if (c->calling_selector.data)
        spdu_put(w, PI_CALLING_SESSION_SELECTOR, c->calling_selector);
    if (c->called_selector.data)
        spdu_put(w, PI_CALLED_SESSION_SELECTOR, c->called_selector);
}

bool session_connect(struct session *s, const struct session_connect *c) {
    bool version_2 = (c->versions & 2) != 0;
    if (s->state != STA01C || !s->initiator || (!version_2 && c->user_data.len > V1_CONNECT_DATA_MAXIMUM))
        return false;
    struct spdu_writer w = {.len = 0};
    put_identifier(&w, &c->identifier);
    put_connect_accept(&w, c, c->versions);
    spdu_put_number(&w, PI_SESSION_USER_REQUIREMENTS, c->units, 2);
    put_selectors(&w, c);
    struct span first = span_sub(c->user_data, 0, V2_CONNECT_DATA_MAXIMUM);
    if (first.len < c->user_data.len) {
        spdu_put_number(&w, PI_DATA_OVERFLOW, 1, 1);
        if (!buf_append_span(&s->overflow, span_sub(c->user_data, first.len, c->user_data.len)))
            return false;
    }
    s->proposal = (struct session_connect){.versions = c->versions,
                                           .units = c->units,
                                           .token_setting = c->token_setting,
                                           .tsdu_to_responder = c->tsdu_to_responder,
                                           .tsdu_to_initiator = c->tsdu_to_initiator};
    if (!session_send(s, LEAD_NONE, SPDU_CN, &w, first))
        return false;
    s->state = s->overflow.len ? STA02B : STA02A;
    return true;
}

/* ---- the initiator's side of the answers ---- */

bool session_receive_oa(struct session *s, const struct spdu *spdu) {
    if (!(spdu_number(spdu->parameter[PI_VERSION_NUMBER], 2) & 2))
        return false;
    size_t at = 0;
    while (at < s->overflow.len) {
        struct span piece = span_sub(buf_span(&s->overflow), at, SPDU_MAXIMUM - 64);
        struct spdu_writer w = {.len = 0};
        at += piece.len;
        spdu_put_number(&w, PI_ENCLOSURE_ITEM, at == s->overflow.len ? ENCLOSURE_END : 0, 1);
        if (!session_send(s, LEAD_NONE, SPDU_CDO, &w, piece))
            return false;
    }
    buf_free(&s->overflow);
    s->state = STA02A;
    return true;
}

static struct session_identifier read_identifier(const struct spdu *spdu) {
    return (struct session_identifier){.called = spdu->parameter[PI_CALLED_SS_USER_REFERENCE],
                                       .calling = spdu->parameter[PI_CALLING_SS_USER_REFERENCE],
                                       .common = spdu->parameter[PI_COMMON_REFERENCE],
                                       .additional = spdu->parameter[PI_ADDITIONAL_REFERENCE]};
}

static void read_connect(const struct spdu *spdu, struct session_connect *c) {
    memset(c, 0, sizeof *c);
    uint32_t sizes = spdu_number(spdu->parameter[PI_TSDU_MAXIMUM_SIZE], 0);
    c->identifier = read_identifier(spdu);
    c->calling_selector = spdu->parameter[PI_CALLING_SESSION_SELECTOR];
    c->called_selector = spdu->parameter[PI_CALLED_SESSION_SELECTOR];
    c->versions = spdu_number(spdu->parameter[PI_VERSION_NUMBER], 1);
    /* Absent: half-duplex, minor synchronize, activity management, capability data, exceptions. */
    c->units = spdu_number(spdu->parameter[PI_SESSION_USER_REQUIREMENTS], 0x0349);
    c->token_setting = (uint8_t)spdu_number(spdu->parameter[PI_TOKEN_SETTING_ITEM], 0);
    c->tsdu_to_responder = (uint16_t)(sizes >> 16);
    c->tsdu_to_initiator = (uint16_t)sizes;
    c->user_data = spdu->user_data;
}

/* The tokens at the initiator's side by a Token Setting Item in which nothing is left to choose. */
static uint8_t initiators_tokens(uint8_t setting) {
    uint8_t tokens = 0;
    for (unsigned shift = 0; shift < 6; shift += 2)
        if ((setting >> shift & 3) == 0)
            tokens |= (uint8_t)(1u << shift);
    return tokens;
}

/* An ACCEPT SPDU may settle only what the CONNECT SPDU left to the called SS-user: we leave nothing. */
static bool tokens_as_proposed(const struct session *s, uint8_t setting) {
    uint8_t proposed = s->proposal.token_setting;
    return ((initiators_tokens(setting) ^ initiators_tokens(proposed)) & session_available(s)) == 0;
}

static void assign_tokens(struct session *s, uint8_t setting) {
    uint8_t tokens = initiators_tokens(setting);
    s->tokens = (uint8_t)((s->initiator ? tokens : ~tokens) & session_available(s));
}

bool session_receive_ac(struct session *s, const struct spdu *spdu) {
    struct session_connect c;
    read_connect(spdu, &c);
    unsigned common = c.versions & s->proposal.versions;
    s->version = common & 2 ? 2 : 1;
    s->units = c.units & s->proposal.units;
    s->tsdu_out = c.tsdu_to_responder;
    /* An answer must stay within the proposal (X.225 §7.4); a TSDU too small for any header is no answer. */
    bool within = common != 0 && (s->tsdu_out == 0 || s->tsdu_out >= COTP_TPDU_MINIMUM);
    if (!within)
        return osi_cause_set(s->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_SESSION, false, -1,
                             common ? "TSDU maximum size" : "session version",
                             "ACCEPT SPDU answers what was not proposed");
    uint8_t setting =
        spdu->parameter[PI_TOKEN_SETTING_ITEM].data ? c.token_setting : s->proposal.token_setting;
    if (!tokens_as_proposed(s, setting))
        return osi_cause_set(s->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_SESSION, false, -1,
                             "token setting item",
                             "ACCEPT SPDU gives the tokens to another side than proposed");
    assign_tokens(s, setting);
    s->state = STA713;
    session_up(
        s, &(struct session_indication){.primitive = S_CONNECT_CONFIRM, .connect = &c, .data = c.user_data});
    return true;
}

bool session_receive_rf(struct session *s, const struct spdu *spdu) {
    struct session_connect c;
    read_connect(spdu, &c);
    struct span reason = spdu->parameter[PI_REASON_CODE];
    c.reason = reason.len ? reason.data[0] : SESSION_REFUSE_USER;
    c.user_data = reason.len > 1 ? span_sub(reason, 1, reason.len) : (struct span){0};
    s->state = STA01;
    session_up(s,
               &(struct session_indication){
                   .primitive = S_CONNECT_REFUSED, .connect = &c, .data = c.user_data, .reason = c.reason});
    return true;
}

/* ---- the responder's side ---- */

static bool refuse_provider(struct session *s, int reason, const char *parameter, const char *text) {
    osi_cause_set(s->cause, OSI_END_REFUSED, OSI_LAYER_SESSION, false, reason, parameter, "%s", text);
    s->state = STA08;
    session_refuse(s, reason, (struct span){0});
    session_up(s, &(struct session_indication){.primitive = S_P_ABORT});
    return true;
}

/*
 * 'Called SS-user's choice' (10) is answered by the initiator's side, for RTSE has
 * an Initial-turn of one side for all tokens (X.228 §7.1.2), and in a monologue the
 * initiator could never ask for them. Other settings stay.
 */
static uint8_t settle_tokens(uint8_t setting) {
    for (unsigned shift = 0; shift < 8; shift += 2)
        if ((setting >> shift & 3) == TOKEN_CALLED_CHOICE)
            setting &= (uint8_t) ~(3u << shift);
    return setting;
}

/* Where the tokens of the proposed functional units would be when the connection is accepted. */
static void foresee_tokens(struct session_connect *c) {
    uint8_t available = session_tokens_of(c->units);
    uint8_t initiators = initiators_tokens(settle_tokens(c->token_setting)) & available;
    c->responder_tokens = initiators == 0;
    c->tokens_apart = initiators != 0 && initiators != available;
}

static void indicate_connect(struct session *s, struct session_connect *c) {
    s->state = STA08;
    foresee_tokens(c);
    session_up(s, &(struct session_indication){
                      .primitive = S_CONNECT_INDICATION, .connect = c, .data = c->user_data});
}

/* Keeps the parameters of a CN in memory of ours, for the answer to them comes in a later call. */
static bool hold(struct session *s, struct span *part) {
    return part->data == NULL || buf_append_span(&s->held, *part);
}

static void point(const struct buf *held, size_t *at, struct span *part) {
    if (!part->data)
        return;
    part->data = held->data + *at;
    *at += part->len;
}

static bool hold_proposal(struct session *s, const struct session_connect *c) {
    s->proposal = *c;
    struct session_connect *p = &s->proposal;
    struct span *parts[] = {&p->identifier.called,     &p->identifier.calling, &p->identifier.common,
                            &p->identifier.additional, &p->calling_selector,   &p->called_selector};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (!hold(s, parts[i]))
            return false;
    size_t at = 0;
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        point(&s->held, &at, parts[i]);
    p->user_data = (struct span){0};
    return true;
}

bool session_identifier_fits(const struct session_identifier *id) {
    return id->called.len <= SESSION_REFERENCE_MAXIMUM && id->calling.len <= SESSION_REFERENCE_MAXIMUM &&
           id->common.len <= SESSION_REFERENCE_MAXIMUM && id->additional.len <= SESSION_ADDITIONAL_MAXIMUM;
}

bool session_receive_cn(struct session *s, const struct spdu *spdu) {
    struct session_connect c;
    read_connect(spdu, &c);
    if (s->initiator)
        return false;
    if (!session_identifier_fits(&c.identifier) || c.calling_selector.len > SESSION_SELECTOR_MAXIMUM ||
        c.called_selector.len > SESSION_SELECTOR_MAXIMUM)
        return refuse_provider(s, SESSION_REFUSE_PROVIDER, "CONNECT SPDU",
                               "a parameter of the CONNECT SPDU is too long");
    if (!hold_proposal(s, &c))
        return false;
    if (!(c.versions & 3))
        return refuse_provider(s, SESSION_REFUSE_VERSIONS, "session version",
                               "neither version 1 nor 2 was proposed");
    if ((c.tsdu_to_initiator && c.tsdu_to_initiator < COTP_TPDU_MINIMUM))
        return refuse_provider(s, SESSION_REFUSE_RESTRICTION, "TSDU maximum size",
                               "the TSDU maximum size is too small");
    if (!(spdu_number(spdu->parameter[PI_DATA_OVERFLOW], 0) & 1)) {
        struct session_connect held = s->proposal; /* what outlives the TSDU */
        held.user_data = c.user_data;
        indicate_connect(s, &held);
        return true;
    }
    struct spdu_writer w = {.len = 0};
    spdu_put_number(&w, PI_VERSION_NUMBER, 2, 1);
    if (!buf_append_span(&s->overflow, c.user_data) ||
        !session_send(s, LEAD_NONE, SPDU_OA, &w, (struct span){0}))
        return false;
    s->state = STA01D;
    return true;
}

bool session_receive_cdo(struct session *s, const struct spdu *spdu) {
    if (!buf_append_span(&s->overflow, spdu->user_data))
        return osi_cause_set(s->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_SESSION, false, -1, "connect data",
                             "connect data is over the limit of %zu octets", s->limit);
    if (!(spdu_number(spdu->parameter[PI_ENCLOSURE_ITEM], ENCLOSURE_END) & ENCLOSURE_END))
        return true;
    struct session_connect c = s->proposal;
    c.user_data = buf_span(&s->overflow);
    indicate_connect(s, &c);
    return true;
}

/* The calling reference of the CN comes back as the called reference of AC and RF (as ISODE and X.228 users
 * do). */
static struct session_identifier answer_identifier(const struct session *s) {
    struct session_identifier id = s->proposal.identifier;
    id.called = id.calling;
    id.calling = (struct span){0};
    return id;
}

bool session_accept(struct session *s, const struct session_connect *c) {
    unsigned version = c->versions & s->proposal.versions;
    if (s->state != STA08 || version == 0)
        return false;
    s->version = version & 2 ? 2 : 1;
    s->units = c->units & s->proposal.units;
    s->tsdu_out = s->proposal.tsdu_to_initiator;
    struct session_connect answer = s->proposal;
    answer.units = s->units;
    answer.token_setting = settle_tokens(s->proposal.token_setting);
    struct spdu_writer w = {.len = 0};
    struct session_identifier id = answer_identifier(s);
    put_identifier(&w, &id);
    put_connect_accept(&w, &answer, s->version == 2 ? 2 : 1);
    spdu_put_number(&w, PI_SESSION_USER_REQUIREMENTS, s->units, 2);
    put_selectors(&w, &answer);
    if (!session_send(s, LEAD_NONE, SPDU_AC, &w, c->user_data))
        return false;
    assign_tokens(s, answer.token_setting);
    s->state = STA713;
    buf_free(&s->overflow);
    return true;
}

bool session_refuse(struct session *s, int reason, struct span user_data) {
    if (s->state != STA08)
        return false;
    struct spdu_writer w = {.len = 0};
    struct session_identifier id = answer_identifier(s);
    put_identifier(&w, &id);
    spdu_put_number(&w, PI_TRANSPORT_DISCONNECT, RELEASED, 1);
    if (reason < 128)
        spdu_put_number(&w, PI_SESSION_USER_REQUIREMENTS, SESSION_UNITS_RTSE, 2);
    spdu_put_number(&w, PI_VERSION_NUMBER, s->proposal.versions & 2 ? 2 : 1, 1);
    /* The reason code and the user data share one PI: it is written here, not by spdu_put, for its length. */
    uint8_t head[5] = {PI_REASON_CODE};
    size_t head_len = 1 + spdu_length_write(head + 1, 1 + user_data.len);
    head[head_len++] = (uint8_t)reason;
    uint8_t start[4] = {SPDU_RF};
    size_t length = w.len + head_len + user_data.len;
    if (w.failed || length > SPDU_MAXIMUM)
        return false;
    size_t start_len = 1 + spdu_length_write(start + 1, length);
    struct span parts[] = {span_of(start, start_len), span_of(w.octets, w.len), span_of(head, head_len),
                           user_data};
    s->state = STA16;
    return cotp_data(s->transport, parts, 4, true);
}
