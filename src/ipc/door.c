#include "ipc/door.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* The holder, and room for one descriptor, aligned as the kernel wants it. */
struct passage {
    uint8_t text[6]; /* end, number, life */
    struct iovec part;
    union {
        struct cmsghdr header;
        char octets[CMSG_SPACE(sizeof(int))];
    } control;
};

static struct msghdr message_of(struct passage *passage) {
    passage->part = (struct iovec){.iov_base = passage->text, .iov_len = sizeof passage->text};
    return (struct msghdr){.msg_iov = &passage->part,
                           .msg_iovlen = 1,
                           .msg_control = passage->control.octets,
                           .msg_controllen = sizeof passage->control.octets};
}

bool ipc_door(int door[2]) {
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, door) != 0)
        return false;
    if (fcntl(door[0], F_SETFL, O_NONBLOCK) == 0)
        return true;
    close(door[0]);
    close(door[1]);
    return false;
}

void ipc_holder_name(const struct ipc_holder *holder, char name[static IPC_HOLDER_NAME]) {
    static const char *const names[] = {
        [IPC_END_NET] = "net", [IPC_END_WORK] = "work", [IPC_END_READER] = "reader"};
    if (holder->end == IPC_END_CLIENTS) /* there is one */
        snprintf(name, IPC_HOLDER_NAME, "clients");
    else
        snprintf(name, IPC_HOLDER_NAME, "%s%u", names[holder->end], holder->number);
}

bool ipc_door_pass(int door, const struct ipc_holder *holder, int fd) {
    uint32_t life = holder->life;
    struct passage passage = {.text = {(uint8_t)holder->end, holder->number, (uint8_t)(life >> 24),
                                       (uint8_t)(life >> 16), (uint8_t)(life >> 8), (uint8_t)life}};
    struct msghdr message = message_of(&passage);
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);
    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    return sendmsg(door, &message, MSG_NOSIGNAL) == (ssize_t)sizeof passage.text;
}

/* The descriptor that came along, -1: none. */
static int descriptor_of(struct msghdr *message) {
    int fd = -1;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof fd))
        memcpy(&fd, CMSG_DATA(header), sizeof fd);
    return fd;
}

static struct ipc_holder read_holder(const uint8_t *text) {
    return (struct ipc_holder){.end = (enum ipc_end)text[0],
                               .number = text[1],
                               .life = (uint32_t)text[2] << 24 | (uint32_t)text[3] << 16 |
                                       (uint32_t)text[4] << 8 | text[5]};
}

int ipc_door_take(int door, struct ipc_holder *holder, int *fd) {
    struct passage passage = {0};
    struct msghdr message = message_of(&passage);
    ssize_t got = recvmsg(door, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (got < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    *fd = got > 0 ? descriptor_of(&message) : -1;
    if (got == (ssize_t)sizeof passage.text && *fd >= 0 && !(message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))) {
        *holder = read_holder(passage.text);
        return 1;
    }
    if (*fd >= 0)
        close(*fd);
    return -1;
}
