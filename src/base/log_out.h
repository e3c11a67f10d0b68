/*
 * Where the lines of the log go: standard error, which may be a file, a terminal, systemd's journal or a pipe
 * whose reader stands still. A process that serves waits for no reader for long.
 */
#ifndef BASE_LOG_OUT_H
#define BASE_LOG_OUT_H

#include <stdbool.h>
#include <stddef.h>

/* Makes writing to a pipe or terminal fail where it would wait, for this process and those that inherit
 * standard error from it, and for nobody else who has it. Where that may not be done, as another user made
 * the pipe, log_out does what it can. */
void log_out_take(void);

/* Writes a line as one, so that lines of several processes do not mix; at most PIPE_BUF octets. A reader that
 * is slow is waited for, but no longer than half a second of each ten in all. False: the line is lost. */
bool log_out(const char *line, size_t len);

#endif
