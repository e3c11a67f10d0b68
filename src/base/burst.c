#include "base/burst.h"

enum burst_answer burst_take(struct burst *burst, unsigned most, int64_t period, int64_t now,
                             unsigned *untold) {
    *untold = 0;
    if (!burst->since || now - burst->since >= period) {
        *untold = burst->untold;
        *burst = (struct burst){.since = now};
    }
    if (burst->lines < most)
        return ++burst->lines == most ? BURST_LAST : BURST_LINE;
    burst->untold++;
    return BURST_NONE;
}

bool burst_line(struct burst *burst, int64_t period, int64_t now, unsigned *untold) {
    return burst_take(burst, 1, period, now, untold) != BURST_NONE;
}
