#include "mta/inbound.h"

#include "base/alloc.h"
#include "mta/mta_private.h"

/* One that was refused before its end stays for what still comes of it: another may begin as well. */
unsigned inbound_state(const struct inbound *inbound) {
    if (!inbound)
        return IPC_STATE_NO_INBOUND;
    return (inbound->kind ? IPC_STATE_CONTENT : IPC_STATE_ENVELOPE) |
           (inbound->answered ? IPC_STATE_NO_INBOUND : 0);
}

/* What the store keeps of it may stay there: leftovers.c counts when these numbers are too high. */
static void note_left(struct peer *peer, const struct inbound *inbound) {
    peer->left.count++;
    peer->left.octets += inbound->content ? store_content_length(inbound->content) : 0;
}

void inbound_free(struct association *association) {
    struct inbound *inbound = association->inbound;
    if (!inbound)
        return;
    if (inbound->stored)
        note_left(association->peer, inbound);
    for (size_t i = 0; i < inbound->checkpoint_count; i++)
        bytes_drop(inbound->checkpoints[i].parser);
    store_content_release(inbound->content);
    store_content_release(inbound->spooled);
    bytes_drop(inbound->names);
    buf_free(&inbound->envelope);
    mem_free(inbound);
    association->inbound = NULL;
}

void inbound_forget_answered(struct association *association) {
    inbound_forget_ended(association);
    if (association->inbound && association->inbound->answered)
        inbound_free(association);
}

void inbound_note_ended(struct association *association) {
    const struct inbound *inbound = association->inbound;
    inbound_forget_ended(association);
    association->ended = inbound->stored;
    association->ended_spool = inbound->spool;
    association->ended_names = bytes_keep(inbound->names);
    association->ended_well = false;
}

void inbound_forget_ended(struct association *association) {
    association->ended = association->ended_spool = 0;
    bytes_drop(association->ended_names);
    association->ended_names = NULL;
}

static bool add_checkpoint(struct inbound *inbound, struct checkpoint checkpoint, struct span parser) {
    checkpoint.parser = bytes_new(parser, (struct span){NULL, 0});
    if (!checkpoint.parser)
        return false;
    if (inbound->checkpoint_count == CHECKPOINTS) {
        bytes_drop(inbound->checkpoints[0].parser);
        memmove(inbound->checkpoints, inbound->checkpoints + 1, (CHECKPOINTS - 1) * sizeof checkpoint);
        inbound->checkpoint_count--;
    }
    inbound->checkpoints[inbound->checkpoint_count++] = checkpoint;
    return true;
}

bool inbound_checkpoint(struct inbound *inbound, uint32_t serial, uint64_t offset, struct span parser) {
    struct checkpoint checkpoint = {
        .offset = offset,
        .content_length = inbound->content ? store_content_length(inbound->content) - inbound->skip : 0,
        .serial = serial,
        .envelope_length = (uint32_t)inbound->envelope.len,
        .kind = inbound->kind};
    return add_checkpoint(inbound, checkpoint, parser);
}

/* Tells a state from those of before 2026-11-26, which gave the kind alone. A resume from one of those finds
 * nothing, and its transfer begins anew. */
#define STATE_FORMAT 0x10

bool inbound_write(const struct inbound *inbound, struct span address, struct buf *out) {
    bool done = payload_put_octets(out, address) &&
                buf_append_byte(out, (uint8_t)(STATE_FORMAT | inbound->kind)) &&
                buf_append_u64(out, inbound->spool) &&
                payload_put_octets(out, inbound->spool ? SPAN_LIT("") : buf_span(&inbound->envelope)) &&
                buf_append_byte(out, (uint8_t)inbound->checkpoint_count);
    for (size_t i = 0; i < inbound->checkpoint_count; i++) {
        const struct checkpoint *checkpoint = &inbound->checkpoints[i];
        done = done && buf_append_u32(out, checkpoint->serial) && buf_append_u64(out, checkpoint->offset) &&
               buf_append_u64(out, checkpoint->content_length) &&
               buf_append_u32(out, checkpoint->envelope_length) &&
               buf_append_byte(out, (uint8_t)checkpoint->kind) &&
               payload_put_octets(out, bytes_head(checkpoint->parser));
    }
    return done;
}

struct span inbound_address(struct span state) {
    struct reader r = reader_of(state);
    return payload_octets(&r);
}

bool inbound_read(struct inbound *inbound, struct span state) {
    struct reader r = reader_of(state);
    payload_octets(&r);
    inbound->kind = (enum ipc_apdu)(reader_u8(&r) ^ STATE_FORMAT);
    inbound->spool = reader_u64(&r);
    bool done = inbound->kind <= IPC_APDU_REPORT && buf_append_span(&inbound->envelope, payload_octets(&r));
    unsigned count = reader_u8(&r);
    for (unsigned i = 0; done && i < count; i++) {
        struct checkpoint checkpoint = {.serial = reader_u32(&r)};
        checkpoint.offset = reader_u64(&r);
        checkpoint.content_length = reader_u64(&r);
        checkpoint.envelope_length = reader_u32(&r);
        checkpoint.kind = (enum ipc_apdu)reader_u8(&r);
        struct span parser = payload_octets(&r);
        done = !r.failed && add_checkpoint(inbound, checkpoint, parser);
    }
    return done && payload_done(&r);
}

/* Till the batch is on disk its row is there for all who walk through the rows. */
static void forget_leaving(struct mta *mta, const struct effect *effect) {
    map_remove(&mta->leaving_in, effect->ref);
}

static const struct effect_kind leaving = {forget_leaving, forget_leaving};

static bool remove_activity(struct mta *mta, uint64_t stored) {
    struct effect effect = {.kind = &leaving, .ref = stored};
    if (!stored)
        return true;
    if (!map_put(&mta->leaving_in, stored, mta))
        return false;
    if (batch_effect_later(mta, effect))
        return store_remove_activity_in(mta->batch.store, stored);
    forget_leaving(mta, &effect);
    return false;
}

bool inbound_remove(struct mta *mta, const struct inbound *inbound) {
    return remove_activity(mta, inbound->stored) && remove_activity(mta, inbound->spool);
}

uint64_t inbound_spool(struct span state) {
    struct reader r = reader_of(state);
    payload_octets(&r);
    reader_u8(&r);
    uint64_t spool = reader_u64(&r);
    return r.failed ? 0 : spool;
}

bool inbound_forget(struct mta *mta, const struct store_activity_in *activity) {
    return inbound_remove(mta,
                          &(struct inbound){.stored = activity->id, .spool = inbound_spool(activity->state)});
}
