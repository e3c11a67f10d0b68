/* What OSI says, as the frames have it. */
#include "protocol/p1_private.h"

enum ipc_mode p1_mode(enum osi_context context) {
    return context == OSI_MTS_TRANSFER            ? IPC_MODE_NORMAL
           : context == OSI_MTS_TRANSFER_PROTOCOL ? IPC_MODE_X410_1988
                                                  : IPC_MODE_1984;
}

enum ipc_layer p1_layer(const struct osi_cause *cause) {
    switch (cause->layer) {
    case OSI_LAYER_TRANSPORT:
        return IPC_LAYER_TRANSPORT;
    case OSI_LAYER_SESSION:
        return IPC_LAYER_SESSION;
    case OSI_LAYER_PRESENTATION:
        return IPC_LAYER_PRESENTATION;
    case OSI_LAYER_ACSE:
        return IPC_LAYER_ACSE;
    case OSI_LAYER_RTSE:
        return IPC_LAYER_RTSE;
    case OSI_LAYER_ROSE: /* P1 has none */
    case OSI_LAYER_USER:
        return IPC_LAYER_BIND;
    }
    return IPC_LAYER_TCP;
}
