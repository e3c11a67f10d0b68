/* The insides of the process of the clients, shared by the files of the room. */
#ifndef CLIENTS_CLIENTS_PRIVATE_H
#define CLIENTS_CLIENTS_PRIVATE_H

#include <jansson.h>

#include "base/buf.h"
#include "base/map.h"
#include "clients/clients.h"
#include "ipc/channel.h"
#include "ipc/frame.h"
#include "ipc/parent.h"
#include "ipc/payload.h"

/* A uid that is connected. */
struct visitor {
    struct visitor *next;
    uint32_t uid;
    struct local_client *list; /* its connections */
    unsigned connections;
    unsigned open;           /* what waits for an answer, of all its connections */
    uint64_t octets;         /* of these: requests and envelopes */
    struct waiting *waiting; /* for a reader, the earliest first */
    uint64_t turn;           /* when a request of the uid last went to one; when it came: then */
};

/* A request that waits for its turn with a reader. */
struct waiting {
    struct waiting *next; /* of its uid */
    struct local_client *client;
    enum ipc_type type;
    uint64_t ref;
    int64_t taken; /* monotonic µs: from the client */
    size_t length;
    uint8_t octets[];
};

/* A client's place with the readers. */
struct seat {
    struct reader_link *link; /* the reader that knows it; NULL: none */
    uint32_t life;
};

/* What one client has open at most: requests, and submissions (as many as its uid, mta/quota.c). */
#define REQUESTS_MOST    8u
#define SUBMISSIONS_MOST 64u
#define ASKED_MOST       (REQUESTS_MOST + SUBMISSIONS_MOST)

/* Something that has a ref of the client's. */
struct asked {
    enum asked_state {
        ASKED_NOTHING, /* the place is free */
        ASKED_REQUEST, /* or a fetch */
        ASKED_OPEN,    /* a submission, until its end or its refusal */
        ASKED_ENDED,   /* one whose end was sent */
    } state;
    uint32_t ref;
    uint32_t octets;    /* of the request, or the envelope */
    int64_t passed;     /* monotonic µs: when a request was passed to the store process; 0: it was not */
    uint32_t store_ref; /* of such a one: what it is called there, as no other of the client's is */
    bool looks;         /* and whether it changes nothing */
};

struct local_client {
    struct local_client *next, *previous; /* of its visitor's */
    struct clients *clients;
    struct ipc_channel *channel;
    struct visitor *visitor;
    uint32_t number; /* frames to others carry it in the upper half of their ref */
    uint32_t uid, gid;
    unsigned open; /* of `asked`, what waits for an answer */
    uint32_t last_store_ref;
    bool paused;
    bool greeted;                   /* it said hello */
    bool dismissed;                 /* the connection ends with what was answered */
    struct asked asked[ASKED_MOST]; /* requests first */
    struct seat seat;
};

/* Whom the local socket serves. A client is announced before its first frame, and once it has left none of
 * its frames come any more. */
struct local_calls {
    void (*enter)(struct local_client *client);
    void (*leave)(struct local_client *client);
    void (*frame)(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload);
    bool (*is_full)(
        const struct local_client *client); /* no more of its frames are taken now: local_resume_all */
};

struct clients {
    struct event_base *loop;
    const struct clients_config *config;
    const struct clients_reload *reload;
    struct ipc_channel *store;
    struct ipc_parent *parent;
    struct event *local;
    struct event *door;
    struct event *tell;   /* now and then: how many log lines were left out */
    struct event *breath; /* the local socket is looked at again: there was no descriptor for a client */
    struct reader_link *readers;
    size_t reader_count;
    struct event *overdue; /* a request for a reader has no answer yet */
    /* turns.c */
    uint64_t turns;      /* how many there were */
    bool operators_turn; /* the last one was */
    size_t waiting;      /* octets of requests that wait for their turn */
    /* silence.c */
    struct event *silence; /* the next look at what the store process has not answered */
    int64_t full_since;    /* monotonic µs: the way to it is full; 0: it is not */
    int64_t sign_asked;    /* monotonic µs: when it was last asked for a sign */
    bool sign_missing;     /* it has sent nothing since */
    bool silent;           /* and long enough for all to be told */

