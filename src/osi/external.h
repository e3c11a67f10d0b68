/*
 * The EXTERNAL that stands around an APDU in RTSE's transfer value in normal
 * mode (X.228 §8.4). On the way in it is taken away as the octets pass; what is
 * needed to go on after a resume fits in a checkpoint's state.
 */
#ifndef OSI_EXTERNAL_H
#define OSI_EXTERNAL_H

#include "osi/association.h"

#define EXTERNAL_OVERHEAD     24 /* header and trailer that we write, at most */
#define EXTERNAL_HEADER_LIMIT 64

struct external {
    bool passing; /* the header is behind us */
    uint8_t head[EXTERNAL_HEADER_LIMIT];
    size_t head_len;
    uint8_t trailer; /* octets of end-of-contents that close the value: 0, 2 or 4 */
    uint8_t held[4]; /* the last `trailer` octets: they may be that end */
    uint8_t held_len;
    bool length_known;
    uint64_t left;   /* octets of the value still to come, if known */
    int64_t context; /* its presentation context, 0 if it named none */
    uint8_t out[4];
};

/* Ready for the start of an EXTERNAL. */
void external_begin(struct external *e);

/* Ready to pass octets without looking for an EXTERNAL (X.410 mode). */
void external_none(struct external *e);

/*
 * Takes all of `in`; `out` gets up to two spans of the value's octets, in order, valid
 * until the next call. Returns their number, or -1 when this is no EXTERNAL with one
 * value in context `context`; with 0 any is taken, and told in `e->context`.
 */
int external_input(struct external *e, struct span in, int64_t context, struct span out[static 2]);

/* True if the EXTERNAL is whole. */
bool external_is_complete(const struct external *e);

void external_save(const struct external *e, uint8_t state[static OSI_CHECKPOINT_STATE]);
bool external_restore(struct external *e, const uint8_t state[static OSI_CHECKPOINT_STATE]);

/* What we write before and after a value in `context`; indefinite lengths, since the value's is not known. */
size_t external_header(uint8_t out[static EXTERNAL_OVERHEAD], int64_t context);
struct span external_trailer(void);

#endif
