#include "mhsd/sockets.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/log.h"

#define BACKLOG 512

static const struct sockets closed = {.local = -1, .former_local = -1};

struct socket_place {
    struct sockaddr_storage address; /* as it was bound: a name may mean another machine by now */
    socklen_t length;
};

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
static bool resolve(const struct protocol_endpoint *endpoint, struct protocol_endpoint *found,
                    struct error *err) {
    *found = *endpoint;
    if (endpoint->length > 0)
        return true;
    char port[8];
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *first = NULL;
    snprintf(port, sizeof port, "%u", endpoint->port);
    int status = getaddrinfo(endpoint->host, port, &hints, &first);
    if (status != 0)
        return error_set(
            err, EINVAL,
            "cannot listen at '%.80s', port %s: %s; let 'listen' name an address of this machine, or a "
            "host that it can look up",
            endpoint->host, port, gai_strerror(status));
    memcpy(&found->address, first->ai_addr, first->ai_addrlen);
    found->length = first->ai_addrlen;
    freeaddrinfo(first);
    return true;
}

static int listen_tcp(const struct protocol_endpoint *endpoint, struct error *err) {
    struct protocol_endpoint found;
    return resolve(endpoint, &found, err)
               ? listen_at((const struct sockaddr *)&found.address, found.length, err)
               : -1;
}

bool sockets_may_listen(const struct protocol_endpoint *endpoint, struct error *err) {
    struct protocol_endpoint found;
    char host[64] = "?", port[8] = "?";
    if (!resolve(endpoint, &found, err))
        return false;
    const struct sockaddr *address = (const struct sockaddr *)&found.address;
    getnameinfo(address, found.length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    int fd = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int cause = fd < 0 || bind(fd, address, found.length) == 0 ? 0 : errno;
    if (fd >= 0)
        close(fd);
    if (cause == EACCES)
        return error_set(
            err, EACCES,
            "listen: port %s may not be opened by this user: start the daemon as root, with 'run-as', or "
            "choose a port from 1024 up",
            port);
    return cause != EADDRNOTAVAIL ||
           error_set(err, cause, "cannot listen at %s port %s: no address of this machine", host, port);
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

/* With what is to be done about its folder. */
static bool not_served(const char *path, int cause, struct error *err) {
    char folder[4096];
    struct stat status;
    sockets_folder_of(path, folder, sizeof folder);
    bool there = stat(folder, &status) == 0 && S_ISDIR(status.st_mode);
    return error_set(
        err, cause, "socket: %s can't be served: %s; %s%s", path, strerror(cause),
        there ? "start the daemon as a user who may write its folder (as root, with 'run-as'), or let "
                "'socket' name another place"
              : "its folder must be there: mkdir -p ",
        there ? "" : folder);
}

bool sockets_may_serve(const char *path, struct error *err) {
    char folder[4096], inside[4100], above[4096];
    sockets_folder_of(path, folder, sizeof folder);
    sockets_folder_of(folder, above, sizeof above);
    snprintf(inside, sizeof inside, "%s/.", folder); /* "/.": a file is no folder */
    if (access(inside, W_OK | X_OK) == 0 || (errno == ENOENT && access(above, W_OK | X_OK) == 0))
        return is_no_other(path, err);
    if (errno == ENOTDIR)
        return error_set(
            err, ENOTDIR,
            "socket: %s can't be served: %s, or what stands before it, is no folder; let 'socket' "
            "name another place",
            path, folder);
    return not_served(path, errno, err);
}

/* Everybody may connect: the store process decides by uid what each may do. The mode is given while the
 * socket is made: a chmod afterwards could meet a link that somebody put in its place. -1 with errno. */
static int bind_local(const struct sockaddr_un *address) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    mode_t mask = umask(0111);
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
              listen(fd, BACKLOG) == 0;
    int cause = errno;
    umask(mask);
    if (ok)
        return fd;
    if (fd >= 0)
        close(fd);
    errno = cause;
    return -1;
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
    int fd = bind_local(&address);
    if (fd < 0)
        not_served(path, errno, err);
    return fd;
}

bool sockets_open(struct sockets *sockets, const struct config *config, struct error *err) {
    *sockets = closed;
    sockets->listeners = mem_alloc((config->protocol.listener_count + 1) * sizeof *sockets->listeners);
    sockets->places = mem_alloc((config->protocol.listener_count + 1) * sizeof *sockets->places);
    if (!sockets->listeners || !sockets->places)
        return error_set(err, ENOMEM, "no memory");
    for (size_t i = 0; i < config->protocol.listener_count; i++) {
        int fd = listen_tcp(&config->protocol.listeners[i].endpoint, err);
        if (fd < 0)
            return false;
        struct socket_place *place = &sockets->places[sockets->listener_count];
        place->length = sizeof place->address;
        getsockname(fd, (struct sockaddr *)&place->address, &place->length);
        sockets->listeners[sockets->listener_count++] = fd;
    }
    sockets->local = listen_local(config->socket, err);
    return sockets->local >= 0;
}

/* ---- what a process has left ---- */

/* NULL: nothing that shows. */
static const char *fault_of(int fd) {
    int accepts = 0;
    socklen_t length = sizeof accepts, filter = 0;
    struct pollfd end = {.fd = fd, .events = POLLRDHUP};
    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &accepts, &length) != 0 || !accepts ||
        (poll(&end, 1, 0) > 0 && end.revents & (POLLHUP | POLLRDHUP | POLLERR)))
        return "was shut";
    if (getsockopt(fd, SOL_SOCKET, SO_GET_FILTER, NULL, &filter) == 0 && filter > 0)
        return "had a filter set";
    if (!(fcntl(fd, F_GETFL) & O_NONBLOCK))
        return "was made to block";
    return NULL;
}

