/* Buffered, non-blocking TCP connections under epoll, with TPKT framing. */
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "octets.h"

struct wire {
    int fd;
    uint8_t *in;
    size_t in_length, in_size;
    uint8_t *out;
    size_t out_start, out_length, out_size;
};

struct wire_loop {
    int epoll;
};

/* Ends the program with a message when a call fails that must not. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
uint64_t now_ns(void);

int wire_connect(uint16_t port);
int wire_listen(uint16_t port);
void wire_open(struct wire *wire, int fd);
void wire_close(struct wire *wire);

/* Room for `length` more octets to send; wire_sent() says how many were written there. */
uint8_t *wire_reserve(struct wire *wire, size_t length);
void wire_wrote(struct wire *wire, size_t length);
void wire_put(struct wire *wire, struct octets octets);
size_t wire_waiting(const struct wire *wire);
/* Sends what the socket takes. False when the connection is dead. */
int wire_flush(struct wire *wire);

/* Reads what is there, at most one buffer. False at the end of the connection. */
int wire_read(struct wire *wire);
/* The next whole TPKT at `*at` of what was read, moved on; NULL data when there is none. */
struct octets wire_packet(const struct wire *wire, size_t *at);
/* Forgets the first `count` octets that were read. */
void wire_consume(struct wire *wire, size_t count);

/* Latencies in nanoseconds. */
struct times {
    uint64_t *items;
    size_t count, size;
};
void times_add(struct times *times, uint64_t nanoseconds);
/* Milliseconds at a fraction of the sorted times (0.5, 0.99); sorts them. */
double times_at(struct times *times, double fraction);
