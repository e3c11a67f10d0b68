/* The digest of a content: SHA-256, chained by blocks of 1 MiB (store.h). */
#include "store/store_private.h"

#include <openssl/evp.h>

#include "base/alloc.h"

/* Fetched once: EVP_sha256() would be looked up for every digest. Lives as long as the process. */
const void *digest_sha256(void) {
    static EVP_MD *sha256;
    if (!sha256)
        sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    return sha256;
}

static bool begin_block(struct digest *digest) {
    EVP_MD_CTX *context = digest->context;
    if (!context && !(digest->context = context = EVP_MD_CTX_new()))
        return false;
    return EVP_DigestInit_ex(context, digest_sha256(), NULL) == 1 &&
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
    if (digest->hashed && digest->hashed % DIGEST_BLOCK == 0) {
        memcpy(out, digest->chain, STORE_DIGEST);
        return true;
    }
    if (!digest->hashed && !begin_block(digest))
        return false;
    EVP_MD_CTX *copy = EVP_MD_CTX_new();
    bool ok =
        copy && EVP_MD_CTX_copy_ex(copy, digest->context) == 1 && EVP_DigestFinal_ex(copy, out, NULL) == 1;
    EVP_MD_CTX_free(copy);
    return ok;
}

void digest_free(struct digest *digest) {
    EVP_MD_CTX_free(digest->context);
    digest->context = NULL;
}

bool digest_restore(struct store_content *content, const uint8_t chain[static STORE_DIGEST], uint64_t length,
                    struct error *err) {
    struct digest *digest = &content->digest;
    uint64_t from = length / DIGEST_BLOCK * DIGEST_BLOCK;
    uint8_t *octets = mem_alloc(64 * 1024);
    memcpy(digest->chain, chain, STORE_DIGEST);
    digest->hashed = from;
    bool ok = octets || error_set(err, STORE_NO_MEMORY, "out of memory");
    while (ok && from < length) {
        size_t want = length - from < 64 * 1024 ? (size_t)(length - from) : 64 * 1024, got = 0;
        ok = store_content_read(content, from, octets, want, &got, err) && got == want;
        if (ok && !digest_add(digest, span_of(octets, got)))
            ok = error_set(err, STORE_NO_MEMORY, "out of memory");
        from += got;
    }
    mem_free(octets);
    return ok;
}
