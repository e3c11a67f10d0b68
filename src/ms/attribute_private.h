/* The form of the tables of attribute types. */
#ifndef MS_ATTRIBUTE_PRIVATE_H
#define MS_ATTRIBUTE_PRIVATE_H

#include "asn1/table.h"
#include "ms/attribute.h"
#include "schema/x413.h"

#define OCTETS(...)                                                                                          \
    { (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}) }

/* Sets of entry types and of entry classes. */
#define DELIVERED   (1u << x413_EntryType_delivered_message)
#define REPORT      (1u << x413_EntryType_delivered_report)
#define RETURNED    (1u << x413_EntryType_returned_content)
#define SUBMITTED   (1u << x413_EntryType_submitted_message)
#define PROBE       (1u << x413_EntryType_submitted_probe)
#define DRAFT       (1u << x413_EntryType_draft_message)
#define ACTION      (1u << x413_EntryType_auto_action_event)
#define CLASS(name) (1u << x413_EntryClass_##name)
#define STORED      (CLASS(delivery) | CLASS(submission) | CLASS(draft) | CLASS(auto_action_log))
#define LOGGED      (CLASS(delivery_log) | CLASS(submission_log))
#define BOTH        (STORED | LOGGED)
/* The classes in which entries of some types are. */
#define HOMES(types)                                                                                         \
    (((types) & (DELIVERED | REPORT | RETURNED) ? CLASS(delivery) : 0) |                                     \
     ((types) & (DELIVERED | REPORT) ? CLASS(delivery_log) : 0) |                                            \
     ((types) & (SUBMITTED | PROBE) ? CLASS(submission) | CLASS(submission_log) : 0) |                       \
     ((types)&DRAFT ? CLASS(draft) : 0) | ((types)&ACTION ? CLASS(auto_action_log) : 0))

#define SINGLE false
#define MULTI  true

/* Equality, ordering and substrings rule, and the others. */
#define RULE(rule) (UINT64_C(1) << (rule))
#define RULES(equal, order, part, others)                                                                    \
    .equality = (equal), .ordering = (order), .substrings = (part), .other_matches = (others)
#define EQUAL_BY(rule) RULES(rule, MS_NO_MATCH, MS_NO_MATCH, 0)
#define NO_RULES       EQUAL_BY(MS_NO_MATCH)
#define NUMBER_RULES   RULES(MS_INTEGER_MATCH, MS_INTEGER_ORDERING_MATCH, MS_NO_MATCH, 0)
#define TIME_RULES     RULES(MS_UTC_TIME_MATCH, MS_UTC_TIME_ORDERING_MATCH, MS_NO_MATCH, 0)
#define TEXT_RULES     RULES(MS_STRING_MATCH, MS_NO_MATCH, MS_SUBSTRINGS_MATCH, 0)
#define NAME_RULES(kind)                                                                                     \
    RULES(MS_##kind##_MATCH, MS_NO_MATCH, MS_NO_MATCH,                                                       \
          RULE(MS_##kind##_ELEMENTS_MATCH) | RULE(MS_##kind##_SUBSTRING_ELEMENTS_MATCH) |                    \
              RULE(MS_##kind##_SINGLE_ELEMENT_MATCH))
#define OR_NAME_RULES             NAME_RULES(OR_NAME)
#define OR_DESCRIPTOR_RULES       NAME_RULES(OR_DESCRIPTOR)
#define RECIPIENT_SPECIFIER_RULES NAME_RULES(RECIPIENT_SPECIFIER)

#define ATTRIBUTE(name_, oid_, type_, values_, edition_, types_, where_, ...)                                \
    {                                                                                                        \
        .name = (name_), .oid = oid_, .type = (type_), .origin = ORIGIN, .edition = (edition_),              \
        .multi_valued = (values_), .entry_types = (types_), .entry_classes = HOMES(types_) & (where_),       \
        __VA_ARGS__                                                                                          \
    }

/* Each is sorted by identifier. */
extern const struct ms_attribute ms_general_attributes[], ms_ipm_attributes[];
extern const size_t ms_general_attribute_count, ms_ipm_attribute_count;

#endif
