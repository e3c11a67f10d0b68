/* What a message store can do, as a bind is told (X.413 §7.1.2). */
#ifndef MS_AVAILABLE_H
#define MS_AVAILABLE_H

#include "base/buf.h"
#include "ms/attribute.h"

/* Appends a MSBindResult with that; the responder's credentials in it are empty. False without memory. */
bool ms_available(enum ms_edition edition, struct buf *out);

#endif
