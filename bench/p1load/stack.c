#include "stack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT(s) octets_of(s, sizeof s - 1)

/* --- transport: RFC 1006, X.224 class 0 */

void dt_header(uint8_t out[DT_HEADER], size_t data, int last) {
    size_t length = data + DT_HEADER;
    const uint8_t header[DT_HEADER] = {3, 0,    (uint8_t)(length >> 8), (uint8_t)length,
                                       2, 0xF0, last ? 0x80 : 0};
    memcpy(out, header, DT_HEADER);
}

struct octets dt(struct octets tsdu) {
    static uint8_t header[DT_HEADER];
    dt_header(header, tsdu.length, 1);
    return JOIN(octets_of(header, DT_HEADER), tsdu);
}

static struct octets tpkt(struct octets tpdu) {
    size_t length = tpdu.length + 5;
    const uint8_t header[5] = {3, 0, (uint8_t)(length >> 8), (uint8_t)length, (uint8_t)tpdu.length};
    return JOIN(octets_of(header, 5), tpdu);
}

static struct octets parameter(uint8_t code, struct octets value) {
    const uint8_t header[2] = {code, (uint8_t)value.length};
    return JOIN(octets_of(header, 2), value);
}

struct octets connect_request(const char *called_tsel) {
    return tpkt(JOIN(octets_hex("E0 0000 0101 00"),
                     *called_tsel ? parameter(0xC2, octets_text(called_tsel)) : octets_of("", 0)));
}

static struct octets tpdu_parameter(struct octets tpdu, uint8_t code) {
    struct octets rest = octets_of(tpdu.data + 11, tpdu.length - 11);
    while (rest.length >= 2 && (size_t)rest.data[1] + 2 <= rest.length) {
        if (rest.data[0] == code) {
            return octets_of(rest.data + 2, rest.data[1]);
        }
        rest = octets_of(rest.data + 2 + rest.data[1], rest.length - 2 - rest.data[1]);
    }
    return octets_of(NULL, 0);
}

size_t confirmed_size(struct octets confirm) {
    struct octets preferred = tpdu_parameter(confirm, 0xF0), code = tpdu_parameter(confirm, 0xC0);
    size_t size = preferred.data ? ber_number(preferred) * 128
                  : code.length  ? (size_t)1 << code.data[0]
                                 : 65531;
    return size > 65531 ? 65531 : size;
}

struct octets connect_confirm(struct octets request, size_t *tpdu_size) {
    struct octets preferred = tpdu_parameter(request, 0xF0), code = tpdu_parameter(request, 0xC0);
    *tpdu_size = confirmed_size(request);
    struct octets size = preferred.data ? parameter(0xF0, preferred)
                         : code.data    ? parameter(0xC0, code)
                                        : octets_of("", 0);
    return tpkt(JOIN(octets_hex("D0"), octets_of(request.data + 8, 2), octets_hex("0202 00"), size));
}

/* --- session: X.225 */

static struct octets long_length(uint8_t code, struct octets value) {
    uint8_t header[4] = {code, 0xFF, (uint8_t)(value.length >> 8), (uint8_t)value.length};
    if (value.length < 255) {
        header[1] = (uint8_t)value.length;
    }
    return JOIN(octets_of(header, value.length < 255 ? 2 : 4), value);
}

/* Protocol options 0, version 2, all tokens with the initiator; then half-duplex, minor synchronize,
 * activities and exceptions. */
static struct octets connect_items(void) {
    return octets_hex("05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49");
}

struct octets finish_spdu(void) {
    return dt(octets_hex("09 13 11 01 01 C1 0E 61 0C 30 0A 02 01 01 A0 05 62 03 80 01 00"));
}

struct octets disconnect_spdu(void) {
    return dt(octets_hex("0A 10 C1 0E 61 0C 30 0A 02 01 01 A0 05 63 03 80 01 00"));
}

struct octets activity_start_spdu(void) {
    return dt(octets_hex("01 00 2D 05 29 03 02 01 01"));
}

