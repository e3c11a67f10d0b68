/*
 * The net process among strangers: peers and the other processes, none of which
 * it believes. Steps as in frames.h; `where` is 0: the store process, 1: the
 * parent (these say frames), 2 and 3: peers that call, 4: the peer that is called
 * (these say octets); with bit 7 the end is closed instead, with bit 6 the
 * payload of the frame is made to fit.
 */
#include "protocol/net.h"

#include <signal.h>
#include <stdio.h>
#include <sys/un.h>

#include "frames.h"
#include "ipc/bind.h"
#include "ipc/payload.h"
#include "quiet.h"

#include "../unit/numbers.h"

enum { STORE, PARENT, CALLER, CALLED = 4, ENDS, TURNS = 12, STEPS = 200 };

struct world {
    struct event_base *loop;
    struct net *net;
    struct protocol_config config;
    struct end ends[ENDS];
    int called; /* listening */
};

/* Sockets without a name in the file system, and without a port. */
struct place {
    struct sockaddr_un address;
    socklen_t length;
};

static struct place listening, peer_place;

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static struct place place_of(const char *name) {
    struct place place = {.address.sun_family = AF_UNIX};
    int length = snprintf(place.address.sun_path + 1, sizeof place.address.sun_path - 1, "chasqui-fuzz-%d-%s",
                          (int)getpid(), name);
    place.length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)length);
    return place;
}

static int listen_at(const struct place *place) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    require(fd >= 0 && bind(fd, (const struct sockaddr *)&place->address, place->length) == 0 &&
            listen(fd, 8) == 0);
    return fd;
}

static int call(const struct place *place) {
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (connect(fd, (const struct sockaddr *)&place->address, place->length) == 0)
        return fd;
    close(fd);
    return -1;
}

/* ---- the world ---- */

static const struct protocol_peer *make_peers(void) {
    static struct protocol_endpoint endpoint;
    static struct protocol_peer peers[2];
    memcpy(&endpoint.address, &peer_place.address, sizeof peer_place.address);
    endpoint.length = peer_place.length;
    peers[0] = (struct protocol_peer){.name = "B",
                                      .endpoints = &endpoint,
                                      .endpoint_count = 1,
                                      .contexts = {OSI_MTS_TRANSFER, OSI_MTS_TRANSFER_PROTOCOL_1984},
                                      .context_count = 2,
                                      .dialogue = OSI_TWO_WAY_ALTERNATE};
    peers[1] = peers[0];
    peers[1].name = "A";
    peers[1].contexts[0] = OSI_MTS_TRANSFER_PROTOCOL;
    return peers;
}

static const struct protocol_config *read_again(void *context, struct span text, struct error *err) {
    struct world *world = context;
    (void)err;
    world->config.peer_count = text.len % 3;
    return text.len % 2 ? &world->config : NULL;
}

static void release(void *context, const struct protocol_config *old) {
    (void)context;
    (void)old;
}

/* ---- the oracle: what strangers say makes no frame that the store process would take for a breach ---- */

/* What the net process has said of its associations. */
enum { SAID = 32 };
static struct said {
    uint64_t ref;
    unsigned state;    /* of the transfer in: enum ipc_state */
    bool from_a_store; /* it depends on what the store process said */
} said[SAID];

static struct said *said_of(uint64_t ref) {
    static struct said unjudged;
    struct said *free_place = NULL;
    for (size_t i = 0; i < SAID; i++) {
        if (said[i].ref == ref)
            return &said[i];
        free_place = said[i].ref ? free_place : &said[i];
    }
    if (!free_place) {
        unjudged.from_a_store = true;
        return &unjudged;
    }
    *free_place = (struct said){.ref = ref, .state = IPC_STATE_NEW};
    return free_place;
}

static unsigned state_after(enum ipc_type type, struct span payload, unsigned state) {
    switch ((int)type) {
    case IPC_TRANSFER_BEGIN:
        return IPC_STATE_ENVELOPE;
    case IPC_TRANSFER_ENVELOPE:
        return payload.data[0] ? IPC_STATE_CONTENT : IPC_STATE_ENVELOPE;
    case IPC_BIND:
    case IPC_TRANSFER_END:
    case IPC_TRANSFER_STOP:
        return IPC_STATE_NO_INBOUND;
    default:
        return state;
    }
}

