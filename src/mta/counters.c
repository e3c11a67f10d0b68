#include "mta/counters.h"

#include "mta/mta_private.h"

static void count(struct mta *mta, const struct effect *effect) {
    mta->counters[effect->number]++;
}

static void count_nothing(struct mta *mta, const struct effect *effect) {
    (void)mta;
    (void)effect;
}

static const struct effect_kind counting = {count, count_nothing};

bool counter_with_batch(struct mta *mta, enum counter counter) {
    return batch_effect_later(mta, (struct effect){.kind = &counting, .number = counter});
}
