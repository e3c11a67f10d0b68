/* The store's thread, started as the store process does it: just before its system calls are filtered. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "ipc/sandbox.h"
#include "mhsd/children.h"
#include "store/thread.h"

/* A thread that is not awaited is met by the filters, as it begins, in one of some five. */
#define TRIES 100

static void note(void *done) {
    *(bool *)done = true;
}

static bool start(void *thread, struct error *err) {
    return (*(struct store_thread **)thread = store_thread_start(err)) != NULL;
}

/* Its exit status. */
static int serve(void) {
    struct store_thread *thread = NULL;
    struct error err = {0};
    bool done = false;
    const struct sandbox_rights rights = {.directory = "/tmp", .start = start, .context = &thread};
    log_set_level(LOG_LEVEL_ERROR);
    if (!sandbox_enter(SANDBOX_STORE, &rights, SANDBOX_PARTIAL, &err))
        return 2;
    store_thread_begin(thread, note, &done);
    return store_thread_ended(thread, true) && done ? 0 : 3;
}

static void it_is_there_before_the_filters(void **state) {
    (void)state;
    for (unsigned i = 0; i < TRIES; i++) {
        int status;
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            _exit(serve());
        assert_int_equal(waitpid(pid, &status, 0), pid);
        assert_int_equal(status, 0);
    }
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument);

static bool no_threads; /* TasksMax */

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *),
                          void *argument) {
    return no_threads ? EAGAIN : __real_pthread_create(thread, attributes, run, argument);
}

/* Commits without one are as safe, and slower for those who wait. */
static void the_store_process_does_without(void **state) {
    static struct config config = {.mta.store = "/var/lib/chasqui"}; /* keeps the threads to the end */
    struct error err = {0};
    (void)state;
    no_threads = true;
    assert_true(child_start_threads(&config, &err));
    assert_null(config.mta.store_thread);
    assert_null(config.mta.hashing_thread);
    no_threads = false;
    assert_true(child_start_threads(&config, &err));
    assert_non_null(config.mta.store_thread);
    assert_non_null(config.mta.hashing_thread);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_is_there_before_the_filters),
        cmocka_unit_test(the_store_process_does_without),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
