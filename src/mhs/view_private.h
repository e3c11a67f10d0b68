/* Between view.c (messages, reports, notifications) and view_value.c (what the schema's tables tell of). */
#ifndef MHS_VIEW_PRIVATE_H
#define MHS_VIEW_PRIVATE_H

#include <jansson.h>

#include "content/ipm.h"

/* Sets a member unless the value is NULL. Takes over the reference. */
void view_set(json_t *object, const char *member, json_t *value);

/* A time in seconds since 1970, or of a UTCTime; NULL when it is absent. */
json_t *view_time(int64_t seconds);
json_t *view_utctime(struct span time);

/* An object identifier in dots; NULL when it is absent. */
json_t *view_oid(struct span oid);

/* An O/R name's address; NULL for NULL. */
json_t *view_name(const struct x411_ORName *name, struct arena *arena);

/*
 * Extensions as an array of objects: `type` (a number or object identifier),
 * `name` where the Recommendation has one, `critical` where it is that for something,
 * and `value` in the form of asn1/print.h, or in hex when it is not known or can't be decoded.
 * Names in histories are addresses. NULL when there is none.
 */
json_t *view_ipms_extensions(const struct ipm_extensions *extensions, struct arena *arena);
json_t *view_extensions(const struct x411_Extensions *extensions, struct arena *arena);

/* The names of encoded information types; of extended ones the object identifier. NULL for NULL. */
json_t *view_types(const struct x411_EncodedInformationTypes *types);

/* The parameters of a body part, in the form of asn1/print.h; NULL when there are none, or are empty. */
json_t *view_parameters(const struct ipm_part *part, struct arena *arena);

#endif
