#include "ipc/channel.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/util.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/log.h"
#include "ipc/frame.h"

#define HEADER    16
#define HIGH_MARK ((size_t)4 * 1024 * 1024)
#define READ_MAX  ((size_t)1024 * 1024)
#define READ_STEP (64 * 1024)

struct ipc_channel {
    struct bufferevent *stream;
    struct event *more; /* the next turn */
    struct event *end;  /* runs the deferred ending, outside any handler's call */
    const struct ipc_handler *handler;
    void *context;
    size_t limit;     /* of a payload */
    size_t turn;      /* octets that are read and handed over before others have theirs */
    size_t high_mark; /* octets that wait to be written; the low one is a quarter of it */
    bool full;
    bool finishing; /* ends when all is written */
    bool ended;
    bool in_handler;
    bool free_wanted;
    char cause[96];
    char name[64];
};

static void release(struct ipc_channel *channel) {
    event_free(channel->more);
    event_free(channel->end);
    bufferevent_free(channel->stream);
    mem_free(channel);
}

/* The end is told from the loop, never from inside a call of the owner, who may be in the middle of his
 * tables. */
static void end_later(struct ipc_channel *channel, const char *cause) {
    if (channel->ended)
        return;
    channel->ended = true;
    snprintf(channel->cause, sizeof channel->cause, "%s", cause);
    bufferevent_disable(channel->stream, EV_READ | EV_WRITE);
    event_active(channel->end, 0, 0);
}

static void on_end(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    struct ipc_channel *channel = arg;
    if (channel->handler->closed)
        channel->handler->closed(channel->context, channel, channel->cause);
    release(channel);
}

static uint64_t big_endian(const uint8_t *at, unsigned octets) {
    uint64_t value = 0;
    for (unsigned i = 0; i < octets; i++)
        value = value << 8 | at[i];
    return value;
}

static void hand_over(struct ipc_channel *channel, const uint8_t *header, struct span payload) {
    enum ipc_type type = (enum ipc_type)big_endian(header + 4, 2);
    uint64_t ref = big_endian(header + 8, 8);
    if (!channel->handler->frame(channel->context, channel, type, ref, payload))
        end_later(channel, "a frame against the rules");
}

/* ---- frames with names and passwords: nothing of them stays in memory that is given back ---- */

/* The first `len` octets, wherever they lie. */
static void wipe_first(struct evbuffer *input, size_t len) {
    struct evbuffer_iovec parts[8];
    struct evbuffer_ptr at;
    evbuffer_ptr_set(input, &at, 0, EVBUFFER_PTR_SET);
    while (len > 0) {
        int count = evbuffer_peek(input, (ev_ssize_t)len, &at, parts, 8);
        for (int i = 0; i < count && i < 8 && len > 0; i++) {
            size_t part = parts[i].iov_len < len ? parts[i].iov_len : len;
            explicit_bzero(parts[i].iov_base, part);
            len -= part;
            if (len > 0)
                evbuffer_ptr_set(input, &at, part, EVBUFFER_PTR_ADD);
        }
        if (count <= 0)
            return;
    }
}

/* evbuffer_pullup leaves a copy behind where it joins parts. */
static void hand_over_secret(struct ipc_channel *channel, struct evbuffer *input, const uint8_t *header,
                             size_t length) {
    struct buf frame;
    buf_init_secret(&frame, 0);
    if (buf_reserve(&frame, HEADER + length))
        frame.len = (size_t)evbuffer_copyout(input, frame.data, HEADER + length);
    wipe_first(input, HEADER + length);
    evbuffer_drain(input, HEADER + length);
    if (frame.len < HEADER + length)
        end_later(channel, "no memory");
    else
        hand_over(channel, header, span_of(frame.data + HEADER, length));
    buf_free(&frame);
    mem_wipe_stack();
}

static void wipe_sent(const void *data, size_t length, void *arg) {
    (void)arg;
    explicit_bzero((void *)data, length);
    mem_free((void *)data);
}

/* The frame in memory of its own, which is wiped when it is written. */
static bool add_secret(struct evbuffer *output, const uint8_t *header, struct span head, struct span body) {
    size_t length = HEADER + head.len + body.len;
    uint8_t *frame = mem_alloc(length);
    if (!frame)
        return false;
    memcpy(frame, header, HEADER);
    if (head.len)
        memcpy(frame + HEADER, head.data, head.len);
    if (body.len)
        memcpy(frame + HEADER + head.len, body.data, body.len);
    if (evbuffer_add_reference(output, frame, length, wipe_sent, NULL) == 0)
        return true;
    wipe_sent(frame, length, NULL);
    return false;
}

