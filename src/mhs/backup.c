#include "mhs/backup.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/log.h"
#include "mhs/daemon.h"
#include "mhs/output.h"
#include "mhs/progress.h"
#include "store/backup.h"
#include "store/check.h"
#include "store/place.h"
#include "store/store.h"

#define DEFAULT_STORE "/var/lib/chasqui"

#define STORE_OPTION                                                                                         \
    { 's', "store", "FOLDER", "the store, where no daemon runs (default " DEFAULT_STORE ")" }

static const struct command_option backup_options[] = {STORE_OPTION, {0}};
static const struct command_option restore_options[] = {
    STORE_OPTION, {'f', "force", NULL, "replace the store that is there, and keep it aside"}, {0}};

struct line {
    const char *folder; /* the copy's */
    const char *store;  /* NULL: not said */
    bool force;
    bool begun; /* progress */
};

/* A copy is files in a folder; a store may be a database, which then says how it is copied. */
static int check_places(const struct command_usage *usage, const struct line *line) {
    struct error err = {0};
    if (!store_is_place(line->folder, &err) || (line->store && !store_is_place(line->store, &err)))
        return command_usage_error(usage, "%s", err.text);
    if (!store_is_folder(line->folder))
        return command_usage_error(
            usage, "a copy is a folder, and no database; 'mhs store move' moves a store into one, or out "
                   "of it");
    return COMMAND_OK;
}

