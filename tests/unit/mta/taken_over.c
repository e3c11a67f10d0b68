/*
 * What a process that was taken over can say to the switch: the frames of its own
 * kind, about what it holds itself, and nothing more (docs/ARCHITECTURE.md).
 */
#include "ipc/frame.h"
#include "world.h"

/* Frames as they would be right from the process that may send them. */
struct said {
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
};

static const struct said of_clients[] = {
    {IPC_CLIENT_OPEN, 9, {(const uint8_t *)"\0\0\0\0\0\0\0\0", 8}}, /* root */
    {IPC_CLIENT_CLOSE, 1, {NULL, 0}},
    {IPC_REQUEST, UINT64_C(1) << 32 | 1, {(const uint8_t *)"{\"operation\":\"status\"}", 22}},
    {IPC_SUBMIT_BEGIN, UINT64_C(1) << 32 | 1, {(const uint8_t *)"\1", 1}},
    {IPC_SUBMIT_CONTENT, UINT64_C(1) << 32 | 1, {(const uint8_t *)"x", 1}},
    {IPC_SUBMIT_END, UINT64_C(1) << 32 | 1, {NULL, 0}},
    {IPC_FETCH, UINT64_C(1) << 32 | 1, {NULL, 0}}};

static const struct said of_nobody[] = {{IPC_CONFIG, 0, {(const uint8_t *)"x", 1}},
                                        {IPC_STOP, 0, {NULL, 0}},
                                        {IPC_READY, 0, {NULL, 0}},
                                        {IPC_RESPONSE, 1, {(const uint8_t *)"\1{}", 3}},
                                        {IPC_CONNECT, 0, {NULL, 0}},
                                        {IPC_PING, 1, {NULL, 0}},
                                        {IPC_PING_RESULT, 7, {NULL, 0}},
                                        {(enum ipc_type)0, 0, {NULL, 0}},
                                        {(enum ipc_type)255, 0, {NULL, 0}}};

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* True when the switch closes it, whatever it says before. */
static bool is_over(int fd) {
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    uint8_t octets[4096];
    ssize_t got = 1;
    while (got > 0 && poll(&answer, 1, 10000) > 0)
        got = read(fd, octets, sizeof octets);
    return got <= 0;
}

/* True when the switch closes a channel of the kind on which this comes. */
static bool ends(struct world *world, enum ipc_end kind, enum ipc_type type, uint64_t ref,
                 struct span payload) {
    int fd = pass_through(world->door, kind);
    put(fd, type, ref, payload, NOTHING);
    bool over = is_over(fd);
    close(fd);
    return over;
}

/* The next clients process: the channel of the former one is of no use any more. */
static void renew_clients(struct world *world) {
    close(world->clients);
    world->clients = pass_through(world->door, IPC_END_CLIENTS);
}

/* The parent is told of the next channel of the kind that is gone: whether its process broke the rules. */
static void expect_told(struct world *world, enum ipc_end kind, bool broke_rules) {
    uint8_t frame[16 + 7];
    static const struct timeval patience = {.tv_sec = 20};
    setsockopt(world->parent, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    do { /* what else it says, as that it serves, has no payload */
        assert_int_equal(recv(world->parent, frame, 16, MSG_WAITALL), 16);
        if (frame[5] == IPC_CHANNEL_GONE)
            assert_int_equal(recv(world->parent, frame + 16, 7, MSG_WAITALL), 7);
    } while (frame[5] != IPC_CHANNEL_GONE || frame[16] != kind);
    const uint8_t told[] = {(uint8_t)kind, frame[17] /* whichever */, 0, 0, 0, WORLD_LIFE, broke_rules};
    assert_memory_equal(frame + 16, told, sizeof told);
}

/* Who was taken over may stay all the same, and nobody would follow it. */
static void the_parent_hears_who_broke_the_rules(void **state) {
    static const enum ipc_end kinds[] = {IPC_END_NET, IPC_END_CLIENTS, IPC_END_WORK};
    struct world world;
    (void)state;
    world_begin(&world);
    shutdown(world.clients, SHUT_RDWR); /* the next would be told of as the one that took its place */
    expect_told(&world, IPC_END_CLIENTS, false);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        assert_true(ends(&world, kinds[i], IPC_STOP, 0, NOTHING));
        expect_told(&world, kinds[i], true);
    }
    for (size_t i = 0; i < COUNT(kinds); i++) {
        close(pass_through(world.door, kinds[i]));
        expect_told(&world, kinds[i], false);
    }
    renew_clients(&world);
    still_served(&world);
    world_end(&world);
}