size_t serial_spdu(uint8_t *out, uint8_t first, uint8_t spdu, uint32_t serial) {
    char digits[12];
    int count = snprintf(digits, sizeof digits, "%u", serial);
    size_t tsdu = (size_t)count + 6;
    dt_header(out, tsdu, 1);
    const uint8_t head[6] = {first, 0, spdu, (uint8_t)(count + 2), 42, (uint8_t)count};
    memcpy(out + DT_HEADER, head, 6);
    memcpy(out + DT_HEADER + 6, digits, (size_t)count);
    return DT_HEADER + tsdu;
}

static struct octets skip_header(struct octets from, size_t *length) {
    size_t head = from.length > 3 && from.data[1] == 0xFF ? 4 : 2;
    if (from.length < head) {
        *length = 0;
        return octets_of(from.data, 0);
    }
    *length = head == 4 ? (size_t)from.data[2] << 8 | from.data[3] : from.data[1];
    struct octets rest = octets_of(from.data + head, from.length - head);
    *length = *length > rest.length ? rest.length : *length;
    return rest;
}

uint8_t spdu_of(struct octets tsdu, struct octets *parameters) {
    size_t length;
    if (tsdu.length < 2) {
        return 0;
    }
    uint8_t spdu = tsdu.data[0];
    *parameters = skip_header(tsdu, &length);
    if ((spdu == SPDU_GIVE_TOKENS || spdu == SPDU_PLEASE_TOKENS) && length + 4 <= tsdu.length) {
        struct octets second = octets_of(parameters->data + length, parameters->length - length);
        spdu = second.data[0];
        *parameters = skip_header(second, &length);
    }
    if (spdu != SPDU_GIVE_TOKENS) {
        parameters->length = length;
    }
    return spdu;
}

struct octets spdu_parameter(struct octets parameters, uint8_t code) {
    while (parameters.length >= 2) {
        size_t length;
        uint8_t found = parameters.data[0];
        struct octets value = skip_header(parameters, &length);
        if (found == code) {
            return octets_of(value.data, length);
        }
        parameters = octets_of(value.data + length, value.length - length);
    }
    return octets_of(NULL, 0);
}

/* --- presentation, ACSE, RTSE */

static const char *const ber_name = "06 02 51 01";

static struct octets bind_element(uint8_t operation, const struct bind *bind) {
    struct octets name = ber_tlv(0x80, octets_text(bind->mta));
    struct octets credentials = ber_tlv(0xA1, ber_tlv(0x16, octets_text(bind->password)));
    return ber_tlv(0xA0, ber_tlv(operation, ber_tlv(0xA1, JOIN(name, credentials))));
}

static struct octets external(struct octets context, struct octets element) {
    return ber_tlv(0x28, JOIN(octets_hex(ber_name), ber_tlv(0x02, context), ber_tlv(0xA0, element)));
}

static struct octets pdv(struct octets context, struct octets element) {
    return ber_tlv(0x61, ber_tlv(0x30, JOIN(ber_tlv(0x02, context), ber_tlv(0xA0, element))));
}

struct octets connect_spdu(const struct bind *bind) {
    struct octets rtorq =
        ber_tlv(0xB0, JOIN(ber_integer(0x80, bind->checkpoint), ber_integer(0x81, bind->window),
                           ber_tlv(0xA3, bind_element(0xB0, bind))));
    struct octets aarq = ber_tlv(
        0x60, JOIN(octets_hex("A1 06 06 04 56 00 01 06"), ber_tlv(0xBE, external(TEXT("\3"), rtorq))));
    struct octets contexts = octets_hex("A4 33"
                                        "30 0F 02 01 01 06 04 52 01 00 01 30 04 06 02 51 01"
                                        "30 0F 02 01 03 06 04 56 00 02 0C 30 04 06 02 51 01"
                                        "30 0F 02 01 05 06 04 56 00 02 07 30 04 06 02 51 01");
    struct octets cp = ber_tlv(
        0x31, JOIN(octets_hex("A0 03 80 01 01"), ber_tlv(0xA2, JOIN(contexts, pdv(TEXT("\1"), aarq)))));
    return dt(long_length(SPDU_CONNECT, JOIN(connect_items(), long_length(0xC1, cp))));
}

