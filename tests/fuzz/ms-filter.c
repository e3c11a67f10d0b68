/* Filters of the message store: a Filter, and behind it elements, each of which is a value of every
 * attribute. */
#include "asn1/ber.h"
#include "ms/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MOST_VALUES 8

struct values {
    struct span items[MOST_VALUES];
    size_t count;
};

static void require(bool condition) {
    if (!condition)
        __builtin_trap();
}

static bool get(void *user, const struct ms_attribute *attribute, const struct span **values, size_t *count) {
    struct values *all = user;
    require(attribute);
    *values = all->items;
    *count = all->count;
    return true;
}

static void split(struct span rest, struct values *values) {
    struct ber_element element;
    enum ber_error_code why;
    while (rest.len && values->count < MOST_VALUES && ber_element_read(rest, &element, &why)) {
        values->items[values->count++] = span_sub(rest, 0, element.total);
        rest = span_sub(rest, element.total, rest.len - element.total);
    }
}

static enum ms_verdict decide(const struct x413_Filter *filter, struct values *values, struct arena *arena,
                              size_t *problems) {
    enum ms_filter_error why = 0;
    struct ms_filter_problem problem;
    struct arena scratch;
    const struct ms_filter *made = ms_filter_prepare(filter, arena, &why);
    require(made || why == MS_FILTER_TOO_LARGE || why == MS_FILTER_MEMORY);
    if (!made)
        return MS_UNDECIDED;
    for (*problems = 0; ms_filter_problem(made, *problems, &problem); ++*problems)
        require(problem.type.data);
    arena_init(&scratch, 1 << 20);
    const struct ms_values from = {get, values};
    enum ms_verdict verdict = ms_filter_decide(made, &from, &scratch);
    require(ms_filter_decide(made, &from, &scratch) == verdict);
    arena_free(&scratch);
    return verdict;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const enum ms_verdict negated[] = {
        [MS_FALSE] = MS_TRUE, [MS_TRUE] = MS_FALSE, [MS_UNDEFINED] = MS_UNDEFINED};
    struct span in = span_of(data, size);
    struct ber_element element;
    enum ber_error_code why;
    struct ber_limits limits = {0};
    struct x413_Filter filter, opposite = {.choice = x413_Filter_not, .u.not = &filter};
    struct values values = {.count = 0};
    struct arena arena;
    size_t problems = 0, again = 0;
    arena_init(&arena, 1 << 22);
    if (ber_element_read(in, &element, &why) &&
        ber_decode(&x413_Filter_type, span_sub(in, 0, element.total), &arena, &limits, &filter, NULL)) {
        split(span_sub(in, element.total, in.len - element.total), &values);
        enum ms_verdict verdict = decide(&filter, &values, &arena, &problems);
        enum ms_verdict other = decide(&opposite, &values, &arena, &again);
        if (verdict != MS_UNDECIDED && other != MS_UNDECIDED)
            require(other == negated[verdict] && problems == again && (verdict != MS_UNDEFINED || problems));
    }
    arena_free(&arena);
    return 0;
}
