/*
 * The log: one line an event, to standard error, for systemd or a person:
 *   2026-11-22T05:17:00Z net[812] warning: peer=BETA association refused: ...
 * systemd's journal, which keeps the time itself, gets the severity in its own
 * form instead (sd-daemon(3)):
 *   <4>net[812] warning: peer=BETA association refused: ...
 * Values that strangers sent are passed through log_text, which makes them
 * printable and bounded.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/burst.h"
#include "base/span.h"

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_NOTICE, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

/* The name that stands in each line; a static string. */
void log_set_process(const char *name);

/* Lines above this level are not written. Default: LOG_LEVEL_INFO. */
void log_set_level(enum log_level level);

/* Reads a level's name (`error` to `debug`); false if it is none. */
bool log_level_parse(const char *name, enum log_level *level);

/* To be called once, before other processes are forked: are lines for systemd's journal (JOURNAL_STREAM,
 * systemd.exec(5)), or for a person or file? */
void log_find_journal(void);

void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Lines that others cause, who may cause as many as they like. Strangers may be any number: together they get
 * LOG_CAUSED_MOST lines a minute of a process, and each of them, where he is known by something,
 * LOG_CAUSED_MOST_BY. A peer or a user has LOG_CAUSED_MOST_BY of his own, which nobody else can use up. The
 * last line of a minute says that the next are left out, the first of a later one how many were.
 */
#define LOG_CAUSED_MOST    100
#define LOG_CAUSED_MOST_BY 30

void log_caused(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `who` is `peer=NAME`, `uid=NUMBER` or the like, as in the line. Tells whether the line was written, and was
 * the last for a while. */
enum burst_answer log_caused_by(const char *who, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The line comes out of both budgets. */
void log_caused_by_stranger(const char *who, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

#define LOG_TEXT_SIZE 129

/* `s` as printable text, octets outside 0x20..0x7E as \xHH, cut at 128 characters. Returns `out`. */
const char *log_text(struct span s, char out[static LOG_TEXT_SIZE]);

#endif
