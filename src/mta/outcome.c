/*
 * Outcomes of transfers in: a sender that did not see our answer asks again by
 * a resume, in this association or another, and gets the same answer (I7). Kept
 * only for what had a checkpoint in the store: without one nothing is resumed.
 *
 * All of it hangs on names that the peer gives: the association's, and the
 * activity's in it. Where one is given twice nobody can tell which of two
 * transfers is asked for, and the octets or the answer of the wrong one would
 * confirm a message that never came. So nothing under such a name is gone on
 * from, and no answer is given again: the sender begins anew, and what had been
 * accepted is confirmed as a repeat (I5). A name is known to be given twice
 * since whatever had a checkpoint leaves a row by its name: of the activity,
 * or here.
 *
 * A resume gives the activity another identifier, in the association on which it
 * is resumed, and its sender may ask by that the next time: a row by that name
 * tells the one under which it began, by which all else is kept.
 */
#include "mta/outcome.h"

#include "base/clock.h"
#include "base/log.h"
#include "mta/inbound.h"
#include "mta/jump.h"
#include "mta/mta_private.h"

enum verdict {
    ACCEPTED = 1,
    REFUSED,
    RELEASED, /* of the association itself, as the next */
    SHARED,   /* its name, or that of an activity in it, was given twice */
    LOST,     /* no answer was given, and what was stored of it has gone */
    ALIAS     /* a resume gave this name: the row says under which the activity began */
};

static int64_t keep_us(const struct mta *mta) {
    return mta->view.config->limits.resume_seconds * SECOND;
}

void outcome_named(struct association *association) {
    struct mta *mta = association->net->mta;
    association->named_in = mta->named_in = mta->batch.number;
    batch_arm_later(mta);
}

/* Of one that was opened here the peer sends in two-way alternate. What a recovery without a bind calls
 * itself makes no bound one another's namesake (recovery.c). */
static bool is_called(const struct association *association, const struct peer *peer, struct span name) {
    return !association->recovers && association->peer == peer && span_eq(bytes_head(association->id), name);
}

/* An activity may end on another association than the one of its name: that has to know that the batch says
 * something of it. */
static void tell_namesakes(struct mta *mta, const struct peer *peer, struct span name) {
    struct association_walk walk = {mta->nets};
    for (struct association *other; (other = association_next(&walk));)
        if (is_called(other, peer, name)) {
            other->outcomes = true;
            other->named_in = mta->batch.number;
        }
}

/* Whatever is asked for by the association's name is not known, which goes with the batch. */
static bool share(struct association *association);

/* ---- how many ---- */

/* Kind of the records: the name is the peer's, the data its `names_until`, which goes with the names' batch:
 * a restart goes on counting. */
#define NAMES_OF_PEER (STORE_KIND_OTHER + 3)

static bool save_count(struct mta *mta, const struct peer *peer) {
    uint8_t octets[8];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)((uint64_t)peer->names_until >> (56 - 8 * i));
    return store_put_record(mta->batch.store, NAMES_OF_PEER, span_str(peer->name),
                            span_of(octets, sizeof octets));
}

static bool load_count(void *context, struct span name, struct span data) {
    struct peer *peer = peer_find(context, name);
    struct reader r = reader_of(data);
    if (peer)
        peer->names_until = (int64_t)reader_u64(&r);
    return true;
}

/* Each of them has its part of the time for which they are kept, and lends it back when that has passed.
 * False: `part` of them all are there already. */
static bool has_room(struct mta *mta, struct peer *peer, int64_t part, bool take) {
    int64_t most = mta->view.config->limits.names, keep = keep_us(mta), now = jump_steady(mta);
    if (!most)
        return true;
    int64_t taken = peer->names_until - (now - keep);
    taken = (taken < 0 ? 0 : taken) + keep / most;
    if (taken > keep / part)
        return false;
    if (!take)
        return true;
    peer->names_until = now - keep + taken;
    return save_count(mta, peer);
}

bool outcome_may_recover(struct association *association) {
    return has_room(association->net->mta, association->peer, 2, false);
}

static void log_void(struct peer *peer) {
    unsigned untold;
    if (burst_line(&peer->names_lines, BURST_MINUTE, clock_monotonic_us(), &untold))
        log_warning(
            "peer=%s gives more names to transfers that are not there, that it discards or that are "
            "refused than 'resumable-names' lets it: nothing of it is resumed for now, and begins anew",
            peer->name);
}

/* The row that stands for all that could not be written: nothing can be asked for by any name of the peer's.
 * No association has its name. */
