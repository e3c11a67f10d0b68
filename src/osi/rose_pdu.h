/* The PDUs of remote operations as octets (X.880 §9, X.229 §9): ROIV, RORS, ROER, RORJ. */
#ifndef OSI_ROSE_PDU_H
#define OSI_ROSE_PDU_H

#include "asn1/scanner.h"
#include "osi/remote.h"

/* Where the parameter stands: the plan that finds it in any of them. */
const struct ber_plan *rose_pdu_plan(void);

/* Appends a whole PDU with its parameter, or without where that is absent. */
bool rose_pdu_encode(const struct osi_ro *ro, struct span parameter, struct buf *out);

/* What goes before a parameter of unknown length, and after it; the end's octets are static. */
#define ROSE_PDU_HEAD 48
size_t rose_pdu_head(const struct osi_ro *ro, uint8_t out[static ROSE_PDU_HEAD]);
struct span rose_pdu_tail(const struct osi_ro *ro);

/* Reads a PDU whose parameter was taken out. False: it is none; `*known` tells whether its tag is one of
 * ROSE, `ro` has the kind then and, where it can be read, the identifier. */
bool rose_pdu_decode(struct span envelope, struct arena *arena, struct osi_ro *ro, bool *known);

#endif
