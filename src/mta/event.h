/*
 * Tracking events. The rules' events stand under the MTS-identifier's text;
 * what happens to a copy later stands under the number of its message, which a
 * record under the identifier names. So a transfer needs no look at the
 * envelope to be recorded.
 */
#ifndef MTA_EVENT_H
#define MTA_EVENT_H

#include "mta/mta_private.h"

/* What the switch itself records. Numbers are on disk: only add. Those below EVENT_OWN are enum
 * mts_event_kind. */
enum event_own {
    EVENT_MESSAGE = 64, /* `number` is the message under which more is recorded */
    EVENT_TRANSFERRED,
    EVENT_TRANSFER_REFUSED,
    EVENT_TRANSFER_DEFERRED,
    EVENT_TRANSFER_BROKEN,
    EVENT_IN_DOUBT,
    EVENT_REPEAT,
    EVENT_HELD,
    EVENT_RELEASED,
    EVENT_RETRIED,
    EVENT_REDIRECTED_BY_OPERATOR,
    EVENT_DELETED,
    EVENT_NON_DELIVERED_BY_OPERATOR,
    EVENT_EXPIRED,
    EVENT_CONVERSION_BROKEN,
    EVENT_NOT_CONVERTED,
    EVENT_IDENTIFIED, /* under a content-identifier: `name` is the MTS-identifier of a message that has it */
    EVENT_CONTENT_LOST,      /* store_repair found the content damaged */
    EVENT_REFUSED,           /* a peer's transfer, for good: `text` says why; under event_refused_key */
    EVENT_REMOVED_WITH_USER, /* an entry went with its mailbox: `text` says whose, and who did that */
    EVENT_DELIVERY_REFUSED,  /* of a try to deliver by P3: by an error for good; `name` is the user */
    EVENT_DELIVERY_DEFERRED, /* for now */
    EVENT_DELIVERY_BROKEN,   /* its association ended, and he has not got it */
    EVENT_CANCELLED,         /* by who submitted it */
};

struct event_record {
    uint8_t kind;
    int64_t time;   /* seconds */
    int64_t number; /* a recipient's, the message's, or that of a try; -1: none */
    int64_t reason, diagnostic;
    struct span peer, name, other, text;
};

/* Adds the rules' events to the batch. */
bool event_decided(struct mta *mta, const struct mts_decisions *decisions);
/* Ties a message's number to its identifier. */
bool event_message(struct mta *mta, struct span identifier, uint64_t message);
/* Something happened to a copy of the message. */
bool event_copy(struct mta *mta, uint64_t message, enum event_own what, const struct peer *peer,
                struct span text);
/* The same of one that was to go there, and, where that is no peer, to this user; absent: to several, or it
 * is not known. */
bool event_copy_at(struct mta *mta, uint64_t message, enum event_own what,
                   const struct destination *destination, struct span recipient, struct span text);
/* A try to transfer a copy ended: which it was, and when the next one is due (µs; 0: none); of TRANSFERRED,
 * which may be written late, when that was. */
bool event_try(struct mta *mta, uint64_t message, enum event_own what, const struct peer *peer,
               unsigned number, int64_t when, struct span text);
/* The same of a try to deliver a copy to the program of the user with this address. */
bool event_delivery(struct mta *mta, uint64_t message, enum event_own what, const char *user, unsigned number,
                    int64_t when, const char *text);
/* Something happened that no copy stands for. */
bool event_identifier(struct mta *mta, struct span identifier, enum event_own what, const struct peer *peer,
                      struct span text);

/* A message that has this content-identifier came in. Nothing is recorded when it is absent. */
bool event_content_identifier(struct mta *mta, struct span content_identifier, struct span identifier);

/* A longer one's text is no key of the record, whose keys have 1,024 octets (store_add_event); one of these
 * marks what was refused. What bears such an identifier must be refused. */
#define EVENT_IDENTIFIER_MOST 1023

/* A peer's transfer is refused for good. False without memory, or where the identifier is too long. */
bool event_refused(struct mta *mta, struct span identifier, const struct peer *peer, const char *cause);

/* The record that the rules ask for (mts_run.record); `context` is the struct mta. */
enum mts_record event_history(void *context, struct span identifier, struct arena *arena,
                              struct mts_history *history);

/* Reads the next record of an event's data. False at the end. */
bool event_read(struct reader *r, struct event_record *record);
/* The event's name in docs/local-protocol.md. */
const char *event_name(const struct event_record *record);
/* The key under which a message's copies are recorded. */
struct span event_message_key(uint64_t message, uint8_t out[static 9]);
/* The key under which the messages with a content-identifier are recorded. */
#define EVENT_CONTENT_KEY 65
struct span event_content_key(struct span content_identifier, uint8_t out[static EVENT_CONTENT_KEY]);
/* The key under which it stands what was refused of a peer that said it to be this message; in `out`, which
 * it clears. It is no part of the message's own record: what stands in that before the message comes, and how
 * much, anybody could choose who knows the identifier. */
struct span event_refused_key(struct span identifier, struct buf *out);
/* The MTS-identifier's text that the key is or names; absent: it is another key. */
struct span event_key_identifier(struct span key);

#endif
