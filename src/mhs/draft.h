/*
 * A message that is being written, and its submission: the envelope of X.411
 * §8.2.1.1.1 and an interpersonal message or notification, streamed to the
 * daemon. `send`, `reply`, `forward`, `receipt` and `probe` fill one.
 */
#ifndef MHS_DRAFT_H
#define MHS_DRAFT_H

#include <jansson.h>

#include "base/arena.h"
#include "chasqui/mhs.h"
#include "content/ipm.h"
#include "mhs/command.h"

enum draft_role { DRAFT_TO, DRAFT_CC, DRAFT_BCC };
enum draft_report { DRAFT_REPORT_NONE, DRAFT_REPORT_NON_DELIVERY, DRAFT_REPORT_DELIVERY };

struct draft_recipient {
    struct x411_ORName name;
    const char *free_form_name, *telephone_number; /* or NULL */
    enum draft_role role;
    enum draft_report report;
    unsigned notifications; /* IPM_REQUEST_… */
    bool reply_requested;
    const struct x411_ORName *alternate; /* originator-requested-alternate-recipient */
    int delivery_method;                 /* of requested-delivery-method, 0: any */
    bool has_precedence, circulation_member;
    int64_t precedence;
};

struct draft {
    struct arena *arena;
    struct x411_ORName originator;
    const char *originator_name, *originator_telephone; /* or NULL */
    bool has_originator;
    struct draft_recipient *recipients;
    size_t recipient_count, recipient_room;
    struct ipm_new_part *parts; /* room for `capacity` */
    const char **paths;         /* beside each part: the file that holds its octets, or NULL */
    size_t part_count;
    size_t capacity;
    struct span notification;     /* the content, when it is an IPN: parts and heading are not used then */
    const char *notified_mailbox; /* an IPN: the mailbox and the entry that asked for it; sent once */
    uint64_t notified_entry;
    struct ipm_heading heading; /* recipients and identifier are filled in by draft_submit */

    int64_t priority; /* x411_Priority_… */
    bool disclose, return_content, conversion_prohibited, conversion_with_loss_prohibited;
    bool alternate_allowed, reassignment_prohibited, expansion_prohibited;
    struct x411_DLExemptedRecipients exempted; /* room for `capacity` once there is one */
    int64_t deferred, latest;                  /* 0: absent */
    int content_type;                          /* 22 or 2 */
    const char *content_identifier;
    const char *word;      /* what it is called when it was submitted; NULL: a message */
    uint64_t probe_length; /* of a probe: content-length, 0: absent */
};

/* Makes an empty draft for at most `capacity` values of an option that may come again. False without memory;
 * said. */
bool draft_init(struct draft *draft, struct arena *arena, size_t capacity);

/* Adds a recipient with the settings of `like`, as which he is known by; NULL without memory, said. What was
 * returned before moves. */
struct draft_recipient *draft_add_recipient(struct draft *draft, enum draft_role role,
                                            const struct draft_recipient *like);

/* Adds those whom a text means: an address with or without a name, or aliases. False when one is wrong; said.
 */
bool draft_add_recipients(struct draft *draft, enum draft_role role, const char *text,
                          const struct draft_recipient *like);

/* Adds a file, which must be a regular one; its octets are read when the message is submitted. False when it
 * can't be read; said. `application`: the file's application reference, or absent. */
bool draft_add_file(struct draft *draft, const char *path, enum ipm_part_type type, struct span application);

/* Adds a whole BodyPart. False when there are too many; said. */
bool draft_add_element(struct draft *draft, struct span element);

/* Adds a BodyPart of any type, or an IPMSExtension of the heading, whose BER a file holds. False when the
 * file can't be read, or holds something else; said. */
bool draft_add_part(struct draft *draft, const char *path);
bool draft_add_extension(struct draft *draft, const char *path);

/* Adds a text: IA5 when it is all ASCII, else general-text in `registration` (0: the smallest that fits). */
bool draft_add_text(struct draft *draft, struct span utf8, int64_t registration);

/* Reads all of a file (`-`: standard input) into the arena. False when that fails; said. */
bool draft_read_text(struct draft *draft, const char *path, struct span *text);
/* The same of what is no text; standard input is none. */
bool draft_read_file(struct draft *draft, const char *path, struct span *octets);

/*
 * Submits the draft; a second time for blind copy recipients, whose copy alone
 * names them (X.420 §7.2.6). Prints what the daemon answered. Returns the exit code.
 */
enum command_status draft_submit(struct draft *draft);

/* The same recipients and settings as a probe; prints nothing but what is wrong. */
enum command_status draft_submit_probe(const struct draft *draft, struct mhs_submitted *submitted);

#endif