    const struct local_calls *calls;
    struct map numbers; /* of clients: to each */
    unsigned count;
    struct visitor *visitors;
    uint32_t next_number;
    bool stopping;
    int status;
    char lost[100]; /* why the channel to the store process ended */
};

/* ---- local_socket.c ---- */

void local_ready(evutil_socket_t listener, short what, void *arg);
/* Who called a listener that was shut (it never waits), which this closes. */
void local_take_former(struct clients *clients, int listener);
/* A frame for a client; one that is gone meanwhile gets nothing, nor one whose request was answered already.
 */
void local_answer(struct clients *clients, enum ipc_type type, uint64_t ref, struct span payload);
/* The same for a request of the client's. */
void local_answer_asked(struct local_client *client, struct asked *asked, enum ipc_type type,
                        struct span payload);
/* An answer of our own. */
void local_respond(struct clients *clients, uint64_t ref, struct span json);
/* Room was made somewhere: those who wait for it go on. */
void local_resume_all(struct clients *clients);
void local_free_all(struct clients *clients);

/* ---- readers.c: requests that only read the store ---- */

/* Takes over `door`. */
bool readers_open(struct clients *clients, int door, unsigned count);
void readers_close(struct clients *clients);
/* True for what a reader answers. */
bool readers_serve(const struct clients *clients, enum ipc_type type, struct span payload);
/* Passes a request on when its turn has come; without a reader it is answered at once. */
void readers_ask(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload);
/* The client is gone. */
void readers_leave(struct local_client *client);

/* ---- turns.c: whose request goes to a reader next ---- */

/* Another one waits. False without memory. */
bool turns_wait(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload);
/* Takes out the next in turn of those for which `has_room` is true, for the caller to free (mem_free). NULL:
 * there is none. */
struct waiting *turns_take(struct clients *clients, bool (*has_room)(const struct waiting *waiting));
/* The same for one that was taken from its client at that moment or before. */
struct waiting *turns_take_overdue(struct clients *clients, int64_t before);
/* When the oldest was taken; INT64_MAX: none waits. */
int64_t turns_oldest(const struct clients *clients);
/* So much waits that nobody but operators is read. */
bool turns_are_full(const struct clients *clients);
/* The client is gone, and what waits of it. */
void turns_leave(struct local_client *client);

/* ---- manage.c: requests about the configuration ---- */

/* True for what the parent answers. */
bool manage_serves(enum ipc_type type, struct span payload);
/* Passes an operator's request on; anybody else's is refused. */
void manage_ask(struct local_client *client, uint64_t ref, struct span payload);

/* ---- silence.c: a store process that does not answer ---- */

bool silence_open(struct clients *clients);
void silence_close(struct clients *clients);
/* While the way to a silent one is full, what a client's frame would begin is refused: true. */
bool silence_refuses(struct local_client *client, enum ipc_type type, uint64_t ref);
/* A client's frame goes to the store process, under the ref that this gives. */
uint64_t silence_asked(struct local_client *client, enum ipc_type type, uint64_t ref, struct span payload);
/* A frame went there, or it has taken some. */
void silence_sent(struct clients *clients);
/* A client's frames wait till the store process takes more. */
bool silence_waits(const struct local_client *client);
/* It has sent a frame, for a client. */
void silence_heard(struct clients *clients, enum ipc_type type, uint64_t ref, struct span payload);

/* ---- visitors.c: who may come in ---- */

bool visitor_is_operator(const struct clients *clients, uint32_t uid, uint32_t gid);
/* NULL: it may; else why not, as the client is told. */
const char *visitor_refusal(const struct clients *clients, uint32_t uid, uint32_t gid);
/* A new connection of the uid. NULL without memory. */
struct visitor *visitor_enter(struct clients *clients, uint32_t uid);
void visitor_leave(struct clients *clients, struct visitor *visitor);
/* Puts the client behind the others of its uid, and its uid behind the others. */
void visitor_last(struct local_client *client);

#endif
