/* The work process, whose store process says anything: the input is the octets of its channel. */
#include "work/work.h"

#include "frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct end store;
    int fd = end_open(&store), room = 1 << 21;
    /* All that it will ever be told lies ready, then the channel ends: it never waits. */
    setsockopt(store.fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
    end_write(&store, span_of(data, size));
    shutdown(store.fd, SHUT_WR);
    work_run(fd);
    end_close(&store);
    return 0;
}
