/*
 * What an entry of class delivery stands for, as values of attributes: of the delivery or report envelope
 * (X.413 §11.2), and of the heading or notification in an interpersonal content (X.420 §19.6). Of a content
 * only its beginning is read, as far as that holds the heading, or the whole notification, and at most
 * MS_BEGINNING octets of it. The content itself, a heading in one piece with its body, and body parts are not
 * told here.
 *
 * Which attribute is made with its default where the envelope or heading leaves it out: mt-priority (X.413
 * §11.2), importance and auto-forwarded (inferred: their fields have defaults). Built-in content types and
 * encoded information types are told by the object identifiers that X.411 and X.420 have for them.
 */
#ifndef MS_OBJECT_H
#define MS_OBJECT_H

#include "base/arena.h"
#include "ms/filter.h"
#include "schema/x411p3.h"
#include "schema/x420.h"

#define MS_BEGINNING ((size_t)256 * 1024)

/* A content: copies the `len` octets at `offset`, which are within `length`. False when they can't be had. */
struct ms_content {
    bool (*read)(void *context, uint64_t offset, void *out, size_t len);
    void *context;
    uint64_t length;
};

/* How a content stands. */
enum ms_reading {
    MS_NOT_READ,
    MS_READ_IPM,
    MS_READ_IPN,
    MS_READ_NEITHER, /* no interpersonal content: it has none of X.420's attributes */
    MS_UNREADABLE    /* it should be one, and is not, or is too long: whatever it has can't be told */
};

/* Zeroed but for the first fields. */
struct ms_object {
    bool report;          /* `envelope` is a ReportDeliveryEnvelope, else a MessageDeliveryEnvelope */
    bool has_content;     /* a report may have none */
    struct span envelope; /* BER */
    struct ms_content content;
    const struct x411_MessageTransferEnvelope *submitted; /* of a submitted message; NULL: none is */
    struct arena *arena; /* for what is decoded and for the values; `envelope` lives as long */

    bool opened, decoded; /* the envelope was looked at, and is one */
    enum ms_reading reading;
    struct x411p3_MessageDeliveryEnvelope *message;
    struct x411p3_ReportDeliveryEnvelope *of_report;
    struct x420_Heading *heading;
    struct x420_IPN *notification;
};

/* A `get` of struct ms_values, of which an ms_object is the `user`. False: the values can't be had. */
bool ms_object_get(void *object, const struct ms_attribute *attribute, const struct span **values,
                   size_t *count);

/* Reads a content of a type that an object identifier names, as far as its heading or notification goes. */
enum ms_reading ms_content_read(struct span content_type, const struct ms_content *content,
                                struct arena *arena, struct x420_Heading **heading,
                                struct x420_IPN **notification);

/* The object identifier of a built-in content type; absent: there is none. */
struct span ms_content_type(int64_t built_in);

#endif
