/* A prepared filter, inside the room. */
#ifndef MS_FILTER_PRIVATE_H
#define MS_FILTER_PRIVATE_H

#include "ms/filter.h"
#include "ms/match.h"

/* The kinds of nodes; those before NODE_ITEM join what is within them. */
enum node_kind { NODE_AND, NODE_OR, NODE_NOT, NODE_ITEM };

enum item_kind { ITEM_MATCH, ITEM_NOT_BEFORE, ITEM_NOT_BEHIND, ITEM_PRESENT };

struct item {
    enum item_kind kind;
    const struct ms_attribute *attribute;
    const struct ms_comparison *comparison;
    struct ms_operand asserted;
    uint64_t hash;   /* of what is asserted, as columns have it; STORE_UNKNOWN: it can't be said (scan.c) */
    int64_t problem; /* an x413_AttributeProblem, or NO_PROBLEM */
    struct span type, value;
};

#define NO_PROBLEM (-1)

/* The tree, each node before those within it. */
struct node {
    enum node_kind kind;
    uint32_t end; /* behind the last node within it */
    struct item *item;
};

struct ms_filter {
    struct node *nodes;
    size_t count;
};

#endif
