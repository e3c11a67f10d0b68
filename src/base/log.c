#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"

static const char *const level_names[] = {"error", "warning", "notice", "info", "debug"};
static const char *process_name = "chasqui";
static enum log_level max_level = LOG_LEVEL_INFO;

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

void log_write(enum log_level level, const char *format, ...) {
    if (level > max_level)
        return;
    char line[1024];
    char now[21];
    int head = snprintf(line, sizeof line, "%s %s[%d] %s: ", clock_format(clock_now_us() / 1000000, now),
                        process_name, (int)getpid(), level_names[level]);
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
