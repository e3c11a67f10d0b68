#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

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

bool log_level_parse(const char *name, enum log_level *level) {
    for (size_t i = 0; i < sizeof level_names / sizeof *level_names; i++) {
        if (strcmp(name, level_names[i]) == 0) {
            *level = (enum log_level)i;
            return true;
        }
    }
    return false;
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

void log_write(enum log_level level, const char *format, ...) {
    if (level > max_level)
        return;
    char line[1024];
    int head = line_head(level, line, sizeof line);
    head += snprintf(line + head, sizeof line - (size_t)head, "%s[%d] %s: ", process_name, (int)getpid(),
                     level_names[level]);
    va_list args;
    va_start(args, format);
    int body = vsnprintf(line + head, sizeof line - (size_t)head - 1, format, args);
    va_end(args);
    size_t len = (size_t)head + (body > 0 ? (size_t)body : 0);
    if (len > sizeof line - 2)
        len = sizeof line - 2;
    line[len++] = '\n';
    /* One write a line, so that lines of several processes do not mix; a full disk must not stop the mail. */
    ssize_t written = write(STDERR_FILENO, line, len);
    (void)written;
}

const char *log_text(struct span s, char out[static LOG_TEXT_SIZE]) {
    size_t at = 0;
    for (size_t i = 0; i < s.len; i++) {
        bool plain = s.data[i] >= 0x20 && s.data[i] <= 0x7E && s.data[i] != '\\';
        if (at + (plain ? 1 : 4) > LOG_TEXT_SIZE - 1)
            break;
        at += (size_t)snprintf(out + at, LOG_TEXT_SIZE - at, plain ? "%c" : "\\x%02X", s.data[i]);
    }
    out[at] = '\0';
    return out;
}

/* ---- what others cause ---- */

static void tell_left_out(const char *who, unsigned left_out) {
    if (left_out)
        log_warning("%s: %u lines were left out in a minute", who, left_out);
}

static void tell_last(const char *who, unsigned lines) {
    log_warning("%s: %u lines in a minute, the next are left out", who, lines);
}

static void write_caused(enum log_level level, const char *format, va_list values) {
    static struct burst all;
    char text[600];
    unsigned left_out;
    enum burst_answer answer =
        burst_take(&all, LOG_CAUSED_MOST, BURST_MINUTE, clock_monotonic_us(), &left_out);
    if (answer == BURST_NONE)
        return;
    tell_left_out("what strangers cause", left_out);
    vsnprintf(text, sizeof text, format, values);
    log_write(level, "%s", text);
    if (answer == BURST_LAST)
        tell_last("what strangers cause", LOG_CAUSED_MOST);
}

void log_caused(enum log_level level, const char *format, ...) {
    va_list values;
    va_start(values, format);
    write_caused(level, format, values);
    va_end(values);
}

static enum burst_answer take_of(const char *who, unsigned *left_out) {
    static struct bursts causers;
    return burst_take(bursts_of(&causers, who), LOG_CAUSED_MOST_BY, BURST_MINUTE, clock_monotonic_us(),
                      left_out);
}

enum burst_answer log_caused_by(const char *who, enum log_level level, const char *format, ...) {
    char text[900];
    unsigned left_out;
    enum burst_answer answer = take_of(who, &left_out);
    if (answer == BURST_NONE)
        return answer;
    tell_left_out(who, left_out);
    va_list values;
    va_start(values, format);
    vsnprintf(text, sizeof text, format, values);
    va_end(values);
    log_write(level, "%s", text);
    if (answer == BURST_LAST)
        tell_last(who, LOG_CAUSED_MOST_BY);
    return answer;
}

void log_caused_by_stranger(const char *who, enum log_level level, const char *format, ...) {
    unsigned left_out;
    enum burst_answer answer = take_of(who, &left_out);
    if (answer == BURST_NONE)
        return;
    if (left_out)
        log_caused(LOG_LEVEL_WARNING, "%s: %u lines were left out in a minute", who, left_out);
    va_list values;
    va_start(values, format);
    write_caused(level, format, values);
    va_end(values);
    if (answer == BURST_LAST)
        log_caused(LOG_LEVEL_WARNING, "%s: %u lines in a minute, the next are left out", who,
                   LOG_CAUSED_MOST_BY);
}
