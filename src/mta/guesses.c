#include "mta/guesses.h"

#include <openssl/rand.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/host.h"
#include "base/log.h"

#define MINUTE ((int64_t)60 * 1000000)
#define SETS   256
#define WAYS   4

/* Wrong binds in a minute. */
enum { MOST_OF_NAME = 10, MOST_OF_NETWORK = 30, MOST_OF_SITE = 100 };

struct entry {
    uint64_t key; /* 0: free */
    uint64_t name_hash;
    int64_t since;
    unsigned wrong, untold;
    bool by_name, user;
    char network[HOST_TEXT_SIZE];
    char name[LOG_TEXT_SIZE];
    char *last;                         /* who it was, as far as that shows, and the cause; or NULL */
    uint64_t told[GUESSES_CAUSES_MOST]; /* causes that have had their line */
    unsigned told_count;
};

struct guesses {
    uint64_t seed; /* nobody outside knows which entries share a place */
    struct entry entries[SETS][WAYS];
};

struct guesses *guesses_new(void) {
    struct guesses *guesses = mem_alloc(sizeof *guesses);
    if (guesses && RAND_bytes((unsigned char *)&guesses->seed, sizeof guesses->seed) == 1)
        return guesses;
    mem_free(guesses);
    return NULL;
}

/* "wrong binds …": by whom. */
static const char *words_of(const struct entry *entry) {
    return !entry->by_name ? entry->user ? "of users" : "of MTAs"
           : entry->user   ? "of the user"
                           : "with the MTA name";
}

static void forget(struct entry *entry) {
    if (entry->key && entry->untold && entry->by_name)
        log_caused(LOG_LEVEL_WARNING, "network=%s %u more wrong binds %s '%s' in a minute%s%s",
                   entry->network, entry->untold, words_of(entry), entry->name,
                   entry->last ? "; the last that was looked at: " : "", entry->last ? entry->last : "");
    else if (entry->key && entry->untold)
        log_caused(LOG_LEVEL_WARNING, "network=%s %u more wrong binds %s in a minute", entry->network,
                   entry->untold, words_of(entry));
    mem_free(entry->last);
    entry->last = NULL;
    entry->key = 0;
}

void guesses_tick(struct guesses *guesses, int64_t now) {
    for (size_t set = 0; set < SETS; set++)
        for (size_t way = 0; way < WAYS; way++)
            if (now - guesses->entries[set][way].since >= MINUTE)
                forget(&guesses->entries[set][way]);
}

void guesses_free(struct guesses *guesses) {
    for (size_t set = 0; guesses && set < SETS; set++)
        for (size_t way = 0; way < WAYS; way++)
            forget(&guesses->entries[set][way]);
    mem_free(guesses);
}

/* ---- places ---- */

/* Whom a bind is counted for: name and network, network, site. The last two are one for IPv4. */
struct place {
    char network[HOST_TEXT_SIZE];
    bool user;
    struct span name;  /* absent: all names */
    struct span shown; /* the same for people */
    unsigned most;
};

static size_t places_of(const struct guess *guess, struct place places[static 3]) {
    struct span address = guess->address, name = guess->name;
    char host[HOST_TEXT_SIZE];
    snprintf(host, sizeof host, "%.*s", (int)(address.len < sizeof host ? address.len : sizeof host - 1),
             address.data ? (const char *)address.data : "");
    for (size_t i = 0; i < 3; i++) {
        host_network(host, i == 2 ? HOST_SITE_BITS : HOST_NETWORK_BITS, places[i].network);
        places[i].user = guess->user;
        places[i].shown = name.data ? name : SPAN_LIT("");
    }
    places[0].name = guess->counted.data ? guess->counted : places[0].shown;
    places[1].name = places[2].name = (struct span){NULL, 0};
    places[0].most = MOST_OF_NAME;
    places[1].most = MOST_OF_NETWORK;
    places[2].most = MOST_OF_SITE;
    return strcmp(places[1].network, places[2].network) == 0 ? 2 : 3;
}

static uint64_t key_of(const struct guesses *guesses, const struct place *place) {
    struct buf text;
    buf_init(&text, 0);
    buf_append_u64(&text, guesses->seed);
    buf_append_byte(&text, (uint8_t)(place->name.data != NULL) | (uint8_t)(place->user << 1));
    buf_append_span(&text, span_str(place->network));
    buf_append_byte(&text, 0);
    buf_append_span(&text, place->name);
    uint64_t key = span_hash(buf_span(&text));
    buf_free(&text);
    return key ? key : 1;
}

static uint64_t hash_of_name(const struct guesses *guesses, struct span name) {
    return span_hash(name) ^ guesses->seed;
}

static struct entry *find(struct guesses *guesses, const struct place *place, int64_t now) {
    uint64_t key = key_of(guesses, place);
    for (size_t way = 0; way < WAYS; way++) {
        struct entry *entry = &guesses->entries[key % SETS][way];
        if (entry->key == key && now - entry->since < MINUTE)
            return entry;
    }
    return NULL;
}

/* A new one takes a free place, or that of the one that was wrong least. */
static struct entry *add(struct guesses *guesses, const struct place *place, int64_t now) {
    uint64_t key = key_of(guesses, place);
    struct entry *set = guesses->entries[key % SETS], *best = set;
    for (size_t way = 0; way < WAYS; way++) {
        if (set[way].key == key || now - set[way].since >= MINUTE)
            forget(&set[way]);
        if (best->key && (!set[way].key || set[way].wrong < best->wrong))
            best = &set[way];
    }
    forget(best);
    *best = (struct entry){.key = key,
                           .name_hash = hash_of_name(guesses, place->name),
                           .since = now,
                           .by_name = place->name.data,
                           .user = place->user};
    memcpy(best->network, place->network, sizeof best->network);
    log_text(place->name.data ? place->shown : place->name, best->name);
    return best;
}