static void a_net_process_is_no_client(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    for (size_t i = 0; i < COUNT(of_clients); i++)
        if (!ends(&world, IPC_END_NET, of_clients[i].type, of_clients[i].ref, of_clients[i].payload))
            fail_msg("a net process may send frame %d", (int)of_clients[i].type);
    for (size_t i = 0; i < COUNT(of_nobody); i++)
        if (!ends(&world, IPC_END_NET, of_nobody[i].type, of_nobody[i].ref, of_nobody[i].payload))
            fail_msg("a net process may send frame %d", (int)of_nobody[i].type);
    still_served(&world);
    world_end(&world);
}

static void the_process_of_the_clients_is_no_peer(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    for (int type = 1; type < IPC_REQUEST; type++)
        if (!ends(&world, IPC_END_CLIENTS, (enum ipc_type)type, 1, NOTHING))
            fail_msg("the process of the clients may send frame %d", type);
    for (size_t i = 0; i < COUNT(of_nobody); i++)
        if (!ends(&world, IPC_END_CLIENTS, of_nobody[i].type, of_nobody[i].ref, of_nobody[i].payload))
            fail_msg("the process of the clients may send frame %d", (int)of_nobody[i].type);
    renew_clients(&world);
    still_served(&world);
    world_end(&world);
}

static void a_work_process_answers_its_job_alone(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    for (int type = 1; type <= IPC_WORK_CONTENT; type += type == IPC_RESUME ? 40 : 1)
        if (type != IPC_WORK_READY && !ends(&world, IPC_END_WORK, (enum ipc_type)type, 1, NOTHING))
            fail_msg("a work process without a job may send frame %d", type);
    still_served(&world);
    world_end(&world);
}

/* A world whose switch writes all of its log to this file. */
static void begin_with_log(struct world *world, FILE *log) {
    int stderr_fd = dup(STDERR_FILENO);
    assert_true(stderr_fd >= 0);
    fflush(stderr);
    dup2(fileno(log), STDERR_FILENO);
    setenv("WORLD_LOG", "1", 1);
    world_begin(world);
    unsetenv("WORLD_LOG");
    dup2(stderr_fd, STDERR_FILENO);
    close(stderr_fd);
}

static bool is_logged(FILE *log, const char *text) {
    char said[8192] = "";
    assert_true(pread(fileno(log), said, sizeof said - 1, 0) >= 0);
    return strstr(said, text);
}

/* Who got the end of a former process, and keeps it, is heard no more when the parent has started another.
 * The former broke no rule by that, as far as anybody knows. */
static void a_former_process_is_heard_no_more(void **state) {
    static const char *const lines[] = {
        [IPC_END_NET] = "the channel to process net200 ended: another process has come in its place",
        [IPC_END_WORK] = "the channel to process work200 ended: another process has come in its place",
        [IPC_END_CLIENTS] = "the channel to process clients ended: another process has come in its place"};
    static const enum ipc_end kinds[] = {IPC_END_NET, IPC_END_WORK, IPC_END_CLIENTS};
    struct world world;
    FILE *log = tmpfile();
    (void)state;
    assert_non_null(log);
    begin_with_log(&world, log);
    close(world.clients);
    expect_told(&world, IPC_END_CLIENTS, false);
    for (size_t i = 0; i < COUNT(kinds); i++) {
        uint8_t number = kinds[i] == IPC_END_CLIENTS ? 0 : 200;
        int former = pass_numbered(world.door, kinds[i], number);
        world.clients = pass_numbered(world.door, kinds[i], number);
        assert_true(is_over(former));
        expect_told(&world, kinds[i], false);
        EVENTUALLY(is_logged(log, lines[kinds[i]]));
        close(former);
        if (kinds[i] != IPC_END_CLIENTS)
            close(world.clients);
    }
    client(&world, 1, 0);
    json_decref(ask(&world, "{\"operation\":\"status\"}"));
    still_served(&world);
    world_end(&world);
    fclose(log);
}

static void the_process_of_the_clients_fills_no_memory(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    int fd = pass_through(world.door, IPC_END_CLIENTS);
    const uint64_t most = IPC_CLIENTS_MOST + 1; /* with the one by which it asks for a sign */
    for (uint64_t ref = 1; ref <= most; ref++)
        put(fd, IPC_CLIENT_OPEN, ref, of_clients[0].payload, NOTHING);
    struct pollfd answer = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&answer, 1, 500), 0);
    put(fd, IPC_CLIENT_OPEN, most + 1, of_clients[0].payload, NOTHING);
    assert_true(is_over(fd));
    close(fd);
    renew_clients(&world);
    still_served(&world);
    world_end(&world);
}

