/*
 * The hot path of normal mode: P-DATA that carries RTTR, i.e. presentation user
 * data with one OCTET STRING in RTSE's context (X.226 §8.4, X.228 §9), read as it
 * comes and written by hand. Lengths may be definite or not, the OCTET STRING
 * primitive or constructed to a bounded depth; nothing is gathered.
 */
#ifndef OSI_PDATA_H
#define OSI_PDATA_H

#include "base/span.h"

#define PDATA_DEPTH  12
#define PDATA_HEADER 48 /* octets that pdata_header needs at most */

struct pdata_frame {
    uint64_t end; /* position after the contents; for indefinite ones the enclosing end */
    uint8_t kind;
    bool indefinite;
};

struct pdata {
    uint64_t position;
    struct pdata_frame stack[PDATA_DEPTH];
    unsigned depth;
    uint8_t head[16]; /* an identifier and length that came in part */
    unsigned head_len;
    int64_t context; /* RTSE's presentation context identifier */
    int64_t number;  /* the PDV's, as far as read */
    bool value_seen;
    bool complete;
    const char *error; /* what was wrong, for a person */
};

enum pdata_result { PDATA_MORE, PDATA_OCTETS, PDATA_BAD };

/* Starts a P-DATA. */
void pdata_begin(struct pdata *p, int64_t context);

/* Takes octets from the front of `*in`; PDATA_OCTETS gives some of RTTR's. Call until PDATA_MORE, when `*in`
 * is empty. */
enum pdata_result pdata_input(struct pdata *p, struct span *in, struct span *octets);

/* True if the P-DATA is whole: called at the end of the SSDU. */
bool pdata_is_complete(const struct pdata *p);

/* What precedes `len` octets of an RTTR in one P-DATA, definite lengths; returns the header's length. */
size_t pdata_header(uint8_t out[static PDATA_HEADER], int64_t context, size_t len);

/* The same for an RTTR of unknown length: the start, the start of each piece, and the end. */
size_t pdata_stream_header(uint8_t out[static PDATA_HEADER], int64_t context);
size_t pdata_piece_header(uint8_t out[static PDATA_HEADER], size_t len);
struct span pdata_stream_trailer(void);

/* What precedes and follows a value of another abstract syntax in one P-DATA, as the single ASN.1 type: of
 * `len` octets, and of unknown length. */
size_t pdata_value_header(uint8_t out[static PDATA_HEADER], int64_t context, size_t len);
size_t pdata_value_stream_header(uint8_t out[static PDATA_HEADER], int64_t context);
struct span pdata_value_stream_trailer(void);

/* Minimal two's complement contents of a positive INTEGER; returns its octets. */
size_t pdata_integer(uint8_t out[static 9], int64_t value);

#endif
