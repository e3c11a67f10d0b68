/* TPKT: the same packets must come out whether the octets come at once or one by one. */
#include "osi/tpkt.h"

static size_t run(struct span in, size_t step, uint64_t *hash) {
    struct tpkt t;
    size_t packets = 0, used;
    struct span tpdu;
    tpkt_init(&t);
    *hash = 0;
    while (in.len > 0) {
        enum tpkt_result result = tpkt_input(&t, span_sub(in, 0, step), &used, &tpdu);
        in = span_sub(in, used, in.len);
        if (result == TPKT_PACKET) {
            packets++;
            *hash = *hash * 31 + span_hash(tpdu);
        } else if (result != TPKT_MORE || used == 0) {
            break;
        }
    }
    tpkt_free(&t);
    return packets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    uint64_t whole, single;
    struct span in = span_of(data, size);
    if (run(in, size, &whole) != run(in, 1, &single) || whole != single)
        __builtin_trap();
    return 0;
}
