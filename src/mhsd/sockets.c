#include "mhsd/sockets.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"

#define BACKLOG 512

static const struct sockets closed = {.local = -1, .store = -1, .work = -1};

static int listen_at(const struct sockaddr *address, socklen_t length, struct error *err) {
    char host[64] = "?", port[8] = "?";
    int one = 1;
    getnameinfo(address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd >= 0 && bind(fd, address, length) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error_set(err, errno, "cannot listen at %s port %s: %s%s", host, port, strerror(errno),
              errno == EACCES ? "; ports below 1024 need root" : "");
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A name of this machine is resolved here, before the daemon serves: the first address counts. */
static int listen_tcp(const struct protocol_endpoint *endpoint, struct error *err) {
    if (endpoint->length > 0)
        return listen_at((const struct sockaddr *)&endpoint->address, endpoint->length, err);
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found = NULL;
    snprintf(port, sizeof port, "%u", endpoint->port);
    int status = getaddrinfo(endpoint->host, port, &hints, &found);
    if (status != 0) {
        error_set(err, EINVAL, "cannot listen at '%.80s', port %s: %s", endpoint->host, port,
                  gai_strerror(status));
        return -1;
    }
    int fd = listen_at(found->ai_addr, found->ai_addrlen, err);
    freeaddrinfo(found);
    return fd;
}

/* A socket that an earlier daemon left is removed; one that a daemon still serves is not. */
static bool make_way(const char *path, const struct sockaddr_un *address, struct error *err) {
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool served = probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    if (probe >= 0)
        close(probe);
    if (served)
        return error_set(err, EADDRINUSE, "a daemon is running already: it serves %s", path);
    struct stat status;
    if (lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
        unlink(path);
    return true;
}

static int listen_local(const char *path, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        error_set(err, ENAMETOOLONG, "the path of 'socket' has more than %zu characters: %s",
                  sizeof address.sun_path - 1, path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (!make_way(path, &address, err))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Everybody may connect: the store process decides by uid what each may do. */
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
        chmod(path, 0666) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error_set(err, errno, "cannot serve the local socket %s: %s; does its folder exist?", path,
              strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

/* An abstract address that the kernel chooses; the process that listens takes connections of its own user's
 * processes only. */
static int listen_store(struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address.sun_family) == 0 &&
        listen(fd, BACKLOG) == 0)
        return fd;
    error_set(err, errno, "no socket for a process of ours: %s", strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
}

static bool listen_readers(struct sockets *sockets, unsigned count, struct error *err) {
    sockets->readers = mem_alloc((count + 1) * sizeof *sockets->readers);
    if (!sockets->readers)
        return error_set(err, ENOMEM, "no memory");
    for (; sockets->reader_count < count; sockets->reader_count++)
        if ((sockets->readers[sockets->reader_count] = listen_store(err)) < 0)
            return false;
    return true;
}

struct net_reader *sockets_reader_addresses(const struct sockets *sockets) {
    struct net_reader *addresses = mem_alloc((sockets->reader_count + 1) * sizeof *addresses);
    for (size_t i = 0; addresses && i < sockets->reader_count; i++) {
        addresses[i].length = sizeof addresses[i].address;
        getsockname(sockets->readers[i], (struct sockaddr *)&addresses[i].address, &addresses[i].length);
    }
    return addresses;
}

bool sockets_open(struct sockets *sockets, const struct config *config, struct error *err) {
    *sockets = closed;
    sockets->listeners = mem_alloc((config->protocol.listener_count + 1) * sizeof *sockets->listeners);
    if (!sockets->listeners)
        return error_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < config->protocol.listener_count; i++) {
        int fd = listen_tcp(&config->protocol.listeners[i].endpoint, err);
        if (fd < 0)
            return false;
        sockets->listeners[sockets->listener_count++] = fd;
    }
    sockets->local = listen_local(config->socket, err);
    sockets->store = sockets->local < 0 ? -1 : listen_store(err);
    sockets->work = sockets->store < 0 ? -1 : listen_store(err);
    return sockets->work >= 0 && listen_readers(sockets, config->reader_processes, err);
}

static int connect_to(int listener) {
    struct sockaddr_un address;
    socklen_t length = sizeof address;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && getsockname(listener, (struct sockaddr *)&address, &length) == 0 &&
        connect(fd, (const struct sockaddr *)&address, length) == 0)
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

int sockets_connect_store(const struct sockets *sockets) {
    return connect_to(sockets->store);
}

int sockets_connect_work(const struct sockets *sockets) {
    return connect_to(sockets->work);
}

void sockets_close(struct sockets *sockets, const struct config *config) {
    for (size_t i = 0; i < sockets->listener_count; i++)
        close(sockets->listeners[i]);
    if (sockets->local >= 0) {
        close(sockets->local);
        unlink(config->socket);
    }
    if (sockets->store >= 0)
        close(sockets->store);
    for (size_t i = 0; i < sockets->reader_count; i++)
        close(sockets->readers[i]);
    mem_free(sockets->readers);
    if (sockets->work >= 0)
        close(sockets->work);
    mem_free(sockets->listeners);
    *sockets = closed;
}
