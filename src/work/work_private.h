/* A job as its operation sees it. An operation is a function in a file of its own, in work.c's table. */
#ifndef WORK_WORK_PRIVATE_H
#define WORK_WORK_PRIVATE_H

#include "base/arena.h"
#include "content/source.h"
#include "ipc/client.h"

struct job {
    struct ipc_client *store;
    uint64_t ref;
    struct span arguments;
    struct content_source content; /* reads from the store process */
    struct arena arena;            /* of the job */
    struct buf written;            /* of the new content, not yet sent */
    bool broken;                   /* the channel is: nothing more can be said */
};

/* Octets of the content: a content_source's form, `context` is the job. */
bool work_read(void *context, uint64_t offset, void *out, size_t len);

/* The verdict. Then exactly `length` octets follow with work_write. */
bool work_done(struct job *job, uint64_t length, struct span results);
bool work_refused(struct job *job, int reason, int diagnostic, const char *text);
bool work_failed(struct job *job, const char *text);

/* The next octets of the new content: a sink's form, `context` is the job. */
bool work_write(void *context, struct span octets);

/* Sends what was gathered of them. */
bool work_flush(struct job *job);

/* Each gives a verdict. False: the channel is broken, or what was promised can't be kept: the process ends.
 */
bool work_downgrade(struct job *job);
bool work_attributes(struct job *job);

#endif
