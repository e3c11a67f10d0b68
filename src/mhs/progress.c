#include "mhs/progress.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "mhs/output.h"

#define FIRST_US (1000 * 1000) /* shown after this time */
#define EACH_US  (200 * 1000)

static struct {
    const char *what;
    uint64_t total;
    int64_t next; /* monotonic µs */
    bool shown;
} progress;

void progress_begin(const char *what, uint64_t total) {
    progress.what = isatty(STDERR_FILENO) ? what : NULL;
    progress.total = total;
    progress.next = clock_monotonic_us() + FIRST_US;
    progress.shown = false;
}

void progress_at(uint64_t done) {
    char now[16], all[16];
    if (!progress.what || clock_monotonic_us() < progress.next)
        return;
    progress.next = clock_monotonic_us() + EACH_US;
    progress.shown = true;
    fprintf(stderr, "\r%s: %s", progress.what, out_size(done, now));
    if (progress.total)
        fprintf(stderr, " of %s, %u %%", out_size(progress.total, all),
                (unsigned)((double)done * 100 / (double)progress.total));
    fputs("\033[K", stderr);
}

void progress_end(void) {
    if (progress.shown)
        fputs("\r\033[K", stderr);
    progress.what = NULL;
    progress.shown = false;
}