static void judge(const struct end *end, struct span payload) {
    static const struct ipc_side side = {.self = IPC_STORE, .other = IPC_NET};
    char why[IPC_WHY];
    const struct ipc_frame *frame = ipc_frame((enum ipc_type)end->type);
    require(frame && (frame->from & IPC_NET));
    if (end->length <= sizeof end->payload)
        require(ipc_frame_take(&side, (enum ipc_type)end->type, end->heard, payload, why));
    if (frame->about != IPC_ABOUT_ASSOCIATION)
        return;
    struct said *now = said_of(end->heard);
    /* A bind comes again when the store process had names of hosts resolved. What is sent, and what goes on
     * after a resume, is as the store process wants it. */
    bool judged = frame->to == IPC_STORE && end->type != IPC_BIND && end->type < IPC_SEND_BEGIN;
    now->from_a_store = (now->from_a_store && end->type != IPC_TRANSFER_STOP) || end->type == IPC_RESUME;
    if (judged && !now->from_a_store)
        require(ipc_frame_judge(frame, now->state, why) == IPC_LEGAL);
    now->state = state_after((enum ipc_type)end->type, payload, now->state);
    if (end->type == IPC_ASSOCIATION_CLOSE)
        *now = (struct said){0};
}

static void begin(struct world *world) {
    static const struct protocol_listener listener;
    static struct net_reload reload;
    reload = (struct net_reload){.read = read_again, .release = release, .context = world};
    *world = (struct world){.loop = event_base_new(), .called = listen_at(&peer_place)};
    world->config = (struct protocol_config){.listeners = &listener,
                                             .listener_count = 1,
                                             .peers = make_peers(),
                                             .peer_count = 2,
                                             .envelope_octets = 1 << 20,
                                             NUMBERS_OF_PROTOCOL};
    for (size_t i = 0; i < ENDS; i++)
        world->ends[i].fd = -1;
    int listener_fd = listen_at(&listening);
    struct net_descriptors descriptors = {.store = end_open(&world->ends[STORE]),
                                          .parent = end_open(&world->ends[PARENT]),
                                          .listeners = &listener_fd};
    memset(said, 0, sizeof said);
    world->ends[STORE].judge = judge;
    world->net = net_new(world->loop, &world->config, &reload, &descriptors);
    require(world->loop && world->net);
}

/* False when the process would be over. */
static bool turn(struct world *world) {
    for (unsigned i = 0; i < TURNS; i++) {
        event_base_loop(world->loop, EVLOOP_NONBLOCK);
        if (event_base_got_exit(world->loop))
            return false;
    }
    if (world->ends[CALLED].fd < 0)
        world->ends[CALLED] =
            (struct end){.fd = accept4(world->called, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)};
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
    if (end->fd < 0 && where >= CALLER && where < CALLED)
        *end = (struct end){.fd = call(&listening)};
    if (where == STORE && step->type == IPC_TRANSFER_RESULT) /* another may begin before this one's end */
        said_of(step_ref(step, end))->from_a_store = true;
    if (where < CALLER && (step->where & 0x40))
        end_say_fitting(end, step);
    else if (where < CALLER)
        end_say(end, step);
    else
        end_write(end, step->octets);
}

static void finish(struct world *world, bool over) {
    for (size_t i = ENDS; i-- > 0;)
        end_close(&world->ends[i]);
    if (!over)
        turn(world);
    net_free(world->net);
    event_base_free(world->loop);
    end_close(&world->ends[CALLED]);
    close(world->called);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = reader_of(span_of(data, size));
    struct world world;
    struct step step;
    signal(SIGPIPE, SIG_IGN); /* as each process does */
    listening = place_of("listen");
    peer_place = place_of("peer");
    begin(&world);
    bool on = true;
    for (unsigned steps = 0; on && steps < STEPS && next_step(&in, &step); steps++) {
        take(&world, &step);
        on = turn(&world);
    }
    finish(&world, !on);
    return 0;
}
