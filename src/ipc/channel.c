#include "ipc/channel.h"

#include <errno.h>
#include <event2/util.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "ipc/frame.h"
#include "ipc/loop.h"

#define HEADER    16
#define HIGH_MARK ((size_t)4 * 1024 * 1024)
#define READ_MAX  ((size_t)1024 * 1024) /* in a turn */

/* What a socket brings at once. One buffer serves all channels of the process, for nothing is needed of it
 * after a turn (an idle channel holds none), and nothing secret stays in it. */
#define ROOM ((size_t)256 * 1024)
static uint8_t room[ROOM];

/* A frame of which the beginning has come gets memory for so many octets more at first, then doubled. */
#define REST_FIRST ((size_t)64 * 1024)

/* What waits to be written and is above it goes to the socket without waiting for the loop. */
#define AT_ONCE ((size_t)64 * 1024)

/* Memory of an input that is empty again is kept up to this; of an output, up to the high mark: where that
 * much waits again and again it would be asked for, and each of its pages be a fault, as often. */
#define KEPT ((size_t)256 * 1024)

#define BROKE_RULES "a frame against the rules"

/* Octets that wait: those from `taken` on. */
struct queue {
    struct buf octets;
    size_t taken;
    size_t kept;  /* of its memory, when it is empty */
    bool guarded; /* secret for good (ipc_wipe): else while frames that are lie in it */
};

struct ipc_channel {
    int fd;
    struct event *readable, *writable;
    struct event *flush; /* writes what waits, once all handlers of this turn of the loop have run */
    struct event *more;  /* the next turn */
    struct event *end;   /* runs the deferred ending, outside any handler's call */
    const struct ipc_handler *handler;
    void *context;
    size_t limit;       /* of a payload */
    size_t turn;        /* octets that are read and handed over before others have theirs */
    size_t high_mark;   /* octets that wait to be written; the low one is a quarter of it */
    struct queue input; /* frames, and the beginning of one, that were read and not handed over */
    struct queue output;
    bool full;
    bool blocked; /* the socket takes no more for now */
    bool paused;
    bool finishing; /* ends when all is written */
    bool ended;
    bool broke_rules; /* the other end did, which ended it */
    bool in_handler;
    bool free_wanted;
    char cause[96];
    char name[64];
};

/* ---- queues ---- */

static struct span waiting(const struct queue *queue) {
    return span_sub(buf_span(&queue->octets), queue->taken, SIZE_MAX);
}

static void take(struct queue *queue, size_t octets) {
    queue->taken += octets;
    if (queue->taken < queue->octets.len)
        return;
    queue->taken = 0;
    buf_clear(&queue->octets);
    if (queue->octets.cap > queue->kept)
        buf_free(&queue->octets);
    if (!queue->guarded)
        buf_no_secret(&queue->octets);
}

/* Room for `octets` more; what was taken makes room first when it is the larger part. */
static bool reserve(struct queue *queue, size_t octets) {
    if (queue->taken > queue->octets.len / 2) {
        buf_consume(&queue->octets, queue->taken);
        queue->taken = 0;
    }
    return buf_reserve(&queue->octets, octets);
}

static bool add(struct queue *queue, struct span octets) {
    return reserve(queue, octets.len) && buf_append_span(&queue->octets, octets);
}

/* ---- the end ---- */

static void free_event(struct event *event) {
    if (event)
        event_free(event);
}

static void free_events(struct ipc_channel *channel) {
    free_event(channel->readable);
    free_event(channel->writable);
    free_event(channel->flush);
    free_event(channel->more);
    free_event(channel->end);
}

static void free_buffers(struct ipc_channel *channel) {
    buf_free(&channel->input.octets);
    buf_free(&channel->output.octets);
    mem_free(channel);
}

/* Its events first: the loop knows them by the descriptor, which another file may have once it is closed. */
static void release(struct ipc_channel *channel) {
    free_events(channel);
    close(channel->fd);
    free_buffers(channel);
}

/* The end is told from the loop, never from inside a call of the owner, who may be in the middle of his
 * tables. */
static void end_later(struct ipc_channel *channel, const char *cause) {
    if (channel->ended)
        return;
    channel->ended = true;
    snprintf(channel->cause, sizeof channel->cause, "%s", cause);
    event_del(channel->readable);
    event_del(channel->writable);
    event_active(channel->end, 0, 0);
}

static void end_for_breach(struct ipc_channel *channel, const char *cause) {
    channel->broke_rules |= !channel->ended;
    end_later(channel, cause);
}

static void on_end(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct ipc_channel *channel = arg;
    if (channel->handler->closed)
        channel->handler->closed(channel->context, channel, channel->cause);
    release(channel);
}

/* ---- reading ---- */

