/*
 * Decodes and encodes message transfer envelopes beside asn1c's code, in
 * interleaved rounds, and prints the medians as JSON lines for scripts/bench: the
 * ratio is to asn1c's code as it is made, and beside it to the same code without
 * its calls for debugging. A message's time includes taking and giving back its memory.
 *
 * Usage: run [--json] [ber-decode-50]...    Environment: ROUNDS (7)
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "bench/ber/peer.h"
#include "schema/x411.h"

#define MAX_ROUNDS 99
#define PEER_NOTE                                                                                            \
    "asn1c's code as it is made, cc -O3; the second figure: with its calls for debugging compiled out. It "  \
    "checks no bounds and no characters, Chasqui does both"
#define ROUND_OCTETS ((size_t)4 << 20) /* octets worked on in a round */

static void die(const char *what) {
    fprintf(stderr, "bench/ber: %s\n", what);
    exit(1);
}

/* ---- the envelope ---- */

static struct x411_CountryName country(void) {
    return (struct x411_CountryName){.choice = x411_CountryName_iso_3166_alpha2_code,
                                     .u.iso_3166_alpha2_code = SPAN_LIT("GB")};
}

static struct x411_AdministrationDomainName domain(void) {
    return (struct x411_AdministrationDomainName){.choice = x411_AdministrationDomainName_printable,
                                                  .u.printable = SPAN_LIT("GOLD 400")};
}

static void *keep(struct arena *arena, const void *value, size_t size) {
    void *kept = arena_alloc(arena, size);
    return kept ? memcpy(kept, value, size) : (die("out of memory"), NULL);
}

#define KEEP(arena, value) keep(arena, &(value), sizeof(value))

static void fill_name(struct arena *arena, struct x411_ORName *name, unsigned number) {
    struct x411_BuiltInStandardAttributes *a = &name->built_in_standard_attributes;
    struct x411_CountryName c = country();
    struct x411_AdministrationDomainName d = domain();
    struct x411_PrivateDomainName p = {.choice = x411_PrivateDomainName_printable,
                                       .u.printable = SPAN_LIT("ALPHA")};
    struct x411_PersonalName person = {.surname = span_str(arena_printf(arena, "Surname-%u", number)),
                                       .given_name = SPAN_LIT("Bernardina"),
                                       .initials = SPAN_LIT("BQ")};
    struct x411_ExtensionAttribute extra = {.extension_attribute_type = 1,
                                            .extension_attribute_value = SPAN_LIT("\x13\x0EMessage Office")};
    struct span units[] = {SPAN_LIT("Telecommunications"), SPAN_LIT("Message Handling")};
    a->country_name = KEEP(arena, c);
    a->administration_domain_name = KEEP(arena, d);
    a->private_domain_name = KEEP(arena, p);
    a->organization_name = SPAN_LIT("The Long Organization Name Ltd");
    a->personal_name = KEEP(arena, person);
    a->organizational_unit_names.items = KEEP(arena, units);
    a->organizational_unit_names.count = 2;
    name->extension_attributes.items = KEEP(arena, extra);
    name->extension_attributes.count = 1;
}

static void fill_extension(struct x411_ExtensionField *field, int64_t number) {
    static const uint8_t critical = 0x40;
    field->type.choice = x411_ExtensionType_standard_extension;
    field->type.u.standard_extension = number;
    field->criticality = (struct ber_bits){{&critical, 1}, 5};
    field->value = SPAN_LIT("\x31\x0B\x80\x01\x05\x81\x06secret");
}

static void fill_recipient(struct arena *arena, struct x411_PerRecipientMessageTransferFields *recipient,
                           unsigned number) {
    static const uint8_t indicators = 0xA8;
    struct x411_ExtensionField field = {0};
    fill_extension(&field, 6);
    fill_name(arena, &recipient->recipient_name, number);
    recipient->originally_specified_recipient_number = number + 1;
    recipient->per_recipient_indicators = (struct ber_bits){{&indicators, 1}, 0};
    recipient->extensions.items = KEEP(arena, field);
    recipient->extensions.count = 1;
}

