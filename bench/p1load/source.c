/* Sends messages back to back over N associations; measures each from activity start to its confirmation. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "p1load.h"
#include "wire.h"

enum { OUT_ENOUGH = 512 * 1024, FILLER = 64 * 1024 };

enum phase { AWAIT_CONFIRM, AWAIT_ACCEPT, IDLE, SENDING, AWAIT_END };

struct association {
    struct wire wire;
    enum phase phase;
    size_t tpdu_size;
    uint32_t checkpoint, window;
    uint32_t serial, acknowledged;
    uint64_t sent; /* octets of the value, of the current message */
    uint64_t started;
    uint8_t *head; /* this association's copy of the template, its marker filled in */
};

struct source {
    const struct options *options;
    struct message message;
    struct octets start;
    struct association *associations;
    uint64_t begun, done;
    struct times times;
    uint8_t filler[FILLER];
    int epoll;
};

static uint64_t value_length(const struct source *source) {
    return source->message.head.length + source->message.filler;
}

static void copy_value(struct source *source, struct association *association, uint8_t *out, size_t length) {
    size_t head = source->message.head.length, from_head = 0;
    if (association->sent < head) {
        from_head = head - (size_t)association->sent < length ? head - (size_t)association->sent : length;
        memcpy(out, association->head + association->sent, from_head);
    }
    for (size_t at = from_head; at < length;) {
        size_t step = length - at < FILLER ? length - at : FILLER;
        memcpy(out + at, source->filler, step);
        at += step;
    }
    association->sent += length;
}

/* One RTTR: its TSDU cut into DTs. */
static void put_segment(struct source *source, struct association *association, size_t length) {
    uint8_t header[40];
    size_t head = data_header(header, length), room = association->tpdu_size - 3;
    while (head || length) {
        size_t part = head + length < room ? head + length : room;
        uint8_t *out = wire_reserve(&association->wire, DT_HEADER + part);
        dt_header(out, part, part == head + length);
        memcpy(out + DT_HEADER, header, head);
        copy_value(source, association, out + DT_HEADER + head, part - head);
        wire_wrote(&association->wire, DT_HEADER + part);
        length -= part - head;
        head = 0;
    }
}

static void put_serial(struct association *association, uint8_t spdu) {
    uint8_t *out = wire_reserve(&association->wire, 32);
    wire_wrote(&association->wire, serial_spdu(out, SPDU_GIVE_TOKENS, spdu, ++association->serial));
}

/* Puts out what the window and the buffer allow. */
static void fill(struct source *source, struct association *association) {
    uint64_t total = value_length(source);
    size_t step = association->checkpoint ? association->checkpoint * 1024u : (size_t)total;
    while (association->phase == SENDING && wire_waiting(&association->wire) < OUT_ENOUGH) {
        if (association->sent == total) {
            put_serial(association, SPDU_ACTIVITY_END);
            association->phase = AWAIT_END;
            return;
        }
        if (association->sent) {
            if (association->serial - association->acknowledged >= association->window) {
                return;
            }
            put_serial(association, SPDU_MINOR_SYNC);
        }
        uint64_t rest = total - association->sent;
        put_segment(source, association, rest < step ? (size_t)rest : step);
    }
}

static void begin(struct source *source, struct association *association) {
    association->phase = IDLE;
    if (source->begun == source->options->messages) {
        return;
    }
    char marker[MARKER_LENGTH + 1];
    association->started = now_ns();
    snprintf(marker, sizeof marker, "BENCH-%016llx-%05u", (unsigned long long)association->started,
             (unsigned)(source->begun++ % 100000));
    memcpy(association->head + source->message.marker, marker, MARKER_LENGTH);
    association->sent = 0;
    association->serial = association->acknowledged = 0;
    association->phase = SENDING;
    wire_put(&association->wire, source->start);
    fill(source, association);
}

static void finish_message(struct source *source, struct association *association) {
    times_add(&source->times, now_ns() - association->started);
    source->done++;
    begin(source, association);
}