static uint64_t big_endian(const uint8_t *at, unsigned octets) {
    uint64_t value = 0;
    for (unsigned i = 0; i < octets; i++)
        value = value << 8 | at[i];
    return value;
}

static bool is_read(const struct ipc_channel *channel) {
    return !channel->ended && !channel->free_wanted && !channel->paused && !channel->finishing;
}

/* The octets of the frame that begins there, HEADER while they are not known yet; 0: it is too long, and the
 * channel ends. */
static size_t frame_length(struct ipc_channel *channel, struct span octets) {
    size_t length = octets.len < HEADER ? 0 : (size_t)big_endian(octets.data, 4);
    if (length <= channel->limit)
        return HEADER + length;
    log_caused_by_user(channel->name, LOG_LEVEL_WARNING,
                       "%s: a frame of %zu octets is longer than the limit of %zu", channel->name, length,
                       channel->limit);
    end_for_breach(channel, "a frame longer than the limit");
    return 0;
}

/* What was handed over, in `room` or in the queue, and what it left on the stack. */
static void wipe(const uint8_t *octets, size_t length) {
    explicit_bzero((void *)(uintptr_t)octets, length);
    mem_wipe_stack();
}

static bool is_secret(struct span frame) {
    return frame.len >= HEADER && ipc_frame_is_secret((enum ipc_type)big_endian(frame.data + 4, 2));
}

/* What a read brought and no turn has taken yet waits in the queue. What is secret of it stays nowhere else,
 * and in no memory that the queue gives back: a frame's header says so, and of one without it nothing but
 * that has come. */
static bool keep(struct ipc_channel *channel, struct span rest) {
    struct span left = rest;
    while (left.len >= HEADER && !is_secret(left))
        left = span_sub(left, HEADER + (size_t)big_endian(left.data, 4), SIZE_MAX);
    channel->input.octets.secret |= left.len >= HEADER;
    bool kept = add(&channel->input, rest);
    if (left.len >= HEADER)
        wipe(left.data, left.len);
    return kept;
}

/* Hands over the frame with which the octets begin; returns its length, 0 when it is not whole (yet). */
static size_t hand_over(struct ipc_channel *channel, struct span octets) {
    size_t length = frame_length(channel, octets);
    if (!length || octets.len < length || octets.len < HEADER)
        return 0;
    enum ipc_type type = (enum ipc_type)big_endian(octets.data + 4, 2);
    uint64_t ref = big_endian(octets.data + 8, 8);
    if (!channel->handler->frame(channel->context, channel, type, ref,
                                 span_of(octets.data + HEADER, length - HEADER)))
        end_for_breach(channel, BROKE_RULES);
    if (ipc_frame_is_secret(type))
        wipe(octets.data, length);
    return length;
}

/* Hands over whole frames of the octets until `*given` reaches the turn's octets; returns how many octets
 * they had. */
static size_t hand_over_all(struct ipc_channel *channel, struct span octets, size_t *given) {
    size_t taken = 0, length = 1;
    while (length && *given < channel->turn && is_read(channel)) {
        length = hand_over(channel, span_sub(octets, taken, SIZE_MAX));
        taken += length;
        *given += length;
    }
    return taken;
}

/* Completes the frame whose beginning has come with what has come since, and hands it over. */
static void complete(struct ipc_channel *channel, struct span *fresh, size_t *given) {
    size_t length = frame_length(channel, waiting(&channel->input));
    while (fresh->len && waiting(&channel->input).len < length) {
        struct span part = span_sub(*fresh, 0, length - waiting(&channel->input).len);
        bool added = add(&channel->input, part);
        if (is_secret(waiting(&channel->input))) {
            channel->input.octets.secret = true;
            wipe(part.data, part.len);
        }
        if (!added) {
            end_later(channel, "no memory");
            return;
        }
        *fresh = span_sub(*fresh, part.len, SIZE_MAX);
        length = frame_length(channel, waiting(&channel->input)); /* by now its header may be there */
    }
    take(&channel->input, hand_over_all(channel, waiting(&channel->input), given));
}

/* Reads once: what is missing of the frame that has begun goes behind its beginning, what is behind it to
 * `room`, of which `fresh` is told. False: nothing came for now. */
static bool read_some(struct ipc_channel *channel, struct span *fresh, bool *last) {
    struct span begun = waiting(&channel->input);
    size_t missing = begun.len ? frame_length(channel, begun) - begun.len : 0;
    size_t most = begun.len > REST_FIRST ? begun.len : REST_FIRST;
    missing = missing < most ? missing : most;
    if (!reserve(&channel->input, missing)) {
        end_later(channel, "no memory");
        return false;
    }
    struct buf *input = &channel->input.octets;
    struct iovec parts[] = {{input->data + input->len, missing}, {room, sizeof room}};
    ssize_t got = readv(channel->fd, missing ? parts : parts + 1, missing ? 2 : 1);
    if (got == 0)
        end_later(channel, "the other end closed it");
    else if (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR)
        end_later(channel, strerror(errno));
    if (got <= 0)
        return false;
    loop_heard();
    size_t behind = (size_t)got < missing ? (size_t)got : missing;
    input->len += behind;
    *fresh = span_of(room, (size_t)got - behind);
    *last = (size_t)got < missing + sizeof room;
    return true;
}