static const struct store_outcome all_names = {.association = SPAN_LIT(""), .activity = SPAN_LIT("")};

/* A message that was accepted is more than a name; and what takes another's place adds nothing. */
static bool is_written_here(struct mta *mta, struct peer *peer, const struct store_outcome *outcome,
                            enum verdict verdict) {
    return verdict == ACCEPTED ||
           store_get_outcome(mta->view.store, outcome->association, outcome->activity, span_str(peer->name),
                             NULL, NULL) ||
           has_room(mta, peer, 1, true);
}

/* SHARED is kept for longer than what it makes void, which may have come at the same time; ALIAS than what
 * becomes of the activity (`original`: the names under which it began). */
static bool put(struct mta *mta, struct peer *peer, struct store_outcome outcome, struct span address,
                enum verdict verdict, const struct store_outcome *original) {
    int64_t now = jump_steady(mta);
    tell_namesakes(mta, peer, outcome.association);
    if (!is_written_here(mta, peer, &outcome, verdict)) {
        log_void(peer);
        outcome = all_names;
        verdict = SHARED;
        original = NULL;
    }
    buf_clear(&mta->scratch);
    bool done = buf_append_byte(&mta->scratch, (uint8_t)verdict) &&
                payload_put_octets(&mta->scratch, address) && buf_append_u64(&mta->scratch, (uint64_t)now);
    if (original)
        done = done && payload_put_octets(&mta->scratch, original->association) &&
               payload_put_octets(&mta->scratch, original->activity);
    outcome.peer = span_str(peer->name);
    outcome.expiry = now + keep_us(mta) * (verdict == SHARED || verdict == ALIAS ? 2 : 1);
    outcome.data = buf_span(&mta->scratch);
    return done && store_put_outcome(mta->batch.store, &outcome);
}

static bool put_here(struct association *association, struct span name, struct span activity,
                     enum verdict verdict) {
    bool done = put(association->net->mta, association->peer,
                    (struct store_outcome){.association = name, .activity = activity},
                    bytes_rest(association->id), verdict, NULL);
    outcome_named(association);
    return done;
}

bool outcome_note(struct association *association, bool accepted) {
    struct inbound *inbound = association->inbound;
    struct span name = bytes_head(inbound->names), activity = bytes_rest(inbound->names);
    bool done = inbound_remove(association->net->mta, inbound) &&
                put_here(association, name, activity, accepted ? ACCEPTED : REFUSED);
    batch_arm(association->net->mta);
    return done;
}

/* So many names on one association by which nothing came; then it is one whose name says nothing, so that no
 * more have to be remembered. */
#define EMPTY_NAMES_MOST 256

static bool names_nothing(struct association *association) {
    struct peer *peer = association->peer;
    unsigned untold;
    if (association->shares_id || ++association->empty_names <= EMPTY_NAMES_MOST)
        return true;
    if (burst_line(&peer->names_lines, BURST_MINUTE, clock_monotonic_us(), &untold))
        log_notice("peer=%s resumes what is not there, or discards, again and again on one association: what "
                   "breaks there is not resumed, and begins anew",
                   peer->name);
    association->shares_id = true;
    return share(association);
}

bool outcome_is_not_there(struct association *association, struct error *err) {
    return association->recovers || names_nothing(association) ||
           error_set(err, STORE_NO_MEMORY, "no memory");
}

static bool lose(struct mta *mta, struct peer *peer, const struct inbound *inbound,
                 struct store_outcome names, struct span address) {
    struct batch_mark mark = batch_mark(mta);
    bool done = put(mta, peer, names, address, LOST, NULL) && inbound_remove(mta, inbound);
    if (!done)
        batch_undo(mta, mark);
    return done;
}

bool outcome_lost(struct mta *mta, struct peer *peer, const struct store_activity_in *activity,
                  struct span address) {
    const struct inbound inbound = {.stored = activity->id, .spool = inbound_spool(activity->state)};
    return lose(mta, peer, &inbound,
                (struct store_outcome){.association = activity->association, .activity = activity->activity},
                address);
}

bool outcome_discarded(struct association *association, const struct inbound *inbound) {
    struct mta *mta = association->net->mta;
    bool done = lose(mta, association->peer, inbound,
                     (struct store_outcome){.association = bytes_head(inbound->names),
                                            .activity = bytes_rest(inbound->names)},
                     bytes_rest(association->id));
    outcome_named(association);
    batch_arm(mta);
    return done && names_nothing(association);
}

/* An outcome of before one that could not be forgotten may be that one: it is none. Its sender begins anew,
 * which I5 confirms. */
