/* MS-bind (X.413 §7.1): its argument, and what is answered. Whose a bind is and whether the password is right
 * the store process says. */
#include "base/alloc.h"
#include "base/clock.h"
#include "protocol/bind.h"
#include "protocol/p7_private.h"
#include "schema/x413.h"

/* As for MTAs (admission.c): how long it took to find out, nobody can tell. */
#define REFUSAL_US ((int64_t)300000)

/* ---- refusals ---- */

static void refuse(const struct p7 *p7, int64_t problem) {
    struct x413_MSBindError error = {.choice = x413_MSBindError_unqualified_error};
    struct arena arena;
    arena_init(&arena, 4096);
    if (p7_is_1994(p7)) {
        error.choice = x413_MSBindError_qualified_error;
        error.u.qualified_error.bind_problem = problem;
    } else {
        error.u.unqualified_error = problem;
    }
    osi_association_refuse(p7->p3.connection->association, OSI_REFUSE_VALIDATION_FAILURE,
                           bind_ms_error(&error, &arena));
    arena_free(&arena);
}

void p7_refuse_wrong(struct p7 *p7) {
    refuse(p7, x413_BindProblem_authentication_error);
}

static void refuse_later(struct p7 *p7) {
    p7->p3.refuse_at = p7->p3.asked + REFUSAL_US;
    connection_kick(p7->p3.connection);
}

/* ---- the argument ---- */

static void ask(struct p7 *p7, struct ipc_bind *bind) {
    struct connection *c = p7->p3.connection;
    struct buf payload;
    buf_init_secret(&payload, 0);
    bind->direction = IPC_DIRECTION_IN;
    bind->binder = IPC_BINDER_MS_USER;
    bind->address = span_str(c->address);
    bind->mode = IPC_MODE_NORMAL;
    bind->two_way_alternate = p7->p3.open.dialogue == OSI_TWO_WAY_ALTERNATE;
    ipc_bind_write(bind, &payload);
    net_tell(c->net, IPC_BIND, c->ref, &payload);
    c->announced = true;
}

static bool keep(struct p7 *p7, const struct x413_MSBindArgument *argument) {
    struct p7_bind *bind = &p7->bind;
    bind->configuration = argument->ms_configuration_request;
    bind->registration = argument->ua_registration_identifier.data != NULL;
    for (size_t i = 0; i < argument->bind_extensions.count; i++)
        payload_put_octets(&bind->unknown, argument->bind_extensions.items[i].type_id);
    return !bind->unknown.failed &&
           (!argument->fetch_restrictions ||
            ber_encode(&x413_Restrictions_type, argument->fetch_restrictions, &bind->restrictions, NULL));
}

static void read_argument(struct p7 *p7, struct span argument) {
    struct x413_MSBindArgument value = {0};
    struct ipc_bind bind = {0};
    struct arena arena;
    char why[200] = "no memory";
    arena_init_secret(&arena, 64 * 1024);
    if (bind_read_ms(argument, &arena, &value, &bind.user, &bind.credentials, why) && keep(p7, &value)) {
        bind.security_context = value.security_context.items != NULL;
        ask(p7, &bind);
    } else {
        connection_warn(p7->p3.connection, "bind refused: the bind argument is not valid: %s", why);
        refuse_later(p7);
    }
    arena_free(&arena);
    mem_wipe_stack();
}

void p7_indication(struct p7 *p7, const struct osi_open *open) {
    struct connection *c = p7->p3.connection;
    p7->p3.open = *open;
    p7->p3.asked = clock_monotonic_us();
    c->state = CONNECTION_ADMISSION;
    if (open->recover) /* there is no bind in it, and nothing that a user could resume */
        osi_association_refuse(c->association, OSI_REFUSE_CANNOT_RECOVER, (struct span){NULL, 0});
    else if (osi_context_row(open->context)->user == OSI_USER_ROSE_OVER_RTSE &&
             open->dialogue != OSI_TWO_WAY_ALTERNATE) /* X.419 §10.4.2; MSBindError has no word for it */
        refuse(p7, x413_BindProblem_unable_to_establish_association);
    else
        read_argument(p7, open->user_data);
}

/* ---- the result ---- */

bool p7_on_open(struct p7 *p7, struct span payload) {
    struct reader r = reader_of(payload);
    struct span seal = payload_octets(&r), of_1988 = payload_octets(&r), of_1994 = payload_rest(&r);
    buf_clear(&p7->seal);
    buf_clear(&p7->result);
    return !r.failed && buf_append_span(&p7->seal, seal) &&
           buf_append_span(&p7->result, p7_is_1994(p7) ? of_1994 : of_1988);
}

/* What it was not asked for is not told. */
static bool make_result(const struct p7 *p7, struct arena *arena, struct x413_MSBindResult *result) {
    const struct p7_bind *bind = &p7->bind;
    struct reader r = reader_of(buf_span(&bind->unknown));
    size_t count = 0;
    if (!ber_decode(&x413_MSBindResult_type, buf_span(&p7->result), arena, NULL, result, NULL))
        return false;
    ber_forget_raw(&x413_MSBindResult_type, result);
    if (!bind->configuration)
        *result = (struct x413_MSBindResult){.responder_credentials = result->responder_credentials};
    if (!p7_is_1994(p7))
        return true;
    result->ua_registration_id_unknown = bind->registration;
    result->unsupported_extensions.items =
        bind->unknown.len ? arena_array(arena, bind->unknown.len, sizeof(struct span)) : NULL;
    while (result->unsupported_extensions.items && reader_left(&r))
        result->unsupported_extensions.items[count++] = payload_octets(&r);
    result->unsupported_extensions.count = count;
    return !bind->unknown.len || result->unsupported_extensions.items;
}

static void admit(struct p7 *p7, const struct ipc_bind_answer *answer) {
    struct connection *c = p7->p3.connection;
    struct x413_MSBindResult value = {0};
    struct arena arena;
    arena_init(&arena, 256 * 1024);
    struct span result =
        make_result(p7, &arena, &value) ? bind_ms_result(&value, &arena) : (struct span){NULL, 0};
    if (connection_name(c, answer->peer) && result.data &&
        osi_association_accept(c->association, result, clock_monotonic_us())) {
        connection_bound(c);
        connection_log(c, LOG_LEVEL_INFO, "association accepted (%s)",
                       osi_context_row(p7->p3.open.context)->name);
    } else {
        osi_association_user_abort(c->association, (struct span){NULL, 0});
    }
    arena_free(&arena);
}

bool p7_on_bind_answer(struct p7 *p7, struct span payload) {
    struct ipc_bind_answer answer;
    if (!ipc_bind_answer_read(payload, &answer) || (answer.verdict == IPC_BIND_ADMITTED && !p7->result.len))
        return false;
    p7->p3.connection->announced = answer.verdict == IPC_BIND_ADMITTED;
    if (answer.verdict == IPC_BIND_ADMITTED)
        admit(p7, &answer);
    else if (answer.verdict == IPC_BIND_UNACCEPTABLE_SECURITY_CONTEXT)
        refuse(p7, x413_BindProblem_unacceptable_security_context);
    else if (answer.verdict == IPC_BIND_BUSY)
        refuse(p7, x413_BindProblem_unable_to_establish_association);
    else
        refuse_later(p7);
    return true;
}

void p7_bind_free(struct p7 *p7) {
    buf_free(&p7->bind.restrictions);
    buf_free(&p7->bind.unknown);
    buf_free(&p7->seal);
    buf_free(&p7->result);
}
