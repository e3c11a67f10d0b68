/* Values from JSON in the form that asn1/print.h describes. */
#ifndef ASN1_JSON_H
#define ASN1_JSON_H

#include "asn1/print.h"

/* The type of that name, for {"@Type": value}, or NULL. */
typedef const struct ber_type *ber_find_type(void *user, const char *name);

struct ber_json {
    ber_open_type *open; /* as in struct ber_print; asked first; may be NULL */
    ber_find_type *find; /* asked when `open` does not know; may be NULL */
    void *user;
    struct ber_passed_list *passed; /* gets the bounds and repertoires that values break; may be NULL */
    struct buf *unchecked; /* gets the paths, with commas between, of what was given in hex and has a type
                            * whose bounds were not checked; may be NULL */
};

/*
 * Reads a value of `type` from JSON text into `value`, all of it in `arena`.
 * Components that are left out are absent or have their default; a mandatory one
 * is BER_MISSING. The error's `offset` is that of the JSON text's mistake where
 * it is no JSON, else 0; `path` names the component. Bounds are not checked but
 * in what stands in open types, where breaking them is noted and no error:
 * decode what ber_encode makes for that.
 */
bool ber_from_json(const struct ber_type *type, struct span text, const struct ber_json *how,
                   struct arena *arena, void *value, struct ber_error *error);

/* Reads {"@Type": value}, the type named in the JSON and found by `how->find`, and encodes it into `arena`.
 */
bool ber_open_from_json(struct span text, const struct ber_json *how, struct arena *arena,
                        struct span *octets, struct ber_error *error);

#endif
