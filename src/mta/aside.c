#include "mta/aside.h"

#include "base/alloc.h"
#include "ipc/frame.h"
#include "mta/mta_private.h"
#include "mta/outcome.h"

/* Octets of one association, and of all together. A sender stops by itself when his checkpoints are not
 * confirmed; one without checkpoints is ended when the store is silent for long. A peer may have as much as
 * is still free for all: one alone gets half, the next half of what is left, and so on, so that none takes
 * what others need. */
#define ASIDE_MOST     ((size_t)2 << 20)
#define ASIDE_MOST_ALL ((size_t)64 << 20)

#define HEAD 6

struct aside *aside_find(const struct net_process *net, uint64_t ref) {
    return map_get(&net->asides, ref);
}

static struct aside *begin(struct net_process *net, uint64_t ref, struct peer *peer, uint64_t batch) {
    struct mta *mta = net->mta;
    struct aside *aside = mem_alloc(sizeof *aside);
    if (!aside || !map_put(&net->asides, ref, aside)) {
        mem_free(aside);
        return NULL;
    }
    *aside = (struct aside){.net = net,
                            .ref = ref,
                            .batch = batch,
                            .share = peer ? &peer->aside_octets : &mta->aside_unbound,
                            .prev = mta->asides_last};
    buf_init(&aside->frames, 0);
    *(aside->prev ? &aside->prev->next : &mta->asides) = aside;
    return mta->asides_last = aside;
}

/* One frame may be longer. */
static bool has_room(const struct mta *mta, const struct aside *aside, size_t octets) {
    return *aside->share + octets <= ASIDE_MOST_ALL - mta->aside_octets &&
           (!aside->frames.len || aside->frames.len + octets <= ASIDE_MOST);
}

static void count(struct aside *aside, size_t added, size_t gone) {
    struct mta *mta = aside->net->mta;
    mta->aside_octets += added - gone;
    *aside->share += added - gone;
}

bool aside_put(struct net_process *net, uint64_t ref, struct peer *peer, uint64_t batch, enum ipc_type type,
               struct span payload) {
    struct aside *found = aside_find(net, ref), *aside = found ? found : begin(net, ref, peer, batch);
    size_t octets = HEAD + payload.len;
    if (aside && ipc_frame_is_secret(type))
        aside->frames.secret = true;
    if (!aside || !has_room(net->mta, aside, octets) || !buf_reserve(&aside->frames, octets)) {
        aside_drop(aside);
        return false;
    }
    buf_append_u32(&aside->frames, (uint32_t)payload.len);
    buf_append_u16(&aside->frames, (uint16_t)type);
    buf_append_span(&aside->frames, payload);
    count(aside, octets, 0);
    return true;
}

bool aside_first(const struct aside *aside, enum ipc_type *type, struct span *payload) {
    struct reader r = reader_of(span_sub(buf_span(&aside->frames), aside->taken, SIZE_MAX));
    uint32_t length = reader_u32(&r);
    *type = (enum ipc_type)reader_u16(&r);
    *payload = reader_take(&r, length);
    return !r.failed;
}

void aside_take(struct aside *aside) {
    enum ipc_type type;
    struct span payload;
    if (aside_first(aside, &type, &payload))
        aside->taken += HEAD + payload.len;
    aside->waits_again = 0;
}

void aside_wait(struct aside *aside, uint64_t batch) {
    count(aside, 0, aside->taken);
    buf_consume(&aside->frames, aside->taken);
    aside->taken = 0;
    aside->batch = batch;
}

void aside_drop(struct aside *aside) {
    if (!aside)
        return;
    struct mta *mta = aside->net->mta;
    if (aside->taken < aside->frames.len)
        outcome_unforgotten(mta); /* an activity may have begun with what was not taken */
    count(aside, 0, aside->frames.len);
    map_remove(&aside->net->asides, aside->ref);
    *(aside->prev ? &aside->prev->next : &mta->asides) = aside->next;
    *(aside->next ? &aside->next->prev : &mta->asides_last) = aside->prev;
    if (mta->aside_next == aside)
        mta->aside_next = aside->next;
    buf_free(&aside->frames);
    mem_free(aside);
}
