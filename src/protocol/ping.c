/* `mhs ping PEER`: associate, bind, release; a failure names the layer and what did not match. */
#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"
#include "protocol/net_private.h"

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

static void succeeded(struct connection *c) {
    const struct osi_open *open = osi_association_open(c->association);
    struct buf json;
    buf_init(&json, 0);
    buf_printf(&json, "{\"ok\": true, ");
    put_member(&json, "peer", connection_peer(c));
    buf_printf(&json, ", ");
    put_member(&json, "address", c->address);
    buf_printf(&json, ", ");
    put_member(&json, "application-context", connect_context_name(c->context));
    buf_printf(&json, ", \"session-version\": %u, \"checkpoint-size\": %u, \"window-size\": %u}",
               open->session_version, open->checkpoint_size, open->window_size);
    net_tell(c->net, IPC_PING_RESULT, c->ping, &json);
}

void ping_failed(struct connection *c) {
    struct buf json;
    buf_init(&json, 0);
    buf_printf(&json, "{\"ok\": false, ");
    put_member(&json, "peer", connection_peer(c));
    buf_printf(&json, ", ");
    put_member(&json, "address", c->address);
    buf_printf(&json, ", ");
    put_member(&json, "layer", layer_name(c->failure_layer));
    buf_printf(&json, ", ");
    if (c->failure_parameter[0]) {
        put_member(&json, "parameter", c->failure_parameter);
        buf_printf(&json, ", ");
    }
    put_member(&json, "cause", c->failure);
    buf_append_byte(&json, '}');
    net_tell(c->net, IPC_PING_RESULT, c->ping, &json);
}

void ping_ended(struct connection *c, bool released, enum ipc_layer layer, const char *parameter,
                const char *cause) {
    if (released) {
        succeeded(c);
    } else {
        c->failure_layer = layer;
        snprintf(c->failure_parameter, sizeof c->failure_parameter, "%s", parameter);
        snprintf(c->failure, sizeof c->failure, "%s", cause);
        ping_failed(c);
    }
    c->ping = 0;
}
