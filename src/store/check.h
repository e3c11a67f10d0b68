/* Check and repair: no other process may have the store open for writing. Errors are enum store_code
 * (store.h). */
#ifndef STORE_CHECK_H
#define STORE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/span.h"

/* One copy, or mailbox entry, of a message whose content is lost.
 * store_repair keeps both, without a content. */
struct store_lost {
    uint64_t message;
    struct span envelope;
    uint64_t work;     /* 0: a mailbox entry */
    struct span data;  /* of the work or the entry */
    struct span place; /* the next hop's name (empty: none), or the mailbox's */
    uint64_t sequence; /* of the entry */
};

/* How far a check has come. */
struct store_step {
    const char *what;     /* for people: "checking the contents" */
    uint64_t done, total; /* octets; a total of 0: it is not told by octets */
};

struct store_finding {
    int invariant;                 /* number in store_private.h; 0: what no invariant covers */
    bool repaired;                 /* store_repair put it right */
    bool note;                     /* no finding (it is not counted), but what could not be checked */
    char text[512];                /* one line, plain English */
    const struct store_lost *lost; /* not NULL: no finding of its own (it is not counted), but what the
                                      findings before it mean for one copy or entry */
    const struct store_step *step; /* not NULL: no finding at all, but what is being done; often, and again
                                      while it goes on */
};
typedef void store_finding_cb(void *context, const struct store_finding *finding);

/* Verifies every invariant; `deep` also reads all contents and compares digests. Changes nothing. False: it
 * could not be checked (err); true: it was, and the callback had `*findings` findings. */
bool store_check(const char *place, bool deep, store_finding_cb *cb, void *context, uint64_t *findings,
                 struct error *err);

/* Puts right what can be, and says what it does for each finding. Messages whose octets are lost stay without
 * them, and each is named (struct store_lost): copies at STORE_LOST_HOP, to be reported. */
bool store_repair(const char *place, store_finding_cb *cb, void *context, uint64_t *findings,
                  struct error *err);

#endif
