#include "work/work.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/time.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "ipc/payload.h"
#include "work/work_private.h"

static const struct span nothing = {NULL, 0};

typedef bool operation(struct job *job);

static operation *const operations[] = {
    [IPC_WORK_DOWNGRADE] = work_downgrade, [IPC_WORK_ATTRIBUTES] = work_attributes};

void work_limit(void) {
    static const struct rlimit none = {0, 0};
    static const struct rlimit space = {WORK_SPACE_OCTETS, WORK_SPACE_OCTETS};
    setrlimit(RLIMIT_CORE, &none);
#if defined(__SANITIZE_ADDRESS__)
    (void)space;
#else
    setrlimit(RLIMIT_AS, &space);
#endif
}

/* SIGPROF ends the process. */
static void limit_time(unsigned seconds) {
    struct itimerval limit = {.it_value = {.tv_sec = seconds}};
    setitimer(ITIMER_PROF, &limit, NULL);
}

static bool do_job(struct ipc_client *store, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    struct job job = {.store = store, .ref = ref, .content = {.read = work_read, .context = &job}};
    unsigned number = reader_u8(&r);
    job.content.length = reader_u64(&r);
    arena_init(&job.arena, WORK_ARENA_OCTETS);
    buf_init(&job.written, IPC_CHUNK);
    job.arguments = arena_dup(&job.arena, payload_rest(&r)); /* the payload goes with the next frame */
    bool known = number < sizeof operations / sizeof *operations && operations[number];
    ber_utctime_set_now(clock_now_us() / 1000000);
    limit_time(WORK_CPU_SECONDS);
    bool ok = known && job.arguments.data && operations[number](&job) && work_flush(&job);
    limit_time(0);
    buf_free(&job.written);
    arena_free(&job.arena);
    return ok;
}

int work_run(int store) {
    static const struct ipc_side side = {.self = IPC_WORK, .other = IPC_STORE};
    struct error err = {0};
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    struct ipc_client *client = ipc_client_of(store, side);
    bool ok = client && ipc_client_send(client, IPC_WORK_READY, 0, nothing, nothing, &err);
    while (ok && ipc_client_receive(client, &type, &ref, &payload, -1, &err))
        ok = type == IPC_WORK_BEGIN && do_job(client, ref, payload);
    ipc_client_close(client);
    return ok && err.code != EPROTO ? 0 : 1;
}
