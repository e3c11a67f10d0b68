/*
 * The work process: whatever opens contents. It reads a content from the store
 * process piece by piece, and gives back another, or a verdict. It has no file,
 * no network and no state: it may end at any moment (a hostile content that
 * crashes it, say), and the store process tries the job again with another.
 *
 * One job at a time, without an event loop: the store process sends what is
 * asked for, and writes that it does not take yet block this process, not itself.
 */
#ifndef WORK_WORK_H
#define WORK_WORK_H

/* Processor time for one job, seconds; then the process ends. */
#define WORK_CPU_SECONDS 60

/* Memory for the structs of one job. */
#define WORK_ARENA_OCTETS ((unsigned long)128 * 1024 * 1024)

/* Address space of the whole process, octets (not under a sanitizer, which needs terabytes). */
#define WORK_SPACE_OCTETS ((unsigned long)512 * 1024 * 1024)

/* Gives up what is not needed: memory above WORK_SPACE_OCTETS, core dumps. */
void work_limit(void);

/* Works for the store process at the other end of `store` (taken over) until that closes it. Returns the exit
 * status: 0 then, 1 when the store process broke the rules. */
int work_run(int store);

#endif