/* All that waits is read, so that a batch of the store process holds what there is. The end of the socket is
 * found once all frames before it were handed over. */
static void read_all(struct ipc_channel *channel, size_t given) {
    bool last = false;
    for (size_t read = 0; !last && read < READ_MAX && given < channel->turn && is_read(channel);) {
        struct span fresh;
        if (!read_some(channel, &fresh, &last))
            return;
        read += sizeof room;
        if (waiting(&channel->input).len)
            complete(channel, &fresh, &given);
        size_t taken = waiting(&channel->input).len ? 0 : hand_over_all(channel, fresh, &given);
        if (!keep(channel, span_sub(fresh, taken, SIZE_MAX)))
            end_later(channel, "no memory");
    }
    if (given >= channel->turn && is_read(channel))
        event_add(channel->more, &(struct timeval){0});
}

static void take_turn(struct ipc_channel *channel) {
    size_t given = 0;
    channel->in_handler = true;
    take(&channel->input, hand_over_all(channel, waiting(&channel->input), &given));
    read_all(channel, given);
    channel->in_handler = false;
    if (channel->free_wanted)
        release(channel);
}

static void on_readable(evutil_socket_t fd, short what, void *arg) {
    struct ipc_channel *channel = arg;
    (void)fd;
    (void)what;
    if (is_read(channel) && !event_pending(channel->more, EV_TIMEOUT, NULL))
        take_turn(channel);
}

static void on_more(evutil_socket_t fd, short what, void *arg) {
    struct ipc_channel *channel = arg;
    (void)fd;
    (void)what;
    if (is_read(channel))
        take_turn(channel);
}

/* ---- writing ---- */

/* Gives the socket what it takes of the parts; returns how many octets that were. Not by sendmsg, which can
 * hand descriptors on too: no process in a sandbox has it. */
static size_t write_out(struct ipc_channel *channel, const struct span *parts, size_t count) {
    struct iovec vector[4];
    size_t all = 0;
    for (size_t i = 0; i < count; i++) {
        vector[i] = (struct iovec){(void *)(uintptr_t)parts[i].data, parts[i].len};
        all += parts[i].len;
    }
    ssize_t sent = writev(channel->fd, vector, (int)count);
    bool later = sent >= 0 || errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR;
    if (!later)
        end_later(channel, strerror(errno));
    size_t written = sent > 0 ? (size_t)sent : 0;
    if (later && written < all) {
        channel->blocked = true;
        event_add(channel->writable, NULL);
    }
    return written;
}

static void write_queue(struct ipc_channel *channel) {
    struct span queued = waiting(&channel->output);
    if (queued.len && !channel->ended)
        take(&channel->output, write_out(channel, &queued, 1));
    size_t left = waiting(&channel->output).len;
    if (channel->finishing && !left)
        end_later(channel, "all was said");
    if (channel->ended || !channel->full || left > channel->high_mark / 4)
        return;
    channel->full = false;
    if (channel->handler->writable)
        channel->handler->writable(channel->context, channel);
}

static void on_flush(evutil_socket_t fd, short what, void *arg) {
    struct ipc_channel *channel = arg;
    (void)fd;
    (void)what;
    if (!channel->blocked)
        write_queue(channel);
}

static void on_writable(evutil_socket_t fd, short what, void *arg) {
    struct ipc_channel *channel = arg;
    (void)fd;
    (void)what;
    channel->blocked = false;
    write_queue(channel);
}

void ipc_flush(struct ipc_channel *channel) {
    struct span queued = waiting(&channel->output);
    if (queued.len && !channel->ended && !channel->blocked)
        take(&channel->output, write_out(channel, &queued, 1));
}

/* Queues the parts but for the first `sent` octets. */
static bool queue_rest(struct ipc_channel *channel, const struct span *parts, size_t count, size_t sent) {
    for (size_t i = 0; i < count; i++) {
        struct span rest = span_sub(parts[i], sent, SIZE_MAX);
        sent -= parts[i].len - rest.len;
        if (!add(&channel->output, rest))
            return false;
    }
    return true;
}

/* ---- the channel ---- */

