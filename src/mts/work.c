/* The growing lists of one call's result. */
#include "mts/mts_private.h"

void work_begin(struct work *work, struct mts_run *run, struct mts_decisions *out) {
    *out = (struct mts_decisions){.result = MTS_DECIDED};
    *work = (struct work){.run = run, .arena = run->arena, .tables = run->tables, .out = out};
    work->last = &work->first;
    arena_init(&work->scratch, run->arena->cap);
}

/* Needs come before everything else: with one open, nothing that was decided counts. */
void work_end(struct work *work) {
    struct mts_decisions *out = work->out;
    arena_free(&work->scratch);
    if (work->no_memory)
        out->result = work->no_record ? MTS_NO_RECORD : MTS_NO_MEMORY;
    else if (out->need_count)
        out->result = MTS_NEEDS;
    if (out->result == MTS_DECIDED)
        return;
    out->held_count = 0;
    out->event_count = 0;
}

/* Room for one more item: doubles whenever the count is a power of two. NULL (and the work fails) without
 * memory. */
void *work_grow(struct work *work, void *items, size_t count, size_t size) {
    if (count && (count & (count - 1)))
        return items;
    void *more = arena_array(work->arena, count ? 2 * count : 1, size);
    if (!more)
        work->no_memory = true;
    else if (count)
        memcpy(more, items, count * size);
    return more;
}

struct mts_event *work_event(struct work *work, enum mts_event_kind kind, struct span identifier) {
    struct mts_decisions *out = work->out;
    struct mts_event *events = work_grow(work, out->events, out->event_count, sizeof *events);
    /* A line to write to, so that callers need not check: the work has failed as a whole. */
    static _Thread_local struct mts_event nowhere;
    struct mts_event *event = &nowhere;
    if (events) {
        out->events = events;
        event = &events[out->event_count++];
    }
    *event = (struct mts_event){.kind = kind,
                                .identifier = identifier,
                                .recipient = -1,
                                .hop = -1,
                                .reason = -1,
                                .diagnostic = -1,
                                .time = work->run->now};
    return event;
}

struct mts_held *work_held(struct work *work) {
    struct mts_decisions *out = work->out;
    struct mts_held *held = work_grow(work, out->held, out->held_count, sizeof *held);
    if (!held)
        return NULL;
    out->held = held;
    held[out->held_count] = (struct mts_held){0};
    return &held[out->held_count++];
}

void work_need(struct work *work, struct span directory_name) {
    struct mts_decisions *out = work->out;
    struct mts_need *needs = work_grow(work, out->needs, out->need_count, sizeof *needs);
    if (!needs)
        return;
    out->needs = needs;
    needs[out->need_count++].directory_name = directory_name;
}

void work_undecided(struct work *work, struct batch *batch, size_t position, size_t count) {
    struct undecided *top = count ? arena_alloc(work->arena, sizeof *top) : NULL;
    if (top) {
        *top = (struct undecided){batch, position, position + count, work->undecided};
        work->undecided = top;
    } else if (count)
        work->no_memory = true;
}

bool work_next_undecided(struct work *work, struct batch **batch, size_t *position) {
    struct undecided *top = work->undecided;
    if (!top || work->no_memory)
        return false;
    *batch = top->batch;
    *position = top->next++;
    if (top->next == top->end)
        work->undecided = top->below;
    return true;
}

/* A new MTS-identifier: `PREFIX.NUMBER` in base 36. Nine digits last for 3,000 years at 1,000 a second. */
struct span work_identifier(struct work *work, struct x411_MTSIdentifier *identifier) {
    char digits[16];
    size_t at = sizeof digits;
    uint64_t number = work->run->id_next++;
    do
        digits[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    while (number /= 36);
    const char *local = arena_printf(work->arena, "%.*s.%.*s", MTS_ID_PREFIX, work->run->id_prefix,
                                     (int)(sizeof digits - at), digits + at);
    if (!local)
        work->no_memory = true;
    *identifier = (struct x411_MTSIdentifier){.global_domain_identifier = work->tables->domain,
                                              .local_identifier = span_str(local ? local : "")};
    struct span text = identifier_text(work->arena, identifier);
    if (!text.data)
        work->no_memory = true;
    return text;
}

struct span work_address(struct work *work, const struct x411_ORName *name) {
    struct span text = address_text(work->arena, name);
    if (!text.data)
        work->no_memory = true;
    return text;
}
