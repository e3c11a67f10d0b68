/* Addresses for systems of 1984, and back (RFC 1328 §3). */
#include "../arena_room.h"

#include <stdio.h>
#include <string.h>

#include "names/rfc1328.h"

#define RELAY "/C=GB/A= /P=UK.AC/O=MHS-Relay"

static struct oraddress relay;
static struct rfc1328 whole = {true, &relay}, alone;

static int set_up_relay(void **state) {
    set_up(state);
    return oraddress_parse(SPAN_LIT(RELAY), &arena, &relay, NULL) ? 0 : -1;
}

static struct x411_ORName name_of(const char *text) {
    struct x411_ORName name;
    struct error err = {0};
    if (!oraddress_parse_name(span_str(text), &arena, &name, &err))
        fail_msg("%s: %s", text, err.text);
    return name;
}

static const char *text_of(const struct x411_ORName *name) {
    return (const char *)oraddress_name_text(name, &arena).data;
}

/* The form of 1984, and what is read from it. */
static void assert_both(const char *text, const char *wanted) {
    struct x411_ORName name = name_of(text), old, back;
    if (!rfc1328_downgrade(&whole, &name, &arena, &old))
        fail_msg("%s can't be downgraded", text);
    assert_int_equal(old.extension_attributes.count, 0);
    assert_string_equal(text_of(&old), wanted);
    assert_true(rfc1328_upgrade(&whole, &old, &arena, &back));
    assert_string_equal(text_of(&back), text_of(&name));
}

static void the_examples_of_rfc_1328(void **state) {
    (void)state;
    assert_both("/C=GB/A=B/O=A/CN=Postmaster", "/C=GB/A=B/O=A/DDA:Common=Postmaster");
    assert_both("/C=US/A=ZZ/P=XX/PD-S=Empire State Building",
                RELAY "/DDA:X400-88=$/PD-STREET$=Empire State Building$/PRMD$=XX$/ADMD$=ZZ$/C$=US$/");
    assert_both("/C=US/A=ZZ/P=XX/PD-A1=Empire State Building",
                RELAY "/DDA:X400-88=$/PD-ADDRESS$=Empire State Building$/PRMD$=XX$/ADMD$=ZZ$/C$=US$/");
    assert_both("/C=US/A=ZZ/PD-A1=One/PD-A2=Two",
                RELAY "/DDA:X400-88=$/PD-ADDRESS$=One(124)Two$/ADMD$=ZZ$/C$=US$/");
    assert_both("/C=US/A=ZZ/ISDN=1234+5",
                RELAY "/DDA:X400-88=$/NET-NUM$=1234$/NET-SUB$=5$/ADMD$=ZZ$/C$=US$/");
    assert_both("/C=DE/A=ZZ/PD-A1=\303\234ber/PD-A2=Haus",
                RELAY "/DDA:X400-88=$/PD-A2$=Haus$/PD-A1$=(042)(123)200(125)Uber$/ADMD$=ZZ$/C$=DE$/");
}

static void other_characters_are_encoded(void **state) {
    (void)state;
    assert_both("/C=US/A=ZZ/PD-S=a(b)/DDA:x=y",
                RELAY "/DDA:X400-88=$/DD.x$=y$/PD-STREET$=a(l)b(r)$/ADMD$=ZZ$/C$=US$/");
    assert_both("/C=US/A=ZZ/PD-S=5 $/ 6$=x",
                RELAY "/DDA:X400-88=$/PD-STREET$=5 (036)$/ 6(036)$=x$/ADMD$=ZZ$/C$=US$/");
    assert_both("/C=DE/A=ZZ/O=B\303\244nk/S=x",
                RELAY "/DDA:X400-88=$/S$=x$/O$=(042)B(123)200(125)ank$/ADMD$=ZZ$/C$=DE$/");
}

static void long_addresses_take_more_attributes(void **state) {
    (void)state;
    char street[31], text[400];
    struct x411_ORName old, back;
    memset(street, 's', 30);
    street[30] = 0;
    snprintf(text, sizeof text,
             "/C=US/A=ZZ/P=XX/O=%s/CN=%s/PD-SN=post/PD-C=US/PD-PC=1/PD-S=%s/PD-B=%s/PD-U=%s/PD-L=%s", street,
             street, street, street, street, street);
    struct x411_ORName name = name_of(text);
    assert_true(rfc1328_downgrade(&whole, &name, &arena, &old));
    assert_int_equal(old.built_in_domain_defined_attributes.count, 3);
    for (size_t i = 0; i < 3; i++)
        assert_true(old.built_in_domain_defined_attributes.items[i].value.len <= 128);
    assert_true(rfc1328_upgrade(&whole, &old, &arena, &back));
    assert_string_equal(text_of(&back), text_of(&name));
}

