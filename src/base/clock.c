#include "base/clock.h"

#include <stdio.h>
#include <time.h>

static int64_t read_clock(clockid_t id) {
    struct timespec ts;
    clock_gettime(id, &ts);
    return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t ahead, passed;

void clock_set_ahead(int64_t us) {
    ahead = us;
}

void clock_pass(int64_t us) {
    passed += us;
}

int64_t clock_now_us(void) {
    return read_clock(CLOCK_REALTIME) + ahead + passed;
}

int64_t clock_monotonic_us(void) {
    return read_clock(CLOCK_MONOTONIC) + passed;
}

/* Days since 1970-01-01, counting years from March so that the leap day comes last. */
static int64_t days_from_civil(int year, int month, int day) {
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t year_of_era = y - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

int64_t civil_to_seconds(struct civil_time t) {
    return days_from_civil(t.year, t.month, t.day) * 86400 + t.hour * 3600 + t.minute * 60 + t.second;
}

struct civil_time civil_from_seconds(int64_t seconds) {
    int64_t days = seconds / 86400;
    int64_t rest = seconds % 86400;
    if (rest < 0) {
        rest += 86400;
        days--;
    }
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t day_of_era = days - era * 146097;
    int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t shifted = (5 * day_of_year + 2) / 153;
    int month = (int)(shifted < 10 ? shifted + 3 : shifted - 9);
    return (struct civil_time){.year = (int)(year_of_era + era * 400 + (month <= 2)),
                               .month = month,
                               .day = (int)(day_of_year - (153 * shifted + 2) / 5 + 1),
                               .hour = (int)(rest / 3600),
                               .minute = (int)(rest / 60 % 60),
                               .second = (int)(rest % 60)};
}

bool civil_is_valid(struct civil_time t) {
    static const int month_days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (t.year < 1 || t.year > 9999 || t.month < 1 || t.month > 12 || t.day < 1)
        return false;
    bool leap = (t.year % 4 == 0 && t.year % 100 != 0) || t.year % 400 == 0;
    if (t.day > month_days[t.month - 1] + (t.month == 2 && leap))
        return false;
    return t.hour >= 0 && t.hour < 24 && t.minute >= 0 && t.minute < 60 && t.second >= 0 && t.second < 60;
}

char *clock_format(int64_t seconds, char out[static 21]) {
    struct civil_time t = civil_from_seconds(seconds);
    snprintf(out, 21, "%04u-%02u-%02uT%02u:%02u:%02uZ", (unsigned)t.year % 10000, (unsigned)t.month % 100,
             (unsigned)t.day % 100, (unsigned)t.hour % 100, (unsigned)t.minute % 100,
             (unsigned)t.second % 100);
    return out;
}

bool clock_parse(const char *text, int64_t *seconds) {
    struct civil_time time = {0};
    int end = 0;
    if (sscanf(text, "%4d-%2d-%2dT%2d:%2d:%2dZ%n", &time.year, &time.month, &time.day, &time.hour,
               &time.minute, &time.second, &end) != 6 ||
        !end || text[end] || !civil_is_valid(time))
        return false;
    *seconds = civil_to_seconds(time);
    return true;
}
