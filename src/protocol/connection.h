/*
 * One TCP connection and its association: octets in, events, octets out, one
 * timer. What the association is for, its service knows.
 */
#ifndef PROTOCOL_CONNECTION_H
#define PROTOCOL_CONNECTION_H

#include "base/host.h"
#include "ipc/frame.h"
#include "osi/association.h"
#include "protocol/net_private.h"

struct connection;

/*
 * What an association is used for: P1, P3, P7. An inbound one gets the
 * service of its application context with the bind, an outbound one is made by
 * its service. `c->user` is the service's own.
 */
struct service {
    unsigned contexts; /* or'ed enum osi_context: what binds with one of these is the service's */
    bool users;        /* who binds is a user, else an MTA */
    /* Takes the connection on. False without memory. */
    bool (*open)(struct connection *c);
    /* Events of the association; OSI_EVENT_OPEN_INDICATION is the first of an inbound one. */
    void (*event)(struct connection *c, struct osi_event *event);
    /* What the store process may say of it now: or'ed enum ipc_state. */
    unsigned (*state)(const struct connection *c);
    /* A frame of the store process about it, which `state` allows. False: it is against the rules. */
    bool (*frame)(struct connection *c, enum ipc_type type, struct span payload);
    /* It takes no octets for now: connection_kick when it does again. NULL: it always does. */
    bool (*sated)(const struct connection *c);
    /* A reader has gone (mailbox_readers.h), with what it was asked. NULL: it never is. */
    void (*reader_lost)(struct connection *c, const void *reader);
    /* Something that it is to ask of a reader waits for that. NULL: it never does. */
    bool (*waits_for_reader)(const struct connection *c);
    /* It may be asked now. */
    void (*reader_free)(struct connection *c);
    /* Something other than octets is due at `due`, monotonic µs (INT64_MAX: nothing is); then `wake`. */
    int64_t (*due)(const struct connection *c);
    void (*wake)(struct connection *c);
    /* The association is over, its last octets are written. True: the service has done with the connection
     * what was left to do, and it may be freed. */
    bool (*over)(struct connection *c);
    /* A reload: the configuration is another one. */
    void (*reloaded)(struct connection *c);
    /* The process was told to stop: the store process is told of each transfer under way. NULL: it always
     * is. */
    void (*stops)(struct connection *c);
    /* The stop cuts the association: the log is told of the transfers that this cuts. False: there are none.
     * NULL: nor ever. */
    bool (*tell_cut)(struct connection *c);
    /* The process ends, and the association with it: the log and the store process are told what that cuts.
     */
    void (*cut)(struct connection *c);
    /* The connection is freed: what hangs on it goes. */
    void (*close)(struct connection *c);
};

enum connection_state {
    CONNECTION_DIALING,   /* outbound: the host's name, then TCP connect */
    CONNECTION_OPENING,   /* association being made, either side */
    CONNECTION_ADMISSION, /* the store process decides, either side */
    CONNECTION_OPEN,
    CONNECTION_LINGERING /* there is no association any more */
};

struct connection {
    struct net *net;
    uint64_t ref;
    int fd;
    enum connection_state state;
    bool inbound;
    int64_t since;                 /* monotonic µs */
    bool announced;                /* the store process was told of it, and hears of its end */
    const struct service *service; /* inbound: NULL until the bind */
    void *user;
    size_t lingered; /* octets read since the association was over */
    void (*lingered_out)(struct connection *c);
    struct connection *next_lingering, *prev_lingering;
    int64_t over_since;     /* the association is over, but its output is not written yet; monotonic µs */
    int64_t read_after;     /* tiny segments wait until then to become more; monotonic µs, 0: not */
    int64_t segments_since; /* when the count of tiny segments began */
    unsigned segments;
    bool more; /* its share of this turn of the loop is over: it goes on in the next */
    struct event *readable;
    struct event *writable;
    struct event *timer;
    struct osi_association *association;
    char *name;                   /* the other side's, in frames and log lines; NULL: not known yet */
    struct buf input;             /* octets that the association did not take yet */
    char address[HOST_TEXT_SIZE]; /* the other host, for the log and the store process */
    char network[HOST_TEXT_SIZE], site[HOST_TEXT_SIZE]; /* inbound: whose it is (crowd.c) */
};

/* An outbound one has its service already. NULL: there is no room, or no memory. */
struct connection *connection_new(struct net *net, const struct service *service);
#define CONNECTION_INBOUND NULL
void connection_free(struct connection *c);

/* Makes the association and starts to read; `fd` is connected. False when memory is exhausted; then the
 * connection is still the caller's. */
bool connection_start(struct connection *c, const struct osi_parameters *parameters);

/* Gives up association and socket, for another try with the same connection. */
void connection_stop(struct connection *c);

/* Runs the association until it has nothing more to do now. May free `c`: the caller does not touch it
 * afterwards. */
void connection_pump(struct connection *c);

/* Asks for a pump in the next turn of the loop; safe from anywhere. */
void connection_kick(struct connection *c);

/* It has bound, either side: what comes from now on is no secret. */
void connection_bound(struct connection *c);

/* Names the peer; false without memory. `connection_peer` is for log lines: `?` while it has no name. */
bool connection_name(struct connection *c, struct span peer);
const char *connection_peer(const struct connection *c);
/* A log line `peer=NAME address=ADDRESS TEXT` about the connection; they are counted, those of strangers
 * (strangers.h, always warnings) as well as each peer's. */
void connection_log(struct connection *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, not counted: what is told of a connection once in its life, or the process's. */
void connection_log_once(struct connection *c, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
#define connection_warn(c, ...) connection_log(c, LOG_LEVEL_WARNING, __VA_ARGS__)

/* ---- crowd.c: strangers that keep others out ---- */

/* The oldest connection of the network (a host, or an IPv6 subscriber: the /64, or the /48 when that has many
 * of them) that has the most inbound ones without a bind, or NULL; `*count` gets how many it has. */
struct connection *crowd_oldest(const struct net *net, unsigned *count);
/* To be called once the address is known. */
void crowd_place(struct connection *c);

/* ---- linger.c: the end of the TCP connection ---- */
#define LINGER_US ((int64_t)3 * 1000000)
/* The association is gone, its last octets are written. `over`, which frees `c`, is called when it is enough,
 * if need be at once. */
void linger_begin(struct connection *c, void (*over)(struct connection *c));
void linger_forget(struct connection *c);
/* Makes room for others; false when nobody lingers. */
bool linger_end_oldest(struct net *net);

/* ---- accept.c: inbound connections ---- */
void accept_ready(evutil_socket_t fd, short what, void *arg);

#endif
