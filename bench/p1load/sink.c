/* Accepts every association and confirms every message; measures each from the time in its marker to here. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "p1load.h"
#include "wire.h"

struct association {
    struct wire wire;
    size_t tpdu_size;
    uint32_t checkpoint;
    int inside; /* within a TSDU whose first DT was seen */
    int marked; /* the current activity's marker was found */
    int finished;
};

struct sink {
    const struct options *options;
    uint64_t done, first, last;
    uint32_t opened;
    struct times times;
    int epoll, listener;
};

static void find_marker(struct sink *sink, struct association *association, struct octets data) {
    size_t window = data.length < 4096 ? data.length : 4096;
    const char *found = memmem(data.data, window, "BENCH-", 6);
    if (!found || found + MARKER_LENGTH > (const char *)data.data + data.length) {
        return;
    }
    char digits[17] = "";
    memcpy(digits, found + 6, 16);
    association->marked = 1;
    times_add(&sink->times, now_ns() - strtoull(digits, NULL, 16));
}

static void acknowledge(struct association *association, uint8_t spdu, struct octets parameters) {
    char digits[12] = "";
    struct octets serial = spdu_parameter(parameters, 42);
    memcpy(digits, serial.data, serial.length < 11 ? serial.length : 11);
    uint8_t *out = wire_reserve(&association->wire, 32);
    wire_wrote(&association->wire,
               serial_spdu(out, SPDU_PLEASE_TOKENS, spdu, (uint32_t)strtoul(digits, NULL, 10)));
}

static void take_tsdu(struct sink *sink, struct association *association, struct octets tsdu) {
    struct octets parameters;
    switch (spdu_of(tsdu, &parameters)) {
    case SPDU_CONNECT:
        wire_put(&association->wire, accept_spdu(tsdu, &sink->options->bind, &association->checkpoint));
        break;
    case SPDU_ACTIVITY_START:
        association->marked = 0;
        break;
    case SPDU_GIVE_TOKENS:
        if (!association->marked) {
            find_marker(sink, association, parameters);
        }
        break;
    case SPDU_MINOR_SYNC:
        acknowledge(association, SPDU_MINOR_SYNC_ACK, parameters);
        break;
    case SPDU_ACTIVITY_END:
        acknowledge(association, SPDU_ACTIVITY_END_ACK, parameters);
        sink->done++;
        sink->last = now_ns();
        break;
    case SPDU_FINISH:
        wire_put(&association->wire, disconnect_spdu());
        association->finished = 1;
        break;
    default:
        break;
    }
}

static void take_packet(struct sink *sink, struct association *association, struct octets packet) {
    uint8_t code = packet.data[5] & 0xF0;
    if (code == 0xE0) {
        wire_put(&association->wire, connect_confirm(packet, &association->tpdu_size));
        return;
    }
    if (code != 0xF0) {
        return;
    }
    if (!association->inside) {
        take_tsdu(sink, association, octets_of(packet.data + 7, packet.length - 7));
    }
    association->inside = !(packet.data[6] & 0x80);
}

static void drop(struct association *association) {
    wire_close(&association->wire);
    free(association);
}

static void serve(struct sink *sink, struct association *association) {
    int alive = wire_read(&association->wire);
    size_t at = 0;
    struct octets packet;
    while ((packet = wire_packet(&association->wire, &at)).data) {
        take_packet(sink, association, packet);
    }
    wire_consume(&association->wire, at);
    if (!wire_flush(&association->wire) || !alive || association->finished) {
        drop(association);
    }
}

static void welcome(struct sink *sink) {
    int fd = accept4(sink->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    struct association *association = fd < 0 ? NULL : calloc(1, sizeof *association);
    if (!association) {
        return;
    }
    if (!sink->opened++) {
        sink->first = now_ns();
    }
    wire_open(&association->wire, fd);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = association};
    epoll_ctl(sink->epoll, EPOLL_CTL_ADD, fd, &event);
}

int sink_run(const struct options *options) {
    static struct sink sink;
    sink.options = options;
    sink.epoll = epoll_create1(EPOLL_CLOEXEC);
    sink.listener = wire_listen(options->port);
    struct epoll_event events[64], event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(sink.epoll, EPOLL_CTL_ADD, sink.listener, &event);
    puts("ready");
    fflush(stdout);
    while (sink.done < options->messages) {
        int count = epoll_wait(sink.epoll, events, 64, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr) {
                serve(&sink, events[i].data.ptr);
            } else {
                welcome(&sink);
            }
        }
    }
    printf(
        "{\"messages\": %llu, \"seconds\": %.3f, \"associations\": %u, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
        (unsigned long long)sink.done, (double)(sink.last - sink.first) / 1e9, sink.opened,
        times_at(&sink.times, 0.5), times_at(&sink.times, 0.99));
    return 0;
}
