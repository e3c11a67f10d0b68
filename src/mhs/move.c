#include "mhs/move.h"

#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "mhs/output.h"
#include "mhs/progress.h"
#include "store/move.h"
#include "store/place.h"
#include "store/store.h"

static const struct command_option options[] = {
    {'r', "replace", NULL, "remove a store at TO that was moved away"},
    {'t', "take-back", NULL, "TO is lost: make FROM the store again, as it was"},
    {'f', "force", NULL, "with --take-back: also while TO is there, or can't be\nlooked at"},
    {0}};

static const struct command_usage usage = {
    "store move", "FROM TO", "Moves the store at FROM to TO: a folder, or a postgresql:// URI.",
    "The daemon must be stopped, and TO empty. All is copied; the copy is checked,\n"
    "read again and compared. Then FROM is refused, and TO is the store. Whatever\n"
    "breaks it off, run it again. docs/guide-backup.md tells the whole.",
    options};

struct line {
    const char *from, *to;
    bool replace, take_back, force;
};

/* One folder in two spellings is the same too. */
static bool is_same(const char *from, const char *to) {
    struct stat one, other;
    return strcmp(from, to) == 0 || (stat(from, &one) == 0 && stat(to, &other) == 0 &&
                                     one.st_dev == other.st_dev && one.st_ino == other.st_ino);
}

static int check_line(const struct line *read) {
    struct error err = {0};
    if (is_same(read->from, read->to))
        return command_usage_error(&usage, "FROM and TO are the same");
    if (!store_is_place(read->from, &err) || !store_is_place(read->to, &err))
        return command_usage_error(&usage, "%s", err.text);
    if (read->take_back ? read->replace : read->force)
        return command_usage_error(&usage, "--force goes with --take-back, and --replace without");
    return COMMAND_OK;
}

/* False: return `*status`. */
static bool read_line(int argc, char **argv, struct line *read, int *status) {
    struct command_line line;
    const char *value;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        *(id == 'r' ? &read->replace : id == 't' ? &read->take_back : &read->force) = true;
    *status = line.status;
    if (id == COMMAND_LINE_STOP)
        return false;
    read->from = command_line_operand(&line);
    read->to = read->from ? command_line_operand(&line) : NULL;
    if (read->to && !command_line_operand(&line)) {
        *status = check_line(read);
        return *status == COMMAND_OK;
    }
    *status = command_usage_error(&usage, "give the place FROM which and that TO which it is moved");
    return false;
}

/* Each of what is done begins anew. */
static void show_progress(void *context, const char *what, uint64_t done, uint64_t total) {
    (void)context;
    progress_step(what, done, total);
}

static int fail(const struct error *err) {
    bool refused = err->code == STORE_IN_USE || err->code == STORE_LOCKED || err->code == STORE_MOVED ||
                   err->code == STORE_CORRUPT || err->code == STORE_BAD_REQUEST;
    return command_fail(refused ? COMMAND_NO : COMMAND_FAILED, "%s: %s",
                        store_code_text((enum store_code)err->code), err->text);
}

static void print_moved(const char *from, const char *to, const struct store_moved *moved) {
    char size[16];
    printf(
        "%llu messages (%s), %llu copies in the queue, %llu entries of %llu mailboxes and %llu events were "
        "moved\n",
        (unsigned long long)moved->messages, out_size(moved->octets, size), (unsigned long long)moved->copies,
        (unsigned long long)moved->entries, (unsigned long long)moved->mailboxes,
        (unsigned long long)moved->events);
    printf("%s is refused from now on: let 'store' in the configuration name %s\n", from, to);
}

static json_t *moved_json(const char *from, const char *to, const struct store_moved *moved) {
    return json_pack("{s:s, s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "from", from, "to", to,
                     "messages", (json_int_t)moved->messages, "octets", (json_int_t)moved->octets, "copies",
                     (json_int_t)moved->copies, "entries", (json_int_t)moved->entries, "mailboxes",
                     (json_int_t)moved->mailboxes, "activities", (json_int_t)moved->activities, "outcomes",
                     (json_int_t)moved->outcomes, "repeat-keys", (json_int_t)moved->repeats, "records",
                     (json_int_t)moved->records, "events", (json_int_t)moved->events);
}

/* Without passwords. */
static void tell(const struct line *line, const struct store_moved *moved) {
    char *from = store_full_place(line->from), *to = store_full_place(line->to);
    if (from && to && command_settings.json) {
        json_t *answer = moved_json(from, to, moved);
        out_json(answer);
        json_decref(answer);
    } else if (from && to)
        print_moved(from, to, moved);
    mem_free(from);
    mem_free(to);
}

/* ---- --take-back ---- */

static void print_taken(const char *from, const char *to, const struct store_taken_back *taken) {
    printf("%s is the store again, as it was when it was moved: what came since is not there, and what left "
           "since may leave again\n",
           from);
    if (taken->marked)
        printf("%s is refused from now on\n", to);
    else
        printf("WARNING: %s could not be told so (%s): should it ever come back, remove it before a daemon "
               "is started with it, or both are served, and mail is lost and comes twice\n",
               to, taken->unmarked.text);
}

static int take_back(const struct line *line) {
    struct store_taken_back taken;
    struct error err = {0};
    if (!store_take_back(line->from, line->to, line->force, &taken, &err))
        return fail(&err);
    char *from = store_full_place(line->from), *to = store_full_place(line->to);
    if (from && to && command_settings.json) {
        json_t *answer = json_pack("{s:s, s:s, s:b, s:o}", "from", from, "to", to, "to-refused", taken.marked,
                                   "reason", taken.marked ? json_null() : json_string(taken.unmarked.text));
        out_json(answer);
        json_decref(answer);
    } else if (from && to)
        print_taken(from, to, &taken);
    mem_free(from);
    mem_free(to);
    return COMMAND_OK;
}

int move_command(int argc, char **argv) {
    struct line line = {0};
    struct store_moved moved;
    struct error err = {0};
    int status;
    if (!read_line(argc, argv, &line, &status))
        return status;
    if (line.take_back)
        return take_back(&line);
    bool done = store_move(line.from, line.to, line.replace, show_progress, NULL, &moved, &err);
    progress_end();
    if (!done)
        return fail(&err);
    tell(&line, &moved);
    return COMMAND_OK;
}
