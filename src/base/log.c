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

#define MINUTE ((int64_t)60 * 1000000)

bool log_budget_take(struct log_budget *budget, int64_t now, unsigned *left_out) {
    *left_out = 0;
    if (!budget->since || now - budget->since >= MINUTE) {
        *left_out = budget->left_out;
        *budget = (struct log_budget){.since = now};
    }
    if (budget->lines < LOG_CAUSED_MOST) {
        budget->lines++;
        return true;
    }
    budget->left_out++;
    return false;
}

void log_caused(enum log_level level, const char *format, ...) {
    static struct log_budget budget;
    char text[600];
    unsigned left_out;
    if (!log_budget_take(&budget, clock_monotonic_us(), &left_out))
        return;
    if (left_out)
        log_warning("%u lines that others caused were left out in a minute", left_out);
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    log_write(level, "%s", text);
    if (budget.lines == LOG_CAUSED_MOST)
        log_warning("others have caused %d lines in a minute: the next are left out", LOG_CAUSED_MOST);
}
