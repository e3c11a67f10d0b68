#include "mhs/pages.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "mhs/daemon.h"
#include "mhs/output.h"

/* Rows of a page: an answer has to fit into a frame. */
#define PAGE 200

bool pages_number(const struct command_usage *usage, const char *option, const char *text, int64_t *value) {
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    *value = number;
    if (errno == 0 && *text >= '0' && *text <= '9' && !*end && number > 0)
        return true;
    command_usage_error(usage, "--%s: '%s' is not a whole number above 0", option, text);
    return false;
}

static enum command_status ask_request(void *context, int64_t most, int64_t after, json_t **answer) {
    json_t *page = json_deep_copy(context);
    json_object_set_new(page, "limit", json_integer(most));
    if (after)
        json_object_set_new(page, "after", json_integer(after));
    return daemon_request(page, answer);
}

static void show_rows(const struct pages *pages, json_t *rows, struct out_widths *widths) {
    if (pages->complete)
        pages->complete(pages->context, rows);
    if (command_settings.json)
        out_stream_rows(rows);
    else if (json_array_size(rows) > 0)
        out_table_part(rows, pages->columns, widths);
    fflush(stdout);
}

static void show_end(const struct pages *pages, int64_t shown, int64_t cursor) {
    if (command_settings.json)
        out_stream_end(json_pack("{s:o}", "cursor", cursor ? json_integer(cursor) : json_null()));
    else if (shown == 0)
        printf("%s\n", pages->none);
    else if (cursor)
        printf("There are more: go on with %s %" PRId64 ".\n", pages->more, cursor);
}

enum command_status pages_show_by(const struct pages *pages, pages_ask *ask, void *context) {
    enum command_status status = COMMAND_OK;
    struct out_widths widths = {0};
    int64_t cursor = pages->after, shown = 0;
    bool begun = false;
    do {
        json_t *answer;
        int64_t most = pages->limit && pages->limit - shown < PAGE ? pages->limit - shown : PAGE;
        status = ask(context, most, cursor, &answer);
        if (status != COMMAND_OK)
            break;
        if (!begun && command_settings.json)
            out_stream_begin(pages->array);
        begun = true;
        json_t *rows = json_object_get(answer, pages->array);
        show_rows(pages, rows, &widths);
        shown += (int64_t)json_array_size(rows);
        cursor = out_integer(answer, "cursor");
        json_decref(answer);
    } while (cursor && (!pages->limit || shown < pages->limit) && !ferror(stdout));
    if (status == COMMAND_OK)
        show_end(pages, shown, cursor);
    return status;
}

enum command_status pages_show(json_t *request, const struct pages *pages) {
    enum command_status status = pages_show_by(pages, ask_request, request);
    json_decref(request);
    return status;
}
