#include "mta/identifiers.h"

#include <openssl/rand.h>
#include <stdio.h>

#include "mta/mta_private.h"

/* Digits of the part that is drawn at each start: 36^11 is above 2^56. */
#define PART_DIGITS 11

static bool draw_part(char part[static PART_DIGITS + 1], struct error *err) {
    uint8_t octets[PART_DIGITS];
    if (RAND_bytes(octets, sizeof octets) != 1)
        return error_set(err, STORE_IO, "no random octets to be had");
    for (size_t i = 0; i < PART_DIGITS; i++)
        part[i] = "0123456789abcdefghijklmnopqrstuvwxyz"[octets[i] % 36];
    part[PART_DIGITS] = '\0';
    return true;
}

/* Durable when it returns. */
static bool write_setting(const struct mta *mta, struct span name, struct span value, struct error *err) {
    struct store_batch *batch = store_batch_new(mta->view.store);
    bool done = (batch && store_put_record(batch, STORE_SETTING, name, value)) ||
                error_set(err, STORE_NO_MEMORY, "no memory");
    done = done && store_commit(batch, err);
    store_batch_free(batch);
    return done;
}

/*
 * Local identifiers are NODE.PART.NUMBER. The part is drawn anew at each start
 * and on disk before the first identifier is made: neither a counter nor a clock
 * can say what was used, as both go back when a backup is restored or the clock is
 * set. That the last one was drawn again is the one case that can be seen.
 */
bool identifiers_begin(struct mta *mta, struct error *err) {
    const struct span name = SPAN_LIT("identifier-part");
    char part[PART_DIGITS + 1];
    struct buf last;
    struct error none = {0};
    buf_init(&last, 256);
    bool done = store_get_record(mta->view.store, STORE_SETTING, name, &last, &none) ||
                none.code == STORE_NOT_FOUND || error_set(err, none.code, "%s", none.text);
    do
        done = done && draw_part(part, err);
    while (done && span_eq(buf_span(&last), span_str(part)));
    buf_free(&last);
    snprintf(mta->id_prefix, sizeof mta->id_prefix, "%.10s.%s", mta->view.config->node, done ? part : "");
    mta->id_next = 1;
    return done && write_setting(mta, name, span_str(part), err);
}
