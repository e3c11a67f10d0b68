/* Operations of the retrieval port, inside the room. */
#ifndef MS_OPERATION_PRIVATE_H
#define MS_OPERATION_PRIVATE_H

#include "asn1/ber.h"
#include "ms/operation.h"
#include "schema/x413.h"

/* Abstract errors (X.413 §9) by X.419's codes. */
enum ms_error_code {
    MS_NEW_CREDENTIALS_UNACCEPTABLE = 6, /* X.411's */
    MS_ATTRIBUTE_ERROR = 21,
    MS_AUTO_ACTION_REQUEST_ERROR = 22,
    MS_DELETE_ERROR = 23,
    MS_FETCH_RESTRICTION_ERROR = 24,
    MS_RANGE_ERROR = 25,
    MS_SERVICE_ERROR = 27,
    MS_SEQUENCE_NUMBER_ERROR = 28,
    MS_INVALID_PARAMETERS_ERROR = 29,
    MS_EXTENSION_ERROR = 31,
    MS_REGISTER_ERROR = 32,
    MS_ENTRY_CLASS_ERROR = 34
};

/* One operation that is being answered. */
struct ms_operation {
    const struct ms_service *service;
    const struct ms_request *request;
    struct ms_reply *reply;
    struct arena arena;  /* its argument, and what is said of it */
    struct arena values; /* of one entry */
};

/* ---- operation_error.c: each returns false ---- */

bool ms_fail(struct ms_operation *operation, enum ms_error_code code, const struct ber_type *type,
             const void *parameter);
bool ms_fail_service(struct ms_operation *operation, int64_t problem, const char *why);
bool ms_fail_store(struct ms_operation *operation, const struct error *err);
bool ms_fail_attribute(struct ms_operation *operation, int64_t problem, struct span type, struct span value);
bool ms_fail_number(struct ms_operation *operation, uint64_t number);
bool ms_reject_argument(struct ms_operation *operation);
/* Decodes the argument, or rejects it. */
bool ms_read_argument(struct ms_operation *operation, const struct ber_type *type, void *argument);

/* ---- operation_select.c ---- */

/* No extension is known here. */
bool ms_check_extensions(struct ms_operation *operation, const struct x413_MSExtensions *extensions);
/* The classes of a selection. */
bool ms_check_class(struct ms_operation *operation, int64_t entry_class, unsigned *classes);
/* What the selector means; the filter lives in the operation's arena. */
bool ms_read_selector(struct ms_operation *operation, const struct x413_Selector *selector,
                      int64_t entry_class, struct ms_selection *selection);
/* The attribute type, as the edition knows it; NULL: the error was given. */
const struct ms_attribute *ms_find_attribute(struct ms_operation *operation, struct span type);
/* ms_select; false: the error was given. */
bool ms_run_selection(struct ms_operation *operation, const struct ms_selection *selection, ms_select_cb *cb,
                      void *context, uint64_t *next);
/* The entry of that number, into `values`; false: the error was given. */
bool ms_find_entry(struct ms_operation *operation, unsigned classes, uint64_t number,
                   struct store_entry *entry);

/* ---- operation_entry.c ---- */

/* The values of an attribute, in `values`; a content has none, but octets. */
struct ms_shown {
    const struct ms_attribute *attribute;
    struct span *values;
    size_t count, total; /* that are shown; that there are */
    bool is_content;
    uint64_t octets;
};

bool ms_is_content(const struct ms_attribute *attribute);
bool ms_show(struct ms_operation *operation, const struct store_entry *entry,
             const struct ms_attribute *attribute, struct ms_shown *shown);
/* Are the attributes known, and may they be asked for here? */
bool ms_check_requested(struct ms_operation *operation,
                        const struct x413_EntryInformationSelection *requested, bool list);

/* An EntryInformation, of so many octets with what is inserted. */
struct ms_written {
    struct buf octets, inserts;
    uint64_t length;
    bool whole; /* what it shows makes the entry a processed one */
};
bool ms_write_entry(struct ms_operation *operation, const struct store_entry *entry,
                    const struct ms_shown *shown, size_t count, struct ms_written *written);
/* The values that are asked for, `*count` of them. NULL: the error was given. */
struct ms_shown *ms_show_requested(struct ms_operation *operation, const struct store_entry *entry,
                                   const struct x413_EntryInformationSelection *requested, size_t *count);

/* ---- octets ---- */

bool ms_put_head(struct buf *out, uint8_t tag, uint64_t length);
uint64_t ms_element_length(uint64_t contents);
bool ms_put_number(struct buf *out, uint8_t tag, int64_t number); /* an INTEGER within an explicit tag */
bool ms_put_run(struct buf *runs, uint64_t number);

/* ---- operation_register.c ---- */

/* The attributes that are asked for, or where none are (the absent selection) those that were registered.
 * NULL: the error was given, as some are not known or not for this. */
const struct x413_EntryInformationSelection *
ms_requested(struct ms_operation *operation, const struct x413_EntryInformationSelection *requested,
             bool list);

/* ---- the operations: false where an error was given ---- */

bool ms_summarize(struct ms_operation *operation);
bool ms_list(struct ms_operation *operation);
bool ms_fetch(struct ms_operation *operation);
bool ms_delete(struct ms_operation *operation);
bool ms_register(struct ms_operation *operation);

#endif
