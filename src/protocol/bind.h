/* MTA-bind (X.411 §12.1.1): argument, result and error, and the check of simple credentials. */
#ifndef PROTOCOL_BIND_H
#define PROTOCOL_BIND_H

#include "base/arena.h"
#include "protocol/config.h"

/* MTABindError, X.411 §12.1.1.2. */
enum bind_error {
    BIND_BUSY = 0,
    BIND_AUTHENTICATION_ERROR = 2,
    BIND_UNACCEPTABLE_DIALOGUE_MODE = 3,
    BIND_UNACCEPTABLE_SECURITY_CONTEXT = 4,
    BIND_INADEQUATE_ASSOCIATION_CONFIDENTIALITY = 5,
};

/* The argument that we give to `peer`. Normal and X.410 mode of 1988; 1984 has another shape (X.410 §4). NULL
 * data without memory. */
struct span bind_argument(const struct protocol_peer *peer, enum osi_context context, struct arena *arena);

/* Our result for a bind of `peer`. */
struct span bind_result(const struct protocol_peer *peer, struct span our_name, enum osi_context context,
                        struct arena *arena);

/* The user data of a refusal: the error's INTEGER. */
struct span bind_error_data(enum bind_error error, struct arena *arena);

/* The name of the error that a refusal's user data carries (`authentication-error`), or NULL when it carries
 * none. */
const char *bind_error_name(struct span user_data);

/* Who a bind says it comes from. */
struct bind_identity {
    bool unauthenticated; /* no name was given */
    struct span mta_name;
    struct span password;
    bool strong;           /* strong credentials */
    bool security_context; /* a security context was asked for */
};

/* Reads an argument or a result. False: it is neither, and `why` (at least 200 octets) says what is wrong. */
bool bind_read_argument(struct span argument, enum osi_context context, struct arena *arena,
                        struct bind_identity *identity, char *why);
bool bind_read_result(struct span result, enum osi_context context, struct arena *arena,
                      struct bind_identity *identity, char *why);

/* True if name and password are those of `peer`; the time does not depend on the password. */
bool bind_matches(const struct protocol_peer *peer, const struct bind_identity *identity);

/* The parameter of a result, in X.411's words, for which it does not match `peer`. */
const char *bind_result_mismatch(const struct protocol_peer *peer, const struct bind_identity *identity);

/* The parameter that a bind error of the peer points at, in X.411's words; may be empty. */
const char *bind_error_parameter(const char *name);

#endif
