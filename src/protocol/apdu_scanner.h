/*
 * Finds envelope and content in an MTS-APDU (X.411 §12.1.4, and the MPDU of
 * 1984, which has the same shape) while its octets arrive:
 *
 *   [0] { envelope, content OCTET STRING }   a message; the content is passed on as it comes, however it is
 * cut [1] { … }, [2] …                         a report, a probe: collected whole
 *
 * It holds no more than the envelope and a few lengths, so that a content of
 * any size streams through, and its state can be kept with a checkpoint.
 */
#ifndef PROTOCOL_APDU_SCANNER_H
#define PROTOCOL_APDU_SCANNER_H

#include "base/buf.h"
#include "base/reader.h"
#include "ipc/frames.h"

/* Constructed OCTET STRINGs within one another, the outermost element and the SEQUENCE counted: more is
 * refused. */
#define APDU_DEPTH 16

struct apdu_level {
    uint64_t left; /* octets of the contents that are still to come, where the length is definite */
    bool indefinite;
};

enum apdu_state {
    APDU_OUTER,   /* the header of the CHOICE's alternative is expected */
    APDU_COLLECT, /* envelope (of a message), or the whole APDU (of a report or probe) */
    APDU_CONTENT, /* the header of the content, or of a segment, or an end */
    APDU_OCTETS,  /* contents octets of a primitive OCTET STRING */
    APDU_CLOSE,   /* the content is over: ends of what encloses it */
    APDU_COMPLETE,
    APDU_FAILED
};

struct apdu_scanner {
    enum apdu_state state;
    enum ipc_apdu kind;
    struct apdu_level levels[APDU_DEPTH];
    unsigned depth;
    uint64_t octets_left; /* APDU_OCTETS */
    uint64_t offset;      /* of the next octet */
    size_t limit;         /* most octets collected */
    struct buf pending;   /* a header that is not complete, or the element that is collected */
    size_t walked;        /* of what is collected: octets that were walked over */
    unsigned open;        /* and indefinite elements that are open there */
    char error[80];
};

struct apdu_handler {
    /* The envelope (for a report or probe, the whole APDU); the span lives during the call. */
    bool (*envelope)(void *context, enum ipc_apdu kind, struct span envelope);
    /* Octets of the content, in order. */
    bool (*content)(void *context, struct span content);
};

void apdu_scanner_init(struct apdu_scanner *s, size_t envelope_limit);
void apdu_scanner_free(struct apdu_scanner *s);

/* Takes the next octets. False: they are no MTS-APDU, the envelope is over its limit, or a handler returned
 * false; `s->error` says which, `s->offset` where. */
bool apdu_scanner_feed(struct apdu_scanner *s, struct span in, const struct apdu_handler *handler,
                       void *context);

/* True if the APDU is complete. */
bool apdu_scanner_finish(struct apdu_scanner *s);

/* What is collected so far of an envelope that is not complete; it only grows until the handler is told of
 * the envelope, which begins with the same octets. Lives until the next feed. */
struct span apdu_scanner_collected(const struct apdu_scanner *s);

/* Most octets that apdu_scanner_save appends. */
#define APDU_STATE_MAX 192

/* Appends the state without what is collected to `out`; and starts from a saved one and what was collected
 * then. Restoring false: it is no such state, or memory is exhausted. */
bool apdu_scanner_save(const struct apdu_scanner *s, struct buf *out);
bool apdu_scanner_restore(struct apdu_scanner *s, struct span state, struct span collected,
                          size_t envelope_limit);

#endif