static void fill_domain(struct x411_GlobalDomainIdentifier *domain_identifier, struct arena *arena) {
    struct x411_PrivateDomainIdentifier p = {.choice = x411_PrivateDomainIdentifier_printable,
                                             .u.printable = SPAN_LIT("ALPHA")};
    domain_identifier->country_name = country();
    domain_identifier->administration_domain_name = domain();
    domain_identifier->private_domain_identifier = KEEP(arena, p);
}

static void fill_trace(struct arena *arena, struct x411_MessageTransferEnvelope *e) {
    e->trace_information.count = 2;
    e->trace_information.items = arena_array(arena, 2, sizeof *e->trace_information.items);
    for (size_t i = 0; i < 2; i++) {
        fill_domain(&e->trace_information.items[i].global_domain_identifier, arena);
        e->trace_information.items[i].domain_supplied_information.arrival_time = SPAN_LIT("261122040701Z");
    }
}

static void fill_envelope(struct arena *arena, struct x411_MessageTransferEnvelope *e, unsigned recipients) {
    static const uint8_t types = 0x20, indicators = 0x20;
    struct x411_EncodedInformationTypes eits = {.built_in_encoded_information_types = {{&types, 1}, 5}};
    struct x411_ExtensionField fields[2] = {0};
    fill_domain(&e->message_identifier.global_domain_identifier, arena);
    e->message_identifier.local_identifier = SPAN_LIT("a.alpha.gold.199:22.10.26.04.07");
    fill_name(arena, &e->originator_name, 0);
    e->original_encoded_information_types = KEEP(arena, eits);
    e->content_type.choice = x411_ContentType_built_in;
    e->content_type.u.built_in = 22;
    e->content_identifier = SPAN_LIT("Benchmark 42");
    e->priority = 2;
    e->per_message_indicators = (struct ber_bits){{&indicators, 1}, 0};
    fill_trace(arena, e);
    fill_extension(&fields[0], 23);
    fill_extension(&fields[1], 38);
    e->extensions.items = KEEP(arena, fields);
    e->extensions.count = 2;
    e->per_recipient_fields.count = recipients;
    e->per_recipient_fields.items = arena_array(arena, recipients, sizeof *e->per_recipient_fields.items);
    for (unsigned i = 0; i < recipients; i++)
        fill_recipient(arena, &e->per_recipient_fields.items[i], i);
}

/* ---- the four works, each on the same octets ---- */

struct work {
    struct span octets;
    const struct x411_MessageTransferEnvelope *value;
    void *peer_value, *lean_value;
    struct arena arena;
    struct buf out;
    uint8_t *peer_out;
};

static void decode_ours(struct work *w) {
    struct x411_MessageTransferEnvelope e;
    arena_reset(&w->arena);
    if (!ber_decode(&x411_MessageTransferEnvelope_type, w->octets, &w->arena, NULL, &e, NULL))
        die("our decoder refuses the envelope");
}

static void decode_peer(struct work *w) {
    void *e = peer_decode(w->octets.data, w->octets.len);
    if (!e)
        die("asn1c's decoder refuses the envelope");
    peer_free(e);
}

static void decode_lean(struct work *w) {
    lean_free(lean_decode(w->octets.data, w->octets.len));
}

static void encode_ours(struct work *w) {
    buf_clear(&w->out);
    if (!ber_encode(&x411_MessageTransferEnvelope_type, w->value, &w->out, NULL) ||
        w->out.len != w->octets.len)
        die("our encoder fails");
}

static void encode_peer(struct work *w) {
    if (peer_encode(w->peer_value, w->peer_out, w->octets.len) != w->octets.len)
        die("asn1c's encoder gives another length");
}

static void encode_lean(struct work *w) {
    if (lean_encode(w->lean_value, w->peer_out, w->octets.len) != w->octets.len)
        die("asn1c's encoder gives another length");
}

