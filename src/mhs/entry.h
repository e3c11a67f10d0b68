/* An entry of a mailbox: its delivery envelope, and its content fetched into a file that nobody else sees. */
#ifndef MHS_ENTRY_H
#define MHS_ENTRY_H

#include "base/arena.h"
#include "chasqui/mhs.h"
#include "content/ipm.h"
#include "mhs/command.h"
#include "schema/x411p3.h"

struct entry {
    const char *mailbox;
    uint64_t number;
    struct arena *arena;
    bool is_report, on_probe;
    int64_t arrival; /* seconds since 1970 */
    uint64_t size, envelope_size;
    const char *content_type;                       /* or NULL */
    struct x411p3_MessageDeliveryEnvelope *message; /* of a message, else NULL */
    struct x411p3_ReportDeliveryEnvelope *report;   /* of a report, else NULL */
    struct span envelope;                           /* BER of either */
    struct span content;                            /* after entry_fetch */
};

/* Reads an entry's number. 0 when `text` is none; that was said. */
uint64_t entry_number(const char *text);

/* Reads `3-7`, or one number as a range of itself. False when `text` is none; that was said. */
bool entry_range(const char *text, uint64_t *first, uint64_t *last);

/* Asks for the envelope. Returns COMMAND_OK or the exit code; what is wrong was said. */
enum command_status entry_open(struct entry *entry, const char *mailbox, uint64_t number,
                               struct arena *arena);

/*
 * Fetches a content in pieces into an unlinked temporary file and maps it, so
 * that a content of any size takes no memory; absent when there is none. Of the
 * mailbox's entry, or (NULL, operators only) of a message in the queue. `size`
 * is what is known of its length, for the progress. Returns the exit code; what
 * is wrong was said. The caller releases it.
 */
enum command_status content_fetch(const char *mailbox, uint64_t number, uint64_t size, struct span *content);
void content_release(struct span content);

/* Fetches the entry's content. A report without one has none. */
enum command_status entry_fetch(struct entry *entry);

/* The first octets of the content or of the envelope, at most `length`, into the arena. The absent span when
 * that fails; not said. */
struct span entry_peek(const char *mailbox, uint64_t number, enum mhs_part part, size_t length,
                       struct arena *arena);

/* Opens and fetches an entry of its owner's mailbox. Returns COMMAND_OK or the exit code; what is wrong was
 * said. */
enum command_status entry_open_own(struct entry *entry, const struct x411_ORName *owner, const char *operand,
                                   struct arena *arena);

/* The same, and reads the interpersonal message that it must be. */
enum command_status entry_open_ipm(struct entry *entry, const struct x411_ORName *owner, const char *operand,
                                   struct arena *arena, struct ipm_content *content);

void entry_close(struct entry *entry);

#endif
