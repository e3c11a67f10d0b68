#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

#define BLOCK_SIZE     ((size_t)16 * 1024)   /* of the first block; each one more is twice as large, */
#define BLOCK_MAX      ((size_t)1024 * 1024) /* up to this */
#define ZEROED_AT_ONCE ((size_t)2048)

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t cap) {
    *arena = (struct arena){.cap = cap};
}

void arena_init_secret(struct arena *arena, size_t cap) {
    *arena = (struct arena){.cap = cap, .secret = true};
}

static bool add_block(struct arena *arena, size_t size) {
    size_t want = !arena->blocks                        ? BLOCK_SIZE
                  : arena->blocks->size < BLOCK_MAX / 2 ? arena->blocks->size * 2
                                                        : BLOCK_MAX;
    want = size > want ? size : want;
    struct arena_block *block = mem_resize(NULL, sizeof *block + want);
    if (!block)
        return false;
    block->older = arena->blocks;
    block->size = want;
    arena->blocks = block;
    arena->next = block->data;
    arena->left = 0;
    return true;
}

/*
 * Memory is zeroed a piece at a time, shortly before it is given out: cheaper
 * than each allocation by itself, and than blocks of which much is never used.
 */
void *arena_alloc_slowly(struct arena *arena, size_t size) {
    if (size > SIZE_MAX - ZEROED_AT_ONCE)
        return NULL;
    size = (size + ARENA_ALIGNMENT - 1) & ~(ARENA_ALIGNMENT - 1);
    struct arena_block *block = arena->blocks;
    size_t free = block ? (size_t)(block->data + block->size - arena->next) : 0;
    if (size > arena->cap - arena->used) {
        arena->cap_hit = true;
        return NULL;
    }
    if ((!block || size > free) && !add_block(arena, size)) {
        arena->starved = true;
        return NULL;
    }
    free = (size_t)(arena->blocks->data + arena->blocks->size - arena->next);
    free = free < arena->cap - arena->used ? free : arena->cap - arena->used;
    size_t want = size > ZEROED_AT_ONCE ? size : ZEROED_AT_ONCE;
    want = (want < free ? want : free) & ~(ARENA_ALIGNMENT - 1);
    memset(arena->next + arena->left, 0, want - arena->left);
    void *given = arena->next;
    arena->next += size;
    arena->left = want - size;
    arena->used += size;
    return given;
}

struct span arena_dup(struct arena *arena, struct span s) {
    uint8_t *copy = s.len < SIZE_MAX ? arena_alloc(arena, s.len + 1) : NULL;
    if (!copy)
        return (struct span){NULL, 0};
    if (s.len)
        memcpy(copy, s.data, s.len);
    return (struct span){copy, s.len};
}

char *arena_printf(struct arena *arena, const char *format, ...) {
    va_list args;
    va_start(args, format);
    int len = vsnprintf(NULL, 0, format, args);
    va_end(args);
    char *text = len < 0 ? NULL : arena_alloc(arena, (size_t)len + 1);
    if (!text)
        return NULL;
    va_start(args, format);
    vsnprintf(text, (size_t)len + 1, format, args);
    va_end(args);
    return text;
}

static void wipe(const struct arena *arena, struct arena_block *block) {
    if (arena->secret)
        explicit_bzero(block->data, block->size);
}

static void free_blocks(const struct arena *arena, struct arena_block *block) {
    while (block) {
        struct arena_block *older = block->older;
        wipe(arena, block);
        mem_free(block);
        block = older;
    }
}

void arena_reset(struct arena *arena) {
    arena->used = 0;
    arena->cap_hit = arena->starved = false;
    if (!arena->blocks)
        return;
    wipe(arena, arena->blocks);
    free_blocks(arena, arena->blocks->older);
    arena->blocks->older = NULL;
    arena->next = arena->blocks->data;
    arena->left = 0;
}

void arena_free(struct arena *arena) {
    free_blocks(arena, arena->blocks);
    *arena = (struct arena){.cap = arena->cap, .secret = arena->secret};
}
