/*
 * The local socket while no process serves it, for the store process is starting or can't start: whoever
 * calls there would wait without a word. After a moment, in which most starts are done, he is told so at
 * once.
 */
#ifndef MHSD_ABSENCE_H
#define MHSD_ABSENCE_H

#include <stddef.h>

struct absence;
struct event_base;

/* Writes why nobody serves now, into `text`. */
typedef void absence_cause(const void *context, char *text, size_t size);

/* `listener` is the local socket, which does not block, and stays the caller's. NULL without memory; the
 * others take that for one that does nothing. */
struct absence *absence_new(struct event_base *loop, int listener, absence_cause *cause, const void *context);
void absence_free(struct absence *absence);

/* Another listener has taken the place of that; who called the one before and was not answered waits at
 * `former` (sockets.h, -1: nobody). Before it begins. */
void absence_move(struct absence *absence, int listener, int former);

/* Nobody serves from now on. Again before the end: it goes on as it was. */
void absence_begin(struct absence *absence);

/* A process is about to serve, or the daemon stops: who has not been answered yet waits for that. */
void absence_end(struct absence *absence);

#endif
