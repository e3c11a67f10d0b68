#include "mhsd/supervisor.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/log.h"

/* The parent still has to see that the last process has ended. */
#define STOP_MARGIN 5

/* The socket's name is a path, or with '@' before it one of the abstract name space. Returns its length, 0 if
 * it is none. */
static socklen_t notify_address(const char *name, struct sockaddr_un *address) {
    size_t length = strlen(name);
    if ((name[0] != '/' && name[0] != '@') || length < 2 || length >= sizeof address->sun_path)
        return 0;
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(address->sun_path, name, length);
    if (name[0] == '@')
        address->sun_path[0] = '\0';
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}

void supervisor_tell_stopping(unsigned seconds) {
    char state[80];
    snprintf(state, sizeof state, "STOPPING=1\nEXTEND_TIMEOUT_USEC=%u000000", seconds + STOP_MARGIN);
    supervisor_tell(state);
}

void supervisor_tell(const char *state) {
    const char *name = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address;
    socklen_t length = name ? notify_address(name, &address) : 0;
    if (length == 0)
        return;
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    /* Nobody waits for the answer: a service manager that does not listen must not stop the mail. */
    if (fd < 0 || sendto(fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT, (struct sockaddr *)&address,
                         length) < 0)
        log_warning("the service manager was not told '%s': %s", state, strerror(errno));
    if (fd >= 0)
        close(fd);
}
