/* Global domain identifiers and MTS identifiers. */
#include "names/identifier.h"

#include "names/oraddress_private.h"

static struct span trimmed(struct span s) {
    while (s.len && s.data[0] == ' ')
        s = span_sub(s, 1, s.len);
    while (s.len && s.data[s.len - 1] == ' ')
        s.len--;
    return s;
}

bool domain_build(const struct oraddress *address, struct arena *arena,
                  struct x411_GlobalDomainIdentifier *domain, struct error *err) {
    struct x411_ORAddress wire;
    *domain = (struct x411_GlobalDomainIdentifier){0};
    if (address->count && address->items[address->count - 1].kind > ORADDRESS_PRMD)
        return error_set(err, ORADDRESS_SYNTAX,
                         "a domain is a country, an ADMD and perhaps a PRMD, without %s",
                         oraddress_label(address->items[address->count - 1].kind));
    if (!oraddress_build(address, arena, &wire, err))
        return false;
    const struct x411_BuiltInStandardAttributes *a = &wire.built_in_standard_attributes;
    if (!a->country_name || !a->administration_domain_name)
        return error_set(err, ORADDRESS_SYNTAX, "a domain needs a country and an ADMD");
    domain->country_name = *a->country_name;
    domain->administration_domain_name = *a->administration_domain_name;
    if (!a->private_domain_name)
        return true;
    domain->private_domain_identifier = arena_alloc(arena, sizeof(*domain->private_domain_identifier));
    if (!domain->private_domain_identifier)
        return error_set(err, ORADDRESS_MEMORY, "O/R address: out of memory");
    bool numeric = a->private_domain_name->choice == x411_PrivateDomainName_numeric;
    domain->private_domain_identifier->choice =
        numeric ? x411_PrivateDomainIdentifier_numeric : x411_PrivateDomainIdentifier_printable;
    domain->private_domain_identifier->u.printable = a->private_domain_name->u.printable;
    return true;
}

bool domain_parse(struct span text, struct arena *arena, struct x411_GlobalDomainIdentifier *domain,
                  struct error *err) {
    struct oraddress address;
    return oraddress_parse(text, arena, &address, err) && domain_build(&address, arena, domain, err);
}

bool domain_of(const struct x411_GlobalDomainIdentifier *domain, struct arena *arena,
               struct oraddress *address) {
    struct x411_CountryName country = domain->country_name;
    struct x411_AdministrationDomainName admd = domain->administration_domain_name;
    struct x411_PrivateDomainName prmd = {.choice = x411_PrivateDomainName_printable};
    struct x411_ORAddress wire = {0};
    wire.built_in_standard_attributes.country_name = &country;
    wire.built_in_standard_attributes.administration_domain_name = &admd;
    if (domain->private_domain_identifier) {
        prmd.u.printable = domain->private_domain_identifier->u.printable;
        wire.built_in_standard_attributes.private_domain_name = &prmd;
    }
    return oraddress_of(&wire, arena, address);
}

/* What is printed as it is. */
static bool is_printable(uint8_t c) {
    return c >= 0x20 && c <= 0x7E;
}

static void print_part(const char *label, struct span value, struct buf *out) {
    buf_append_byte(out, '/');
    buf_append_span(out, span_str(label));
    buf_append_byte(out, '=');
    for (size_t i = 0; i < value.len; i++) {
        uint8_t c = value.data[i];
        if (strchr("/=$", c) && c)
            buf_append_byte(out, '$');
        buf_append_byte(out, is_printable(c) ? c : '?');
    }
}

/* The alternatives of the CHOICEs are all spans: u.printable stands for each. */
bool domain_print(const struct x411_GlobalDomainIdentifier *domain, struct buf *out) {
    struct span admd = domain->administration_domain_name.u.printable;
    if (domain->private_domain_identifier)
        print_part("PRMD", domain->private_domain_identifier->u.printable, out);
    print_part("ADMD", trimmed(admd).len ? admd : SPAN_LIT(" "), out);
    print_part("C", domain->country_name.u.iso_3166_alpha2_code, out);
    return buf_append_byte(out, '/');
}

