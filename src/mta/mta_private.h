/*
 * The switch's insides. What it keeps in memory can be rebuilt from the store
 * and the net processes; what must survive is in the store's batch.
 *
 * Why nothing is lost and nothing is sent twice (tests/unit/mta name these):
 *
 * I1  An answer that takes responsibility (TRANSFER_RESULT accepted,
 *     SUBMIT_RESULT ok, CHECKPOINT_DONE) is an effect of a batch: it is sent
 *     after the batch is on disk.
 * I2  A copy's row is removed only in a commit that follows the peer's
 *     confirmation, or that holds what takes its place (a report, an
 *     alternate, a mailbox entry).
 * I3  The octets of a transfer reach a net process only after the row is on
 *     disk with the mark of its peer (doubt_peer). A marked copy keeps its
 *     recipients and route until the mark is known to be needless: the net
 *     process said that the end was never sent.
 * I4  A copy whose fate is unknown (association, net process or daemon died
 *     after the end may have been sent) is tried again with the same peer only;
 *     its octets are mts_outbound of the row, so they are the same. A later try
 *     that fails leaves the doubt of an earlier one; only the peer's confirmation,
 *     its refusal for good, or an operator who was told that the message may
 *     arrive twice (queue.c, which records it) ends it.
 * I5  The key (peer, MTS-identifier, digest) of what was accepted is in the
 *     commit that accepts it; a repeat is confirmed and not worked on.
 * I6  When a commit fails nothing in memory says otherwise: every effect of the
 *     batch is undone, requests are refused for now, confirmations that came
 *     are kept and written again.
 * I7  The outcome of a transfer in, accepted or refused for good, is in the commit
 *     that takes its activity's row away, and is the answer to each resume of
 *     it. An activity that is not over has none: one that begins by the names of
 *     another takes what was known of that away.
 * I8  What came in by RT-RECOVER instead of a bind transfers what the broken
 *     association left unfinished, and nothing else, in either direction (but
 *     where the peer's option says `full`).
 */
#ifndef MTA_MTA_PRIVATE_H
#define MTA_MTA_PRIVATE_H

#include <event2/event.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/map.h"
#include "ipc/channel.h"
#include "ipc/payload.h"
#include "mta/bytes.h"
#include "mta/mta.h"
#include "mta/row.h"
#include "mta/schedule.h"
#include "mts/process.h"
#include "store/store.h"

#define SECOND ((int64_t)1000000) /* of the clock's microseconds */

struct association;
struct net;
struct converter; /* convert.h */

/* A next hop by name. It lives until the end: rows and work name it by number even when it left the
 * configuration. */
struct peer {
    char *name;
    const struct mta_peer *config; /* NULL: not in the configuration (any more) */
    uint32_t number;               /* in mta->peers and in the scheduler */
    uint32_t key;                  /* the store's next_hop key */
    int hop;                       /* the rules' number, -1: not in the tables */
    unsigned in, out, connecting;  /* associations */
    unsigned recovering;           /* of those out, that send what was unfinished only (I8) */
    struct association *idle;      /* those we opened that wait for a transfer */
    int64_t last_begun;            /* monotonic µs: when the last of its transfers out began */
    int64_t last_taken;            /* monotonic µs: when it last confirmed one; 0: it has not */
    unsigned failures;             /* to get an association, in a row */
    int64_t next_try;              /* monotonic µs; 0: now */
    bool plain;                    /* a recovery failed: the next association is opened without one */
    unsigned done, done_before;    /* transfers out in this second and in the last */
    bool pump;                     /* after the commit */
    bool reroute;                  /* its copies are still to be looked at for another next hop */
    char last_error[160];
    int64_t last_error_at;  /* µs; 0: never */
    int64_t last_success;   /* µs: it took, gave or answered something; 0: never */
    int64_t back_off_ended; /* monotonic µs: when it called in, or answered a ping; 0: never */
    struct {
        uint64_t messages, octets; /* since the start; octets of envelopes and contents */
    } received, sent;
    bool disabled;  /* by an operator: no association either way */
    bool by_former; /* it bound by its former password, and by the new one not since */

