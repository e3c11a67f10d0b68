/* The log at a reader that is slow, or reads no more. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/log_out.h"

#define LINES 3000 /* of 100 octets: some pipes full */

/* A process whose log is `out`: it is killed when it stands still. */
static pid_t logger(int out, bool own, void (*run)(void)) {
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid)
        return pid;
    alarm(10);
    dup2(out, STDERR_FILENO);
    if (own)
        log_out_take();
    run();
    _exit(0);
}

static void write_lines(void) {
    for (unsigned i = 0; i < LINES; i++)
        log_notice("line %05u %060d", i, 0);
}

/* Of what there is: the lines, and how many others were said to be lost. */
static void count(const char *text, unsigned *lines, unsigned *lost) {
    *lines = *lost = 0;
    for (const char *line = text; *line; line = strchr(line, '\n') + 1) {
        const char *told = strstr(line, "for a while: "), *end = strchr(line, '\n');
        if (told && told < end)
            *lost += (unsigned)strtoul(told + 13, NULL, 10);
        else
            ++*lines;
    }
}

static char text[1 << 20];

static void read_all(int in) {
    size_t len = 0;
    for (ssize_t got; (got = read(in, text + len, sizeof text - 1 - len)) > 0;)
        len += (size_t)got;
    text[len] = '\0';
}

static int ended(pid_t pid) {
    int status = -1;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static void drain_and_go_on(void) {
    int flags = fcntl(STDIN_FILENO, F_GETFL);
    write_lines();
    fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK);
    for (char part[4096]; read(STDIN_FILENO, part, sizeof part) > 0;)
        ;
    fcntl(STDIN_FILENO, F_SETFL, flags);
    log_notice("after it");
    log_notice("and on");
}

/* Nobody reads until the process has written all: it does not wait, and says what was lost. */
static void expect_no_wait(bool own) {
    int ends[2];
    unsigned lines, lost;
    assert_int_equal(pipe(ends), 0);
    int64_t began = clock_monotonic_us();
    int in = dup(STDIN_FILENO);
    dup2(ends[0], STDIN_FILENO);
    assert_int_equal(ended(logger(ends[1], own, drain_and_go_on)), 0);
    dup2(in, STDIN_FILENO);
    close(in);
    assert_true(clock_monotonic_us() - began < 5000000);
    close(ends[1]);
    read_all(ends[0]);
    close(ends[0]);
    count(text, &lines, &lost);
    assert_int_equal(lines, 2);
    assert_true(lost > LINES / 2 && lost < LINES);
    assert_non_null(strstr(text, "lines of this process are lost\n"));
    assert_true(strstr(text, "are lost") < strstr(text, "after it"));
}

static void a_reader_that_stands_still_stops_nobody(void **state) {
    (void)state;
    expect_no_wait(true);
    expect_no_wait(false);
}

static void a_slow_reader_gets_every_line(void **state) {
    int ends[2];
    unsigned lines, lost;
    (void)state;
    assert_int_equal(pipe(ends), 0);
    pid_t pid = logger(ends[1], true, write_lines);
    close(ends[1]);
    usleep(200000);
    read_all(ends[0]);
    close(ends[0]);
    assert_int_equal(ended(pid), 0);
    count(text, &lines, &lost);
    assert_int_equal(lines, LINES);
    assert_int_equal(lost, 0);
}

/* Another process takes the room between the look and the write, so often. */
static unsigned taken_room;

ssize_t write(int fd, const void *octets, size_t count) {
    if (fd != STDERR_FILENO || taken_room == 0)
        return syscall(SYS_write, fd, octets, count);
    taken_room--;
    errno = EAGAIN;
    return -1;
}

static void find_room_taken(void) {
    taken_room = 2;
    log_notice("it is written");
    taken_room = 1000;
    log_notice("it is lost");
    taken_room = 0;
    log_notice("after it");
}

static void room_that_another_took_is_looked_for_again(void **state) {
    int pipe_ends[2];
    unsigned lines, lost;
    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    assert_int_equal(ended(logger(pipe_ends[1], true, find_room_taken)), 0);
    close(pipe_ends[1]);
    read_all(pipe_ends[0]);
    close(pipe_ends[0]);
    count(text, &lines, &lost);
    assert_int_equal(lines, 2);
    assert_int_equal(lost, 1);
    assert_non_null(strstr(text, "it is written"));
}

/* Seconds by which the clocks are ahead. */
static time_t ahead;

int clock_gettime(clockid_t clock, struct timespec *now) {
    int result = (int)syscall(SYS_clock_gettime, clock, now);
    now->tv_sec += ahead;
    return result;
}

/* How long a line waits for a reader that stands still. */
static int64_t waits_for(void) {
    int64_t began = clock_monotonic_us();
    log_notice("%0500d", 0);
    return clock_monotonic_us() - began;
}

static void wait_in_periods(void) {
    write_lines();
    int64_t same = waits_for();
    ahead = 11;
    int64_t next = waits_for(), in_it = waits_for();
    _exit(same > 300000 ? 1 : next < 300000 ? 2 : in_it > 300000 ? 3 : 0);
}

/* In each ten seconds it waits half a second at the most, and so in the next ones. */
static void each_period_has_its_patience(void **state) {
    int pipe_ends[2];
    (void)state;
    assert_int_equal(pipe(pipe_ends), 0);
    int status = ended(logger(pipe_ends[1], true, wait_in_periods));
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    close(pipe_ends[0]);
    close(pipe_ends[1]);
}

static void never_waits(void) {
    _exit(fcntl(STDERR_FILENO, F_GETFL) & O_NONBLOCK ? 0 : 1);
}

/* Room that another process takes between the look and the write is not waited for. Whoever shares the pipe,
 * as a shell does, keeps it as it was. */
static void writing_never_waits_but_for_others_who_have_the_pipe(void **state) {
    int ends[2];
    (void)state;
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(ended(logger(ends[1], true, never_waits)), 0);
    assert_int_equal(fcntl(ends[1], F_GETFL) & O_NONBLOCK, 0);
    close(ends[0]);
    close(ends[1]);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_reader_that_stands_still_stops_nobody),
        cmocka_unit_test(a_slow_reader_gets_every_line),
        cmocka_unit_test(room_that_another_took_is_looked_for_again),
        cmocka_unit_test(each_period_has_its_patience),
        cmocka_unit_test(writing_never_waits_but_for_others_who_have_the_pipe),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
