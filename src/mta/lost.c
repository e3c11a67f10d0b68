#include "mta/lost.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "mta/mta_private.h"

void lost_note(struct mta *mta, const struct ipc_channel *channel, const struct ipc_holder *holder,
               const char *cause) {
    static const struct timeval moment = {.tv_sec = 1};
    char line[160];
    if (mta->stopping)
        return;
    ipc_parent_channel_gone(mta->process.parent, holder, ipc_broke_rules(channel));
    snprintf(line, sizeof line, "the channel to process %s ended: %s", ipc_name(channel), cause);
    if (!buf_append(&mta->lost_lines, line, strlen(line) + 1))
        log_warning("%s", line);
    event_add(mta->lost, &moment);
}

void lost_on_moment(evutil_socket_t fd, short what, void *arg) {
    struct mta *mta = arg;
    (void)fd;
    (void)what;
    const char *lines = (const char *)mta->lost_lines.data;
    for (size_t at = 0; at < mta->lost_lines.len && !mta->stopping; at += strlen(lines + at) + 1)
        log_warning("%s", lines + at);
    buf_clear(&mta->lost_lines);
}
