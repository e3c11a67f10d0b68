#include "osi/cotp.h"

#include <stdio.h>

#include "base/log.h"
#include "base/reader.h"

/* TPDU codes in the high nibble (X.224 table 8). */
enum { TPDU_ED = 0x10, TPDU_ER = 0x70, TPDU_DR = 0x80, TPDU_CC = 0xD0, TPDU_CR = 0xE0, TPDU_DT = 0xF0 };

/* Parameters of the variable part (X.224 §13.3.4). */
enum {
    PARAMETER_TPDU_SIZE = 0xC0,
    PARAMETER_CALLING = 0xC1, /* in an ER: the rejected TPDU */
    PARAMETER_CALLED = 0xC2,
    PARAMETER_ALTERNATIVE_CLASS = 0xC7,
    PARAMETER_PREFERRED_SIZE = 0xF0,
};

/* ER reject causes (X.224 §13.12.3). */
enum { ER_NOT_SPECIFIED = 0, ER_PARAMETER_CODE = 1, ER_TPDU_TYPE = 2, ER_PARAMETER_VALUE = 3 };

#define DT_HEADER 3
#define EOT       0x80

struct connect_tpdu {
    uint16_t destination, source;
    uint8_t class_option;
    struct span calling, called, alternatives;
    unsigned size;      /* octets by parameter C0, 0 absent */
    unsigned preferred; /* octets by parameter F0, 0 absent */
};

static bool selector_set(struct cotp_selector *selector, struct span s) {
    selector->len = -1;
    if (!s.data)
        return true;
    if (s.len > COTP_TSELECTOR_MAXIMUM)
        return false;
    selector->len = (int)s.len;
    memcpy(selector->octets, s.data, s.len);
    return true;
}

struct span cotp_selector_span(const struct cotp_selector *selector) {
    return selector->len < 0 ? (struct span){NULL, 0} : span_of(selector->octets, (size_t)selector->len);
}

bool cotp_init(struct cotp *c, struct buf *out, struct osi_cause *cause, unsigned tpdu_size,
               struct span calling, struct span called) {
    memset(c, 0, sizeof *c);
    tpkt_init(&c->tpkt);
    c->out = out;
    c->cause = cause;
    c->tpdu_size = tpdu_size;
    c->local_reference = 1; /* one connection on each network connection: any value but 0 is unique */
    return tpdu_size >= COTP_TPDU_MINIMUM && tpdu_size <= COTP_TPDU_MAXIMUM &&
           selector_set(&c->calling, calling) && selector_set(&c->called, called);
}

void cotp_free(struct cotp *c) {
    tpkt_free(&c->tpkt);
}

/* ---- writing ---- */

static bool write_tpdu(struct cotp *c, const struct buf *tpdu) {
    uint8_t header[TPKT_HEADER];
    tpkt_header(header, tpdu->len);
    return !tpdu->failed && buf_append(c->out, header, sizeof header) &&
           buf_append(c->out, tpdu->data, tpdu->len);
}

static void append_parameter(struct buf *tpdu, uint8_t code, struct span value) {
    buf_append_byte(tpdu, code);
    buf_append_byte(tpdu, (uint8_t)value.len);
    buf_append_span(tpdu, value);
}

/* The exponent of the largest size that C0 may name for class 0 (2048, X.224 §13.3.4 b) within `size`. */
static uint8_t size_exponent(unsigned size) {
    uint8_t exponent = 7;
    while (exponent < 11 && (2u << exponent) <= size)
        exponent++;
    return exponent;
}

static void append_preferred(struct buf *tpdu, unsigned size) {
    uint8_t value[2] = {(uint8_t)(size / 128 >> 8), (uint8_t)(size / 128)};
    append_parameter(tpdu, PARAMETER_PREFERRED_SIZE, span_of(value[0] ? value : value + 1, value[0] ? 2 : 1));
}

