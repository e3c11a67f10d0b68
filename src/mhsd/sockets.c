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

static const struct sockets closed = {.local = -1};

static const char *remedy_of(int cause) {
    switch (cause) {
    case EACCES:
        return "; ports below 1024 need root: start it as root, or let 'listen' name a higher one";
    case EADDRINUSE:
        return "; another program listens there (ss -ltnp tells which): end it, or change 'listen'";
    case EADDRNOTAVAIL:
        return "; this machine has no such address (ip address tells which it has): change 'listen', which "
               "takes 0.0.0.0 for all of them";
    default:
        return "";
    }
}

static int listen_at(const struct sockaddr *address, socklen_t length, struct error *err) {
    char host[64] = "?", port[8] = "?";
    int one = 1;
    getnameinfo(address, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd >= 0)
        setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd >= 0 && bind(fd, address, length) == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    error_set(err, errno, "cannot listen at %s port %s: %s%s", host, port, strerror(errno), remedy_of(errno));
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
        error_set(err, EINVAL,
                  "cannot listen at '%.80s', port %s: %s; let 'listen' name an address of this machine, or a "
                  "host that it can look up",
                  endpoint->host, port, gai_strerror(status));
        return -1;
    }
    int fd = listen_at(found->ai_addr, found->ai_addrlen, err);
    freeaddrinfo(found);
    return fd;
}

/* What else has the name is not ours to remove. */
static bool is_no_other(const char *path, struct error *err) {
    struct stat status;
    if (lstat(path, &status) != 0 || S_ISSOCK(status.st_mode))
        return true;
    return error_set(err, EEXIST,
                     "socket: %s is there, and is not a socket: move it away, or let 'socket' name another",
                     path);
}

/* A socket that an earlier daemon left is removed; one that a daemon still serves is not. */
static bool make_way(const char *path, const struct sockaddr_un *address, struct error *err) {
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool served = probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) == 0;
    if (probe >= 0)
        close(probe);
    if (served)
        return error_set(err, EADDRINUSE,
                         "a daemon is running already: it serves %s; end it, or let 'socket' name another",
                         path);
    if (!is_no_other(path, err))
        return false;
    unlink(path);
    return true;
}

void sockets_folder_of(const char *path, char *folder, size_t size) {
    snprintf(folder, size, "%s", path);
    char *end = strrchr(folder, '/');
    if (!end)
        snprintf(folder, size, ".");
    else
        end[end == folder] = '\0';
}

bool sockets_make_folder(const char *path, struct error *err) {
    char folder[sizeof((struct sockaddr_un *)NULL)->sun_path];
    sockets_folder_of(path, folder, sizeof folder);
    if (mkdir(folder, 0755) == 0 || errno == EEXIST)
        return true;
    return error_set(err, errno, "cannot make the folder %s for the local socket: %s; make it: mkdir -p %s",
                     folder, strerror(errno), folder);
}

bool sockets_may_serve(const char *path, struct error *err) {
    char folder[4096], inside[4100], above[4096];
    sockets_folder_of(path, folder, sizeof folder);
    sockets_folder_of(folder, above, sizeof above);
    snprintf(inside, sizeof inside, "%s/.", folder); /* "/.": a file is no folder */
    if (access(inside, W_OK | X_OK) == 0 || (errno == ENOENT && access(above, W_OK | X_OK) == 0))
        return is_no_other(path, err);
    return error_set(err, errno, "socket: %s can't be served: %s; its folder must be there: mkdir -p %s",
                     path, strerror(errno), folder);
}

static int listen_local(const char *path, struct error *err) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path) {
        error_set(err, ENAMETOOLONG, "the path of 'socket' has more than %zu characters: %s",
                  sizeof address.sun_path - 1, path);
        return -1;
    }
    memcpy(address.sun_path, path, strlen(path) + 1);
    if (!sockets_make_folder(path, err) || !make_way(path, &address, err))
        return -1;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    /* Everybody may connect: the store process decides by uid what each may do. The mode is given while the
     * socket is made: a chmod afterwards could meet a link that somebody put in its place. */
    mode_t mask = umask(0111);
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&address, sizeof address) == 0 &&
              listen(fd, BACKLOG) == 0;
    int cause = errno;
    umask(mask);
    if (ok)
        return fd;
    errno = cause;
    error_set(err, errno, "cannot serve the local socket %s: %s", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return -1;
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
    return sockets->local >= 0;
}

void sockets_close(struct sockets *sockets, const struct config *config) {
    for (size_t i = 0; i < sockets->listener_count; i++)
        close(sockets->listeners[i]);
    if (sockets->local >= 0) {
        close(sockets->local);
        unlink(config->socket);
    }
    mem_free(sockets->listeners);
    *sockets = closed;
}
