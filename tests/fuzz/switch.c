/*
 * The store process, to which everything else is a stranger: net processes, a
 * work process, the process of the clients, the parent. Steps as in frames.h;
 * `where` is 0 and 1: two net processes, 2: a work process, 3: the parent, 4: the
 * process of the clients where it asks a reader, 5: the same where it asks the
 * store process; with bit 7 its channel is closed instead, with bit 5 the payload
 * is made to fit. With bit 6 it is a net process (even) or the process of the
 * clients (odd) that break no rule: their channels stay (legal.h).
 */
#include <signal.h>
#include <stdio.h>

#include "disk.h"
#include "frames.h"
#include "legal.h"
#include "mta/mta.h"
#include "quiet.h"
#include "store/store.h"

#include "../unit/numbers.h"

#define OURS  "/C=GB/A=GOLD/P=ALPHA"
#define JONES OURS "/S=jones"
#define SMITH OURS "/S=smith"

/* Of `secret`, as cheap as may be. */
#define JONES_HASH                                                                                           \
    "$argon2id$v=19$m=8,t=1,p=1$J0RwjYFskSyYSyYaDLq3GQ$fNu3AMRqypjcdYkwgTWgO0tFbrg634kX4bX6hxuMKRw"

enum { ENDS = 6, LEGAL_NET = ENDS, LEGAL_CLIENTS, ALL_ENDS, TURNS = 12, STEPS = 200 };

struct world {
    struct event_base *loop;
    struct mta_config config;
    struct mta *mta;
    struct mta_reader *reader;
    struct end ends[ALL_ENDS];
    struct legal legal;
    bool stops; /* the parent said something: it may be the order to stop */
};

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

#define ANY_MODE (1u << IPC_MODE_NORMAL | 1u << IPC_MODE_X410_1988 | 1u << IPC_MODE_1984)

/* ---- the world ---- */

static void route(struct mts_tables *tables, const char *pattern, const char *hop) {
    const struct mts_choice choice = {.hop = hop, .weight = 1};
    struct mts_route entry = {.pattern = pattern, .choices = &choice, .choice_count = 1};
    if (!hop)
        entry = (struct mts_route){.pattern = pattern, .action = MTS_ROUTE_LOCAL};
    require(mts_tables_add_route(tables, &entry, NULL));
}

static struct mts_tables *make_tables(void) {
    static const struct mts_self self = {.domain = OURS, .mta_name = "alpha-1", NUMBERS_OF_SELF};
    static const struct mts_hop hops[] = {
        {.name = "beta", .transit = true, .domain = "/C=DE/A=VIAT/P=BETA"},
        {.name = "gamma", .domain = "/C=FR/A=ATLAS/P=GAMMA"},
        {.name = "old",
         .domain = "/C=US/A=MCI",
         .edition = MTS_EDITION_1984,
         .rfc1328 = true,
         .edition_1984_content_only = true},
    };
    struct mts_tables *tables = mts_tables_new(&self, NULL);
    require(tables);
    for (size_t i = 0; i < sizeof hops / sizeof *hops; i++)
        require(mts_tables_add_hop(tables, &hops[i], NULL));
    route(tables, OURS, NULL);
    route(tables, "/C=DE/A=VIAT/P=BETA", "beta");
    route(tables, "/C=FR/A=ATLAS/P=GAMMA", "gamma");
    route(tables, "/C=US", "old");
    require(mts_tables_add_user(tables, &(struct mts_user){.address = JONES, .mailbox = JONES}, NULL));
    require(mts_tables_add_user(tables, &(struct mts_user){.address = SMITH, .mailbox = SMITH}, NULL));
    return tables;
}

static const struct mta_config *read_again(void *context, struct span text, struct error *err) {
    struct world *world = context;
    (void)err;
    return text.len % 2 ? &world->config : NULL;
}

static void release(void *context, const struct mta_config *old) {
    (void)context;
    (void)old;
}

