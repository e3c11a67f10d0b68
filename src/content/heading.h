/* Between the neutral heading of content/ipm.h and X.420's types. Used by ipm.c and plan.c. */
#ifndef CONTENT_HEADING_H
#define CONTENT_HEADING_H

#include "content/ipm.h"
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

/* Parts of a heading that notifications have too. False only without memory. */
bool user_read(const struct x420_ORDescriptor *from, struct arena *arena, struct ipm_user *user);
bool user_write(const struct ipm_user *user, struct arena *arena, struct x420_ORDescriptor *to);
void identifier_read(const struct x420_IPMIdentifier *from, struct arena *arena,
                     struct ipm_identifier *identifier);
void identifier_write(const struct ipm_identifier *identifier, struct x420_IPMIdentifier *to);

#endif
