#include "ipc/refuse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "ipc/frame.h"

void ipc_refuse(int fd, const char *why) {
    struct buf frame;
    char json[400];
    int length =
        snprintf(json, sizeof json, "\1{\"error\":{\"code\":\"unavailable\",\"text\":\"%.300s\"}}", why);
    buf_init(&frame, 0);
    buf_append_u32(&frame, (uint32_t)length);
    buf_append_u16(&frame, IPC_RESPONSE);
    buf_append_u16(&frame, 0);
    buf_append_u64(&frame, 0);
    buf_append_span(&frame, span_of(json, (size_t)length));
    if (!frame.failed && send(fd, frame.data, frame.len, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        log_debug("a local client that was refused did not hear why: %s", strerror(errno));
    buf_free(&frame);
    close(fd);
}
