/* O/R addresses: every spelling, one canonical form, the wire and back. */
#include "../arena_room.h"

#include <stdio.h>

#include "asn1/ber.h"
#include "base/alloc.h"
#include "names/oraddress.h"

static struct error err;

static struct oraddress parse(const char *text) {
    struct oraddress address;
    if (!oraddress_parse(span_str(text), &arena, &address, &err))
        fail_msg("%s: %s", text, err.text);
    return address;
}

static const char *text_of(const struct oraddress *address) {
    struct span text = oraddress_text(address, &arena);
    assert_non_null(text.data);
    return (const char *)text.data;
}

static void assert_text(const char *text, const char *wanted) {
    struct oraddress address = parse(text);
    assert_string_equal(text_of(&address), wanted);
}

/* To the wire's octets and back, by way of the BER engine. */
static struct oraddress over_the_wire(const struct oraddress *address) {
    struct x411_ORName name, read;
    struct span octets;
    struct ber_error error;
    struct oraddress back;
    if (!oraddress_build_name(address, &arena, &name, &err))
        fail_msg("%s: %s", text_of(address), err.text);
    if (!ber_encode_arena(&x411_ORName_type, &name, &arena, &octets, &error))
        fail_msg("%s: %s", text_of(address), error.text);
    if (!ber_decode(&x411_ORName_type, octets, &arena, NULL, &read, &error))
        fail_msg("%s: %s", text_of(address), error.text);
    assert_true(oraddress_of_name(&read, &arena, &back));
    return back;
}

static void assert_refused(const char *text, int code, const char *words) {
    struct oraddress address;
    struct x411_ORName name;
    bool good = oraddress_parse(span_str(text), &arena, &address, &err) &&
                oraddress_build_name(&address, &arena, &name, &err);
    if (good)
        fail_msg("%s was accepted", text);
    assert_int_equal(err.code, code);
    if (!strstr(err.text, words))
        fail_msg("'%s' does not say '%s'", err.text, words);
}

static void all_usual_spellings_are_read(void **state) {
    (void)state;
    static const char wanted[] = "/C=gb/A=gold/P=alpha/O=A Bank/OU1=Sales/S=Smith/G=John";
    static const char *const spellings[] = {
        "G=John; S=Smith; OU1=Sales; O=A Bank; P=alpha; A=gold; C=gb",
        "X.400: g=John;s=Smith;ou1=Sales;o=A Bank;p=alpha;a=gold;c=gb;",
        "/C=gb/ADMD=gold/PRMD=alpha/O=A Bank/OU=Sales/S=Smith/G=John/",
        "/G=John/S=Smith/OU=Sales/O=A Bank/PRMD=alpha/ADMD=gold/C=gb/",
        "C=gb, A=gold, P=alpha, O=A Bank, OU1=Sales, S=Smith, G=John",
        "C=gb/A=gold/P=alpha/O=A Bank/OU1=Sales/PN=John.Smith",
        "Country=gb;ADMD=gold;PRMD=alpha;Organization=A Bank;Org.Unit.1=Sales;Surname=Smith;Given name=John",
    };
    for (size_t i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++)
        assert_text(spellings[i], wanted);
}

/* RFC 2156 §4.1.3 has one attribute for the lines of a postal address, and two for an E.164 address. */
static void the_keys_of_rfc_2156_are_read(void **state) {
    (void)state;
    assert_text("/PD-ADDRESS=The Dome|The Square | Richmond/PD-CODE=1/PD-C=GB/ADMD=x/C=gb/",
                "/C=gb/A=x/PD-C=GB/PD-PC=1/PD-A1=The Dome/PD-A2=The Square/PD-A3=Richmond");
    assert_text("C=gb; A=x; PD-address=One line", "/C=gb/A=x/PD-A1=One line");
    assert_text("/NET-SUB=42/NET-NUM=4412345678/ADMD=x/C=gb/", "/C=gb/A=x/ISDN=4412345678+42");
    assert_text("/NET-NUM=4412345678/NET-SUB=42/ADMD=x/C=gb/", "/C=gb/A=x/ISDN=4412345678+42");
    assert_refused("/C=gb/A=x/PD-ADDRESS=1|2|3|4|5|6|7", ORADDRESS_BOUND, "6 lines");
    assert_refused("/C=gb/A=x/PD-ADDRESS=1||3", ORADDRESS_SYNTAX, "empty line");
    assert_refused("/C=gb/A=x/PD-ADDRESS=1/PD-A1=2", ORADDRESS_SYNTAX, "twice");
    assert_refused("/C=gb/A=x/PD-ADDRESS=", ORADDRESS_SYNTAX, "PD-ADDRESS has an empty");
    assert_refused("/C=gb/A=x/NET-SUB=42", ORADDRESS_SYNTAX, "without its number");
    assert_refused("/C=gb/A=x/ISDN=1/NET-NUM=2", ORADDRESS_SYNTAX, "twice");
    assert_refused("/C=gb/A=x/ISDN=", ORADDRESS_SYNTAX, "empty");
}

