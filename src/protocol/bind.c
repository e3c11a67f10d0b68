#include "protocol/bind.h"

#include <stdio.h>

#include "names/oraddress.h"
#include "schema/x411.h"
#include "schema/x411p3.h"
#include "schema/x413.h"

/* The tags that X.219's BIND puts around argument, result and error in normal mode; X.410 mode has none
 * (X.419 §8). */
enum bind_tag { BIND_ARGUMENT_TAG = 16, BIND_RESULT_TAG = 17, BIND_ERROR_TAG = 18 };

/* Puts `[tag] EXPLICIT` around an element; both lengths here are below 64 KiB. */
static struct span wrap(enum bind_tag tag, struct span element, struct arena *arena) {
    struct buf out;
    buf_init_secret(&out, 0);
    buf_append_byte(&out, (uint8_t)(0xA0 | tag));
    if (element.len >= 128)
        buf_append_byte(&out, 0x82);
    if (element.len >= 128)
        buf_append_u16(&out, (uint16_t)element.len);
    else
        buf_append_byte(&out, (uint8_t)element.len);
    buf_append_span(&out, element);
    struct span wrapped = out.failed ? (struct span){NULL, 0} : arena_dup(arena, buf_span(&out));
    buf_free(&out);
    return wrapped;
}

/* 1984 knows passwords as IA5String only (X.411-1984 §3.4). */
static void put_credentials(const struct ipc_credentials *ours, enum osi_context context,
                            struct x411_Credentials *credentials) {
    struct x411_Password *password = &credentials->u.simple;
    bool ia5 = ours->form == IPC_CREDENTIALS_IA5_STRING || context == OSI_MTS_TRANSFER_PROTOCOL_1984;
    credentials->choice = x411_Credentials_simple;
    password->choice = ia5 ? x411_Password_ia5_string : x411_Password_octet_string;
    if (ia5)
        password->u.ia5_string = ours->password;
    else
        password->u.octet_string = ours->password;
}

static struct span encode(const struct ber_type *type, const void *value, enum bind_tag tag,
                          enum osi_context context, struct arena *arena) {
    struct span plain;
    if (!ber_encode_arena(type, value, arena, &plain, NULL))
        return (struct span){NULL, 0};
    return context == OSI_MTS_TRANSFER ? wrap(tag, plain, arena) : plain;
}

struct span bind_argument(const struct ipc_credentials *ours, enum osi_context context, struct arena *arena) {
    struct x411_MTABindArgument argument = {.choice = x411_MTABindArgument_unauthenticated};
    if (ours->form != IPC_CREDENTIALS_NONE) {
        argument.choice = x411_MTABindArgument_authenticated;
        argument.u.authenticated.initiator_name = ours->name;
        put_credentials(ours, context, &argument.u.authenticated.initiator_credentials);
    }
    return encode(&x411_MTABindArgument_type, &argument, BIND_ARGUMENT_TAG, context, arena);
}

struct span bind_result(const struct ipc_credentials *ours, enum osi_context context, struct arena *arena) {
    struct x411_MTABindResult result = {.choice = x411_MTABindResult_unauthenticated};
    if (ours->form != IPC_CREDENTIALS_NONE) {
        result.choice = x411_MTABindResult_authenticated;
        result.u.authenticated.responder_name = ours->name;
        put_credentials(ours, context, &result.u.authenticated.responder_credentials);
    }
    return encode(&x411_MTABindResult_type, &result, BIND_RESULT_TAG, context, arena);
}

struct span bind_error_data(enum bind_error error, struct arena *arena) {
    x411_MTABindError value = error;
    return encode(&x411_MTABindError_type, &value, BIND_ERROR_TAG, OSI_MTS_TRANSFER, arena);
}

/* Takes the BIND tag off, where the mode has it. Some senders leave it out: what is inside has other tags, so
 * that can be seen. */
static struct span unwrap(struct span data, enum bind_tag tag) {
    struct ber_element element;
    enum ber_error_code why;
    if (data.data && ber_element_read(data, &element, &why) && element.tag_class == BER_CONTEXT &&
        element.number == (uint32_t)tag && element.constructed)
        return ber_element_contents(data, &element);
    return data;
}

static bool take(struct span name, const struct x411_Credentials *credentials, struct ipc_credentials *given,
                 char *why) {
    const struct x411_Password *password = &credentials->u.simple;
    *given = (struct ipc_credentials){.form = IPC_CREDENTIALS_STRONG, .name = name};
    if (credentials->choice == x411_Credentials_simple && password->choice == x411_Password_ia5_string) {
        given->form = IPC_CREDENTIALS_IA5_STRING;
        given->password = password->u.ia5_string;
    } else if (credentials->choice == x411_Credentials_simple) {
        given->form = IPC_CREDENTIALS_OCTET_STRING;
        given->password = password->u.octet_string;
    }
    bool fits = name.len <= IPC_BIND_TEXT_MAX && given->password.len <= IPC_BIND_TEXT_MAX;
    if (!fits)
        snprintf(why, 200, "its %s has more than %d octets",
                 name.len > IPC_BIND_TEXT_MAX ? "name" : "password", IPC_BIND_TEXT_MAX);
    return fits;
}

/* Real peers break bounds and repertoires of names and passwords: what counts is the comparison. */
static const struct ber_limits relaxed = {
    .relax_bounds = true, .relax_characters = true, .depth = 32, .elements = 1024};

