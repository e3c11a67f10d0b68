/*
 * Inside libmhs: a session, and the table of operations that each way to the MTS
 * fills (`struct access_backend`). What a caller gives is checked and turned into
 * X.411's types above the table; a backend carries it and says what came back.
 */
#ifndef ACCESS_ACCESS_PRIVATE_H
#define ACCESS_ACCESS_PRIVATE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "chasqui/mhs.h"

/* What mhs_error_… tell. */
struct access_error {
    char text[1024];
    char name[64];
    struct buf recipients, complaints; /* strings one after the other, each with its NUL */
};

struct mhs_session {
    const struct access_backend *backend;
    void *link; /* the backend's own */
    int timeout_ms;
    bool submitting;
    struct access_error error;
    struct arena envelope;   /* of the submission that is being begun */
    struct arena made, read; /* what mhs_text_make and mhs_text_read gave out */
};

/* What is submitted. */
struct access_submission {
    bool probe;           /* it has no content */
    struct span envelope; /* BER of MessageSubmissionEnvelope or ProbeSubmissionEnvelope (X.411) */
    /* It is the notification that this entry asked for, and marks it; NULL: it is none. */
    const char *notified_mailbox;
    uint64_t notified_entry;
};

/*
 * A way to the MTS. Each operation returns MHS_OK or what access_fail returned;
 * one that is NULL answers MHS_UNSUPPORTED. Addresses and answers are as in
 * chasqui/mhs.h; a backend connects when it is first asked, and again after its
 * connection broke.
 */
struct access_backend {
    const char *scheme; /* what `where` begins with, without the colon */

    /* Takes the rest of `where` into session->link; connects to nothing. */
    enum mhs_code (*open)(struct mhs_session *session, const char *address);
    void (*close)(struct mhs_session *session);

    /* What it is given lives for this call only. After a failure of these three the submission is over, and
     * the backend forgets it. */
    enum mhs_code (*submit_begin)(struct mhs_session *session, const struct access_submission *what);
    enum mhs_code (*submit_content)(struct mhs_session *session, struct span octets);
    enum mhs_code (*submit_end)(struct mhs_session *session, struct mhs_submitted *submitted);
    void (*submit_cancel)(struct mhs_session *session);

    enum mhs_code (*mailboxes)(struct mhs_session *session,
                               bool (*each)(void *context, const struct mhs_mailbox *mailbox), void *context);
    enum mhs_code (*list)(struct mhs_session *session, const struct mhs_list *list,
                          bool (*each)(void *context, const struct mhs_entry *entry), void *context,
                          uint64_t *more);
    /* As mhs_wait. NULL: the mailbox is listed again and again. */
    enum mhs_code (*wait)(struct mhs_session *session, const char *mailbox, uint64_t after, int milliseconds,
                          uint64_t *entry);
    enum mhs_code (*show)(struct mhs_session *session, const char *mailbox, uint64_t entry,
                          bool (*each)(void *context, const struct mhs_entry *entry), void *context);
    enum mhs_code (*fetch)(struct mhs_session *session, const struct mhs_fetch *fetch,
                           bool (*piece)(void *context, struct mhs_octets octets), void *context,
                           uint64_t *total);
    enum mhs_code (*mark)(struct mhs_session *session, const char *mailbox, uint64_t entry, bool seen);
    enum mhs_code (*remove)(struct mhs_session *session, const char *mailbox, uint64_t entry);
    enum mhs_code (*operate)(struct mhs_session *session, const char *request, char **answer);
};

/* The local socket of mhsd. */
extern const struct access_backend access_local;

/* Keeps the error and returns its code. */
enum mhs_code access_fail(struct mhs_session *session, enum mhs_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a refusal by the other side, under its own name of the error (MHS_REFUSED when that is none of
 * ours); `text` may be NULL. */
enum mhs_code access_refuse(struct mhs_session *session, const char *name, const char *text);

/* Adds a recipient or a complaint to the error that was kept last. */
void access_error_add(struct buf *list, const char *text);

/* Around whatever reads or writes names, texts and times: what does so below has state of the whole process.
 * Never held while anything is waited for. */
void access_lock(void);
void access_unlock(void);

/* Reads a name; false: `err` says why. */
struct x411_ORName;
bool access_name(const struct mhs_name *name, struct arena *arena, struct x411_ORName *to, struct error *err);

/* The BER of MessageSubmissionEnvelope (X.411 §8.2.1.1.1) or ProbeSubmissionEnvelope (§8.2.1.2.1), in
 * session->envelope. */
enum mhs_code access_envelope(struct mhs_session *session, const struct mhs_submission *submission,
                              bool probe, struct span *encoded);

#endif
