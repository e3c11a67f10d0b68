/*
 * What the targets of frames (ipc/frames.h) share. Their input is a list of
 * steps: u8 where, u8 frame type, u8 ref, u16 length, and so many octets (or as
 * many as are left). A ref of 0xFF is the last one that came from there; else
 * its upper half octet stands for the upper 32 bits, the lower for the lower.
 */
#ifndef FUZZ_FRAMES_H
#define FUZZ_FRAMES_H

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/reader.h"
#include "ipc/frame.h"

enum { FRAME_HEADER = 16 };

struct step {
    unsigned where;
    unsigned type;
    unsigned ref;
    struct span octets;
};

/* The other end of a channel, played by the target. */
struct end {
    int fd;         /* -1: closed */
    uint64_t heard; /* ref of the last frame that came */
    uint8_t header[FRAME_HEADER];
    size_t have;   /* of the header */
    uint64_t skip; /* octets of the payload that are still to come */
    /* NULL, or called with each frame that came (`type`, `heard`, `length`), and the first octets of its
     * payload. */
    void (*judge)(const struct end *end, struct span payload);
    unsigned type;
    uint64_t length;
    uint8_t payload[2048];
    size_t kept;
};

static inline bool next_step(struct reader *in, struct step *step) {
    if (reader_left(in) < 5)
        return false;
    step->where = reader_u8(in);
    step->type = reader_u8(in);
    step->ref = reader_u8(in);
    size_t length = reader_u16(in);
    step->octets = reader_take(in, length < reader_left(in) ? length : reader_left(in));
    return true;
}

/* Gives one end of a pair of sockets; the other is the program's. */
static inline int end_open(struct end *end) {
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
        abort();
    *end = (struct end){.fd = pair[0]};
    return pair[1];
}

static inline void end_close(struct end *end) {
    if (end->fd >= 0)
        close(end->fd);
    end->fd = -1;
}

/* What does not fit into the socket is lost: then the frames that follow are broken ones. */
static inline void end_write(struct end *end, struct span octets) {
    if (end->fd >= 0)
        (void)!send(end->fd, octets.data, octets.len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

static inline uint64_t step_ref(const struct step *step, const struct end *end) {
    return step->ref == 0xFF ? end->heard : (uint64_t)(step->ref >> 4) << 32 | (step->ref & 15);
}

static inline void end_say(struct end *end, const struct step *step) {
    uint64_t ref = step_ref(step, end);
    uint8_t header[FRAME_HEADER] = {
        0, 0, (uint8_t)(step->octets.len >> 8), (uint8_t)step->octets.len, 0, (uint8_t)step->type};
    for (unsigned i = 0; i < 8; i++)
        header[8 + i] = (uint8_t)(ref >> (56 - 8 * i));
    end_write(end, span_of(header, sizeof header));
    end_write(end, step->octets);
}

/* The same with a payload that is as the frame's row says, of the step's octets as far as they go. */
static inline void end_say_fitting(struct end *end, const struct step *step) {
    static uint8_t room[65536];
    const struct ipc_frame *frame = ipc_frame((enum ipc_type)step->type);
    struct step fitting = *step;
    struct reader in = reader_of(step->octets);
    size_t length = 0;
    for (size_t i = 0; frame && i < frame->field_count; i++) {
        const struct ipc_field *field = &frame->fields[i];
        bool octets = field->kind >= IPC_OCTETS;
        uint64_t range = octets ? 64 : field->most - field->least + 1;
        uint64_t value = reader_left(&in) ? reader_u8(&in) : 0;
        value = field->least + (range && range < 256 ? value % range : value);
        value = value > field->most ? field->most : value;
        unsigned width = field->kind == IPC_REST  ? 0
                         : field->kind == IPC_U8  ? 1
                         : field->kind == IPC_U16 ? 2
                         : field->kind == IPC_U64 ? 8
                                                  : 4;
        for (unsigned n = width; n-- > 0;)
            room[length++] = (uint8_t)(value >> (8 * n));
        for (uint64_t n = 0; octets && n < value; n++)
            room[length++] = reader_left(&in) ? reader_u8(&in) : 'x';
    }
    fitting.octets = span_of(room, length);
    end_say(end, &fitting);
}

/* The next octets of a payload. */
static inline void end_keep(struct end *end, struct span piece) {
    size_t room = sizeof end->payload - end->kept, part = piece.len < room ? piece.len : room;
    if (part)
        memcpy(end->payload + end->kept, piece.data, part);
    end->kept += part;
    end->skip -= piece.len;
    if (end->skip == 0 && end->type && end->judge)
        end->judge(end, span_of(end->payload, end->kept));
    if (end->skip == 0)
        end->type = 0;
}

static inline void end_take(struct end *end, struct span got) {
    while (got.len) {
        size_t piece = end->skip < got.len ? (size_t)end->skip : got.len;
        end_keep(end, span_sub(got, 0, piece));
        got = span_sub(got, piece, got.len);
        while (got.len && end->skip == 0 && end->have < FRAME_HEADER) {
            end->header[end->have++] = got.data[0];
            got = span_sub(got, 1, got.len);
        }
        if (end->have == FRAME_HEADER) {
            struct reader r = reader_of(span_of(end->header, FRAME_HEADER));
            end->skip = end->length = reader_u32(&r);
            end->type = reader_u16(&r);
            reader_u16(&r);
            end->heard = reader_u64(&r);
            end->have = end->kept = 0;
            if (end->skip == 0)
                end_keep(end, (struct span){NULL, 0});
        }
    }
}

/* Reads what came; keeps the last frame's ref. */
static inline void end_listen(struct end *end) {
    static uint8_t octets[65536];
    ssize_t got = 1;
    while (end->fd >= 0 && got > 0) {
        got = recv(end->fd, octets, sizeof octets, MSG_DONTWAIT);
        if (got > 0)
            end_take(end, span_of(octets, (size_t)got));
        else if (got == 0 || (errno != EAGAIN && errno != EINTR))
            end_close(end);
    }
}

#endif
