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
 *     disk with the mark of its peer (doubt_peer). While that is being written
 *     nobody else takes the copy, though its association ends. A marked copy keeps its
 *     recipients and route until the mark is known to be needless: the net
 *     process said that the end was never sent.
 * I4  A copy whose fate is unknown (association, net process or daemon died
 *     after the end may have been sent) is tried again with the same peer only;
 *     its octets are mts_outbound of the row, so they are the same. A later try
 *     that fails leaves the doubt of an earlier one; only the peer's confirmation,
 *     its refusal for good, or an operator who was told that the message may
 *     arrive twice (queue_change.c, which records it) ends it; or, of a user's
 *     own program, one who gives that user a mailbox (user_pump.c, likewise).
 * I5  The key (peer, MTS-identifier, digest) of what was accepted is in the
 *     commit that accepts it; a repeat is confirmed and not worked on. A repeat
 *     of what stands in a batch that is not on disk yet shares the verdict of
 *     the request that brought it: in the same batch it is refused with that
 *     (store_find_repeat), in the next one it is undone when any request of the
 *     batch before is refused (I6).
 * I6  When a commit fails nothing in memory says otherwise: every effect of the
 *     batch is undone, requests are refused for now, confirmations that came
 *     are kept and written again, with the record of them. When a request is refused that is so of its
 *     own. All of the batch that filled meanwhile is undone in both cases, and
 *     first, for it may rest on the other. A request that is given up
 *     (batch_undo) takes back what it added to the batch that fills; it never
 *     has anything in the one that flies.
 * I7  The outcome of a transfer in, accepted or refused for good, is in the commit
 *     that takes its activity's row away, and is the answer to each resume of
 *     it. What had a checkpoint leaves a row by its names, of the activity or of
 *     its outcome, for as long as it can be asked for. So it is seen when one
 *     begins whose association, or activity in it, has a name that was given
 *     before: nothing can be asked for by that association's name then, which is
 *     on disk before anything of the later one is confirmed. When that can't be
 *     written its association ends, and no outcome of before counts any more,
 *     which the next commit tells the next start; and the same holds for the
 *     name that a resume gives its activity, with the association on which that
 *     is and with the one on which the activity began: what else has it goes,
 *     and a row keeps it. By the former, if nothing else was given that, the
 *     activity is found as by the name under which it began. The same holds
 *     where one was refused for now as nobody could tell what was known. Of a
 *     peer that gives more names by which no message comes than are remembered,
 *     nothing can be asked for by any name, from the commit in which one is not
 *     written until all of before are too old.
 * I8  What came in by RT-RECOVER instead of a bind transfers what the broken
 *     association left unfinished, and nothing else, in either direction (but
 *     where the peer's option says `full`). It writes nothing for what is not
 *     known, and the names that it gives are those of nothing else.
 * I9  Nobody waits for the store while the process serves: a commit ends when it
 *     ends. A frame whose meaning hangs on a batch that is not on disk (what an
 *     association did last, resumes and recoveries) is put aside, in bounds,
 *     till that has landed (aside.h); once the batch is stuck it is refused for
 *     now. What clients ask for shows what is on disk. Only a stop waits, for a
 *     moment, and then gives up what flies: none of that was confirmed.
 */
#ifndef MTA_MTA_PRIVATE_H
#define MTA_MTA_PRIVATE_H

#include <event2/event.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/burst.h"
#include "base/map.h"
#include "ipc/payload.h"
#include "mta/aside.h"
#include "mta/batch.h"
#include "mta/bytes.h"
#include "mta/counters.h"
#include "mta/destination.h"
#include "mta/link.h"
#include "mta/mta.h"
#include "mta/peer.h"
#include "mta/process.h"
#include "mta/schedule.h"
#include "mta/view.h"
#include "mts/process.h"
#include "store/store.h"

#define SECOND ((int64_t)1000000) /* of the clock's microseconds */

/* jump.c: how the expiry of units with these ids is to be read. */
struct expiry_shift {
    uint64_t from, below;
    int64_t us;
    int64_t at; /* when it jumped, by jump_steady */
};
#define SHIFTS_MOST 16

/* What a restart must know, in a record of its own, which goes with the next commit. */
struct note {
    bool unsaved;
    bool in_batch; /* and what is in the batch that flies is the last word */
};

struct mta {
    struct event_base *loop;
    struct view view; /* configuration, store, users, clients */
    struct process process;
    struct schedule schedule;
    const struct destination_operations *const *kinds; /* by enum destination_kind */
    struct destination **destinations;
    size_t destination_count;
    struct destination *marked_first, *marked_last;
    uint32_t *hop_destinations; /* a destination's number by the rules' hop number */
    bool *hop_down, *hop_disabled;
    size_t hop_count;
    struct net_process *nets;
    struct guesses *guesses; /* who binds wrongly */
    struct sealer *sealer;
    size_t kept_next;      /* the user whose mailbox kept_expire looked at last */
    struct client *backup; /* who makes one; NULL: nobody */
    uint64_t ping_number;  /* of the last ping */
    struct batch batch;    /* fills */
    struct batches batches;
    struct arena arena;   /* for the unit that is being worked on */
    struct buf head;      /* frame fields that are being put together */
    struct buf scratch;   /* rows and events that are being put together */
    struct buf prefix;    /* an APDU's octets before its content */
    struct map resumable; /* struct outbound_activity by work id */
    struct event *commit, *tick, *pace;
    struct adding *adding;              /* users_many.c: requests that are worked on in pieces */
    struct event *add_users;            /* there are some */
    struct event *pump;                 /* destinations are marked */
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
    struct note jump_note;  /* the clock jumped */
    struct log_causer lines; /* of the log, what neither a peer nor a user is known to have caused */
    struct burst put_off;    /* copies that can't be decided on: the lines about them */
    struct telling_store {
        bool told; /* the log says so, and not yet that it is over */
        struct burst told_of;
    } refusing, refusing_long; /* the store takes nothing; no content that is not short */
    int64_t paced_at;
    const struct peer *crowded; /* where what just came in has to queue; NULL: nowhere */
    struct association *delayed_first, *delayed_last; /* whose answers are delayed (pace.c) */
    char id_prefix[MTS_ID_PREFIX + 1];
    uint64_t id_next;
    int64_t unforgotten; /* when an outcome last could not be forgotten, by jump_steady; 0: never (I7) */
    struct note unforgotten_note;
    uint64_t named_in; /* the number of the batch that last said something of activities in */
    struct aside *asides, *asides_last; /* of the associations that have frames put aside; the oldest first */
    struct aside *aside_next;           /* the one that comes next in a walk through them */
    size_t aside_octets, aside_unbound; /* of all of them; of those that are binds */
    struct later_payer *later_payers;   /* of what clients and users asked for and waits (later.h) */
    size_t later_count, later_octets;   /* of it */
    int64_t later_used;                 /* µs: what who was served last had used */
    int64_t later_spent;                /* µs of this turn of the loop */
    struct event *later_next;           /* the next turn */
    bool peers_first;                   /* when a commit has landed, before what clients asked for */
    size_t hot_octets;                  /* held by work's bytes */
    unsigned associations_in;
    bool held;             /* some channels are not read, as the store takes no octets (link.h) */
    struct event *release; /* then: looks whether it does */
    struct event *lost;    /* channels ended, which lost_lines tell of (lost.h) */
    struct buf lost_lines;
    struct map associations;      /* by their numbers */
    struct map user_associations; /* by theirs, which are drawn from the same */
    struct map user_agents;       /* struct user_agent by the hash of the user's key (user_agent.c) */
    uint64_t association_number;  /* of the last that came */
    struct hashing *hashing;      /* compares users' passwords */
    uint64_t users_looked;        /* the version of the users when associations were last looked at */
    int64_t started;
    uint64_t counters[COUNTERS];
    struct map mailbox_use; /* quota.c: what a mailbox holds, by the store's key */
    struct map removals;    /* of entries, with this batch: by mailbox and sequence number; any value */
    struct map leaving_in; /* activities in that an open batch takes away, by the store's number; any value */
    struct map unread;     /* resumes that could not be read: how often each (receive_resume.c) */
    struct map notified;   /* entries whose notification is in an open batch: by the same; any value */
    struct map submission_use; /* octets in open submissions, by uid + 1 */
    struct unsaved {
        struct work *work; /* finished with the peer, the row's removal failed */
        uint64_t octets;   /* that it took */
        int64_t at;        /* when the peer confirmed it, in µs since 1970 */
    } * unsaved;
    size_t unsaved_count, unsaved_room;
    bool stopping;
    bool taken_over;       /* another process has the store, or this one not all of its work: it ends */
    int64_t claimed_at;    /* monotonic µs: when work was last claimed (store_claim) */
    int64_t stop_begun;    /* monotonic µs */
    bool stop_told;        /* all net processes have said what is under way */
    int64_t release_until; /* monotonic µs; 0 while transfers are under way */
    int64_t say_until;     /* the same: how long a stop answers what clients asked for; 0: it has not begun */
    int status;
};

#endif
