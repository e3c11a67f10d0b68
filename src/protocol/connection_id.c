/*
 * The name of an association for recovery, as one string of octets: the three
 * parts of the SessionConnectionIdentifier (X.228 §9), each with its length.
 * The calling part is random: who can't guess it can't take over a transfer.
 */
#include <openssl/rand.h>
#include <stdio.h>

#include "base/clock.h"
#include "protocol/p1_private.h"

bool connection_id_write(const struct osi_connection_id *id, struct buf *out) {
    return payload_put_octets(out, id->calling) && payload_put_octets(out, id->common) &&
           payload_put_octets(out, id->additional);
}

bool connection_id_read(struct span octets, struct osi_connection_id *id) {
    struct reader r = reader_of(octets);
    *id = (struct osi_connection_id){0};
    id->calling = payload_octets(&r);
    id->common = payload_octets(&r);
    id->additional = payload_octets(&r);
    if (id->additional.len == 0)
        id->additional.data = NULL;
    return payload_done(&r);
}

bool connection_id_new(struct osi_connection_id *id, char calling[static 33], char common[static 14]) {
    unsigned char random[16];
    if (RAND_bytes(random, sizeof random) != 1)
        return false;
    for (size_t i = 0; i < sizeof random; i++)
        snprintf(calling + 2 * i, 3, "%02x", random[i]);
    struct civil_time t = civil_from_seconds(clock_now_us() / 1000000);
    snprintf(common, 14, "%02u%02u%02u%02u%02u%02uZ", (unsigned)t.year % 100, (unsigned)t.month % 100,
             (unsigned)t.day % 100, (unsigned)t.hour % 100, (unsigned)t.minute % 100,
             (unsigned)t.second % 100);
    *id = (struct osi_connection_id){.calling = span_of(calling, 32), .common = span_of(common, 13)};
    return true;
}
