/* Summarize (X.413 §8.2.2): how many entries, from which number to which, and how often each value of some
 * attributes. */
#include "ms/operation_private.h"

/* Most different values of one attribute: what has more is not for summaries. */
#define VALUES_MOST 1024

struct summary {
    const struct ms_attribute *attribute;
    int64_t absent;
    struct x413_Summary_present_item *values;
    size_t count;
};

struct summarizing {
    struct ms_operation *operation;
    int64_t count;
    uint64_t lowest, highest;
    struct summary *summaries;
    size_t summary_count;
    bool failed;
};

/* Attributes whose values come again in many entries. X.413's own table was not at hand: these are all that
 * are truths, sets of flags, object identifiers, and numbers that count nothing. */
static bool is_summarized(const struct ms_attribute *attribute) {
    return attribute->equality == MS_BOOLEAN_MATCH || attribute->equality == MS_BIT_STRING_MATCH ||
           attribute->equality == MS_OBJECT_IDENTIFIER_MATCH ||
           (attribute->equality == MS_INTEGER_MATCH && !strstr(attribute->name, "sequence-number") &&
            !strstr(attribute->name, "entry-") && !strstr(attribute->name, "period")) ||
           !strcmp(attribute->name, "ms-entry-type");
}

static bool prepare(struct summarizing *summarizing, const struct x413_SummarizeArgument *argument) {
    struct ms_operation *operation = summarizing->operation;
    size_t count = argument->summary_requests.count;
    summarizing->summaries = arena_array(&operation->arena, count + 1, sizeof *summarizing->summaries);
    if (!summarizing->summaries)
        return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    for (size_t i = 0; i < count; i++) {
        struct span type = argument->summary_requests.items[i];
        const struct ms_attribute *attribute = ms_find_attribute(operation, type);
        if (!attribute)
            return false;
        if (!is_summarized(attribute))
            return ms_fail_attribute(operation, x413_AttributeProblem_inappropriate_for_operation, type,
                                     (struct span){NULL, 0});
        summarizing->summaries[i].attribute = attribute;
    }
    summarizing->summary_count = count;
    return true;
}

static bool note_value(struct summarizing *summarizing, struct summary *summary, struct span value) {
    struct ms_operation *operation = summarizing->operation;
    for (size_t i = 0; i < summary->count; i++)
        if (span_eq(summary->values[i].value, value)) {
            summary->values[i].count++;
            return true;
        }
    if (!summary->values)
        summary->values = arena_array(&operation->arena, VALUES_MOST, sizeof *summary->values);
    struct span copy = arena_dup(&operation->arena, value);
    if (!summary->values || !copy.data || summary->count == VALUES_MOST)
        return ms_fail_service(operation, x413_ServiceProblem_unwilling_to_perform,
                               "a summary with too many values");
    summary->values[summary->count++] =
        (struct x413_Summary_present_item){.type = summary->attribute->oid, .value = copy, .count = 1};
    return true;
}

static bool note(void *context, const struct store_entry *entry) {
    struct summarizing *summarizing = context;
    if (!summarizing->count++)
        summarizing->lowest = entry->sequence;
    summarizing->highest = entry->sequence;
    arena_reset(&summarizing->operation->values);
    for (size_t i = 0; i < summarizing->summary_count && !summarizing->failed; i++) {
        struct summary *summary = &summarizing->summaries[i];
        struct ms_shown shown = {.attribute = NULL};
        summarizing->failed = !ms_show(summarizing->operation, entry, summary->attribute, &shown);
        summary->absent += !shown.count;
        for (size_t j = 0; j < shown.count && !summarizing->failed; j++)
            summarizing->failed = !note_value(summarizing, summary, shown.values[j]);
    }
    return !summarizing->failed;
}

static bool put_summary(struct summarizing *summarizing, uint64_t next) {
    struct ms_operation *operation = summarizing->operation;
    struct x413_Span span = {.lowest = (int64_t)summarizing->lowest,
                             .highest = (int64_t)summarizing->highest};
    struct x413_SummarizeResult result = {.has_next = next,
                                          .next = (int64_t)next,
                                          .count = summarizing->count,
                                          .span = summarizing->count ? &span : NULL};
    result.summaries.items =
        arena_array(&operation->arena, summarizing->summary_count + 1, sizeof *result.summaries.items);
    if (!result.summaries.items)
        return ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
    for (size_t i = 0; i < summarizing->summary_count; i++) {
        const struct summary *summary = &summarizing->summaries[i];
        result.summaries.items[i] = (struct x413_Summary){.has_absent = summary->absent > 0,
                                                          .absent = summary->absent,
                                                          .present = {summary->values, summary->count}};
    }
    result.summaries.count = summarizing->summary_count;
    if (!result.summaries.count)
        result.summaries.items = NULL;
    return ber_encode(&x413_SummarizeResult_type, &result, &operation->reply->octets, NULL) ||
           ms_fail_service(operation, x413_ServiceProblem_unavailable, "no memory");
}

bool ms_summarize(struct ms_operation *operation) {
    struct x413_SummarizeArgument argument = {0};
    struct ms_selection selection;
    struct summarizing summarizing = {.operation = operation};
    uint64_t next;
    return ms_read_argument(operation, &x413_SummarizeArgument_type, &argument) &&
           ms_check_extensions(operation, &argument.summarize_extensions) &&
           ms_read_selector(operation, &argument.selector, argument.entry_class, &selection) &&
           prepare(&summarizing, &argument) &&
           ms_run_selection(operation, &selection, note, &summarizing, &next) && !summarizing.failed &&
           put_summary(&summarizing, next);
}
