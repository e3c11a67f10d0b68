/*
 * Memory from the heap, with a door for the tests: every allocation of the
 * product goes through here, so that a test can make the n-th one fail and
 * see that nothing is lost.
 */
#ifndef BASE_ALLOC_H
#define BASE_ALLOC_H

#include <stddef.h>
#include <stdint.h>

/* Zeroed memory, or NULL. The caller frees it with mem_free. */
void *mem_alloc(size_t size) __attribute__((malloc, warn_unused_result));

/* Like realloc(3): the added part is not zeroed; on NULL the old block is still the caller's. */
void *mem_resize(void *block, size_t size) __attribute__((warn_unused_result));

void mem_free(void *block);

/* A copy of a C string, or NULL. The caller frees it with mem_free. */
char *mem_strdup(const char *s) __attribute__((malloc, warn_unused_result));

/* For a process that serves: a few megabytes that were freed stay with it, to be used again. The C library
 * would give them back and ask for them anew with each batch, and each of their pages would be a fault. */
void mem_keep_some(void);

/* Tests only: let `count` allocations pass, then fail every one; a negative count ends it. */
void mem_fail_after(int64_t count);

/* Wipes the stack below the caller: what functions that have returned left there, copies in saved registers
 * among it. For the end of what dealt with a secret. */
void mem_wipe_stack(void);

#endif
