/*
 * What mailboxes and submissions may take of the disk, so that nobody fills it
 * for the others. What a mailbox holds is counted from its rows at the first
 * look and kept up with the batches; what a uid has in open submissions is
 * counted as it comes: contents against the disk, envelopes against the memory.
 */
#include "mta/quota.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

/* A report says what became of something that its user sent: a full mailbox takes as much again of those, in
 * this part of its quota. */
#define REPORT_PART 10

struct mailbox_use {
    uint64_t octets;
    struct burst turned_away; /* log lines about that: they come no faster for one mailbox */
};

/* ---- mailboxes ---- */

static bool add_octets(void *context, const struct store_entry *entry) {
    *(uint64_t *)context += entry->octets;
    return true;
}

static struct mailbox_use *use_of(struct mta *mta, uint32_t mailbox) {
    struct mailbox_use *use = map_get(&mta->mailbox_use, mailbox);
    if (use || !mailbox || !(use = mem_alloc(sizeof *use)))
        return use;
    *use = (struct mailbox_use){0};
    if (store_each_entry(mta->view.store, mailbox, 0, 0, add_octets, &use->octets, NULL) &&
        map_put(&mta->mailbox_use, mailbox, use))
        return use;
    mem_free(use);
    return NULL;
}

void quota_turned_away(struct mta *mta, struct span name) {
    struct mailbox_use *use = use_of(mta, store_mailbox(mta->view.store, name, NULL));
    unsigned untold;
    if (!use || !burst_line(&use->turned_away, BURST_MINUTE, clock_monotonic_us(), &untold))
        return;
    log_warning(
        "the mailbox %.*s is full: it holds %llu of %llu octets; %u were not delivered to it since the "
        "last such line",
        (int)name.len, (const char *)name.data, (unsigned long long)use->octets,
        (unsigned long long)mta->view.config->limits.mailbox_octets, untold + 1);
}

bool quota_has_room(struct mta *mta, struct span mailbox, uint64_t octets, bool report) {
    uint64_t most = mta->view.config->limits.mailbox_octets;
    struct mailbox_use *use = most ? use_of(mta, store_mailbox(mta->view.store, mailbox, NULL)) : NULL;
    if (!use) /* no quota; or its use can't be told, which is no reason to return mail */
        return true;
    if (report)
        most += most / REPORT_PART;
    if (use->octets <= most && octets <= most - use->octets)
        return true;
    return false;
}

void quota_tell_full(struct mta *mta, uint32_t mailbox, const char *name) {
    uint64_t most = mta->view.config->limits.mailbox_octets;
    const struct mailbox_use *use = most ? use_of(mta, mailbox) : NULL;
    if (use && use->octets > most)
        log_warning("the mailbox %s holds %llu octets, above its %llu: what comes for it is not delivered; "
                    "raise 'mailbox-octets', or let its user delete",
                    name, (unsigned long long)use->octets, (unsigned long long)most);
}

static void stays(struct mta *mta, const struct effect *effect) {
    (void)mta;
    (void)effect;
}

static void take_back(struct mta *mta, const struct effect *effect) {
    struct mailbox_use *use = map_get(&mta->mailbox_use, effect->number);
    if (use)
        use->octets -= effect->octets < use->octets ? effect->octets : use->octets;
}

static const struct effect_kind addition = {stays, take_back};

bool quota_add(struct mta *mta, uint32_t mailbox, uint64_t octets) {
    struct mailbox_use *use = map_get(&mta->mailbox_use, mailbox);
    if (!use)
        return true;
    if (!batch_effect(mta, (struct effect){.kind = &addition, .number = mailbox, .octets = octets}))
        return false;
    use->octets += octets;
    return true;
}

static uint64_t entry_key(const struct effect *effect) {
    return (uint64_t)effect->number << 32 | effect->ref;
}

static void is_removed(struct mta *mta, const struct effect *effect) {
    map_remove(&mta->removals, entry_key(effect));
    take_back(mta, effect);
}

