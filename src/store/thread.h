/*
 * A thread of the store's own, which does what waits for the disk (syncs, SQLite's COMMIT and checkpoints)
 * while its owner goes on. It does one job after the other, allocates no memory of its own and ends with its
 * process.
 *
 * It is started before a process gives up the system calls for that (ipc/sandbox.h, sandbox_rights.start),
 * and given to store_open.
 */
#ifndef STORE_THREAD_H
#define STORE_THREAD_H

#include <stdbool.h>

#include "base/error.h"

struct store_thread;

/* It takes no signals. NULL, with `err` filled: the system gives none. */
struct store_thread *store_thread_start(struct error *err);

/* `run(argument)` is called there; none is under way. What it reads is not changed until it has ended. */
void store_thread_begin(struct store_thread *thread, void (*run)(void *argument), void *argument);

/* True: nothing runs there any more, and what it wrote is seen. With `wait` it is waited for. */
bool store_thread_ended(struct store_thread *thread, bool wait);

/* Readable from the end of a job until store_thread_heard. It is the thread's. */
int store_thread_descriptor(const struct store_thread *thread);
void store_thread_heard(struct store_thread *thread);

#endif
