/* Contents: references, short octets in memory, digests. Octets of longer ones are the engine's. */
#include "base/alloc.h"
#include "store/store_private.h"

/* ---- one that is open ---- */

struct store_content *content_new(struct store *store, struct error *err) {
    struct store_content *content = mem_alloc(store->engine->content_size);
    if (!content) {
        store_no_memory(store, err);
        return NULL;
    }
    content->store = store;
    content->references = 1;
    buf_init(&content->memory, 0);
    return content;
}

struct store_content *content_find(struct store *store, uint64_t id) {
    struct map_slot *slot = map_find(&store->open_contents, id);
    return slot ? store_content_ref(slot->value) : NULL;
}

bool content_enter(struct store_content *content, uint64_t id, struct error *err) {
    struct map_slot *slot = id ? map_at(&content->store->open_contents, id) : NULL;
    if (!slot)
        return store_no_memory(content->store, err);
    slot->value = content;
    content->id = id;
    return true;
}

struct store_content *content_short(struct store *store, struct span octets, struct error *err) {
    struct store_content *content = content_new(store, err);
    if (content && !buf_append_span(&content->memory, octets)) {
        store_no_memory(store, err);
        store_content_release(content);
        return NULL;
    }
    if (content)
        content->length = octets.len;
    return content;
}

struct store_content *store_content_create(struct store *store, uint64_t expected, struct error *err) {
    struct store_content *content = refuse_read_only(store, err) ? NULL : content_new(store, err);
    if (content) {
        content->expected = expected;
        content->writer = true;
    }
    return content;
}

struct store_content *store_content_ref(struct store_content *content) {
    content->references++;
    return content;
}

void store_content_release(struct store_content *content) {
    if (!content || --content->references)
        return;
    content->store->engine->content_close(content);
    if (content->id)
        map_remove(&content->store->open_contents, content->id);
    digest_free(&content->digest);
    buf_free(&content->memory);
    mem_free(content);
}

uint64_t store_content_length(const struct store_content *content) {
    return content->length;
}

struct span store_content_memory(const struct store_content *content) {
    if (content->id)
        return (struct span){NULL, 0};
    return content->memory.len ? buf_span(&content->memory) : span_of("", 0);
}

/* ---- appending ---- */

static bool write_out(struct store_content *content, struct span octets, struct error *err) {
    return !octets.len || content->store->engine->content_write(content, octets, err);
}

bool content_spill(struct store_content *content, struct error *err) {
    if (content->id)
        return true;
    if (!content_enter(content, store_take_id(content->store), err))
        return false;
    content->digest.hashed = 0;
    bool ok = digest_add(&content->digest, buf_span(&content->memory))
                  ? write_out(content, buf_span(&content->memory), err)
                  : store_no_memory(content->store, err);
    content->failed |= !ok;
    buf_free(&content->memory);
    return ok;
}

static bool append(struct store_content *content, struct span octets, struct error *err) {
    if (!content->id && octets.len <= SMALL_CONTENT && content->length + octets.len <= SMALL_CONTENT)
        return buf_append_span(&content->memory, octets) || store_no_memory(content->store, err);
    return content_spill(content, err) && write_out(content, octets, err) &&
           (digest_add(&content->digest, octets) || store_no_memory(content->store, err));
}

bool store_takes_octets(const struct store *store) {
    return !store->engine->takes_octets || store->engine->takes_octets(store);
}

bool store_content_append(struct store_content *content, struct span octets, struct error *err) {
    if (content->failed || content->sealed || !content->writer)
        return error_set(err, STORE_BAD_REQUEST, "this content can't be appended to%s",
                         content->failed ? ": an earlier write failed" : "");
    struct error inner = {0};
    if (!append(content, octets, &inner)) {
        content->failed = true;
        error_set(err, inner.code, "%s", inner.text);
        return inner.code != STORE_NO_MEMORY && !store_lacks_room(content->store, &inner) &&
               store_failed(content->store, &inner);
    }
    content->length += octets.len;
    return true;
}

/* ---- reading ---- */

bool store_content_read(struct store_content *content, uint64_t offset, void *out, size_t len, size_t *got,
                        struct error *err) {
    uint64_t left = offset < content->length ? content->length - offset : 0;
    *got = 0;
    if (len > left)
        len = (size_t)left;
    if (!len)
        return true;
    if (!content->id)
        memcpy(out, content->memory.data + offset, len);
    else if (!store_in_time(content->store, err) ||
             !content->store->engine->content_read(content, offset, out, len, err))
        return false;
    *got = len;
    return true;
}

static bool add_octets(struct store_content *content, uint64_t from, struct error *err) {
    uint8_t octets[16 * 1024];
    size_t got;
    for (uint64_t at = from; at < content->length; at += got) {
        if (!store_content_read(content, at, octets, sizeof octets, &got, err))
            return false;
        if (!digest_add(&content->digest, span_of(octets, got)))
            return store_no_memory(content->store, err);
    }
    return true;
}

bool content_restore_digest(struct store_content *content, const uint8_t chain[static STORE_DIGEST],
                            struct error *err) {
    memcpy(content->digest.chain, chain, STORE_DIGEST);
    content->digest.hashed = content->length / DIGEST_BLOCK * DIGEST_BLOCK;
    return add_octets(content, content->digest.hashed, err);
}

bool store_content_digest(struct store_content *content, uint8_t out[static STORE_DIGEST],
                          struct error *err) {
    if (content->digest.hashed != content->length || !content->length) {
        content->digest.hashed = 0;
        if (!add_octets(content, 0, err))
            return false;
    }
    return digest_get(&content->digest, out) || store_no_memory(content->store, err);
}
