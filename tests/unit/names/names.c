/* Patterns, distinguished names, identifiers and codes. */
#include "../arena_room.h"

#include <stdio.h>

#include "asn1/ber.h"
#include "names/codes.h"
#include "names/dn.h"
#include "names/identifier.h"
#include "names/pattern.h"

static struct error err;

static struct pattern pattern_of(const char *text) {
    struct pattern pattern;
    if (!pattern_parse(span_str(text), &arena, &pattern, &err))
        fail_msg("%s: %s", text, err.text);
    return pattern;
}

static bool matches(const char *pattern_text, const char *text) {
    struct pattern pattern = pattern_of(pattern_text);
    struct oraddress address;
    if (!oraddress_parse(span_str(text), &arena, &address, &err))
        fail_msg("%s: %s", text, err.text);
    return pattern_matches(&pattern, &address);
}

static void patterns_match_by_attribute(void **state) {
    (void)state;
    static const char address[] = "/C=GB/A=GOLD/P=ALPHA/O=Sales Office/OU1=x/S=Smith/DDA:a=1/DDA:b=2";
    static const char *const good[] = {"",
                                       "/C=gb",
                                       "C=234; P=alpha",
                                       "/C=GB/A=*",
                                       "/O=sales*",
                                       "/O=SALES O*",
                                       "/DDA:b=2",
                                       "/DDA:b=*/S=smith",
                                       "/C=g*/A=g*/P=a*",
                                       "/OU1=x"};
    static const char *const bad[] = {
        "/C=DE",    "/A=gol", "/O=office*", "/CN=*",        "/DDA:c=*",
        "/DDA:a=2", "/OU2=*", "/C=GB/A= ",  "/P=alphabet*", "/S=smith/DDA:a=*/DDA:b=1"};
    for (size_t i = 0; i < 10; i++) {
        if (!matches(good[i], address))
            fail_msg("%s does not match", good[i]);
        if (matches(bad[i], address))
            fail_msg("%s matches", bad[i]);
    }
}

static void the_more_specific_pattern_comes_first(void **state) {
    (void)state;
    static const char *const order[] = {"/C=GB/A=GOLD/P=ALPHA/O=x",
                                        "/C=GB/A=GOLD/P=ALPHA",
                                        "/C=GB/A=GOLD/P=ALPHA*",
                                        "/C=GB/A=GOLD/P=AL*",
                                        "/C=GB/A=GOLD/P=*",
                                        "/C=GB/A=GOLD/O=x",
                                        "/C=GB/A=GOLD",
                                        "/C=GB/A=*",
                                        "/C=GB",
                                        "/C=*",
                                        "/O=x",
                                        ""};
    size_t count = sizeof(order) / sizeof(order[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < count; j++) {
            struct pattern a = pattern_of(order[i]), b = pattern_of(order[j]);
            int got = pattern_compare(&a, &b);
            assert_int_equal(got < 0 ? -1 : got > 0, i < j ? -1 : i > j);
        }
    }
}

/* ---- distinguished names ---- */

static void assert_dn(const char *text, const char *wanted) {
    struct x501_Name name, read;
    struct span octets;
    struct ber_error error;
    if (!dn_parse(span_str(text), &arena, &name, &err))
        fail_msg("%s: %s", text, err.text);
    assert_true(ber_encode_arena(&x501_Name_type, &name, &arena, &octets, &error));
    assert_true(ber_decode(&x501_Name_type, octets, &arena, NULL, &read, &error));
    assert_string_equal((const char *)dn_text(&read, &arena).data, wanted);
    assert_true(dn_equal(&name, &read));
}

static void distinguished_names_are_written_by_rfc_4514(void **state) {
    (void)state;
    assert_dn("CN=James Hacker,L=Basingstoke,O=Widget Inc,C=GB",
              "CN=James Hacker,L=Basingstoke,O=Widget Inc,C=GB");
    assert_dn("uid=jsmith, dc=example ; DC=net", "UID=jsmith,DC=example,DC=net");
    assert_dn("OU=Sales+CN=J.  Smith,DC=example", "OU=Sales+CN=J.  Smith,DC=example");
    assert_dn("CN=James \\\"Jim\\\" Smith\\, III,DC=net", "CN=James \\\"Jim\\\" Smith\\, III,DC=net");
    assert_dn("CN=Before\\0dAfter,DC=net", "CN=Before\\0DAfter,DC=net");
    assert_dn("1.3.6.1.4.1.1466.0=#04024869", "1.3.6.1.4.1.1466.0=#04024869");
    assert_dn("CN=Lu\\C4\\8Di\\C4\\87", "CN=Lučić");
    assert_dn("CN=\"a,b\"", "CN=a\\,b");
    assert_dn("CN=\\ x\\ ,O=\\#y", "CN=\\ x\\ ,O=\\#y");
    assert_dn("", "");
}

static void wrong_distinguished_names_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {"CN",      "=x",       "CN=x,",  "CN=x,,O=y", "foo=x",  "CN=#zz",
                                        "CN=#040", "CN=#0402", "CN=\"x", "CN=x\\",    "1..2=x", "CN=\xFF"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct x501_Name name;
        if (dn_parse(span_str(texts[i]), &arena, &name, &err))
            fail_msg("%s was accepted", texts[i]);
    }
    struct x501_Name name;
    assert_false(dn_parse(SPAN_LIT("CN=a,foo=x"), &arena, &name, &err));
    assert_non_null(strstr(err.text, "known, as CN, and no object identifier at 'foo=x'"));
}

