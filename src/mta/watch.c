#include "mta/watch.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/later.h"
#include "mta/mta_private.h"
#include "mta/net.h"

/* Lines in a minute about one thing that the store does not take. */
#define STOPS_TOLD 5

/* Is the log to say that it has begun? A store that fails and recovers by turns is told of a few times in a
 * minute, and then again if it still fails when that is over. */
static bool begins(struct telling_store *telling) {
    unsigned untold;
    if (telling->told)
        return false;
    telling->told =
        burst_take(&telling->told_of, STOPS_TOLD, BURST_MINUTE, clock_monotonic_us(), &untold) != BURST_NONE;
    return telling->told;
}

/* And that it is over? */
static bool is_over(struct telling_store *telling) {
    bool told = telling->told;
    telling->told = false;
    return told;
}

static void watch_room(struct mta *mta) {
    const struct error *cause = store_content_cause(mta->view.store);
    if (cause->code && begins(&mta->refusing_long))
        log_error("no content of more than 8 kB is taken any more, shorter ones are: %s", cause->text);
    if (!cause->code && is_over(&mta->refusing_long))
        log_notice("the store takes contents of more than 8 kB again");
}

void watch_store(struct mta *mta) {
    struct store *store = mta->view.store;
    bool accepting = store_accepting(store) && store_probe(store);
    if (!accepting && begins(&mta->refusing))
        log_error("no message is taken any more: %s", store_cause(store)->text);
    if (!accepting && store_probe(store) && is_over(&mta->refusing))
        log_notice("the store takes messages again");
    watch_room(mta);
    links_release(mta);
    if (batch_is_stuck(mta))
        net_landed(mta); /* as far as it ever will */
    later_go_on(mta);
}
