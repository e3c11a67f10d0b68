/* The insides of the net process, shared by the files of the room. */
#ifndef PROTOCOL_NET_PRIVATE_H
#define PROTOCOL_NET_PRIVATE_H

#include "asn1/ber.h"
#include "base/buf.h"
#include "base/burst.h"
#include "base/host.h"
#include "ipc/bind.h"
#include "ipc/channel.h"
#include "ipc/payload.h"
#include "protocol/apdu_scanner.h"
#include "protocol/net.h"
#include "protocol/strangers.h"
#include "protocol/throttle.h"

struct connection;

/* The place of a connection; its ref is `generation << 32 | index`, so that a late frame never meets a new
 * connection. */
struct slot {
    struct connection *connection;
    uint32_t generation;
};

struct net {
    struct event_base *loop;
    const struct protocol_config *config;
    const struct net_reload *reload;
    struct resolver *resolver;
    struct ipc_channel *store;
    struct ipc_channel *parent;
    struct event **listeners;
    size_t listener_count;
    struct slot *slots;
    uint32_t slot_count;
    uint32_t slot_hint;   /* where the search for a free slot begins */
    unsigned connections; /* in use */
    unsigned opening;     /* of these, inbound and without a bind */
    unsigned lingering;   /* of these, over and waiting for the peer to close (linger.c) */
    struct connection *lingering_first, *lingering_last; /* the oldest, the newest */
    struct event *rest;     /* listeners that ran out of descriptors listen again */
    struct burst exhausted; /* log lines about the want of descriptors */
    struct strangers strangers;
    struct throttle throttle; /* of hosts that fail to recover an association */
    struct buf config_parts;  /* of a configuration that is coming in */
    size_t gathered;          /* octets of APDUs that come in and are not with the store process yet */
    bool stopping;
    int status;
};

enum connection_state {
    CONNECTION_DIALING,   /* outbound: the host's name, then TCP connect */
    CONNECTION_OPENING,   /* association being made, either side */
    CONNECTION_ADMISSION, /* the store process decides, either side */
    CONNECTION_OPEN,
    CONNECTION_LINGERING /* there is no association any more */
};

/* An APDU that comes in. Small ones are gathered and sent to the store process whole. */
struct transfer_in {
    uint32_t number; /* in the association, as the store process knows it */
    bool active;
    bool pieces;   /* the store process got TRANSFER_BEGIN */
    bool resuming; /* the store process looks for the state of a resume */
    bool refused;  /* for now, when it was in pieces: the store process keeps them for a resume */
    struct osi_activity activity;
    struct apdu_scanner scanner;
    size_t told;         /* octets of an envelope that is not complete and that the store process has */
    struct buf gathered; /* the APDU's octets, as long as it is not in pieces */
    /* Checkpoints among them that are not confirmed: */
    unsigned held;              /* how many */
    struct osi_checkpoint last; /* the last of them */
    size_t last_at;             /* its place in `gathered` */
    int64_t hold_until;         /* when the first of them has waited long enough; monotonic µs */
};

/* An APDU that goes out. */
struct transfer_out {
    bool active;
    bool last_taken;      /* all octets are with the association: from here the copy may be in doubt */
    bool resume_unproven; /* it was resumed, and the peer confirmed nothing since */
    struct osi_activity activity;
    struct buf prefix;
    struct buf content; /* the piece at `content_at`, or all of a small content */
    struct buf next;    /* the piece after it, read ahead */
    uint64_t content_at;
    uint64_t content_length;
    uint64_t offset; /* of the next octet of the APDU to hand over */
    uint64_t asked;  /* content octets that were asked from the store process, up to this offset */
};