    /* refusal.c: what it refuses, and what is refused to it, temporarily */
    unsigned refusals; /* copies in a row; none was taken in between */
    uint64_t refused;  /* the work id of the last of them */
    unsigned rests;    /* how many times it has been left alone since; 0: it is not */
    unsigned rest_noted;
    int64_t rest_until;         /* monotonic µs */
    unsigned turned_away;       /* of its transfers in, since the last line about that */
    int64_t turned_away_logged; /* monotonic µs; 0: never */
};

enum association_state { ASSOCIATION_UP = 1, ASSOCIATION_CLOSING };

struct inbound; /* a transfer that comes in pieces (receive_private.h) */

struct association {
    struct net *net;
    struct peer *peer;
    uint64_t ref;
    struct association *next_idle, *prev_idle;
    struct association *next_held, *prev_held; /* whose answer is held back */
    const struct peer *held_for;               /* NULL: it is not */
    int64_t held_until;
    uint32_t transfer;      /* the net process's number of the last transfer in */
    uint32_t held_transfer; /* whose answer is held back */
    uint64_t named_in;      /* the number of the batch that last said something of its activities */
    struct bytes
        *recovers; /* head: the name of the association that it recovers without a bind; NULL: bound */
    struct inbound *inbound;
    /* The store's numbers of the transfer in that ended last, until the next begins: one that was refused for
     * now is resumed, or its sender discards it and what is stored of it goes. */
    uint64_t ended, ended_spool;
    struct work *sending;
    struct bytes *prefix;          /* of the transfer out: the APDU before its content, and a short content */
    struct store_content *content; /* of the transfer out, when it is read in pieces */
    struct bytes *id;              /* head: association_id; rest: address */
    int64_t idle_since;            /* monotonic µs */
    struct bytes *activity;        /* head: the identifier of the activity out */
    uint8_t state;
    uint64_t length;            /* of the transfer out, in octets */
    uint64_t read;              /* octets of the content out that were asked for; 0 at the beginning */
    bool out, idle, committing; /* committing: SEND_BEGIN waits for the batch */
    bool outcomes;              /* the store may have some under its name */
};

struct client; /* client_private.h */

/* A net process, or the process of the clients. */
struct net {
    struct mta *mta;
    struct net *next;
    struct ipc_channel *channel;
    bool for_clients; /* no associations, clients only */
    struct map associations;
    struct map clients;
    struct map connecting; /* how many associations are being opened, by peer number + 1 */
    struct ping *pings;    /* ping.c */
    unsigned out;          /* associations opened through it, or being opened */
};

/* What follows a batch: `commit` runs when it is on disk, `undo` when it is not. Each frees what the effect
 * holds. */
struct effect {
    void (*commit)(struct mta *mta, struct effect *effect);
    void (*undo)(struct mta *mta, struct effect *effect);
    struct net *net; /* NULL when it went away in the meantime, or plays no part */
    struct work *work;
    struct association *association; /* NULL when it went away in the meantime, or plays no part */
    struct bytes *bytes;
    uint64_t ref;
    uint64_t octets;
    uint32_t number;
};

struct batch {
    uint64_t number; /* rises with each commit, from 1 */
    struct store_batch *store;
    struct effect *effects;
    size_t count, room;
    bool urgent;       /* somebody waits for it */
    unsigned requests; /* that wait for it */
    unsigned looked;   /* requests there were when the loop was last asked for more */
    int64_t since;     /* monotonic µs of the first request */
};

struct batch_mark {
    size_t store, effects;
};

struct counters {
    uint64_t received, submitted, transferred, delivered, reports, repeats, refused, possible_duplicates;
};

/* jump.c: how the expiry of units with these ids is to be read. */
struct expiry_shift {
    uint64_t from, below;
    int64_t us;
    int64_t at; /* when it jumped, by jump_steady */
};
#define SHIFTS_MOST 16

