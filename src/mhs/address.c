#include "mhs/address.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "mhs/aliases.h"
#include "mhs/command.h"
#include "names/oraddress.h"

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

bool address_same(const struct x411_ORName *a, const struct x411_ORName *b, struct arena *arena) {
    struct oraddress first, second;
    return oraddress_of_name(a, arena, &first) && oraddress_of_name(b, arena, &second) &&
           oraddress_equal(&first, &second);
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

static bool read_civil(const char *text, int64_t *seconds) {
    struct civil_time time = {0};
    char separator = 0, zone[2] = "";
    int end = 0;
    int fields = sscanf(text, "%4d-%2d-%2d%c%2d:%2d%n", &time.year, &time.month, &time.day, &separator,
                        &time.hour, &time.minute, &end);
    if (fields != 6 || (separator != 'T' && separator != ' '))
        return false;
    if (text[end] == ':') {
        int more = 0;
        if (sscanf(text + end, ":%2d%n", &time.second, &more) != 1)
            return false;
        end += more;
    }
    if (text[end] && (sscanf(text + end, "%1[Z]", zone) != 1 || text[end + 1]))
        return false;
    *seconds = civil_is_valid(time) ? civil_to_seconds(time) : 0;
    return civil_is_valid(time);
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
    command_fail(COMMAND_USAGE,
                 "'%s' is not a time; write 2026-11-22T06:30:00Z (UTC), or from now +90s, +30m, +2h or +1d, "
                 "before now -2h",
                 text);
    return false;
}
