/*
 * `mhs store move`: all of a store into a new one, of whatever engine. A walk puts
 * all into the new one, another one reads that again, and the sums of both are
 * compared (walk_private.h).
 *
 * NEVER TWO. A mark (a record of kind STORE_MOVE) says which store is the one. The
 * new one has "filling" before anything else, "filled" when all of it is on disk
 * and compared; then the old one gets "moved", and only then the new one's mark
 * goes. A store with a mark is refused (STORE_MOVED). So between any two steps at
 * most one of them is served, and each begins with the token of its move, by which
 * the same call again knows that only the last step is left. Whoever takes the old
 * one back has the new one say "moved" first, where that is to be had.
 */
#include <openssl/rand.h>
#include <stdio.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "store/check.h"
#include "store/mark_private.h"
#include "store/move.h"
#include "store/place.h"
#include "store/walk_private.h"

#define LOCKED_MOST_US 2000000

/* ---- the two stores ---- */

struct move {
    const char *from, *to;
    bool replace;
    struct store *old, *fresh;
    struct mark mark; /* as both have it, but for the state and the other's place */
    char *from_shown, *to_shown;
    store_move_cb *progress;
    void *context;
    struct store_moved *moved;
};

static const struct store_options writer = {.moved = true}, maker = {.moved = true, .create = true};

/* A session that ended just now, ours or a killed one's, may have its lock for a moment. */
static struct store *open_soon(const char *place, const struct store_options *options, struct error *err) {
    static const struct timespec moment = {.tv_nsec = 20000000};
    int64_t end = clock_monotonic_us() + LOCKED_MOST_US;
    struct store *store;
    do {
        *err = (struct error){0};
        store = store_open(place, options, err);
    } while (!store && err->code == STORE_LOCKED && clock_monotonic_us() < end &&
             nanosleep(&moment, NULL) == 0);
    return store;
}

static bool mark(struct move *move, struct store *store, enum mark_state state, struct error *err) {
    move->mark.state = state;
    snprintf(move->mark.other, sizeof move->mark.other, "%s",
             store == move->old ? move->to_shown : move->from_shown);
    return mark_write(store, &move->mark, err);
}

/* Anything that a daemon or a user put there. */
static bool is_empty(struct store *store, bool *empty, struct error *err) {
    struct walk walk = {.store = store, .one_is_enough = true};
    bool done = walk_store(&walk, err);
    *empty = done;
    for (size_t i = 0; i < SECTIONS; i++)
        *empty = *empty && !walk.tallies[i].count;
    return done;
}

/* Who opens a store to write brings it to our schema, and the program that made it knows it no more. What is
 * not moved yet, or not to be replaced, is to stay its: false where it is of an older one. */
static bool is_of_our_schema(const char *place, struct error *err) {
    static const struct store_options reader = {.read_only = true, .moved = true};
    struct error inner = {0};
    struct store *store = store_open(place, &reader, &inner);
    store_close(store);
    return store || inner.code != STORE_VERSION || error_set(err, inner.code, "%s", inner.text);
}

/* There is a store at `to`: may it go? */
static bool may_replace(struct move *move, struct error *err) {
    struct mark mark;
    bool empty = false;
    if (!move->replace && !is_of_our_schema(move->to, err))
        return error_append(err, "; it is looked at, and removed if it was moved away, with --replace");
    struct store *store = open_soon(move->to, &writer, err);
    bool done = store && mark_read(store, &mark, err) && (mark.state || is_empty(store, &empty, err));
    store_close(store);
    if (!done)
        return false;
    if (mark.state == MOVED && !move->replace)
        return error_set(err, STORE_IN_USE,
                         "%s: there is a store that was moved to %s; with --replace it is removed",
                         move->to_shown, mark.other);
    return mark.state || empty ||
           error_set(err, STORE_IN_USE, "%s: there is a store, and not an empty one: name an empty place",
                     move->to_shown);
}

static bool make_room(struct move *move, struct error *err) {
    struct error there = {0};
    if (store_is_there(move->to, &there))
        return may_replace(move, err) && home_of(move->to)->remove(move->to, err);
    return there.code == STORE_NOT_FOUND || error_set(err, there.code, "%s", there.text);
}

static void ignore_finding(void *context, const struct store_finding *finding) {
    (void)context, (void)finding;
}

static bool is_sound(const char *place, const char *shown, struct error *err) {
    uint64_t findings = 0;
    if (!store_check(place, true, ignore_finding, NULL, &findings, err))
        return false;
    return !findings ||
           error_set(
               err, STORE_CORRUPT,
               "%s: %llu findings: 'mhs store check' names them, 'mhs store repair' puts right what can be",
               shown, (unsigned long long)findings);
}

