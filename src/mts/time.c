/* UTCTime, by which all of P1's times are given (X.411 §8.5.4). */
#include "mts/mts_private.h"

bool time_write(struct ruling *ruling, int64_t seconds, struct span *time) {
    if (ber_utctime_write(seconds, ruling->arena, time))
        return true;
    ruling->no_memory = true;
    return false;
}

bool time_read(struct span time, int64_t *seconds) {
    return time.data && ber_utctime_read(time, seconds);
}
