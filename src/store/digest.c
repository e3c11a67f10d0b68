/* Digests: of a content (SHA-256, chained by blocks of 1 MiB: store.h), and of what makes a repeat. */
#include "store/store_private.h"

#include <openssl/evp.h>

/* Each context that is made anew, and each algorithm that is looked up by its name, costs as much as a block
 * of octets: what is asked for with every message is made once. All of this is the loop's thread's. */
static const EVP_MD *sha256(void) {
    static EVP_MD *fetched; /* lives as long as the process */
    if (!fetched)
        fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
    return fetched;
}

/* For a digest that is begun and ended in one call. */
static EVP_MD_CTX *scratch(void) {
    static EVP_MD_CTX *context;
    if (!context)
        context = EVP_MD_CTX_new();
    return context;
}

/* Those of contents that were closed serve the next ones: as many as are under way at a time, mostly. */
static EVP_MD_CTX *spares[64];
static size_t spare_count;

static EVP_MD_CTX *take_context(void) {
    return spare_count ? spares[--spare_count] : EVP_MD_CTX_new();
}

static bool begin_block(struct digest *digest) {
    EVP_MD_CTX *context = digest->context;
    digest->is_known = false; /* the octets may be others, of the same number */
    if (!context && !(digest->context = context = take_context()))
        return false;
    return EVP_DigestInit_ex(context, sha256(), NULL) == 1 &&
           (!digest->hashed || EVP_DigestUpdate(context, digest->chain, sizeof digest->chain) == 1);
}

bool digest_add(struct digest *digest, struct span octets) {
    while (octets.len) {
        uint64_t in_block = digest->hashed % DIGEST_BLOCK;
        struct span part = span_sub(octets, 0, (size_t)(DIGEST_BLOCK - in_block));
        if ((!in_block && !begin_block(digest)) ||
            EVP_DigestUpdate(digest->context, part.data, part.len) != 1)
            return false;
        digest->hashed += part.len;
        octets = span_sub(octets, part.len, octets.len);
        if (digest->hashed % DIGEST_BLOCK == 0 &&
            EVP_DigestFinal_ex(digest->context, digest->chain, NULL) != 1)
            return false;
    }
    return true;
}

bool digest_get(struct digest *digest, uint8_t out[static STORE_DIGEST]) {
    EVP_MD_CTX *copy = scratch();
    if (digest->hashed && digest->hashed % DIGEST_BLOCK == 0) {
        memcpy(out, digest->chain, STORE_DIGEST);
        return true;
    }
    if (digest->is_known && digest->known_at == digest->hashed) {
        memcpy(out, digest->known, STORE_DIGEST);
        return true;
    }
    if ((!digest->hashed && !begin_block(digest)) || !copy ||
        EVP_MD_CTX_copy_ex(copy, digest->context) != 1 || EVP_DigestFinal_ex(copy, out, NULL) != 1)
        return false;
    memcpy(digest->known, out, STORE_DIGEST);
    digest->known_at = digest->hashed;
    digest->is_known = true;
    return true;
}

void digest_free(struct digest *digest) {
    if (!digest->context)
        return;
    if (spare_count < sizeof spares / sizeof *spares)
        spares[spare_count++] = digest->context;
    else
        EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

bool store_digest(const struct span *parts, size_t count, uint8_t out[static STORE_DIGEST]) {
    EVP_MD_CTX *context = scratch();
    bool ok = context && EVP_DigestInit_ex(context, sha256(), NULL) == 1;
    for (size_t i = 0; ok && i < count; i++)
        ok = EVP_DigestUpdate(context, parts[i].data, parts[i].len) == 1;
    return ok && EVP_DigestFinal_ex(context, out, NULL) == 1;
}

bool store_repeat_key(struct span peer, struct span mts_identifier, const uint8_t digest[static STORE_DIGEST],
                      uint8_t out[static STORE_DIGEST]) {
    uint64_t lengths[2] = {peer.len, mts_identifier.len}; /* so that the borders are part of the key */
    struct span parts[] = {span_of(lengths, sizeof lengths), peer, mts_identifier,
                           span_of(digest, STORE_DIGEST)};
    return store_digest(parts, sizeof parts / sizeof *parts, out);
}

uint64_t repeat_short(const uint8_t key[static STORE_DIGEST]) {
    uint64_t id;
    memcpy(&id, key, sizeof id);
    return id | 1; /* an map's ids are not 0 */
}
