/* The blocking client: it is asked between two chunks of a content whether the daemon has said something. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/buf.h"
#include "ipc/client.h"
#include "ipc/payload.h"

static int daemon_end = -1;
static bool comes_late; /* the welcome, just after the client has looked */

static void put(enum ipc_type type, uint64_t ref, struct span payload) {
    struct buf frame;
    buf_init(&frame, 0);
    buf_append_u32(&frame, (uint32_t)payload.len);
    buf_append_u16(&frame, (uint16_t)type);
    buf_append_u16(&frame, 0);
    buf_append_u64(&frame, ref);
    buf_append_span(&frame, payload);
    assert_int_equal(write(daemon_end, frame.data, frame.len), frame.len);
    buf_free(&frame);
}

static void greet(void) {
    struct buf payload;
    buf_init(&payload, 0);
    buf_append_u16(&payload, IPC_LOCAL_VERSION);
    payload_put_octets(&payload, SPAN_LIT("mhsd"));
    buf_append_span(&payload, SPAN_LIT(IPC_LOCAL_OFFERS));
    put(IPC_WELCOME, 0, buf_span(&payload));
    buf_free(&payload);
}

/* The linker gives this one to the client. */
int poll(struct pollfd *fds, nfds_t count, int ms) {
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    int ready = ppoll(fds, count, ms < 0 ? NULL : &time, NULL);
    if (ready == 0 && comes_late) {
        comes_late = false;
        greet();
    }
    return ready;
}

static struct ipc_client *open_client(void) {
    char folder[] = "/tmp/chasqui-client-XXXXXX";
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct error err = {0};
    assert_non_null(mkdtemp(folder));
    snprintf(address.sun_path, sizeof address.sun_path, "%s/socket", folder);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    struct ipc_client *client = ipc_client_open(address.sun_path, &err);
    assert_non_null(client);
    daemon_end = accept(listener, NULL, NULL);
    assert_true(daemon_end >= 0);
    close(listener);
    unlink(address.sun_path);
    rmdir(folder);
    return client;
}

static void close_client(struct ipc_client *client) {
    ipc_client_close(client);
    close(daemon_end);
}

/* Whoever took it for more would wait for that, and the daemon for the content, until both lose patience. */
static void a_greeting_is_not_waited_for_at_any_moment(void **state) {
    (void)state;
    for (int late = 0; late < 2; late++) {
        struct ipc_client *client = open_client();
        assert_false(ipc_client_waiting(client));
        comes_late = late;
        if (!late)
            greet();
        assert_false(ipc_client_waiting(client));
        assert_false(comes_late); /* it has come */
        assert_false(ipc_client_waiting(client));
        close_client(client);
    }
}

static void what_follows_the_greeting_is_received(void **state) {
    struct error err = {0};
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    (void)state;
    struct ipc_client *client = open_client();
    greet();
    put(IPC_RESPONSE, 7, SPAN_LIT("\1{}"));
    assert_true(ipc_client_waiting(client));
    assert_true(ipc_client_receive(client, &type, &ref, &payload, 10000, &err));
    assert_true(type == IPC_RESPONSE && ref == 7 && span_eq(payload, SPAN_LIT("\1{}")));
    assert_false(ipc_client_waiting(client));
    close(daemon_end);
    assert_true(ipc_client_waiting(client)); /* the end */
    assert_false(ipc_client_receive(client, &type, &ref, &payload, 10000, &err));
    ipc_client_close(client);
}

/* It is stopping, and its socket is there still; or it knows no greeting. */
static void a_daemon_that_ends_without_a_greeting_need_not_be_old(void **state) {
    struct error err = {0};
    enum ipc_type type;
    uint64_t ref;
    struct span payload;
    (void)state;
    struct ipc_client *client = open_client();
    close(daemon_end);
    assert_false(ipc_client_receive(client, &type, &ref, &payload, 10000, &err));
    assert_non_null(strstr(err.text, "it is stopping, or older than this program"));
    ipc_client_close(client);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_greeting_is_not_waited_for_at_any_moment),
        cmocka_unit_test(what_follows_the_greeting_is_received),
        cmocka_unit_test(a_daemon_that_ends_without_a_greeting_need_not_be_old)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
