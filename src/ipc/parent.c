#include "ipc/parent.h"

#include "base/alloc.h"
#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/payload.h"

static const struct span nothing = {NULL, 0};

struct ipc_parent {
    struct ipc_channel *channel; /* NULL: it is gone */
    enum ipc_party self;
    const struct ipc_parent_calls *calls;
    void *context;
    struct buf parts; /* of a configuration that is coming in */
};

static void on_config(struct ipc_parent *parent, uint64_t more, struct span payload) {
    struct span slice;
    struct buf remarks;
    if (!payload_config(&parent->parts, more, payload, &slice))
        return;
    buf_init(&remarks, IPC_REMARKS_MAX);
    uint8_t taken = parent->calls->reload(parent->context, slice, &remarks);
    ipc_send(parent->channel, IPC_CONFIG_TAKEN, 0, span_of(&taken, 1), buf_span(&remarks));
    buf_free(&remarks);
}

static void on_stop(struct ipc_parent *parent, uint64_t ref, struct span payload) {
    (void)ref;
    (void)payload;
    parent->calls->stop(parent->context);
}

static void on_managed(struct ipc_parent *parent, uint64_t ref, struct span payload) {
    parent->calls->managed(parent->context, ref, payload);
}

/* What is done with a frame, by its number. */
static void (*const rows[IPC_NUMBERS])(struct ipc_parent *parent, uint64_t ref, struct span payload) = {
    [IPC_CONFIG] = on_config, [IPC_STOP] = on_stop, [IPC_MANAGED] = on_managed};

static bool on_frame(void *context, struct ipc_channel *channel, enum ipc_type type, uint64_t ref,
                     struct span payload) {
    struct ipc_parent *parent = context;
    const struct ipc_side side = {.self = parent->self, .other = IPC_PARENT};
    char why[IPC_WHY];
    (void)channel;
    if (ipc_frame_take(&side, type, ref, payload, why)) {
        rows[type](parent, ref, payload);
        return true;
    }
    log_error("the parent broke the rules by %s", why);
    return false;
}

static void on_closed(void *context, struct ipc_channel *channel, const char *cause) {
    struct ipc_parent *parent = context;
    (void)channel;
    log_notice("the parent is gone: %s", cause);
    parent->channel = NULL;
    parent->calls->stop(parent->context);
}

static const struct ipc_handler handler = {.frame = on_frame, .closed = on_closed};

struct ipc_parent *ipc_parent_new(struct event_base *loop, int fd, enum ipc_party self,
                                  const struct ipc_parent_calls *calls, void *context) {
    struct ipc_parent *parent = mem_alloc(sizeof *parent);
    if (!parent)
        return NULL;
    *parent = (struct ipc_parent){.self = self, .calls = calls, .context = context};
    buf_init(&parent->parts, IPC_CONFIG_MAX);
    parent->channel = ipc_channel_new(loop, fd, "parent", &handler, parent);
    if (parent->channel)
        return parent;
    mem_free(parent);
    return NULL;
}

void ipc_parent_free(struct ipc_parent *parent) {
    if (!parent)
        return;
    ipc_channel_free(parent->channel);
    buf_free(&parent->parts);
    mem_free(parent);
}

bool ipc_parent_ready(struct ipc_parent *parent) {
    return ipc_send(parent->channel, IPC_READY, 0, nothing, nothing);
}

bool ipc_parent_manage(struct ipc_parent *parent, uint64_t ref, struct span payload) {
    return parent && parent->channel && ipc_send(parent->channel, IPC_MANAGE, ref, payload, nothing);
}

void ipc_parent_channel_gone(struct ipc_parent *parent, const struct ipc_holder *holder, bool broke_rules) {
    struct buf payload;
    if (!parent || !parent->channel)
        return;
    buf_init(&payload, 0);
    if (buf_append_byte(&payload, (uint8_t)holder->end) && buf_append_byte(&payload, holder->number) &&
        buf_append_u32(&payload, holder->life) && buf_append_byte(&payload, broke_rules))
        ipc_send(parent->channel, IPC_CHANNEL_GONE, 0, buf_span(&payload), nothing);
    buf_free(&payload);
}
