/* Presentation addresses as text (RFC 1278). */
#include "names/paddress.h"

#include <ctype.h>
#include <stdio.h>

#include "base/text.h"
#include "names/nsap.h"
#include "names/scanner_private.h"

enum { MOST_HOST = 255 };

static bool no_memory(struct error *err) {
    return error_set(err, PADDRESS_MEMORY, "presentation address: out of memory");
}

/* Octets from pairs of hex digits, in the arena. The absent span if there is something else, or no memory. */
static struct span read_hex(struct span hex, struct arena *arena) {
    uint8_t *out = arena_alloc(arena, hex.len / 2 + 1);
    if (!out || hex.len % 2)
        return (struct span){NULL, 0};
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = text_hex_digit(hex.data[i]), low = text_hex_digit(hex.data[i + 1]);
        if (high < 0 || low < 0)
            return (struct span){NULL, 0};
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return span_of(out, hex.len / 2);
}

/* ---- selectors ---- */

static bool read_quoted(struct scanner *s, struct span *selector) {
    size_t start = ++s->at;
    while (peek(s) && peek(s) != '"')
        s->at++;
    if (peek(s) != '"')
        return failed(s, "a closing quotation mark is missing");
    *selector = span_sub(s->text, start, s->at++ - start);
    return true;
}

static bool read_hex_selector(struct scanner *s, struct span *selector) {
    size_t start = ++s->at;
    while (text_hex_digit(peek(s)) >= 0)
        s->at++;
    struct span hex = span_sub(s->text, start, s->at - start);
    if (peek(s) != '\'' || s->at + 1 >= s->text.len || toupper(s->text.data[s->at + 1]) != 'H')
        return failed(s, "'H is missing after the hexadecimal digits");
    s->at += 2;
    *selector = read_hex(hex, s->arena);
    return selector->data ? true : failed(s, "an odd number of hexadecimal digits");
}

/* US GOSIP: a number as two octets. */
static bool read_gosip(struct scanner *s, struct span *selector) {
    unsigned number = 0;
    size_t start = ++s->at;
    while (isdigit(peek(s)) && number <= UINT16_MAX)
        number = number * 10 + (unsigned)(s->text.data[s->at++] - '0');
    uint8_t *octets = arena_alloc(s->arena, 2);
    if (!octets)
        return no_memory(s->err);
    if (s->at == start || number > UINT16_MAX)
        return failed(s, "a selector's number is missing or over 65535");
    octets[0] = (uint8_t)(number >> 8);
    octets[1] = (uint8_t)number;
    *selector = span_of(octets, 2);
    return true;
}

static bool read_selector(struct scanner *s, struct span *selector) {
    bool read = peek(s) == '"'    ? read_quoted(s, selector)
                : peek(s) == '\'' ? read_hex_selector(s, selector)
                : peek(s) == '#'  ? read_gosip(s, selector)
                                  : true;
    if (!read)
        return false;
    if (!selector->data)
        *selector = SPAN_LIT("");
    if (selector->len > PADDRESS_MAX_SELECTOR)
        return error_set(s->err, PADDRESS_TOO_LONG,
                         "presentation address: a selector is longer than %d octets", PADDRESS_MAX_SELECTOR);
    if (s->at < s->text.len && peek(s) != '/')
        return failed(s, "'/' is missing after a selector");
    s->at += s->at < s->text.len;
    return true;
}

/* Selectors stand before the network addresses; the last is the transport selector. */
static bool read_selectors(struct scanner *s, struct paddress *address) {
    struct span read[3] = {{NULL, 0}, {NULL, 0}, {NULL, 0}};
    size_t count = 0;
    while (peek(s) && strchr("\"'#/", peek(s))) {
        if (count == 3)
            return failed(s, "more than three selectors");
        if (!read_selector(s, &read[count++]))
            return false;
    }
    address->t_selector = count > 0 ? read[count - 1] : (struct span){NULL, 0};
    address->s_selector = count > 1 ? read[count - 2] : (struct span){NULL, 0};
    address->p_selector = count > 2 ? read[0] : (struct span){NULL, 0};
    return true;
}

/* ---- network addresses ---- */

/* The part of `text` up to `mark`; `*text` becomes what follows it. */
static struct span cut(struct span *text, char mark) {
    const uint8_t *found = text->len ? memchr(text->data, mark, text->len) : NULL;
    size_t len = found ? (size_t)(found - text->data) : text->len;
    struct span part = span_sub(*text, 0, len);
    *text = span_sub(*text, len + 1, text->len);
    return part;
}

static bool read_number(struct span text, uint16_t *number) {
    unsigned value = 0;
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit(text.data[i]) || value > UINT16_MAX)
            return false;
        value = value * 10 + (unsigned)(text.data[i] - '0');
    }
    *number = (uint16_t)value;
    return text.len && value <= UINT16_MAX;
}

