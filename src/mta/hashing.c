#include "mta/hashing.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "ipc/bind.h"
#include "mta/mta_private.h"
#include "security/password.h"
#include "store/thread.h"

struct job {
    struct job *next;
    hashing_done *done;
    hashing_changed *changed; /* instead: the password is changed */
    uint64_t number;
    bool somebody; /* `hash` is a user's */
    bool matches;
    size_t length;
    uint8_t password[IPC_BIND_TEXT_MAX];
    char hash[PASSWORD_HASH_SIZE];
    size_t fresh_length;
    uint8_t fresh[IPC_BIND_TEXT_MAX];
    bool is_made;
    char made[PASSWORD_HASH_SIZE];
};

struct hashing {
    struct mta *mta;
    struct store_thread *thread;
    struct event *ended;
    struct job *running, *first, *last;
    unsigned waiting;
};

static void compare(void *argument) {
    struct job *job = argument;
    bool same = password_matches(job->hash, span_of(job->password, job->length));
    job->matches = same && job->somebody;
    if (job->changed && job->matches)
        job->is_made = password_hash(span_of(job->fresh, job->fresh_length), job->made);
}

static void tell(struct mta *mta, const struct job *job) {
    if (job->changed)
        job->changed(mta, job->number, job->matches, job->is_made ? job->made : NULL);
    else
        job->done(mta, job->number, job->matches);
}

static void job_free(struct job *job) {
    if (job)
        explicit_bzero(job, sizeof *job);
    mem_free(job);
}

static void begin_next(struct hashing *hashing) {
    struct job *job = hashing->first;
    hashing->running = job;
    if (!job)
        return;
    hashing->first = job->next;
    if (!job->next)
        hashing->last = NULL;
    hashing->waiting--;
    store_thread_begin(hashing->thread, compare, job);
}

static void on_ended(evutil_socket_t fd, short what, void *arg) {
    struct hashing *hashing = arg;
    struct job *job = hashing->running;
    (void)fd, (void)what;
    store_thread_heard(hashing->thread);
    if (!job || !store_thread_ended(hashing->thread, false))
        return;
    begin_next(hashing);
    tell(hashing->mta, job);
    job_free(job);
}

struct hashing *hashing_new(struct mta *mta, struct store_thread *thread) {
    struct hashing *hashing = mem_alloc(sizeof *hashing);
    if (!hashing)
        return NULL;
    *hashing = (struct hashing){.mta = mta, .thread = thread};
    if (!thread)
        return hashing;
    hashing->ended =
        event_new(mta->loop, store_thread_descriptor(thread), EV_READ | EV_PERSIST, on_ended, hashing);
    if (hashing->ended && event_add(hashing->ended, NULL) == 0)
        return hashing;
    hashing_free(hashing);
    return NULL;
}

void hashing_free(struct hashing *hashing) {
    if (!hashing)
        return;
    store_thread_stop(hashing->thread);
    if (hashing->ended)
        event_free(hashing->ended);
    job_free(hashing->running);
    while (hashing->first) {
        struct job *job = hashing->first;
        hashing->first = job->next;
        job_free(job);
    }
    mem_free(hashing);
}

static struct job *job_new(const char *hash, struct span password, hashing_done *done, uint64_t number) {
    struct job *job = password.len <= IPC_BIND_TEXT_MAX ? mem_alloc(sizeof *job) : NULL;
    if (!job)
        return NULL;
    *job = (struct job){.done = done, .number = number, .somebody = hash, .length = password.len};
    if (password.len)
        memcpy(job->password, password.data, password.len);
    snprintf(job->hash, sizeof job->hash, "%s", hash ? hash : password_nobody);
    return job;
}

static bool begin(struct hashing *hashing, struct job *job) {
    if (!job)
        return false;
    if (!hashing->thread) {
        compare(job);
        tell(hashing->mta, job);
        job_free(job);
        return true;
    }
    *(hashing->last ? &hashing->last->next : &hashing->first) = job;
    hashing->last = job;
    hashing->waiting++;
    if (!hashing->running)
        begin_next(hashing);
    return true;
}

bool hashing_compare(struct hashing *hashing, const char *hash, struct span password, hashing_done *done,
                     uint64_t number) {
    return begin(hashing, hashing->waiting < HASHING_MOST ? job_new(hash, password, done, number) : NULL);
}

bool hashing_change(struct hashing *hashing, const char *hash, struct span old, struct span fresh,
                    hashing_changed *done, uint64_t number) {
    struct job *job = hashing->waiting < HASHING_MOST && fresh.len <= IPC_BIND_TEXT_MAX
                          ? job_new(hash, old, NULL, number)
                          : NULL;
    if (!job)
        return false;
    job->changed = done;
    job->fresh_length = fresh.len;
    if (fresh.len)
        memcpy(job->fresh, fresh.data, fresh.len);
    return begin(hashing, job);
}
