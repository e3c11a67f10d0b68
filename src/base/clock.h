/*
 * Time. Rooms that decide (osi, mts) are given the time; only the processes'
 * loops ask the clock.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Microseconds since 1970-01-01 UTC, without leap seconds. */
int64_t clock_now_us(void);

/* For tests: from now on clock_now_us is so much ahead of the system's clock. */
void clock_set_ahead(int64_t us);

/* For tests: so much time has passed, by both clocks. */
void clock_pass(int64_t us);

/* Microseconds of a clock that never steps. */
int64_t clock_monotonic_us(void);

/* Civil time in UTC, proleptic Gregorian calendar. */
struct civil_time {
    int year, month, day, hour, minute, second;
};

/* Seconds since 1970-01-01 UTC to civil time and back. Valid for the years 1 to 9999. */
struct civil_time civil_from_seconds(int64_t seconds);
int64_t civil_to_seconds(struct civil_time time);

/* True if each field is in its range, days of the month included. */
bool civil_is_valid(struct civil_time time);

/* Writes `YYYY-MM-DDTHH:MM:SSZ` (RFC 3339) into `out`, which holds at least 21 octets. Returns `out`. */
char *clock_format(int64_t seconds, char out[static 21]);

/* Reads what clock_format writes. False: it is none. */
bool clock_parse(const char *text, int64_t *seconds);

#endif