/* RFC 2156 section 4.1.3: on input `/` and `;` separate, or a mixture of them. */
static void delimiters_may_be_mixed(void **state) {
    (void)state;
    static const char wanted[] = "/C=us/A=x/P=y/O=z/S=Smith";
    assert_text("/C=us;A=x/P=y;O=z/S=Smith;", wanted);
    assert_text("C=us;A=x/P=y;O=z/S=Smith/", wanted);
    assert_text("x400:c=us;a=x;p=y;o=z;s=Smith;", "/C=us/A=x/P=y/O=z/S=Smith");
    assert_text("X400:/C=us/A=x/P=y/O=z/S=Smith/", wanted);
    assert_text("[X400:c=us;a=x;p=y;o=z;s=Smith;]", wanted);
    assert_text("c=us;a= ;p=y;o=and/or", "/C=us/A= /P=y/O=and$/or");
    /* the value of a domain-defined attribute may be an address itself (RFC 1327) */
    assert_text("C=us;A=x;DDA:RFC-822=/PN=Duval/DD.Title=Boss/(a)fr",
                "/C=us/A=x/DDA:RFC-822=$/PN$=Duval$/DD.Title$=Boss$/(a)fr");
}

/* As Microsoft's mail systems write a domain-defined attribute: type and value in two pairs, in any order. */
static void type_and_value_in_two_pairs_are_one_attribute(void **state) {
    (void)state;
    static const char wanted[] = "/C=us/A=mci/P=example/O=pss/DDA:ms=net$/po$/user";
    assert_text("c=us;a=mci;p=example;o=pss;dda.type=ms;dda.value=net/po/user", wanted);
    assert_text("/C=us/A=mci/P=example/O=pss/DDA.TYPE=ms/DDA.VALUE=net$/po$/user", wanted);
    assert_text("c=us;a=mci;p=example;o=pss;dda.type=ms/dda.value=net/po/user", wanted);
    assert_text("dda.value=net/po/user;dda.type=ms;c=us;a=mci;p=example;o=pss", wanted);
    assert_text("c=us;a=x;dda1:ms=1;dda2.type=k;dda2.value=2", "/C=us/A=x/DDA:ms=1/DDA:k=2");
    assert_text("c=us;a=x;dda:type=1;dd.value=2", "/C=us/A=x/DDA:type=1/DDA:value=2");
    assert_refused("c=us;a=x;dda.type=ms", ORADDRESS_SYNTAX, "DDA.TYPE without DDA.VALUE");
    assert_refused("c=us;a=x;dda.value=ms", ORADDRESS_SYNTAX, "DDA.VALUE without DDA.TYPE");
    assert_refused("c=us;a=x;dda.type=a;dda.type=b;dda.value=c", ORADDRESS_SYNTAX, "dda.type is there twice");
    assert_refused("c=us;a=x;dda.type=a;dda.value=", ORADDRESS_SYNTAX, "empty value");
}

static struct span extension_of(const struct x411_ORAddress *wire, int64_t number) {
    for (size_t i = 0; i < wire->extension_attributes.count; i++)
        if (wire->extension_attributes.items[i].extension_attribute_type == number)
            return wire->extension_attributes.items[i].extension_attribute_value;
    return (struct span){NULL, 0};
}

