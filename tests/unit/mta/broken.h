/* Transfers of beta's that break, and what is told of them: a world (world.h). */
#ifndef BROKEN_H
#define BROKEN_H

#include "world.h"

UNUSED static void begin(struct world *world, uint64_t ref, const char *activity, bool good) {
    say_transfer(world, ref, activity);
    struct span envelope = good ? envelope_to(world, WANTS_NDN, FRANK, NULL) : SPAN_LIT("\x31\x02\x05\x00");
    tell(world, IPC_TRANSFER_ENVELOPE, ref, SPAN_LIT("\1"), envelope);
    tell(world, IPC_TRANSFER_CONTENT, ref, SPAN_LIT("content"), NOTHING);
}

UNUSED static void checkpoint(struct world *world, uint64_t ref, uint32_t serial) {
    say_checkpoint(world, ref, serial, 1000, "parser");
    expect_checkpoint(world, ref, serial);
}

UNUSED static enum ipc_result end(struct world *world, uint64_t ref) {
    tell(world, IPC_TRANSFER_END, ref, NOTHING, NOTHING);
    return result_of(world, ref);
}

UNUSED static enum ipc_resume resumed(struct world *world, uint64_t ref, const char *association,
                                      const char *activity, uint32_t serial) {
    struct reader r = say_resume(world, ref, association, activity, serial);
    return (enum ipc_resume)reader_u8(&r);
}

/* From its first checkpoint, on an association of beta's that is new. */
UNUSED static enum ipc_resume asked_anew(struct world *world, uint64_t ref, const char *association,
                                         const char *activity) {
    associate(world, ref, "beta");
    return resumed(world, ref, association, activity, 1);
}

/* The resumed one has that name on the association. */
UNUSED static enum ipc_resume resumed_from(struct world *world, uint64_t ref, const char *association,
                                           const char *activity, uint32_t serial, const char *new) {
    ask_resume_as(world, ref, association, activity, serial, new);
    struct reader r = expect(world, IPC_RESUME_RESULT, ref);
    assert_int_equal(reader_u32(&r), world->transfer);
    return (enum ipc_resume)reader_u8(&r);
}

/* From its first checkpoint. */
UNUSED static enum ipc_resume resumed_as(struct world *world, uint64_t ref, const char *association,
                                         const char *activity, const char *new) {
    return resumed_from(world, ref, association, activity, 1, new);
}

UNUSED static void comes_to_checkpoint(struct world *world, uint64_t ref, const char *activity) {
    begin(world, ref, activity, true);
    checkpoint(world, ref, 1);
}

/* Of one that is not the last that began. */
UNUSED static void next_checkpoint(struct world *world, uint64_t ref, uint32_t serial) {
    say_checkpoint(world, ref, serial, 1000, "parser");
    expect(world, IPC_TRANSFER_CHECKPOINT_DONE, ref);
}

UNUSED static void comes_whole(struct world *world, uint64_t ref, const char *activity) {
    comes_to_checkpoint(world, ref, activity);
    assert_int_equal(end(world, ref), IPC_ACCEPTED);
}

UNUSED static void break_off(struct world *world, uint64_t ref) {
    associate(world, ref, "beta");
    comes_to_checkpoint(world, ref, "\2\1\1");
}

UNUSED static void breaks(struct world *world, uint64_t ref) {
    break_off(world, ref);
    close_association(world, ref, IPC_CLOSE_BROKEN);
}

UNUSED static bool recovers(struct world *world, uint64_t ref, const char *broken) {
    char id[32];
    snprintf(id, sizeof id, "in-%llu", (unsigned long long)ref);
    announce(world, ref, false, "", id, broken);
    return admission(world, ref) == IPC_BIND_ADMITTED;
}

UNUSED static void interrupt(struct world *world, uint64_t ref) {
    tell(world, IPC_TRANSFER_STOP, ref, SPAN_LIT("\1"), NOTHING);
}

/* It can be resumed, and is left again. */
UNUSED static void goes_on(struct world *world, uint64_t ref, const char *association, const char *activity) {
    assert_int_equal(resumed(world, ref, association, activity, 1), IPC_RESUME_FROM);
    interrupt(world, ref);
}

#endif
