#include "mta/later.h"

#include "base/alloc.h"
#include "mta/mta_private.h"

/* Octets of all that waits, less what objects hold, which has bounds of its own (quota.h). The process of the
 * clients lets each user have a small part of it open. */
#define LATER_MOST ((size_t)4 << 20)

struct later {
    struct later *next;
    void *owner;
    const struct later_kind *kind;
    uint64_t ref;
    void *object;
    struct bytes *payload;
};

static size_t octets_of(const struct later *later) {
    return sizeof *later + sizeof *later->payload + later->payload->length;
}

/* Nothing overtakes what waits. */
bool later_awaits(const struct mta *mta) {
    return mta->later_first || batch_awaited(mta, false);
}

bool later_put(struct mta *mta, void *owner, const struct later_kind *kind, uint64_t ref, struct span payload,
               void *object) {
    struct later *later = mem_alloc(sizeof *later);
    struct bytes *copy = later ? bytes_new((struct span){NULL, 0}, payload) : NULL;
    if (!copy) {
        mem_free(later);
        return false;
    }
    *later = (struct later){.owner = owner, .kind = kind, .ref = ref, .object = object, .payload = copy};
    if (octets_of(later) > LATER_MOST - mta->later_octets) {
        bytes_drop(copy);
        mem_free(later);
        return false;
    }
    mta->later_octets += octets_of(later);
    *(mta->later_last ? &mta->later_last->next : &mta->later_first) = later;
    mta->later_last = later;
    return true;
}

static void forget(struct mta *mta, struct later *later) {
    struct span payload = bytes_rest(later->payload);
    mta->later_octets -= octets_of(later);
    if (later->kind->secret && payload.len)
        explicit_bzero((uint8_t *)(uintptr_t)payload.data, payload.len);
    bytes_drop(later->payload);
    mem_free(later);
}

static void drop(struct mta *mta, struct later *later) {
    if (later->kind->drop)
        later->kind->drop(mta, later->object);
    forget(mta, later);
}

static struct later *take_first(struct mta *mta) {
    struct later *later = mta->later_first;
    mta->later_first = later->next;
    if (!later->next)
        mta->later_last = NULL;
    return later;
}

void later_go_on(struct mta *mta) {
    while (mta->later_first && !batch_awaited(mta, true)) {
        struct later *later = take_first(mta);
        batch_request(mta);
        later->kind->run(later->owner, later->ref, bytes_rest(later->payload), later->object);
        forget(mta, later);
    }
}

void later_leave(struct mta *mta, const void *owner) {
    struct later *last = NULL;
    for (struct later **at = &mta->later_first, *later; (later = *at);) {
        if (later->owner != owner) {
            last = later;
            at = &later->next;
            continue;
        }
        *at = later->next;
        drop(mta, later);
    }
    mta->later_last = last;
}

void later_refuse(struct mta *mta) {
    while (mta->later_first) {
        struct later *later = take_first(mta);
        later->kind->refuse(later->owner, later->ref);
        drop(mta, later);
    }
}