static void attach(struct world *world) {
    require(mta_attach_net(world->mta, end_open(&world->ends[0]),
                           &(struct ipc_holder){.end = IPC_END_NET, .number = 1}));
    require(mta_attach_net(world->mta, end_open(&world->ends[1]),
                           &(struct ipc_holder){.end = IPC_END_NET, .number = 2}));
    require(
        mta_attach_work(world->mta, end_open(&world->ends[2]), &(struct ipc_holder){.end = IPC_END_WORK}));
    require(mta_attach_parent(world->mta, end_open(&world->ends[3])));
    require(reader_attach_clients(world->reader, end_open(&world->ends[4]),
                                  &(struct ipc_holder){.end = IPC_END_CLIENTS}));
    require(mta_attach_clients(world->mta, end_open(&world->ends[5]),
                               &(struct ipc_holder){.end = IPC_END_CLIENTS}));
    require(mta_attach_net(world->mta, end_open(&world->ends[LEGAL_NET]),
                           &(struct ipc_holder){.end = IPC_END_NET, .number = 3}));
    require(mta_attach_clients(world->mta, end_open(&world->ends[LEGAL_CLIENTS]),
                               &(struct ipc_holder){.end = IPC_END_CLIENTS, .number = 1}));
}

static void begin(struct world *world) {
    static const struct mta_peer peers[] = {
        {.name = "beta", NUMBERS_OF_PEER, .bind = {.mta_name = SPAN_LIT("beta"), .modes = ANY_MODE}},
        {.name = "gamma",
         NUMBERS_OF_PEER,
         .bind = {.mta_name = SPAN_LIT("gamma"),
                  .passwords = {SPAN_LIT(""), SPAN_LIT("g")},
                  .modes = ANY_MODE}},
        {.name = "old",
         NUMBERS_OF_PEER,
         .bind = {.mta_name = SPAN_LIT("old"), .modes = 1u << IPC_MODE_1984}}};
    static const struct mta_user users[] = {
        {.address = JONES, .uid = 1001, .has_uid = true, .password_hash = JONES_HASH},
        {.address = SMITH, .uid = 1002, .has_uid = true}};
    static struct mta_reload reload;
    struct error err = {0};
    reload = (struct mta_reload){.read = read_again, .release = release, .context = world};
    *world = (struct world){.loop = event_base_new()};
    world->config = (struct mta_config){.node = "a1",
                                        .store = disk.folder,
                                        .store_place = disk.folder,
                                        .tables = make_tables(),
                                        .peers = peers,
                                        .peer_count = 3,
                                        .users = users,
                                        .user_count = 2,
                                        .limits = {.content_octets = 1 << 20, NUMBERS_OF_LIMITS},
                                        .service_uid = UINT32_MAX,
                                        .operators_gid = UINT32_MAX};
    world->mta = mta_new(world->loop, &world->config, &reload, &err);
    world->reader = reader_new(world->loop, &world->config, &reload, &err);
    require(world->loop && world->mta && world->reader);
    attach(world);
}

static void turn(struct world *world) {
    for (unsigned i = 0; i < TURNS; i++)
        event_base_loop(world->loop, EVLOOP_NONBLOCK);
    for (size_t i = 0; i < ALL_ENDS; i++)
        end_listen(&world->ends[i]);
    require(world->stops || legal_lost ||
            (world->ends[LEGAL_NET].fd >= 0 && world->ends[LEGAL_CLIENTS].fd >= 0));
}

static void finish(struct world *world) {
    for (size_t i = 0; i < ALL_ENDS; i++)
        end_close(&world->ends[i]);
    world->stops = true;
    turn(world);
    reader_free(world->reader);
    mta_free(world->mta);
    event_base_free(world->loop);
    mts_tables_free(world->config.tables);
}

static void make_empty_store(void) {
    struct error err = {0};
    const char *folder = disk_begin();
    store_close(store_open(folder, &(struct store_options){.create = true}, &err));
    disk_keep();
}

static void take(struct world *world, const struct step *step) {
    unsigned where = step->where & 0x1F;
    struct end *end = &world->ends[where % ENDS];
    world->stops = world->stops || (!(step->where & 0x40) && where % ENDS == 3);
    if (step->where & 0x80)
        end_close(end);
    else if ((step->where & 0x40) && !(where & 1))
        legal_net(&world->legal, &world->ends[LEGAL_NET], step);
    else if (step->where & 0x40)
        legal_client(&world->legal, &world->ends[LEGAL_CLIENTS], step);
    else if (step->where & 0x20)
        end_say_fitting(end, step);
    else
        end_say(end, step);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct reader in = reader_of(span_of(data, size));
    struct world world;
    struct step step;
    signal(SIGPIPE, SIG_IGN); /* as each process does */
    if (!disk.count)
        make_empty_store();
    disk_restore();
    legal_lost = false;
    begin(&world);
    turn(&world);
    for (unsigned steps = 0; steps < STEPS && next_step(&in, &step); steps++) {
        take(&world, &step);
        turn(&world);
    }
    finish(&world);
    return 0;
}
