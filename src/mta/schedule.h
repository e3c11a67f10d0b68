/*
 * The scheduler: every copy that has still to leave, in memory, by destination,
 * priority lane and time. It is rebuilt from the store's work rows at the
 * start; the hot path never asks the store what to do next.
 *
 * Operations cost O(1), but for timers: O(log n).
 */
#ifndef MTA_SCHEDULE_H
#define MTA_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* In the order in which they leave. Reports travel in the urgent lane (X.411 gives them no priority). */
enum work_lane { LANE_URGENT, LANE_NORMAL, LANE_NON_URGENT, LANES };

enum work_state {
    WORK_READY,   /* in its destination's lane */
    WORK_WAITING, /* until `due`: deferred delivery or a retry */
    WORK_HELD,    /* by an operator: neither due nor expiring */
    WORK_SENDING, /* given to an association */
    WORK_STATES
};

/* How a unit counts: each in one way, from which waiting.h has the state that people see. */
enum work_count {
    COUNTED_READY,
    COUNTED_DEFERRED, /* it waits, and has not been tried */
    COUNTED_RETRIED,  /* it waits, after a try */
    COUNTED_BARRED,   /* schedule_bar */
    COUNTED_HELD,
    COUNTED_SENDING,
    COUNTED_IN_DOUBT, /* whatever else it is, but held */
    WORK_COUNTS
};

struct bytes;

struct work {
    uint64_t id;      /* the store's */
    uint64_t message; /* the store's */
    int64_t due;      /* µs since 1970 */
    int64_t expires;  /* µs since 1970, INT64_MAX: never */
    int64_t latest;   /* µs since 1970: it expires then too; no jump of the clock moves it; 0: never */
    struct work *next, *prev;   /* in the lane */
    struct work *older, *newer; /* of all that have its destination, in the order of their ids */
    struct work *same;          /* in the table by id */
    struct work *alike;         /* in the table by message */
    struct bytes *bytes;        /* what will be sent, when it is still in memory */
    int64_t first_abort;        /* monotonic µs: when the first of `aborts` came */
    char *cause;                /* why the last try failed; NULL: not known (schedule_cause) */
    uint32_t destination;
    uint32_t timer; /* place in the timers, 0: none */
    uint16_t tries;
    uint8_t lane;
    uint8_t state;
    uint8_t aborts;      /* tries in a row that ended by an abort, the peer's or one that it caused */
    bool in_doubt;       /* may have arrived: recipients and route are frozen */
    bool doubt_recorded; /* its history on disk says so */
    bool marked;         /* its row says so: the mark of I3 */
    bool lost;           /* its content is (STORE_LOST_HOP): it is to be reported */
    bool no_alternative; /* no other next hop was known when its peer was last found down */
    bool begun;   /* octets of it may have left since the start, and it is not known that it did not arrive */
    bool damaged; /* its row is: nothing is known of it but the id (message: 0) */
    bool committed;  /* its row is on disk */
    uint8_t counted; /* enum work_count: kept as it changes */
    bool recalled;   /* its history was asked for the cause, since that was last set */
    bool taken;      /* its user has confirmed the delivery: that is to be written */
    bool barred;     /* it waits, as its user's delivery controls do not let it through */
};

struct lane {
    struct work *first, *last;
};

/* What waits for one destination, and how much of it in which state: kept as units come, change and go, so
 * that nobody has to walk through the units to know. */
struct queue {
    struct lane lanes[LANES];
    struct work *oldest, *newest;
    size_t ready; /* in the lanes */
    size_t counted[WORK_COUNTS];
    size_t count, in_doubt;
};

struct timer {
    int64_t when;
    struct work *work;
};

struct schedule {
    struct queue *queues; /* by the destination's number */
    size_t queue_count;
    struct work **table;
    struct work **messages; /* as many buckets */
    size_t buckets;
    struct timer *timers; /* a heap; place 0 is unused */
    size_t timer_count, timer_room;
    struct work *spare;
    struct work_slab *slabs;
    size_t count;
    size_t in_doubt;
    size_t barred;
};

bool schedule_init(struct schedule *schedule, size_t destinations);
void schedule_free(struct schedule *schedule);

/* Makes room for so many destinations; those that are there keep their numbers. */
bool schedule_grow(struct schedule *schedule, size_t destinations);

/* When the unit's time is over: the earlier of `expires` and `latest`. */
int64_t schedule_expiry(const struct work *work);

/* Its span of time is over then. */
void schedule_expires(struct schedule *schedule, struct work *work, int64_t expires);

/* Adds a copy of `*work` (its links are set here) in the state that it names. NULL without memory. */
struct work *schedule_add(struct schedule *schedule, const struct work *work);

/* Takes the unit out and frees it with its cause. The caller has let go of `bytes`. */
void schedule_remove(struct schedule *schedule, struct work *work);

struct work *schedule_find(const struct schedule *schedule, uint64_t id);

/* The first unit of a message, and the next one after `work`; NULL: there is none. In no order. */
struct work *schedule_of_message(const struct schedule *schedule, uint64_t message);
struct work *schedule_next_of_message(const struct work *work);

/* The next one to leave for the destination, or NULL: highest lane
 * first, oldest first. It stays where it is. */
struct work *schedule_first(const struct schedule *schedule, uint32_t destination);

/* Moves the unit to a state; WORK_WAITING until `due`. `front` puts a ready one before its lane's others (a
 * repeat). */
void schedule_set(struct schedule *schedule, struct work *work, enum work_state state, int64_t due,
                  bool front);

/* The unit waits, to `due` at the longest, as delivery controls do not let it through: until it is moved to a
 * state. */
void schedule_bar(struct schedule *schedule, struct work *work, int64_t due);

/* Keeps why the unit's last try failed; without memory that is not known. */
void schedule_cause(struct work *work, const char *cause);

void schedule_doubt(struct schedule *schedule, struct work *work, bool in_doubt);

/* When the next timer fires (INT64_MAX: none), and a unit whose time has come at `now` (NULL: none): due, or
 * expired. It stays in its state without a timer until `schedule_set` or `schedule_remove`. */
int64_t schedule_wake(const struct schedule *schedule);
struct work *schedule_due(struct schedule *schedule, int64_t now);

/* The clock jumped by `us`: all that expires does so by so much later, and so do retries; deferred delivery
 * and latest delivery keep their time of day. */
void schedule_shift(struct schedule *schedule, int64_t us);

/* Calls for each unit, in no order, until `visit` returns false. It may not add or remove units. */
void schedule_each(const struct schedule *schedule, bool (*visit)(void *context, struct work *work),
                   void *context);
/* The same for those of one destination, the oldest first. */
void schedule_each_of(const struct schedule *schedule, uint32_t destination,
                      bool (*visit)(void *context, struct work *work), void *context);

#endif
