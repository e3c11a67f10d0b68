/* Between the neutral heading of content/ipm.h and X.420's types. Used by ipm.c and plan.c. */
#ifndef CONTENT_HEADING_H
#define CONTENT_HEADING_H

#include "content/ipm.h"
#include "schema/x411.h"
#include "schema/x420.h"

/* Decodes the element of a Heading. */
bool heading_read(struct span element, struct arena *arena, struct ipm_heading *heading, struct error *err);

/* Encodes a Heading into the arena. */
bool heading_encode(const struct ipm_heading *heading, struct arena *arena, struct span *out,
                    struct error *err);

/* Encodes the FileTransferParameters of a part whose octets are `length` long. */
bool file_parameters_encode(const struct ipm_new_part *part, uint64_t length, struct arena *arena,
                            struct span *out, struct error *err);

/* Appends each extension, as it is, to what `to` has room for. */
void extensions_append(const struct x420_IPMSExtensions *from, struct ipm_extensions *to);

/* Text in the shape that all strings of the extensions have: BMPString where that holds it, else
 * UniversalString. NULL, or octets without data: no memory, or not decoded. */
const char *wide_text_read(struct span element, struct arena *arena);
bool wide_text_write(const char *text, struct arena *arena, struct x411_UniversalOrBMPString *to);

/* A string whose repertoire is within ASCII, or should be, and one of T.61, as a C string; NULL for the
 * absent span. Characters of UTF-8. */
const char *plain_text_read(struct span octets, struct arena *arena);
const char *teletex_text_read(struct span octets, struct arena *arena);
size_t text_characters(const char *utf8);

/* True when a text (NULL: none) has 1 to `most` characters; else `err` says so of `what`. */
bool text_in_bounds(const char *text, const char *what, int64_t most, struct error *err);

/* One recipient. False only without memory. */
bool recipient_read(const struct x420_RecipientSpecifier *from, struct arena *arena,
                    struct ipm_recipient *to);
bool recipient_write(const struct ipm_recipient *from, struct arena *arena,
                     struct x420_RecipientSpecifier *to);

/* Takes an extension of the heading, or of a recipient, that business uses of X.420 (1999) brought. False
 * when it is another, or can't be read. */
bool business_read(const struct x420_IPMSExtension *extension, struct arena *arena,
                   struct ipm_heading *heading);
bool recipient_extension_read(const struct x420_IPMSExtension *extension, struct ipm_recipient *recipient);

/* Appends those that are there to `to`, which has room for BUSINESS_MOST more. False when one breaks its
 * bounds, which `err` tells, or without memory. */
#define BUSINESS_MOST 5
bool business_write(const struct ipm_heading *heading, struct arena *arena, struct x420_IPMSExtensions *to,
                    struct error *err);

/* Parts of a heading that notifications have too. False only without memory. */
bool user_read(const struct x420_ORDescriptor *from, struct arena *arena, struct ipm_user *user);
bool user_write(const struct ipm_user *user, struct arena *arena, struct x420_ORDescriptor *to);
void identifier_read(const struct x420_IPMIdentifier *from, struct arena *arena,
                     struct ipm_identifier *identifier);
void identifier_write(const struct ipm_identifier *identifier, struct x420_IPMIdentifier *to);

#endif