/* What can be undone of it; a local socket that was shut stays so. */
static void mend(int fd) {
    int unused = 0, flags = fcntl(fd, F_GETFL);
    setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused, sizeof unused);
    fcntl(fd, F_SETFL, flags | O_NONBLOCK);
    listen(fd, BACKLOG);
}

/* True: it listens. `what` is the socket, `fault` what was found of it or NULL, `cause` why there is no new
 * one. */
static bool keep(int fd, const char *what, const char *fault, const char *cause) {
    if (!fault)
        return true;
    mend(fd);
    const char *left = fault_of(fd);
    if (left)
        log_error("%s %s by a process that had it, and can't be opened anew: %s; nobody can call there until "
                  "the daemon is restarted",
                  what, fault, cause);
    else
        log_error("%s %s by a process that had it: it serves again", what, fault);
    return !left;
}

static void tell_anew(const char *what, const char *fault) {
    if (fault)
        log_error("%s %s by a process that had it: it was opened anew", what, fault);
}

/* Beside the one that listens there, which is told to suffer it: whether it can be is known before that one
 * goes. Programs of the parent's own user could share the place from then on, by the same option; the
 * parent's processes may not bind at all. -1 with errno. */
static int listen_beside(int old, const struct socket_place *place) {
    int one = 1;
    int fd = socket(place->address.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int both[] = {old, fd};
    for (int i = 0; i < 2; i++) {
        setsockopt(both[i], SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        setsockopt(both[i], SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
    }
    bool ok = fd >= 0 && bind(fd, (const struct sockaddr *)&place->address, place->length) == 0 &&
              listen(fd, BACKLOG) == 0;
    int cause = errno;
    if (!ok && fd >= 0)
        close(fd);
    errno = cause;
    return ok ? fd : -1;
}

static void name_place(const struct socket_place *place, char *what, size_t size) {
    char host[64] = "?", port[8] = "?";
    getnameinfo((const struct sockaddr *)&place->address, place->length, host, sizeof host, port, sizeof port,
                NI_NUMERICHOST | NI_NUMERICSERV);
    snprintf(what, size, "the listener at %s port %s", host, port);
}

/* The old one is closed for whoever has it, too: what it was given away with is not known. */
static bool renew_listener(struct sockets *sockets, size_t i, const char *fault) {
    char what[100];
    int old = sockets->listeners[i], fd = listen_beside(old, &sockets->places[i]);
    name_place(&sockets->places[i], what, sizeof what);
    if (fd < 0)
        return keep(old, what, fault, strerror(errno));
    shutdown(old, SHUT_RDWR);
    close(old);
    sockets->listeners[i] = fd;
    tell_anew(what, fault);
    return true;
}

bool sockets_renew_listeners(struct sockets *sockets) {
    bool all = true;
    for (size_t i = 0; i < sockets->listener_count; i++)
        all = renew_listener(sockets, i, fault_of(sockets->listeners[i])) && all;
    return all;
}

bool sockets_mend_listeners(struct sockets *sockets, bool *anew) {
    bool all = true;
    *anew = false;
    for (size_t i = 0; i < sockets->listener_count; i++) {
        char what[100];
        int old = sockets->listeners[i];
        const char *fault = fault_of(old);
        if (!fault)
            continue;
        mend(old);
        name_place(&sockets->places[i], what, sizeof what);
        if (!fault_of(old))
            keep(old, what, fault, "");
        else
            all = renew_listener(sockets, i, fault) && all;
        *anew = *anew || sockets->listeners[i] != old;
    }
    return all;
}

void sockets_drop_former_local(struct sockets *sockets) {
    if (sockets->former_local >= 0)
        close(sockets->former_local);
    sockets->former_local = -1;
}

/* Made beside the other, and then put in its place: at no moment is there none. -1 with errno. */
static int listen_in_place(const char *path) {
    struct sockaddr_un beside = {.sun_family = AF_UNIX};
    struct stat status;
    if (snprintf(beside.sun_path, sizeof beside.sun_path, "%s~", path) >= (int)sizeof beside.sun_path) {
        errno = ENAMETOOLONG;
        return -1;
    }
    if (lstat(beside.sun_path, &status) == 0 && S_ISSOCK(status.st_mode)) /* an earlier daemon's */
        unlink(beside.sun_path);
    int fd = bind_local(&beside);
    if (fd < 0 || rename(beside.sun_path, path) == 0)
        return fd;
    int cause = errno;
    unlink(beside.sun_path);
    close(fd);
    errno = cause;
    return -1;
}

bool sockets_renew_local(struct sockets *sockets, const char *path) {
    char what[200];
    const char *fault = fault_of(sockets->local);
    snprintf(what, sizeof what, "the local socket %s", path);
    int fd = listen_in_place(path);
    if (fd < 0)
        return keep(sockets->local, what, fault, strerror(errno));
    sockets_drop_former_local(sockets);
    shutdown(sockets->local, SHUT_RDWR); /* it never makes the parent wait, whatever was made of it */
    sockets->former_local = sockets->local;
    sockets->local = fd;
    tell_anew(what, fault);
    return true;
}

void sockets_close(struct sockets *sockets, const struct config *config) {
    for (size_t i = 0; i < sockets->listener_count; i++)
        close(sockets->listeners[i]);
    sockets_drop_former_local(sockets);
    if (sockets->local >= 0) {
        close(sockets->local);
        unlink(config->socket);
    }
    mem_free(sockets->listeners);
    mem_free(sockets->places);
    *sockets = closed;
}
