#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/charset.h"
#include "base/clock.h"
#include "base/log_out.h"
#include "base/text.h"

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};
static const char *process_name = "chasqui";
static enum log_level max_level = LOG_LEVEL_INFO;
static bool journal;

void log_set_process(const char *name) {
    process_name = name;
}

void log_set_level(enum log_level level) {
    max_level = level;
}

void log_find_journal(void) {
    /* The variable is inherited; that standard error still goes there, only its device and inode tell. */
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat s;
    char own[64];
    if (!stream || fstat(STDERR_FILENO, &s) != 0)
        return;
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)s.st_dev, (uintmax_t)s.st_ino);
    journal = strcmp(stream, own) == 0;
}

/* What stands before the process's name. syslog's severities (RFC 5424 §6.2.1): an error is 3, a warning 4.
 */
static int line_head(enum log_level level, char *line, size_t size) {
    char now[21];
    if (journal)
        return snprintf(line, size, "<%d>", 3 + (int)level);
    return snprintf(line, size, "%s ", clock_format(clock_now_us() / 1000000, now));
}

/* A reason of an operator's, say, begins no line of its own and colours no terminal: its control characters
 * are shown octet by octet. Returns the length. */
static size_t put_visible(char *out, size_t room, const char *text) {
    size_t at = 0;
    for (struct span left = span_str(text); left.len && at < room;) {
        size_t odd = text_control(left), used = odd ? odd : 1;
        for (size_t i = 0; i < odd && at + 4 < room; i++)
            at += (size_t)snprintf(out + at, room - at, "\\x%02X", left.data[i]);
        if (odd && at + 4 >= room)
            break;
        if (!odd)
            out[at++] = (char)left.data[0];
        left = span_sub(left, used, SIZE_MAX);
    }
    return at;
}

static bool put(enum log_level level, const char *format, va_list args) {
    char line[1024], body[1024];
    int head = line_head(level, line, sizeof line);
    head += snprintf(line + head, sizeof line - (size_t)head, "%s[%d] %s: ", process_name, (int)getpid(),
                     level_names[level]);
    if (vsnprintf(body, sizeof body, format, args) < 0)
        *body = '\0';
    size_t len = (size_t)head;
    len += put_visible(line + len, sizeof line - 2 - len, body);
    line[len++] = '\n';
    return log_out(line, len);
}

__attribute__((format(printf, 2, 3))) static bool put_line(enum log_level level, const char *format, ...) {
    va_list args;
    va_start(args, format);
    bool done = put(level, format, args);
    va_end(args);
    return done;
}

/* A full disk, or a reader of the log that stands still, must not stop the mail. */
static unsigned lost;

static bool tell_lost(void) {
    if (lost && !put_line(LOG_LEVEL_WARNING,
                          "the log took nothing for a while: %u lines of this process are lost", lost))
        return false;
    lost = 0;
    return true;
}

void log_write(enum log_level level, const char *format, ...) {
    if (level > max_level)
        return;
    va_list args;
    va_start(args, format);
    if (!tell_lost() || !put(level, format, args))
        lost++;
    va_end(args);
}

/* Is what begins here a character that shows as itself? A backslash begins an octet that does not. */
static bool is_plain(struct span text, size_t *octets) {
    uint32_t code;
    *octets = charset_utf8_character(text, &code);
    bool plain = *octets && code != '\\' && !text_control(text);
    *octets = *octets ? *octets : 1;
    return plain;
}

const char *log_text(struct span s, char out[static LOG_TEXT_SIZE]) {
    size_t at = 0, octets;
    for (; s.len; s = span_sub(s, octets, SIZE_MAX)) {
        bool plain = is_plain(s, &octets);
        if (at + octets * (plain ? 1 : 4) > LOG_TEXT_SIZE - 1)
            break;
        for (size_t i = 0; i < octets; i++)
            at += (size_t)snprintf(out + at, LOG_TEXT_SIZE - at, plain ? "%c" : "\\x%02X", s.data[i]);
    }
    out[at] = '\0';
    return out;
}

/* ---- what others cause ---- */

/* Whose lines were left out, and when the first of their minutes is over (monotonic µs). */
static struct log_causer *owing;
static int64_t owing_until;

static void owe(struct log_causer *causer) {
    int64_t until = causer->burst.since + BURST_MINUTE;
    if (causer->owes)
        return;
    if (!owing || until < owing_until)
        owing_until = until;
    causer->owes = true;
    causer->next = owing;
    owing = causer;
}

static void tell(struct log_causer *causer) {
    if (causer->burst.untold)
        log_warning("%s: %u lines were left out in a minute", causer->who, causer->burst.untold);
    causer->burst = (struct burst){0};
    causer->owes = false;
}