struct mta {
    struct event_base *loop;
    const struct mta_config *config;
    struct mta_reload reload;
    struct buf config_parts; /* of a configuration that is coming in */
    struct store *store;
    struct schedule schedule;
    struct peer **peers;
    size_t peer_count;
    uint32_t *hop_peers; /* peer number by the rules' hop number */
    bool *hop_down;
    size_t hop_count;
    struct net *nets;
    struct converter *converter;
    struct ipc_channel *parent;
    struct event *door;      /* where channels to other processes come in */
    struct guesses *guesses; /* NULL in a reader */
    struct client *backup;   /* who makes one; NULL: nobody */
    uint64_t ping_number;    /* of the last ping */
    struct batch batch;
    struct arena arena;   /* for the unit that is being worked on */
    struct buf head;      /* frame fields that are being put together */
    struct buf scratch;   /* rows and events that are being put together */
    struct buf prefix;    /* an APDU's octets before its content */
    struct map resumable; /* struct outbound_activity by work id */
    struct event *commit, *tick, *pace;
    struct event *more;                 /* the rest of what a tick left undone */
    struct event *fill;                 /* what a commit left to the store for after the answers */
    int64_t tick_clock, tick_monotonic; /* when jump.c last compared them */
    int64_t last_seen;                  /* when the newest event was recorded before the start; 0: none was */
    struct expiry_shift shifts[SHIFTS_MOST];
    size_t shift_count, graced;
    int64_t jump_total;     /* µs that the clock was set ahead in all */
    int64_t grace_end;      /* monotonic µs: till then the clock of the start may be wrong; 0: it is right */
    int64_t away;           /* µs that passed before the start since last_seen, as the clock said */
    uint64_t started_below; /* the units that waited at the start have ids below this */
    bool jump_unsaved;      /* the clock jumped, which is to be in the next commit */
    int64_t put_off_logged; /* monotonic µs; 0: never */
    uint64_t put_off;       /* copies since the last line about them */
    bool refusing;          /* the log says that the store takes nothing */
    int64_t refusing_logged; /* monotonic µs; 0: never */
    int64_t paced_at;
    const struct peer *crowded;                 /* where what just came in has to queue; NULL: nowhere */
    struct association *held_first, *held_last; /* whose answers are held back (pace.c) */
    char id_prefix[MTS_ID_PREFIX + 1];
    uint64_t id_next;
    uint64_t named_in; /* the number of the batch that last said something of activities in */
    size_t hot_octets; /* held by work's bytes */
    unsigned associations_in;
    int64_t started;
    struct counters counters;
    struct local_user *users; /* client_private.h */
    size_t user_count;
    struct map user_numbers;   /* from 1, by the hash of the user's key */
    struct map mailbox_use;    /* quota.c: what a mailbox holds, by the store's key */
    struct map removals;       /* of entries, with this batch: by mailbox and sequence number; any value */
    struct map submission_use; /* octets in open submissions, by uid + 1 */
    struct work **unsaved;     /* finished with the peer, the row's removal failed */
    size_t unsaved_count, unsaved_room;
    uint64_t users_version; /* of the users that were added by hand */
    bool reader;            /* a reader process: only what reads rows is answered */
    bool stopping, stopped;
    int64_t release_until; /* monotonic µs; 0 while transfers are under way */
    int status;
};

/* ---- batch.c ---- */

bool batch_init(struct mta *mta);
void batch_free(struct mta *mta);
struct batch_mark batch_mark(const struct mta *mta);
/* Undoes what was added since the mark: store operations and effects. */
void batch_undo(struct mta *mta, struct batch_mark mark);
/* Adds an effect and sees to it that the batch is committed soon. False without memory: the effect is not
 * undone. */
bool batch_effect(struct mta *mta, struct effect effect);
/* The same for what nobody waits for: it goes with the next commit, or soon by itself. */
bool batch_effect_later(struct mta *mta, struct effect effect);
/* Arms the commit: at the end of this turn of the loop, or after gathering. */
void batch_arm(struct mta *mta);
void batch_commit(struct mta *mta);
/* An association or a net process went away: its effects answer nobody. */
void batch_forget_association(struct mta *mta, const struct association *association);
void batch_forget_net(struct mta *mta, const struct net *net);

/* The batch says something of the association's activities in. */
void batch_names_activity(struct association *association);

/* The effect that answers the association's last transfer in: TRANSFER_RESULT. */
bool batch_accept(struct mta *mta, struct association *association);
/* The commit event's callback. */
void batch_on_commit(evutil_socket_t fd, short what, void *arg);

