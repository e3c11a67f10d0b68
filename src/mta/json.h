/* Values of answers. */
#ifndef MTA_JSON_H
#define MTA_JSON_H

#include <jansson.h>
#include <stdint.h>

#include "base/span.h"

/* RFC 3339 in UTC; null for what is no time. */
json_t *json_time(int64_t seconds);
/* A text of a bounded length, made of others: a character that was cut is left out. */
json_t *json_whole(const char *text);
/* Octets that are no UTF-8 are shown as in the log; null for the absent span. */
json_t *json_text(struct span text);

#endif
