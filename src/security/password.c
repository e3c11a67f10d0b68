#include "security/password.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

/* RFC 9106 and OWASP's advice for a server that many call at a time: 19 MiB, two passes. */
#define MEMORY_KIB 19456
#define PASSES     2

#define MEMORY_MOST_KIB 65536
#define PASSES_MOST     16
#define COST_MOST_KIB   (3 * MEMORY_MOST_KIB)

_Static_assert(PASSWORD_HASH_SIZE == crypto_pwhash_STRBYTES, "a hash has the library's size");

/* The salt and the hash are of octets that nobody kept. */
const char password_nobody[PASSWORD_HASH_SIZE] =
    "$argon2id$v=19$m=19456,t=2,p=1$3DGq2SxzUunEL3K8YK4uPg$+DCA59AgiWFzdXG7xxIEdeepwKcaKW5/+j+69toyCmA";

bool password_init(void) {
    return sodium_init() >= 0;
}

bool password_hash(struct span password, char hash[static PASSWORD_HASH_SIZE]) {
    return crypto_pwhash_str(hash, (const char *)password.data, password.len, PASSES,
                             (size_t)MEMORY_KIB * 1024) == 0;
}

bool password_matches(const char *hash, struct span password) {
    return crypto_pwhash_str_verify(hash, (const char *)password.data, password.len) == 0;
}

/* The length of the base64 at the start, without padding, of 8 to 64 octets; 0: it is none. */
static size_t base64_length(const char *text) {
    size_t length = strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
    return length >= 11 && length <= 86 ? length : 0;
}

/* The costs are written as the library writes them, and the salt and the hash follow. */
static bool is_bounded(const char *text, unsigned memory, unsigned passes) {
    char head[64];
    size_t length = (size_t)snprintf(head, sizeof head, "$argon2id$v=19$m=%u,t=%u,p=1$", memory, passes);
    const char *salt = text + length;
    if (strncmp(text, head, length) != 0 || memory < 8 || memory > MEMORY_MOST_KIB || passes < 1 ||
        passes > PASSES_MOST || memory * passes > COST_MOST_KIB)
        return false;
    const char *hash = salt + base64_length(salt) + 1;
    return base64_length(salt) && hash[-1] == '$' && base64_length(hash) == strlen(hash) && *hash;
}

bool password_is_hash(struct span text) {
    char copy[PASSWORD_HASH_SIZE];
    unsigned memory, passes;
    if (text.len >= sizeof copy || memchr(text.data, 0, text.len))
        return false;
    memcpy(copy, text.data, text.len);
    copy[text.len] = '\0';
    return sscanf(copy, "$argon2id$v=19$m=%6u,t=%3u,", &memory, &passes) == 2 &&
           is_bounded(copy, memory, passes);
}
