#include "names/nsap.h"

#include <stdio.h>

enum { MOST_DIGITS = 2 * NSAP_MAX };

static const char rfc1277_prefix[] = "540072872203";

bool nsap_of_digits(const char *digits, uint8_t out[NSAP_MAX], size_t *len) {
    size_t count = strlen(digits);
    if (count == 0 || count > MOST_DIGITS)
        return false;
    for (size_t i = 0; i < count; i += 2) {
        unsigned low = i + 1 < count ? (unsigned)(digits[i + 1] - '0') : 0xF;
        out[i / 2] = (uint8_t)((unsigned)(digits[i] - '0') << 4 | low);
    }
    *len = (count + 1) / 2;
    return true;
}

/* X.213 table A.1: digits of the IDI, and the AFIs of decimal and binary DSPs, without and with significant
 * leading zeros. */
static const struct {
    const char *name;
    unsigned digits;
    const char *decimal, *binary, *decimal_zeros, *binary_zeros;
} authorities[] = {
    {"X121", 14, "36", "37", "52", "53"}, {"DCC", 3, "38", "39", "38", "39"},
    {"TELEX", 8, "40", "41", "54", "55"}, {"PSTN", 12, "42", "43", "56", "57"},
    {"ISDN", 15, "44", "45", "58", "59"}, {"ICD", 4, "46", "47", "46", "47"},
    {"LOCAL", 0, "48", "49", "48", "49"},
};

static bool all_digits(struct span s) {
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9')
            return false;
    }
    return true;
}

static int hex_value(uint8_t c) {
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool append_hex(struct span hex, uint8_t out[NSAP_MAX], size_t *len) {
    if (hex.len % 2 || *len + hex.len / 2 > NSAP_MAX)
        return false;
    for (size_t i = 0; i < hex.len; i += 2) {
        int high = hex_value(hex.data[i]), low = hex_value(hex.data[i + 1]);
        if (high < 0 || low < 0)
            return false;
        out[(*len)++] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* An IDI that is too short is filled from the left: with zeros, or with ones if its own zeros count (X.213
 * §A.5.3). */
bool nsap_of_parts(struct span afi, struct span idi, struct span dsp, uint8_t out[NSAP_MAX], size_t *len) {
    size_t row = 0, rows = sizeof(authorities) / sizeof(authorities[0]);
    while (row < rows && !span_eq_nocase(afi, span_str(authorities[row].name)))
        row++;
    if (row == rows || !all_digits(idi) || idi.len > authorities[row].digits)
        return false;
    bool decimal = dsp.len == 0 || dsp.data[0] == 'd';
    bool zeros = idi.len && idi.data[0] == '0';
    struct span rest = span_sub(dsp, 1, dsp.len);
    if (dsp.len && !decimal && dsp.data[0] != 'x')
        return false;
    if (decimal && (!all_digits(rest) || rest.len > MOST_DIGITS))
        return false;
    const char *code = decimal ? zeros ? authorities[row].decimal_zeros : authorities[row].decimal
                       : zeros ? authorities[row].binary_zeros
                               : authorities[row].binary;
    static const char filler[2][16] = {"000000000000000", "111111111111111"};
    char digits[2 * MOST_DIGITS];
    int written =
        snprintf(digits, sizeof(digits), "%s%.*s%.*s%.*s", code, (int)(authorities[row].digits - idi.len),
                 filler[zeros], (int)idi.len, idi.len ? (const char *)idi.data : "",
                 decimal ? (int)rest.len : 0, decimal && rest.len ? (const char *)rest.data : "");
    if (written < 0 || (size_t)written >= sizeof(digits) || !nsap_of_digits(digits, out, len))
        return false;
    return decimal || append_hex(rest, out, len);
}

/* Reads `count` decimal digits of semi-octets. False if one is no digit. */
static bool read_digits(const char *digits, size_t count, unsigned *value) {
    *value = 0;
    for (size_t i = 0; i < count; i++) {
        if (digits[i] < '0' || digits[i] > '9')
            return false;
        *value = *value * 10 + (unsigned)(digits[i] - '0');
    }
    return true;
}

bool nsap_to_tcp(struct span nsap, char host[16], uint16_t *port, uint16_t *transport) {
    char digits[MOST_DIGITS + 1] = {0};
    unsigned part[4], number = 0, set = 1;
    if (nsap.len > NSAP_MAX)
        return false;
    for (size_t i = 0; i < nsap.len; i++)
        snprintf(digits + 2 * i, 3, "%02x", nsap.data[i]);
    size_t count = 2 * nsap.len;
    if (count && digits[count - 1] == 'f')
        digits[--count] = 0;
    if (strncmp(digits, rfc1277_prefix, 12) != 0 || (count != 24 && count != 29 && count != 34))
        return false;
    for (size_t i = 0; i < 4; i++) {
        if (!read_digits(digits + 12 + 3 * i, 3, &part[i]) || part[i] > 255)
            return false;
    }
    if ((count >= 29 && !read_digits(digits + 24, 5, &number)) ||
        (count == 34 && !read_digits(digits + 29, 5, &set)))
        return false;
    if (number > UINT16_MAX || set > UINT16_MAX)
        return false;
    snprintf(host, 16, "%u.%u.%u.%u", part[0] & 255, part[1] & 255, part[2] & 255, part[3] & 255);
    *port = (uint16_t)number;
    *transport = (uint16_t)set;
    return true;
}

static bool read_ipv4(struct span host, unsigned part[4]) {
    size_t at = 0;
    for (size_t i = 0; i < 4; i++) {
        size_t start = at;
        part[i] = 0;
        while (at < host.len && at < start + 3 && host.data[at] >= '0' && host.data[at] <= '9')
            part[i] = part[i] * 10 + (unsigned)(host.data[at++] - '0');
        if (at == start || part[i] > 255)
            return false;
        if (i < 3 && (at >= host.len || host.data[at++] != '.'))
            return false;
    }
    return at == host.len;
}

bool nsap_of_tcp(struct span host, uint16_t port, uint16_t transport, uint8_t out[NSAP_MAX], size_t *len) {
    unsigned part[4];
    char digits[MOST_DIGITS + 1];
    if (!read_ipv4(host, part))
        return false;
    int count = snprintf(digits, sizeof(digits), "%s%03u%03u%03u%03u", rfc1277_prefix, part[0], part[1],
                         part[2], part[3]);
    if (port != 102 || transport != 1)
        count += snprintf(digits + count, sizeof(digits) - (size_t)count, "%05u", port);
    if (transport != 1)
        snprintf(digits + count, sizeof(digits) - (size_t)count, "%05u", transport);
    return nsap_of_digits(digits, out, len);
}
