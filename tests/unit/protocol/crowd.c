/* Which stranger has to go: the oldest of the network, then of the subscriber, that has the most. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>

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

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_host_with_the_most_loses_its_oldest),
        cmocka_unit_test(ipv6_addresses_of_one_network_are_one_crowd),
        cmocka_unit_test(networks_of_one_site_are_one_crowd),
        cmocka_unit_test(of_equal_crowds_the_oldest_connection_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
