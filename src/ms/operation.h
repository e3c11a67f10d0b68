/*
 * The operations of the retrieval port (X.413 §8.2): summarize, list, fetch,
 * delete and register-MS. An argument comes as octets, and a result
 * or an error's parameter goes as octets. Nothing is written here: what an
 * operation changes is told: statuses and deletions as numbers of entries, a
 * registration as the octets that are kept of it.
 *
 * A content is no part of the octets: where it stands in a result a slice of it
 * is told, so that no content is in memory.
 */
#ifndef MS_OPERATION_H
#define MS_OPERATION_H

#include "ms/select.h"
#include "schema/x413.h"

/* Of the bind (X.413 §7.1.1) or of nobody. */
struct ms_restrictions {
    const struct x413_Restrictions *bind; /* NULL: there are none */
};

struct ms_request {
    int64_t code; /* an operation of X.419's */
    enum ms_edition edition;
    struct ms_restrictions restrictions;
    struct span argument;
};

/* Whose entries they are. */
struct ms_service {
    const struct ms_mailbox *mailbox;
    unsigned classes;       /* bit n: the x413_EntryClass n is served */
    struct span registered; /* what was kept of their registrations; empty: nothing was */
    /* The length of the entry's content; false: it has none, or (err) it can't be told. */
    bool (*content)(void *user, const struct store_entry *entry, uint64_t *octets, struct error *err);
    void *user;
};

/* A slice of an entry's content, which belongs before the octet `at` of the reply's. */
struct ms_insert {
    size_t at;
    uint64_t entry, offset, length;
};

/* Numbers of entries, both included. */
struct ms_run {
    uint32_t first, last;
};

enum ms_reply_kind { MS_RESULT = 1, MS_ERROR, MS_REJECT };

struct ms_reply {
    enum ms_reply_kind kind;
    int64_t code;       /* of the operation, the error, or of the reject's invoke problem */
    struct buf octets;  /* result or parameter */
    struct buf inserts; /* struct ms_insert, in their order */
    struct buf listed, processed, deleted; /* struct ms_run, by rising numbers */
    struct buf registered; /* what is to be kept of their registrations from now on; empty: as it is */
    char why[200];         /* a line for the log; empty: there is none */
};

/* Most octets of a list's entries: where they are reached it ends as if that were the limit. */
#define MS_LIST_MOST ((size_t)1 << 20)

void ms_reply_init(struct ms_reply *reply);
void ms_reply_free(struct ms_reply *reply);

/* Service-error: unavailable. */
void ms_refuse(struct ms_reply *reply, const char *why);
/* Always gives a reply. */
void ms_operate(const struct ms_service *service, const struct ms_request *request, struct ms_reply *reply);

#endif
