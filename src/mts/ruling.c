/* The growing lists of one call's result. */
#include "mts/mts_private.h"

void ruling_begin(struct ruling *ruling, struct mts_run *run, struct mts_decisions *out) {
    *out = (struct mts_decisions){.result = MTS_DECIDED};
    *ruling = (struct ruling){.run = run, .arena = run->arena, .tables = run->tables, .out = out};
    ruling->last = &ruling->first;
    arena_init(&ruling->scratch, run->arena->cap);
}

/* Needs come before everything else: with one open, nothing that was decided counts. */
void ruling_end(struct ruling *ruling) {
    struct mts_decisions *out = ruling->out;
    arena_free(&ruling->scratch);
    if (ruling->no_memory)
        out->result = ruling->no_record ? MTS_NO_RECORD : MTS_NO_MEMORY;
    else if (out->need_count)
        out->result = MTS_NEEDS;
    if (out->result == MTS_DECIDED)
        return;
    out->object_count = 0;
    out->event_count = 0;
}

/* Room for one more item: doubles whenever the count is a power of two. NULL (and the ruling fails) without
 * memory. */
void *ruling_grow(struct ruling *ruling, void *items, size_t count, size_t size) {
    if (count && (count & (count - 1)))
        return items;
    void *more = arena_array(ruling->arena, count ? 2 * count : 1, size);
    if (!more)
        ruling->no_memory = true;
    else if (count)
        memcpy(more, items, count * size);
    return more;
}

struct mts_event *ruling_event(struct ruling *ruling, enum mts_event_kind kind, struct span identifier) {
    struct mts_decisions *out = ruling->out;
    struct mts_event *events = ruling_grow(ruling, out->events, out->event_count, sizeof *events);
    /* A line to write to, so that callers need not check: the ruling has failed as a whole. */
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
                                .time = ruling->run->now};
    return event;
}

struct mts_object *ruling_object(struct ruling *ruling) {
    struct mts_decisions *out = ruling->out;
    struct mts_object *object = ruling_grow(ruling, out->objects, out->object_count, sizeof *object);
    if (!object)
        return NULL;
    out->objects = object;
    object[out->object_count] = (struct mts_object){0};
    return &object[out->object_count++];
}

void ruling_need(struct ruling *ruling, struct span directory_name) {
    struct mts_decisions *out = ruling->out;
    struct mts_need *needs = ruling_grow(ruling, out->needs, out->need_count, sizeof *needs);
    if (!needs)
        return;
    out->needs = needs;
    needs[out->need_count++].directory_name = directory_name;
}

void ruling_undecided(struct ruling *ruling, struct branch *branch, size_t position, size_t count) {
    struct undecided *top = count ? arena_alloc(ruling->arena, sizeof *top) : NULL;
    if (top) {
        *top = (struct undecided){branch, position, position + count, ruling->undecided};
        ruling->undecided = top;
    } else if (count)
        ruling->no_memory = true;
}

bool ruling_next_undecided(struct ruling *ruling, struct branch **branch, size_t *position) {
    struct undecided *top = ruling->undecided;
    if (!top || ruling->no_memory)
        return false;
    *branch = top->branch;
    *position = top->next++;
    if (top->next == top->end)
        ruling->undecided = top->below;
    return true;
}

/* A new MTS-identifier: `PREFIX.NUMBER` in base 36. Nine digits last for 3,000 years at 1,000 a second. */
struct span ruling_identifier(struct ruling *ruling, struct x411_MTSIdentifier *identifier) {
    char digits[16];
    size_t at = sizeof digits;
    uint64_t number = ruling->run->id_next++;
    do
        digits[--at] = "0123456789abcdefghijklmnopqrstuvwxyz"[number % 36];
    while (number /= 36);
    const char *local = arena_printf(ruling->arena, "%.*s.%.*s", MTS_ID_PREFIX, ruling->run->id_prefix,
                                     (int)(sizeof digits - at), digits + at);
    if (!local)
        ruling->no_memory = true;
    *identifier = (struct x411_MTSIdentifier){.global_domain_identifier = ruling->tables->domain,
                                              .local_identifier = span_str(local ? local : "")};
    struct span text = identifier_text(ruling->arena, identifier);
    if (!text.data)
        ruling->no_memory = true;
    return text;
}

struct span ruling_address(struct ruling *ruling, const struct x411_ORName *name) {
    struct span text = address_text(ruling->arena, name);
    if (!text.data)
        ruling->no_memory = true;
    return text;
}
