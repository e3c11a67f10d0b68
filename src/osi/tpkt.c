#include "osi/tpkt.h"

/* Memory above this is given back between packets: idle associations stay small. */
#define KEPT_CAPACITY 4096

void tpkt_init(struct tpkt *t) {
    buf_init_secret(&t->partial, TPKT_MAXIMUM);
    t->delivered = false;
}

void tpkt_free(struct tpkt *t) {
    buf_free(&t->partial);
}

void tpkt_no_secret(struct tpkt *t) {
    buf_no_secret(&t->partial);
}

bool tpkt_is_partial(const struct tpkt *t) {
    return t->partial.len > 0 && !t->delivered;
}

void tpkt_header(uint8_t out[static TPKT_HEADER], size_t tpdu_len) {
    size_t len = tpdu_len + TPKT_HEADER;
    out[0] = 3;
    out[1] = 0;
    out[2] = (uint8_t)(len >> 8);
    out[3] = (uint8_t)len;
}

void tpkt_release(struct tpkt *t) {
    if (!t->delivered)
        return;
    t->delivered = false;
    if (t->partial.cap > KEPT_CAPACITY)
        buf_free(&t->partial);
    else
        buf_clear(&t->partial);
}

/* The packet's length from its first four octets; 0 when they are no TPKT header. */
static size_t packet_length(const uint8_t *header) {
    size_t len = (size_t)header[2] << 8 | header[3];
    return header[0] == 3 && len >= TPKT_MINIMUM ? len : 0;
}

static enum tpkt_result append(struct tpkt *t, struct span in, size_t *used, size_t wanted) {
    size_t missing = wanted - t->partial.len;
    size_t take = in.len - *used < missing ? in.len - *used : missing;
    if (!buf_append(&t->partial, in.data + *used, take))
        return TPKT_MEMORY;
    *used += take;
    return take == missing ? TPKT_PACKET : TPKT_MORE;
}

enum tpkt_result tpkt_input(struct tpkt *t, struct span in, size_t *used, struct span *tpdu) {
    *used = 0;
    tpkt_release(t);
    if (in.len == 0)
        return TPKT_MORE;
    if (in.data[0] != 3 && t->partial.len == 0)
        return TPKT_BAD; /* at once: a stranger's HTTP request need not be waited for */
    if (t->partial.len == 0 && in.len >= TPKT_HEADER) {
        size_t len = packet_length(in.data);
        if (len == 0)
            return TPKT_BAD;
        if (in.len >= len) {
            *used = len;
            *tpdu = span_sub(in, TPKT_HEADER, len - TPKT_HEADER);
            return TPKT_PACKET;
        }
    }
    if (t->partial.len < TPKT_HEADER) {
        enum tpkt_result result = append(t, in, used, TPKT_HEADER);
        if (result != TPKT_PACKET)
            return result;
    }
    size_t len = packet_length(t->partial.data);
    if (len == 0)
        return TPKT_BAD;
    enum tpkt_result result = append(t, in, used, len);
    if (result != TPKT_PACKET)
        return result;
    t->delivered = true;
    *tpdu = span_sub(buf_span(&t->partial), TPKT_HEADER, len - TPKT_HEADER);
    return TPKT_PACKET;
}