/* ---- reading ---- */

/* Hands over the next whole frame. Returns false when there is none (yet). */
static bool next_frame(struct ipc_channel *channel, struct evbuffer *input) {
    uint8_t header[HEADER];
    if (evbuffer_copyout(input, header, HEADER) < HEADER)
        return false;
    size_t length = (size_t)big_endian(header, 4);
    if (length > channel->limit) {
        log_caused_by(channel->name, LOG_LEVEL_WARNING,
                      "%s: a frame of %zu octets is longer than the limit of %zu", channel->name, length,
                      channel->limit);
        end_later(channel, "a frame longer than the limit");
        return false;
    }
    if (evbuffer_get_length(input) < HEADER + length)
        return false;
    if (ipc_frame_is_secret((enum ipc_type)big_endian(header + 4, 2))) {
        hand_over_secret(channel, input, header, length);
        return true;
    }
    const uint8_t *frame = evbuffer_pullup(input, (ev_ssize_t)(HEADER + length));
    if (!frame) {
        end_later(channel, "no memory");
        return false;
    }
    hand_over(channel, header, span_of(frame + HEADER, length));
    evbuffer_drain(input, HEADER + length);
    return true;
}

/* What was read into the first part, and the rest of it in the second. */
static void commit(struct evbuffer *input, struct evbuffer_iovec *space, int count, size_t got) {
    for (int i = 0; i < count; i++) {
        space[i].iov_len = space[i].iov_len < got ? space[i].iov_len : got;
        got -= space[i].iov_len;
    }
    evbuffer_commit_space(input, space, count);
}

/* libevent 2.1 reads at most 4,096 octets a turn, which is two small messages: a batch would never hold more.
 * All that waits is read here, in two parts, for libevent moves what lies there already to make one of them,
 * and leaves a copy behind. The end and errors of the socket are left for libevent to find. */
static void read_all(struct bufferevent *stream, struct evbuffer *input, size_t most) {
    ssize_t got = READ_STEP;
    size_t taken = 0;
    evbuffer_unfreeze(input, 0);
    while (got >= READ_STEP && taken < most) {
        struct evbuffer_iovec space[2];
        int count = evbuffer_reserve_space(input, READ_STEP, space, 2);
        if (count < 1)
            break;
        struct msghdr message = {.msg_iov = space, .msg_iovlen = (size_t)count};
        got = recvmsg(bufferevent_getfd(stream), &message, MSG_DONTWAIT);
        commit(input, space, count, got > 0 ? (size_t)got : 0);
        taken += got > 0 ? (size_t)got : 0;
    }
    evbuffer_freeze(input, 0);
}

static bool is_read(const struct ipc_channel *channel) {
    return !channel->ended && !channel->free_wanted && (bufferevent_get_enabled(channel->stream) & EV_READ);
}

static void take_turn(struct ipc_channel *channel) {
    static const struct timeval next_round = {0};
    struct evbuffer *input = bufferevent_get_input(channel->stream);
    size_t taken = 0, before;
    read_all(channel->stream, input, channel->turn < READ_MAX ? channel->turn : READ_MAX);
    channel->in_handler = true;
    do {
        before = evbuffer_get_length(input);
        if (taken >= channel->turn && is_read(channel))
            event_add(channel->more, &next_round);
    } while (taken < channel->turn && is_read(channel) && next_frame(channel, input) &&
             (taken += before - evbuffer_get_length(input)));
    if (!channel->ended && !channel->free_wanted && channel->handler->idle)
        channel->handler->idle(channel->context, channel);
    channel->in_handler = false;
    if (channel->free_wanted)
        release(channel);
}

static void on_read(struct bufferevent *stream, void *arg) {
    struct ipc_channel *channel = arg;
    (void)stream;
    if (!event_pending(channel->more, EV_TIMEOUT, NULL))
        take_turn(channel);
}

static void on_more(evutil_socket_t fd, short what, void *arg) {
    struct ipc_channel *channel = arg;
    (void)fd;
    (void)what;
    if (is_read(channel))
        take_turn(channel);
}

static void on_written(struct bufferevent *stream, void *arg) {
    struct ipc_channel *channel = arg;
    if (channel->finishing && evbuffer_get_length(bufferevent_get_output(stream)) == 0)
        end_later(channel, "all was said");
    if (!channel->full || evbuffer_get_length(bufferevent_get_output(stream)) > channel->high_mark / 4)
        return;
    channel->full = false;
    if (channel->handler->writable)
        channel->handler->writable(channel->context, channel);
}

