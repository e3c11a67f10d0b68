/* `mhs queue show`: all that is known of one copy. */
#ifndef MHS_QUEUE_SHOW_H
#define MHS_QUEUE_SHOW_H

#include <jansson.h>

/* Reads the ID of a copy; 0 when it is none. */
json_int_t queue_id(const char *text);

int queue_show(int argc, char **argv);

#endif