/* RFC 2156 section 3.3.4: a printable form, `*`, a teletex form with octets in decimal. */
static void a_value_may_have_a_teletex_form_beside_it(void **state) {
    (void)state;
    struct x411_ORAddress wire;
    struct oraddress address = parse("/CN=yen*{165}/C=US/");
    assert_string_equal(text_of(&address), "/C=US/A= /CN=yen");
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    assert_true(span_eq(extension_of(&wire, 1), SPAN_LIT("\x13\x03yen")));
    assert_true(span_eq(extension_of(&wire, 2), SPAN_LIT("\x14\x01\xA5")));
    assert_text("/CN=*{165}/C=US/", "/C=US/A= /CN=¥");
    assert_text("/CN=*a{165}b/C=US/", "/C=US/A= /CN=a¥b");
    assert_text("/PN=*J{200}org.M{200}uller/C=DE/", "/C=DE/A= /S=Müller/G=Jörg");
    assert_text("/C=DE/S=*M{200}uller/OU=*B{200}uro/O=x/", "/C=DE/A= /O=x/OU1=Büro/S=Müller");
    address = parse("/C=DE/A=x/S=Mueller*M{200}uller/G=Hans/O=a*b/OU1=c/OU2=d*e/DDA:t=f*g/PD-S=h*i/"
                    "PD-ADDRESS=j|k*l");
    assert_string_equal(text_of(&address),
                        "/C=DE/A=x/O=a/OU1=c/OU2=d/S=Mueller/G=Hans/PD-S=h/PD-A1=j/PD-A2=k/DDA:t=f");
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    const struct x411_BuiltInStandardAttributes *a = &wire.built_in_standard_attributes;
    assert_true(span_eq(a->personal_name->surname, SPAN_LIT("Mueller")));
    assert_true(span_eq(a->organization_name, SPAN_LIT("a")));
    assert_true(span_eq(extension_of(&wire, 3), SPAN_LIT("\x14\x01"
                                                         "b")));
    assert_true(span_eq(extension_of(&wire, 4), SPAN_LIT("\x31\x0F\x80\x07M\xC8uller\x81\x04Hans")));
    assert_true(span_eq(extension_of(&wire, 5), SPAN_LIT("\x30\x06\x14\x01"
                                                         "c\x14\x01"
                                                         "e")));
    assert_true(span_eq(extension_of(&wire, 6), SPAN_LIT("\x30\x08\x30\x06\x14\x01t\x14\x01g")));
    assert_true(span_eq(extension_of(&wire, 17), SPAN_LIT("\x31\x06\x13\x01h\x14\x01i")));
    assert_true(span_eq(extension_of(&wire, 16), SPAN_LIT("\x31\x0B\x30\x06\x13\x01j\x13\x01k\x14\x01l")));
    assert_refused("/C=DE/A=x/PN=a.b*c.d", ORADDRESS_SYNTAX, "S and G");
    assert_refused("/C=DE/A=x*y/O=b", ORADDRESS_CHARACTER, "PrintableString");
    /* what is no such form is as it stands */
    assert_text("/C=US/A=x/CN=a*", "/C=US/A=x/CN=a$*");
    assert_text("/C=US/A=x/CN=a*{1656}", "/C=US/A=x/CN=a$*{1656}");
    assert_text("/C=US/A=x/CN=a$*b", "/C=US/A=x/CN=a$*b");
}

/* Where the values can't go out as printable, one of them is not: whoever reads the wire finds the same
 * address, hence the values, and not the forms beside them. */
static void a_form_beside_goes_out_beside_its_value_only(void **state) {
    static const char *const texts[] = {
        "/C=DE/A=x/S=Mueller*M{200}uller/G=J\u00f6rg",
        "/C=DE/A=x/OU1=a*b/OU2=B\u00fcro",
        "/C=DE/A=x/DDA:t=f*g/DDA:u=\u00fc",
        "/C=DE/A=x/CN=\u00fc*v",
        "/C=DE/A=x/PD-S=\u00fc*v",
    };
    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct oraddress address = parse(texts[i]), again = over_the_wire(&address);
        if (!oraddress_equal(&address, &again))
            fail_msg("%s comes back as %s", texts[i], text_of(&again));
    }
}

static void escaped_delimiters_belong_to_the_value(void **state) {
    (void)state;
    assert_text("/C=gb/A= /P=x/O=a\\/b\\=c\\\\d", "/C=gb/A= /P=x/O=a$/b$=c$\\d");
    assert_text("c=gb;a= ;p=x;o=a\\;b$;c\\x;dda:ms=net\\/po$(s$)",
                "/C=gb/A= /P=x/O=a$;b$;c$\\x/DDA:ms=net$/po(s)");
    assert_text("C=us, A=x, O=Foo\\, S=y, P=y", "/C=us/A=x/P=y/O=Foo, S$=y");
    assert_text("/C=gb/A= /P=x/O=a$/b$=c$$d", "/C=gb/A= /P=x/O=a$/b$=c$$d");
    assert_text("/C=gb/A= /P=x/O=a//b", "/C=gb/A= /P=x/O=a$/b");
    assert_text("C=gb;A= ;P=x;O=a;;b/c", "/C=gb/A= /P=x/O=a$;b$/c");
    assert_text("C=us, A=x, O=Foo, Inc, P=y", "/C=us/A=x/P=y/O=Foo, Inc");
}

