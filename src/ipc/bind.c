#include "ipc/bind.h"

#include "ipc/payload.h"

bool ipc_credentials_write(const struct ipc_credentials *credentials, struct buf *out) {
    return buf_append_byte(out, (uint8_t)credentials->form) && payload_put_octets(out, credentials->name) &&
           payload_put_octets(out, credentials->password);
}

bool ipc_credentials_read(struct reader *r, struct ipc_credentials *credentials) {
    credentials->form = (enum ipc_credentials_form)reader_u8(r);
    credentials->name = payload_octets(r);
    credentials->password = payload_octets(r);
    bool named = credentials->form != IPC_CREDENTIALS_NONE,
         simple = named && credentials->form != IPC_CREDENTIALS_STRONG;
    return !r->failed && credentials->form <= IPC_CREDENTIALS_STRONG &&
           credentials->name.len <= (named ? IPC_BIND_TEXT_MAX : 0) &&
           credentials->password.len <= (simple ? IPC_BIND_TEXT_MAX : 0);
}

static void put_selectors(const struct ipc_selectors *selectors, struct buf *out) {
    payload_put_octets(out, selectors->t);
    payload_put_octets(out, selectors->s);
    payload_put_octets(out, selectors->p);
}

static struct ipc_selectors selectors_of(struct reader *r) {
    struct ipc_selectors selectors;
    selectors.t = payload_octets(r);
    selectors.s = payload_octets(r);
    selectors.p = payload_octets(r);
    return selectors;
}

/* The names are whole, and not too many. */
static bool hosts_read(struct span hosts) {
    struct span host;
    size_t count = 0;
    while (count <= IPC_BIND_HOSTS_MAX && ipc_bind_host(&hosts, &host))
        count++;
    return count <= IPC_BIND_HOSTS_MAX && hosts.len == 0;
}

bool ipc_bind_host(struct span *hosts, struct span *host) {
    struct reader r = reader_of(*hosts);
    *host = payload_octets(&r);
    if (r.failed)
        return false;
    *hosts = payload_rest(&r);
    return true;
}

bool ipc_bind_write(const struct ipc_bind *bind, struct buf *out) {
    buf_append_byte(out, (uint8_t)bind->direction);
    buf_append_byte(out, (uint8_t)bind->binder);
    payload_put_octets(out, bind->user);
    payload_put_octets(out, bind->peer);
    payload_put_octets(out, bind->address);
    buf_append_byte(out, (uint8_t)bind->mode);
    buf_append_byte(out, bind->two_way_alternate);
    buf_append_byte(out, bind->security_context);
    payload_put_octets(out, bind->id);
    payload_put_octets(out, bind->recover_id);
    ipc_credentials_write(&bind->credentials, out);
    put_selectors(&bind->called, out);
    put_selectors(&bind->calling, out);
    buf_append_byte(out, bind->resolved);
    buf_append_span(out, bind->hosts);
    return !out->failed;
}

/* We call MTAs alone, and they have no O/R address. */
static bool names_binder(const struct ipc_bind *bind) {
    bool user = bind->binder != IPC_BINDER_MTA;
    return bind->binder <= IPC_BINDER_MS_USER && (!user || bind->direction == IPC_DIRECTION_IN) &&
           bind->user.len <= (user ? IPC_BIND_ADDRESS_MAX : 0);
}

bool ipc_bind_read(struct span payload, struct ipc_bind *bind) {
    struct reader r = reader_of(payload);
    bind->direction = (enum ipc_direction)reader_u8(&r);
    bind->binder = (enum ipc_binder)reader_u8(&r);
    bind->user = payload_octets(&r);
    bind->peer = payload_octets(&r);
    bind->address = payload_octets(&r);
    bind->mode = (enum ipc_mode)reader_u8(&r);
    bind->two_way_alternate = reader_u8(&r);
    bind->security_context = reader_u8(&r);
    bind->id = payload_octets(&r);
    bind->recover_id = payload_octets(&r);
    bool ok = ipc_credentials_read(&r, &bind->credentials);
    bind->called = selectors_of(&r);
    bind->calling = selectors_of(&r);
    bind->resolved = reader_u8(&r);
    bind->hosts = payload_rest(&r);
    return ok && payload_done(&r) && bind->direction <= IPC_DIRECTION_PING && names_binder(bind) &&
           bind->mode >= IPC_MODE_NORMAL && bind->mode <= IPC_MODE_1984 &&
           bind->id.len <= IPC_IDENTIFIER_MAX && bind->address.len <= IPC_IDENTIFIER_MAX &&
           bind->recover_id.len <= IPC_IDENTIFIER_MAX && hosts_read(bind->hosts);
}

bool ipc_bind_answer_write(const struct ipc_bind_answer *answer, struct buf *out) {
    buf_append_byte(out, (uint8_t)answer->verdict);
    payload_put_octets(out, answer->peer);
    payload_put_octets(out, answer->parameter);
    payload_put_octets(out, answer->cause);
    ipc_credentials_write(&answer->credentials, out);
    buf_append_span(out, answer->hosts);
    return !out->failed;
}

bool ipc_bind_answer_read(struct span payload, struct ipc_bind_answer *answer) {
    struct reader r = reader_of(payload);
    answer->verdict = (enum ipc_bind_verdict)reader_u8(&r);
    answer->peer = payload_octets(&r);
    answer->parameter = payload_octets(&r);
    answer->cause = payload_octets(&r);
    bool ok = ipc_credentials_read(&r, &answer->credentials);
    answer->hosts = payload_rest(&r);
    return ok && payload_done(&r) && answer->verdict >= IPC_BIND_ADMITTED &&
           answer->verdict <= IPC_BIND_CANNOT_RECOVER && hosts_read(answer->hosts);
}
