/*
 * The small notations: MTS-identifiers, domains, patterns, security labels,
 * NSAPs, times, countries. What is read is printed, and the print read as equal.
 */
#include "asn1/ber.h"
#include "labels/label.h"
#include "names/codes.h"
#include "names/identifier.h"
#include "names/nsap.h"
#include "names/pattern.h"

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static void identifiers(struct span in, struct arena *arena) {
    struct x411_MTSIdentifier identifier, again;
    struct x411_GlobalDomainIdentifier domain, back;
    struct buf text;
    buf_init(&text, 1 << 20);
    if (mts_identifier_parse(in, arena, &identifier, NULL) && mts_identifier_print(&identifier, &text))
        require(mts_identifier_parse(buf_span(&text), arena, &again, NULL) &&
                mts_identifier_equal(&identifier, &again));
    buf_clear(&text);
    if (domain_parse(in, arena, &domain, NULL) && domain_print(&domain, &text))
        require(domain_parse(buf_span(&text), arena, &back, NULL) && domain_equal(&domain, &back));
    buf_free(&text);
}

static void from_wire(struct span in, struct arena *arena) {
    struct ber_limits relaxed = {.relax_bounds = true, .relax_characters = true};
    struct x411_MTSIdentifier identifier;
    struct oraddress address;
    struct x411_GlobalDomainIdentifier domain;
    struct buf text;
    buf_init(&text, 1 << 20);
    if (ber_decode(&x411_MTSIdentifier_type, in, arena, &relaxed, &identifier, NULL)) {
        mts_identifier_print(&identifier, &text);
        require(mts_identifier_equal(&identifier, &identifier));
        if (domain_of(&identifier.global_domain_identifier, arena, &address) &&
            domain_build(&address, arena, &domain, NULL))
            require(domain_equal(&domain, &identifier.global_domain_identifier));
    }
    buf_free(&text);
}

static void labels(struct span in, struct arena *arena) {
    struct x411_SecurityLabel label, again;
    if (!label_parse(in, arena, &label, NULL))
        return;
    struct span text = label_text(&label, arena);
    require(text.data && label_matches(&label, &label));
    require(label_parse(text, arena, &again, NULL) && label_matches(&label, &again));
}

static void nsaps(struct span in) {
    uint8_t out[NSAP_MAX];
    char host[16], digits[64] = "";
    uint16_t port, transport;
    size_t length;
    memcpy(digits, in.data, in.len < sizeof digits ? in.len : sizeof digits - 1);
    if (nsap_of_digits(digits, out, &length))
        require(length <= NSAP_MAX);
    if (nsap_to_tcp(in, host, &port, &transport))
        require(nsap_of_tcp(span_str(host), port, transport, out, &length));
    size_t third = in.len / 3;
    if (nsap_of_parts(span_sub(in, 0, third), span_sub(in, third, third), span_sub(in, 2 * third, in.len),
                      out, &length))
        require(length <= NSAP_MAX);
}

static void patterns(struct span in, struct arena *arena) {
    struct pattern whole, half;
    if (!pattern_parse(in, arena, &whole, NULL))
        return;
    require(pattern_compare(&whole, &whole) == 0);
    if (pattern_parse(span_sub(in, 0, in.len / 2), arena, &half, NULL))
        require((pattern_compare(&whole, &half) < 0) == (pattern_compare(&half, &whole) > 0));
}

static void times(struct span in) {
    int64_t seconds;
    ber_utctime_read(in, &seconds);
    ber_generalizedtime_read(in, &seconds);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct arena arena;
    struct span in = span_of(data, size);
    if (!size)
        return 0;
    arena_init(&arena, 1 << 22);
    identifiers(in, &arena);
    from_wire(in, &arena);
    labels(in, &arena);
    nsaps(in);
    patterns(in, &arena);
    times(in);
    char *word = arena_printf(&arena, "%.*s", (int)size, (const char *)data);
    if (word) {
        int64_t reason = non_delivery_reason_code(word), diagnostic = non_delivery_diagnostic_code(word);
        require(reason < 0 || non_delivery_reason_name(reason));
        require(diagnostic < 0 || non_delivery_diagnostic_name(diagnostic));
    }
    arena_free(&arena);
    return 0;
}