static bool send_connect(struct cotp *c, uint8_t code, bool with_size, bool with_preferred,
                         bool with_selectors) {
    struct buf tpdu;
    buf_init(&tpdu, 255);
    buf_append_byte(&tpdu, 0);
    buf_append_byte(&tpdu, code);
    buf_append_u16(&tpdu, c->remote_reference);
    buf_append_u16(&tpdu, c->local_reference);
    buf_append_byte(&tpdu, 0); /* class 0, no options */
    if (with_selectors && c->calling.len >= 0)
        append_parameter(&tpdu, PARAMETER_CALLING, cotp_selector_span(&c->calling));
    if (with_selectors && c->called.len >= 0)
        append_parameter(&tpdu, PARAMETER_CALLED, cotp_selector_span(&c->called));
    uint8_t exponent = size_exponent(c->tpdu_size);
    if (with_size)
        append_parameter(&tpdu, PARAMETER_TPDU_SIZE, span_of(&exponent, 1));
    if (with_preferred)
        append_preferred(&tpdu, c->tpdu_size);
    if (!tpdu.failed)
        tpdu.data[0] = (uint8_t)(tpdu.len - 1);
    bool ok = write_tpdu(c, &tpdu);
    buf_free(&tpdu);
    return ok;
}

bool cotp_connect(struct cotp *c) {
    c->state = COTP_WFCC;
    c->preferred_proposed = c->tpdu_size > 2048;
    return send_connect(c, TPDU_CR, true, c->preferred_proposed, true);
}

void cotp_listen(struct cotp *c, const struct span *required, size_t required_count) {
    c->required = required;
    c->required_count = required_count;
    c->state = COTP_WFCR;
}

static void send_dr(struct cotp *c, enum cotp_reason reason) {
    uint8_t tpdu[TPKT_HEADER + 7];
    tpkt_header(tpdu, 7);
    uint8_t *p = tpdu + TPKT_HEADER;
    p[0] = 6;
    p[1] = TPDU_DR;
    p[2] = (uint8_t)(c->remote_reference >> 8);
    p[3] = (uint8_t)c->remote_reference;
    p[4] = p[5] = 0;
    p[6] = (uint8_t)reason;
    buf_append(c->out, tpdu, sizeof tpdu);
}

static void send_er(struct cotp *c, uint8_t why, struct span rejected) {
    struct buf tpdu;
    buf_init(&tpdu, 128);
    rejected = span_sub(rejected, 0, 64);
    buf_append_byte(&tpdu, (uint8_t)(6 + rejected.len));
    buf_append_byte(&tpdu, TPDU_ER);
    buf_append_u16(&tpdu, c->remote_reference);
    buf_append_byte(&tpdu, why);
    append_parameter(&tpdu, PARAMETER_CALLING, rejected);
    write_tpdu(c, &tpdu);
    buf_wipe(&tpdu); /* what was rejected may be part of a bind */
}

static bool append_dt(struct cotp *c, size_t payload, bool end) {
    uint8_t header[TPKT_HEADER + DT_HEADER];
    tpkt_header(header, DT_HEADER + payload);
    header[4] = 2;
    header[5] = TPDU_DT;
    header[6] = end ? EOT : 0;
    return buf_append(c->out, header, sizeof header);
}

/* Appends `len` octets of the parts from `*part`, `*offset` on. */
static void append_parts(struct buf *out, const struct span *parts, size_t *part, size_t *offset,
                         size_t len) {
    while (len > 0) {
        struct span piece = span_sub(parts[*part], *offset, len);
        buf_append_span(out, piece);
        len -= piece.len;
        *offset += piece.len;
        if (*offset == parts[*part].len) {
            ++*part;
            *offset = 0;
        }
    }
}

bool cotp_data(struct cotp *c, const struct span *parts, size_t count, bool end) {
    if (c->state != COTP_OPEN)
        return false;
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += parts[i].len;
    if (total == 0 && !end)
        return true;
    size_t room = c->tpdu_size - DT_HEADER;
    size_t tpdus = total / room + 1;
    if (!buf_reserve(c->out, total + tpdus * (TPKT_HEADER + DT_HEADER)))
        return false;
    size_t part = 0, offset = 0;
    do {
        size_t payload = total < room ? total : room;
        total -= payload;
        append_dt(c, payload, end && total == 0);
        append_parts(c->out, parts, &part, &offset, payload);
    } while (total > 0);
    return true;
}

/* ---- reading ---- */

static struct cotp_indication ended(struct cotp *c) {
    c->state = COTP_CLOSED;
    return (struct cotp_indication){.event = COTP_T_DISCONNECT};
}

static struct cotp_indication bad(struct cotp *c, uint8_t why, struct span tpdu, const char *parameter,
                                  const char *text) {
    osi_cause_set(c->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_TRANSPORT, false, why, parameter, "%s", text);
    send_er(c, why, tpdu);
    return ended(c);
}

