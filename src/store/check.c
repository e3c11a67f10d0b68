#include <stdio.h>

#include "store/check.h"
#include "store/check_private.h"

void check_tell_step(struct check_report *report) {
    const struct store_finding finding = {.step = &report->step};
    report->cb(report->context, &finding);
}

void check_begin_step(struct check_report *report, const char *what, uint64_t total) {
    report->step = (struct store_step){.what = what, .total = total};
    check_tell_step(report);
}

void check_advance(struct check_report *report, uint64_t octets) {
    report->step.done += octets;
    check_tell_step(report);
}

void check_report(struct check_report *report, int invariant, const char *how, const char *text) {
    struct store_finding finding = {.invariant = invariant, .repaired = how != NULL};
    snprintf(finding.text, sizeof finding.text, "%s%s%s", text, how ? "; " : "", how ? how : "");
    report->findings++;
    report->cb(report->context, &finding);
}

void check_report_lost(struct check_report *report, const struct store_lost *lost) {
    struct store_finding finding = {.repaired = report->repair, .lost = lost};
    snprintf(finding.text, sizeof finding.text, "message %llu: its content is lost",
             (unsigned long long)lost->message);
    report->cb(report->context, &finding);
}

void check_report_envelope(struct check_report *report, uint64_t message) {
    char text[160];
    snprintf(text, sizeof text,
             "message %llu: its envelope is not what was stored; restore a backup, or delete what is left of "
             "it",
             (unsigned long long)message);
    check_report(report, 16, NULL, text);
}

void check_report_body(struct check_report *report, uint64_t message) {
    char text[160];
    snprintf(text, sizeof text, "message %llu: its content is not what was stored",
             (unsigned long long)message);
    check_report(report, 16, report->repair ? CHECK_TAKEN_OUT : NULL, text);
}

void check_report_row(struct check_report *report, enum check_row kind, const uint64_t id[static 2]) {
    static const struct {
        const char *what, *how;
    } words[CHECK_ROWS] = {
        [CHECK_WORK] = {"work %llu", "it is held: look at it with 'mhs queue show', then release, redirect "
                                     "or delete it"},
        [CHECK_ENTRY] = {"entry %llu of mailbox %llu", "it was kept as it is"},
        [CHECK_ACTIVITY_IN] = {"activity %llu", CHECK_BEGINS_AGAIN},
        [CHECK_ACTIVITY_OUT] = {"activity out of work %llu",
                                "the activity was removed; the transfer begins again"},
    };
    char what[80], text[160];
    snprintf(what, sizeof what, words[kind].what, (unsigned long long)id[0], (unsigned long long)id[1]);
    snprintf(text, sizeof text, "%s: its row is not what was stored", what);
    check_report(report, 16, report->repair ? words[kind].how : NULL, text);
}

void check_add_id(struct buf *ids, uint64_t id) {
    buf_printf(ids, "%s(%llu)", ids->len ? "," : "", (unsigned long long)id);
}

const char *check_text(struct buf *text) {
    return buf_append_byte(text, 0) ? (const char *)text->data : NULL;
}
