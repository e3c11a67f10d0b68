#include "base/burst.h"

#include <stdio.h>
#include <string.h>

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

struct burst *bursts_of(struct bursts *bursts, const char *name) {
    struct burst_place *oldest = &bursts->places[0];
    for (size_t i = 0; i < BURST_PLACES; i++) {
        struct burst_place *place = &bursts->places[i];
        if (strncmp(place->name, name, BURST_NAME_SIZE - 1) == 0)
            return &place->burst;
        if (place->burst.since < oldest->burst.since)
            oldest = place;
    }
    *oldest = (struct burst_place){0};
    snprintf(oldest->name, sizeof oldest->name, "%s", name);
    return &oldest->burst;
}