/* ---- pace.c: back-pressure ---- */

/* Work for the peer was added. */
void pace_work(struct mta *mta, const struct peer *peer);
/* Counts anew when a second is over. */
void pace_tick(struct mta *mta, int64_t now);
/* True: the answer to the transfer in of this number is held back, because of the peer with this number
 * (PEER_NONE: no). */
bool pace_hold(struct association *association, uint32_t transfer, uint32_t peer);
/* The association is gone. */
void pace_forget(struct association *association);
/* Sends the answers that need to be held no more. */
void pace_release(struct mta *mta);
void pace_on_timer(evutil_socket_t fd, short what, void *arg);

/* ---- net.c: channels to net processes ---- */

void net_free_all(struct mta *mta);
/* Logs what a net process did wrong, naming it. Returns false. */
bool net_broke_rules(const struct net *net, const char *what);
/* Answers the association's transfer in of this number. */
void send_result(struct association *association, uint32_t transfer, enum ipc_result result,
                 const char *cause);

/* ---- peer.c ---- */

bool peers_configure(struct mta *mta);
void peers_free(struct mta *mta);
/* The peer of this name, made when it is not there (a row of a former configuration names it). NULL without
 * memory. */
struct peer *peer_named(struct mta *mta, struct span name);
struct peer *peer_find(const struct mta *mta, struct span name);
struct peer *peer_of_hop(struct mta *mta, int hop);
/* True while the peer may be tried. */
bool peer_is_up(const struct mta *mta, const struct peer *peer);
/* No association came up, or one broke before anything was transferred. */
void peer_failed(struct mta *mta, struct peer *peer, struct span cause);
void peer_worked(struct mta *mta, struct peer *peer);
/* Something went wrong with the peer: status shows it, and when. */
void peer_error(struct peer *peer, struct span cause);
/* A peer that calls in, or answers a ping, is there: its back-off ends. What calls in but can't be called
 * ends it at most once in the peer's first retry time. */
void peer_is_there(struct mta *mta, struct peer *peer, const char *what);
/* Those that an operator disabled, before the start or a reload. */
bool peers_load_disabled(struct mta *mta, struct error *err);
/* Seconds to wait after `before` failures in a row and one more: the peer's first retry time, doubled with
 * each, up to its longest. */
int64_t peer_back_off(const struct peer *peer, unsigned before);
/* Its copies wait, whatever their own state: no association comes up, it refuses what it is sent, or an
 * operator disabled it. */
bool peer_backs_off(const struct peer *peer);
/* When its back-off ends, µs by the clock of now; 0: it has none, or nobody knows. */
int64_t peer_next_try(const struct peer *peer);
/* What is wrong with it, or NULL. */
const char *peer_trouble(const struct peer *peer);
/* Lets the rules know whether the peer may be tried. */
void peer_tell_rules(struct mta *mta, const struct peer *peer);
/* The net process with the fewest associations out, or NULL. */
struct net *net_with_fewest(const struct mta *mta);
/* The answer to a CONNECT has come. False: the net process was not asked. */
bool peer_connected(struct net *net, struct peer *peer);
/* The net process is gone with what it was opening. */
void peers_net_gone(struct net *net);
/* Hands out ready work to idle associations, and opens more as there is need. */
void peer_pump(struct mta *mta, struct peer *peer);
void peers_tick(struct mta *mta);
/* Looks for other next hops for what waits for a peer that is down or gone; some of it at each call. True
 * when all was looked at. */
bool peers_reroute(struct mta *mta);
/* After the queue or a configuration was read: copies of peers that are not in it are to be routed anew,
 * those in doubt stay; the log tells. */
void peers_left(struct mta *mta);
/* True for a next hop that left the configuration: not for the internal one of conversion, which never stood
 * there. */
bool peer_gone(const struct mta *mta, const struct peer *peer);

/* ---- refusal.c: peers that refuse temporarily, and those that are refused ---- */

/* True while no copy shall go to the peer, as it refused the last ones. */
bool refusal_rests(const struct peer *peer);
/* A copy went out: when the peer refused the last ones, the next waits for the peer's next time. */
void refusal_probe(struct peer *peer);
/* The peer refused the copy temporarily, or its transfer ended by an abort (`what`: `refused`, `ended` or
 * `failed in`). */
