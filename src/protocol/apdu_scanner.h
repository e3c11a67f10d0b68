/*
 * Finds envelope and content in an MTS-APDU (X.411 §12.1.4, and the MPDU of
 * 1984, which has the same shape) while its octets arrive:
 *
 *   [0] { envelope, content OCTET STRING }   a message; the content is passed on as it comes, however it is
 * cut [1] { … }, [2] …                         a report, a probe: collected whole
 *
 * The field that asn1/scanner.h streams is `message.content`; here is what P1 asks beyond.
 */
#ifndef PROTOCOL_APDU_SCANNER_H
#define PROTOCOL_APDU_SCANNER_H

#include "asn1/scanner.h"
#include "ipc/frames.h"

struct apdu_scanner {
    struct ber_scanner scanner;
    enum ipc_apdu kind;
    bool told;         /* of the envelope */
    size_t content_at; /* of a message: octets of the scanner's head up to the content and with it */
    uint64_t offset;   /* of the next octet */
    const char *error;
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
#define APDU_STATE_MAX (BER_SCAN_STATE_MAX + 2)

/* Appends the state without what is collected to `out`; and starts from a saved one and what was collected
 * then. Restoring false: it is no such state, or memory is exhausted. */
bool apdu_scanner_save(const struct apdu_scanner *s, struct buf *out);
bool apdu_scanner_restore(struct apdu_scanner *s, struct span state, struct span collected,
                          size_t envelope_limit);

#endif
