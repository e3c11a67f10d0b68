/* UTCTime and GeneralizedTime (X.680 §42, §43). */

#include "asn1/ber.h"
#include "base/clock.h"
#include "base/reader.h"

/* Reads `count` digits; -1 when they are not there. */
static int digits(struct reader *r, unsigned count) {
    struct span s = reader_take(r, count);
    int value = 0;
    for (size_t i = 0; i < s.len; i++) {
        if (s.data[i] < '0' || s.data[i] > '9') {
            r->failed = true;
            return -1;
        }
        value = value * 10 + (s.data[i] - '0');
    }
    return s.data ? value : -1;
}

static bool at_digit(const struct reader *r) {
    return reader_left(r) && *r->at >= '0' && *r->at <= '9';
}

/* `Z`, `+hhmm`, `-hhmm`, or nothing; seconds to take off. `+hh` is allowed in GeneralizedTime. */
static bool read_zone(struct reader *r, bool may_lack, bool hours_alone, int *offset) {
    *offset = 0;
    if (reader_left(r) == 0)
        return may_lack;
    uint8_t sign = reader_u8(r);
    if (sign == 'Z')
        return reader_left(r) == 0;
    if (sign != '+' && sign != '-')
        return false;
    int hours = digits(r, 2);
    int minutes = hours_alone && reader_left(r) == 0 ? 0 : digits(r, 2);
    if (r->failed || reader_left(r) || hours > 23 || minutes > 59)
        return false;
    *offset = (hours * 60 + minutes) * (sign == '+' ? 60 : -60);
    return true;
}

static bool finish(struct civil_time time, int offset, int64_t *seconds) {
    if (!civil_is_valid(time))
        return false;
    *seconds = civil_to_seconds(time) - offset;
    return true;
}

/* The last year that two digits can mean. Before anybody told what year it is: as X.509 has it. */
static int last_year = 2049;

/* How far ahead two digits may point: 10 years back to 40 ahead must be understood, says the corrigendum of
 * 1998 to X.411, and what the other 49 mean is the implementation's choice. They are the past, where the
 * times of stored messages come to lie. */
#define YEARS_AHEAD 40

void ber_utctime_set_now(int64_t seconds) {
    int year = civil_from_seconds(seconds).year;
    if (year + YEARS_AHEAD > 1999 && year + YEARS_AHEAD < 9999)
        last_year = year + YEARS_AHEAD;
}

bool ber_utctime_fits(int64_t seconds) {
    int year = civil_from_seconds(seconds).year;
    return year > last_year - 100 && year <= last_year;
}

bool ber_utctime_read(struct span text, int64_t *seconds) {
    struct reader r = reader_of(text);
    struct civil_time time = {.year = digits(&r, 2)};
    int offset;
    time.year += last_year / 100 * 100;
    if (time.year > last_year)
        time.year -= 100;
    time.month = digits(&r, 2);
    time.day = digits(&r, 2);
    time.hour = digits(&r, 2);
    time.minute = digits(&r, 2);
    if (at_digit(&r))
        time.second = digits(&r, 2);
    return !r.failed && read_zone(&r, false, false, &offset) && finish(time, offset, seconds);
}

/* Minutes, seconds and a fraction, each of which may lack; a fraction counts as far as whole seconds. */
static bool read_minutes(struct reader *r, struct civil_time *time, int64_t *extra) {
    int64_t unit = 3600;
    if (at_digit(r)) {
        time->minute = digits(r, 2);
        unit = 60;
        if (at_digit(r)) {
            time->second = digits(r, 2);
            unit = 1;
        }
    }
    *extra = 0;
    if (!reader_left(r) || (*r->at != '.' && *r->at != ','))
        return !r->failed;
    reader_u8(r);
    if (!at_digit(r))
        return false;
    int64_t numerator = 0, denominator = 1;
    while (at_digit(r)) {
        int digit = digits(r, 1);
        if (denominator < 1000000) {
            numerator = numerator * 10 + digit;
            denominator *= 10;
        }
    }
    *extra = numerator * unit / denominator;
    return true;
}

bool ber_generalizedtime_read(struct span text, int64_t *seconds) {
    struct reader r = reader_of(text);
    struct civil_time time = {.year = digits(&r, 4)};
    int offset;
    int64_t extra;
    time.month = digits(&r, 2);
    time.day = digits(&r, 2);
    time.hour = digits(&r, 2);
    if (r.failed || !read_minutes(&r, &time, &extra) || !read_zone(&r, true, true, &offset) ||
        !finish(time, offset, seconds))
        return false;
    *seconds += extra;
    return true;
}

/* By hand, as each message gets such times, and printf(3) is slow. What is written has a zero behind it. */
static char *put_two(char *out, int number) {
    out[0] = (char)('0' + number / 10);
    out[1] = (char)('0' + number % 10);
    return out + 2;
}

/* From the month on. */
static void put_rest(char *out, const struct civil_time *t) {
    out = put_two(out, t->month);
    out = put_two(out, t->day);
    out = put_two(out, t->hour);
    out = put_two(out, t->minute);
    *put_two(out, t->second) = 'Z';
}

bool ber_utctime_write(int64_t seconds, struct arena *arena, struct span *text) {
    struct civil_time t = civil_from_seconds(seconds);
    char *out = ber_utctime_fits(seconds) ? arena_alloc(arena, 14) : NULL;
    if (!out)
        return false;
    put_rest(put_two(out, t.year % 100), &t);
    *text = span_of(out, 13);
    return true;
}

bool ber_generalizedtime_write(int64_t seconds, struct arena *arena, struct span *text) {
    struct civil_time t = civil_from_seconds(seconds);
    char *out = t.year < 1 || t.year > 9999 ? NULL : arena_alloc(arena, 16);
    if (!out)
        return false;
    put_rest(put_two(put_two(out, t.year / 100), t.year % 100), &t);
    *text = span_of(out, 15);
    return true;
}
