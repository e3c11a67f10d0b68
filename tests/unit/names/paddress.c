/* Presentation addresses by RFC 1278, and NSAPs by RFC 1277. */
#include "../arena_room.h"

#include <stdio.h>

#include "names/paddress.h"

static struct error err;

static struct paddress parse(const char *text) {
    struct paddress address;
    if (!paddress_parse(span_str(text), &arena, &address, &err))
        fail_msg("%s: %s", text, err.text);
    return address;
}

static void assert_printed(const struct paddress *address, const char *wanted) {
    struct buf out;
    buf_init(&out, 0);
    assert_true(paddress_print(address, &out));
    assert_true(buf_append_byte(&out, 0));
    assert_string_equal((const char *)out.data, wanted);
    buf_free(&out);
}

static void assert_text(const char *text, const char *wanted) {
    struct paddress address = parse(text);
    assert_printed(&address, wanted);
    struct paddress again = parse(wanted);
    assert_true(paddress_equal(&address, &again));
}

static void tcp_hosts_have_name_and_port(void **state) {
    (void)state;
    struct paddress address = parse("\"591\"/Internet=gw.example.net+20001");
    assert_true(span_eq(address.t_selector, SPAN_LIT("591")));
    assert_null(address.s_selector.data);
    assert_int_equal(address.count, 1);
    assert_int_equal(address.networks[0].kind, PADDRESS_TCP);
    assert_string_equal((const char *)address.networks[0].host.data, "gw.example.net");
    assert_int_equal(address.networks[0].port, 20001);
    assert_int_equal(parse("Internet=10.0.0.6").networks[0].port, 102);
    assert_true(span_eq(parse("Internet=[2001:db8::1]+9").networks[0].host, SPAN_LIT("2001:db8::1")));
}

static void each_spelling_has_one_print(void **state) {
    (void)state;
    assert_text("\"256\"/NS+a433bb93c1_NS+aa3106", "\"256\"/NS+a433bb93c1_NS+aa3106");
    assert_text("#63/#41/#12/Internet=h", "'003f'H/'0029'H/'000c'H/Internet=h");
    assert_text("TELEX+00728722+RFC-1006+03+10.0.0.6", "Internet=10.0.0.6");
    assert_text("TELEX+00728722+RFC-1006+03+10.0.0.6+9001", "Internet=10.0.0.6+9001");
    assert_text("Internet-RFC-1006=h+102+2", "Internet=h+102+2");
    assert_text("NS+540072872203010000000006", "Internet=10.0.0.6");
    assert_text("NS+54007287220301000000000620001f", "Internet=10.0.0.6+20001");
    assert_text("Internet=[2001:DB8::1]+102", "Internet=[2001:DB8::1]");
    assert_text("\"p\"/\"s\"/\"t\"/", "\"p\"/\"s\"/\"t\"/");
    assert_text("\"p\"/\"\"/\"t\"/Internet=h", "\"p\"/\"\"/\"t\"/Internet=h");
    assert_text("\"a b\"/Internet=h", "'612062'H/Internet=h");
    assert_text("X121+234219200300", "NS+3600234219200300");
    assert_text("DCC+826+d11000012022", "NS+3882611000012022");
    assert_text("LOCAL++x0102ff", "NS+490102ff");
}

static void an_absent_selector_is_no_empty_one(void **state) {
    (void)state;
    struct paddress absent = parse("Internet=h"), empty = parse("\"\"/Internet=h");
    assert_null(absent.t_selector.data);
    assert_non_null(empty.t_selector.data);
    assert_int_equal(empty.t_selector.len, 0);
}

static void wrong_texts_are_refused(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "\"591",
        "'0g'H/Internet=h",
        "'000'H/Internet=h",
        "#70000/Internet=h",
        "#/Internet=h",
        "\"a\"/\"b\"/\"c\"/\"d\"/Internet=h",
        "Internet=",
        "Internet=h+0",
        "Internet=h+65536",
        "Internet=h+x",
        "Internet=[::1",
        "Internet=[::1]x+1",
        "Internet=[zz]",
        "Internet=a b",
        "NS+",
        "NS+0",
        "NS+000102030405060708090a0b0c0d0e0f1011121314",
        "TELEX+00728722+RFC-1006+09+10.0.0.6",
        "TELEX+00728722+X.25(80)+02+00002340555",
        "X121+2342192003001234567",
        "\"123456789012345678901234567890123\"/Internet=h",
        "Internet=a_Internet=b_Internet=c_Internet=d_Internet=e_Internet=f_Internet=g_Internet=h_Internet=i",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct paddress address;
        err.text[0] = 0;
        if (paddress_parse(span_str(texts[i]), &arena, &address, &err))
            fail_msg("%s was accepted", texts[i]);
        assert_true(err.text[0] != 0);
    }
}

static void the_wires_form_goes_there_and_back(void **state) {
    (void)state;
    static const char *const texts[] = {"\"p\"/\"s\"/\"t\"/Internet=192.0.2.255+4711_NS+490102ff",
                                        "Internet=0.0.0.0", "Internet=1.2.3.4+65535+7"};
    for (size_t i = 0; i < 3; i++) {
        struct paddress address = parse(texts[i]), back;
        struct x501_PresentationAddress wire;
        assert_true(paddress_build(&address, &arena, &wire, &err));
        assert_true(paddress_of(&wire, &arena, &back));
        assert_printed(&back, texts[i]);
    }
    struct paddress named = parse("Internet=gw.example.net");
    struct x501_PresentationAddress wire;
    assert_false(paddress_build(&named, &arena, &wire, &err));
    assert_int_equal(err.code, PADDRESS_SYNTAX);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_hosts_have_name_and_port),       cmocka_unit_test(each_spelling_has_one_print),
        cmocka_unit_test(an_absent_selector_is_no_empty_one), cmocka_unit_test(wrong_texts_are_refused),
        cmocka_unit_test(the_wires_form_goes_there_and_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
