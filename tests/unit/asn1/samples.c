/*
 * APDUs of real MTAs, where the samples are at hand: each decodes, comes back octet for
 * octet from `raw`, and is the same value when it is encoded afresh.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "../samples.h"
#include "schema/asn1.h"
#include "schema/x411.h"
#include "schema/x41184.h"
#include "schema/x420.h"

static bool read_file(const char *path, struct buf *into) {
    FILE *file = fopen(path, "rb");
    if (!file)
        return false;
    uint8_t block[4096];
    for (size_t len; (len = fread(block, 1, sizeof block, file)) > 0;)
        buf_append(into, block, len);
    fclose(file);
    return true;
}

static void check(const struct ber_type *type, struct span in, const char *path) {
    struct arena arena;
    struct ber_error error;
    struct buf out;
    /* PP numbers its content correlators and supplementary information freely; only the form is judged here.
     */
    struct ber_limits limits = {.relax_bounds = true, .relax_characters = true};
    arena_init(&arena, 16 << 20);
    buf_init(&out, 0);
    void *value = arena_alloc(&arena, ber_type_size(type)), *again = arena_alloc(&arena, ber_type_size(type));
    if (!ber_decode(type, in, &arena, &limits, value, &error))
        fail_msg("%s: %s at %zu in %s: %s", path, ber_type_name(type), error.offset, error.path, error.text);
    assert_true(ber_encode(type, value, &out, &error));
    assert_true(span_eq(buf_span(&out), in));
    ber_forget_raw(type, value);
    buf_clear(&out);
    assert_true(ber_encode(type, value, &out, &error));
    if (!ber_decode(type, buf_span(&out), &arena, &limits, again, &error))
        fail_msg("%s encoded afresh: %s at %zu in %s: %s", path, ber_type_name(type), error.offset,
                 error.path, error.text);
    assert_true(ber_equal(type, value, again));
    for (size_t len = 0; len < in.len; len += 1 + in.len / 500) {
        assert_false(ber_decode(type, span_sub(in, 0, len), &arena, &limits, again, &error));
        assert_int_equal(error.code, BER_TRUNCATED);
    }
    buf_free(&out);
    arena_free(&arena);
}

/* The single-ASN1-type in an EXTERNAL, or the octets themselves. */
static struct span unwrap(struct span in, struct arena *arena) {
    struct asn1_EXTERNAL external;
    if (in.data[0] != 0x28)
        return in;
    assert_true(ber_decode(&asn1_EXTERNAL_type, in, arena, NULL, &external, NULL));
    assert_int_equal(external.encoding.choice, asn1_EXTERNAL_encoding_single_ASN1_type);
    return external.encoding.u.single_ASN1_type;
}

static struct span content_of(const struct ber_type *type, struct span in, struct arena *arena) {
    struct ber_limits limits = {.relax_bounds = true};
    if (type == &x411_MTS_APDU_type) {
        struct x411_MTS_APDU apdu;
        assert_true(ber_decode(type, in, arena, &limits, &apdu, NULL));
        return apdu.choice == x411_MTS_APDU_message ? apdu.u.message.content : (struct span){0};
    }
    struct x41184_MPDU mpdu;
    assert_true(ber_decode(type, in, arena, &limits, &mpdu, NULL));
    return mpdu.choice == x41184_MPDU_userMPDU ? mpdu.u.userMPDU.content : (struct span){0};
}

/* EAN writes encoded information types without X.411's [0]: the refusal must say so, and what came before be
 * there. */
static void check_ean_envelope(struct span in, struct arena *arena) {
    struct x41184_UMPDUEnvelope envelope;
    struct ber_error error;
    struct ber_limits limits = {.relax_bounds = true};
    assert_false(ber_decode(&x41184_UMPDUEnvelope_type, in, arena, &limits, &envelope, &error));
    assert_int_equal(error.code, BER_UNEXPECTED);
    assert_string_equal(error.path, "original");
    struct x411_BuiltInStandardAttributes *originator = &envelope.originator.standardAttributeList;
    assert_true(span_eq(originator->private_domain_name->u.printable, SPAN_LIT("uk")));
}

static void check_sample(const char *name, const char *path, struct span in) {
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct ber_element element;
    enum ber_error_code why;
    assert_true(ber_element_read(in, &element, &why));
    if (strstr(name, "umpdu-envelope")) {
        check_ean_envelope(ber_element_contents(in, &element), &arena);
    } else {
        const struct ber_type *type = strncmp(name, "p1-84", 5) ? &x411_MTS_APDU_type : &x41184_MPDU_type;
        struct span apdu = unwrap(in, &arena);
        check(type, apdu, path);
        struct span content = content_of(type, apdu, &arena);
        if (content.data)
            check(&x420_InformationObject_type, content, path);
    }
    arena_free(&arena);
}

static void check_folder(const char *name, const char *suffix) {
    char path[1024];
    DIR *dir = opendir(name);
    assert_non_null(dir);
    for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
        size_t len = strlen(entry->d_name);
        if (len < strlen(suffix) || strcmp(entry->d_name + len - strlen(suffix), suffix) != 0)
            continue;
        struct buf octets;
        buf_init(&octets, 0);
        snprintf(path, sizeof path, "%s/%s", name, entry->d_name);
        assert_true(read_file(path, &octets));
        check_sample(entry->d_name, path, buf_span(&octets));
        buf_free(&octets);
    }
    closedir(dir);
}

static void of_1988_and_1984_from_pp(void **state) {
    (void)state;
    check_folder("x400-pcap-pp/ber", ".ber");
}

static void of_1984_from_ean(void **state) {
    (void)state;
    check_folder("x400-1984-ean", "envelope.ber");
}

int main(void) {
    if (!samples_enter())
        return 0;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(of_1988_and_1984_from_pp),
        cmocka_unit_test(of_1984_from_ean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
