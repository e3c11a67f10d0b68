#include "ms/attribute.h"

#include "ms/attribute_private.h"

static const struct ms_attribute *in_table(const struct ms_attribute *table, size_t count, struct span oid) {
    size_t low = 0;
    while (low < count) {
        size_t middle = low + (count - low) / 2;
        int order = span_cmp(table[middle].oid, oid);
        if (order == 0)
            return &table[middle];
        if (order < 0)
            low = middle + 1;
        else
            count = middle;
    }
    return NULL;
}

const struct ms_attribute *ms_attribute_by_oid(struct span oid) {
    const struct ms_attribute *found = in_table(ms_general_attributes, ms_general_attribute_count, oid);
    return found ? found : in_table(ms_ipm_attributes, ms_ipm_attribute_count, oid);
}

size_t ms_attribute_count(void) {
    return ms_general_attribute_count + ms_ipm_attribute_count;
}

const struct ms_attribute *ms_attribute_at(size_t index) {
    if (index < ms_general_attribute_count)
        return &ms_general_attributes[index];
    index -= ms_general_attribute_count;
    return index < ms_ipm_attribute_count ? &ms_ipm_attributes[index] : NULL;
}

bool ms_attribute_has_rule(const struct ms_attribute *attribute, enum ms_matching_rule rule) {
    return ms_matching_rule_row(rule) &&
           (attribute->equality == rule || attribute->ordering == rule || attribute->substrings == rule ||
            attribute->other_matches & RULE(rule));
}

unsigned ms_entry_classes(int64_t entry_class) {
    if (entry_class == x413_EntryClass_stored_message)
        return CLASS(delivery) | CLASS(submission) | CLASS(draft);
    if (entry_class == x413_EntryClass_message_log)
        return LOGGED;
    return entry_class >= x413_EntryClass_delivery && entry_class <= x413_EntryClass_auto_action_log
               ? 1u << entry_class
               : 0;
}

bool ms_attribute_in_class(const struct ms_attribute *attribute, int64_t entry_class) {
    return attribute->entry_classes & ms_entry_classes(entry_class);
}
