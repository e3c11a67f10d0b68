/* `mhs store check` and `mhs store repair`: the store's invariants, on the files themselves, without the
 * daemon. */
#include <jansson.h>
#include <string.h>

#include "mhs/command.h"
#include "mhs/commands.h"
#include "mhs/output.h"
#include "store/store.h"

/* With --json the findings are collected, else each is printed as it comes. */
static void note_finding(void *context, const struct store_finding *finding) {
    json_t *findings = context;
    if (mhs_settings.json) {
        json_array_append_new(findings, json_pack("{s:i, s:b, s:s}", "invariant", finding->invariant,
                                                  "repaired", finding->repaired, "text", finding->text));
        return;
    }
    if (finding->invariant)
        printf("I%d: %s\n", finding->invariant, finding->text);
    else
        printf("database: %s\n", finding->text);
}

static int finish(const char *folder, bool repair, uint64_t findings, json_t *list) {
    if (mhs_settings.json) {
        json_t *answer =
            json_pack("{s:s, s:I, s:O}", "store", folder, "count", (json_int_t)findings, "findings", list);
        out_json(answer);
        json_decref(answer);
    } else if (!findings)
        printf("%s: every invariant holds\n", folder);
    else
        printf("%s: %llu finding%s%s\n", folder, (unsigned long long)findings, findings == 1 ? "" : "s",
               repair ? "" : "; nothing was changed");
    return findings ? MHS_NO : MHS_OK;
}

static int run(const char *folder, bool repair, bool quick) {
    struct error err = {0};
    uint64_t findings = 0;
    json_t *list = json_array();
    bool ok = repair ? store_repair(folder, note_finding, list, &findings, &err)
                     : store_check(folder, !quick, note_finding, list, &findings, &err);
    int status = ok ? finish(folder, repair, findings, list)
                    : mhs_fail(MHS_FAILED, "%s: %s", store_code_text((enum store_code)err.code), err.text);
    json_decref(list);
    return status;
}

int cmd_store(int argc, char **argv) {
    enum { QUICK = 'q' };
    static const struct mhs_option options[] = {
        {QUICK, "quick", NULL, "check: leave out what reads all contents and all events"}, {0}};
    static const struct mhs_usage usage = {"store", "check|repair FOLDER",
                                           "Verifies the store in FOLDER, or puts right what can be.",
                                           "check changes nothing and may run beside the daemon; its exit "
                                           "code is 1 when an invariant does not hold.\n"
                                           "repair needs the daemon stopped, and says for each finding what "
                                           "it did. Make a copy of the folder first.",
                                           options};
    struct mhs_line line;
    const char *value;
    bool quick = false;
    int id;
    mhs_line_init(&line, &usage, argc, argv);
    while ((id = mhs_line_next(&line, &value)) > 0)
        quick = true;
    if (id == MHS_LINE_STOP)
        return line.status;
    const char *what = mhs_line_operand(&line), *folder = mhs_line_operand(&line);
    if (!what || !folder || mhs_line_operand(&line) || (strcmp(what, "check") && strcmp(what, "repair")))
        return mhs_usage_error(&usage, "say check or repair, and the store's folder");
    if (quick && !strcmp(what, "repair"))
        return mhs_usage_error(&usage, "--quick is for check only");
    return run(folder, !strcmp(what, "repair"), quick);
}