/* Values are trimmed on the way: no piece may begin or end with a space. */
static void pieces_do_not_end_in_spaces(void **state) {
    (void)state;
    char text[300] = "/C=US/A=ZZ/PD-S=x/O=";
    struct x411_ORName old, back;
    for (size_t spaces = 0; spaces < 60; spaces++) {
        snprintf(text, sizeof text,
                 "/C=US/A=ZZ/PD-S=%.*s a a a a a a a/PD-B=b b b b b b b b b b/PD-U=u u u u u u u u u u/"
                 "PD-L=l l l l l l l l l l/PD-R=r r r r",
                 (int)(spaces % 15), "ssssssssssssssss");
        struct x411_ORName name = name_of(text);
        assert_true(rfc1328_downgrade(&whole, &name, &arena, &old));
        assert_true(rfc1328_upgrade(&whole, &old, &arena, &back));
        assert_string_equal(text_of(&back), text_of(&name));
    }
}

static void without_an_agreement_only_repetitions_go(void **state) {
    (void)state;
    struct x411_ORName old, name = name_of("/C=GB/A=B/O=A/CN=Postmaster");
    assert_false(rfc1328_downgrade(&alone, &name, &arena, &old));
    struct x411_ORName teletex = name_of("/C=GB/A=B/O=\303\204/S=x");
    name = name_of("/C=GB/A=B/O=Ae/S=x");
    name.extension_attributes = teletex.extension_attributes;
    assert_true(rfc1328_downgrade(&alone, &name, &arena, &old));
    assert_string_equal(text_of(&old), "/C=GB/A=B/O=Ae/S=x");
    assert_false(rfc1328_downgrade(&alone, &teletex, &arena, &old));
    name = (struct x411_ORName){0};
    assert_false(rfc1328_downgrade(&whole, &name, &arena, &old));
}

static void bounds_of_1984_are_kept(void **state) {
    (void)state;
    struct x411_ORName old, name = name_of("/C=GB/A=B/S=x");
    name.built_in_standard_attributes.organization_name =
        SPAN_LIT("ooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooooo");
    assert_false(rfc1328_downgrade(&alone, &name, &arena, &old));
    name = name_of("/C=GB/A=B/CN=x/DDA:a=1/DDA:b=2/DDA:c=3/DDA:d=4");
    struct rfc1328 common = {true, NULL};
    assert_false(rfc1328_downgrade(&common, &name, &arena, &old));
    assert_true(rfc1328_downgrade(&whole, &name, &arena, &old));
}

static void other_addresses_are_not_upgraded(void **state) {
    (void)state;
    static const char *const texts[] = {
        "/C=GB/A=B/S=x",
        "/C=GB/A=B/S=x/DDA:RFC-822=a(a)b",
        RELAY "/DDA:X400-C1=$/S$=x$/",
        RELAY "/S=x/DDA:X400-88=$/S$=x$/C$=GB$/",
        RELAY "/DDA:X400-88=$/S$=x$/C$=GB$//DDA:other=x",
        RELAY "/DDA:X400-88=$/S$=x$/C$=GB$//DDA:X400-88=x",
        RELAY "/DDA:X400-88=rubbish",
        RELAY "/DDA:X400-88=$/S$=x(999)$/C$=GB$/",
        RELAY "/DDA:X400-88=$/S$=x(12",
        RELAY "/DDA:X400-88=$/O$=*(123)20$/C$=GB$/",
        "/C=GB/A=B/DDA:X400-88=$/S$=x$/C$=GB$/",
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct x411_ORName name = name_of(texts[i]), back;
        if (rfc1328_upgrade(&whole, &name, &arena, &back))
            fail_msg("%s became %s", texts[i], text_of(&back));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_examples_of_rfc_1328),
        cmocka_unit_test(other_characters_are_encoded),
        cmocka_unit_test(long_addresses_take_more_attributes),
        cmocka_unit_test(pieces_do_not_end_in_spaces),
        cmocka_unit_test(without_an_agreement_only_repetitions_go),
        cmocka_unit_test(bounds_of_1984_are_kept),
        cmocka_unit_test(other_addresses_are_not_upgraded),
    };
    return cmocka_run_group_tests(tests, set_up_relay, tear_down);
}
