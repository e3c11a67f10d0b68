/*
 * An arena: memory for the values of one unit of work (a decoded envelope, a
 * configuration), freed all at once. It has a cap, so that a hostile input
 * can't make it grow without bound.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>

#include "base/span.h"

struct arena_block;

struct arena {
    struct arena_block *blocks; /* newest first */
    uint8_t *next;              /* free part of the newest block */
    size_t left;                /* octets of it that are zeroed and within the cap */
    size_t used;                /* octets given out since the last reset */
    size_t cap;                 /* most octets it gives out */
    bool cap_hit;               /* since the last reset it had to give out more */
    bool starved;               /* since the last reset the heap gave it none */
    bool secret;                /* what it takes back is wiped */
};

/* Prepares an arena that gives out at most `cap` octets. Allocates nothing. */
void arena_init(struct arena *arena, size_t cap);
/* One for what nobody shall find later, in memory that was given back. */
void arena_init_secret(struct arena *arena, size_t cap);

#define ARENA_ALIGNMENT _Alignof(max_align_t)

/* arena_alloc where less than `size` octets are ready. */
void *arena_alloc_slowly(struct arena *arena, size_t size) __attribute__((warn_unused_result));

/* Zeroed memory aligned for any type, owned by the arena; NULL when the cap or the heap is exhausted. */
__attribute__((warn_unused_result)) static inline void *arena_alloc(struct arena *arena, size_t size) {
    if (size - 1 >= arena->left) /* 0 too */
        return arena_alloc_slowly(arena, size);
    void *given = arena->next;
    size = (size + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
    arena->next += size;
    arena->left -= size;
    arena->used += size;
    return given;
}

/* The same, for `count` items of `size` octets; NULL also when the product overflows. */
__attribute__((warn_unused_result)) static inline void *arena_array(struct arena *arena, size_t count,
                                                                    size_t size) {
    size_t total;
    return __builtin_mul_overflow(count, size, &total) ? NULL : arena_alloc(arena, total);
}

/* A copy of `s` in the arena; `data` is NULL when it doesn't fit. A NUL follows the copy, outside its length.
 */
struct span arena_dup(struct arena *arena, struct span s) __attribute__((warn_unused_result));

/* A formatted C string in the arena, or NULL. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes back everything given out; keeps one block for the next use. */
void arena_reset(struct arena *arena);

/* Frees all memory; the arena may be used again. */
void arena_free(struct arena *arena);

#endif