static void on_event(struct bufferevent *stream, short what, void *arg) {
    (void)stream;
    end_later(arg, what & BEV_EVENT_EOF ? "the other end closed it"
                                        : evutil_socket_error_to_string(EVUTIL_SOCKET_ERROR()));
}

struct ipc_channel *ipc_channel_new(struct event_base *loop, int fd, const char *name,
                                    const struct ipc_handler *handler, void *context) {
    struct ipc_channel *channel = mem_alloc(sizeof *channel);
    if (!channel)
        return NULL;
    *channel = (struct ipc_channel){.handler = handler,
                                    .context = context,
                                    .limit = IPC_PAYLOAD_MAX,
                                    .turn = SIZE_MAX,
                                    .high_mark = HIGH_MARK};
    snprintf(channel->name, sizeof channel->name, "%s", name);
    channel->end = event_new(loop, -1, 0, on_end, channel);
    channel->more = event_new(loop, -1, 0, on_more, channel);
    if (channel->end && channel->more && evutil_make_socket_nonblocking(fd) == 0)
        channel->stream = bufferevent_socket_new(loop, fd, BEV_OPT_CLOSE_ON_FREE);
    if (!channel->stream) {
        if (channel->end)
            event_free(channel->end);
        if (channel->more)
            event_free(channel->more);
        mem_free(channel);
        return NULL;
    }
    bufferevent_setcb(channel->stream, on_read, on_written, on_event, channel);
    bufferevent_setwatermark(channel->stream, EV_WRITE, HIGH_MARK / 4, 0);
    bufferevent_set_max_single_read(channel->stream, READ_MAX);
    bufferevent_set_max_single_write(channel->stream, READ_MAX);
    bufferevent_enable(channel->stream, EV_READ | EV_WRITE);
    return channel;
}

void ipc_limit(struct ipc_channel *channel, size_t octets) {
    channel->limit = octets;
}

void ipc_turn(struct ipc_channel *channel, size_t octets) {
    channel->turn = octets;
}

void ipc_full_at(struct ipc_channel *channel, size_t octets) {
    channel->high_mark = octets;
    bufferevent_setwatermark(channel->stream, EV_WRITE, octets / 4, 0);
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

static bool add_frame(struct evbuffer *output, const uint8_t *header, struct span head, struct span body) {
    return evbuffer_expand(output, HEADER + head.len + body.len) == 0 &&
           evbuffer_add(output, header, HEADER) == 0 && evbuffer_add(output, head.data, head.len) == 0 &&
           evbuffer_add(output, body.data, body.len) == 0;
}

bool ipc_send(struct ipc_channel *channel, enum ipc_type type, uint64_t ref, struct span head,
              struct span body) {
    struct evbuffer *output = bufferevent_get_output(channel->stream);
    size_t length;
    if (channel->ended || __builtin_add_overflow(head.len, body.len, &length) || length > channel->limit)
        return false;
    uint8_t header[HEADER] = {0};
    put_big_endian(header, length, 4);
    put_big_endian(header + 4, (uint64_t)type, 2);
    put_big_endian(header + 8, ref, 8);
    if (ipc_frame_is_secret(type) ? !add_secret(output, header, head, body)
                                  : !add_frame(output, header, head, body)) {
        end_later(channel, "no memory");
        return false;
    }
    channel->full = channel->full || evbuffer_get_length(output) > channel->high_mark;
    return true;
}

void ipc_finish(struct ipc_channel *channel) {
    channel->finishing = true;
    bufferevent_disable(channel->stream, EV_READ);
    bufferevent_setwatermark(channel->stream, EV_WRITE, 0, 0);
    if (evbuffer_get_length(bufferevent_get_output(channel->stream)) == 0)
        end_later(channel, "all was said");
}

bool ipc_is_full(const struct ipc_channel *channel) {
    return channel->full;
}

void ipc_pause(struct ipc_channel *channel) {
    bufferevent_disable(channel->stream, EV_READ);
}

void ipc_resume(struct ipc_channel *channel) {
    if (channel->ended || channel->finishing)
        return;
    bufferevent_enable(channel->stream, EV_READ);
    /* Frames may have been read before the pause; they cause no event of their own. */
    bufferevent_trigger(channel->stream, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

const char *ipc_name(const struct ipc_channel *channel) {
    return channel->name;
}

void *ipc_context(const struct ipc_channel *channel) {
    return channel->context;
}
