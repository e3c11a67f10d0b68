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
 * Lines that people outside cause, who may cause as many as they like: a process
 * writes LOG_CAUSED_MOST of them a minute. The first line of a later minute tells
 * how many were left out.
 */
#define LOG_CAUSED_MOST 100

struct log_budget {
    int64_t since; /* monotonic µs */
    unsigned lines, left_out;
};

/* True: a line may be written; `*left_out` gets how many were left out in the minute before. */
bool log_budget_take(struct log_budget *budget, int64_t now, unsigned *left_out);

/* Writes a line out of the process's budget. */
void log_caused(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define LOG_TEXT_SIZE 129

/* `s` as printable text, octets outside 0x20..0x7E as \xHH, cut at 128 characters. Returns `out`. */
const char *log_text(struct span s, char out[static LOG_TEXT_SIZE]);

#endif
