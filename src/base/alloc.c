#include "base/alloc.h"

#include <malloc.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int64_t fail_after = -1;

static bool must_fail(void) {
    if (fail_after < 0)
        return false;
    if (fail_after == 0)
        return true;
    fail_after--;
    return false;
}

void *mem_alloc(size_t size) {
    return must_fail() ? NULL : calloc(1, size ? size : 1);
}

void *mem_resize(void *block, size_t size) {
    return must_fail() ? NULL : realloc(block, size ? size : 1);
}

void mem_free(void *block) {
    free(block);
}

char *mem_strdup(const char *s) {
    size_t size = strlen(s) + 1;
    char *copy = mem_alloc(size);
    if (copy)
        memcpy(copy, s, size);
    return copy;
}

void mem_fail_after(int64_t count) {
    fail_after = count;
}

#define KEPT_FREE  (4 << 20)
#define GROWS_BY   (512 << 10)
#define MAPPED_MIN (1 << 20) /* blocks of this size and more come and go by themselves */

void mem_keep_some(void) {
    mallopt(M_TRIM_THRESHOLD, KEPT_FREE);
    mallopt(M_TOP_PAD, GROWS_BY);
    mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
}

#define STACK_WIPED ((size_t)64 * 1024)

/* A sanitizer would put the array elsewhere. */
__attribute__((noinline, no_sanitize("address"))) void mem_wipe_stack(void) {
    uint8_t octets[STACK_WIPED];
    explicit_bzero(octets, sizeof octets);
}