static void a_missing_admd_is_a_single_space(void **state) {
    (void)state;
    assert_text("C=de; P=x; O=y", "/C=de/A= /P=x/O=y");
    assert_text("C=de; A=; P=x; O=y", "/C=de/A= /P=x/O=y");
    struct oraddress address = parse("C=de; P=x; O=y");
    struct x411_ORAddress wire;
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    assert_true(
        span_eq(wire.built_in_standard_attributes.administration_domain_name->u.printable, SPAN_LIT(" ")));
}

static void domain_defined_attributes_keep_their_order(void **state) {
    (void)state;
    assert_text("DDA:RFC-822=a(a)b.c; DDA:X=2; DD.X=1; C=gb; A=x; P=y",
                "/C=gb/A=x/P=y/DDA:RFC-822=a(a)b.c/DDA:X=2/DDA:X=1");
    assert_text("/RFC-822=a(a)b.c/C=gb/A=x/", "/C=gb/A=x/DDA:RFC-822=a(a)b.c");
    assert_text("DDA:a==b=c; C=gb; A=x", "/C=gb/A=x/DDA:a$=b=c");
}

static void units_without_numbers_follow_the_direction(void **state) {
    (void)state;
    assert_text("/OU=desk/OU=sales/O=bank/P=x/A=y/C=gb/", "/C=gb/A=y/P=x/O=bank/OU1=sales/OU2=desk");
    assert_text("/C=gb/A=y/P=x/O=bank/OU=sales/OU=desk/", "/C=gb/A=y/P=x/O=bank/OU1=sales/OU2=desk");
}

static void personal_names_are_taken_apart(void **state) {
    (void)state;
    assert_text("C=gb;A=x;PN=Marshall.M.T.Rose", "/C=gb/A=x/S=Rose/G=Marshall/I=MT");
    assert_text("C=gb;A=x;PN=M.T.Rose", "/C=gb/A=x/S=Rose/I=MT");
    assert_text("C=gb;A=x;PN=Rose", "/C=gb/A=x/S=Rose");
}

static void all_kinds_cross_the_wire(void **state) {
    (void)state;
    static const char *const texts[] = {
        "/C=GB/A=GOLD 400/P=ALPHA/O=Org/OU1=a/OU2=b/OU3=c/OU4=d/CN=Common/S=Sur/G=Given/I=IJ/Q=Jr",
        "/C=GB/A= /N-ID=0123456789",
        "/C=234/A=123/P=456/S=x",
        "/X121=23421234567890/T-ID=tid/T-TY=g3fax",
        "/C=GB/A=X/ISDN=4412345678/T-TY=99",
        "/C=GB/A=X/ISDN=4412345678+42",
        "/C=GB/A=X/PSAP=\"591\"$/Internet$=192.0.2.1",
        "/C=GB/A=X/PD-SN=royal/PD-C=GB/PD-PC=N1 "
        "1AA/PD-OF=of/PD-OFN=42/PD-O=org/PD-PN=person/PD-EA=ea/PD-ED=ed/"
        "PD-S=street/PD-B=box/PD-R=restante/PD-U=unique/PD-L=local",
        "/C=GB/A=X/PD-C=276/PD-PC=12345/PD-A1=The Dome/PD-A2=The Square/PD-A3=Richmond",
        "/C=DE/A=X/P=Y/O=Körber/OU1=Büro/OU2=Plain/CN=Tür/S=Müller/G=Jürgen",
        "/C=RU/A=X/P=Y/O=Банк/OU1=Отдел/CN=Касса/S=Иванов/G=Иван/PD-S=улица/PD-A1=дом/DDA:тип=значение",
        "/C=DE/A=X/P=Y/PD-S=Straße/PD-A1=Übergang/PD-A2=Haus/DDA:art=größe",
        "/C=GB/A=X/DDA:one=1/DDA:two=2/DDA:one=3",
        "/C=GB/A=X/S=y/X-EXT:99=020105",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct oraddress address = parse(texts[i]);
        struct oraddress back = over_the_wire(&address);
        assert_string_equal(text_of(&back), text_of(&address));
        assert_true(oraddress_equal(&address, &back));
        struct oraddress again = parse(text_of(&back));
        assert_true(oraddress_equal(&address, &again));
    }
}

