/*
 * A submission (X.411 §8.2), whoever it comes from: what came of it, and the decision on it. A client of the
 * local socket (submit.c) and a user who is bound (user_port.c) say whose it is and how it is answered.
 */
#ifndef MTA_ATTEMPT_H
#define MTA_ATTEMPT_H

#include "mta/mta_private.h"
#include "schema/x411p3.h"

/* One that comes in. Its envelope is held in memory, its content goes to the store. */
struct submission {
    enum ipc_submission kind;
    uint64_t payer;  /* whose quota it counts for (quota.h) */
    int64_t heard;   /* monotonic µs of its last frame */
    uint64_t octets; /* of the content, counted for the payer */
    bool ended;      /* it is none of his open ones any more */
    struct bytes *envelope;
    struct store_content *content;
};

/* NULL, and why: the payer has too much open, or there is no memory, or no room. */
struct submission *submission_new(struct mta *mta, enum ipc_submission kind, uint64_t payer,
                                  struct span envelope, struct error *err);
void submission_free(struct mta *mta, struct submission *submission);
/* All of it has come: it is no open one any more, though what it holds waits to be decided on. Returns the
 * octets of its envelope. */
size_t submission_end(struct mta *mta, struct submission *submission);

/* What is wrong with it; the rest are told by the rules' own error. */
enum attempt_error {
    ATTEMPT_OK,
    ATTEMPT_NOT_DECODED, /* the envelope is none */
    ATTEMPT_NOT_THEIRS,  /* the originator is nobody for whom the submitter may submit */
    ATTEMPT_RULES,       /* `outcome.error` says it */
    ATTEMPT_TOO_LARGE,   /* and would be at another try too */
    ATTEMPT_OVER_QUOTA,  /* the submitter has too much open: when some of it has ended it is taken */
    ATTEMPT_UNAVAILABLE  /* for now */
};

/* The content's next octets. Else it is to be given up: ATTEMPT_RULES where it may have none,
 * ATTEMPT_TOO_LARGE, ATTEMPT_OVER_QUOTA, ATTEMPT_UNAVAILABLE; `err` says why. */
enum attempt_error submission_append(struct mta *mta, struct submission *submission, struct span octets,
                                     struct error *err);

/* One while it is decided on. */
struct attempt {
    struct mta *mta;
    const struct submission *submission;
    const char *who; /* for the log: `uid=1000` */
    /* Whose is it? True: the rules check the originator against the address `*user`; NULL: any user of ours.
     */
    bool (*submitter)(const struct attempt *attempt, const struct x411_ORName *originator, const char **user);
    /* Sees to it that the result, BER, is sent when the batch is on disk. False without memory. */
    bool (*answer)(const struct attempt *attempt, struct span result);
    void *context; /* for these two, and the reference of what is answered */
    uint64_t ref;
    /* what came out: */
    struct x411p3_MessageSubmissionEnvelope message;
    struct x411p3_ProbeSubmissionEnvelope probe;
    struct mts_submission outcome;
    struct mts_decisions decisions;
    bool over_bounds; /* the envelope breaks upper bounds of X.411 */
    char text[512];   /* what is wrong, for people */
};

/* ATTEMPT_OK: the answer follows the commit. Else what it added to the batch is to be undone. What came out
 * is in mta->arena. */
enum attempt_error attempt_run(struct attempt *attempt);

/* The name of the recipient at this position, or NULL. */
const struct x411_ORName *attempt_recipient(const struct attempt *attempt, uint32_t position);

/* The name with the address that the directory knows, where only a directory name was given. */
const struct x411_ORName *attempt_address(struct mta *mta, const struct x411_ORName *name);

#endif
