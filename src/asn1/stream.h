/*
 * Reading an APDU of any size as it arrives, without holding it: the envelope
 * of a message is gathered whole into a bounded buffer, the octets of its
 * content pass through as spans. The shape is that of P1 (X.411 figure 4, X.411
 * of 1984 §3.2):
 *
 *     [ EXTERNAL { references, encoding } around ]      normal mode (X.228 §8.4)
 *     CHOICE {
 *         message  [0] SEQUENCE { envelope, content OCTET STRING },
 *         others   gathered whole }                     report [1], probe [2]
 *
 * with any form of length, and the content in one piece or in segments. The
 * state is small and can be saved, so that a transfer goes on after a restart.
 */
#ifndef ASN1_STREAM_H
#define ASN1_STREAM_H

#include "asn1/ber.h"

enum ber_stream_kind {
    BER_STREAM_UNKNOWN, /* not enough octets yet */
    BER_STREAM_MESSAGE, /* [0]: the envelope, then the content */
    BER_STREAM_REPORT,  /* [1]: gathered whole */
    BER_STREAM_PROBE,   /* [2]: gathered whole */
    BER_STREAM_OTHER    /* any other tag: gathered whole */
};

/*
 * Who takes what was read. Each returns false to end the reading: feed then
 * fails with BER_VALUE and the text "refused".
 */
struct ber_stream_sink {
    /*
     * The message's envelope (its whole element, e.g. 31 ...), or the whole APDU of
     * another kind (e.g. A1 ...). Called once. The octets are the stream's and stay
     * until ber_stream_free.
     */
    bool (*envelope)(void *user, enum ber_stream_kind kind, struct span octets);
    /* Octets of the content, in order; not called for an empty content. They lie in the input of feed. */
    bool (*content)(void *user, struct span octets);
    void *user;
};

#define BER_STREAM_LEVELS 8

/* One layer of elements: private to stream.c. */
struct ber_stream_layer {
    uint64_t at;        /* octets read */
    uint64_t left;      /* octets left of the element that is passed through */
    uint32_t nest;      /* open indefinite elements within one that is gathered */
    uint8_t header[16]; /* of an identifier and length that are not complete yet */
    uint8_t header_len;
    uint8_t state;
    uint8_t depth;
    uint8_t string; /* depth at which the string's segments began, plus one; 0 outside */
    struct {
        uint64_t end; /* offset behind the contents; of an enclosing element where indefinite */
        bool indefinite;
    } open[BER_STREAM_LEVELS];
};

struct ber_stream {
    enum ber_stream_kind kind;
    bool external;                /* the APDU stands in an EXTERNAL */
    uint8_t direct_reference[32]; /* contents octets of the EXTERNAL's, */
    uint8_t direct_reference_len; /* 0 when absent */
    bool has_indirect_reference;
    int64_t indirect_reference; /* the presentation context */
    uint64_t content_len;       /* octets of the content so far */
    struct buf gathered;
    struct ber_stream_layer outer, inner;
};

/* Prepares a stream whose envelope (or whole APDU of another kind) has at most `limit` octets; 0 means no
 * limit. */
void ber_stream_init(struct ber_stream *stream, size_t limit);
void ber_stream_free(struct ber_stream *stream);

/*
 * Takes the next octets, all of them. Returns false with the error (its offset
 * counts from the stream's first octet) when they are malformed, nested too
 * deep, too many for the limit (BER_MEMORY), or refused by the sink; the stream
 * is then of no further use. Octets behind the APDU are BER_TRAILING.
 */
bool ber_stream_feed(struct ber_stream *stream, struct span in, const struct ber_stream_sink *sink,
                     struct ber_error *error);

/* True when the APDU and what encloses it are complete. */
bool ber_stream_done(const struct ber_stream *stream);

/* What has been gathered so far: the envelope, complete or not. */
struct span ber_stream_gathered(const struct ber_stream *stream);

#define BER_STREAM_SAVED 512 /* most octets of a saved state */

/* Writes the state without what was gathered. Returns its length. */
size_t ber_stream_save(const struct ber_stream *stream, uint8_t out[static BER_STREAM_SAVED]);

/*
 * Brings back a saved stream; `gathered` is what ber_stream_gathered gave when
 * it was saved. The next octet to feed is the one at ber_stream_offset. False
 * when `saved` is no state (nothing is kept of it) or memory is short.
 */
bool ber_stream_restore(struct ber_stream *stream, size_t limit, struct span saved, struct span gathered);

/* Octets taken so far. */
uint64_t ber_stream_offset(const struct ber_stream *stream);

#endif
