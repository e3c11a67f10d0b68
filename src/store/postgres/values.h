/*
 * What goes to a PostgreSQL server and comes back: numbers and octets, in binary. All parameters are bigint,
 * bytea, or arrays of them; the statements' texts cast them so.
 */
#ifndef STORE_POSTGRES_VALUES_H
#define STORE_POSTGRES_VALUES_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/span.h"

#define PG_PARAMETERS 16

struct pg_parameters {
    int count;
    const char *values[PG_PARAMETERS];
    int lengths[PG_PARAMETERS];
    uint8_t numbers[PG_PARAMETERS][8];
};

void pg_add_number(struct pg_parameters *parameters, int64_t value);
/* The octets must live until the statement was sent. */
void pg_add_octets(struct pg_parameters *parameters, struct span octets);

/* A column of many rows: bigint[] or bytea[]. */
struct pg_array {
    struct buf octets;
    uint32_t count, type;
    uint8_t numbers[12]; /* of an empty one */
};
#define PG_BIGINT 20
#define PG_BYTEA  17
void pg_array_init(struct pg_array *array, uint32_t type);
void pg_array_clear(struct pg_array *array);
void pg_array_free(struct pg_array *array);
/* Failures for want of memory show in octets.failed. */
void pg_array_number(struct pg_array *array, int64_t value);
void pg_array_octets(struct pg_array *array, struct span octets);
void pg_array_null(struct pg_array *array);
/* Adds it as a parameter; it must live until the statement was sent. False without memory. */
bool pg_add_array(struct pg_parameters *parameters, struct pg_array *array);

/* ---- of results ---- */

/* 0: NULL, or no number. */
int64_t pg_number(const PGresult *result, int row, int column);
/* Lives as long as the result. The absent span for NULL. */
struct span pg_octets(const PGresult *result, int row, int column);

#endif