static void string_types_follow_the_characters(void **state) {
    (void)state;
    struct x411_ORAddress wire;
    struct oraddress address = parse("/C=DE/A=X/P=Y/O=plain/S=Müller/G=Hans");
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    assert_non_null(wire.built_in_standard_attributes.organization_name.data);
    assert_null(wire.built_in_standard_attributes.personal_name);
    assert_int_equal(wire.extension_attributes.count, 1);
    assert_int_equal(wire.extension_attributes.items[0].extension_attribute_type, 4);
    address = parse("/C=RU/A=X/CN=Иван");
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    assert_int_equal(wire.extension_attributes.count, 1);
    assert_int_equal(wire.extension_attributes.items[0].extension_attribute_type, 24);
}

static void equal_addresses_have_equal_keys(void **state) {
    (void)state;
    static const char *const pairs[][2] = {
        {"/C=GB/A=GOLD/P=ALPHA/S=Smith", "c=gb;a=gold;p=alpha;s=SMITH"},
        {"/C=234/A=X/P=Y/S=z", "/C=gb/A=x/P=y/S=Z"},
        {"/C=GB/A=GOLD  400/S= a  b ", "/C=GB/A=gold 400/S=A B"},
        {"/C=DE/A=X/S=MÜLLER", "/C=DE/A=X/S=müller"},
        {"/C=RU/A=X/S=ИВАНОВ", "/C=RU/A=X/S=иванов"},
        {"/C=GB/A=X/T-TY=5/X121=123 45", "/C=GB/A=X/T-TY=G3FAX/X121=12345"},
        {"/C=GB/A=X/N-ID=12 34", "/C=GB/A=X/N-ID=1234"},
        {"/C=GB/A=X/ISDN=+44 12", "/C=GB/A=X/ISDN=4412"},
        {"/C=GB/A=X/PD-C=234/PD-PC=n1", "/C=GB/A=X/PD-C=gb/PD-PC=N1"},
        {"/C=GR/A=X/S=ΆΝΝΑΣ", "/C=GR/A=X/S=άννας"},
        {"/C=KZ/A=X/S=ҚӘҒ", "/C=KZ/A=X/S=қәғ"},
        {"/C=VN/A=X/S=NGUYỄN", "/C=VN/A=X/S=nguyễn"},
        {"/C=DE/A=X/S=Mu\xCC\x88ller", "/C=DE/A=X/S=Müller"},
        {"/C=GB/A=X/PSAP=\"x\"$/Internet$=10.0.0.1", "/C=GB/A=X/PSAP='78'H$/Internet$=10.0.0.1+102"},
        {"/C=GB/A=X/S=y/X-EXT:099=020105", "/C=GB/A=X/S=Y/X-EXT:99=020105"},
        {"/C=GB/A=X/DDA:RFC-822=Ann(a)Example", "/C=GB/A=X/DDA:rfc-822=ann(a)example"},
        {"/OU2=b/OU1=a/O=o/A=X/C=GB", "/C=GB/A=X/O=O/OU1=A/OU2=B"},
    };
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        struct oraddress a = parse(pairs[i][0]), b = parse(pairs[i][1]);
        assert_true(oraddress_equal(&a, &b));
        assert_true(span_eq(oraddress_key(&a, &arena), oraddress_key(&b, &arena)));
    }
}

/* The key is text that has itself as its key, so that what is kept under it can be looked over. */
static void a_key_is_the_key_of_itself(void **state) {
    (void)state;
    static const char *const texts[] = {
        "/C=234/A=Gold  400/P=ALPHA/O=A$/B/S=Smith",
        "/C=GB/A= /S=x",
        "/C=DE/A=X/P=Y/O=Körber/S=MÜLLER/DDA:Art$=x=Größe$*",
        "/C=GB/A=X/PSAP=\"Ab\"$/Internet$=192.0.2.1",
        "/X121=234 21/T-TY=5",
        "/C=GB/A=X/S=y/X-EXT:99=02010A",
        "",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct oraddress address = parse(texts[i]);
        struct span key = oraddress_key(&address, &arena);
        struct oraddress again = parse((const char *)key.data);
        assert_true(oraddress_equal(&address, &again));
        assert_true(span_eq(oraddress_key(&again, &arena), key));
    }
    struct oraddress smith = parse("/C=234/A=Gold/S=Smith"),
                     two = parse("/C=GB/A=X/PSAP=\"a\"$/Internet$=1.2.3.4");
    struct oraddress other = parse("/C=GB/A=X/PSAP=\"A\"$/Internet$=1.2.3.4");
    assert_true(span_eq(oraddress_key(&smith, &arena), SPAN_LIT("/C=gb/A=gold/S=smith")));
    assert_false(oraddress_equal(&two, &other)); /* selectors are octets: case counts */
}