static bool read(const struct ber_type *type, struct span data, struct arena *arena, void *value, char *why) {
    struct ber_error error = {0};
    if (data.data && ber_decode(type, data, arena, &relaxed, value, &error))
        return true;
    if (data.data)
        snprintf(why, 200, "%.150s at octet %zu", error.text, error.offset);
    else
        snprintf(why, 200, "the bind has no user data");
    return false;
}

bool bind_read_argument(struct span argument, enum osi_context context, struct arena *arena,
                        struct ipc_credentials *given, bool *security_context, char *why) {
    struct x411_MTABindArgument value = {0};
    struct span data = context == OSI_MTS_TRANSFER ? unwrap(argument, BIND_ARGUMENT_TAG) : argument;
    *given = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    *security_context = false;
    if (!read(&x411_MTABindArgument_type, data, arena, &value, why))
        return false;
    if (value.choice == x411_MTABindArgument_unauthenticated)
        return true;
    *security_context = value.u.authenticated.security_context.items != NULL;
    return take(value.u.authenticated.initiator_name, &value.u.authenticated.initiator_credentials, given,
                why);
}

bool bind_read_result(struct span result, enum osi_context context, struct arena *arena,
                      struct ipc_credentials *given, char *why) {
    struct x411_MTABindResult value = {0};
    struct span data = context == OSI_MTS_TRANSFER ? unwrap(result, BIND_RESULT_TAG) : result;
    *given = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    if (!read(&x411_MTABindResult_type, data, arena, &value, why))
        return false;
    if (value.choice == x411_MTABindResult_unauthenticated)
        return true;
    return take(value.u.authenticated.responder_name, &value.u.authenticated.responder_credentials, given,
                why);
}

bool bind_read_user(struct span argument, struct arena *arena, struct span *user,
                    struct ipc_credentials *given, bool *security_context, char *why) {
    struct x411p3_MTSBindArgument value = {0};
    *given = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    *user = SPAN_LIT("");
    if (!read(&x411p3_MTSBindArgument_type, unwrap(argument, BIND_ARGUMENT_TAG), arena, &value, why))
        return false;
    const struct x411p3_ObjectName *name = &value.initiator_name;
    if (name->choice == x411p3_ObjectName_user_agent)
        *user = oraddress_name_text(&name->u.user_agent, arena);
    else if (name->choice == x411p3_ObjectName_message_store)
        *user = oraddress_name_text(&name->u.message_store, arena);
    *security_context = value.security_context.items != NULL;
    if (!user->data || user->len > IPC_BIND_ADDRESS_MAX)
        snprintf(why, 200, "its name has more than %d octets as text", IPC_BIND_ADDRESS_MAX);
    return user->data && user->len <= IPC_BIND_ADDRESS_MAX &&
           take(SPAN_LIT(""), &value.initiator_credentials, given, why);
}

struct span bind_user_result(const struct ipc_credentials *ours, struct arena *arena) {
    struct x411p3_MTSBindResult result = {.responder_name = {.choice = x411p3_ObjectName_mTA}};
    result.responder_name.u.mTA = ours->name;
    put_credentials(ours, OSI_MTS_TRANSFER, &result.responder_credentials);
    return encode(&x411p3_MTSBindResult_type, &result, BIND_RESULT_TAG, OSI_MTS_TRANSFER, arena);
}

bool bind_read_ms(struct span argument, struct arena *arena, struct x413_MSBindArgument *value,
                  struct span *user, struct ipc_credentials *given, char *why) {
    *given = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    *user = SPAN_LIT("");
    if (!read(&x413_MSBindArgument_type, unwrap(argument, BIND_ARGUMENT_TAG), arena, value, why))
        return false;
    *user = oraddress_name_text(&value->initiator_name, arena);
    if (!user->data || user->len > IPC_BIND_ADDRESS_MAX)
        snprintf(why, 200, "its name has more than %d octets as text", IPC_BIND_ADDRESS_MAX);
    return user->data && user->len <= IPC_BIND_ADDRESS_MAX &&
           take(SPAN_LIT(""), &value->initiator_credentials, given, why);
}

struct span bind_ms_result(const struct x413_MSBindResult *result, struct arena *arena) {
    return encode(&x413_MSBindResult_type, result, BIND_RESULT_TAG, OSI_MTS_TRANSFER, arena);
}

struct span bind_ms_error(const struct x413_MSBindError *error, struct arena *arena) {
    return encode(&x413_MSBindError_type, error, BIND_ERROR_TAG, OSI_MTS_TRANSFER, arena);
}

const char *bind_error_name(struct span user_data) {
    static const char *const names[] = {"busy",
                                        NULL,
                                        "authentication-error",
                                        "unacceptable-dialogue-mode",
                                        "unacceptable-security-context",
                                        "inadequate-association-confidentiality"};
    struct arena arena;
    x411_MTABindError error = -1;
    char why[200];
    arena_init(&arena, 4096);
    bool ok = read(&x411_MTABindError_type, unwrap(user_data, BIND_ERROR_TAG), &arena, &error, why);
    arena_free(&arena);
    return ok && error >= 0 && error < (int64_t)(sizeof names / sizeof *names) ? names[error] : NULL;
}

const char *bind_error_parameter(const char *name) {
    static const char *const parameters[][2] = {
        {"authentication-error", "initiator-name or credentials"},
        {"unacceptable-dialogue-mode", "dialogue mode"},
        {"unacceptable-security-context", "security-context"},
        {"inadequate-association-confidentiality", "association confidentiality"}};
    for (size_t i = 0; i < sizeof parameters / sizeof *parameters; i++)
        if (strcmp(name, parameters[i][0]) == 0)
            return parameters[i][1];
    return "";
}