/* ---- counting ---- */

bool guesses_are_too_many(struct guesses *guesses, const struct guess *guess, int64_t now) {
    struct place places[3];
    size_t count = places_of(guess, places);
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = find(guesses, &places[i], now);
        if (!entry || entry->wrong < places[i].most)
            continue;
        entry->untold++;
        return true;
    }
    return false;
}

/* Without memory the minute's line lacks it. */
static void keep_last(struct entry *entry, const struct guess *guess) {
    struct buf text;
    buf_init(&text, 0);
    if (!guess->user)
        buf_printf(&text, "peer=%s ", guess->peer ? guess->peer : "?");
    buf_printf(&text, "%s: %s", guess->parameter, guess->cause);
    buf_append_byte(&text, 0);
    mem_free(entry->last);
    entry->last = text.failed ? NULL : (char *)text.data;
    if (text.failed)
        buf_free(&text);
}

/* True: it has had no line yet, and gets one. */
static bool tell_cause(struct entry *entry, const char *cause) {
    uint64_t hash = span_hash(span_str(cause));
    for (unsigned i = 0; i < entry->told_count; i++)
        if (entry->told[i] == hash)
            return false;
    if (entry->told_count == GUESSES_CAUSES_MOST)
        return false;
    entry->told[entry->told_count++] = hash;
    return true;
}

bool guesses_wrong(struct guesses *guesses, const struct guess *guess, int64_t now) {
    struct place places[3];
    size_t count = places_of(guess, places);
    bool tell = false;
    for (size_t i = 0; i < count; i++) {
        struct entry *entry = find(guesses, &places[i], now);
        if (!entry)
            entry = add(guesses, &places[i], now);
        if (i == 0) {
            keep_last(entry, guess);
            tell = tell_cause(entry, guess->cause);
            entry->untold += !tell;
        }
        if (++entry->wrong == places[i].most)
            log_caused(LOG_LEVEL_WARNING,
                       "network=%s %u wrong binds in a minute %s%s%s%s: the next are refused unread for "
                       "%lld s",
                       entry->network, entry->wrong, words_of(entry), entry->by_name ? " '" : "", entry->name,
                       entry->by_name ? "'" : "", (long long)((entry->since + MINUTE - now) / 1000000));
    }
    return tell;
}

/* ---- all that counts for a peer ---- */

/* Calls for each entry that does; `most`: from so many wrong binds on the next is not looked at. */
typedef void entry_cb(void *context, struct entry *entry, unsigned most);

static void each_entry_at(const struct guesses *guesses, const char *address, struct span name, entry_cb *cb,
                          void *context) {
    struct place places[3];
    size_t count = places_of(&(struct guess){.address = span_str(address), .name = name}, places);
    for (size_t i = 0; i < count; i++) {
        uint64_t key = key_of(guesses, &places[i]);
        for (size_t way = 0; way < WAYS; way++) {
            struct entry *entry = (struct entry *)&guesses->entries[key % SETS][way];
            if (entry->key == key)
                cb(context, entry, places[i].most);
        }
    }
}

/* Its entry by name shows from where it calls. A reload may ask so for each of many peers: keys are not made
 * for other names' entries. */
static void each_entry_anywhere(const struct guesses *guesses, struct span name, entry_cb *cb,
                                void *context) {
    uint64_t name_hash = hash_of_name(guesses, name);
    for (size_t set = 0; set < SETS; set++)
        for (size_t way = 0; way < WAYS; way++) {
            const struct entry *entry = &guesses->entries[set][way];
            struct place place = {.name = name};
            if (!entry->key || !entry->by_name || entry->user || entry->name_hash != name_hash)
                continue;
            memcpy(place.network, entry->network, sizeof place.network);
            if (key_of(guesses, &place) != entry->key)
                continue;
            place.network[strcspn(place.network, "/")] = '\0'; /* its first address */
            each_entry_at(guesses, place.network, name, cb, context);
        }
}

static void each_entry_of(const struct guesses *guesses, const struct mta_bind *peer, entry_cb *cb,
                          void *context) {
    struct span name = peer->unauthenticated ? SPAN_LIT("") : peer->mta_name;
    bool anywhere = !peer->host_count;
    for (size_t i = 0; i < peer->host_count; i++) {
        anywhere = anywhere || peer->hosts[i].is_name;
        if (!peer->hosts[i].is_name)
            each_entry_at(guesses, peer->hosts[i].text, name, cb, context);
    }
    if (anywhere)
        each_entry_anywhere(guesses, name, cb, context);
}

static void look_again_at(void *waited, struct entry *entry, unsigned most) {
    *(bool *)waited = *(bool *)waited || entry->wrong >= most;
    if (entry->wrong >= most)
        entry->wrong = most - 1;
    entry->told_count = 0;
}

bool guesses_look_again(struct guesses *guesses, const struct mta_bind *peer) {
    bool waited = false;
    each_entry_of(guesses, peer, look_again_at, &waited);
    return waited;
}

static void find_end(void *end, struct entry *entry, unsigned most) {
    if (entry->wrong >= most && entry->since + MINUTE > *(int64_t *)end)
        *(int64_t *)end = entry->since + MINUTE;
}

int64_t guesses_wait_end(const struct guesses *guesses, const struct mta_bind *peer, int64_t now) {
    int64_t end = 0;
    each_entry_of(guesses, peer, find_end, &end);
    return end > now ? end : 0;
}