/* Results for every proposed context; and the identifiers of ACSE's and of RTSE's (2.6.0.2.12, else the
 * second). */
static struct octets read_contexts(struct octets list, struct octets *acse, struct octets *rtse) {
    struct octets results = octets_of("", 0);
    struct element item;
    for (size_t i = 0; ber_next(&list, &item); i++) {
        struct octets number = ber_find(item.contents, 0x02), name = ber_find(item.contents, 0x06);
        if (i == 0 || (name.length == 4 && !memcmp(name.data, "\x52\1\0\1", 4))) {
            *acse = number;
        }
        if (i == 1 || (name.length == 4 && !memcmp(name.data, "\x56\0\2\x0C", 4))) {
            *rtse = number;
        }
        results = JOIN(results, octets_hex("30 07 80 01 00 81 02 51 01"));
    }
    return ber_tlv(0xA5, results);
}

static struct octets associate_user_data(struct octets normal_mode, uint8_t acse) {
    struct octets pdv_list = ber_find(ber_find(normal_mode, 0x61), 0x30);
    struct octets apdu = ber_find(ber_find(pdv_list, 0xA0), acse);
    return ber_find(ber_find(ber_find(apdu, 0xBE), 0x28), 0xA0);
}

struct octets accept_spdu(struct octets tsdu, const struct bind *bind, uint32_t *checkpoint) {
    struct octets parameters, acse = TEXT("\1"), rtse = TEXT("\3");
    spdu_of(tsdu, &parameters);
    struct octets cp = ber_find(spdu_parameter(parameters, 0xC1), 0x31), normal = ber_find(cp, 0xA2);
    struct octets results = read_contexts(ber_find(normal, 0xA4), &acse, &rtse);
    struct octets rtorq = ber_find(associate_user_data(normal, 0x60), 0xB0);
    *checkpoint = ber_number(ber_find(rtorq, 0x80));
    struct octets window = ber_find(rtorq, 0x81);
    struct octets rtoac = ber_tlv(0xB1, JOIN(ber_integer(0x80, *checkpoint),
                                             ber_integer(0x81, window.data ? ber_number(window) : 3),
                                             ber_tlv(0xA2, bind_element(0xB1, bind))));
    struct octets aare =
        ber_tlv(0x61, JOIN(octets_hex("A1 06 06 04 56 00 01 06 A2 03 02 01 00 A3 05 A1 03 02 01 00"),
                           ber_tlv(0xBE, external(rtse, rtoac))));
    struct octets cpa =
        ber_tlv(0x31, JOIN(octets_hex("A0 03 80 01 01"), ber_tlv(0xA2, JOIN(results, pdv(acse, aare)))));
    return dt(long_length(SPDU_ACCEPT, JOIN(connect_items(), long_length(0xC1, cpa))));
}

int accepted(struct octets tsdu, uint32_t *checkpoint, uint32_t *window) {
    struct octets parameters;
    if (spdu_of(tsdu, &parameters) != SPDU_ACCEPT) {
        return 0;
    }
    struct octets cpa = ber_find(spdu_parameter(parameters, 0xC1), 0x31);
    struct octets rtoac = ber_find(associate_user_data(ber_find(cpa, 0xA2), 0x61), 0xB1);
    struct octets granted = ber_find(rtoac, 0x81);
    *checkpoint = ber_number(ber_find(rtoac, 0x80));
    *window = granted.data ? ber_number(granted) : 3;
    return rtoac.data != NULL;
}

static size_t put_header(uint8_t *out, uint8_t identifier, size_t length) {
    const uint8_t header[6] = {
        identifier,     0x84, (uint8_t)(length >> 24), (uint8_t)(length >> 16), (uint8_t)(length >> 8),
        (uint8_t)length};
    memcpy(out, header, 6);
    return 6;
}