struct connection {
    struct net *net;
    uint64_t ref;
    int fd;
    enum connection_state state;
    bool inbound;
    int64_t since;   /* monotonic µs */
    bool announced;  /* the store process was told of it, and hears of its end */
    size_t lingered; /* octets read since the association was over */
    void (*lingered_out)(struct connection *c);
    struct connection *next_lingering, *prev_lingering;
    int64_t over_since;     /* the association is over, but its output is not written yet; monotonic µs */
    int64_t read_after;     /* tiny segments wait until then to become more; monotonic µs, 0: not */
    int64_t refuse_at;      /* the bind is refused then (admission.c); 0: it is not */
    int64_t segments_since; /* when the count of tiny segments began */
    unsigned segments;
    bool more; /* its share of this turn of the loop is over: it goes on in the next */
    struct event *readable;
    struct event *writable;
    struct event *timer;
    struct osi_association *association;
    char *name;                       /* the peer's, in frames and log lines; NULL: not known yet */
    const struct protocol_peer *peer; /* outbound: how it is called */
    enum osi_context context;
    struct buf input;             /* octets that the association did not take yet */
    char address[HOST_TEXT_SIZE]; /* the peer's host, for the log and the store process */
    char network[HOST_TEXT_SIZE], site[HOST_TEXT_SIZE]; /* inbound: whose it is (crowd.c) */
    struct resolve *question;                           /* a name that is being resolved, either side */
    struct admission *admission;                        /* inbound, while it is not answered (admission.c) */
    /* outbound */
    size_t endpoint;
    char host[256];                           /* the endpoint's name, if it is one */
    struct evutil_addrinfo *found, *found_at; /* what it resolved to, and the address that is tried */
    uint16_t port;
    unsigned context_at;
    uint64_t ping; /* not 0: `mhs ping`; released as soon as it is open */
    struct buf recover_id;
    struct buf ours;   /* what we give in the bind, as ipc_credentials_write has it; until it is opened */
    char failure[200]; /* why the last try failed */
    char failure_parameter[40]; /* what did not match; may be empty */
    enum ipc_layer failure_layer;
    bool recovery_refused; /* the peer understood RT-RECOVER, and refused it */
    uint32_t transfers_in; /* begun so far */
    struct transfer_in in;
    struct transfer_out out;
};

/* ---- net.c ---- */
/* The connection, or NULL when it is gone or its association is over. */
struct connection *net_connection(struct net *net, uint64_t ref);
const struct protocol_peer *net_peer_by_name(struct net *net, struct span name);

/*
 * The channel to the store process ends before the loop does: what is left of
 * the loop's turn finds it gone. Then nothing is sent (false), and it is full.
 */
bool net_store_send(struct net *net, enum ipc_type type, uint64_t ref, struct span head, struct span body);
bool net_store_is_full(const struct net *net);

/* The store process is half of this one: without it, or without memory for it, there is nothing to do but end
 * and be restarted; or, while both stop, to end with it. The loop goes on for a moment: the order to stop,
 * which the parent gives to this process first, may be seen later than the end of the store's channel. */
void net_lose_store(struct net *net, const char *cause);

/* Sends a frame to the store process. */
void net_tell(struct net *net, enum ipc_type type, uint64_t ref, struct buf *payload);
void net_tell_empty(struct net *net, enum ipc_type type, uint64_t ref);

/* ---- crowd.c: strangers that keep others out ---- */

/* The oldest connection of the network (a host, or an IPv6 subscriber: the /64, or the /48 when that has many
 * of them) that has the most inbound ones without a bind, or NULL; `*count` gets how many it has. */
struct connection *crowd_oldest(const struct net *net, unsigned *count);
/* To be called once the address is known. */
void crowd_place(struct connection *c);

/* ---- connection.c ---- */
struct connection *connection_new(struct net *net, bool inbound);
void connection_free(struct connection *c);

/* Makes the association and starts to read; `fd` is connected. False when memory is exhausted; then the
 * connection is still the caller's. */
bool connection_start(struct connection *c, const struct osi_parameters *parameters);

/* Runs the association until it has nothing more to do now. May free `c`: the caller does not touch it
 * afterwards. */
void connection_pump(struct connection *c);

/* Asks for a pump in the next turn of the loop; safe from anywhere. */
void connection_kick(struct connection *c);

