#include "base/alloc.h"

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
