/* Log lines about peers: one that has bound may cause as many as it likes, too. */
#include "base/alloc.h"
#include "base/log.h"
#include "protocol/connection.h"

/* Names are those of the configuration, before and after reloads: there are no more places than that. NULL
 * without memory. */
static struct log_causer *causer_of(struct net *net, const char *name) {
    uint64_t key = span_hash(span_str(name)) | 1;
    struct log_causer *causer = map_get(&net->peer_lines, key);
    if (causer || !(causer = mem_alloc(sizeof *causer)))
        return causer;
    *causer = (struct log_causer){0};
    log_causer_name(causer, "peer=", name);
    if (map_put(&net->peer_lines, key, causer))
        return causer;
    mem_free(causer);
    return NULL;
}

void peer_lines_write(struct net *net, const char *peer, enum log_level level, const char *text) {
    struct log_causer *causer = causer_of(net, peer);
    if (causer)
        log_caused_by(causer, level, "%s", text);
    else
        log_caused(level, "%s", text);
}

void peer_lines_free(struct net *net) {
    for (size_t i = 0; i < net->peer_lines.room; i++) {
        struct log_causer *causer = net->peer_lines.slots[i].value;
        if (!causer)
            continue;
        log_causer_forget(causer);
        mem_free(causer);
    }
    map_free(&net->peer_lines);
}