/* What came as blanks has no place of its own: the text of what was received reads back. */
static void blank_units_and_lines_leave_no_gap(void **state) {
    (void)state;
    struct oraddress address = parse("/C=GB/A=X/OU1=a/OU2=b/PD-A1=c/PD-A2=d"), found;
    struct x411_ORAddress wire;
    struct x411_UnformattedPostalAddress lines = {
        .printable_address = {(struct span[]){SPAN_LIT("  "), SPAN_LIT("d")}, 2}};
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    wire.built_in_standard_attributes.organizational_unit_names.items[0] = SPAN_LIT(" ");
    assert_true(ber_encode_arena(&x411_UnformattedPostalAddress_type, &lines, &arena,
                                 &wire.extension_attributes.items[0].extension_attribute_value, NULL));
    assert_true(oraddress_of(&wire, &arena, &found));
    assert_string_equal(text_of(&found), "/C=GB/A=X/OU1=b/PD-A1=d");
}

static void different_addresses_differ(void **state) {
    (void)state;
    static const char *const texts[] = {
        "",
        "/C=GB/A=X",
        "/C=GB/A= ",
        "/C=DE/A=X",
        "/C=GB/A=X/P=Y",
        "/C=GB/A=X/O=Y",
        "/C=GB/A=X/S=a b",
        "/C=GB/A=X/S=ab",
        "/C=GB/A=X/DDA:a=1/DDA:b=2",
        "/C=GB/A=X/DDA:b=2/DDA:a=1",
        "/C=GB/A=X/DDA:a1=1",
    };
    size_t count = sizeof(texts) / sizeof(texts[0]);
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; j < i; j++) {
            struct oraddress a = parse(texts[i]), b = parse(texts[j]);
            assert_false(oraddress_equal(&a, &b));
            assert_false(span_eq(oraddress_key(&a, &arena), oraddress_key(&b, &arena)));
        }
    }
}

static void wrong_addresses_are_refused_with_the_cause(void **state) {
    (void)state;
    assert_refused("hello", ORADDRESS_SYNTAX, "'='");
    assert_refused("/C=GB/XYZ=1", ORADDRESS_SYNTAX, "unknown label");
    assert_refused("/C=GB/A=X/O=", ORADDRESS_SYNTAX, "empty value");
    assert_refused("/C=GB/A=X/O=1/O=2", ORADDRESS_SYNTAX, "O is there twice");
    assert_refused("/C=GB/A=X/G=John", ORADDRESS_SYNTAX, "without a surname");
    assert_refused("/C=GB/A=X/OU2=b", ORADDRESS_SYNTAX, "OU2 without OU1");
    assert_refused("/C=GB/A=X/OU1=a/OU5=b", ORADDRESS_SYNTAX, "OU1 to OU4");
    assert_refused("/C=GB/A=X/DD5:a=b", ORADDRESS_SYNTAX, "DDA:type=value");
    assert_refused("/C=GB/A=X/PD-A7=b", ORADDRESS_SYNTAX, "PD-A1 to PD-A6");
    assert_refused("/C=GB/A=X/Org-Box=b", ORADDRESS_SYNTAX,
                   "unknown label 'Org-Box'; the labels are C, A, P, O");
    assert_refused("/PN=/", ORADDRESS_SYNTAX, "PN has an empty value");
    assert_refused("/C=GB/A=X/PN=./", ORADDRESS_SYNTAX, "PN names nobody");
    assert_refused("/C=GB/A=X/OU=/O=b", ORADDRESS_SYNTAX, "OU has an empty value");
    assert_refused("/C=GB/A=X/OU1=/O=b", ORADDRESS_SYNTAX, "OU1 has an empty value");
    assert_refused("/C=GB/A=X/OU=a/OU1=b", ORADDRESS_SYNTAX, "OU1 is there twice");
    assert_refused("/C=GB/A=X/S:t=b", ORADDRESS_SYNTAX, "'S:t'");
    assert_refused("/C=GB/A=X/PD-A1=a/PD-A3=b", ORADDRESS_SYNTAX, "PD-A3 without PD-A2");
    assert_refused("/C=GB/A=X/X-EXT:1=130161", ORADDRESS_SYNTAX, "X-EXT:1 is the attribute CN");
    assert_refused("/C=GBR1/A=X/O=b", ORADDRESS_SYNTAX, "two letters");
    assert_refused("/C=GB/A=12345678901234567/O=b", ORADDRESS_BOUND, "ub-domain-name-length");
    assert_refused("/C=GB/A=X/DDA:123456789=b", ORADDRESS_BOUND, "ub-domain-defined-attribute-type-length");
    assert_refused("/C=GB/A=X/DDA:1=b/DDA:2=b/DDA:3=b/DDA:4=b/DDA:5=b", ORADDRESS_BOUND, "more than 4");
    assert_refused("/C=GB/A=Käse/O=b", ORADDRESS_CHARACTER, "PrintableString");
    assert_refused("/C=GB/A=X/N-ID=12a", ORADDRESS_CHARACTER, "digits");
    assert_refused("/C=GB/A=X/DDA=b", ORADDRESS_SYNTAX, "DDA:type=value");
    assert_refused("/C=GB/A=X/OU=1/OU=2/OU=3/OU=4/OU=5", ORADDRESS_BOUND, "organizational units");
    assert_refused("/C=GB/A=X/X-EXT:99=0", ORADDRESS_SYNTAX, "X-EXT:99");
    assert_refused("/C=GB/A=X/S=1234567890123456789012345678901234567890x", ORADDRESS_BOUND,
                   "ub-surname-length");
}

