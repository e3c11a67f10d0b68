/*
 * What others cause as often as they like, and what is told of it: a few lines in each period, then none, and
 * the first line of a later period says how many were left out.
 */
#ifndef BASE_BURST_H
#define BASE_BURST_H

#include <stdbool.h>
#include <stdint.h>

#define BURST_MINUTE ((int64_t)60 * 1000000)

/* All zero at first. */
struct burst {
    int64_t since; /* monotonic µs of the period's first; 0: none yet */
    unsigned lines, untold;
};

enum burst_answer {
    BURST_LINE,
    BURST_LAST, /* the last line of this period */
    BURST_NONE
};

/* It has happened: is it told? At most `most` times in `period` µs from the first. `*untold` gets how often
 * it has happened untold in the period before. */
enum burst_answer burst_take(struct burst *burst, unsigned most, int64_t period, int64_t now,
                             unsigned *untold);

/* True when it is told: once in the period. */
bool burst_line(struct burst *burst, int64_t period, int64_t now, unsigned *untold);

#endif
