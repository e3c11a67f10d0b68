/* The built-in table: a hash table by the names' canonical form (names/dn.h). */
#include "directory/directory.h"

#include "asn1/ber.h"
#include "base/alloc.h"
#include "names/dn.h"
#include "names/oraddress.h"

enum { FIRST_BUCKETS = 64, SCRATCH_MOST = 1 << 20, BAD = 1 };

struct entry {
    struct entry *next; /* in its bucket */
    char *address;
    size_t key_len;
    uint8_t key[];
};

struct directory {
    struct entry **buckets;
    size_t bucket_count; /* a power of two */
    size_t count;
};

static bool out_of_memory(struct error *err) {
    return error_set(err, BAD, "out of memory");
}

struct directory *directory_new(void) {
    struct directory *directory = mem_alloc(sizeof *directory);
    if (!directory)
        return NULL;
    *directory = (struct directory){.bucket_count = FIRST_BUCKETS};
    directory->buckets = mem_alloc(FIRST_BUCKETS * sizeof *directory->buckets);
    if (directory->buckets)
        return directory;
    mem_free(directory);
    return NULL;
}

static void entry_free(struct entry *entry) {
    mem_free(entry->address);
    mem_free(entry);
}

void directory_free(struct directory *directory) {
    if (!directory)
        return;
    for (size_t i = 0; i < directory->bucket_count; i++)
        for (struct entry *entry = directory->buckets[i], *next; entry; entry = next) {
            next = entry->next;
            entry_free(entry);
        }
    mem_free(directory->buckets);
    mem_free(directory);
}

size_t directory_count(const struct directory *directory) {
    return directory->count;
}

static struct entry **bucket_of(const struct directory *directory, struct span key) {
    return &directory->buckets[span_hash(key) & (directory->bucket_count - 1)];
}

/* Where the pointer to the key's entry is, or to the NULL at the end of its bucket. */
static struct entry **find(const struct directory *directory, struct span key) {
    struct entry **at = bucket_of(directory, key);
    while (*at && !span_eq(span_of((*at)->key, (*at)->key_len), key))
        at = &(*at)->next;
    return at;
}

/* Twice the buckets; without memory the chains only get longer. */
static void grow(struct directory *directory) {
    struct directory larger = {.bucket_count = 2 * directory->bucket_count};
    larger.buckets = mem_alloc(larger.bucket_count * sizeof *larger.buckets);
    if (!larger.buckets)
        return;
    for (size_t i = 0; i < directory->bucket_count; i++)
        for (struct entry *entry = directory->buckets[i], *next; entry; entry = next) {
            struct entry **at = bucket_of(&larger, span_of(entry->key, entry->key_len));
            next = entry->next;
            entry->next = *at;
            *at = entry;
        }
    mem_free(directory->buckets);
    directory->buckets = larger.buckets;
    directory->bucket_count = larger.bucket_count;
}

static bool key_of_text(const char *text, struct arena *arena, struct span *key, struct error *err) {
    struct span name = span_str(text), mark = SPAN_LIT("DN:");
    struct x501_Name parsed;
    if (span_eq_nocase(span_sub(name, 0, mark.len), mark))
        name = span_sub(name, mark.len, name.len);
    if (!dn_parse(name, arena, &parsed, err))
        return false;
    if (!parsed.u.rdnSequence.count)
        return error_set(err, BAD, "the directory name is empty");
    *key = dn_key(&parsed, arena);
    return key->data || out_of_memory(err);
}

/* An address that can be built; its key says which it is, in whatever spelling. */
static bool check_address(const char *address, struct arena *arena, struct span *key, struct error *err) {
    struct oraddress parsed;
    struct x411_ORAddress wire;
    *key = oraddress_key_of(span_str(address), arena, err);
    return key->data && oraddress_parse(span_str(address), arena, &parsed, err) &&
           oraddress_build(&parsed, arena, &wire, err);
}

static bool insert(struct directory *directory, struct span key, const char *address, struct error *err) {
    struct entry *entry = mem_alloc(sizeof *entry + key.len);
    char *copy = entry ? mem_strdup(address) : NULL;
    if (!copy) {
        mem_free(entry);
        return out_of_memory(err);
    }
    entry->address = copy;
    entry->key_len = key.len;
    memcpy(entry->key, key.data, key.len);
    if (directory->count >= 2 * directory->bucket_count)
        grow(directory);
    struct entry **at = bucket_of(directory, key);
    entry->next = *at;
    *at = entry;
    directory->count++;
    return true;
}

static bool add(struct directory *directory, const char *name, const char *address, struct arena *arena,
                struct error *err) {
    struct span key, address_key;
    if (!key_of_text(name, arena, &key, err) || !check_address(address, arena, &address_key, err))
        return false;
    const struct entry *there = *find(directory, key);
    if (there)
        return span_eq(oraddress_key_of(span_str(there->address), arena, NULL), address_key) ||
               error_set(err, BAD, "it is the name of %.180s already", there->address);
    return insert(directory, key, address, err);
}

bool directory_add(struct directory *directory, const char *name, const char *address, struct error *err) {
    struct arena arena;
    arena_init(&arena, SCRATCH_MOST);
    bool done =
        add(directory, name, address, &arena, err) || error_prefix(err, "directory name %.100s", name);
    arena_free(&arena);
    return done;
}

bool directory_remove(struct directory *directory, const char *name) {
    struct arena arena;
    struct span key;
    struct entry *entry = NULL;
    arena_init(&arena, SCRATCH_MOST);
    if (key_of_text(name, &arena, &key, NULL)) {
        struct entry **at = find(directory, key);
        entry = *at;
        if (entry)
            *at = entry->next;
    }
    arena_free(&arena);
    if (!entry)
        return false;
    entry_free(entry);
    directory->count--;
    return true;
}

const char *directory_find(const struct directory *directory, struct span name) {
    struct arena arena;
    struct x501_Name decoded;
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    const struct entry *entry = NULL;
    arena_init(&arena, SCRATCH_MOST);
    if (ber_decode(&x501_Name_type, name, &arena, &limits, &decoded, NULL)) {
        struct span key = dn_key(&decoded, &arena);
        entry = key.data ? *find(directory, key) : NULL;
    }
    arena_free(&arena);
    return entry ? entry->address : NULL;
}