/* The next character of a PrintableString in canonical form, -1 at its end: a run of spaces counts as one. */
static int next_canonical(struct span s, size_t *at) {
    if (*at >= s.len)
        return -1;
    int c = s.data[(*at)++];
    if (c == ' ') {
        while (*at < s.len && s.data[*at] == ' ')
            (*at)++;
    }
    return c >= 'A' && c <= 'Z' ? c + 32 : c;
}

static bool same(struct span a, struct span b) {
    size_t i = 0, j = 0;
    int x, y;
    a = trimmed(a);
    b = trimmed(b);
    do {
        x = next_canonical(a, &i);
        y = next_canonical(b, &j);
    } while (x == y && x >= 0);
    return x == y;
}

static struct span alpha_country(struct span country) {
    const char *alpha = country_of_dcc(country);
    return alpha ? span_str(alpha) : country;
}

bool domain_equal(const struct x411_GlobalDomainIdentifier *a, const struct x411_GlobalDomainIdentifier *b) {
    if (!a->private_domain_identifier != !b->private_domain_identifier)
        return false;
    return same(alpha_country(a->country_name.u.iso_3166_alpha2_code),
                alpha_country(b->country_name.u.iso_3166_alpha2_code)) &&
           same(a->administration_domain_name.u.printable, b->administration_domain_name.u.printable) &&
           (!a->private_domain_identifier ||
            same(a->private_domain_identifier->u.printable, b->private_domain_identifier->u.printable));
}

bool mts_identifier_parse(struct span text, struct arena *arena, struct x411_MTSIdentifier *identifier,
                          struct error *err) {
    *identifier = (struct x411_MTSIdentifier){0};
    text = trimmed(text);
    if (text.len && text.data[0] == '[') {
        if (text.data[text.len - 1] != ']')
            return error_set(err, ORADDRESS_SYNTAX, "an MTS-identifier that begins with '[' ends with ']'");
        text = span_sub(text, 1, text.len - 2);
    }
    const uint8_t *mark = text.len ? memchr(text.data, ';', text.len) : NULL;
    if (!mark || mark + 1 == text.data + text.len)
        return error_set(err, ORADDRESS_SYNTAX,
                         "an MTS-identifier is written [/PRMD=.../ADMD=.../C=.../;local-identifier]");
    size_t len = (size_t)(mark - text.data);
    identifier->local_identifier = span_sub(text, len + 1, text.len);
    if (identifier->local_identifier.len > x411_ub_local_id_length)
        return error_set(err, ORADDRESS_BOUND,
                         "the local identifier is longer than %d characters (ub-local-id-length)",
                         x411_ub_local_id_length);
    for (size_t i = 0; i < identifier->local_identifier.len; i++)
        if (!is_printable(identifier->local_identifier.data[i]))
            return error_set(err, ORADDRESS_CHARACTER,
                             "a local identifier has printable ASCII characters only");
    return domain_parse(span_sub(text, 0, len), arena, &identifier->global_domain_identifier, err);
}

bool mts_identifier_print(const struct x411_MTSIdentifier *identifier, struct buf *out) {
    buf_append_byte(out, '[');
    domain_print(&identifier->global_domain_identifier, out);
    buf_append_byte(out, ';');
    for (size_t i = 0; i < identifier->local_identifier.len; i++) {
        uint8_t c = identifier->local_identifier.data[i];
        buf_append_byte(out, is_printable(c) ? c : '?');
    }
    return buf_append_byte(out, ']');
}

bool mts_identifier_equal(const struct x411_MTSIdentifier *a, const struct x411_MTSIdentifier *b) {
    return span_eq(a->local_identifier, b->local_identifier) &&
           domain_equal(&a->global_domain_identifier, &b->global_domain_identifier);
}