static enum verdict verdict_of(const struct mta *mta, const struct buf *data) {
    struct reader r = reader_of(buf_span(data));
    enum verdict verdict = (enum verdict)reader_u8(&r);
    payload_octets(&r); /* outcome_address */
    int64_t at = reader_left(&r) ? (int64_t)reader_u64(&r) : 0;
    return verdict != SHARED && mta->unforgotten && at <= mta->unforgotten ? (enum verdict)0 : verdict;
}

/* 0: there is none. False: that can't be told now. */
static bool find(struct mta *mta, struct span name, struct span activity, struct span peer,
                 enum verdict *verdict, struct error *err) {
    struct error inner = {0};
    struct buf data;
    buf_init(&data, 0);
    bool found = store_get_outcome(mta->view.store, name, activity, peer, &data, &inner);
    *verdict = found ? verdict_of(mta, &data) : (enum verdict)0;
    buf_free(&data);
    return found || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
}

bool outcome_of(struct association *association, struct span name, struct span activity,
                enum ipc_resume *answer, struct error *err) {
    enum verdict verdict;
    if (!find(association->net->mta, name, activity, span_str(association->peer->name), &verdict, err))
        return false;
    *answer = verdict == ACCEPTED  ? IPC_RESUME_COMPLETED
              : verdict == REFUSED ? IPC_RESUME_REFUSED
                                   : IPC_RESUME_UNKNOWN_ACTIVITY;
    return true;
}

/* The names behind what verdict_of reads. */
static struct bytes *original_of(const struct buf *data) {
    struct reader r = reader_of(buf_span(data));
    reader_u8(&r);
    payload_octets(&r); /* outcome_address */
    reader_u64(&r);
    struct span association = payload_octets(&r), activity = payload_octets(&r);
    return bytes_new(association, activity);
}

bool outcome_find_original(struct association *association, struct span name, struct span activity,
                           struct bytes **original, struct error *err) {
    struct mta *mta = association->net->mta;
    struct error inner = {0};
    struct buf data;
    buf_init(&data, 0);
    *original = NULL;
    bool found =
        store_get_outcome(mta->view.store, name, activity, span_str(association->peer->name), &data, &inner);
    bool told = found || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
    if (found && verdict_of(mta, &data) == ALIAS && !(*original = original_of(&data)))
        told = error_set(err, STORE_NO_MEMORY, "no memory");
    buf_free(&data);
    return told;
}

/* Or that of all names is. */
static bool find_shared(struct mta *mta, struct span name, struct span peer, bool *shared,
                        struct error *err) {
    enum verdict verdict = 0;
    bool told = find(mta, all_names.association, all_names.activity, peer, &verdict, err) &&
                (verdict == SHARED || find(mta, name, SPAN_LIT(""), peer, &verdict, err));
    *shared = verdict == SHARED;
    return told;
}

bool outcome_is_shared(struct association *association, struct span name, bool *shared, struct error *err) {
    *shared = association->shares_id && span_eq(name, bytes_head(association->id));
    return *shared ||
           find_shared(association->net->mta, name, span_str(association->peer->name), shared, err);
}

/* ---- names that are given again ---- */

struct unfinished {
    struct span peer;
    bool found;
};

static bool is_of_peer(void *context, const struct store_activity_in *activity) {
    struct unfinished *unfinished = context;
    unfinished->found = span_eq(activity->peer, unfinished->peer);
    return !unfinished->found;
}

static bool find_unfinished(const struct mta *mta, const struct peer *peer, struct span name, bool *found,
                            struct error *err) {
    struct unfinished unfinished = {.peer = span_str(peer->name)};
    bool told = store_each_activity_of(mta->view.store, name, is_of_peer, &unfinished, err);
    *found = unfinished.found;
    return told;
}

bool outcome_was_named(const struct mta *mta, const struct peer *peer, struct span name, bool *was,
                       struct error *err) {
    bool unfinished, over = false;
    bool told = find_unfinished(mta, peer, name, &unfinished, err) &&
                store_has_outcome(mta->view.store, name, span_str(peer->name), &over, err);
    *was = unfinished || over;
    return told;
}

/* An association of the same name was there before: some MTAs make it of the host's name and the time. */
static bool look(struct association *association, struct error *err) {
    bool was = false;
    association->looked =
        outcome_was_named(association->net->mta, association->peer, bytes_head(association->id), &was, err);
    association->shares_id = association->shares_id || was;
    return association->looked;
}