/* A reader answers what clients asked it, through the process that holds their socket, and says to the parent
 * what every process does. It has no channel to the switch, and none of its frames would be one there. */
static void a_reader_answers_alone(void **state) {
    static const enum ipc_type answers[] = {IPC_RESPONSE, IPC_FETCH_DATA};
    const struct ipc_side clients = {IPC_CLIENTS, IPC_READER},
                          others[] = {{IPC_STORE, IPC_READER}, {IPC_WORK, IPC_READER}};
    char why[IPC_WHY];
    (void)state;
    for (int type = 0; type < IPC_NUMBERS; type++) {
        const struct ipc_frame *row = ipc_frame((enum ipc_type)type);
        bool answer = false;
        for (size_t i = 0; i < COUNT(answers); i++)
            answer |= answers[i] == (enum ipc_type)type;
        if (row && ((row->from & IPC_READER && row->to & IPC_CLIENTS) != 0) != answer)
            fail_msg("a reader may send frame %d (%s)", type, row->name);
        bool of_mailbox = type == IPC_MS_ANSWER || type == IPC_MS_DATA;
        if (row && (row->from & IPC_READER && row->to & IPC_NET) != of_mailbox)
            fail_msg("a reader may send frame %d (%s) to a net process", type, row->name);
        if (!answer && ipc_frame_take(&clients, (enum ipc_type)type, 1, NOTHING, why))
            fail_msg("the process of the clients takes frame %d of a reader", type);
        for (size_t i = 0; i < COUNT(others); i++)
            for (uint64_t ref = 0; ref < 2; ref++)
                if (ipc_frame_take(&others[i], (enum ipc_type)type, ref, NOTHING, why))
                    fail_msg("party %d takes frame %d of a reader", (int)others[i].self, type);
    }
}

/* An end that says that it is a reader, or none of the kinds, is not taken. */
static void other_ends_are_not_taken(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    assert_true(ends(&world, IPC_END_READER, IPC_REQUEST, 1, NOTHING));
    assert_true(ends(&world, (enum ipc_end)0, IPC_REQUEST, 1, NOTHING));
    still_served(&world);
    world_end(&world);
}

/* The associations of one net process are nothing to another. */
static void a_net_process_has_its_own_associations_only(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    int fd = pass_through(world.door, IPC_END_NET);
    put(fd, IPC_ASSOCIATION_CLOSE, 1, SPAN_LIT("\2\0\0\0\0"), NOTHING);
    put(fd, IPC_TRANSFER_STOP, 1, SPAN_LIT("\0"), NOTHING);
    /* Both were read when what is asked for behind them has ended the channel. */
    put(fd, IPC_CLIENT_CLOSE, 1, NOTHING, NOTHING);
    uint8_t octet;
    while (read(fd, &octet, 1) > 0)
        ;
    close(fd);
    comes_in(&world, JONES);
    world_end(&world);
}

/* ---- binds ---- */

static enum ipc_bind_verdict asks(struct world *world, uint64_t ref, const struct ipc_bind *bind) {
    say_bind(world, ref, bind);
    return admission(world, ref);
}

/* Passwords are not found out by frames, however many: wrong binds are counted, as a stranger's are. */
static void a_net_process_does_not_guess_passwords(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    struct ipc_bind bind = bind_of("gamma", false, "x");
    bind.credentials.password = SPAN_LIT("guessed");
    for (uint64_t ref = 1; ref <= 200; ref++)
        assert_int_equal(asks(&world, ref, &bind), IPC_BIND_AUTHENTICATION_ERROR);
    bind.credentials.password = SPAN_LIT("g"); /* the right one comes too late */
    assert_int_equal(asks(&world, 201, &bind), IPC_BIND_AUTHENTICATION_ERROR);
    bind.credentials = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    assert_int_equal(asks(&world, 202, &bind), IPC_BIND_AUTHENTICATION_ERROR);
    bind.address = SPAN_LIT("198.51.100.1");
    bind.credentials = credentials_of("gamma");
    assert_int_equal(asks(&world, 203, &bind), IPC_BIND_ADMITTED);
    world_end(&world);
}

/* It may say that a user binds, to the MTS or to his store: without a password that is right nobody is let
 * in, and no user is found out. */
