/* `mhs ping PEER`: associate, bind, release; a failure names the layer and what did not match. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "protocol/p1_private.h"

/* JSON text of a C string: what a peer sent is in `log_text` form already, so quotes and backslashes are all
 * there is. */
static void put_string(struct buf *out, const char *text) {
    buf_append_byte(out, '"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            buf_append_byte(out, '\\');
        buf_append_byte(out, (unsigned char)*text < 0x20 ? ' ' : (uint8_t)*text);
    }
    buf_append_byte(out, '"');
}

static void put_member(struct buf *out, const char *name, const char *text) {
    buf_printf(out, "\"%s\": ", name);
    put_string(out, text);
}

static const char *layer_name(enum ipc_layer layer) {
    static const char *const names[] = {"",     "tcp",  "transport", "session",        "presentation",
                                        "acse", "rtse", "bind",      "name resolution"};
    return names[layer];
}

static void succeeded(struct p1 *p1) {
    const struct osi_open *open = osi_association_open(p1->connection->association);
    struct buf json;
    buf_init(&json, 0);
    buf_printf(&json, "{\"ok\": true, ");
    put_member(&json, "peer", connection_peer(p1->connection));
    buf_printf(&json, ", ");
    put_member(&json, "address", p1->connection->address);
    buf_printf(&json, ", ");
    put_member(&json, "application-context", osi_context_row(p1->context)->name);
    buf_printf(&json, ", \"session-version\": %u, \"checkpoint-size\": %u, \"window-size\": %u}",
               open->session_version, open->checkpoint_size, open->window_size);
    net_tell(p1->connection->net, IPC_PING_RESULT, p1->call.ping, &json);
}

void ping_failed(struct p1 *p1) {
    struct buf json;
    buf_init(&json, 0);
    buf_printf(&json, "{\"ok\": false, ");
    put_member(&json, "peer", connection_peer(p1->connection));
    buf_printf(&json, ", ");
    put_member(&json, "address", p1->connection->address);
    buf_printf(&json, ", ");
    put_member(&json, "layer", layer_name(p1->call.failure_layer));
    buf_printf(&json, ", ");
    if (p1->call.failure_parameter[0]) {
        put_member(&json, "parameter", p1->call.failure_parameter);
        buf_printf(&json, ", ");
    }
    put_member(&json, "cause", p1->call.failure);
    buf_append_byte(&json, '}');
    net_tell(p1->connection->net, IPC_PING_RESULT, p1->call.ping, &json);
}

void ping_ended(struct p1 *p1, bool released, enum ipc_layer layer, const char *parameter,
                const char *cause) {
    if (released) {
        succeeded(p1);
    } else {
        p1->call.failure_layer = layer;
        snprintf(p1->call.failure_parameter, sizeof p1->call.failure_parameter, "%s", parameter);
        snprintf(p1->call.failure, sizeof p1->call.failure, "%s", cause);
        ping_failed(p1);
    }
    p1->call.ping = 0;
}
