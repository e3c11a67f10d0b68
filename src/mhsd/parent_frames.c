#include "mhsd/parent_frames.h"

#include <stdio.h>

#include "base/log.h"
#include "base/reader.h"
#include "mhsd/absence.h"
#include "mhsd/parent_manage.h"
#include "mhsd/parent_reload.h"
#include "mhsd/parent_start.h"
#include "mhsd/supervisor.h"

/* Said once, when the peers and the local socket are served. */
static void tell_ready(struct parent *parent) {
    if (parent->told || !parent->children[KIND_NET]->ready || !parent->children[KIND_CLIENTS]->ready)
        return;
    parent->told = true;
    log_notice("serving at %zu address%s; mhs reaches it at %s", parent->sockets.listener_count,
               parent->sockets.listener_count == 1 ? "" : "es", parent->config->socket);
    supervisor_tell("READY=1");
}

static bool on_ready(struct child *child, uint64_t ref, struct span payload) {
    (void)ref;
    (void)payload;
    child_shorten_pause(child);
    child->ready = child->served = true;
    child->failures = 0;
    tell_ready(child->parent);
    if (child->kind == KIND_STORE && !child->parent->store_ready) {
        child->parent->store_ready = true;
        absence_end(child->parent->absence);
        parent_start_others(child->parent);
    }
    return true;
}

/* Of one that has ended meanwhile, or is about to, there is nothing to do. Where a reader says it one of the
 * two was taken over, and nobody can tell which: the reader goes too, so that it can't end others again and
 * again. */
static bool on_channel_gone(struct child *by, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    struct ipc_holder holder;
    holder.end = (enum ipc_end)reader_u8(&r);
    holder.number = reader_u8(&r);
    holder.life = reader_u32(&r);
    bool broke_rules = reader_u8(&r);
    enum child_kind kind;
    (void)ref;
    if (!child_may_accuse(by->kind, holder.end, &kind) || holder.number >= by->parent->count[kind])
        return false;
    struct child *child = &by->parent->children[kind][holder.number];
    if (child->life != holder.life || child->pid == 0 || child->condemned || child->parent->stopping)
        return true;
    if (!broke_rules) {
        child_await_end(child);
        return true;
    }
    log_error("the %s process broke the rules, says the %s process; %s", child_name(child), child_name(by),
              by->kind == KIND_READER ? "both are ended" : "it is ended");
    child_end(child);
    if (by->kind == KIND_READER)
        child_end(by);
    return true;
}

/* What is done with a frame, by its number. */
static bool (*const rows[IPC_NUMBERS])(struct child *child, uint64_t ref,
                                       struct span payload) = {[IPC_READY] = on_ready,
                                                               [IPC_CONFIG_TAKEN] = parent_take_answer,
                                                               [IPC_MANAGE] = parent_take_request,
                                                               [IPC_CHANNEL_GONE] = on_channel_gone};

static bool dispatch(struct child *child, enum ipc_type type, uint64_t ref, struct span payload,
                     char why[static IPC_WHY]) {
    const struct ipc_side side = {.self = IPC_PARENT, .other = child_kinds[child->kind].party};
    const struct ipc_frame *frame = ipc_frame_take(&side, type, ref, payload, why);
    unsigned state = child->ready ? IPC_STATE_UP : IPC_STATE_STARTING;
    if (!frame || ipc_frame_judge(frame, state, why) != IPC_LEGAL)
        return false;
    snprintf(why, IPC_WHY, "frame %s, which nothing called for", frame->name);
    return rows[type](child, ref, payload);
}

/* Nothing of what it says could be believed any more. */
static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct child *child = context;
    char why[IPC_WHY];
    (void)channel;
    if (dispatch(child, type, ref, payload, why))
        return true;
    log_error("the %s process broke the rules by %s; it is ended", child_name(child), why);
    child_end(child);
    return false;
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct child *child = context;
    (void)cause;
    child->channel = NULL; /* what became of the process, SIGCHLD tells */
    if (ipc_broke_rules(channel))
        child_end(child);
    else
        child_await_end(child);
}

static void on_writable(void *context, struct ipc_channel *channel) {
    (void)context;
    ipc_resume(channel);
}

const struct ipc_handler parent_handler = {.frame = on_frame, .closed = on_closed, .writable = on_writable};
