#include "mhsd/patience.h"

/* Beside the transfers. */
#define FOR_THE_REST 10

unsigned patience_seconds(const struct config *config) {
    return (unsigned)(config->protocol.stop_us / 1000000) + FOR_THE_REST;
}

void patience_shorten(struct event *event) {
    static const struct timeval rest = {.tv_sec = FOR_THE_REST};
    struct timeval now, left, end;
    if (!event_pending(event, EV_TIMEOUT, &end))
        return;
    evutil_gettimeofday(&now, NULL);
    evutil_timersub(&end, &now, &left);
    if (evutil_timercmp(&left, &rest, >))
        event_add(event, &rest);
}
