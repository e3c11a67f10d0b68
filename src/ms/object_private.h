/* Values that are being made of one object. */
#ifndef MS_OBJECT_PRIVATE_H
#define MS_OBJECT_PRIVATE_H

#include "ms/object.h"
#include "schema/x413.h"

#define MS_VALUES_MOST 65536 /* of one attribute */

struct making {
    struct ms_object *object;
    const struct ms_attribute *attribute;
    struct span *values; /* in the arena */
    size_t count, room;
    bool failed; /* no memory, or what is there can't be encoded */
};

/* Adds a whole element; the absent one is none. */
void making_add(struct making *making, struct span element);
/* Adds what `value` encodes to in the attribute's type. */
void making_encode(struct making *making, const void *value);
/* Adds each element within a SEQUENCE OF or SET OF. */
void making_add_each(struct making *making, struct span sequence);
/* Adds the object identifiers of encoded information types; NULL: there are none. */
void making_add_eits(struct making *making, const struct x411_EncodedInformationTypes *types);

/* What the heading or notification has of the attribute, one of X.420's. */
void making_of_heading(struct making *making, const struct x420_Heading *heading);
void making_of_notification(struct making *making, const struct x420_IPN *notification);

#endif