/* Names the peer; false without memory. `connection_peer` is for log lines: `?` while it has no name. */
bool connection_name(struct connection *c, struct span peer);
const char *connection_peer(const struct connection *c);
/* A log line about the connection; those of strangers are counted (strangers.h). */
void connection_warn(struct connection *c, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* After a reload: finds the connection's peer in the new configuration by name; ends the association when it
 * is gone. */
void connection_rename_peer(struct connection *c);

/* No descriptors are left: new connections wait a moment, instead of being found again and again. */
void net_listen_later(struct net *net);

/* ---- linger.c: the end of the TCP connection ---- */
#define LINGER_US ((int64_t)3 * 1000000)
/* The association is gone, its last octets are written. `over`, which frees `c`, is called when it is enough,
 * if need be at once. */
void linger_begin(struct connection *c, void (*over)(struct connection *c));
void linger_forget(struct connection *c);
/* Makes room for others; false when nobody lingers. */
bool linger_end_oldest(struct net *net);

/* ---- accept.c: inbound associations ---- */
void accept_ready(evutil_socket_t fd, short what, void *arg);

/* ---- admission.c: the store process decides who may bind ---- */
void admission_indication(struct connection *c, const struct osi_open *open);
/* Outbound: the responder has accepted and gave these. */
void admission_ask_result(struct connection *c, const struct osi_open *open,
                          const struct ipc_credentials *given);
/* The time has come to say no. */
void admission_refuse_now(struct connection *c);
void admission_answer(struct connection *c, const struct ipc_bind_answer *answer);
/* Gives up what an inbound bind waits for. */
void admission_forget(struct connection *c);
/* After a reload: a bind that waits for names of hosts is asked anew. */
void admission_ask_again(struct connection *c);

/* ---- connect.c: outbound associations ---- */

/* Begins to open an association with the peer of this name, or says why not. `ours` is read for as long as
 * the call lasts; `ping` is the ping's number, else 0. */
void connect_begin(struct net *net, struct span name, struct span recover_id,
                   const struct ipc_credentials *ours, uint64_t ping);
/* The store process knows the responder, or does not. */
void connect_opened(struct connection *c);
void connect_refused(struct connection *c, const char *parameter, const char *cause);
void connect_confirmed(struct connection *c, const struct osi_open *open);

/* This try failed: takes the next context or endpoint, or gives up. Frees the connection's association; may
 * free `c`. */
void connect_failed(struct connection *c, enum ipc_layer layer, const char *cause);

/* `mts-transfer` and so on. */
const char *connect_context_name(enum osi_context context);

/* Frees what names were resolved to, and gives up the question under way. */
void connect_forget(struct connection *c);
/* ---- ping.c ---- */
/* Answers from the connection's failure. */
void ping_failed(struct connection *c);
/* Answers: the association was open, and is over. */
void ping_ended(struct connection *c, bool released, enum ipc_layer layer, const char *parameter,
                const char *cause);

/* ---- transfer_in.c ---- */
void transfer_in_begin(struct connection *c, const struct osi_begin *begin);
void transfer_in_data(struct connection *c, struct span data);
void transfer_in_checkpoint(struct connection *c, const struct osi_checkpoint *checkpoint);
void transfer_in_end(struct connection *c);
void transfer_in_stopped(struct connection *c, bool keep);
bool transfer_in_frame(struct connection *c, enum ipc_type type, struct reader *r);
void transfer_in_free(struct connection *c);
/* When transfer_in_timeout is due, monotonic µs; INT64_MAX: never. */
int64_t transfer_in_deadline(const struct connection *c);
/* A checkpoint was not followed by the end of its transfer soon: it is to be confirmed. */
void transfer_in_timeout(struct connection *c);

/* ---- transfer_out.c ---- */
void transfer_out_push(struct connection *c);
void transfer_out_checkpoint(struct connection *c, const struct osi_checkpoint *checkpoint);
void transfer_out_refused(struct connection *c, enum osi_refusal what, int reason);
/* `flags`: enum ipc_sent_flag; whether a resume failed is added here where the peer ended it. */
void transfer_out_ended(struct connection *c, enum ipc_sent result, const char *cause, unsigned flags);
bool transfer_out_frame(struct connection *c, enum ipc_type type, struct reader *r);
void transfer_out_free(struct transfer_out *out);

/* ---- connection_id.c: the session connection identifier as one string of octets ---- */
bool connection_id_write(const struct osi_connection_id *id, struct buf *out);
bool connection_id_read(struct span octets, struct osi_connection_id *id);
bool connection_id_new(struct osi_connection_id *id, char calling[static 33], char common[static 14]);

#endif
