/* One log line for a burst: what strangers cause as often as they like must not fill the log. */
#ifndef BASE_BURST_H
#define BASE_BURST_H

#include <stdbool.h>
#include <stdint.h>

#define BURST_US ((int64_t)10 * 1000000)

struct burst {
    int64_t logged; /* monotonic µs of the last line; 0: none yet */
    unsigned untold;
};

/* It has happened: true when it is time for a line, 10 s after the last. `*untold` gets how often it happened
 * since then without one. */
static inline bool burst_line(struct burst *burst, int64_t now, unsigned *untold) {
    if (burst->logged && now - burst->logged < BURST_US) {
        burst->untold++;
        return false;
    }
    *untold = burst->untold;
    *burst = (struct burst){.logged = now};
    return true;
}

#endif
