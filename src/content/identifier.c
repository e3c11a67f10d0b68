#include <sys/random.h>

#include "base/clock.h"
#include "content/ipm.h"

const char *ipm_new_identifier(struct arena *arena) {
    uint32_t chance = 0;
    if (getrandom(&chance, sizeof chance, 0) != sizeof chance)
        chance = (uint32_t)clock_monotonic_us();
    struct civil_time now = civil_from_seconds(clock_now_us() / 1000000);
    return arena_printf(arena, "%04d%02d%02d%02d%02d%02dZ.%08x", now.year, now.month, now.day, now.hour,
                        now.minute, now.second, chance);
}
