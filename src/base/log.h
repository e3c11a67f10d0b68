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

/* To be called once, before other processes are forked: are lines for systemd's journal (JOURNAL_STREAM,
 * systemd.exec(5)), or for a person or file? */
void log_find_journal(void);

/* A line that can't be written (base/log_out.h) is lost; the next one that can is preceded by one that says
 * how many were. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...)   log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_notice(...)  log_write(LOG_LEVEL_NOTICE, __VA_ARGS__)
#define log_info(...)    log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...)   log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

/*
 * Lines that others cause, who may cause as many as they like. Strangers may be any number: together they get
 * LOG_CAUSED_MOST lines a minute of a process, and each of them, where he is known by something,
 * LOG_CAUSED_MOST_BY. A peer or a user has LOG_CAUSED_MOST_BY of his own, which nobody else can use up. Of
 * these, what is only information (associations that come and go) takes LOG_CAUSED_ROUTINE at most: however
 * much of it there is, room is left for what went wrong. The last line of a minute says that the next are
 * left out, and when the minute is over a line says how many were.
 */
#define LOG_CAUSED_MOST    100
#define LOG_CAUSED_MOST_BY 30
#define LOG_CAUSED_ROUTINE 20

#define LOG_CAUSER_SIZE 80

/* One who causes lines. It stands where he does (in the struct of the peer, say), so that no other one takes
 * its place; all zero at first, then log_causer_name. Before its memory goes: log_causer_forget. */
struct log_causer {
    char who[LOG_CAUSER_SIZE]; /* `peer=NAME`, `uid=NUMBER` or the like; cut where it is longer */
    struct burst burst;
    bool owes; /* lines of his were left out, which is to be told */
    struct log_causer *next;
};

/* Those who come and go, by name; all zero at first. One whose minute is over gives his place to another; who
 * finds none shares `others` with all who found none, so that many names get nobody more lines, and cost
 * nobody his count. */
#define LOG_CAUSERS 64

struct log_causers {
    struct log_causer places[LOG_CAUSERS];
    struct log_causer others;
};

/* Two names, the second of which may be absent (NULL), are one: `peer=`, NAME. */
void log_causer_name(struct log_causer *causer, const char *kind, const char *name);

/* His own, or `others`. */
struct log_causer *log_causer_of(struct log_causers *causers, const char *who);

/* Tells whether the line was written, and was the last for a while. The line does not get the causer's name
 * by itself. */
enum burst_answer log_caused_by(struct log_causer *causer, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Of a user of this machine, by `uid=NUMBER`; users have places among themselves. */
enum burst_answer log_caused_by_user(const char *who, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells what was left out of his, if anything. */
void log_causer_forget(struct log_causer *causer);

/* Of strangers, who have no place of their own. */
void log_caused(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* The line comes out of both budgets, that of `who` (a network) and that of all strangers. */
void log_caused_by_stranger(const char *who, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Tells how many lines were left out of whose minute is over, and how many were lost; to be called every now
 * and then. Whoever causes the next line has it told, too. */
void log_tell_left_out(void);

#define LOG_TEXT_SIZE 129

/* `s` as printable text, UTF-8: control characters, a backslash and octets of no character as \xHH, cut
 * between characters at 128 octets. Returns `out`. */
const char *log_text(struct span s, char out[static LOG_TEXT_SIZE]);

#endif
