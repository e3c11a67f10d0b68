/* Which stranger has to go: the oldest of the network, then of the subscriber, that has the most. And of
 * those that wait for their end: the one that has waited longest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "protocol/connection.h"

#define MOST 400

struct stage {
    struct net net;
    struct connection connections[MOST];
    struct slot slots[MOST];
};

static struct stage stage;

static void begin(void) {
    memset(&stage, 0, sizeof stage);
    stage.net.slots = stage.slots;
}

static struct connection *comes_from(const char *address) {
    struct connection *c = &stage.connections[stage.net.slot_count];
    *c = (struct connection){.net = &stage.net, .inbound = true, .state = CONNECTION_OPENING};
    c->since = stage.net.slot_count;
    snprintf(c->address, sizeof c->address, "%s", address);
    crowd_place(c);
    stage.slots[stage.net.slot_count++].connection = c;
    stage.net.opening++;
    return c;
}

static void goes(const struct connection *c, unsigned of) {
    unsigned count;
    assert_ptr_equal(crowd_oldest(&stage.net, &count), c);
    assert_int_equal(count, of);
}

static void the_host_with_the_most_loses_its_oldest(void **state) {
    (void)state;
    begin();
    comes_from("192.0.2.1");
    struct connection *oldest = comes_from("192.0.2.2");
    comes_from("192.0.2.3");
    comes_from("192.0.2.2");
    goes(oldest, 2);
    oldest->state = CONNECTION_OPEN; /* it has bound: it is no stranger */
    stage.net.opening--;
    comes_from("192.0.2.3");
    goes(&stage.connections[2], 2);
}

/* Each address of a subscriber is another one, and yet it is one crowd. */
static void ipv6_addresses_of_one_network_are_one_crowd(void **state) {
    (void)state;
    char address[64];
    begin();
    comes_from("192.0.2.1");
    comes_from("192.0.2.1");
    struct connection *oldest = NULL;
    for (unsigned i = 0; i < 10; i++) {
        snprintf(address, sizeof address, "2001:db8:1:2::%x", i + 1);
        struct connection *c = comes_from(address);
        oldest = oldest ? oldest : c;
        comes_from("2001:db8:77:1::1"); /* fewer of these */
        if (i == 7)
            break;
    }
    comes_from("2001:db8:1:2:ffff::1");
    goes(oldest, 9);
}

/* With a /64 for each connection the /48 shows; in it the /64 with the most has to go. */
static void networks_of_one_site_are_one_crowd(void **state) {
    (void)state;
    char address[64];
    begin();
    for (unsigned i = 0; i < 5; i++)
        comes_from("2001:db8:2::1");
    for (unsigned i = 0; i < 20; i++) {
        snprintf(address, sizeof address, "2001:db8:1:%x::1", i + 1);
        comes_from(address);
    }
    struct connection *first = &stage.connections[7]; /* 2001:db8:1:3::1 */
    assert_string_equal(first->network, "2001:db8:1:3::/64");
    comes_from("2001:db8:1:3::2");
    goes(first, 21);
    assert_string_equal(first->site, "2001:db8:1::/48");
}

/* Where all have as many, it is not the one whose address comes first by its letters that goes each time. */
static void of_equal_crowds_the_oldest_connection_goes(void **state) {
    (void)state;
    begin();
    struct connection *oldest = comes_from("192.0.2.9");
    comes_from("192.0.2.5");
    comes_from("192.0.2.1"); /* sorts first, and came last */
    goes(oldest, 1);
    begin();
    comes_from("2001:db8:9::1");
    comes_from("2001:db8:9::1");
    comes_from("2001:db8:1::1");
    comes_from("2001:db8:1::1");
    goes(&stage.connections[0], 2);
}

/* ---- those that linger ---- */

static const struct connection *over[MOST];
static unsigned over_count;

static void note_over(struct connection *c) {
    linger_forget(c);
    event_free(c->readable);
    event_free(c->timer);
    close(c->fd);
    over[over_count++] = c;
}

/* They have no place of those who open a connection, but each has a descriptor: no more of them than may be
 * opening, and it is the oldest that gives way. */
static void no_more_linger_than_may_be_opening(void **state) {
    static const struct protocol_config config = {.opening_max = 3};
    int ends[5][2];
    (void)state;
    begin();
    stage.net.loop = event_base_new();
    stage.net.config = &config;
    for (unsigned i = 0; i < 5; i++) {
        struct connection *c = comes_from("192.0.2.1");
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends[i]), 0);
        c->fd = ends[i][0];
        linger_begin(c, note_over);
        assert_int_equal(stage.net.opening, 0);
        assert_int_equal(stage.net.lingering, i < 3 ? i + 1 : 3);
        assert_int_equal(over_count, i < 3 ? 0 : i - 2);
    }
    assert_ptr_equal(over[0], &stage.connections[0]);
    assert_ptr_equal(over[1], &stage.connections[1]);
    while (linger_end_oldest(&stage.net)) {
    }
    assert_int_equal(over_count, 5);
    for (unsigned i = 0; i < 5; i++)
        close(ends[i][1]);
    event_base_free(stage.net.loop);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_with_the_most_loses_its_oldest),
        cmocka_unit_test(ipv6_addresses_of_one_network_are_one_crowd),
        cmocka_unit_test(networks_of_one_site_are_one_crowd),
        cmocka_unit_test(of_equal_crowds_the_oldest_connection_goes),
        cmocka_unit_test(no_more_linger_than_may_be_opening),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
