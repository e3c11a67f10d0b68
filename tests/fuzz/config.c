/*
 * The configuration: files of the input (files.h), the first of which is read
 * with what it includes. No other file is ever opened, and the text that is made
 * for the other processes means the same to them.
 */
#include "mhsd/config.h"

#include <stdlib.h>

#include "files.h"
#include "quiet.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void changed(const char *option) {
    require(option[0]);
}

/* What every process relies on. */
static void use(const struct config *config) {
    require(config->mta.tables && config->mta.node && config->socket && config->net_processes >= 1);
    for (size_t i = 0; i < config->protocol.peer_count; i++)
        require(config->protocol.peers[i].name && config->protocol.peers[i].context_count <= 3);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    struct buf text;
    static struct config *before;
    files_octets = span_of(data, size);
    buf_init(&text, 1 << 20);
    struct config *config = config_read_file("/0", &text, &err);
    require(config || err.text[0]);
    if (config) {
        struct config *again = config_read(buf_span(&text), "/0", &err);
        require(again);
        use(config);
        use(again);
        if (before)
            config_keep(again, before, changed);
        config_free(again);
        config_free(before);
        before = config;
    }
    buf_free(&text);
    config = config_read(span_of(data, size), "text", &err);
    require(config || err.text[0]);
    config_free(config);
    return 0;
}
