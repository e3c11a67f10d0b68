#include "ipc/operation.h"

#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    enum ipc_operation what;
} operations[] = {{"status", IPC_OPERATION_LOOKS},       {"ping", IPC_OPERATION_LOOKS},
                  {"peer-status", IPC_OPERATION_LOOKS},  {"queue-list", IPC_OPERATION_LOOKS},
                  {"queue-show", IPC_OPERATION_LOOKS},   {"route", IPC_OPERATION_LOOKS},
                  {"waiting", IPC_OPERATION_LOOKS},      {"track", IPC_OPERATION_READS},
                  {"mailboxes", IPC_OPERATION_READS},    {"mailbox-list", IPC_OPERATION_READS},
                  {"mailbox-show", IPC_OPERATION_READS}, {"user-list", IPC_OPERATION_READS}};

enum ipc_operation ipc_operation_of(const char *name) {
    for (size_t i = 0; name && i < sizeof operations / sizeof *operations; i++)
        if (strcmp(operations[i].name, name) == 0)
            return operations[i].what;
    return IPC_OPERATION_ACTS;
}
