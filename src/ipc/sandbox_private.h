/* The parts of the sandbox. */
#ifndef IPC_SANDBOX_PRIVATE_H
#define IPC_SANDBOX_PRIVATE_H

#include "ipc/sandbox.h"

/* landlock.c. `*found` is the version of Landlock that the kernel has, 0: none; then nothing was done. */
bool sandbox_guard_files(enum sandbox_part part, const struct sandbox_rights *rights, int *found,
                         struct error *err);

/* capabilities.c: keeps what is needed to use the store's files where they are not the user's own, and
 * nothing else. Before the other two: they reach no more files than the rest of the process will. */
bool sandbox_guard_capabilities(enum sandbox_part part, const struct sandbox_rights *rights,
                                struct error *err);

/* descriptors.c. Before the system calls: these are loaded with one. */
bool sandbox_guard_descriptors(const struct sandbox_rights *rights, struct error *err);

/* calls.c. For all threads of the process (sandbox_rights.start). */
bool sandbox_load(void *filter);
bool sandbox_guard_calls(enum sandbox_part part, const struct sandbox_rights *rights, struct error *err);

#endif
