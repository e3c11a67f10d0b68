/*
 * The process of the clients: whoever calls the local socket, a reader, the store
 * process and the parent, none of which it believes. Steps as in frames.h;
 * `where` is 0: the store process, 1: the parent, 2: a reader, 3 and 4: clients;
 * with bit 7 the end is closed instead. A client says hello first, but with bit 6.
 */
#include "clients/clients.h"

#include <signal.h>
#include <stdio.h>
#include <sys/un.h>

#include "frames.h"
#include "ipc/door.h"
#include "quiet.h"

enum { STORE, PARENT, READER, CLIENT, ENDS = 5, TURNS = 12, STEPS = 200 };

struct world {
    struct event_base *loop;
    struct clients *clients;
    struct clients_config config;
    struct end ends[ENDS];
    int door; /* through which the reader comes */
};

static struct sockaddr_un local = {.sun_family = AF_UNIX};
static socklen_t local_length;

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

/* A socket without a name in the file system. */
static int listen_local(void) {
    int length =
        snprintf(local.sun_path + 1, sizeof local.sun_path - 1, "chasqui-fuzz-%d-clients", (int)getpid());
    local_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0 && bind(fd, (const struct sockaddr *)&local, local_length) == 0 && listen(fd, 8) == 0);
    return fd;
}

static int call(void) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&local, local_length) == 0)
        return fd;
    close(fd);
    return -1;
}

static const struct clients_config *read_again(void *context, struct span slice, struct error *err) {
    struct world *world = context;
    (void)err;
    world->config.clients_max = (unsigned)slice.len % 5;
    return slice.len % 2 ? &world->config : NULL;
}

static void release(void *context, const struct clients_config *old) {
    (void)context;
    (void)old;
}

static void begin(struct world *world) {
    static struct clients_reload reload;
    int door[2];
    reload = (struct clients_reload){.read = read_again, .release = release, .context = world};
    *world = (struct world){.loop = event_base_new()};
    world->config = (struct clients_config){
        .clients_max = 100, .clients_per_user = 20, .service_uid = UINT32_MAX, .reader_count = 1};
    for (size_t i = 0; i < ENDS; i++)
        world->ends[i].fd = -1;
    require(ipc_door(door));
    world->door = door[0];
    struct clients_descriptors descriptors = {.store = end_open(&world->ends[STORE]),
                                              .parent = end_open(&world->ends[PARENT]),
                                              .local = listen_local(),
                                              .former_local = -1,
                                              .door = door[1]};
    world->clients = clients_new(world->loop, &world->config, &reload, &descriptors);
    require(world->loop && world->clients);
}

static void start_reader(struct world *world) {
    int end = end_open(&world->ends[READER]);
    require(ipc_door_pass(world->door, &(struct ipc_holder){.end = IPC_END_READER}, end));
    close(end);
}

/* False when the process would be over. */
static bool turn(struct world *world) {
    if (world->ends[READER].fd < 0)
        start_reader(world);
    for (unsigned i = 0; i < TURNS; i++) {
        event_base_loop(world->loop, EVLOOP_NONBLOCK);
        if (event_base_got_exit(world->loop))
            return false;
    }
    for (size_t i = 0; i < ENDS; i++)
        end_listen(&world->ends[i]);
    return true;
}

static void take(struct world *world, const struct step *step) {
    unsigned where = (step->where & 0x3F) % ENDS;
    struct end *end = &world->ends[where];
    if (step->where & 0x80) {
        end_close(end);
        return;
    }
    if (end->fd < 0 && where >= CLIENT) {
        *end = (struct end){.fd = call()};
        if (!(step->where & 0x40))
            end_write(end, SPAN_LIT("\0\0\0\6\0\x4A\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0"));
    }
    end_say(end, step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = reader_of(span_of(data, size));
    struct world world;
    struct step step;
    signal(SIGPIPE, SIG_IGN); /* as each process does */
    begin(&world);
    bool on = turn(&world);
    for (unsigned steps = 0; on && steps < STEPS && next_step(&in, &step); steps++) {
        take(&world, &step);
        on = turn(&world);
    }
    for (size_t i = ENDS; i-- > 0;)
        end_close(&world.ends[i]);
    if (on)
        turn(&world);
    clients_free(world.clients);
    event_base_free(world.loop);
    end_close(&world.ends[READER]);
    close(world.door);
    return 0;
}
