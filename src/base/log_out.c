#include "base/log_out.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define PATIENCE_US 500000
#define PERIOD_US   10000000
#define TRIES       3

/* How long this process has waited since the period began (monotonic µs). */
static int64_t period_began, waited;

/* That writing does not wait is a property of the open file, which a shell and other programs may share: they
 * keep the one that they have, and we open another one. */
void log_out_take(void) {
    struct stat s;
    if (fstat(STDERR_FILENO, &s) != 0 || (!S_ISFIFO(s.st_mode) && !S_ISCHR(s.st_mode)))
        return;
    int own = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (own < 0)
        return;
    dup2(own, STDERR_FILENO);
    close(own);
}

/* A pipe is ready while it has room for PIPE_BUF octets. What is wrong with it otherwise, the write says. */
static bool is_ready(int64_t us) {
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    return poll(&out, 1, (int)(us / 1000)) > 0;
}

static bool wait_ready(void) {
    if (is_ready(0))
        return true;
    int64_t now = clock_monotonic_us();
    if (now - period_began >= PERIOD_US) {
        period_began = now;
        waited = 0;
    }
    bool ready = false;
    while (!ready && waited < PATIENCE_US) { /* a signal ends a wait before its time */
        ready = is_ready(PATIENCE_US - waited + 999);
        int64_t then = clock_monotonic_us();
        waited += then - now;
        now = then;
    }
    return ready;
}

bool log_out(const char *line, size_t len) {
    ssize_t written = -1;
    /* Where writing would wait another process may have taken the room that was seen: then that of the next
     * look. */
    for (int tries = 0; written < 0 && tries < TRIES && wait_ready(); tries++) {
        written = write(STDERR_FILENO, line, len);
        if (written < 0 && errno != EAGAIN && errno != EINTR)
            return false;
    }
    return written >= 0;
}