void refusal_came(struct mta *mta, struct peer *peer, const struct work *work, const char *what,
                  struct span cause);
/* The peer took a copy, after it had refused some. */
void refusal_over(struct mta *mta, struct peer *peer);
/* Logs that a transfer of the peer is refused temporarily, so often that the log doesn't grow with what it
 * tries.
 */
void refusal_log_in(struct peer *peer, const char *cause);

/* ---- association.c ---- */

bool association_bind(struct net *net, uint64_t ref, struct span payload);
bool association_close_frame(struct net *net, uint64_t ref, struct span payload);
bool association_connect_failed(struct net *net, struct span payload);
struct association *association_find(const struct net *net, uint64_t ref);
/* Asks the net process to end it. */
void association_end(struct association *association, enum ipc_close how, const char *cause);
/* It is gone: what is under way on it is interrupted or in doubt. Frees it. */
void association_gone(struct association *association, const char *cause);
void association_idle(struct association *association, bool idle);

/* ---- ping.c: `mhs ping` ---- */

bool ping_result(struct net *net, uint64_t ref, struct span payload);
/* True for the one bind of each ping: the net process may ask whether the responder is the peer. */
bool ping_binds(struct net *net, const struct peer *peer);
/* The net process is gone: who asked for a ping by it is told so. */
void pings_net_gone(struct net *net);

/* ---- receive.c, receive_pieces.c, receive_resume.c: transfers in ---- */

struct arrival {
    struct peer *peer;
    enum ipc_apdu kind;
    struct span envelope;
    struct span memory; /* the content when it is in memory, else absent */
    struct store_content *content;
    uint64_t content_length;
};

enum arrival_result {
    ARRIVAL_TAKEN,   /* in the batch: answer after the commit */
    ARRIVAL_KNOWN,   /* was taken before and is on disk: confirm now */
    ARRIVAL_LATER,   /* refuse temporarily */
    ARRIVAL_REFUSED, /* no APDU of ours */
};
enum arrival_result receive_apdu(struct mta *mta, const struct arrival *arrival, char cause[static 200]);

bool receive_whole(struct association *association, struct span payload);
bool receive_begin(struct association *association, struct span payload);
bool receive_envelope(struct association *association, struct span payload);
bool receive_content(struct association *association, struct span payload);
bool receive_checkpoint(struct association *association, struct span payload);
bool receive_end(struct association *association, struct span payload);
bool receive_stop(struct association *association, struct span payload);
bool receive_resume(struct association *association, struct span payload);
/* The association is gone: keeps what is checkpointed. */
void receive_interrupted(struct association *association);
void receive_expire(struct mta *mta, int64_t now);

/* ---- decide.c: what the rules decided becomes rows ---- */

/* The content that goes with what was decided. */
struct subject {
    struct store_content *content; /* NULL: none */
    uint64_t length;
    struct span memory; /* the content when it is in memory, else absent */
};

/* A call's circumstances for the rules. decide_apply takes note of the identifiers that were used. */
struct mts_run run_begin(struct mta *mta, struct arena *arena);

/* Adds held objects, copies, deliveries and events to the batch. False without memory or when the store
 * fails: the caller undoes to its mark. */
bool decide_apply(struct mta *mta, struct mts_run *run, const struct mts_decisions *decisions,
                  const struct subject *subject);

/* The name in the store of the rules' mailbox: its address's key, however the configuration spells it; lives
 * in mta->arena. */
struct span mailbox_name(struct mta *mta, const char *mailbox);
/* When the store was opened: mailboxes that an older program named by a spelling get that name. */
bool mailboxes_rename(struct mta *mta, struct error *err);

/*
 * Delivers the copy `stored` of the message: as mts_deliver, and adds the mailbox entry to the batch. A full
 * mailbox is a failure of the copy (a report is discarded). What follows is in `more`. False without memory,
 * or when the store fails.
 */
bool decide_delivery(struct mta *mta, struct mts_run *run, const struct mts_stored *stored, uint64_t message,
                     struct mts_decisions *more);

/* ---- copy.c: a copy as the store has it, for what must be decided on it anew ---- */