static bool dn_same(const char *a, const char *b) {
    struct x501_Name x, y;
    assert_true(dn_parse(span_str(a), &arena, &x, &err) && dn_parse(span_str(b), &arena, &y, &err));
    return dn_equal(&x, &y);
}

static void distinguished_names_compare_by_meaning(void **state) {
    (void)state;
    assert_true(dn_same("CN=a  B,C=gb", "cn=A b,c=GB"));
    assert_true(dn_same("CN=a+OU=b,C=gb", "OU=B+CN=A,C=gb"));
    assert_false(dn_same("CN=a,C=gb", "CN=b,C=gb"));
    assert_false(dn_same("CN=a,C=gb", "CN=a"));
    assert_false(dn_same("CN=a,O=b", "O=b,CN=a"));
    assert_false(dn_same("CN=a+CN=a,C=gb", "CN=a+CN=b,C=gb"));
}

/* ---- identifiers ---- */

static void assert_identifier(const char *text, const char *wanted) {
    struct x411_MTSIdentifier identifier, again;
    struct buf out;
    buf_init(&out, 0);
    if (!mts_identifier_parse(span_str(text), &arena, &identifier, &err))
        fail_msg("%s: %s", text, err.text);
    assert_true(mts_identifier_print(&identifier, &out));
    assert_true(buf_append_byte(&out, 0));
    assert_string_equal((const char *)out.data, wanted);
    assert_true(mts_identifier_parse(span_str((const char *)out.data), &arena, &again, &err));
    assert_true(mts_identifier_equal(&identifier, &again));
    buf_free(&out);
}

static void identifiers_are_written_by_rfc_2156(void **state) {
    (void)state;
    assert_identifier("[/PRMD=ALPHA/ADMD=GOLD/C=GB/;local-id]", "[/PRMD=ALPHA/ADMD=GOLD/C=GB/;local-id]");
    assert_identifier("/C=GB/A=GOLD/P=ALPHA;a;b]", "[/PRMD=ALPHA/ADMD=GOLD/C=GB/;a;b]]");
    assert_identifier("[/ADMD= /C=GB/;1]", "[/ADMD= /C=GB/;1]");
    struct x411_MTSIdentifier identifier;
    assert_false(mts_identifier_parse(SPAN_LIT("[/C=GB/A=GOLD/]"), &arena, &identifier, &err));
    assert_false(mts_identifier_parse(SPAN_LIT("[/C=GB/A=GOLD/;caf\xE9]"), &arena, &identifier, &err));
    assert_false(mts_identifier_parse(SPAN_LIT("[/C=GB/A=GOLD/S=x;1]"), &arena, &identifier, &err));
    assert_false(mts_identifier_parse(SPAN_LIT("[/C=GB/A=GOLD/;123456789012345678901234567890123]"), &arena,
                                      &identifier, &err));
}

static bool domains_same(const char *a, const char *b) {
    struct x411_GlobalDomainIdentifier x, y;
    assert_true(domain_parse(span_str(a), &arena, &x, &err) && domain_parse(span_str(b), &arena, &y, &err));
    return domain_equal(&x, &y);
}

static void domains_compare_as_addresses_do(void **state) {
    (void)state;
    assert_true(domains_same("/C=GB/A=GOLD/P=ALPHA", "/C=gb/A=gold/P=Alpha"));
    assert_true(domains_same("/C=234/A=GOLD  400", "/C=GB/A=gold 400"));
    assert_true(domains_same("/C=GB/A= /P=1", "/C=GB/P=1"));
    assert_false(domains_same("/C=GB/A=GOLD", "/C=GB/A=GOLD/P=ALPHA"));
    assert_false(domains_same("/C=GB/A=GOLD", "/C=GB/A=GOLDEN"));
    assert_false(domains_same("/C=GB/A=GOLD", "/C=DE/A=GOLD"));
    assert_false(domains_same("/C=GB/A=a b", "/C=GB/A=ab"));
}

static void codes_have_names_and_texts(void **state) {
    (void)state;
    assert_string_equal(non_delivery_reason_name(1), "unable-to-transfer");
    assert_string_equal(non_delivery_diagnostic_name(0), "unrecognised-OR-name");
    assert_null(non_delivery_diagnostic_name(79));
    assert_null(non_delivery_reason_name(-1));
    assert_int_equal(non_delivery_diagnostic_code("unsupported-security-policy"), 78);
    assert_int_equal(non_delivery_reason_code("nonsense"), -1);
    for (int64_t code = 0; code <= 78; code++) {
        assert_non_null(non_delivery_diagnostic_name(code));
        assert_non_null(non_delivery_diagnostic_text(code));
    }
    assert_string_equal(non_delivery_diagnostic_text(0), "There is no such recipient");
    assert_string_equal(non_delivery_diagnostic_text(79), non_delivery_diagnostic_text(-1));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_match_by_attribute),
        cmocka_unit_test(the_more_specific_pattern_comes_first),
        cmocka_unit_test(distinguished_names_are_written_by_rfc_4514),
        cmocka_unit_test(wrong_distinguished_names_are_refused),
        cmocka_unit_test(distinguished_names_compare_by_meaning),
        cmocka_unit_test(identifiers_are_written_by_rfc_2156),
        cmocka_unit_test(domains_compare_as_addresses_do),
        cmocka_unit_test(codes_have_names_and_texts),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
