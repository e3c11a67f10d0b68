#include "mta/later.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/mta_private.h"

/* Octets of all that waits, less what objects hold, of what waits of one payer, with that, and of what waits
 * of the local socket's clients, less that (quota.h bounds it): what is above is refused. Users' associations
 * each have a small part of theirs open (protocol/p3.c), and the process of the clients lets each user have.
 */
#define LATER_MOST            ((size_t)64 << 20)
#define LATER_MOST_BY         ((size_t)16 << 20)
#define LATER_MOST_OF_CLIENTS ((size_t)4 << 20)

/* What users ask for takes so long in a turn of the loop, or one thing takes what it takes. µs */
#define TURN_MOST 5000

struct later {
    struct later *next;
    void *owner;
    const struct later_kind *kind;
    uint64_t ref;
    void *object;
    size_t octets; /* the object's */
    struct bytes *payload;
};

/* He is kept while he is ahead of those who wait: who asks for one thing at a time has no turn more. */
struct later_payer {
    struct later_payer *next;
    uint64_t number;
    int64_t used; /* µs, beginning at those of whoever was served when he came */
    size_t octets;
    struct later *first, *last;
};

static size_t octets_of(const struct later *later) {
    return sizeof *later + sizeof *later->payload + later->payload->length;
}

bool later_waits(const struct mta *mta) {
    return mta->later_count > 0;
}

/* Nothing overtakes what waits. */
bool later_awaits(const struct mta *mta) {
    return later_waits(mta) || batch_awaited(mta, false);
}

/* ---- who pays ---- */

static struct later_payer *payer_of(struct mta *mta, uint64_t number) {
    struct later_payer *payer = mta->later_payers;
    while (payer && payer->number != number)
        payer = payer->next;
    if (payer || !(payer = mem_alloc(sizeof *payer)))
        return payer;
    *payer = (struct later_payer){.next = mta->later_payers, .number = number, .used = mta->later_used};
    mta->later_payers = payer;
    return payer;
}

static void forget_idle(struct mta *mta) {
    for (struct later_payer **at = &mta->later_payers, *payer; (payer = *at);) {
        if (payer->first || (later_waits(mta) && payer->used > mta->later_used)) {
            at = &payer->next;
            continue;
        }
        *at = payer->next;
        mem_free(payer);
    }
}

/* Who has used least, of those who wait. */
static struct later_payer *next_payer(const struct mta *mta) {
    struct later_payer *least = NULL;
    for (struct later_payer *payer = mta->later_payers; payer; payer = payer->next)
        if (payer->first && (!least || payer->used < least->used))
            least = payer;
    return least;
}

/* ---- what waits ---- */

static bool put(struct mta *mta, struct later_payer *payer, const struct later_asked *asked, size_t most) {
    struct later *later = mem_alloc(sizeof *later);
    struct bytes *copy = later ? bytes_new((struct span){NULL, 0}, asked->payload) : NULL;
    if (!copy) {
        mem_free(later);
        return false;
    }
    *later = (struct later){.owner = asked->owner,
                            .kind = asked->kind,
                            .ref = asked->ref,
                            .object = asked->object,
                            .octets = asked->octets,
                            .payload = copy};
    size_t octets = octets_of(later);
    if (octets > LATER_MOST - mta->later_octets || octets + later->octets > most - payer->octets) {
        bytes_drop(copy);
        mem_free(later);
        return false;
    }
    mta->later_octets += octets;
    mta->later_count++;
    payer->octets += octets + later->octets;
    *(payer->last ? &payer->last->next : &payer->first) = later;
    payer->last = later;
    return true;
}

static bool wait_for(struct mta *mta, uint64_t number, const struct later_asked *asked, size_t most) {
    struct later_payer *payer = payer_of(mta, number);
    bool waits = payer && put(mta, payer, asked, most);
    if (payer && !waits)
        forget_idle(mta);
    return waits;
}

bool later_put(struct mta *mta, void *owner, const struct later_kind *kind, uint64_t ref, struct span payload,
               void *object) {
    struct later_asked asked = {
        .owner = owner, .kind = kind, .ref = ref, .payload = payload, .object = object};
    /* The process of the clients gives them their turns. */
    return wait_for(mta, (uintptr_t)mta, &asked, LATER_MOST_OF_CLIENTS);
}

static void forget(struct later *later) {
    struct span payload = bytes_rest(later->payload);
    if (later->kind->secret && payload.len)
        explicit_bzero((uint8_t *)(uintptr_t)payload.data, payload.len);
    bytes_drop(later->payload);
    mem_free(later);
}

static void drop(struct mta *mta, struct later *later) {
    if (later->kind->drop)
        later->kind->drop(mta, later->object);
    forget(later);
}

/* Takes what is at `at` out of the payer's. */
static struct later *take_out(struct mta *mta, struct later_payer *payer, struct later **at,
                              struct later *before) {
    struct later *later = *at;
    *at = later->next;
    if (payer->last == later)
        payer->last = before;
    payer->octets -= octets_of(later) + later->octets;
    mta->later_octets -= octets_of(later);
    mta->later_count--;
    return later;
}

/* ---- turns ---- */

/* A stop has nobody to wait for, and no turns. */
static bool has_had_its_time(const struct mta *mta) {
    return mta->later_spent >= TURN_MOST && !mta->stopping;
}

/* The time that it takes is the loop's. */
static int64_t run(struct mta *mta, const struct later_kind *kind, void *owner, uint64_t ref,
                   struct span payload, void *object) {
    static const struct timeval at_once = {0};
    int64_t begun = clock_monotonic_us();
    kind->run(owner, ref, payload, object);
    int64_t took = clock_monotonic_us() - begun;
    mta->later_spent += took;
    if (has_had_its_time(mta))
        event_add(mta->later_next, &at_once);
    return took;
}

bool later_do(struct mta *mta, uint64_t payer, const struct later_asked *asked) {
    if (later_awaits(mta) || has_had_its_time(mta))
        return wait_for(mta, payer, asked, LATER_MOST_BY);
    run(mta, asked->kind, asked->owner, asked->ref, asked->payload, asked->object);
    return true;
}

/* What it runs may have others leave: the payer, who has nothing waiting any more, stays. */
static void serve(struct mta *mta, struct later_payer *payer) {
    struct later *later = take_out(mta, payer, &payer->first, NULL);
    mta->later_used = payer->used;
    batch_request(mta);
    payer->used += run(mta, later->kind, later->owner, later->ref, bytes_rest(later->payload), later->object);
    forget(later);
}

void later_go_on(struct mta *mta) {
    while (later_waits(mta) && !has_had_its_time(mta) && !batch_awaited(mta, true))
        serve(mta, next_payer(mta));
    forget_idle(mta);
}

void later_turn(struct mta *mta) {
    mta->later_spent = 0;
    later_go_on(mta);
}

/* ---- ends ---- */

void later_leave(struct mta *mta, const void *owner) {
    for (struct later_payer *payer = mta->later_payers; payer; payer = payer->next) {
        struct later *before = NULL;
        for (struct later **at = &payer->first, *later; (later = *at);) {
            if (later->owner == owner) {
                drop(mta, take_out(mta, payer, at, before));
                continue;
            }
            before = later;
            at = &later->next;
        }
    }
}

void later_refuse(struct mta *mta) {
    for (struct later_payer *payer; (payer = next_payer(mta));) {
        struct later *later = take_out(mta, payer, &payer->first, NULL);
        later->kind->refuse(later->owner, later->ref);
        drop(mta, later);
    }
    forget_idle(mta);
}
