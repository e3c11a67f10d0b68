/*
 * Passwords of users. What is kept of one is a hash by Argon2id (RFC 9106) in
 * its usual form, `$argon2id$v=19$m=…,t=…,p=1$SALT$HASH`, which holds its own
 * salt and cost. Making one and comparing with one takes a processor for some
 * 20 ms and 19 MiB of memory: not in a loop that serves others.
 */
#ifndef SECURITY_PASSWORD_H
#define SECURITY_PASSWORD_H

#include <stdbool.h>

#include "base/span.h"

#define PASSWORD_MOST      62  /* octets: ub-password-length of X.411 */
#define PASSWORD_HASH_SIZE 128 /* characters of a hash, with its NUL */

/* Once in a process, before it gives up the system calls that it takes. */
bool password_init(void);

/* Memory that the thread uses comes from the system, and goes back. False without memory. */
bool password_hash(struct span password, char hash[static PASSWORD_HASH_SIZE]);

/* True if the hash is that of the password. The time tells nothing but the hash's cost. */
bool password_matches(const char *hash, struct span password);

/* True for a hash in the form above whose cost is bounded: at most 64 MiB and 16 passes, and not more in all
 * than RFC 9106 recommends, 64 MiB by 3 passes. That is five times what password_hash takes, a tenth of a
 * second: less than each refusal of a bind waits, so that the time tells nobody who has a password. */
bool password_is_hash(struct span text);

/* Nobody's, of the cost that password_hash gives: for who is unknown, so that the time does not tell. */
extern const char password_nobody[PASSWORD_HASH_SIZE];

#endif
