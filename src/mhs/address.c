#include "mhs/address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "base/clock.h"
#include "base/text.h"
#include "mhs/aliases.h"
#include "mhs/command.h"
#include "names/dn.h"
#include "names/oraddress.h"
#include "schema/x420.h"

/* `given` is what was typed, `text` the address that it stands for. */
static void say_wrong(const char *given, const char *text, const char *why) {
    const char *place = aliases_place(given);
    if (place)
        command_fail(COMMAND_USAGE, "%s: the alias '%s' stands for '%s', which can't be used: %s", place,
                     given, text, why);
    else
        command_fail(COMMAND_USAGE, "the address '%s' can't be used: %s", text, why);
}

static bool read_address(const char *given, const char *text, struct arena *arena,
                         struct oraddress *address) {
    struct error err = {0};
    const char *missing = "an attribute";
    if (!oraddress_parse(span_str(text), arena, address, &err)) {
        say_wrong(given, text, err.text);
        return false;
    }
    if (!oraddress_is_complete(address, &missing)) {
        error_set(&err, COMMAND_USAGE, "it is not complete: %s is missing", missing);
        say_wrong(given, text, err.text);
        return false;
    }
    return true;
}

bool address_read(const char *given, struct arena *arena, struct x411_ORName *name) {
    struct oraddress address;
    struct error err = {0};
    const char *text = aliases_resolve(given);
    if (!text)
        return false;
    bool is_directory_name = strncasecmp(text, "DN:", 3) == 0;
    if (!is_directory_name && !read_address(given, text, arena, &address))
        return false;
    if (oraddress_parse_name(span_str(text), arena, name, &err))
        return true;
    say_wrong(given, text, err.text);
    return false;
}

/* The text without blanks around it, and without quotes around that; NULL when nothing is left. */
static const char *trimmed(const char *text, size_t length, struct arena *arena) {
    while (length > 0 && isspace((unsigned char)text[length - 1]))
        length--;
    while (length > 0 && isspace((unsigned char)*text))
        text++, length--;
    if (length >= 2 && *text == '"' && text[length - 1] == '"')
        text++, length -= 2;
    return length > 0 ? arena_printf(arena, "%.*s", (int)length, text) : NULL;
}

/* X.420's bounds of an ORDescriptor; a name is one of T.61's, so far as it is that. */
static bool user_in_bounds(const struct address_user *user, struct arena *arena) {
    bool lossy = false;
    const char *name = user->free_form_name, *telephone = user->telephone_number;
    struct span t61 = text_to_teletex(span_str(name ? name : ""), arena, &lossy);
    if (lossy || t61.len > x420_ub_free_form_name)
        command_fail(COMMAND_USAGE, "the name '%s' %s", name,
                     lossy ? "has characters that T.61 lacks" : "is longer than 64 characters");
    else if (telephone && strlen(telephone) > x420_ub_telephone_number)
        command_fail(COMMAND_USAGE, "the telephone number '%s' is longer than %d characters", telephone,
                     (int)x420_ub_telephone_number);
    else if (telephone && telephone[strspn(telephone, "0123456789 +-()./:,'?=abcdefghijklmnopqrstuvwxyz"
                                                      "ABCDEFGHIJKLMNOPQRSTUVWXYZ")])
        command_fail(COMMAND_USAGE, "the telephone number '%s' has characters that no PrintableString has",
                     telephone);
    else
        return true;
    return false;
}

bool address_read_user(const char *text, struct arena *arena, struct address_user *user) {
    const char *open = strchr(text, '<'), *close = open ? strrchr(open, '>') : NULL;
    *user = (struct address_user){0};
    if (!close)
        return address_read(text, arena, &user->name);
    const char *rest = close + 1 + strspn(close + 1, " ");
    const char *address = trimmed(open + 1, (size_t)(close - open - 1), arena);
    user->free_form_name = trimmed(text, (size_t)(open - text), arena);
    if (*rest == ',')
        user->telephone_number = trimmed(rest + 1, strlen(rest + 1), arena);
    if (!*rest || *rest == ',')
        return user_in_bounds(user, arena) && address_read(address ? address : "", arena, &user->name);
    command_fail(COMMAND_USAGE,
                 "'%s' is no user; write Ada Jones <ADDRESS>, or with a telephone number: "
                 "Ada Jones <ADDRESS>, +44 20 7946 0000",
                 text);
    return false;
}

const char *address_show(const struct x411_ORName *name, struct arena *arena) {
    struct span text = name ? oraddress_name_text(name, arena) : (struct span){NULL, 0};
    return text.len > 0 ? (const char *)text.data : "(no address)";
}

const char *address_mailbox(const char *given, struct arena *arena) {
    const char *text = NULL;
    struct oraddress address;
    if (given ? !(text = aliases_resolve(given)) : !aliases_me(&text))
        return NULL;
    if (!text) {
        command_fail(
            COMMAND_USAGE,
            "whose mailbox? Give it with --user ADDRESS, set CHASQUI_USER, or put 'me = ADDRESS' into "
            "~/.config/chasqui/aliases");
        return NULL;
    }
    return read_address(given ? given : text, text, arena, &address)
               ? (const char *)oraddress_text(&address, arena).data
               : NULL;
}

/* For one name; as much as its text may need (oraddress_name_text). */
#define KEY_MEMORY ((size_t)16 << 20)

