/*
 * From P22 to P2: an interpersonal message or notification of 1988 or later
 * for those who know the content type of 1984 only (RFC 1328 §5 and §6, X.420
 * annex on the differences of 1984).
 *
 *  - Extensions of the heading, of recipients and of notifications are dropped.
 *  - O/R names go as names/rfc1328.h has it; a directory name is appended to
 *    the free form name in round brackets (RFC 1328 §5 item 3).
 *  - A body part that has a basic counterpart becomes that. general-text becomes
 *    ia5-text, or teletex where it has other characters; a file becomes
 *    bilaterally-defined and loses its name (body part 14, RFC 2157 §3.1.4).
 *    Forwarded messages are treated alike, to a depth of DOWNGRADE_DEPTH.
 *  - What has no counterpart is refused, put whole into a nationally-defined body
 *    part, or replaced by a text that says so.
 *
 * Two passes: the plan looks at headers and headings only and knows every
 * length afterwards; then the octets are written, with definite lengths. No body
 * is held in memory. The content may be hostile: depth, elements and memory are
 * bounded, and what is written is BER whatever was read.
 */
#ifndef CONTENT_DOWNGRADE_H
#define CONTENT_DOWNGRADE_H

#include "base/arena.h"
#include "content/source.h"
#include "names/oraddress.h"

#define DOWNGRADE_DEPTH 16

/* What is allowed, or'ed. */
enum {
    DOWNGRADE_CONVERSION_PROHIBITED = 1, /* implicit-conversion-prohibited: no part may change its type */
    DOWNGRADE_LOSS_PROHIBITED = 2,       /* conversion-with-loss-prohibited */
    DOWNGRADE_REPLACE = 4, /* a part without a counterpart is replaced by a text (RFC 1328 §6, option 3) */
    /* A part without a counterpart goes whole within a nationally-defined one (RFC 1328 §6); before REPLACE.
     */
    DOWNGRADE_ENCAPSULATE = 8
};

struct downgrade_how {
    unsigned flags;
    const struct oraddress *gateway; /* below which O/R names travel as `X400-88` (RFC 1328 §3.1); or NULL */
};

/* Why a content can't be downgraded. */
struct downgrade_refusal {
    int reason;     /* x411_NonDeliveryReasonCode_…; -1: the content could not be read, or memory ended */
    int diagnostic; /* x411_NonDeliveryDiagnosticCode_… */
    char text[128]; /* one line: which part */
};

struct downgrade_piece;

/* What the new content lacks, in counts. */
struct downgrade_losses {
    uint32_t texts; /* in which characters were replaced */
    uint32_t files; /* that lost their names and attributes */
    uint32_t parts; /* in whose place a text says so */
};

struct downgrade {
    struct downgrade_piece *pieces;
    size_t count;
    uint64_t length; /* of the new content */
    unsigned types;  /* its built-in encoded information types: bit 1 << number (X.411 §8.2.1.1.1.33) */
    bool converted;  /* a part changed its type */
    bool lossy;      /* and lost something */
    struct downgrade_losses losses;
};

/* Lays out the new content. False, and the refusal is filled, when there can be none. */
bool downgrade_plan(const struct content_source *source, const struct downgrade_how *how, struct arena *arena,
                    struct downgrade *plan, struct downgrade_refusal *refusal);

/* Gives the new content to `sink`, piece by piece: `plan->length` octets. False when `sink` said so, when the
 * source fails, or without memory. */
bool downgrade_write(const struct downgrade *plan, const struct content_source *source, struct arena *arena,
                     bool (*sink)(void *context, struct span octets), void *context);

#endif