static bool is_host(struct span host, bool bracketed) {
    for (size_t i = 0; i < host.len; i++) {
        uint8_t c = host.data[i];
        bool good = bracketed ? isxdigit(c) || c == ':' || c == '.' : isalnum(c) || c == '-' || c == '.';
        if (!good)
            return false;
    }
    return host.len > 0 && host.len <= MOST_HOST;
}

/* host [ "+" port [ "+" transport set ] ] */
static bool read_tcp(struct scanner *s, struct span text, struct paddress_network *network) {
    bool bracketed = text.len && text.data[0] == '[';
    struct span host;
    if (bracketed && !memchr(text.data, ']', text.len))
        return failed(s, "a closing bracket is missing");
    if (bracketed) {
        text = span_sub(text, 1, text.len);
        host = cut(&text, ']');
        if (text.len && cut(&text, '+').len)
            return failed(s, "something stands after the bracket");
    } else {
        host = cut(&text, '+');
    }
    if (!is_host(host, bracketed))
        return failed(s, "no host's name or address");
    *network = (struct paddress_network){.kind = PADDRESS_TCP, .port = PADDRESS_DEFAULT_PORT, .transport = 1};
    network->host = arena_dup(s->arena, host);
    if (!network->host.data)
        return no_memory(s->err);
    if (text.len && (!read_number(cut(&text, '+'), &network->port) || !network->port))
        return failed(s, "no port number");
    if (text.len && !read_number(text, &network->transport))
        return failed(s, "no transport set");
    return true;
}

static bool take_nsap(struct scanner *s, struct span nsap, struct paddress_network *network) {
    char host[16];
    *network = (struct paddress_network){.kind = PADDRESS_NSAP};
    if (nsap_to_tcp(nsap, host, &network->port, &network->transport)) {
        network->kind = PADDRESS_TCP;
        network->port = network->port ? network->port : PADDRESS_DEFAULT_PORT;
        network->host = arena_dup(s->arena, span_str(host));
        return network->host.data ? true : no_memory(s->err);
    }
    network->nsap = arena_dup(s->arena, nsap);
    return network->nsap.data ? true : no_memory(s->err);
}

static bool read_nsap(struct scanner *s, struct span hex, struct paddress_network *network) {
    struct span nsap = read_hex(hex, s->arena);
    if (!nsap.data || !nsap.len || nsap.len > NSAP_MAX)
        return failed(s, "an NSAP is 1 to 20 octets in hexadecimal digits");
    return take_nsap(s, nsap, network);
}

/* AFI "+" IDI [ "+" DSP ]; of the structured DSPs the one that stands for TCP hosts. */
static bool read_parts(struct scanner *s, struct span text, struct paddress_network *network) {
    uint8_t octets[NSAP_MAX];
    size_t len;
    struct span afi = cut(&text, '+'), idi = cut(&text, '+'), dsp = text;
    if (span_eq_nocase(span_sub(dsp, 0, 9), SPAN_LIT("RFC-1006+"))) {
        struct span rest = span_sub(dsp, 9, dsp.len), prefix = cut(&rest, '+');
        bool internet = span_eq_nocase(afi, SPAN_LIT("TELEX")) && span_eq(idi, SPAN_LIT("00728722"));
        if (!internet || !span_eq(prefix, SPAN_LIT("03")))
            return failed(s, "RFC-1006 is known only as TELEX+00728722+RFC-1006+03");
        return read_tcp(s, rest, network);
    }
    if (!nsap_of_parts(afi, idi, dsp, octets, &len))
        return failed(s, "no network address that is known here");
    return take_nsap(s, span_of(octets, len), network);
}

static bool read_network(struct scanner *s, struct span text, struct paddress_network *network) {
    static const struct {
        struct span macro;
        bool nsap;
    } leads[] = {{{(const uint8_t *)"Internet=", 9}, false},
                 {{(const uint8_t *)"Internet-RFC-1006=", 18}, false},
                 {{(const uint8_t *)"NS+", 3}, true}};
    for (size_t i = 0; i < 3; i++) {
        struct span rest = span_sub(text, leads[i].macro.len, text.len);
        if (span_eq_nocase(span_sub(text, 0, leads[i].macro.len), leads[i].macro))
            return leads[i].nsap ? read_nsap(s, rest, network) : read_tcp(s, rest, network);
    }
    return read_parts(s, text, network);
}

bool paddress_parse(struct span text, struct arena *arena, struct paddress *address, struct error *err) {
    struct scanner s = {text, 0, arena, err, "presentation address", PADDRESS_SYNTAX};
    *address = (struct paddress){0};
    if (!read_selectors(&s, address))
        return false;
    struct span rest = span_sub(text, s.at, text.len);
    while (rest.len) {
        s.at = text.len - rest.len;
        if (address->count == PADDRESS_MAX_NETWORK)
            return error_set(err, PADDRESS_TOO_LONG, "presentation address: more than %d network addresses",
                             PADDRESS_MAX_NETWORK);
        if (!read_network(&s, cut(&rest, '_'), &address->networks[address->count]))
            return false;
        address->count++;
    }
    if (!address->count && !address->t_selector.data)
        return failed(&s, "nothing is there");
    return true;
}

