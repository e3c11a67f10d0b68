#include "base/arena.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/alloc.h"

#define BLOCK_SIZE ((size_t)16 * 1024)   /* of the first block; each one more is twice as large, */
#define BLOCK_MAX  ((size_t)1024 * 1024) /* up to this */
#define ALIGNMENT  _Alignof(max_align_t)

struct arena_block {
    struct arena_block *older;
    size_t size;
    _Alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t cap) {
    *arena = (struct arena){.cap = cap};
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
    arena->left = want;
    return true;
}

void *arena_alloc(struct arena *arena, size_t size) {
    if (size > SIZE_MAX - ALIGNMENT)
        return NULL;
    size = (size + ALIGNMENT - 1) & ~(ALIGNMENT - 1);
    if (size > arena->cap - arena->used)
        return NULL;
    if ((size > arena->left || !arena->next) && !add_block(arena, size))
        return NULL;
    void *given = arena->next;
    arena->next += size;
    arena->left -= size;
    arena->used += size;
    return memset(given, 0, size);
}

void *arena_array(struct arena *arena, size_t count, size_t size) {
    size_t total;
    if (__builtin_mul_overflow(count, size, &total))
        return NULL;
    return arena_alloc(arena, total);
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

static void free_blocks(struct arena_block *block) {
    while (block) {
        struct arena_block *older = block->older;
        mem_free(block);
        block = older;
    }
}

void arena_reset(struct arena *arena) {
    arena->used = 0;
    if (!arena->blocks)
        return;
    free_blocks(arena->blocks->older);
    arena->blocks->older = NULL;
    arena->next = arena->blocks->data;
    arena->left = arena->blocks->size;
}

void arena_free(struct arena *arena) {
    free_blocks(arena->blocks);
    arena_init(arena, arena->cap);
}
