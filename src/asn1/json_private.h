/* The JSON reader's state: json.c reads the structure, json_value.c what is in one piece. */
#ifndef ASN1_JSON_PRIVATE_H
#define ASN1_JSON_PRIVATE_H

#include <jansson.h>

#include "asn1/ber_private.h"
#include "asn1/json.h"

struct json_reader {
    const struct ber_json *how;
    struct arena *arena;
    struct ber_error *error;
};

/* Reads a value of a primitive type. */
bool json_primitive(struct json_reader *r, const struct ber_type *type, const json_t *json, void *value);

/* Octets from a JSON string of hex digits. */
bool json_hex(struct json_reader *r, const json_t *json, struct span *octets);

#endif