static void both_forms_of_a_name_are_one_attribute(void **state) {
    (void)state;
    struct oraddress address = parse("/C=DE/A=X/P=Y/S=Mueller"), found;
    struct x411_ORAddress wire;
    struct x411_TeletexPersonalName teletex = {.surname = SPAN_LIT("M\xC8uller"),
                                               .given_name = SPAN_LIT("J\xC8org")};
    struct x411_ExtensionAttribute extension = {.extension_attribute_type = 4};
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    assert_true(ber_encode_arena(&x411_TeletexPersonalName_type, &teletex, &arena,
                                 &extension.extension_attribute_value, NULL));
    wire.extension_attributes.items = &extension;
    wire.extension_attributes.count = 1;
    assert_true(oraddress_of(&wire, &arena, &found));
    assert_string_equal(text_of(&found), "/C=DE/A=X/P=Y/S=Mueller/G=Jörg");
}

static void control_characters_do_not_reach_the_text(void **state) {
    (void)state;
    struct oraddress address = parse("/C=DE/A=X/P=Y/S=plain"), found;
    struct x411_ORAddress wire;
    assert_true(oraddress_build(&address, &arena, &wire, &err));
    wire.built_in_standard_attributes.personal_name->surname = SPAN_LIT("a\nb\x1B[1m\xFF");
    assert_true(oraddress_of(&wire, &arena, &found));
    assert_string_equal(text_of(&found), "/C=DE/A=X/P=Y/S=a b\xEF\xBF\xBD[1m\xC3\xBF");
}

