/* Lists of any length: asked for in pages and shown as they come, in text and in JSON. */
#ifndef MHS_PAGES_H
#define MHS_PAGES_H

#include <jansson.h>

#include "mhs/command.h"
#include "mhs/table.h"

struct pages {
    const char *array;                /* the answer's member that holds the rows */
    const struct out_column *columns; /* of the text's table */
    const char *none;                 /* what is said, in text, when there is no row */
    const char *more;                 /* the option that goes on after the last row, for the hint */
    int64_t limit;                    /* most rows shown; 0: all */
    int64_t after;                    /* the cursor to begin after; 0: at the beginning */
    /* Completes the rows of a page before they are shown, or takes some out; may be NULL. */
    void (*complete)(void *context, json_t *rows);
    void *context;
};

/* Asks for a page of at most `most` rows after the cursor `after` (0: the first): `*answer` is an object with
 * the rows under the array's name and the next cursor, for the caller to free. */
typedef enum command_status pages_ask(void *context, int64_t most, int64_t after, json_t **answer);

/* Asks as often as there are pages. Returns the exit code. */
enum command_status pages_show_by(const struct pages *pages, pages_ask *ask, void *context);

/* Sends `request` (consumed; without limit and after) as often as there are pages. Returns the exit code. */
enum command_status pages_show(json_t *request, const struct pages *pages);

/* Reads the value of an option that is a whole number above 0. False: it is none, and that was said. */
bool pages_number(const struct command_usage *usage, const char *option, const char *text, int64_t *value);

#endif
