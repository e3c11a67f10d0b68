#include "wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { READ_SIZE = 256 * 1024 };

void die(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    fputs("p1load: ", stderr);
    vfprintf(stderr, format, arguments);
    fputs("\n", stderr);
    va_end(arguments);
    exit(1);
}

uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static struct sockaddr_in loopback(uint16_t port) {
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
}

static void prepare(int fd) {
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(fd, F_SETFL, O_NONBLOCK);
}

int wire_connect(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct sockaddr_in address = loopback(port);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address)) {
        die("connect to port %u: %s", port, strerror(errno));
    }
    prepare(fd);
    return fd;
}

int wire_listen(uint16_t port) {
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_in address = loopback(port);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 1024)) {
        die("listen on port %u: %s", port, strerror(errno));
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    return fd;
}

static void *grow(void *memory, size_t size) {
    void *grown = realloc(memory, size);
    if (!grown) {
        die("out of memory");
    }
    return grown;
}

void wire_open(struct wire *wire, int fd) {
    *wire = (struct wire){.fd = fd};
    prepare(fd);
}

void wire_close(struct wire *wire) {
    close(wire->fd);
    free(wire->in);
    free(wire->out);
    *wire = (struct wire){.fd = -1};
}

uint8_t *wire_reserve(struct wire *wire, size_t length) {
    if (wire->out_start && wire->out_start == wire->out_length) {
        wire->out_start = wire->out_length = 0;
    }
    if (wire->out_length + length > wire->out_size) {
        wire->out_size = (wire->out_length + length) * 2;
        wire->out = grow(wire->out, wire->out_size);
    }
    return wire->out + wire->out_length;
}

void wire_wrote(struct wire *wire, size_t length) {
    wire->out_length += length;
}

void wire_put(struct wire *wire, struct octets octets) {
    memcpy(wire_reserve(wire, octets.length), octets.data, octets.length);
    wire_wrote(wire, octets.length);
}

size_t wire_waiting(const struct wire *wire) {
    return wire->out_length - wire->out_start;
}

int wire_flush(struct wire *wire) {
    while (wire->out_start < wire->out_length) {
        ssize_t sent =
            send(wire->fd, wire->out + wire->out_start, wire->out_length - wire->out_start, MSG_NOSIGNAL);
        if (sent < 0) {
            return errno == EAGAIN || errno == EINTR;
        }
        wire->out_start += (size_t)sent;
    }
    return 1;
}

int wire_read(struct wire *wire) {
    if (wire->in_size - wire->in_length < 70000) {
        wire->in_size = wire->in_length + (wire->in_size ? READ_SIZE : 72000);
        wire->in = grow(wire->in, wire->in_size);
    }
    ssize_t got = recv(wire->fd, wire->in + wire->in_length, wire->in_size - wire->in_length, 0);
    if (got > 0) {
        wire->in_length += (size_t)got;
    }
    return got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR));
}

struct octets wire_packet(const struct wire *wire, size_t *at) {
    size_t rest = wire->in_length - *at;
    const uint8_t *start = wire->in + *at;
    if (rest < 7) {
        return octets_of(NULL, 0);
    }
    size_t length = (size_t)start[2] << 8 | start[3];
    if (start[0] != 3 || length < 7) {
        die("not a TPKT: %02x %02x %02x %02x", start[0], start[1], start[2], start[3]);
    }
    if (length > rest) {
        return octets_of(NULL, 0);
    }
    *at += length;
    return octets_of(start, length);
}

void wire_consume(struct wire *wire, size_t count) {
    memmove(wire->in, wire->in + count, wire->in_length - count);
    wire->in_length -= count;
}

void times_add(struct times *times, uint64_t nanoseconds) {
    if (times->count == times->size) {
        times->size = times->size ? times->size * 2 : 4096;
        times->items = grow(times->items, times->size * sizeof *times->items);
    }
    times->items[times->count++] = nanoseconds;
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return (a > b) - (a < b);
}

double times_at(struct times *times, double fraction) {
    if (!times->count) {
        return 0;
    }
    qsort(times->items, times->count, sizeof *times->items, compare);
    return (double)times->items[(size_t)((double)(times->count - 1) * fraction)] / 1e6;
}
