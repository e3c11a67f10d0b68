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
    const char
        *step; /* of work in several steps, whose first second counts from the beginning of the first */
    uint64_t total;
    int64_t began, next; /* monotonic µs */
    bool shown;
} progress;

void progress_begin(const char *what, uint64_t total) {
    progress.what = isatty(STDERR_FILENO) ? what : NULL;
    progress.total = total;
    progress.began = clock_monotonic_us();
    progress.next = progress.began + FIRST_US;
    progress.shown = false;
}

void progress_at(uint64_t done) {
    char now[16], all[16], seconds[24];
    int64_t time = clock_monotonic_us();
    if (!progress.what || time < progress.next)
        return;
    progress.next = time + EACH_US;
    progress.shown = true;
    fprintf(stderr, "\r%s: %s", progress.what,
            done || progress.total ? out_size(done, now)
                                   : out_duration((time - progress.began) / 1000000, seconds));
    if (progress.total)
        fprintf(stderr, " of %s, %u %%", out_size(progress.total, all),
                (unsigned)((double)done * 100 / (double)progress.total));
    fputs("\033[K", stderr);
}

void progress_hide(void) {
    if (progress.shown)
        fputs("\r\033[K", stderr);
    progress.shown = false;
}

void progress_end(void) {
    progress_hide();
    progress.what = progress.step = NULL;
}

void progress_step(const char *what, uint64_t done, uint64_t total) {
    if (progress.step != what) {
        int64_t next = progress.next;
        bool first = !progress.step;
        progress_hide();
        progress_begin(what, total);
        progress.next = first ? progress.next : next;
        progress.step = what;
    }
    progress_at(done);
}
