/* MTA-bind (X.411 §12.1.1) and MTS-bind (§8.1.1): argument, result and error as octets. Whose they are is
 * decided elsewhere. */
#ifndef PROTOCOL_BIND_H
#define PROTOCOL_BIND_H

#include "base/arena.h"
#include "ipc/bind.h"
#include "osi/association.h"

/* MTABindError, X.411 §12.1.1.2, and MTSBindError, §8.1.1.2. */
enum bind_error {
    BIND_BUSY = 0,
    BIND_AUTHENTICATION_ERROR = 2,
    BIND_UNACCEPTABLE_DIALOGUE_MODE = 3,
    BIND_UNACCEPTABLE_SECURITY_CONTEXT = 4,
    BIND_INADEQUATE_ASSOCIATION_CONFIDENTIALITY = 5,
};

/* The argument that gives `ours`. Normal and X.410 mode of 1988; 1984 has another shape (X.410 §4). NULL data
 * without memory. */
struct span bind_argument(const struct ipc_credentials *ours, enum osi_context context, struct arena *arena);

/* The result that gives them. */
struct span bind_result(const struct ipc_credentials *ours, enum osi_context context, struct arena *arena);

/* The user data of a refusal: the error's INTEGER. */
struct span bind_error_data(enum bind_error error, struct arena *arena);

/* The name of the error that a refusal's user data carries (`authentication-error`), or NULL when it carries
 * none. */
const char *bind_error_name(struct span user_data);

/*
 * Reads an argument or a result; the spans point into it or into the arena.
 * False: it is neither, or name or password are longer than frames carry, and
 * `why` (at least 200 octets) says what is wrong. `*security_context` is set when
 * one was asked for.
 */
bool bind_read_argument(struct span argument, enum osi_context context, struct arena *arena,
                        struct ipc_credentials *given, bool *security_context, char *why);
bool bind_read_result(struct span result, enum osi_context context, struct arena *arena,
                      struct ipc_credentials *given, char *why);

/* MTS-bind (X.411 §8.1.1): reads a user's argument. `*user` is his O/R address as text, empty where he gives
 * another name; the rest as bind_read_argument. */
bool bind_read_user(struct span argument, struct arena *arena, struct span *user,
                    struct ipc_credentials *given, bool *security_context, char *why);
/* The result that gives our MTA name and password. */
struct span bind_user_result(const struct ipc_credentials *ours, struct arena *arena);

/* MS-bind (X.413 §7.1): reads a user's argument into `value` too, whose name is an O/R address. Result and
 * error as octets. */
struct x413_MSBindArgument;
struct x413_MSBindResult;
struct x413_MSBindError;
bool bind_read_ms(struct span argument, struct arena *arena, struct x413_MSBindArgument *value,
                  struct span *user, struct ipc_credentials *given, char *why);
struct span bind_ms_result(const struct x413_MSBindResult *result, struct arena *arena);
struct span bind_ms_error(const struct x413_MSBindError *error, struct arena *arena);

/* The parameter that a bind error of the peer points at, in X.411's words; may be empty. */
const char *bind_error_parameter(const char *name);

#endif
