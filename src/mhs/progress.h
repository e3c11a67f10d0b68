/* How far long work has come, on standard error when that is a terminal: nothing for what is done in a
 * second. */
#ifndef MHS_PROGRESS_H
#define MHS_PROGRESS_H

#include <stdint.h>

/* Begins work on `total` octets (0: not known; without octets done, the seconds are shown), under a short
 * name ("sending"). */
void progress_begin(const char *what, uint64_t total);

/* So many octets are done in all. */
void progress_at(uint64_t done);

/* Of work in several steps, each with another `what`: begins it where it is new, and says how far it is. */
void progress_step(const char *what, uint64_t done, uint64_t total);

/* Takes the line away for what is printed meanwhile; it comes again. */
void progress_hide(void);

/* Clears the line. */
void progress_end(void);

#endif