/* Nanoseconds of CPU a message: the machine may be busy with other things. */
static double measure(void (*what)(struct work *), struct work *w) {
    struct timespec start, end;
    size_t times = ROUND_OCTETS / w->octets.len;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &start);
    for (size_t i = 0; i < times; i++)
        what(w);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &end);
    double passed = (double)(end.tv_sec - start.tv_sec) * 1e9 + (double)(end.tv_nsec - start.tv_nsec);
    return passed / (double)times;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *times, int count) {
    qsort(times, (size_t)count, sizeof *times, compare);
    return times[count / 2];
}

/* ours, asn1c's, asn1c's without debugging */
typedef void (*const contest[3])(struct work *);

static void report(const char *name, unsigned recipients, contest works, struct work *w, int rounds) {
    double times[3][MAX_ROUNDS], ns[3], len = (double)w->octets.len;
    for (int i = 0; i < 3; i++)
        measure(works[i], w);
    for (int round = 0; round < rounds; round++)
        for (int i = 0; i < 3; i++)
            times[i][round] = measure(works[i], w);
    for (int i = 0; i < 3; i++)
        ns[i] = median(times[i], rounds);
    printf("{\"name\": \"ber-%s-%u\", \"unit\": \"MB/s\", \"chasqui\": %.1f, \"peer\": %.1f, \"peer_name\": "
           "\"asn1c\", \"note\": \"" PEER_NOTE "\", "
           "\"ratio\": %.2f, \"runs\": %d, \"octets\": %zu, \"chasqui_ns\": %.0f, \"peer_ns\": %.0f, "
           "\"peer_without_debug_ns\": %.0f, \"ratio_without_debug\": %.2f}\n",
           name, recipients, len * 1e3 / ns[0], len * 1e3 / ns[1], ns[1] / ns[0], rounds, w->octets.len,
           ns[0], ns[1], ns[2], ns[2] / ns[0]);
    fflush(stdout);
}

static contest decoding = {decode_ours, decode_peer, decode_lean};
static contest encoding = {encode_ours, encode_peer, encode_lean};

/* Without names on the command line all is wanted. */
static bool is_wanted(char **wanted, const char *name, unsigned recipients) {
    char text[40];
    bool any = false;
    snprintf(text, sizeof text, "ber-%s-%u", name, recipients);
    for (; *wanted; wanted++) {
        if (strcmp(*wanted, text) == 0)
            return true;
        any |= strcmp(*wanted, "--json") != 0;
    }
    return !any;
}

static void run(unsigned recipients, int rounds, char **wanted) {
    struct arena arena;
    struct x411_MessageTransferEnvelope e = {0};
    struct work w = {.value = &e};
    arena_init(&arena, SIZE_MAX / 2);
    arena_init(&w.arena, SIZE_MAX / 2);
    buf_init(&w.out, 0);
    fill_envelope(&arena, &e, recipients);
    struct ber_error error;
    if (!ber_encode_arena(&x411_MessageTransferEnvelope_type, &e, &arena, &w.octets, &error))
        die(error.text);
    w.peer_value = peer_decode(w.octets.data, w.octets.len);
    w.lean_value = lean_decode(w.octets.data, w.octets.len);
    w.peer_out = malloc(w.octets.len);
    if (!w.peer_value || !w.lean_value || !w.peer_out)
        die("asn1c's decoder refuses the envelope");
    if (is_wanted(wanted, "decode", recipients))
        report("decode", recipients, decoding, &w, rounds);
    if (is_wanted(wanted, "encode", recipients))
        report("encode", recipients, encoding, &w, rounds);
    peer_free(w.peer_value);
    lean_free(w.lean_value);
    free(w.peer_out);
    buf_free(&w.out);
    arena_free(&w.arena);
    arena_free(&arena);
}

int main(int argc, char **argv) {
    const char *given = getenv("ROUNDS");
    int rounds = given ? atoi(given) : 7;
    if (argc < 1 || rounds < 1 || rounds > MAX_ROUNDS)
        die("ROUNDS is 1 to 99");
    run(1, rounds, argv + 1);
    run(50, rounds, argv + 1);
    run(1000, rounds, argv + 1);
    return 0;
}
