#include "protocol/config.h"

const struct protocol_peer *protocol_peer_named(const struct protocol_config *config, struct span name) {
    for (size_t i = 0; i < config->peer_count; i++)
        if (span_eq(span_str(config->peers[i].name), name))
            return &config->peers[i];
    return NULL;
}
