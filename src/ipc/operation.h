/* What the operations of local clients touch (docs/local-protocol.md): who may answer one, and whether it can
 * be asked again without harm. */
#ifndef IPC_OPERATION_H
#define IPC_OPERATION_H

enum ipc_operation {
    IPC_OPERATION_ACTS = 1, /* changes something, or nobody knows it here */
    IPC_OPERATION_LOOKS,    /* changes nothing; the store process knows the answer, or asks a peer for it */
    IPC_OPERATION_READS     /* reads rows of the store alone: a reader may answer it */
};

/* Of the operation of that name; NULL: none was given. */
enum ipc_operation ipc_operation_of(const char *name);

#endif
