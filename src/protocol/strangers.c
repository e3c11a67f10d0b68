#include "protocol/strangers.h"

#include <stdio.h>

#include "base/host.h"
#include "base/log.h"

void strangers_warn(const char *address, const char *text) {
    char network[HOST_TEXT_SIZE], who[HOST_TEXT_SIZE + 16];
    host_network(address, HOST_SITE_BITS, network);
    snprintf(who, sizeof who, "network=%s", network);
    log_caused_by_stranger(who, LOG_LEVEL_WARNING, "peer=? address=%s %s", address, text);
}