static struct span directory_key(const struct x501_Name *name, struct arena *arena) {
    struct span key = dn_key(name, arena);
    uint8_t *marked = key.data ? arena_alloc(arena, 3 + key.len) : NULL;
    if (!marked)
        return (struct span){NULL, 0};
    memcpy(marked, "DN:", 3);
    memcpy(marked + 3, key.data, key.len);
    return span_of(marked, 3 + key.len);
}

struct span address_key(const struct x411_ORName *name, struct arena *arena) {
    struct arena scratch;
    struct oraddress address;
    struct span key = {NULL, 0};
    arena_init(&scratch, KEY_MEMORY);
    bool read = oraddress_of_name(name, &scratch, &address);
    if (read && address.count)
        key = oraddress_key(&address, &scratch);
    else if (read)
        key = name->directory_name ? directory_key(name->directory_name, &scratch) : SPAN_LIT("");
    key = key.data ? arena_dup(arena, key) : key;
    arena_free(&scratch);
    return key;
}

struct span address_key_of(const char *text, struct arena *arena) {
    struct arena scratch;
    struct x411_ORName name;
    arena_init(&scratch, KEY_MEMORY);
    struct span key = oraddress_key_of(span_str(text), &scratch, NULL);
    if (!key.data && oraddress_parse_name(span_str(text), &scratch, &name, NULL))
        key = address_key(&name, &scratch);
    key = arena_dup(arena, key.data ? key : span_str(text));
    arena_free(&scratch);
    return key;
}

bool address_same(const struct x411_ORName *a, const struct x411_ORName *b) {
    struct arena scratch;
    arena_init(&scratch, 2 * KEY_MEMORY);
    struct span first = address_key(a, &scratch), second = address_key(b, &scratch);
    bool same = first.data && second.data && span_eq(first, second);
    arena_free(&scratch);
    return same;
}

static bool read_relative(const char *text, int64_t *seconds) {
    char *unit;
    long long count = strtoll(text + 1, &unit, 10);
    int64_t factor = strcmp(unit, "s") == 0   ? 1
                     : strcmp(unit, "m") == 0 ? 60
                     : strcmp(unit, "h") == 0 ? 3600
                     : strcmp(unit, "d") == 0 ? 86400
                                              : 0;
    *seconds = clock_now_us() / 1000000 + (*text == '-' ? -count : count) * factor;
    return isdigit((unsigned char)text[1]) && factor && count < 40000000;
}

/* Date and time of day, which may be missing; returns what follows, or NULL when there is none. */
static const char *read_date(const char *text, struct civil_time *time) {
    char separator = 0;
    int end = 0, date = 0, more = 0;
    int fields = sscanf(text, "%4d-%2d-%2d%n%c%2d:%2d%n", &time->year, &time->month, &time->day, &date,
                        &separator, &time->hour, &time->minute, &end);
    if (fields == 3 && !text[date])
        return text + date;
    if (fields != 6 || (separator != 'T' && separator != ' '))
        return NULL;
    if (text[end] == ':' && sscanf(text + end, ":%2d%n", &time->second, &more) != 1)
        return NULL;
    return text + end + more;
}

/* `Z`, `+01:00`, `+0100` or `-05` as seconds east of UTC. */
static bool read_zone(const char *text, int64_t *east) {
    int hours = 0, minutes = 0, end = 0;
    *east = 0;
    if (strcmp(text, "Z") == 0)
        return true;
    if ((*text != '+' && *text != '-') || sscanf(text + 1, "%2d%n", &hours, &end) != 1 || hours < 0)
        return false;
    const char *rest = text + 1 + end;
    rest += *rest == ':';
    if (*rest && (sscanf(rest, "%2d%n", &minutes, &end) != 1 || rest[end] || minutes < 0))
        return false;
    *east = (*text == '-' ? -1 : 1) * (hours * 3600 + minutes * 60);
    return hours < 15 && minutes < 60;
}

/* What was meant is said where that is not what it would be in UTC. */
static bool in_local_time(const char *text, struct civil_time time, int64_t *seconds) {
    struct tm local = {.tm_year = time.year - 1900,
                       .tm_mon = time.month - 1,
                       .tm_mday = time.day,
                       .tm_hour = time.hour,
                       .tm_min = time.minute,
                       .tm_sec = time.second,
                       .tm_isdst = -1};
    char shown[21];
    time_t at = mktime(&local);
    *seconds = at;
    if (at == (time_t)-1)
        return false;
    if (at != civil_to_seconds(time))
        fprintf(stderr, "mhs: %s is local time (%s): %s\n", text, local.tm_zone, clock_format(at, shown));
    return true;
}

static bool read_civil(const char *text, int64_t *seconds) {
    struct civil_time time = {0};
    int64_t east = 0;
    const char *zone = read_date(text, &time);
    if (!zone || !civil_is_valid(time))
        return false;
    if (!*zone)
        return in_local_time(text, time, seconds);
    *seconds = civil_to_seconds(time);
    if (!read_zone(zone, &east))
        return false;
    *seconds -= east;
    return true;
}

bool time_from_text(const char *text, int64_t *seconds) {
    if (*text == '+' || *text == '-' ? read_relative(text, seconds) : read_civil(text, seconds)) {
        if (ber_utctime_fits(*seconds))
            return true;
        command_fail(COMMAND_USAGE,
                     "'%s' can't be said: X.400 writes years with two digits, which reach 40 years ahead",
                     text);
        return false;
    }
    command_fail(
        COMMAND_USAGE,
        "'%s' is not a time; write 2026-11-22 06:30 (local time), 2026-11-22T06:30:00Z (UTC), or from "
        "now +90s, +30m, +2h or +1d, before now -2h",
        text);
    return false;
}