/* ---- printing ---- */

static bool is_plain(struct span selector) {
    for (size_t i = 0; i < selector.len; i++) {
        uint8_t c = selector.data[i];
        if (!(c < 0x80 && (isalnum(c) || c == '+' || c == '-' || c == '.')))
            return false;
    }
    return true;
}

static void print_hex(struct span s, struct buf *out) {
    for (size_t i = 0; i < s.len; i++)
        buf_printf(out, "%02x", s.data[i]);
}

static void print_selector(struct span selector, struct buf *out) {
    bool plain = is_plain(selector);
    buf_append_byte(out, plain ? '"' : '\'');
    if (plain)
        buf_append_span(out, selector);
    else
        print_hex(selector, out);
    buf_append_span(out, plain ? SPAN_LIT("\"/") : SPAN_LIT("'H/"));
}

static void print_network(const struct paddress_network *network, struct buf *out) {
    if (network->kind == PADDRESS_NSAP) {
        buf_append_span(out, SPAN_LIT("NS+"));
        print_hex(network->nsap, out);
        return;
    }
    bool colons = memchr(network->host.data, ':', network->host.len) != NULL;
    buf_printf(out, colons ? "Internet=[%.*s]" : "Internet=%.*s", (int)network->host.len,
               (const char *)network->host.data);
    if (network->port != PADDRESS_DEFAULT_PORT || network->transport != 1)
        buf_printf(out, "+%u", network->port);
    if (network->transport != 1)
        buf_printf(out, "+%u", network->transport);
}

bool paddress_print(const struct paddress *address, struct buf *out) {
    size_t before = out->len;
    const struct span *selectors[] = {&address->p_selector, &address->s_selector, &address->t_selector};
    bool started = false;
    for (size_t i = 0; i < 3; i++) {
        started |= selectors[i]->data != NULL;
        if (started)
            print_selector(*selectors[i], out);
    }
    for (size_t i = 0; i < address->count; i++) {
        if (i)
            buf_append_byte(out, '_');
        print_network(&address->networks[i], out);
    }
    if (out->failed)
        out->len = before;
    return !out->failed;
}

static bool network_equal(const struct paddress_network *a, const struct paddress_network *b) {
    return a->kind == b->kind && a->port == b->port && a->transport == b->transport &&
           span_eq(a->nsap, b->nsap) && span_eq_nocase(a->host, b->host);
}

bool paddress_equal(const struct paddress *a, const struct paddress *b) {
    if (!span_eq(a->p_selector, b->p_selector) || !span_eq(a->s_selector, b->s_selector) ||
        !span_eq(a->t_selector, b->t_selector) || a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (!network_equal(&a->networks[i], &b->networks[i]))
            return false;
    }
    return true;
}

/* ---- X.520's form ---- */

bool paddress_of(const struct x501_PresentationAddress *wire, struct arena *arena, struct paddress *address) {
    struct scanner s = {.arena = arena};
    *address = (struct paddress){
        .p_selector = wire->pSelector, .s_selector = wire->sSelector, .t_selector = wire->tSelector};
    if (wire->nAddresses.count > PADDRESS_MAX_NETWORK)
        return false;
    for (size_t i = 0; i < wire->nAddresses.count; i++) {
        if (wire->nAddresses.items[i].len > NSAP_MAX || !wire->nAddresses.items[i].len ||
            !take_nsap(&s, wire->nAddresses.items[i], &address->networks[i]))
            return false;
        address->count++;
    }
    return true;
}

bool paddress_build(const struct paddress *address, struct arena *arena,
                    struct x501_PresentationAddress *wire, struct error *err) {
    *wire = (struct x501_PresentationAddress){
        .pSelector = address->p_selector, .sSelector = address->s_selector, .tSelector = address->t_selector};
    wire->nAddresses.items = arena_array(arena, address->count + 1, sizeof(struct span));
    if (!wire->nAddresses.items)
        return no_memory(err);
    for (size_t i = 0; i < address->count; i++) {
        const struct paddress_network *network = &address->networks[i];
        uint8_t octets[NSAP_MAX];
        size_t len;
        struct span nsap = network->nsap;
        if (network->kind == PADDRESS_TCP) {
            if (!nsap_of_tcp(network->host, network->port, network->transport, octets, &len))
                return error_set(err, PADDRESS_SYNTAX,
                                 "presentation address: '%.*s' is no IPv4 address, so it has no NSAP",
                                 (int)network->host.len, (const char *)network->host.data);
            nsap = span_of(octets, len);
        }
        wire->nAddresses.items[i] = arena_dup(arena, nsap);
        if (!wire->nAddresses.items[i].data)
            return no_memory(err);
    }
    wire->nAddresses.count = address->count;
    return true;
}