static void tell_owing(int64_t now) {
    if (!owing || now < owing_until)
        return;
    struct log_causer **at = &owing;
    owing_until = INT64_MAX;
    for (struct log_causer *causer; (causer = *at);) {
        int64_t until = causer->burst.since + BURST_MINUTE;
        if (until <= now) {
            *at = causer->next;
            tell(causer);
        } else {
            owing_until = until < owing_until ? until : owing_until;
            at = &causer->next;
        }
    }
}

void log_tell_left_out(void) {
    tell_lost();
    tell_owing(clock_monotonic_us());
}

void log_causer_forget(struct log_causer *causer) {
    struct log_causer **at = &owing;
    if (!causer->owes)
        return;
    while (*at != causer)
        at = &(*at)->next;
    *at = causer->next;
    tell(causer);
}

/* May one more be written? Whose minute is over and owes nothing begins anew. */
static enum burst_answer take(struct log_causer *causer, unsigned most) {
    int64_t now = clock_monotonic_us();
    unsigned untold;
    tell_owing(now);
    enum burst_answer answer = burst_take(&causer->burst, most, BURST_MINUTE, now, &untold);
    if (answer == BURST_NONE)
        owe(causer);
    return answer;
}

static void tell_last(const char *who, unsigned lines) {
    log_warning("%s: %u lines in a minute, the next are left out%s", who, lines,
                lines == LOG_CAUSED_ROUTINE ? " unless something is wrong" : "");
}

static void write_caused(enum log_level level, const char *format, va_list values) {
    static struct log_causer strangers = {.who = "what strangers cause"};
    char text[600];
    enum burst_answer answer = take(&strangers, LOG_CAUSED_MOST);
    if (answer == BURST_NONE)
        return;
    vsnprintf(text, sizeof text, format, values);
    log_write(level, "%s", text);
    if (answer == BURST_LAST)
        tell_last(strangers.who, LOG_CAUSED_MOST);
}

void log_caused(enum log_level level, const char *format, ...) {
    va_list values;
    if (level > max_level)
        return;
    va_start(values, format);
    write_caused(level, format, values);
    va_end(values);
}

static enum burst_answer write_by(struct log_causer *causer, enum log_level level, const char *format,
                                  va_list values) {
    unsigned most = level >= LOG_LEVEL_INFO ? LOG_CAUSED_ROUTINE : LOG_CAUSED_MOST_BY;
    char text[900];
    if (level > max_level)
        return BURST_NONE;
    enum burst_answer answer = take(causer, most);
    if (answer == BURST_NONE)
        return answer;
    vsnprintf(text, sizeof text, format, values);
    log_write(level, "%s", text);
    if (answer == BURST_LAST)
        tell_last(causer->who, most);
    return answer;
}

enum burst_answer log_caused_by(struct log_causer *causer, enum log_level level, const char *format, ...) {
    va_list values;
    va_start(values, format);
    enum burst_answer answer = write_by(causer, level, format, values);
    va_end(values);
    return answer;
}

/* ---- by name ---- */

void log_causer_name(struct log_causer *causer, const char *kind, const char *name) {
    snprintf(causer->who, sizeof causer->who, "%s%s", kind, name ? name : "");
}

static bool is_over(const struct log_causer *causer, int64_t now) {
    return !causer->owes && (!causer->burst.since || now - causer->burst.since >= BURST_MINUTE);
}

struct log_causer *log_causer_of(struct log_causers *causers, const char *who) {
    int64_t now = clock_monotonic_us();
    struct log_causer *place = NULL;
    tell_owing(now);
    for (size_t i = 0; i < LOG_CAUSERS; i++) {
        struct log_causer *causer = &causers->places[i];
        if (strncmp(causer->who, who, LOG_CAUSER_SIZE - 1) == 0)
            return causer;
        if (!place && is_over(causer, now))
            place = causer;
    }
    place = place ? place : &causers->others;
    if (place != &causers->others)
        *place = (struct log_causer){0};
    log_causer_name(place, place == &causers->others ? "others" : who, NULL);
    return place;
}

enum burst_answer log_caused_by_user(const char *who, enum log_level level, const char *format, ...) {
    static struct log_causers users;
    va_list values;
    va_start(values, format);
    enum burst_answer answer = write_by(log_causer_of(&users, who), level, format, values);
    va_end(values);
    return answer;
}

void log_caused_by_stranger(const char *who, enum log_level level, const char *format, ...) {
    static struct log_causers networks;
    struct log_causer *causer = log_causer_of(&networks, who);
    if (level > max_level)
        return;
    enum burst_answer answer = take(causer, LOG_CAUSED_MOST_BY);
    if (answer == BURST_NONE)
        return;
    va_list values;
    va_start(values, format);
    write_caused(level, format, values);
    va_end(values);
    if (answer == BURST_LAST)
        log_caused(LOG_LEVEL_WARNING, "%s: %u lines in a minute, the next are left out", causer->who,
                   LOG_CAUSED_MOST_BY);
}