static void a_net_process_binds_for_no_user(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    struct ipc_bind bind = bind_of("gamma", false, "x");
    for (int binder = IPC_BINDER_MTS_USER; binder <= IPC_BINDER_MS_USER; binder++) {
        bind.binder = (enum ipc_binder)binder;
        bind.user = SPAN_LIT(JONES); /* who has no password */
        assert_int_equal(asks(&world, (uint64_t)binder, &bind), IPC_BIND_AUTHENTICATION_ERROR);
        bind.user = (struct span){NULL, 0};
        assert_int_equal(asks(&world, (uint64_t)binder, &bind), IPC_BIND_AUTHENTICATION_ERROR);
    }
    still_served(&world);
    world_end(&world);
}

/* Each ping that an operator asked for is good for one answer about a responder. */
static void a_net_process_asks_about_responders_for_pings_only(void **state) {
    struct world world;
    (void)state;
    world_begin(&world);
    client(&world, 1, 0);
    struct ipc_bind bind = bind_of("gamma", true, "x");
    bind.direction = IPC_DIRECTION_PING;
    assert_int_equal(asks(&world, 1, &bind), IPC_BIND_BUSY);
    tell(&world, IPC_REQUEST, (uint64_t)1 << 32 | 5, NOTHING,
         SPAN_LIT("{\"operation\":\"ping\",\"peer\":\"gamma\"}"));
    expect(&world, IPC_PING, 0);
    uint64_t ping = world.last.ref;
    bind.peer = SPAN_LIT("beta");
    assert_int_equal(asks(&world, 2, &bind), IPC_BIND_BUSY);
    bind.peer = SPAN_LIT("gamma");
    assert_int_equal(asks(&world, 3, &bind), IPC_BIND_ADMITTED);
    assert_int_equal(asks(&world, 4, &bind), IPC_BIND_BUSY);
    tell(&world, IPC_PING_RESULT, ping, SPAN_LIT("{}"), NOTHING);
    expect(&world, IPC_RESPONSE, (uint64_t)1 << 32 | 5);
    assert_int_equal(asks(&world, 5, &bind), IPC_BIND_BUSY);
    world_end(&world);
}

/* Of the calls that it was not told to make it makes none. */
static void a_net_process_opens_no_association_unasked(void **state) {
    struct world world;
    struct buf payload;
    (void)state;
    world_begin(&world);
    struct ipc_bind bind = bind_of("gamma", true, "x");
    buf_init(&payload, 0);
    assert_true(ipc_bind_write(&bind, &payload));
    assert_true(ends(&world, IPC_END_NET, IPC_BIND, 1, buf_span(&payload)));
    buf_free(&payload);
    still_served(&world);
    world_end(&world);
}

/* By RT-RECOVER it gets at what broke, where it knows name and address, and at nothing new. */
static void a_net_process_recovers_what_broke_only(void **state) {
    struct world world;
    (void)state;
    begin_with_beta(&world);
    comes_in(&world, JONES);
    close_association(&world, 1, IPC_CLOSE_BROKEN);
    struct ipc_bind bind = bind_of("", false, "x");
    bind.credentials = (struct ipc_credentials){.form = IPC_CREDENTIALS_NONE};
    bind.recover_id = SPAN_LIT("in-1"); /* nothing was unfinished */
    assert_int_equal(asks(&world, 2, &bind), IPC_BIND_CANNOT_RECOVER);
    bind.recover_id = SPAN_LIT("in-7");
    assert_int_equal(asks(&world, 3, &bind), IPC_BIND_CANNOT_RECOVER);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parent_hears_who_broke_the_rules),
        cmocka_unit_test(a_net_process_is_no_client),
        cmocka_unit_test(the_process_of_the_clients_is_no_peer),
        cmocka_unit_test(a_work_process_answers_its_job_alone),
        cmocka_unit_test(a_former_process_is_heard_no_more),
        cmocka_unit_test(the_process_of_the_clients_fills_no_memory),
        cmocka_unit_test(a_reader_answers_alone),
        cmocka_unit_test(other_ends_are_not_taken),
        cmocka_unit_test(a_net_process_has_its_own_associations_only),
        cmocka_unit_test(a_net_process_does_not_guess_passwords),
        cmocka_unit_test(a_net_process_binds_for_no_user),
        cmocka_unit_test(a_net_process_asks_about_responders_for_pings_only),
        cmocka_unit_test(a_net_process_opens_no_association_unasked),
        cmocka_unit_test(a_net_process_recovers_what_broke_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
