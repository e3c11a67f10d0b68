/*
 * The net process among strangers: peers and the other processes, none of which
 * it believes. Steps as in frames.h; `where` is 0: the store process, 1: the
 * parent (these say frames), 2 and 3: peers that call, 4: the peer that is called
 * (these say octets); with bit 7 the end is closed instead.
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

static struct span octets_up_to(struct reader *r, size_t most) {
    struct span octets = payload_octets(r);
    require(!r->failed && octets.len <= most);
    return octets;
}

static void judge(enum ipc_type type, uint64_t length, struct span payload) {
    struct reader r = reader_of(payload);
    struct ipc_bind bind;
    switch ((int)type) {
    case IPC_BIND:
        require(length > payload.len || ipc_bind_read(payload, &bind));
        break;
    case IPC_TRANSFER_WHOLE:
        require(reader_u32(&r));
        require(reader_u8(&r) - 1u < 3);
        octets_up_to(&r, 64);
        break;
    case IPC_TRANSFER_BEGIN:
        require(reader_u32(&r));
        octets_up_to(&r, 64);
        require(payload_done(&r));
        break;
    case IPC_RESUME:
        require(reader_u32(&r));
        octets_up_to(&r, IPC_IDENTIFIER_MAX);
        octets_up_to(&r, 64);
        reader_u32(&r);
        require(payload_done(&r));
        break;
    case IPC_TRANSFER_ENVELOPE:
        require(length > 1 && reader_u8(&r) <= IPC_APDU_REPORT);
        break;
    case IPC_TRANSFER_CONTENT:
        require(length > 0 && length <= IPC_CHUNK);
        break;
    case IPC_TRANSFER_CHECKPOINT:
        require(length >= 12 && length <= 12 + IPC_PARSER_STATE_MAX);
        break;
    default:
        break;
    }
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
    unsigned where = (step->where & 0x7F) % ENDS;
    struct end *end = &world->ends[where];
    if (step->where & 0x80) {
        end_close(end);
        return;
    }
    if (end->fd < 0 && where >= CALLER && where < CALLED)
        *end = (struct end){.fd = call(&listening)};
    if (where < CALLER)
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
