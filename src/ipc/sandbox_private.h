/* The two halves of the sandbox. */
#ifndef IPC_SANDBOX_PRIVATE_H
#define IPC_SANDBOX_PRIVATE_H

#include "ipc/sandbox.h"

/* landlock.c. `*found` is the version of Landlock that the kernel has, 0: none; then nothing was done. */
bool sandbox_guard_files(enum sandbox_part part, const struct sandbox_rights *rights, int *found,
                         struct error *err);

/* calls.c */
bool sandbox_guard_calls(enum sandbox_part part, const struct sandbox_rights *rights, struct error *err);

#endif