static bool open_parts(struct ipc_channel *channel, struct event_base *loop) {
    channel->readable = event_new(loop, channel->fd, EV_READ | EV_PERSIST, on_readable, channel);
    channel->writable = event_new(loop, channel->fd, EV_WRITE, on_writable, channel);
    channel->flush = event_new(loop, -1, 0, on_flush, channel);
    channel->more = event_new(loop, -1, 0, on_more, channel);
    channel->end = event_new(loop, -1, 0, on_end, channel);
    return channel->readable && channel->writable && channel->flush && channel->more && channel->end &&
           evutil_make_socket_nonblocking(channel->fd) == 0 && event_add(channel->readable, NULL) == 0;
}

struct ipc_channel *ipc_channel_new(struct event_base *loop, int fd, const char *name,
                                    const struct ipc_handler *handler, void *context) {
    struct ipc_channel *channel = mem_alloc(sizeof *channel);
    if (!channel)
        return NULL;
    signal(SIGPIPE, SIG_IGN); /* which writev can't be asked to leave out */
    *channel = (struct ipc_channel){.fd = fd,
                                    .handler = handler,
                                    .context = context,
                                    .limit = IPC_PAYLOAD_MAX,
                                    .turn = SIZE_MAX,
                                    .high_mark = HIGH_MARK,
                                    .input.kept = KEPT,
                                    .output.kept = HIGH_MARK};
    snprintf(channel->name, sizeof channel->name, "%s", name);
    buf_init(&channel->input.octets, 0);
    buf_init(&channel->output.octets, 0);
    if (open_parts(channel, loop))
        return channel;
    free_events(channel);
    free_buffers(channel);
    return NULL; /* the descriptor is left alone */
}

void ipc_limit(struct ipc_channel *channel, size_t octets) {
    channel->limit = octets;
}

void ipc_wipe(struct ipc_channel *channel) {
    channel->input.octets.secret = channel->output.octets.secret = true;
    channel->input.guarded = channel->output.guarded = true;
}

void ipc_turn(struct ipc_channel *channel, size_t octets) {
    channel->turn = octets;
}

void ipc_full_at(struct ipc_channel *channel, size_t octets) {
    channel->high_mark = channel->output.kept = octets;
}

void ipc_channel_free(struct ipc_channel *channel) {
    if (!channel)
        return;
    if (channel->in_handler)
        channel->free_wanted = true; /* released when the handler's call is over */
    else
        release(channel);
}

static void put_big_endian(uint8_t *at, uint64_t value, unsigned octets) {
    for (unsigned i = 0; i < octets; i++)
        at[i] = (uint8_t)(value >> (8 * (octets - 1 - i)));
}

bool ipc_send(struct ipc_channel *channel, enum ipc_type type, uint64_t ref, struct span head,
              struct span body) {
    size_t length, sent = 0;
    if (channel->ended || __builtin_add_overflow(head.len, body.len, &length) || length > channel->limit)
        return false;
    uint8_t header[HEADER] = {0};
    put_big_endian(header, length, 4);
    put_big_endian(header + 4, (uint64_t)type, 2);
    put_big_endian(header + 8, ref, 8);
    struct span parts[] = {waiting(&channel->output), span_of(header, HEADER), head, body};
    size_t before = parts[0].len;
    if (!channel->blocked && before + HEADER + length > AT_ONCE)
        sent = write_out(channel, parts, 4);
    take(&channel->output, sent < before ? sent : before);
    if (!queue_rest(channel, parts + 1, 3, sent < before ? 0 : sent - before)) {
        end_later(channel, "no memory");
        return false;
    }
    channel->full = channel->full || waiting(&channel->output).len > channel->high_mark;
    if (!channel->blocked)
        event_active(channel->flush, EV_TIMEOUT, 0);
    return true;
}

void ipc_finish(struct ipc_channel *channel) {
    channel->finishing = true;
    event_del(channel->readable);
    if (waiting(&channel->output).len == 0)
        end_later(channel, "all was said");
}

void ipc_cut(struct ipc_channel *channel) {
    end_for_breach(channel, BROKE_RULES);
}

void ipc_give_up(struct ipc_channel *channel, const char *cause) {
    end_later(channel, cause);
}

bool ipc_is_full(const struct ipc_channel *channel) {
    return channel->full;
}

void ipc_pause(struct ipc_channel *channel) {
    channel->paused = true;
    event_del(channel->readable);
}

void ipc_resume(struct ipc_channel *channel) {
    if (channel->ended || channel->finishing)
        return;
    channel->paused = false;
    event_add(channel->readable, NULL);
    /* Frames may have been read before the pause; they cause no event of their own. */
    event_active(channel->more, EV_TIMEOUT, 0);
}

bool ipc_broke_rules(const struct ipc_channel *channel) {
    return channel->broke_rules;
}

const char *ipc_name(const struct ipc_channel *channel) {
    return channel->name;
}