static void note_namesakes(struct association *association) {
    struct span name = bytes_head(association->id);
    struct association_walk walk = {association->net->mta->nets};
    for (struct association *other; (other = association_next(&walk));)
        if (other != association && is_called(other, association->peer, name))
            other->shares_id = association->shares_id = true;
}

static void is_written(struct mta *mta, const struct effect *effect) {
    (void)mta;
    (void)effect;
}

/* The association ends, so that its activity does not go on beside what is kept of the former one. */
static void is_not_written(struct mta *mta, const struct effect *effect) {
    struct association *association = association_numbered(mta, effect->association);
    outcome_unforgotten(mta);
    if (association)
        association_end(association, IPC_CLOSE_ABORTED, batch_cause(mta));
}

static const struct effect_kind sharing = {is_written, is_not_written};

void outcome_unforgotten(struct mta *mta) {
    mta->unforgotten = jump_steady(mta);
    mta->unforgotten_note = (struct note){.unsaved = true};
}

uint64_t outcome_awaits(const struct net_process *net, uint64_t ref, struct span payload) {
    const struct association *association = association_find(net, ref);
    uint64_t batch = association ? association->named_in : 0;
    (void)payload;
    return batch_is_open(net->mta, batch) && !batch_is_stuck(net->mta) ? batch : 0;
}

uint64_t outcome_awaits_any(const struct net_process *net, uint64_t ref, struct span payload) {
    uint64_t batch = net->mta->named_in;
    (void)ref, (void)payload;
    return batch_is_open(net->mta, batch) && !batch_is_stuck(net->mta) ? batch : 0;
}

bool outcome_is_unknown(const struct mta *mta) {
    return batch_is_open(mta, mta->named_in) && batch_is_stuck(mta);
}

static bool is_remembered(struct association *association, struct span activity, bool *remembered,
                          struct error *err) {
    struct store *store = association->net->mta->view.store;
    struct span name = bytes_head(association->id), peer = span_str(association->peer->name);
    struct store_activity_in former;
    if (!activity.len)
        return true;
    *remembered = store_find_activity_in(store, peer, name, activity, &former, err) ||
                  (err->code == STORE_NOT_FOUND && association->outcomes &&
                   store_get_outcome(store, name, activity, peer, NULL, err));
    return *remembered || err->code == STORE_NOT_FOUND;
}

/* False: that can't be told now. */
static bool judge_name(struct association *association, struct span activity, struct error *err) {
    const struct mta *mta = association->net->mta;
    if (batch_is_open(mta, association->named_in))
        return error_set(err, STORE_IO, "%s", batch_cause(mta));
    if (!association->looked && !look(association, err))
        return false;
    return association->shares_id || is_remembered(association, activity, &association->shares_id, err);
}

static void log_shared(const struct association *association) {
    struct peer *peer = association->peer;
    unsigned untold;
    if (burst_line(&peer->shared_lines, BURST_MINUTE, clock_monotonic_us(), &untold))
        log_notice(
            "peer=%s gives one name to several associations, or to several activities of one: what breaks "
            "there is not resumed, and begins anew, large transfers too",
            peer->name);
}

/* It is written before anything by the name is confirmed; and again, before it is too old. */
static bool share(struct association *association) {
    struct mta *mta = association->net->mta;
    int64_t now = jump_steady(mta);
    if (association->shared_at && now - association->shared_at < keep_us(mta) / 4)
        return true;
    if (association->empty_names <= EMPTY_NAMES_MOST)
        log_shared(association);
    struct effect effect = {.kind = &sharing, .association = association->number};
    if (!put_here(association, bytes_head(association->id), SPAN_LIT(""), SHARED) ||
        !batch_effect_later(mta, effect))
        return false;
    association->shared_at = now;
    return true;
}

void outcome_look(struct association *association) {
    struct mta *mta = association->net->mta;
    association->looked = association->recovers != NULL; /* recovery_peer has, and it begins nothing */
    if (association->looked)
        return;
    note_namesakes(association);
    if (batch_is_open(mta, mta->named_in)) /* it may say something of the name */
        association->named_in = mta->named_in;
    else
        look(association, NULL);
    if (association->shares_id)
        share(association); /* or with what it begins next */
}

bool outcome_begins(struct association *association, struct span activity, struct error *err) {
    struct mta *mta = association->net->mta;
    bool told = association->shares_id || judge_name(association, activity, err);
    if (told && association->shares_id && batch_is_full(mta)) /* and nobody waits any more */
        told = error_set(err, STORE_IO, "%s", batch_cause(mta));
    if (told && association->shares_id && !share(association))
        told = error_set(err, STORE_NO_MEMORY, "no memory");
    if (!told)
        outcome_unforgotten(mta);
    return told;
}

