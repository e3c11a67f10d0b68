/*
 * The remote operations machine: octet 0 of a step tells what our user does (an
 * invocation, an answer to the peer's last), the next two how long the PDU is
 * that then comes from the peer.
 */
#include "osi/rose.h"

#include "base/reader.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static bool is_open(const struct rose_invocations *list, int64_t id) {
    for (size_t i = 0; i < list->count; i++)
        if (list->ids[i] == id)
            return true;
    return false;
}

/* What we say must be said about what is open, and be understood by a machine like ours. */
static void act(struct rose *rose, unsigned what, struct arena *arena) {
    struct span pdu = {NULL, 0}, argument = SPAN_LIT("\x04\x01x");
    int64_t id = rose->theirs.count ? rose->theirs.ids[what / 8 % rose->theirs.count] : what;
    bool open = is_open(&rose->theirs, id), done = false;
    size_t ours = rose->ours.count;
    if (what % 4 == 0) {
        done = rose_invoke(rose, what, argument, arena, &id, &pdu);
        require(!done || (rose->ours.count == ours + 1 && is_open(&rose->ours, id)));
        return;
    }
    done = what % 4 == 1   ? rose_result(rose, id, what, argument, arena, &pdu)
           : what % 4 == 2 ? rose_error(rose, id, what, argument, arena, &pdu)
                           : rose_reject(rose, id, what % 8, arena, &pdu);
    require(!done || (open && !is_open(&rose->theirs, id) && pdu.len));
}

static void hear(struct rose *rose, struct span in, struct arena *arena) {
    struct rose_pdu pdu = {0}, answer = {0};
    struct span reply = {NULL, 0}, none;
    struct rose other;
    size_t ours = rose->ours.count;
    enum rose_input input = rose_input(rose, in, arena, &pdu, &reply);
    require(rose->ours.count <= ROSE_OUTSTANDING && rose->theirs.count <= ROSE_OUTSTANDING);
    if (input == ROSE_INDICATION && pdu.kind == ROSE_INVOKE)
        require(is_open(&rose->theirs, pdu.id));
    else if (input == ROSE_INDICATION)
        require(rose->ours.count == ours - (pdu.kind != ROSE_REJECT || rose->ours.count != ours));
    if (input != ROSE_REJECTED)
        return;
    /* Our reject is a PDU that a peer can read; being one, it is never rejected itself. */
    rose_init(&other);
    require(reply.len && rose_input(&other, reply, arena, &answer, &none) != ROSE_REJECTED);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = reader_of(span_of(data, size));
    struct rose rose;
    struct arena arena;
    arena_init(&arena, 1 << 22);
    rose_init(&rose);
    while (reader_left(&in) >= 3) {
        unsigned what = reader_u8(&in);
        size_t length = reader_u16(&in);
        if (what)
            act(&rose, what, &arena);
        hear(&rose, reader_take(&in, length < reader_left(&in) ? length : reader_left(&in)), &arena);
    }
    arena_free(&arena);
    return 0;
}
