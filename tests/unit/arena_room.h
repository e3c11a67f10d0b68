/* For unit tests that want no more than an arena, one for all of them: cmocka_run_group_tests(tests, set_up,
 * tear_down). */
#ifndef TESTS_UNIT_ARENA_ROOM_H
#define TESTS_UNIT_ARENA_ROOM_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"

static struct arena arena;

static inline int set_up(void **state) {
    (void)state;
    arena_init(&arena, 1 << 22);
    return 0;
}

static inline int tear_down(void **state) {
    (void)state;
    arena_free(&arena);
    return 0;
}

#endif
