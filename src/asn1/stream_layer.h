/* Elements of one layer of a stream, a piece at a time. */
#ifndef ASN1_STREAM_LAYER_H
#define ASN1_STREAM_LAYER_H

#include "asn1/stream.h"

/* How many states the layers have, for the check of a saved stream. */
#define BER_STREAM_OUTER_STATES 10
#define BER_STREAM_INNER_STATES 8

enum layer_event {
    LAYER_MORE,   /* all input is used up */
    LAYER_DATA,   /* octets of the element passed through are in `data` */
    LAYER_HEADER, /* a new element; layer_enter or layer_pass must follow */
    LAYER_END,    /* the innermost entered element is complete */
    LAYER_NESTED, /* an end-of-contents within a gathered element */
    LAYER_ERROR
};

struct layer_piece {
    struct span data;   /* of LAYER_DATA */
    uint8_t octets[16]; /* of LAYER_HEADER and LAYER_NESTED, as received */
    size_t octet_count;
    uint32_t id;
    bool constructed;
    bool indefinite;
    uint64_t length;
    enum ber_error_code error;
};

/* Takes the next piece off the front of `*in`. */
enum layer_event layer_next(struct ber_stream_layer *layer, struct span *in, struct layer_piece *piece);

/* Goes into the constructed element just read. False when it is nested too deep. */
bool layer_enter(struct ber_stream_layer *layer, const struct layer_piece *piece);

/* The contents of the element just read come as LAYER_DATA. */
void layer_pass(struct ber_stream_layer *layer, const struct layer_piece *piece);

/* Octets that may still come in the innermost entered element. */
uint64_t layer_room(const struct ber_stream_layer *layer);

#endif
