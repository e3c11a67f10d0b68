/*
 * Repeat keys and activities: which are surely not there. Each transfer that
 * begins asks for both, and nearly each is a new one; to ask the server would
 * cost two round trips a message. A sieve of all that the table has and of all
 * that we write since is enough where we alone write. What a batch brings is put
 * in when it begins, and again when it is committed: a page that is read in
 * between does not show it, and the sieve that is being filled may be younger.
 *
 * Other nodes write too. Their activities are asked for as soon as one is there;
 * of their repeat keys the table tells when ours are added (Q_ADD_REPEATS fails).
 */
#include "base/clock.h"
#include "store/postgres/postgres_private.h"

/* Reading at the opening takes no longer, before the store serves; the rest follows bit by bit. */
#define AT_OPENING_US 500000
#define KNOWN_PAGE    5000

static uint64_t activity_hash(const struct pg_store *pg, struct span association, struct span activity) {
    return store_hash(&pg->head, association) * 31 + store_hash(&pg->head, activity);
}

bool pg_may_have_repeat(const struct pg_store *pg, const uint8_t key[static STORE_DIGEST]) {
    return sieve_may_have(&pg->repeats.sieve, repeat_short(key));
}

bool pg_may_have_activity(const struct pg_store *pg, struct span association, struct span activity) {
    return pg->others || sieve_may_have(&pg->activities.sieve, activity_hash(pg, association, activity));
}

bool pg_known_note(struct pg_store *pg, const struct store_batch *batch) {
    bool some = false;
    for (size_t i = 0; i < batch->count; i++) {
        const struct operation *operation = &batch->list[i];
        if (operation->type == ADD_REPEAT) {
            some = pg_may_have_repeat(pg, operation->repeat.digest) || some;
            sieve_put(&pg->repeats.sieve, repeat_short(operation->repeat.digest));
        } else if (operation->type == PUT_ACTIVITY_IN)
            sieve_put(&pg->activities.sieve, activity_hash(pg, operation->activity->public.association,
                                                           operation->activity->public.activity));
    }
    return some;
}

/* ---- filling ---- */

static bool begin(struct known *known, uint64_t keys) {
    known->after = 0;
    buf_clear(&known->after_key);
    return sieve_begin(&known->sieve, keys);
}

/* The rows that follow those of the last page. */
static PGresult *next_page(struct pg_store *pg, const struct known *known) {
    struct pg_parameters parameters = {0};
    struct error ignored = {0};
    bool repeats = known == &pg->repeats;
    if (repeats)
        pg_add_octets(&parameters, buf_span(&known->after_key));
    else
        pg_add_number(&parameters, known->after);
    pg_add_number(&parameters, KNOWN_PAGE);
    return pg_read(pg, repeats ? Q_PAGE_REPEATS : Q_PAGE_ACTIVITIES, &parameters, &ignored);
}

/* False: it must begin again, with more room. */
static bool take_row(struct pg_store *pg, struct known *known, const PGresult *rows, int row) {
    struct span key = pg_octets(rows, row, 0);
    if (known == &pg->repeats) {
        buf_clear(&known->after_key);
        return buf_append_span(&known->after_key, key) &&
               sieve_fill(&known->sieve, key.len == STORE_DIGEST ? repeat_short(key.data) : 0);
    }
    known->after = pg_number(rows, row, 2);
    return sieve_fill(&known->sieve, activity_hash(pg, key, pg_octets(rows, row, 1)));
}

/* True: there is more of the table. */
static bool fill_some(struct pg_store *pg, struct known *known) {
    struct sieve *sieve = &known->sieve;
    if (!sieve_is_filling(sieve) && (!sieve_wants(sieve) || !begin(known, sieve->whole.keys / 2)))
        return false;
    PGresult *rows = next_page(pg, known);
    int count = rows ? PQntuples(rows) : -1, row = 0;
    while (row < count && take_row(pg, known, rows, row))
        row++;
    PQclear(rows);
    if (count >= 0 && row < count)
        return begin(known, sieve->next.keys * 4);
    if (count >= 0 && count < KNOWN_PAGE)
        sieve_filled(sieve);
    return count == KNOWN_PAGE;
}

static void look_for_others(struct pg_store *pg) {
    struct pg_parameters parameters = {0};
    struct error ignored = {0};
    pg_add_number(&parameters, pg->node);
    PGresult *rows = pg_read(pg, Q_OTHER_NODES, &parameters, &ignored);
    if (rows)
        pg->others = PQntuples(rows) > 0;
    PQclear(rows);
}

bool pg_known_fill(struct pg_store *pg) {
    look_for_others(pg);
    bool more = fill_some(pg, &pg->repeats);
    return fill_some(pg, &pg->activities) || more;
}

void pg_known_open(struct pg_store *pg) {
    int64_t until = clock_monotonic_us() + AT_OPENING_US;
    while (pg_known_fill(pg) && clock_monotonic_us() < until) {
    }
}

void pg_known_free(struct pg_store *pg) {
    sieve_free(&pg->repeats.sieve);
    sieve_free(&pg->activities.sieve);
    buf_free(&pg->repeats.after_key);
    buf_free(&pg->activities.after_key);
}
