/* What people want to see of an envelope. */
#ifndef MTS_SUMMARY_H
#define MTS_SUMMARY_H

#include "mts/process.h"
#include "schema/x411p3.h"

struct summary {
    struct span identifier;          /* as text */
    struct span originator;          /* O/R address as text, or absent */
    struct span content_type;        /* a number or a dotted OBJECT IDENTIFIER, or absent */
    struct span content_identifier;  /* or absent */
    int64_t submitted;               /* seconds; 0: it does not say */
    size_t delivered, non_delivered; /* recipients that a delivered report tells of */
    const struct x411_TraceInformation *trace;
    const char *priority;
};

/* Reads a held object. False when it does not decode. All results live in the arena. */
bool summary_of(enum mts_kind kind, struct span octets, struct arena *arena, struct summary *summary);
/* Reads a delivery envelope: of a message, or of a report. */
bool summary_of_delivery(enum mts_kind kind, struct span octets, struct arena *arena,
                         struct summary *summary);
const char *summary_kind(enum mts_kind kind);

#endif
