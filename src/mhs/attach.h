/*
 * Body parts that are made of a file in memory (X.420 §7.4 and annex B): what
 * `--attach-as TYPE:FILE` names, and texts in T.61. Files of file transfer and
 * bilaterally defined parts are streamed instead (draft_add_file).
 */
#ifndef MHS_ATTACH_H
#define MHS_ATTACH_H

#include "mhs/draft.h"
#include "schema/x411p3.h"

/* The registration under which --charset keeps T.61: it makes a teletex body part. */
#define ATTACH_TELETEX (-1)

/* Takes `TYPE[=PARAMETER]:FILE`. Returns COMMAND_OK or the exit code; what is wrong was said. */
int attach_as(struct draft *draft, const struct command_usage *usage, const char *value);

/* Adds a text as a teletex body part, a page behind each form feed. False when T.61 lacks a character, or
 * memory is missing; said. */
bool attach_teletex(struct draft *draft, struct span utf8);

/* Adds the report or the notification in an entry as a body part, with its envelope. False without memory;
 * said. */
bool attach_report(struct draft *draft, const struct x411p3_ReportDeliveryEnvelope *report,
                   struct span content);
bool attach_notification(struct draft *draft, struct span content, int64_t delivered,
                         struct x411p3_OtherMessageDeliveryFields *fields);

#endif
