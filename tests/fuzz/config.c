/*
 * The configuration: files of the input (files.h), the first of which is read
 * with what it includes. No other file is ever opened, and the slice that is made
 * for each kind of process can be read by it.
 */
#include "mhsd/config.h"

#include <stdlib.h>

#include "files.h"
#include "quiet.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

/* What every process relies on. */
static void use(const struct config *config) {
    require(config->mta.tables && config->mta.node && config->socket && config->net_processes >= 1);
    for (size_t i = 0; i < config->protocol.peer_count; i++)
        require(config->protocol.peers[i].name && config->protocol.peers[i].context_count <= 3);
}

/* Each kind can read its own. */
static void slice(const struct config *config) {
    for (unsigned kind = CONFIG_STORE; kind <= CONFIG_CLIENTS; kind *= 2) {
        struct error err = {0};
        struct buf text;
        buf_init(&text, 1 << 20);
        require(config_slice(config, kind, &text));
        struct config *again = config_read_slice(buf_span(&text), kind, &err);
        require(again && again->socket && again->mta.node);
        config_free(again);
        buf_free(&text);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct error err = {0};
    struct config_report report;
    static struct config *running;
    files_octets = span_of(data, size);
    config_report_init(&report);
    struct config *config = config_read_file("/0", running, &report, &err);
    require(config || (err.text[0] && report.complaints.len));
    if (config) {
        use(config);
        slice(config);
        config_free(running);
        running = config;
    }
    config_report_free(&report);
    config = config_read(span_of(data, size), "text", &err);
    require(config || err.text[0]);
    config_free(config);
    return 0;
}