static struct cotp_indication refuse(struct cotp *c, enum cotp_reason reason, const char *parameter,
                                     const char *text) {
    osi_cause_set(c->cause, OSI_END_REFUSED, OSI_LAYER_TRANSPORT, false, (int)reason, parameter, "%s", text);
    send_dr(c, reason);
    return ended(c);
}

static bool read_size_parameter(struct connect_tpdu *tpdu, uint8_t code, struct span value) {
    struct reader r = reader_of(value);
    uint64_t number = reader_uint(&r, (unsigned)value.len);
    if (code == PARAMETER_TPDU_SIZE) {
        /* 7 to 13; class 0 ends at 11, but larger ones are met and mean what they say. */
        if (value.len != 1 || number < 7 || number > 13)
            return false;
        tpdu->size = 1u << number;
        return true;
    }
    if (value.len < 1 || value.len > 4 || number == 0)
        return false;
    tpdu->preferred = number > COTP_TPDU_MAXIMUM / 128 ? COTP_TPDU_MAXIMUM : (unsigned)number * 128;
    return true;
}

/* Reads CR or CC from after the code octet. Unknown parameters of a CR are passed over (X.224 §13.2.3). */
static bool read_connect(struct span header, struct connect_tpdu *tpdu) {
    memset(tpdu, 0, sizeof *tpdu);
    struct reader r = reader_of(header);
    tpdu->destination = reader_u16(&r);
    tpdu->source = reader_u16(&r);
    tpdu->class_option = reader_u8(&r);
    while (!r.failed && reader_left(&r) > 0) {
        uint8_t code = reader_u8(&r);
        struct span value = reader_take(&r, reader_u8(&r));
        if (r.failed)
            break;
        if (code == PARAMETER_CALLING)
            tpdu->calling = value;
        else if (code == PARAMETER_CALLED)
            tpdu->called = value;
        else if (code == PARAMETER_ALTERNATIVE_CLASS)
            tpdu->alternatives = value;
        else if ((code == PARAMETER_TPDU_SIZE || code == PARAMETER_PREFERRED_SIZE) &&
                 !read_size_parameter(tpdu, code, value))
            return false;
    }
    return !r.failed;
}

/* Class 0 is always a permitted answer to class 1, and to others when named as alternative (X.224 §6.5.5). */
static bool class_0_possible(const struct connect_tpdu *tpdu) {
    uint8_t preferred = tpdu->class_option >> 4;
    if (preferred <= 1)
        return true;
    for (size_t i = 0; i < tpdu->alternatives.len; i++)
        if (tpdu->alternatives.data[i] >> 4 == 0)
            return true;
    return false;
}

/* Most octets of a TPDU by what the CR proposed and we like (X.224 §6.5.4; absent is 65531, RFC 1006 §5). */
static unsigned agree_size(const struct cotp *c, const struct connect_tpdu *cr) {
    unsigned proposed = cr->preferred ? cr->preferred : cr->size ? cr->size : COTP_TPDU_MAXIMUM;
    unsigned size = proposed < c->tpdu_size ? proposed : c->tpdu_size;
    if (cr->preferred)
        return size / 128 * 128;
    return cr->size ? 1u << size_exponent(size) : size;
}

static bool is_required(const struct cotp *c) {
    for (size_t i = 0; i < c->required_count; i++)
        if (span_eq(c->required[i], cotp_selector_span(&c->called)))
            return true;
    return c->required_count == 0;
}

/* `'nosuch'`, or `(none)`; for a line of the log. */
static const char *selector_text(const struct cotp_selector *selector, char out[static LOG_TEXT_SIZE]) {
    return selector->len < 0 ? "(none)" : log_text(cotp_selector_span(selector), out);
}

static struct cotp_indication refuse_selector(struct cotp *c) {
    char cause[160], theirs[LOG_TEXT_SIZE], ours[LOG_TEXT_SIZE];
    snprintf(cause, sizeof cause, "the called T-selector %.40s is not ours: %.40s%s",
             selector_text(&c->called, theirs), log_text(c->required[0], ours),
             c->required_count > 1 ? ", and others" : "");
    return refuse(c, COTP_REASON_ADDRESS_UNKNOWN, "called T-selector", cause);
}