struct copy {
    struct store_work work;
    struct row row;
    struct store_message message;
    struct mts_stored stored;
    struct store_content *content; /* opened when there is one; copy_release gives it back */
    struct span memory;            /* its octets when it is short */
};
/* Reads it into mta->arena (which is reset). */
bool copy_load(struct mta *mta, const struct work *work, struct copy *copy, struct error *err);
void copy_release(struct copy *copy);
/* The same without the content: for lists. There is nothing to release. */
bool copy_load_rows(struct mta *mta, const struct work *work, struct copy *copy, struct error *err);
/* Ends the copy by what was decided instead of it. */
bool copy_replace(struct mta *mta, struct work *work, struct copy *copy, struct mts_run *run,
                  const struct mts_decisions *decisions);
/* The copy is done: the row goes with the batch, the unit when it is on disk. */
bool copy_finish(struct mta *mta, struct work *work);
/* Delivers a copy to its mailbox. */
bool copy_deliver(struct mta *mta, struct work *work);
bool copy_fail(struct mta *mta, struct work *work, const struct mts_failure *failure);
/* The copy expires, also while its content can't be read: the report then returns none. */
bool copy_expire(struct mta *mta, struct work *work);
/* `mhs store repair` took the copy's content: it is non-delivered; a report goes on without what it returned.
 */
bool copy_lost(struct mta *mta, struct work *work);
/* Another next hop: `wanted`, or (NULL) the one that the rules know to be better; of a peer that left the
 * configuration, what the rules say of each recipient now. Of a copy in doubt only an operator may ask it
 * (I4). False: it stays. */
bool copy_reroute(struct mta *mta, struct work *work, const struct peer *wanted);
/* Each recipient goes where one that came now would. False: it stays, as that is where it is. */
bool copy_route_anew(struct mta *mta, struct work *work);
/* Writes tries, due and that it is held to the row, so that a restart goes on from there, and takes the mark
 * of I3 off a copy that is not in doubt. False when it can't: the row then says less than is true, which
 * harms nobody. */
bool copy_save(struct mta *mta, struct work *work);

/* ---- send.c: transfers out ---- */

/* How long, and how often, copies of a lane are tried. */
const struct mts_schedule *send_schedule(const struct mta *mta, uint8_t lane);
/* Gives the work to the idle association. False: not now (the store fails), or the work was ended as it can't
 * be sent. */
bool send_start(struct association *association, struct work *work);
bool send_activity(struct association *association, struct span payload);
bool send_read(struct association *association, struct span payload);
bool send_checkpoint(struct association *association, struct span payload);
bool send_ended(struct association *association, struct span payload);
/* The association is gone with its transfer: in doubt. */
void send_lost(struct association *association);
/* The association to recover when one to the peer is opened: that of a transfer that can be resumed; else
 * empty. */
struct span send_recovery(struct mta *mta, const struct peer *peer);
/* A ready copy whose transfer the association recovers, or NULL. */
struct work *send_unfinished(struct mta *mta, const struct association *association);
void outbound_forget(struct mta *mta, uint64_t work);
void work_forget_bytes(struct mta *mta, struct work *work);

/* ---- run.c ---- */

/* What is done each second. */
void mta_tick(struct mta *mta);
/* Takes over the descriptors of a process of its own. */
bool mta_attach(struct mta *mta, const struct mta_descriptors *descriptors);

/* What the switch and a reader have in common: an empty one, which `open` then fills; as mta_new. */
struct mta *mta_make(struct event_base *loop, const struct mta_config *config,
                     const struct mta_reload *reload, bool open(struct mta *mta, struct error *err),
                     struct error *err);

/* Runs `mta` until it is stopped, and frees both; NULL: says why, by `err`. Returns the process's exit
 * status. */
int mta_serve(struct event_base *loop, struct mta *mta, const struct mta_descriptors *descriptors,
              const struct error *err);

/* ---- client.c: local clients ---- */

bool client_open(struct net *net, uint64_t ref, struct span payload);
bool client_close(struct net *net, uint64_t ref);
bool client_frame(struct net *net, enum ipc_type type, uint64_t ref, struct span payload);
void clients_leave(struct net *net);

#endif