/* False: return `*status`. */
static bool read_line(const struct command_usage *usage, int argc, char **argv, struct line *read,
                      int *status) {
    struct command_line line;
    const char *value;
    int id;
    command_line_init(&line, usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        if (id == 's')
            read->store = value;
        else
            read->force = true;
    *status = line.status;
    if (id == COMMAND_LINE_STOP)
        return false;
    read->folder = command_line_operand(&line);
    if (read->folder && !command_line_operand(&line)) {
        *status = check_places(usage, read);
        return *status == COMMAND_OK;
    }
    *status = command_usage_error(usage, "give the one FOLDER of the copy");
    return false;
}

static void show_progress(void *context, uint64_t done, uint64_t total) {
    struct line *line = context;
    if (!line->begun)
        progress_begin("copied", total);
    line->begun = true;
    progress_at(done);
}

/* A refusal is no failure: a daemon has the store, it was moved away, a folder is not empty, a server copies
 * by its own means. */
static int fail(const struct error *err) {
    bool refused = err->code == STORE_IN_USE || err->code == STORE_LOCKED || err->code == STORE_BAD_REQUEST ||
                   err->code == STORE_CORRUPT || err->code == STORE_MOVED;
    return command_fail(refused ? COMMAND_NO : COMMAND_FAILED, "%s: %s",
                        store_code_text((enum store_code)err->code), err->text);
}

static void note_fault(void *context, const struct store_finding *finding) {
    (void)context;
    if (finding->step) {
        progress_step(finding->step->what, finding->step->done, finding->step->total);
        return;
    }
    progress_hide();
    fputs("mhs: ", stderr);
    out_untrusted(stderr, finding->text, strlen(finding->text));
    fputc('\n', stderr);
}

/* Only mhsd and a restore understand it: what it became is checked then. */
static bool is_older(const char *folder) {
    static const struct store_options reader = {.read_only = true};
    struct error err = {0};
    struct store *store = store_open(folder, &reader, &err);
    store_close(store);
    return !store && err.code == STORE_VERSION && store_examine(folder, &err);
}

/* Is the copy sound? */
static int verify(const char *folder) {
    struct error err = {0};
    uint64_t findings = 0;
    bool checked = store_check(folder, true, note_fault, NULL, &findings, &err);
    progress_end();
    if (!checked)
        return fail(&err);
    return findings == 0
               ? COMMAND_OK
               : command_fail(COMMAND_NO, "%s: %llu findings; 'mhs store check' names what they concern",
                              folder, (unsigned long long)findings);
}

/* `text` is printed, without JSON; the store as it is found from anywhere, for it may not be the one meant.
 */
static int tell_done(const char *store, const char *folder, const char *text) {
    if (command_settings.json) {
        json_t *answer = json_pack("{s:s, s:s, s:b}", "store", store, "copy", folder, "checked", 1);
        out_json(answer);
        json_decref(answer);
    } else {
        out_line(text);
        putchar('\n');
    }
    return COMMAND_OK;
}

static int tell_copied(const char *store, const char *folder) {
    char text[9000];
    snprintf(text, sizeof text, "%s: the store at %s was copied to it; every invariant holds", folder, store);
    return tell_done(store, folder, text);
}

static int tell_restored(const char *place, const char *folder, bool replaced, bool older) {
    char text[20000], *store = store_full_place(place);
    if (!store)
        return command_fail(COMMAND_FAILED, "no memory");
    int end = snprintf(text, sizeof text, "%s: %s the copy in %s%s; every invariant holds", store,
                       replaced ? "the store was restored from" : "a new store was made from", folder,
                       older ? ", and brought to this version's schema" : "");
    if (replaced && end < (int)sizeof text)
        snprintf(text + end, sizeof text - (size_t)end, "; what was there is kept in %s/replaced", store);
    int status = tell_done(store, folder, text);
    mem_free(store);
    return status;
}

static int copy(struct line *line, const char *store, bool alone) {
    struct error err = {0};
    bool done = store_backup(store, line->folder, alone, show_progress, line, &err);
    progress_end();
    return done ? COMMAND_OK : fail(&err);
}

/* The daemon keeps what the copy needs, and says where its store is. */
static int copy_while_serving(struct line *line, char **store) {
    json_t *answer;
    int status = daemon_request(json_pack("{s:s}", "operation", "backup-begin"), &answer);
    if (status != COMMAND_OK)
        return status;
    *store = strdup(out_text(answer, "store"));
    json_decref(answer);
    status = *store ? copy(line, *store, false) : command_fail(COMMAND_FAILED, "no memory");
    int ended = daemon_request(json_pack("{s:s}", "operation", "backup-end"), &answer);
    json_decref(answer);
    return status == COMMAND_OK ? ended : status;
}

int backup_command(int argc, char **argv) {
    static const struct command_usage usage = {
        "store backup", "FOLDER", "Copies the store into the new folder FOLDER, and checks the copy.",
        "The daemon goes on serving. Where none runs, say --store. It needs the rights of root\n"
        "or of the user that the daemon runs as. docs/guide-backup.md tells the whole.",
        backup_options};
    struct line line = {0};
    char *served = NULL;
    int status;
    if (!read_line(&usage, argc, argv, &line, &status))
        return status;
    status = line.store ? copy(&line, line.store, true) : copy_while_serving(&line, &served);
    if (status == COMMAND_OK)
        status = verify(line.folder);
    if (status == COMMAND_OK)
        status = tell_copied(line.store ? line.store : served, line.folder);
    free(served);
    return status;
}

int restore_command(int argc, char **argv) {
    static const struct command_usage usage = {
        "store restore", "FOLDER", "Makes the store from the copy in FOLDER, which 'mhs store backup' made.",
        "The daemon must be stopped. A store that is there is replaced with --force only, and\n"
        "kept in its folder under the name 'replaced'. docs/guide-backup.md tells the whole.",
        restore_options};
    struct line line = {.store = DEFAULT_STORE};
    struct error err = {0};
    int status;
    if (!read_line(&usage, argc, argv, &line, &status))
        return status;
    /* What can't be restored into says so before the copy is read. */
    bool older = store_is_folder(line.store) && is_older(line.folder);
    if (store_is_folder(line.store) && !older && (status = verify(line.folder)) != COMMAND_OK)
        return status;
    log_set_level(LOG_LEVEL_WARNING);
    bool replaced = store_is_folder(line.store) && store_is_there(line.store, &err);
    err = (struct error){0};
    bool done = store_restore(line.folder, line.store, line.force, show_progress, &line, &err);
    progress_end();
    if (!done || (older && (status = verify(line.store)) != COMMAND_OK))
        return done ? status : fail(&err);
    return tell_restored(line.store, line.folder, replaced, older);
}
