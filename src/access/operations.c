/* What callers ask: checked here, the same for every way to the MTS. */
#include <time.h>

#include "access/access_private.h"
#include "base/clock.h"

/* A mailbox that tells of no arrival is looked at after this time, then ever less often. */
#define FIRST_PAUSE_US (10 * 1000)
#define LATE_PAUSE_US  (500 * 1000)

/* Nothing but its content goes between the begin and the end of a submission. */
static enum mhs_code begin(struct mhs_session *session, bool supported) {
    if (session->submitting)
        return access_fail(session, MHS_WRONG_STATE, "a submission is under way; end it or cancel it first");
    return supported ? MHS_OK
                     : access_fail(session, MHS_UNSUPPORTED, "this can't be asked over '%s'",
                                   session->backend->scheme);
}

static enum mhs_code missing(struct mhs_session *session, const char *what) {
    return access_fail(session, MHS_INVALID, "%s is missing", what);
}

/* ---- submission ---- */

static enum mhs_code submit_begin(struct mhs_session *session, const struct mhs_submission *submission,
                                  bool probe) {
    struct access_submission what = {
        probe, {NULL, 0}, submission->notified_mailbox, submission->notified_entry};
    enum mhs_code code = begin(session, session->backend->submit_begin != NULL);
    if (code != MHS_OK) /* also one that is under way, which goes on */
        return code;
    access_lock();
    code = access_envelope(session, submission, probe, &what.envelope);
    access_unlock();
    if (code == MHS_OK)
        code = session->backend->submit_begin(session, &what);
    arena_reset(&session->envelope);
    session->submitting = code == MHS_OK;
    return code;
}

enum mhs_code mhs_submit_begin(struct mhs_session *session, const struct mhs_submission *submission) {
    return submit_begin(session, submission, false);
}

static enum mhs_code not_begun(struct mhs_session *session) {
    return access_fail(session, MHS_WRONG_STATE, "no submission was begun");
}

enum mhs_code mhs_submit_content(struct mhs_session *session, const void *octets, size_t length) {
    if (!session->submitting)
        return not_begun(session);
    enum mhs_code code =
        length ? session->backend->submit_content(session, (struct span){octets, length}) : MHS_OK;
    session->submitting = code == MHS_OK;
    return code;
}

enum mhs_code mhs_submit_end(struct mhs_session *session, struct mhs_submitted *submitted) {
    if (!session->submitting)
        return not_begun(session);
    session->submitting = false;
    return session->backend->submit_end(session, submitted);
}

void mhs_submit_cancel(struct mhs_session *session) {
    if (session->submitting)
        session->backend->submit_cancel(session);
    session->submitting = false;
}

enum mhs_code mhs_submit(struct mhs_session *session, const struct mhs_submission *submission,
                         struct mhs_octets content, struct mhs_submitted *submitted) {
    enum mhs_code code = mhs_submit_begin(session, submission);
    if (code == MHS_OK)
        code = mhs_submit_content(session, content.data, content.length);
    return code == MHS_OK ? mhs_submit_end(session, submitted) : code;
}

enum mhs_code mhs_probe(struct mhs_session *session, const struct mhs_submission *submission,
                        struct mhs_submitted *submitted) {
    enum mhs_code code = submit_begin(session, submission, true);
    return code == MHS_OK ? mhs_submit_end(session, submitted) : code;
}

/* ---- mailboxes ---- */

enum mhs_code mhs_mailboxes(struct mhs_session *session,
                            bool (*each)(void *context, const struct mhs_mailbox *mailbox), void *context) {
    enum mhs_code code = begin(session, session->backend->mailboxes != NULL);
    return code == MHS_OK ? session->backend->mailboxes(session, each, context) : code;
}

enum mhs_code mhs_list(struct mhs_session *session, const struct mhs_list *list,
                       bool (*each)(void *context, const struct mhs_entry *entry), void *context,
                       uint64_t *more) {
    uint64_t none;
    enum mhs_code code = begin(session, session->backend->list != NULL);
    if (code == MHS_OK && !list->mailbox)
        code = missing(session, "the mailbox");
    return code == MHS_OK ? session->backend->list(session, list, each, context, more ? more : &none) : code;
}

