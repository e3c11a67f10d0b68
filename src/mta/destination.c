#include "mta/destination.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/mta_private.h"

static const struct destination_operations *operations(const struct mta *mta,
                                                       const struct destination *destination) {
    return mta->kinds[destination->kind];
}

/* ---- which there are ---- */

bool destination_add(struct mta *mta, struct destination *destination, struct span name) {
    size_t count = mta->destination_count;
    struct destination **grown = mem_resize(mta->destinations, (count + 1) * sizeof(struct destination *));
    if (!grown)
        return false;
    mta->destinations = grown;
    char *copy = mem_alloc(name.len + 1);
    uint32_t key = name.len ? store_next_hop(mta->view.store, name, NULL) : 0;
    if (!copy || (name.len && !key) || !schedule_grow(&mta->schedule, count + 1)) {
        mem_free(copy);
        return false;
    }
    if (name.len)
        memcpy(copy, name.data, name.len);
    destination->name = copy;
    destination->key = key;
    destination->number = (uint32_t)count;
    mta->destinations[mta->destination_count++] = destination;
    return true;
}

void destinations_free(struct mta *mta) {
    for (size_t i = 0; i < mta->destination_count; i++) {
        struct destination *destination = mta->destinations[i];
        mem_free(destination->name);
        operations(mta, destination)->release(mta, destination);
    }
    mem_free(mta->destinations);
    mta->destinations = NULL;
    mta->destination_count = 0;
}

struct destination *destination_at(const struct mta *mta, uint32_t number) {
    return mta->destinations[number];
}

struct destination *destination_find(const struct mta *mta, struct span name) {
    for (size_t i = 0; i < mta->destination_count; i++)
        if (span_eq(span_str(mta->destinations[i]->name), name))
            return mta->destinations[i];
    return NULL;
}

struct destination *destination_of_kind(const struct mta *mta, enum destination_kind kind) {
    for (size_t i = 0; i < mta->destination_count; i++)
        if (mta->destinations[i]->kind == kind)
            return mta->destinations[i];
    return NULL;
}

/* ---- marks ---- */

static void add_mark(struct mta *mta, struct destination *destination) {
    destination->marked = true;
    destination->next_marked = NULL;
    *(mta->marked_last ? &mta->marked_last->next_marked : &mta->marked_first) = destination;
    mta->marked_last = destination;
}

void destination_mark(struct mta *mta, struct destination *destination) {
    if (!destination->marked)
        add_mark(mta, destination);
    event_active(mta->pump, EV_TIMEOUT, 0);
}

/* What is marked meanwhile is for the next time; while the batch is full, for when the one that flies has
 * landed. */
void destinations_pump(struct mta *mta) {
    static const struct timeval soon = {.tv_usec = 1000};
    if (batch_is_full(mta))
        return;
    struct destination *destination = mta->marked_first, *next;
    mta->marked_first = mta->marked_last = NULL;
    for (; destination; destination = next) {
        next = destination->next_marked;
        destination->marked = false;
        if (!operations(mta, destination)->pump(mta, destination))
            continue;
        if (!destination->marked)
            add_mark(mta, destination);
        event_add(mta->more, &soon); /* by a timer: the peers' frames come in between */
    }
}

void destinations_on_mark(evutil_socket_t fd, short what, void *arg) {
    (void)fd;
    (void)what;
    destinations_pump(arg);
}

void destinations_tick(struct mta *mta) {
    int64_t now = clock_monotonic_us();
    for (size_t i = 0; i < mta->destination_count; i++) {
        struct destination *destination = mta->destinations[i];
        if (operations(mta, destination)->tick)
            operations(mta, destination)->tick(mta, destination, now);
        if (mta->schedule.queues[i].ready)
            destination_mark(mta, destination);
    }
}

/* ---- operations ---- */

bool destination_waits(const struct mta *mta, const struct destination *destination) {
    const struct destination_operations *kind = operations(mta, destination);
    return kind->waits && kind->waits(destination);
}

int64_t destination_next_try(const struct mta *mta, const struct destination *destination) {
    const struct destination_operations *kind = operations(mta, destination);
    return kind->next_try ? kind->next_try(destination) : 0;
}

const char *destination_blocked(const struct mta *mta, const struct destination *destination) {
    const struct destination_operations *kind = operations(mta, destination);
    return kind->blocked ? kind->blocked(destination) : NULL;
}

const char *destination_trouble(const struct mta *mta, const struct destination *destination) {
    const struct destination_operations *kind = operations(mta, destination);
    return kind->trouble ? kind->trouble(destination) : NULL;
}

bool destination_is_gone(const struct mta *mta, const struct destination *destination) {
    const struct destination_operations *kind = operations(mta, destination);
    return kind->is_gone && kind->is_gone(destination);
}

void destination_try_now(struct mta *mta, struct destination *destination, uint64_t work) {
    const struct destination_operations *kind = operations(mta, destination);
    if (kind->try_now)
        kind->try_now(mta, destination, work);
    destination_mark(mta, destination);
}

const char *destination_fixed(const struct mta *mta, const struct destination *destination) {
    return operations(mta, destination)->fixed;
}

void destinations_show(struct mta *mta, json_t *status) {
    for (size_t i = 0; i < mta->destination_count; i++)
        if (operations(mta, mta->destinations[i])->show)
            operations(mta, mta->destinations[i])->show(mta, mta->destinations[i], status);
}
