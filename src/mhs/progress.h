/* How far long work has come, on standard error when that is a terminal: nothing for what is done in a
 * second. */
#ifndef MHS_PROGRESS_H
#define MHS_PROGRESS_H

#include <stdint.h>

/* Begins work on `total` octets (0: not known), under a short name ("sending"). */
void progress_begin(const char *what, uint64_t total);

/* So many octets are done in all. */
void progress_at(uint64_t done);

/* Clears the line. */
void progress_end(void);

#endif