static void take_tsdu(struct source *source, struct association *association, struct octets tsdu) {
    struct octets parameters;
    uint8_t spdu = spdu_of(tsdu, &parameters);
    if (association->phase == AWAIT_ACCEPT) {
        if (!accepted(tsdu, &association->checkpoint, &association->window)) {
            die("the association was refused (SPDU %u)", spdu);
        }
        begin(source, association);
    } else if (spdu == SPDU_MINOR_SYNC_ACK) {
        char digits[12] = "";
        struct octets serial = spdu_parameter(parameters, 42);
        memcpy(digits, serial.data, serial.length < 11 ? serial.length : 11);
        association->acknowledged = (uint32_t)strtoul(digits, NULL, 10);
        fill(source, association);
    } else if (spdu == SPDU_ACTIVITY_END_ACK && association->phase == AWAIT_END) {
        finish_message(source, association);
    } else {
        die("SPDU %u where none was due", spdu);
    }
}

static void take_packet(struct source *source, struct association *association, struct octets packet) {
    uint8_t code = packet.data[5] & 0xF0;
    if (code == 0xD0 && association->phase == AWAIT_CONFIRM) {
        association->tpdu_size = confirmed_size(packet);
        association->phase = AWAIT_ACCEPT;
        wire_put(&association->wire, connect_spdu(&source->options->bind));
    } else if (code == 0xF0) {
        take_tsdu(source, association, octets_of(packet.data + 7, packet.length - 7));
    } else {
        die("TPDU %02x where none was due", code);
    }
}

static void serve(struct source *source, struct association *association) {
    if (!wire_read(&association->wire)) {
        die("the other end closed the connection after %llu messages", (unsigned long long)source->done);
    }
    size_t at = 0;
    struct octets packet;
    while ((packet = wire_packet(&association->wire, &at)).data) {
        take_packet(source, association, packet);
    }
    wire_consume(&association->wire, at);
    do {
        fill(source, association);
        if (!wire_flush(&association->wire)) {
            die("the connection broke");
        }
    } while (association->phase == SENDING && !wire_waiting(&association->wire) &&
             association->serial - association->acknowledged < association->window);
    struct epoll_event event = {.events = EPOLLIN | (wire_waiting(&association->wire) ? EPOLLOUT : 0u),
                                .data.ptr = association};
    epoll_ctl(source->epoll, EPOLL_CTL_MOD, association->wire.fd, &event);
}

static void dial(struct source *source, struct association *association) {
    wire_open(&association->wire, wire_connect(source->options->port));
    association->head = malloc(source->message.head.length);
    if (!association->head) {
        die("out of memory");
    }
    memcpy(association->head, source->message.head.data, source->message.head.length);
    wire_put(&association->wire, connect_request(source->options->tsel));
    wire_flush(&association->wire);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = association};
    epoll_ctl(source->epoll, EPOLL_CTL_ADD, association->wire.fd, &event);
}

static int all_bound(const struct source *source) {
    for (uint32_t i = 0; i < source->options->associations; i++) {
        if (source->associations[i].phase < IDLE) {
            return 0;
        }
    }
    return 1;
}

static void work(struct source *source) {
    struct epoll_event events[64];
    while (source->done < source->options->messages || (!source->options->messages && !all_bound(source))) {
        int count = epoll_wait(source->epoll, events, 64, 60000);
        if (count == 0) {
            die("nothing came for 60 s, %llu of %llu messages confirmed", (unsigned long long)source->done,
                (unsigned long long)source->options->messages);
        }
        for (int i = 0; i < count; i++) {
            serve(source, events[i].data.ptr);
        }
    }
}

static void release(struct source *source) {
    struct octets finish = finish_spdu();
    for (uint32_t i = 0; i < source->options->associations; i++) {
        wire_put(&source->associations[i].wire, finish);
        wire_flush(&source->associations[i].wire);
        wire_close(&source->associations[i].wire);
    }
}

int source_run(const struct options *options) {
    static struct source source;
    source.options = options;
    source.message = message_template(options->from, options->to, options->size);
    source.start = activity_start_spdu();
    memset(source.filler, 'x', sizeof source.filler);
    source.epoll = epoll_create1(EPOLL_CLOEXEC);
    source.associations = calloc(options->associations, sizeof *source.associations);
    if (source.epoll < 0 || !source.associations) {
        die("out of memory");
    }
    uint64_t start = now_ns();
    for (uint32_t i = 0; i < options->associations; i++) {
        dial(&source, &source.associations[i]);
    }
    work(&source);
    double seconds = (double)(now_ns() - start) / 1e9;
    printf("{\"messages\": %llu, \"seconds\": %.3f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
           (unsigned long long)source.done, seconds, times_at(&source.times, 0.5),
           times_at(&source.times, 0.99));
    fflush(stdout);
    sleep(options->hold);
    release(&source);
    return 0;
}
