#include "base/nearest.h"

#include <limits.h>
#include <string.h>

/* How many letters to change, add or leave out. What is long is no name, and far away. */
static unsigned distance(struct span a, const char *b) {
    enum { MOST = 40 };
    unsigned row[MOST + 1];
    size_t length = strlen(b);
    if (length > MOST || a.len > MOST)
        return UINT_MAX;
    for (size_t i = 0; i <= length; i++)
        row[i] = (unsigned)i;
    for (size_t i = 0; i < a.len; i++) {
        unsigned corner = row[0];
        row[0] = (unsigned)i + 1;
        for (size_t k = 0; k < length; k++) {
            unsigned changed = corner + (a.data[i] != (uint8_t)b[k]);
            unsigned other = (row[k] < row[k + 1] ? row[k] : row[k + 1]) + 1;
            corner = row[k + 1];
            row[k + 1] = changed < other ? changed : other;
        }
    }
    return row[length];
}

/* A third of it and one letter may be wrong, but not all of it. */
struct nearest nearest_begin(struct span given) {
    unsigned length = given.len < 1000 ? (unsigned)given.len : 1000, most = length / 3 + 2;
    return (struct nearest){.given = given, .least = most < length ? most : length};
}

void nearest_try(struct nearest *nearest, const char *name) {
    unsigned away = distance(nearest->given, name);
    if (away >= nearest->least)
        return;
    nearest->least = away;
    nearest->name = name;
}

const char *nearest_option(const char *argument, const struct option *options) {
    const char *name = argument + strspn(argument, "-");
    struct nearest nearest = nearest_begin(span_of(name, strcspn(name, "=")));
    for (; options->name; options++)
        nearest_try(&nearest, options->name);
    return nearest.name;
}
