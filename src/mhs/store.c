/* `mhs store check` and `mhs store repair`: the store's invariants, on the files themselves, without the
 * daemon. */
#include <jansson.h>

#include "base/alloc.h"
#include "base/arena.h"
#include "mhs/backup.h"
#include "mhs/command.h"
#include "mhs/commands.h"
#include "mhs/move.h"
#include "mhs/output.h"
#include "mhs/progress.h"
#include "mts/row.h"
#include "mts/summary.h"
#include "store/check.h"
#include "store/place.h"
#include "store/store.h"

/* To decode one envelope. */
#define LOST_MEMORY ((size_t)64 * 1024 * 1024)

struct told {
    json_t *findings, *lost, *notes; /* with --json */
    struct arena arena;
};

/* ---- what loses its content ---- */

static json_t *text_or_null(struct span text) {
    return text.len ? json_stringn_nocheck((const char *)text.data, text.len) : json_null();
}

static json_t *recipients_of(const struct store_lost *lost, const struct row *row, struct arena *arena) {
    struct mts_stored stored = {.kind = row->kind, .octets = lost->envelope, .plan = row->plan};
    struct mts_recipient *recipients;
    size_t count;
    json_t *names = json_array();
    if (lost->work && row->kind != MTS_REPORT && mts_recipients(&stored, arena, &recipients, &count))
        for (size_t i = 0; i < count; i++)
            json_array_append_new(names, text_or_null(recipients[i].name));
    return names;
}

/* What becomes of it: repair keeps all but the content. */
static const char *fate_of(const struct store_lost *lost, enum mts_kind kind) {
    return !lost->work          ? "the entry stays, without content"
           : kind == MTS_REPORT ? "goes on at the daemon's next start, without what it returned"
                                : "is non-delivered at the daemon's next start";
}

/* An envelope that can't be decoded names nothing. */
static json_t *lost_json(const struct store_lost *lost, struct arena *arena) {
    struct row row = {.kind = MTS_MESSAGE};
    struct delivered delivered;
    struct summary summary = {0};
    if (!lost->work && delivered_read(lost->data, &delivered))
        row.kind = delivered.kind;
    if ((!lost->work || row_read(lost->data, &row)) && row.kind >= MTS_MESSAGE && row.kind <= MTS_REPORT &&
        !summary_of(row.kind, lost->envelope, arena, &summary))
        summary = (struct summary){0};
    json_t *entry = json_pack("{s:s, s:I, s:o, s:o, s:o, s:s}", "kind", summary_kind(row.kind), "message",
                              (json_int_t)lost->message, "mts-identifier", text_or_null(summary.identifier),
                              "originator", text_or_null(summary.originator), "recipients",
                              recipients_of(lost, &row, arena), "fate", fate_of(lost, row.kind));
    if (lost->work) {
        json_object_set_new(entry, "id", json_integer((json_int_t)lost->work));
        json_object_set_new(entry, "next-hop", text_or_null(lost->place));
    } else {
        json_object_set_new(entry, "mailbox", text_or_null(lost->place));
        json_object_set_new(entry, "entry", json_integer((json_int_t)lost->sequence));
    }
    return entry;
}

static void print_part(const char *before, const char *text) {
    fputs(before, stdout);
    out_line(text);
}

static void print_lost(const json_t *entry) {
    const json_t *name;
    size_t i;
    print_part("  ", out_text(entry, "kind"));
    print_part(" ", out_text(entry, "mts-identifier"));
    print_part(" from ", out_text(entry, "originator"));
    json_array_foreach(json_object_get(entry, "recipients"), i, name)
        print_part(i ? ", " : " for ", json_string_value(name) ? json_string_value(name) : "-");
    if (json_object_get(entry, "id"))
        printf(": copy %lld", (long long)out_integer(entry, "id"));
    else {
        print_part(" in the mailbox of ", out_text(entry, "mailbox"));
        printf(": entry %lld", (long long)out_integer(entry, "entry"));
    }
    print_part(": ", out_text(entry, "fate"));
    putchar('\n');
}

static void note_lost(struct told *told, const struct store_lost *lost) {
    arena_reset(&told->arena);
    json_t *entry = lost_json(lost, &told->arena);
    if (command_settings.json)
        json_array_append(told->lost, entry);
    else
        print_lost(entry);
    json_decref(entry);
}

/* ---- findings ---- */