bool outcome_resumes(struct association *association, struct error *err) {
    if (association->recovers)
        return true;
    if (!association->looked && !look(association, err))
        return false;
    return !association->shares_id || share(association) || error_set(err, STORE_NO_MEMORY, "no memory");
}

bool outcome_knows(struct association *association, struct span name, struct span activity, bool *known,
                   struct error *err) {
    struct store *store = association->net->mta->view.store;
    struct span peer = span_str(association->peer->name);
    struct store_activity_in unfinished;
    struct error inner = {0};
    *known = store_find_activity_in(store, peer, name, activity, &unfinished, &inner) ||
             (inner.code == STORE_NOT_FOUND && store_get_outcome(store, name, activity, peer, NULL, &inner));
    return *known || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
}

bool outcome_is_called(const struct mta *mta, const struct peer *peer, struct span name) {
    struct association_walk walk = {mta->nets};
    for (const struct association *other; (other = association_next(&walk));)
        if (is_called(other, peer, name))
            return true;
    return false;
}

/* One that has the name, and nothing on disk yet, leaves nothing there either. True: there is one. */
static bool note_unstored_owner(struct association *association, const struct store_outcome *name) {
    bool noted = false;
    struct association_walk walk = {association->net->mta->nets};
    for (struct association *other; (other = association_next(&walk));)
        if (other != association && other->inbound && other->peer == association->peer &&
            span_eq(bytes_head(other->inbound->names), name->association) &&
            span_eq(bytes_rest(other->inbound->names), name->activity))
            other->shares_id = noted = true;
    return noted;
}

bool outcome_put_alias(struct association *association, const struct store_outcome *name,
                       const struct store_outcome *original) {
    struct mta *mta = association->net->mta;
    struct effect effect = {.kind = &sharing, .association = association->number};
    bool given = note_unstored_owner(association, name) || !original;
    bool done = put(mta, association->peer, *name, bytes_rest(association->id), given ? LOST : ALIAS,
                    given ? NULL : original);
    outcome_named(association);
    return done && batch_effect_later(mta, effect);
}

bool outcome_is_kept(struct association *association, bool *kept) {
    *kept = !association->shares_id && bytes_rest(association->inbound->names).len;
    return !association->shares_id || share(association);
}

static const struct span record_name = SPAN_LIT("outcomes-void-until");

bool outcome_save(struct mta *mta) {
    uint8_t octets[8];
    for (size_t i = 0; i < sizeof octets; i++)
        octets[i] = (uint8_t)((uint64_t)mta->unforgotten >> (56 - 8 * i));
    return store_put_record(mta->batch.store, STORE_SETTING, record_name, span_of(octets, sizeof octets));
}

bool outcome_load(struct mta *mta, struct error *err) {
    struct error inner = {0};
    struct buf record;
    buf_init(&record, 64);
    if (store_get_record(mta->view.store, STORE_SETTING, record_name, &record, &inner)) {
        struct reader r = reader_of(buf_span(&record));
        mta->unforgotten = (int64_t)reader_u64(&r);
    }
    buf_free(&record);
    return (!inner.code || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text)) &&
           store_each_record(mta->view.store, NAMES_OF_PEER, load_count, mta, err);
}

/* ---- associations that ended in good order ---- */

void outcome_released(struct association *association) {
    bool unfinished;
    struct span name = bytes_head(association->id);
    if (association->shares_id || !association->looked) /* what is known of the name stays known */
        return;
    if (!find_unfinished(association->net->mta, association->peer, name, &unfinished, NULL) || unfinished)
        put_here(association, name, SPAN_LIT(""), RELEASED);
}

/* ---- recovery ---- */

bool outcome_is_released(struct mta *mta, struct span association, struct span peer, bool *released,
                         struct error *err) {
    struct error inner = {0};
    *released =
        store_get_outcome(mta->view.store, all_names.association, all_names.activity, peer, NULL, &inner) ||
        (inner.code == STORE_NOT_FOUND &&
         store_get_outcome(mta->view.store, association, SPAN_LIT(""), peer, NULL, &inner));
    return *released || inner.code == STORE_NOT_FOUND || error_set(err, inner.code, "%s", inner.text);
}

struct span outcome_address(const struct store_outcome *outcome) {
    struct reader r = reader_of(outcome->data);
    reader_u8(&r);
    return payload_octets(&r);
}