static enum mhs_code begin_entry(struct mhs_session *session, bool supported, const char *mailbox,
                                 uint64_t entry) {
    enum mhs_code code = begin(session, supported);
    return code != MHS_OK ? code
           : !mailbox     ? missing(session, "the mailbox")
           : !entry       ? missing(session, "the entry's number")
                          : MHS_OK;
}

static bool note_number(void *context, const struct mhs_entry *entry) {
    *(uint64_t *)context = entry->number;
    return true;
}

/* The first entry after `after`; 0: there is none yet. */
static enum mhs_code look(struct mhs_session *session, const char *mailbox, uint64_t after, uint64_t *entry) {
    const struct mhs_list list = {.mailbox = mailbox, .after = after, .limit = 1};
    uint64_t more;
    *entry = 0;
    return session->backend->list(session, &list, note_number, entry, &more);
}

static enum mhs_code look_again(struct mhs_session *session, const char *mailbox, uint64_t after,
                                int milliseconds, uint64_t *entry) {
    int64_t end = clock_monotonic_us() + (int64_t)milliseconds * 1000, pause = FIRST_PAUSE_US;
    enum mhs_code code;
    while ((code = look(session, mailbox, after, entry)) == MHS_OK && !*entry) {
        int64_t left = milliseconds < 0 ? pause : end - clock_monotonic_us();
        if (left <= 0)
            return access_fail(session, MHS_TIMED_OUT, "nothing came into the mailbox in time");
        pause = pause < left ? pause : left;
        const struct timespec time = {pause / 1000000, pause % 1000000 * 1000};
        nanosleep(&time, NULL);
        pause = pause * 2 < LATE_PAUSE_US ? pause * 2 : LATE_PAUSE_US;
    }
    return code;
}

enum mhs_code mhs_wait(struct mhs_session *session, const char *mailbox, uint64_t after, int milliseconds,
                       uint64_t *entry) {
    const struct access_backend *backend = session->backend;
    *entry = 0;
    enum mhs_code code = begin(session, backend->wait != NULL || backend->list != NULL);
    if (code == MHS_OK && !mailbox)
        code = missing(session, "the mailbox");
    return code == MHS_OK
               ? (backend->wait ? backend->wait : look_again)(session, mailbox, after, milliseconds, entry)
               : code;
}

enum mhs_code mhs_show(struct mhs_session *session, const char *mailbox, uint64_t entry,
                       bool (*each)(void *context, const struct mhs_entry *entry), void *context) {
    enum mhs_code code = begin_entry(session, session->backend->show != NULL, mailbox, entry);
    return code == MHS_OK ? session->backend->show(session, mailbox, entry, each, context) : code;
}

enum mhs_code mhs_fetch(struct mhs_session *session, const struct mhs_fetch *fetch,
                        bool (*piece)(void *context, struct mhs_octets octets), void *context,
                        uint64_t *total) {
    uint64_t whole;
    enum mhs_code code = begin_entry(session, session->backend->fetch != NULL,
                                     fetch->mailbox ? fetch->mailbox : "", fetch->entry);
    return code == MHS_OK ? session->backend->fetch(session, fetch, piece, context, total ? total : &whole)
                          : code;
}

enum mhs_code mhs_mark(struct mhs_session *session, const char *mailbox, uint64_t entry, bool seen) {
    enum mhs_code code = begin_entry(session, session->backend->mark != NULL, mailbox, entry);
    return code == MHS_OK ? session->backend->mark(session, mailbox, entry, seen) : code;
}

enum mhs_code mhs_delete(struct mhs_session *session, const char *mailbox, uint64_t entry) {
    enum mhs_code code = begin_entry(session, session->backend->remove != NULL, mailbox, entry);
    return code == MHS_OK ? session->backend->remove(session, mailbox, entry) : code;
}

enum mhs_code mhs_operate(struct mhs_session *session, const char *request, char **answer) {
    *answer = NULL;
    enum mhs_code code = begin(session, session->backend->operate != NULL);
    return code == MHS_OK ? session->backend->operate(session, request, answer) : code;
}