size_t data_header(uint8_t *out, size_t length) {
    static const uint8_t give_data[4] = {1, 0, 1, 0}, context[3] = {2, 1, 3};
    size_t at = 4;
    memcpy(out, give_data, 4);
    at += put_header(out + at, 0x61, length + 21);
    at += put_header(out + at, 0x30, length + 15);
    memcpy(out + at, context, 3);
    at += 3;
    at += put_header(out + at, 0xA0, length + 6);
    return at + put_header(out + at, 0x04, length);
}

/* --- the message: X.411, X.420 */

static struct octets domain(const char *country) {
    return JOIN(ber_tlv(0x61, ber_tlv(0x13, octets_text(country))),
                ber_tlv(0x62, ber_tlv(0x13, TEXT("BENCH"))));
}

static struct octets or_name(const char *country, const char *surname) {
    return ber_tlv(0x60,
                   ber_tlv(0x30, JOIN(domain(country), ber_tlv(0xA5, ber_tlv(0x80, octets_text(surname))))));
}

static struct octets trace(const char *country) {
    struct octets supplied =
        ber_tlv(0x31, octets_hex("80 0D 32 36 30 31 30 31 31 32 30 30 30 30 5A 82 01 00"));
    return ber_tlv(0x69, ber_tlv(0x30, JOIN(ber_tlv(0x63, domain(country)), supplied)));
}

static struct octets envelope(const char *from, const char *to) {
    struct octets marker = TEXT("BENCH-0000000000000000-00000");
    struct octets identifier = ber_tlv(0x64, JOIN(ber_tlv(0x63, domain(from)), ber_tlv(0x16, marker)));
    struct octets recipient = ber_tlv(0x31, JOIN(or_name(to, "sink"), octets_hex("80 01 01 81 02 00 A8")));
    return ber_tlv(0x31, JOIN(identifier, or_name(from, "source"), octets_hex("65 04 80 02 05 20 46 01 16"),
                              trace(from), ber_tlv(0xA2, recipient)));
}

/* An IPM with one ia5-text body part of `text` octets, which follow elsewhere. */
static struct octets ipm_head(const char *from, uint64_t text) {
    struct octets heading = ber_tlv(
        0x31, JOIN(ber_tlv(0x6B, ber_tlv(0x13, TEXT("bench"))), ber_tlv(0xA0, or_name(from, "source")),
                   ber_tlv(0xA8, ber_tlv(0x14, TEXT("A message of the benchmark")))));
    struct octets string = ber_header(0x16, text), repertoire = octets_hex("31 03 80 01 05");
    uint64_t part = repertoire.length + string.length + text;
    struct octets part_head = ber_header(0xA0, part), body_head = ber_header(0x30, part_head.length + part);
    struct octets inside = JOIN(heading, body_head, part_head, repertoire, string);
    return JOIN(ber_header(0xA0, inside.length + text), inside);
}

struct message message_template(const char *from, const char *to, uint64_t size) {
    uint64_t text = size > 200 ? size - 200 : 1;
    struct octets content = ipm_head(from, text);
    for (int i = 0; i < 3 && content.length + text != size && size > 200; i++) {
        text = size - content.length;
        content = ipm_head(from, text);
    }
    struct octets string = ber_header(0x04, content.length + text);
    struct octets message = JOIN(envelope(from, to), string, content);
    struct octets choice = ber_header(0xA0, message.length + text);
    struct octets single = ber_header(0xA0, choice.length + message.length + text);
    struct octets context = octets_hex("02 01 05");
    uint64_t external_length = context.length + single.length + choice.length + message.length + text;
    struct message built = {.head = JOIN(ber_header(0x28, external_length), context, single, choice, message),
                            .filler = text};
    built.marker =
        (size_t)((const uint8_t *)memmem(built.head.data, built.head.length, "BENCH-", 6) - built.head.data);
    return built;
}
