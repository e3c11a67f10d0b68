/* Digests: of a content (SHA-256, chained by blocks of 1 MiB: store.h), and of what makes a repeat. */
#include "store/store_private.h"

#include <openssl/evp.h>

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

bool repeat_key(struct span peer, struct span mts_identifier, const uint8_t digest[static STORE_DIGEST],
                uint8_t out[static STORE_DIGEST]) {
    uint64_t lengths[2] = {peer.len, mts_identifier.len}; /* so that the borders are part of the key */
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool ok = context && EVP_DigestInit_ex(context, digest_sha256(), NULL) == 1 &&
              EVP_DigestUpdate(context, lengths, sizeof lengths) == 1 &&
              EVP_DigestUpdate(context, peer.data, peer.len) == 1 &&
              EVP_DigestUpdate(context, mts_identifier.data, mts_identifier.len) == 1 &&
              EVP_DigestUpdate(context, digest, STORE_DIGEST) == 1 &&
              EVP_DigestFinal_ex(context, out, NULL) == 1;
    EVP_MD_CTX_free(context);
    return ok;
}

uint64_t repeat_short(const uint8_t key[static STORE_DIGEST]) {
    uint64_t id;
    memcpy(&id, key, sizeof id);
    return id | 1; /* an idmap's ids are not 0 */
}
