#include "store/postgres/values.h"

#include <endian.h>
#include <string.h>

void pg_add_octets(struct pg_parameters *parameters, struct span octets) {
    parameters->values[parameters->count] = octets.len ? (const char *)octets.data : "";
    parameters->lengths[parameters->count++] = (int)octets.len;
}

void pg_add_number(struct pg_parameters *parameters, int64_t value) {
    uint64_t big = htobe64((uint64_t)value);
    uint8_t *place = parameters->numbers[parameters->count];
    memcpy(place, &big, sizeof big);
    pg_add_octets(parameters, span_of(place, sizeof big));
}

/* An array as the server's array_recv reads it: dimensions, are there NULLs, the type; then for each
 * dimension its size and first index; then the elements, each with its length. */
#define ARRAY_HEAD 20

static void put_head(struct pg_array *array) {
    const uint32_t head[] = {htobe32(1), htobe32(1), htobe32(array->type), htobe32(array->count), htobe32(1)};
    if (array->octets.len >= sizeof head)
        memcpy(array->octets.data, head, sizeof head);
}

void pg_array_init(struct pg_array *array, uint32_t type) {
    *array = (struct pg_array){.type = type};
    buf_init(&array->octets, 0);
}

void pg_array_clear(struct pg_array *array) {
    buf_clear(&array->octets);
    array->count = 0;
}

void pg_array_free(struct pg_array *array) {
    buf_free(&array->octets);
}

static struct buf *next_element(struct pg_array *array) {
    static const uint8_t head[ARRAY_HEAD];
    if (!array->octets.len)
        buf_append(&array->octets, head, sizeof head);
    array->count++;
    return &array->octets;
}

void pg_array_number(struct pg_array *array, int64_t value) {
    struct buf *out = next_element(array);
    buf_append_u32(out, 8);
    buf_append_u64(out, (uint64_t)value);
}

void pg_array_octets(struct pg_array *array, struct span octets) {
    struct buf *out = next_element(array);
    buf_append_u32(out, (uint32_t)octets.len);
    buf_append_span(out, octets);
}

void pg_array_null(struct pg_array *array) {
    buf_append_u32(next_element(array), UINT32_MAX);
}

bool pg_add_array(struct pg_parameters *parameters, struct pg_array *array) {
    /* No element: an array without dimensions. */
    static const uint32_t none[] = {0, 0};
    if (array->octets.failed || array->octets.len > INT32_MAX)
        return false;
    if (!array->count) {
        uint32_t empty[3] = {none[0], none[1], htobe32(array->type)};
        memcpy(array->numbers, empty, sizeof empty);
        pg_add_octets(parameters, span_of(array->numbers, sizeof empty));
        return true;
    }
    put_head(array);
    pg_add_octets(parameters, buf_span(&array->octets));
    return true;
}

/* ---- of results ---- */

int64_t pg_number(const PGresult *result, int row, int column) {
    uint64_t wide;
    uint32_t narrow;
    const char *value = PQgetvalue(result, row, column);
    switch (PQgetlength(result, row, column)) {
    case sizeof wide:
        memcpy(&wide, value, sizeof wide);
        return (int64_t)be64toh(wide);
    case sizeof narrow:
        memcpy(&narrow, value, sizeof narrow);
        return (int32_t)be32toh(narrow);
    case 1: /* a boolean */
        return *value;
    default:
        return 0;
    }
}

struct span pg_octets(const PGresult *result, int row, int column) {
    if (PQgetisnull(result, row, column))
        return (struct span){NULL, 0};
    return span_of(PQgetvalue(result, row, column), (size_t)PQgetlength(result, row, column));
}