static void completeness_is_that_of_the_four_forms(void **state) {
    (void)state;
    static const struct {
        const char *text, *missing;
    } cases[] = {
        {"/C=GB/A=X/O=y", NULL},
        {"/C=GB/A=X/N-ID=1", NULL},
        {"/X121=123", NULL},
        {"/C=GB/A=X/DDA:a=b", NULL},
        {"/C=GB/A=X/PD-C=GB/PD-PC=1", NULL},
        {"/C=GB/A=X", "organization"},
        {"/C=GB/A=X/PD-C=GB/PD-S=x", "postal code"},
        {"/O=y", "country"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct oraddress address = parse(cases[i].text);
        const char *missing;
        assert_int_equal(oraddress_is_complete(&address, &missing), cases[i].missing == NULL);
        if (cases[i].missing)
            assert_non_null(strstr(missing, cases[i].missing));
    }
}

/* ---- random addresses ---- */

static uint64_t seed = 0x400;

static unsigned next_random(unsigned limit) {
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % limit;
}

static struct span random_value(unsigned most, bool wide) {
    static const char *const pieces[] = {"a", "B", "z", "0", "9", " ", "'", "(", "+", ",", "-", ".", "/",
                                         ":", "=", "?", "$", ";", "ü", "é", "Ж", "Ω", "😀", "_", "@"};
    char *out = arena_alloc(&arena, 5 * (size_t)most + 1);
    unsigned count = 1 + next_random(most);
    size_t len = 0;
    for (unsigned i = 0; i < count; i++) {
        const char *piece = pieces[next_random(wide ? 25 : 16)];
        if ((i == 0 || i + 1 == count) && piece[0] == ' ')
            piece = "q";
        len += (size_t)snprintf(out + len, 5, "%s", piece);
    }
    return span_of(out, len);
}

static void add_random(char *text, size_t size, const char *label, unsigned most, bool wide) {
    struct span value = random_value(most, wide);
    size_t len = strlen(text);
    len += (size_t)snprintf(text + len, size - len, "/%s=", label);
    for (size_t i = 0; i < value.len && len + 3 < size; i++) {
        if (strchr("/;=$*\\", value.data[i]))
            text[len++] = '$';
        text[len++] = (char)value.data[i];
    }
    text[len] = 0;
}

static void random_addresses_survive_text_and_wire(void **state) {
    (void)state;
    static const struct {
        const char *label;
        unsigned most;
        bool wide;
    } parts[] = {{"P", 16, false},     {"O", 64, true},    {"OU1", 32, true},    {"OU2", 32, true},
                 {"CN", 64, true},     {"S", 40, true},    {"G", 16, true},      {"I", 5, true},
                 {"Q", 3, true},       {"PD-S", 30, true}, {"PD-SN", 16, false}, {"DDA:t1", 128, true},
                 {"DDA:t1", 40, true}, {"T-ID", 24, false}};
    for (int round = 0; round < 2000; round++) {
        char text[4096] = "/C=GB/A=GOLD/OU1=x/S=y";
        if (round % 4) {
            snprintf(text, sizeof(text), "/C=%s/A=%s", round % 3 ? "DE" : "262", round % 5 ? "a b" : " ");
            for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
                bool wanted = i == 2 || i == 5 || next_random(2);
                if (wanted)
                    add_random(text, sizeof(text), parts[i].label, parts[i].most, parts[i].wide && round % 2);
            }
        }
        struct oraddress address = parse(text), back = over_the_wire(&address), again = parse(text_of(&back));
        struct span key = oraddress_key(&address, &arena);
        struct oraddress keyed = parse((const char *)key.data);
        if (!oraddress_equal(&address, &back) || !oraddress_equal(&address, &again) ||
            !oraddress_equal(&address, &keyed))
            fail_msg("%s became %s", text, text_of(&again));
        arena_reset(&arena);
    }
}

/* With `n` allocations allowed, for every n: fails cleanly or succeeds. */
static void lack_of_memory_is_an_error(void **state) {
    (void)state;
    static const char text[] = "/C=DE/A=X/P=Y/O=Körber/OU1=Büro/S=Müller/PD-S=улица/DDA:a=b/ISDN=12+3";
    size_t failures = 0;
    for (size_t cap = 16; cap < 16384; cap += 16) {
        struct arena small;
        struct oraddress address, back;
        struct x411_ORName name;
        arena_init(&small, cap);
        bool good = oraddress_parse(SPAN_LIT(text), &small, &address, &err) &&
                    oraddress_build_name(&address, &small, &name, &err);
        if (!good) {
            assert_int_equal(err.code, ORADDRESS_MEMORY);
            failures++;
        } else if (oraddress_of_name(&name, &small, &back)) {
            assert_true(oraddress_equal(&address, &back));
        }
        arena_free(&small);
    }
    assert_in_range(failures, 10, 1000);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_usual_spellings_are_read),
        cmocka_unit_test(the_keys_of_rfc_2156_are_read),
        cmocka_unit_test(delimiters_may_be_mixed),
        cmocka_unit_test(type_and_value_in_two_pairs_are_one_attribute),
        cmocka_unit_test(a_value_may_have_a_teletex_form_beside_it),
        cmocka_unit_test(a_form_beside_goes_out_beside_its_value_only),
        cmocka_unit_test(a_key_is_the_key_of_itself),
        cmocka_unit_test(blank_units_and_lines_leave_no_gap),
        cmocka_unit_test(escaped_delimiters_belong_to_the_value),
        cmocka_unit_test(a_missing_admd_is_a_single_space),
        cmocka_unit_test(domain_defined_attributes_keep_their_order),
        cmocka_unit_test(units_without_numbers_follow_the_direction),
        cmocka_unit_test(personal_names_are_taken_apart),
        cmocka_unit_test(all_kinds_cross_the_wire),
        cmocka_unit_test(string_types_follow_the_characters),
        cmocka_unit_test(equal_addresses_have_equal_keys),
        cmocka_unit_test(different_addresses_differ),
        cmocka_unit_test(wrong_addresses_are_refused_with_the_cause),
        cmocka_unit_test(both_forms_of_a_name_are_one_attribute),
        cmocka_unit_test(control_characters_do_not_reach_the_text),
        cmocka_unit_test(completeness_is_that_of_the_four_forms),
        cmocka_unit_test(random_addresses_survive_text_and_wire),
        cmocka_unit_test(lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
