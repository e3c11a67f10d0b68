#include "ms/operation.h"

#include "ms/operation_private.h"
#include "schema/x419.h"

/* Of the argument and what is said of it; of the values of one entry. */
#define ARGUMENT_MEMORY ((size_t)32 << 20)
#define VALUES_MEMORY   ((size_t)8 << 20)

static const struct {
    int64_t code;
    bool (*run)(struct ms_operation *operation);
} operations[] = {{x419_op_summarize, ms_summarize},
                  {x419_op_list, ms_list},
                  {x419_op_fetch, ms_fetch},
                  {x419_op_delete, ms_delete},
                  {x419_op_register_ms, ms_register}};

#define OPERATIONS (sizeof operations / sizeof *operations)

static void buffers(struct ms_reply *reply, void (*with)(struct buf *buf)) {
    with(&reply->octets);
    with(&reply->inserts);
    with(&reply->listed);
    with(&reply->processed);
    with(&reply->deleted);
    with(&reply->registered);
}

static void begin(struct buf *buf) {
    buf_init(buf, 0);
}

void ms_reply_init(struct ms_reply *reply) {
    *reply = (struct ms_reply){.kind = MS_REJECT};
    buffers(reply, begin);
}

void ms_reply_free(struct ms_reply *reply) {
    buffers(reply, buf_free);
}

void ms_refuse(struct ms_reply *reply, const char *why) {
    struct ms_operation operation = {.reply = reply};
    ms_fail_service(&operation, x413_ServiceProblem_unavailable, why);
}

static bool operate(struct ms_operation *operation) {
    for (size_t i = 0; i < OPERATIONS; i++)
        if (operations[i].code == operation->request->code)
            return operations[i].run(operation) &&
                   (!operation->reply->octets.failed ||
                    ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory"));
    return ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform, "");
}

void ms_operate(const struct ms_service *service, const struct ms_request *request, struct ms_reply *reply) {
    struct ms_operation operation = {.service = service, .request = request, .reply = reply};
    arena_init(&operation.arena, ARGUMENT_MEMORY);
    arena_init(&operation.values, VALUES_MEMORY);
    if (operate(&operation)) {
        reply->kind = MS_RESULT;
        reply->code = request->code;
    } else {
        buf_clear(&reply->listed);
        buf_clear(&reply->processed);
        buf_clear(&reply->deleted);
        buf_clear(&reply->registered);
    }
    arena_free(&operation.arena);
    arena_free(&operation.values);
}