static struct cotp_indication receive_cr(struct cotp *c, struct span tpdu, struct span header) {
    struct connect_tpdu cr;
    if (!read_connect(header, &cr))
        return bad(c, ER_PARAMETER_VALUE, tpdu, "CR parameters", "CR TPDU with unreadable parameters");
    c->remote_reference = cr.source;
    if (cr.destination != 0)
        return bad(c, ER_PARAMETER_VALUE, tpdu, "destination reference",
                   "CR TPDU with a destination reference");
    if (!class_0_possible(&cr))
        return refuse(c, COTP_REASON_NEGOTIATION_FAILED, "transport class", "class 0 was not offered");
    if (!selector_set(&c->calling, cr.calling) || !selector_set(&c->called, cr.called))
        return refuse(c, COTP_REASON_ADDRESS_UNKNOWN, "called T-selector", "T-selector over 32 octets");
    if (!is_required(c))
        return refuse_selector(c);
    c->tpdu_size = agree_size(c, &cr);
    bool preferred = cr.preferred != 0;
    if (!send_connect(c, TPDU_CC, cr.size && !preferred, preferred, false)) {
        osi_cause_set(c->cause, OSI_END_MEMORY, OSI_LAYER_TRANSPORT, false, -1, "",
                      "no memory for the CC TPDU");
        return ended(c);
    }
    c->state = COTP_OPEN;
    return (struct cotp_indication){.event = COTP_T_CONNECT};
}

static struct cotp_indication receive_cc(struct cotp *c, struct span tpdu, struct span header) {
    struct connect_tpdu cc;
    if (!read_connect(header, &cc) || cc.destination != c->local_reference)
        return bad(c, ER_PARAMETER_VALUE, tpdu, "CC parameters", "CC TPDU that does not answer our CR");
    if (cc.class_option >> 4 != 0)
        return bad(c, ER_PARAMETER_VALUE, tpdu, "class", "CC TPDU chooses another class than 0");
    unsigned agreed = cc.preferred && c->preferred_proposed ? cc.preferred : cc.size ? cc.size : 0;
    /* No size in the answer: the one that was proposed by C0 stands. */
    unsigned proposed =
        cc.preferred && c->preferred_proposed ? c->tpdu_size : 1u << size_exponent(c->tpdu_size);
    if (agreed > proposed)
        return bad(c, ER_PARAMETER_VALUE, tpdu, "TPDU size",
                   "CC TPDU answers a larger TPDU size than proposed");
    c->tpdu_size = agreed ? agreed : proposed;
    c->remote_reference = cc.source;
    c->state = COTP_OPEN;
    return (struct cotp_indication){.event = COTP_T_CONNECT};
}

static const char *reason_text(unsigned reason) {
    switch (reason) {
    case COTP_REASON_CONGESTION_AT_TSAP:
        return "congestion at TSAP";
    case COTP_REASON_SESSION_ENTITY_NOT_ATTACHED:
        return "session entity not attached to TSAP";
    case COTP_REASON_ADDRESS_UNKNOWN:
        return "address unknown (T-selector)";
    case COTP_REASON_NORMAL:
        return "normal disconnect";
    case COTP_REASON_CONGESTION:
        return "remote transport entity congestion";
    case COTP_REASON_NEGOTIATION_FAILED:
        return "connection negotiation failed";
    case COTP_REASON_DUPLICATE_REFERENCE:
        return "duplicate source reference";
    case COTP_REASON_MISMATCHED_REFERENCES:
        return "mismatched references";
    case COTP_REASON_PROTOCOL_ERROR:
        return "protocol error";
    case COTP_REASON_REFERENCE_OVERFLOW:
        return "reference overflow";
    case COTP_REASON_REFUSED_ON_THIS_CONNECTION:
        return "connection request refused on this network connection";
    case COTP_REASON_INVALID_LENGTH:
        return "header or parameter length invalid";
    default:
        return "reason not specified";
    }
}

/* The called T-selector may be what was wrong with our CR. */
static bool may_be_selector(unsigned reason) {
    return reason == COTP_REASON_ADDRESS_UNKNOWN || reason == COTP_REASON_SESSION_ENTITY_NOT_ATTACHED ||
           reason == COTP_REASON_NOT_SPECIFIED || reason == COTP_REASON_NORMAL;
}

/* `text`: user data, which class 0 has none of (X.224 §13.5), but which PP 6.0 writes all the same: for a
 * person. */
