/*
 * A channel: frames (ipc/frames.h) over one stream socket, without blocking,
 * in a libevent loop. All frames that wait are handed over in one turn of the
 * loop. Writes are gathered: they go out when all handlers of the turn have run,
 * or at once when much has gathered.
 */
#ifndef IPC_CHANNEL_H
#define IPC_CHANNEL_H

#include <event2/event.h>

#include "base/span.h"
#include "ipc/frames.h"

struct ipc_channel;

struct ipc_handler {
    /* One frame; `payload` is valid during the call. False ends the channel: the frame was against the rules,
     * and the handler has logged why. */
    bool (*frame)(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                  struct span payload);
    /* The other end is gone, broke the rules (ipc_broke_rules says so too), or was given up: `cause` says
     * which. The channel is freed after the call. */
    void (*closed)(void *context, struct ipc_channel *channel, const char *cause);
    /* The output queue fell below the low mark after it was full. May be NULL. */
    void (*writable)(void *context, struct ipc_channel *channel);
};

/*
 * Takes over `fd` (made non-blocking, closed with the channel). `name` stands in
 * log lines and is copied. The process ignores SIGPIPE from then on. NULL when
 * memory or the loop fails; then `fd` is still the caller's.
 */
struct ipc_channel *ipc_channel_new(struct event_base *loop, int fd, const char *name,
                                    const struct ipc_handler *handler, void *context);

/* Gives the socket what it takes now of what waits: before an end that the loop does not see. */
void ipc_flush(struct ipc_channel *channel);

/* Frees the channel and closes its socket; unsent frames are lost; no `closed` call. */
void ipc_channel_free(struct ipc_channel *channel);

/* Reads nothing more, and ends the channel (with a `closed` call) when all frames are written. */
void ipc_finish(struct ipc_channel *channel);

/* Ends the channel as a handler's false does, when what was against the rules is found after its call:
 * nothing more is read or written, and `closed` is called in the next turn of the loop. */
void ipc_cut(struct ipc_channel *channel);

/* As ipc_cut, for a cause of the caller's own: the other end broke no rule. */
void ipc_give_up(struct ipc_channel *channel, const char *cause);

/* Makes longer payloads than `octets` end the channel, either way; IPC_PAYLOAD_MAX without this. */
void ipc_limit(struct ipc_channel *channel, size_t octets);

/* Names and passwords pass: what waits in the channel, either way, is wiped when it goes. */
void ipc_wipe(struct ipc_channel *channel);

/* Makes the channel let others of the loop have their turn when so many octets of frames, or more with the
 * last of them, were handed over; without this, when all that was read has been. */
void ipc_turn(struct ipc_channel *channel, size_t octets);

/* Queues a frame whose payload is `head` followed by `body`, both copied. False (and the channel ends in the
 * next turn of the loop) without memory; false above the limit. */
bool ipc_send(struct ipc_channel *channel, enum ipc_type type, uint64_t ref, struct span head,
              struct span body);

/* Sets the high mark, above which it is full; `writable` comes at a quarter of it. 4 MiB without this. */
void ipc_full_at(struct ipc_channel *channel, size_t octets);

/* True when more than the high mark waits to be written: stop making more until `writable`. */
bool ipc_is_full(const struct ipc_channel *channel);

/* Stops and goes on reading from the channel (back-pressure). */
void ipc_pause(struct ipc_channel *channel);
void ipc_resume(struct ipc_channel *channel);

/* In `closed`: the channel ended as the other end broke the rules. */
bool ipc_broke_rules(const struct ipc_channel *channel);

/* The name that was given. */
const char *ipc_name(const struct ipc_channel *channel);

#endif
