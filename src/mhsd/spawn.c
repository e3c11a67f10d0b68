#include "mhsd/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { FIRST = CHILD_PARENT, UNUSABLE = 127 };

bool spawn_hold_standard(void) {
    int fd;
    while ((fd = open("/dev/null", O_RDWR)) >= 0 && fd <= STDERR_FILENO)
        continue;
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

int spawn_program(void) {
    return open("/proc/self/exe", O_PATH | O_CLOEXEC);
}

/* Out of the way first: the place of one may be the number of another. */
static bool place_descriptors(int *descriptors, size_t count) {
    int end = FIRST + (int)count;
    for (size_t i = 0; i < count; i++)
        if (descriptors[i] >= 0 && (descriptors[i] = fcntl(descriptors[i], F_DUPFD_CLOEXEC, end)) < 0)
            return false;
    for (size_t i = 0; i < count; i++) {
        close(FIRST + (int)i);
        if (descriptors[i] >= 0 && dup2(descriptors[i], FIRST + (int)i) < 0)
            return false;
    }
    return syscall(SYS_close_range, end, ~0U, CLOSE_RANGE_CLOEXEC) == 0;
}

static bool place_standard(void) {
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
    return null >= 0 && dup2(null, STDIN_FILENO) >= 0 && dup2(STDERR_FILENO, STDOUT_FILENO) >= 0;
}

static void place_signals(const sigset_t *mask) {
    signal(SIGHUP, SIG_IGN); /* the parent passes reloads on; a terminal's hang-up is for it too */
    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_DFL);
    signal(SIGCHLD, SIG_DFL);
    sigprocmask(SIG_SETMASK, mask, NULL);
}

static _Noreturn void become(int program, char *const arguments[], int *descriptors, size_t count,
                             const sigset_t *mask) {
    /* What the service manager is told is the parent's affair. */
    bool ok = place_standard() && unsetenv("NOTIFY_SOCKET") == 0;
    int own = ok ? fcntl(program, F_DUPFD_CLOEXEC, FIRST + (int)count) : -1;
    if (own >= 0 && place_descriptors(descriptors, count)) {
        place_signals(mask);
        syscall(SYS_execveat, own, "", arguments, environ, AT_EMPTY_PATH);
    }
    _exit(UNUSABLE);
}

pid_t spawn(int program, char *const arguments[], int *descriptors, size_t count) {
    sigset_t all, mask;
    pid_t parent = getpid();
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &mask); /* no handler of the parent's runs in the child */
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would supervise it any more */
        if (getppid() != parent)
            _exit(UNUSABLE);
        become(program, arguments, descriptors, count, &mask);
    }
    int cause = errno;
    sigprocmask(SIG_SETMASK, &mask, NULL);
    errno = cause;
    return pid;
}
