#include "mhsd/parent_channels.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "ipc/door.h"

/* Octets that wait between two processes. */
#define CHANNEL_OCTETS (1 << 20)

/* Passes an end through the child's door. One that has closed that and lives would be introduced to nobody.
 */
static bool pass_end(struct child *to, enum ipc_end kind, const struct child *holder, int fd) {
    struct ipc_holder other = {.end = kind, .number = (uint8_t)holder->number, .life = holder->life};
    if (ipc_door_pass(to->door, &other, fd))
        return true;
    int cause = errno;
    if (cause == EPIPE || cause == ECONNRESET)
        child_await_end(to);
    errno = cause;
    return false;
}

/* Long contents pass in few turns of the two ends. The system may give less (net.core.wmem_max), and then it
 * is only slower. */
static void widen(int fd) {
    int octets = CHANNEL_OCTETS;
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &octets, sizeof octets);
}

/* Gives `to` the end of a new channel; the other is for `of`, a process of that kind. -1 with errno. */
static int introduce(struct child *to, enum ipc_end kind, const struct child *of) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
        return -1;
    widen(pair[0]);
    widen(pair[1]);
    bool ok = pass_end(to, kind, of, pair[0]);
    int cause = errno;
    close(pair[0]);
    if (ok)
        return pair[1];
    close(pair[1]);
    errno = cause;
    return -1;
}

/* They get the ends of one channel, once both have doors. */
static void introduce_to_reader(struct child *of, struct child *reader) {
    if (of->door < 0 || reader->door < 0)
        return;
    int end = introduce(reader, child_kinds[of->kind].end, of);
    if (end >= 0) {
        pass_end(of, IPC_END_READER, reader, end);
        close(end);
    }
}

void child_introduce_readers(struct child *child) {
    static const enum child_kind asking[] = {KIND_CLIENTS, KIND_NET};
    struct parent *parent = child->parent;
    for (unsigned i = 0; i < parent->count[KIND_READER]; i++) {
        struct child *reader = &parent->children[KIND_READER][i];
        for (size_t kind = 0; kind < sizeof asking / sizeof *asking; kind++)
            for (unsigned j = 0; j < parent->count[asking[kind]]; j++) {
                struct child *other = &parent->children[asking[kind]][j];
                if (child == reader || child == other)
                    introduce_to_reader(other, reader);
            }
    }
}

bool child_open_store_end(const struct child *child, int *end) {
    enum ipc_end of = child_kinds[child->kind].end;
    *end = -1;
    if (!of)
        return true;
    *end = introduce(child->parent->children[KIND_STORE], of, child);
    return *end >= 0;
}
