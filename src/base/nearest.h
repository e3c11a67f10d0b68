/*
 * Which of several names was meant by one that is none of them: the nearest by
 * letters changed, added and left out, if it is near at all. For 'did you mean'.
 */
#ifndef BASE_NEAREST_H
#define BASE_NEAREST_H

#include <getopt.h>

#include "base/span.h"

struct nearest {
    struct span given;
    unsigned least;   /* only what is nearer than that is taken */
    const char *name; /* the nearest so far; NULL: none is near. It is the caller's */
};

struct nearest nearest_begin(struct span given);
void nearest_try(struct nearest *nearest, const char *name);

/* The nearest of getopt's long options to an argument as `--jsno` or `--jsno=3`, without its dashes; NULL:
 * none is near. */
const char *nearest_option(const char *argument, const struct option *options);

#endif
