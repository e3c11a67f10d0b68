#include "mta/hashing.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/host.h"
#include "ipc/bind.h"
#include "mta/mta_private.h"
#include "security/password.h"
#include "store/thread.h"

struct job {
    struct job *next;
    const struct hashing_calls *calls;
    uint64_t number;
    uint64_t turn; /* the queue's order */
    struct bytes *names;
    char site[HOST_TEXT_SIZE], network[HOST_TEXT_SIZE];
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
    struct job *running, *first;
    uint64_t turn; /* of what began last */
    unsigned waiting;
};

static void compare(void *argument) {
    struct job *job = argument;
    bool same = password_matches(job->hash, span_of(job->password, job->length));
    job->matches = same && job->somebody;
    if (job->calls->changed && job->matches)
        job->is_made = password_hash(span_of(job->fresh, job->fresh_length), job->made);
}

static void job_free(struct job *job) {
    if (!job)
        return;
    bytes_drop(job->names);
    explicit_bzero(job, sizeof *job);
    mem_free(job);
}

static struct job *take_out(struct hashing *hashing, struct job **at) {
    struct job *job = *at;
    *at = job->next;
    hashing->waiting--;
    return job;
}

static void begin_next(struct hashing *hashing) {
    hashing->running = NULL;
    while (hashing->first && !hashing->running) {
        struct job *job = take_out(hashing, &hashing->first);
        if (job->calls->may(hashing->mta, job->number))
            hashing->running = job;
        else
            job_free(job);
    }
    if (!hashing->running)
        return;
    hashing->turn = hashing->running->turn;
    store_thread_begin(hashing->thread, compare, hashing->running);
}

static void tell(struct hashing *hashing, const struct job *job) {
    if (job->calls->changed)
        job->calls->changed(hashing->mta, job->number, job->hash, job->matches,
                            job->is_made ? job->made : NULL);
    else
        job->calls->done(hashing->mta, job->number, job->names, job->hash, job->matches);
}

static void on_ended(evutil_socket_t fd, short what, void *arg) {
    struct hashing *hashing = arg;
    struct job *job = hashing->running;
    (void)fd, (void)what;
    store_thread_heard(hashing->thread);
    if (!job || !store_thread_ended(hashing->thread, false))
        return;
    hashing->running = NULL;
    tell(hashing, job); /* first: whether the next may be compared hangs on it */
    job_free(job);
    if (!hashing->running)
        begin_next(hashing);
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
    while (hashing->first)
        job_free(take_out(hashing, &hashing->first));
    mem_free(hashing);
}

/* ---- whose turn it is ---- */

/* One after the last of its site, which at most runs now: sites that ask once come before who asks often. */
static uint64_t turn_of(const struct hashing *hashing, const struct job *job) {
    uint64_t turn = hashing->turn;
    for (const struct job *other = hashing->first; other; other = other->next)
        if (strcmp(other->site, job->site) == 0)
            turn = other->turn;
    return turn + 1;
}

static void put(struct hashing *hashing, struct job *job) {
    struct job **at = &hashing->first;
    job->turn = turn_of(hashing, job);
    while (*at && (*at)->turn <= job->turn)
        at = &(*at)->next;
    job->next = *at;
    *at = job;
    hashing->waiting++;
}

/* How much of what waits would be of the site, and then of the network, with the newcomer. */
static unsigned weight(const struct hashing *hashing, const struct job *newcomer, const struct job *job) {
    unsigned site = strcmp(newcomer->site, job->site) == 0;
    unsigned network = strcmp(newcomer->network, job->network) == 0;
    for (const struct job *other = hashing->first; other; other = other->next) {
        site += strcmp(other->site, job->site) == 0;
        network += strcmp(other->network, job->network) == 0;
    }
    return site * (HASHING_MOST + 2) + network;
}

/* Makes a place for the newcomer. False: none has more than he would have. */
static bool make_room(struct hashing *hashing, const struct job *newcomer) {
    struct job **victim = NULL;
    unsigned most = weight(hashing, newcomer, newcomer);
    for (struct job **at = &hashing->first; *at; at = &(*at)->next) {
        unsigned has = weight(hashing, newcomer, *at);
        if (has < most || (has == most && !victim))
            continue;
        most = has;
        victim = at;
    }
    if (!victim)
        return false;
    struct job *job = take_out(hashing, victim);
    job->calls->gave_way(hashing->mta, job->number);
    job_free(job);
    return true;
}

/* ---- a question ---- */

static struct job *job_new(const struct hashing_question *question, const struct hashing_calls *calls) {
    struct span password = question->password, fresh = question->fresh, host = bytes_rest(question->names);
    bool fits = password.len <= IPC_BIND_TEXT_MAX && fresh.len <= IPC_BIND_TEXT_MAX;
    struct job *job = fits ? mem_alloc(sizeof *job) : NULL;
    char text[HOST_TEXT_SIZE];
    if (!job)
        return NULL;
    *job = (struct job){.calls = calls,
                        .number = question->number,
                        .names = bytes_keep(question->names),
                        .somebody = question->hash,
                        .length = password.len,
                        .fresh_length = fresh.len};
    if (password.len)
        memcpy(job->password, password.data, password.len);
    if (fresh.len)
        memcpy(job->fresh, fresh.data, fresh.len);
    snprintf(job->hash, sizeof job->hash, "%s", question->hash ? question->hash : password_nobody);
    snprintf(text, sizeof text, "%.*s", (int)host.len, (const char *)host.data);
    host_network(text, HOST_SITE_BITS, job->site);
    host_network(text, HOST_NETWORK_BITS, job->network);
    return job;
}

static void compare_at_once(struct hashing *hashing, struct job *job) {
    if (job->calls->may(hashing->mta, job->number)) {
        compare(job);
        tell(hashing, job);
    }
    job_free(job);
}

bool hashing_compare(struct hashing *hashing, const struct hashing_question *question,
                     const struct hashing_calls *calls) {
    struct job *job = job_new(question, calls);
    if (!job)
        return false;
    if (!hashing->thread) {
        compare_at_once(hashing, job);
        return true;
    }
    if (hashing->waiting == HASHING_MOST && !make_room(hashing, job)) {
        job_free(job);
        return false;
    }
    put(hashing, job);
    if (!hashing->running)
        begin_next(hashing);
    return true;
}

void hashing_forget(struct hashing *hashing, uint64_t number) {
    for (struct job **at = &hashing->first; *at; at = &(*at)->next)
        if ((*at)->number == number) {
            job_free(take_out(hashing, at));
            return;
        }
}