static void is_not_removed(struct mta *mta, const struct effect *effect) {
    map_remove(&mta->removals, entry_key(effect));
}

static const struct effect_kind removal = {is_removed, is_not_removed};

bool quota_remove(struct mta *mta, uint32_t mailbox, uint64_t sequence, uint64_t octets) {
    struct effect effect = {.kind = &removal, .number = mailbox, .ref = sequence, .octets = octets};
    if (map_get(&mta->removals, entry_key(&effect)))
        return true; /* two clients delete one entry with the same commit */
    if (!map_put(&mta->removals, entry_key(&effect), mta))
        return false;
    if (batch_effect(mta, effect))
        return true;
    map_remove(&mta->removals, entry_key(&effect));
    return false;
}

static void forget(struct mta *mta, const struct effect *effect) {
    struct mailbox_use *use = map_get(&mta->mailbox_use, effect->number);
    map_remove(&mta->mailbox_use, effect->number);
    mem_free(use);
}

static const struct effect_kind forgetting = {forget, stays};

bool quota_forget(struct mta *mta, uint32_t mailbox) {
    return batch_effect(mta, (struct effect){.kind = &forgetting, .number = mailbox});
}

/* ---- submissions ---- */

/* Most submissions that one payer has open, on all its connections, and most octets of their envelopes, which
 * wait in memory until the end of the submission. */
#define OPEN_MOST      64
#define ENVELOPES_MOST ((uint64_t)16 << 20)

struct submission_use {
    uint64_t octets; /* of contents */
    uint64_t envelopes;
    unsigned open;
};

static struct submission_use *submissions_of(struct mta *mta, uint64_t payer) {
    struct submission_use *use = map_get(&mta->submission_use, payer + 1);
    if (use || !(use = mem_alloc(sizeof *use)))
        return use;
    *use = (struct submission_use){0};
    if (map_put(&mta->submission_use, payer + 1, use))
        return use;
    mem_free(use);
    return NULL;
}

const char *quota_begin(struct mta *mta, uint64_t payer, uint64_t envelope) {
    struct submission_use *use = submissions_of(mta, payer);
    if (!use)
        return "no memory";
    if (use->open >= OPEN_MOST)
        return "your user has 64 submissions open: end one first";
    if (envelope > ENVELOPES_MOST - use->envelopes)
        return "the envelopes of your user's open submissions have 16 MiB, the most that is held in memory: "
               "end "
               "one first";
    use->open++;
    use->envelopes += envelope;
    return NULL;
}

bool quota_submit(struct mta *mta, uint64_t payer, uint64_t octets) {
    uint64_t most = mta->view.config->limits.submission_octets;
    struct submission_use *use = submissions_of(mta, payer);
    if (!use || (most && (use->octets > most || octets > most - use->octets)))
        return false;
    use->octets += octets;
    return true;
}

static void forget_unused(struct mta *mta, uint64_t payer, struct submission_use *use) {
    if (use->open || use->octets)
        return;
    map_remove(&mta->submission_use, payer + 1);
    mem_free(use);
}

void quota_end(struct mta *mta, uint64_t payer, uint64_t envelope) {
    struct submission_use *use = map_get(&mta->submission_use, payer + 1);
    if (!use)
        return;
    use->envelopes -= envelope;
    use->open--;
    forget_unused(mta, payer, use);
}

void quota_submitted(struct mta *mta, uint64_t payer, uint64_t octets) {
    struct submission_use *use = map_get(&mta->submission_use, payer + 1);
    if (!use)
        return;
    use->octets -= octets;
    forget_unused(mta, payer, use);
}

static void free_map(struct map *map) {
    for (size_t i = 0; i < map->room; i++)
        mem_free(map->slots[i].value);
    map_free(map);
}

void quota_free(struct mta *mta) {
    free_map(&mta->mailbox_use);
    free_map(&mta->submission_use);
    map_free(&mta->removals);
}