static bool open_fresh(struct move *move, struct error *err) {
    if (RAND_bytes(move->mark.token, TOKEN) != 1)
        return error_set(err, STORE_IO, "no random octets to be had");
    move->fresh = open_soon(move->to, &maker, err);
    return move->fresh && mark(move, move->fresh, FILLING, err) &&
           move->fresh->engine->more_ids(move->fresh, move->old->next_id, err);
}

/* ---- the move ---- */

static bool fill(struct move *move, struct walk *old, struct error *err) {
    old->batch = store_batch_new(move->fresh);
    bool done = old->batch ? walk_store(old, err) : store_no_memory(move->fresh, err);
    store_batch_free(old->batch);
    old->batch = NULL;
    return done;
}

static const char *const section_names[SECTIONS] = {
    [RECORDS] = "records",   [MAILBOXES] = "mailboxes", [MESSAGES] = "messages",
    [COPIES] = "copies",     [ENTRIES] = "entries",     [ACTIVITIES] = "unfinished transfers",
    [OUTCOMES] = "outcomes", [REPEATS] = "repeat keys", [EVENTS] = "events",
};

static bool is_same(const struct move *move, const struct walk *old, const struct walk *fresh,
                    struct error *err) {
    for (size_t i = 0; i < SECTIONS; i++)
        if (memcmp(&fresh->tallies[i], &old->tallies[i], sizeof fresh->tallies[i]) != 0)
            return error_set(err, STORE_CORRUPT, "%s has %llu %s, %s has %llu, or they are not the same",
                             move->to_shown, (unsigned long long)fresh->tallies[i].count, section_names[i],
                             move->from_shown, (unsigned long long)old->tallies[i].count);
    return true;
}

/* What is on disk: with another handle than that which wrote. */
static bool compare(struct move *move, const struct walk *old, struct error *err) {
    store_close(move->fresh);
    move->fresh = open_soon(move->to, &writer, err);
    struct walk fresh = {.store = move->fresh,
                         .progress = move->progress,
                         .context = move->context,
                         .what = "compared",
                         .total = old->octets};
    return move->fresh && is_sound(move->to, move->to_shown, err) && walk_store(&fresh, err) &&
           is_same(move, old, &fresh, err);
}

static void tell(const struct walk *old, struct store_moved *moved) {
    const struct tally *tallies = old->tallies;
    *moved = (struct store_moved){.records = tallies[RECORDS].count,
                                  .mailboxes = tallies[MAILBOXES].count,
                                  .messages = tallies[MESSAGES].count,
                                  .copies = tallies[COPIES].count,
                                  .entries = tallies[ENTRIES].count,
                                  .activities = tallies[ACTIVITIES].count,
                                  .outcomes = tallies[OUTCOMES].count,
                                  .repeats = tallies[REPEATS].count,
                                  .events = tallies[EVENTS].count,
                                  .octets = old->octets};
}

static bool copy(struct move *move, struct error *err) {
    struct walk old = {
        .store = move->old, .progress = move->progress, .context = move->context, .what = "copied"};
    bool done = fill(move, &old, err) && compare(move, &old, err);
    tell(&old, move->moved);
    return done;
}

/* NEVER TWO: in this order. */
static bool end(struct move *move, struct error *err) {
    const struct store_home *home = home_of(move->to);
    return (!home->hand_over || home->hand_over(move->to, err)) && mark(move, move->fresh, FILLED, err) &&
           mark(move, move->old, MOVED, err) && mark(move, move->fresh, NO_MARK, err);
}

/* `from` was moved: here, by a move that was broken off before its last step? */
static bool end_what_is_left(struct move *move, const struct mark *moved, struct error *err) {
    struct error there = {0};
    struct mark fresh = {NO_MARK};
    move->fresh = open_soon(move->to, &writer, &there);
    if (!move->fresh || !mark_read(move->fresh, &fresh, &there) || fresh.state != FILLED ||
        memcmp(fresh.token, moved->token, TOKEN) != 0)
        return mark_refuses(move->from_shown, moved, err);
    return mark(move, move->fresh, NO_MARK, err);
}

static bool run(struct move *move, struct error *err) {
    struct mark state;
    if (!is_of_our_schema(move->from, err))
        return false;
    move->old = open_soon(move->from, &writer, err);
    if (!move->old || !mark_read(move->old, &state, err))
        return false;
    if (state.state == MOVED)
        return end_what_is_left(move, &state, err);
    if (state.state)
        return mark_refuses(move->from_shown, &state, err);
    return is_sound(move->from, move->from_shown, err) && make_room(move, err) && open_fresh(move, err) &&
           copy(move, err) && end(move, err);
}

