/*
 * What the rules would decide on a message that is only supposed, for `mhs
 * route`: the same functions decide, and nothing is kept of it.
 */
#ifndef MTS_EXPLAIN_H
#define MTS_EXPLAIN_H

#include "mts/process.h"

/* The message. What is left out does not influence the decision. */
struct mts_supposed {
    const char *recipient;      /* O/R address in any spelling, or `DN:` and a directory name */
    const char *directory_name; /* beside the address: RFC 4514, or NULL */
    const char *originator;     /* address; NULL: nobody whom a list or a restriction names */
    const char *content_type;   /* as in struct mts_names; NULL: P22 */
    struct mts_names eits;      /* original-encoded-information-types; none: not said */
    const char *security_label; /* labels/label.h; NULL: none */
    bool has_length;
    uint64_t content_length;
    enum mts_priority priority;
    bool alternate_allowed; /* alternate-recipient-allowed */
    struct mts_names via;   /* names of MTAs of our domain that had it before, in their order */
};

enum mts_outcome {
    MTS_OUTCOME_TRANSFER = 1, /* to `hop` */
    MTS_OUTCOME_DELIVERY,     /* to `mailbox` */
    MTS_OUTCOME_EXPANSION,    /* of a list with `members` */
    MTS_OUTCOME_NON_DELIVERY  /* `reason`, `diagnostic` */
};

/* `transfer`, `local-delivery`, `list-expansion`, `non-delivery`. */
const char *mts_outcome_name(enum mts_outcome outcome);

/* One of the next hops of the route that was taken. */
struct mts_explained_hop {
    const char *hop;
    uint32_t rank, weight;
    bool backing_off, disabled, chosen; /* disabled: by an operator, and it backs off no more */
    bool converted;                     /* from P22 to P2 before it goes there */
    bool usable;                        /* else `reason` and the rest say why it can't take the message */
    int reason, diagnostic;
    const char *supplementary;
};

struct mts_explained_redirection {
    struct span from, to;
    int64_t reason; /* x411_RedirectionReason_… */
};

struct mts_explanation {
    struct mts_decisions decisions; /* MTS_NEEDS: nothing else counts (mts_answer) */
    enum mts_outcome outcome;
    struct span recipient;      /* the last one, after all redirections, as text */
    struct span directory_name; /* the last one's, RFC 4514; absent: none */
    const char *hop;            /* TRANSFER */
    const char *mailbox;        /* DELIVERY */
    size_t members;             /* EXPANSION */
    int reason, diagnostic;     /* NON_DELIVERY; -1: none */
    const char *supplementary;
    const char
        *route; /* the matched entry's pattern, "" for the default route; NULL: no route played a part */
    struct mts_explained_hop *hops; /* in order of rank; of a message the weights draw by its identifier */
    size_t hop_count;
    struct mts_explained_redirection *redirections; /* in their order */
    size_t redirection_count;
    const char **steps; /* the decision in words, one reason each */
    size_t step_count;
};

/* False when something in `supposed` is not valid, memory is short or the directory was not asked yet
 * (`err`). Results live in run->arena. */
bool mts_explain(struct mts_run *run, const struct mts_supposed *supposed, struct mts_explanation *out,
                 struct error *err);

#endif
