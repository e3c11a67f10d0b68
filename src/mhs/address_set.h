/*
 * Names, each once however it is spelled, with a number: who is a recipient
 * already, which of 32,000 recipients a report tells of. What is asked of it
 * costs the same however many there are.
 */
#ifndef MHS_ADDRESS_SET_H
#define MHS_ADDRESS_SET_H

#include <jansson.h>

#include "base/arena.h"
#include "schema/x411.h"

struct address_set {
    json_t *numbers; /* {"KEY": [number]} */
    struct arena arena;
};

void address_set_init(struct address_set *set);
void address_set_free(struct address_set *set);

/* Adds a number to those of the name. False without memory. */
bool address_set_add(struct address_set *set, const struct x411_ORName *name, size_t number);

bool address_set_has(struct address_set *set, const struct x411_ORName *name);

/* Takes out the first number that was added for the name. False: there is none. */
bool address_set_take(struct address_set *set, const struct x411_ORName *name, size_t *number);

#endif