bool store_move(const char *from, const char *to, bool replace, store_move_cb *progress, void *context,
                struct store_moved *moved, struct error *err) {
    struct move move = {.from = from,
                        .to = to,
                        .replace = replace,
                        .from_shown = store_full_place(from),
                        .to_shown = store_full_place(to),
                        .progress = progress,
                        .context = context,
                        .moved = moved};
    *moved = (struct store_moved){0};
    bool done =
        move.from_shown && move.to_shown ? run(&move, err) : error_set(err, STORE_NO_MEMORY, "out of memory");
    store_close(move.fresh);
    store_close(move.old);
    mem_free(move.from_shown);
    mem_free(move.to_shown);
    return done;
}

/* ---- and back without what lies there ---- */

/* What was there is lost for certain: its server answers and has no such store. A folder that is not there
 * may be on a disk that did not come up. */
static bool is_gone(const struct move *move, const struct error *there) {
    return there->code == STORE_NOT_FOUND && !store_is_folder(move->to);
}

/* Where it can't be looked at, and so can't be told that it is the store no more. */
static bool goes_without(const struct move *move, bool force, const struct error *there, struct error *err) {
    if (there->code == STORE_LOCKED || there->code == STORE_VERSION || there->code == STORE_NO_MEMORY)
        return error_set(err, there->code, "%s", there->text);
    return force || is_gone(move, there) ||
           error_set(err, STORE_IN_USE,
                     "what is at %s can't be looked at, and may come back, which would make two of one: %s; "
                     "see whether its disk is mounted or its server runs; if it is lost for good, --force",
                     move->to_shown, there->text);
}

/* The new store is there: it is marked before the old one's mark goes. */
static bool give_up_new(struct move *move, bool force, const struct mark *moved, struct error *err) {
    struct mark fresh;
    if (!mark_read(move->fresh, &fresh, err))
        return false;
    bool same = memcmp(fresh.token, moved->token, TOKEN) == 0;
    if (fresh.state == MOVED && same)
        return true; /* one that was broken off before its last step */
    if (fresh.state == MOVED)
        return error_set(err, STORE_IN_USE, "%s was moved on to %s: take that one back from there first",
                         move->to_shown, fresh.other);
    if (fresh.state && same && !force)
        return error_set(err, STORE_IN_USE,
                         "all is at %s but for the last step of the move: the same without --take-back does "
                         "that",
                         move->to_shown);
    move->mark = *moved;
    return force
               ? mark(move, move->fresh, MOVED, err)
               : error_set(err, STORE_IN_USE,
                           "the store at %s is there: 'mhs store move --replace' of it to here brings all of "
                           "it back; with --force this one is the store as it was when it was moved, and "
                           "what came since stays there",
                           move->to_shown);
}

static bool take_back(struct move *move, bool force, struct store_taken_back *taken, struct error *err) {
    struct mark moved;
    move->old = open_soon(move->from, &writer, err);
    if (!move->old || !mark_read(move->old, &moved, err))
        return false;
    if (moved.state != MOVED)
        return moved.state ? mark_refuses(move->from_shown, &moved, err)
                           : error_set(err, STORE_BAD_REQUEST,
                                       "%s: this store was not moved away: it can be served as it is",
                                       move->from_shown);
    if (strcmp(moved.other, move->to_shown) != 0)
        return error_set(err, STORE_BAD_REQUEST, "%s was moved to %s, not to %s: name that one",
                         move->from_shown, moved.other, move->to_shown);
    move->fresh = open_soon(move->to, &writer, &taken->unmarked);
    taken->marked = move->fresh != NULL;
    return (move->fresh ? give_up_new(move, force, &moved, err)
                        : goes_without(move, force, &taken->unmarked, err)) &&
           mark_write(move->old, &(struct mark){NO_MARK}, err);
}

bool store_take_back(const char *from, const char *to, bool force, struct store_taken_back *taken,
                     struct error *err) {
    struct move move = {
        .from = from, .to = to, .from_shown = store_full_place(from), .to_shown = store_full_place(to)};
    *taken = (struct store_taken_back){0};
    bool done = move.from_shown && move.to_shown ? take_back(&move, force, taken, err)
                                                 : error_set(err, STORE_NO_MEMORY, "out of memory");
    store_close(move.fresh);
    store_close(move.old);
    mem_free(move.from_shown);
    mem_free(move.to_shown);
    return done;
}