/* With --json the findings are collected, else each is printed as it comes. */
static void note_finding(void *context, const struct store_finding *finding) {
    struct told *told = context;
    if (finding->step) {
        progress_step(finding->step->what, finding->step->done, finding->step->total);
        return;
    }
    progress_hide();
    if (finding->lost) {
        note_lost(told, finding->lost);
        return;
    }
    if (finding->note && command_settings.json) {
        json_array_append_new(told->notes, json_string(finding->text));
        return;
    }
    if (command_settings.json) {
        json_array_append_new(told->findings,
                              json_pack("{s:i, s:b, s:s}", "invariant", finding->invariant, "repaired",
                                        finding->repaired, "text", finding->text));
        return;
    }
    if (finding->note)
        printf("note: %s\n", finding->text);
    else if (finding->invariant)
        printf("I%d: %s\n", finding->invariant, finding->text);
    else
        printf("database: %s\n", finding->text);
}

/* A store that was moved away may be sound, and is not to be relied on. What can't be opened here was told by
 * the check. */
static bool is_out_of_date(const char *place, struct error *err) {
    static const struct store_options reader = {.read_only = true};
    struct store *store = store_open(place, &reader, err);
    store_close(store);
    return !store && err->code == STORE_MOVED;
}

static int finish(const char *place, const char *shown, bool repair, uint64_t findings,
                  const struct told *told) {
    struct error moved = {0};
    bool old = is_out_of_date(place, &moved);
    if (command_settings.json) {
        if (old)
            json_array_append_new(told->notes, json_string(moved.text));
        json_t *answer = json_pack("{s:s, s:I, s:O, s:O, s:O}", "store", shown, "count", (json_int_t)findings,
                                   "findings", told->findings, "lost", told->lost, "notes", told->notes);
        out_json(answer);
        json_decref(answer);
        return findings ? COMMAND_NO : COMMAND_OK;
    }
    if (!findings)
        printf(old ? "%s: every invariant holds, but it is not the store any more\n"
                   : "%s: every invariant holds\n",
               shown);
    else
        printf("%s: %llu finding%s%s\n", shown, (unsigned long long)findings, findings == 1 ? "" : "s",
               repair ? "" : "; nothing was changed");
    if (old)
        printf("%s\n", moved.text);
    return findings ? COMMAND_NO : COMMAND_OK;
}

static int run(const char *place, bool repair, bool quick) {
    struct error err = {0};
    uint64_t findings = 0;
    struct told told = {.findings = json_array(), .lost = json_array(), .notes = json_array()};
    arena_init(&told.arena, LOST_MEMORY);
    bool ok = repair ? store_repair(place, note_finding, &told, &findings, &err)
                     : store_check(place, !quick, note_finding, &told, &findings, &err);
    progress_end();
    char *shown = store_public_place(place); /* without a password that stands in it */
    int status =
        ok ? finish(place, shown ? shown : "the store", repair, findings, &told)
           : command_fail(COMMAND_FAILED, "%s: %s", store_code_text((enum store_code)err.code), err.text);
    mem_free(shown);
    json_decref(told.findings);
    json_decref(told.lost);
    json_decref(told.notes);
    arena_free(&told.arena);
    return status;
}

static int store_inspect(bool repair, int argc, char **argv) {
    static const struct command_option options[] = {
        {'q', "quick", NULL, "leave out what reads all contents and all events"}, {0}};
    static const struct command_usage usages[] = {
        {"store check", "PLACE", "Verifies the store at PLACE: a folder, or a postgresql:// URI.",
         "It changes nothing and may run beside the daemon; its exit code is 1 when an\ninvariant does not "
         "hold.",
         options},
        {"store repair", "PLACE",
         "Puts right what can be in the store at PLACE: a folder, or a postgresql:// URI.",
         "It needs the daemon stopped, and says for each finding what it did. Make a backup\n"
         "first: what lost its content is named, and non-delivered at the daemon's next start.",
         NULL}};
    struct command_line line;
    const char *value, *place;
    struct error err = {0};
    bool quick = false;
    int id;
    command_line_init(&line, &usages[repair], argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        quick = true;
    if (id == COMMAND_LINE_STOP)
        return line.status;
    place = command_line_operand(&line);
    if (!place || command_line_operand(&line))
        return command_usage_error(&usages[repair],
                                   "give the store's place, as 'store' of the configuration names it");
    if (!store_is_place(place, &err))
        return command_usage_error(&usages[repair], "%s", err.text);
    return run(place, repair, quick);
}

static int store_check_command(int argc, char **argv) {
    return store_inspect(false, argc, argv);
}

static int store_repair_command(int argc, char **argv) {
    return store_inspect(true, argc, argv);
}

int cmd_store(int argc, char **argv) {
    static const struct subcommand commands[] = {
        {"check", store_check_command, "verify a store on disk"},
        {"repair", store_repair_command, "put right what can be"},
        {"backup", backup_command, "copy the store while the daemon serves"},
        {"restore", restore_command, "make the store from a copy"},
        {"move", move_command, "move the store to a database, or back"},
        {0}};
    return command_run_subcommand("store", "The store on disk.", commands, argc, argv);
}
