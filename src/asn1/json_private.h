/* The JSON reader's state: json.c reads the structure, json_value.c what is in one piece. */
#ifndef ASN1_JSON_PRIVATE_H
#define ASN1_JSON_PRIVATE_H

#include <jansson.h>

#include "asn1/ber_private.h"
#include "asn1/json.h"

/* The way from the outermost value to the one that is being read. */
struct json_step {
    const struct json_step *outer;
    const char *name; /* a component's; NULL: the item `number` of a list */
    size_t number;
};

struct json_reader {
    const struct ber_json *how;
    struct arena *arena;
    struct ber_error *error;
    const struct json_step *step;
};

/* Reads a value of a primitive type. */
bool json_primitive(struct json_reader *r, const struct ber_type *type, const json_t *json, void *value);

/* Octets from a JSON string of hex digits. */
bool json_hex(struct json_reader *r, const json_t *json, struct span *octets);

#endif
