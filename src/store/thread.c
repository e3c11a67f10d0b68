#include "store/thread.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"

/* What SQLite needs to write a log and to copy it into the database, several times over. */
#define STACK_SIZE ((size_t)512 * 1024)

struct store_thread {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int ended; /* eventfd */
    bool stops;
    void (*run)(void *argument); /* NULL: nothing is under way */
    void *argument;
};

static void *serve(void *arg) {
    struct store_thread *thread = arg;
    const uint64_t one = 1;
    pthread_mutex_lock(&thread->lock);
    for (;;) {
        while (!thread->run && !thread->stops)
            pthread_cond_wait(&thread->changed, &thread->lock);
        if (!thread->run)
            break;
        pthread_mutex_unlock(&thread->lock);
        thread->run(thread->argument);
        pthread_mutex_lock(&thread->lock);
        thread->run = NULL;
        pthread_cond_broadcast(&thread->changed);
        while (write(thread->ended, &one, sizeof one) < 0 && errno == EINTR)
            ;
    }
    pthread_mutex_unlock(&thread->lock);
    return NULL;
}

static int start(struct store_thread *thread) {
    pthread_attr_t attributes;
    sigset_t all, before;
    int failed = pthread_attr_init(&attributes);
    if (failed)
        return failed;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    failed = pthread_attr_setstacksize(&attributes, STACK_SIZE);
    if (!failed)
        failed = pthread_create(&thread->thread, &attributes, serve, thread);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    pthread_attr_destroy(&attributes);
    return failed;
}

static void do_nothing(void *argument) {
    (void)argument;
}

/* The C library still asks the kernel for things as a thread begins (rseq, set_robust_list), which may be
 * forbidden by the time that it would come to that. */
static void await_begin(struct store_thread *thread) {
    store_thread_begin(thread, do_nothing, NULL);
    store_thread_ended(thread, true);
    store_thread_heard(thread);
}

struct store_thread *store_thread_start(struct error *err) {
    struct store_thread *thread = mem_alloc(sizeof *thread);
    if (!thread) {
        error_set(err, ENOMEM, "a thread can't be started: no memory");
        return NULL;
    }
    thread->ended = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    pthread_mutex_init(&thread->lock, NULL);
    pthread_cond_init(&thread->changed, NULL);
    int failed = thread->ended < 0 ? errno : start(thread);
    if (!failed) {
        await_begin(thread);
        return thread;
    }
    error_set(err, failed, "a thread can't be started: %s", strerror(failed));
    if (thread->ended >= 0)
        close(thread->ended);
    mem_free(thread);
    return NULL;
}

void store_thread_begin(struct store_thread *thread, void (*run)(void *argument), void *argument) {
    pthread_mutex_lock(&thread->lock);
    thread->run = run;
    thread->argument = argument;
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
}

bool store_thread_ended(struct store_thread *thread, bool wait) {
    pthread_mutex_lock(&thread->lock);
    while (wait && thread->run)
        pthread_cond_wait(&thread->changed, &thread->lock);
    bool ended = !thread->run;
    pthread_mutex_unlock(&thread->lock);
    return ended;
}

int store_thread_descriptor(const struct store_thread *thread) {
    return thread->ended;
}

void store_thread_heard(struct store_thread *thread) {
    uint64_t count;
    while (read(thread->ended, &count, sizeof count) < 0 && errno == EINTR)
        ;
}

void store_thread_stop(struct store_thread *thread) {
    if (!thread)
        return;
    pthread_mutex_lock(&thread->lock);
    thread->stops = true;
    pthread_cond_broadcast(&thread->changed);
    pthread_mutex_unlock(&thread->lock);
    pthread_join(thread->thread, NULL);
    pthread_cond_destroy(&thread->changed);
    pthread_mutex_destroy(&thread->lock);
    close(thread->ended);
    mem_free(thread);
}