static struct cotp_indication receive_dr(struct cotp *c, struct span header, struct span text) {
    struct reader r = reader_of(header);
    char said[LOG_TEXT_SIZE], called[LOG_TEXT_SIZE];
    reader_u32(&r);
    unsigned reason = reader_u8(&r);
    bool refused = c->state == COTP_WFCC, selector = refused && may_be_selector(reason);
    log_text(span_sub(text, 0, 60), said);
    /* It is named as what did not match where the reason says so, or the text says what was wrong. */
    bool certain = reason == COTP_REASON_ADDRESS_UNKNOWN || text.len > 0;
    if (selector)
        osi_cause_set(c->cause, OSI_END_REFUSED, OSI_LAYER_TRANSPORT, true, (int)reason,
                      certain ? "called T-selector" : "",
                      "DR TPDU, %s%s%.60s; the called T-selector was %.32s", reason_text(reason),
                      text.len ? ": " : "", said, selector_text(&c->called, called));
    else
        osi_cause_set(c->cause, refused ? OSI_END_REFUSED : OSI_END_DISCONNECTED, OSI_LAYER_TRANSPORT, true,
                      (int)reason, "", "DR TPDU, %s%s%.60s", reason_text(reason), text.len ? ": " : "", said);
    return ended(c);
}

static struct cotp_indication receive_er(struct cotp *c, struct span header) {
    struct reader r = reader_of(header);
    reader_u16(&r);
    int why = reader_u8(&r);
    osi_cause_set(c->cause, OSI_END_PROVIDER_ABORT, OSI_LAYER_TRANSPORT, true, why, "",
                  "ER TPDU, reject cause %d", why);
    return ended(c);
}

/* A DT larger than agreed is taken: peers differ on what an absent TPDU size means (128 in X.224, 65531 in
 * RFC 1006). */
static struct cotp_indication receive_dt(struct cotp *c, struct span tpdu, struct span header,
                                         size_t header_len) {
    if (header.len < 1)
        return bad(c, ER_PARAMETER_VALUE, tpdu, "DT TPDU", "DT TPDU without its EOT octet");
    return (struct cotp_indication){.event = COTP_T_DATA,
                                    .data = span_sub(tpdu, header_len, tpdu.len),
                                    .end = (header.data[0] & EOT) != 0};
}

/* The table of X.224 Annex A for class 0: what each TPDU does in each state; anything else is a protocol
 * error. */
static struct cotp_indication receive(struct cotp *c, struct span tpdu) {
    size_t header_len = tpdu.len ? (size_t)tpdu.data[0] + 1 : 0;
    if (tpdu.len < 2 || header_len < 2 || header_len > tpdu.len)
        return bad(c, ER_PARAMETER_VALUE, tpdu, "length indicator",
                   "TPDU whose length indicator leaves its TPKT");
    uint8_t code = tpdu.data[1] & 0xF0;
    struct span header = span_sub(tpdu, 2, header_len - 2);
    if (code == TPDU_DT && c->state == COTP_OPEN)
        return receive_dt(c, tpdu, header, header_len);
    if (code == TPDU_CR && c->state == COTP_WFCR)
        return receive_cr(c, tpdu, header);
    if (code == TPDU_CC && c->state == COTP_WFCC)
        return receive_cc(c, tpdu, header);
    if (code == TPDU_DR && c->state != COTP_WFCR)
        return receive_dr(c, header, span_sub(tpdu, header_len, tpdu.len));
    if (code == TPDU_ER && c->state != COTP_WFCR)
        return receive_er(c, header);
    return bad(c, ER_TPDU_TYPE, tpdu, "TPDU", "TPDU that does not belong in this state");
}

struct cotp_indication cotp_input(struct cotp *c, struct span in, size_t *used) {
    *used = 0;
    if (c->state == COTP_CLOSED)
        return (struct cotp_indication){.event = COTP_NOTHING};
    struct span tpdu;
    switch (tpkt_input(&c->tpkt, in, used, &tpdu)) {
    case TPKT_PACKET:
        return receive(c, tpdu);
    case TPKT_BAD:
        osi_cause_set(c->cause, OSI_END_PROTOCOL_ERROR, OSI_LAYER_TRANSPORT, false, -1, "TPKT",
                      "the octets are no TPKT of version 3");
        return ended(c);
    case TPKT_MEMORY:
        osi_cause_set(c->cause, OSI_END_MEMORY, OSI_LAYER_TRANSPORT, false, -1, "", "no memory for a TPKT");
        return ended(c);
    case TPKT_MORE:
        break;
    }
    return (struct cotp_indication){.event = COTP_NOTHING};
}
