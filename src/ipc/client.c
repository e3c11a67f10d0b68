#include "ipc/client.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/reader.h"
#include "ipc/payload.h"

#define HEADER 16

struct ipc_client {
    int fd;
    bool greets; /* the daemon has not answered our hello yet */
    struct ipc_side side;
    struct buf input;
    size_t handed_out; /* octets at the start of the input that the last receive gave to the caller */
};

struct ipc_client *ipc_client_of(int fd, struct ipc_side side) {
    struct ipc_client *client = mem_alloc(sizeof *client);
    if (!client)
        return NULL;
    client->fd = fd;
    client->side = side;
    buf_init(&client->input, HEADER + IPC_CLIENT_MAX + IPC_CHUNK);
    return client;
}

static void say_hello(struct ipc_client *client);

struct ipc_client *ipc_client_open(const char *path, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        error_set(err, ENAMETOOLONG, "the socket's path is too long: %s", path);
        return NULL;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool connected = fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof address) == 0;
    if (!connected)
        error_set(err, errno, "cannot reach the daemon at %s: %s; %s", path, strerror(errno),
                  errno == EACCES ? "you may not use this socket: ask its owner"
                                  : "is mhsd running, and is this its socket?");
    static const struct ipc_side side = {.self = IPC_CLIENT, .other = IPC_CLIENTS};
    struct ipc_client *client = connected ? ipc_client_of(fd, side) : NULL;
    if (!client && fd >= 0)
        close(fd);
    if (client)
        say_hello(client);
    return client;
}

void ipc_client_close(struct ipc_client *client) {
    if (!client)
        return;
    close(client->fd);
    buf_free(&client->input);
    mem_free(client);
}

static bool gone(const struct ipc_client *client, struct error *err) {
    return error_set(err, EPIPE,
                     client->greets
                         ? "the daemon closed the connection and did not greet: it is stopping, or older "
                           "than this program; its log says why"
                         : "the daemon closed the connection; its log says why");
}

static bool send_all(int fd, struct span octets) {
    while (octets.len > 0) {
        ssize_t sent = send(fd, octets.data, octets.len, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return false;
        octets = span_sub(octets, (size_t)sent, octets.len);
    }
    return true;
}

bool ipc_client_send(struct ipc_client *client, enum ipc_type type, uint64_t ref, struct span head,
                     struct span body, struct error *err) {
    if (head.len > IPC_CLIENT_MAX || body.len > IPC_CLIENT_MAX - head.len)
        return error_set(err, EMSGSIZE, "a request of more than %d octets", IPC_CLIENT_MAX);
    struct buf first;
    buf_init(&first, 0);
    buf_append_u32(&first, (uint32_t)(head.len + body.len));
    buf_append_u16(&first, (uint16_t)type);
    buf_append_u16(&first, 0);
    buf_append_u64(&first, ref);
    buf_append_span(&first, head);
    bool ok = !first.failed && send_all(client->fd, buf_span(&first)) && send_all(client->fd, body);
    buf_free(&first);
    return ok || gone(client, err);
}

/* Reads what is there; waits for it until `deadline` (monotonic microseconds; negative: for ever). */
static bool read_more(struct ipc_client *client, int64_t deadline, struct error *err) {
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
    int64_t left = deadline < 0 ? -1 : (deadline - clock_monotonic_us() + 999) / 1000;
    int ready = left == 0 || left < -1 ? 0 : poll(&poll_fd, 1, (int)left);
    if (ready < 0 && errno == EINTR)
        return true;
    if (ready <= 0)
        return error_set(err, ETIMEDOUT, "the daemon did not answer in time");
    if (!buf_reserve(&client->input, IPC_CHUNK))
        return error_set(err, ENOMEM, "no memory for the daemon's answer");
    ssize_t got = recv(client->fd, client->input.data + client->input.len, IPC_CHUNK, 0);
    if (got < 0 && errno == EINTR)
        return true;
    if (got <= 0)
        return gone(client, err);
    client->input.len += (size_t)got;
    return true;
}

static bool receive(struct ipc_client *client, enum ipc_type *type, uint64_t *ref, struct span *payload,
                    int timeout_ms, struct error *err) {
    buf_consume(&client->input, client->handed_out);
    client->handed_out = 0;
    int64_t deadline = timeout_ms < 0 ? -1 : clock_monotonic_us() + (int64_t)timeout_ms * 1000;
    char why[IPC_WHY];
    for (;;) {
        struct reader r = reader_of(buf_span(&client->input));
        size_t length = reader_u32(&r);
        *type = (enum ipc_type)reader_u16(&r);
        reader_u16(&r);
        *ref = reader_u64(&r);
        if (!r.failed && length > IPC_CLIENT_MAX)
            return error_set(err, EPROTO, "the daemon sent a frame longer than the limit");
        *payload = reader_take(&r, length);
        if (!r.failed) {
            client->handed_out = HEADER + length;
            return ipc_frame_take(&client->side, *type, *ref, *payload, why) ||
                   error_set(err, EPROTO, "the daemon sent %s", why);
        }
        if (!read_more(client, deadline, err))
            return false;
    }
}

static bool is_waiting(const struct ipc_client *client) {
    struct pollfd poll_fd = {.fd = client->fd, .events = POLLIN};
    return client->input.len > client->handed_out || poll(&poll_fd, 1, 0) > 0;
}

/* ---- the greeting ---- */

/* A daemon that refused the connection may not take it any more: what it said of that is there to be
 * received. */
static void say_hello(struct ipc_client *client) {
    struct buf hello;
    struct error unheard = {0};
    buf_init(&hello, 0);
    buf_append_u16(&hello, IPC_LOCAL_VERSION);
    payload_put_octets(&hello, SPAN_LIT("chasqui " CHASQUI_VERSION));
    buf_append_span(&hello, SPAN_LIT(IPC_LOCAL_OFFERS));
    client->greets = true;
    ipc_client_send(client, IPC_HELLO, 0, buf_span(&hello), (struct span){NULL, 0}, &unheard);
    buf_free(&hello);
}

/* What it offers is at least what we want, for it would have refused us else. */
static bool take_welcome(struct ipc_client *client, struct span payload, struct error *err) {
    struct reader r = reader_of(payload);
    unsigned version = reader_u16(&r);
    client->greets = false;
    return version == IPC_LOCAL_VERSION ||
           error_set(err, EPROTO,
                     "the daemon speaks version %u of the local protocol, this program version %d", version,
                     IPC_LOCAL_VERSION);
}

bool ipc_client_receive(struct ipc_client *client, enum ipc_type *type, uint64_t *ref, struct span *payload,
                        int timeout_ms, struct error *err) {
    if (!receive(client, type, ref, payload, timeout_ms, err))
        return false;
    if (!client->greets || *type != IPC_WELCOME)
        return true;
    return take_welcome(client, *payload, err) && receive(client, type, ref, payload, timeout_ms, err);
}

bool ipc_client_waiting(struct ipc_client *client) {
    struct error err = {0};
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    bool waiting = is_waiting(client); /* asked once: the greeting may come at any moment */
    if (!client->greets || !waiting)
        return waiting;
    /* It may be the answer to our hello, which nobody waits for;
     * what else it is, ipc_client_receive tells. */
    if (!receive(client, &type, &ref, &payload, 10000, &err))
        return true;
    if (type == IPC_WELCOME && take_welcome(client, payload, &err))
        return is_waiting(client);
    client->handed_out = 0;
    return true;
}
