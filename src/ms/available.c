#include "ms/available.h"

#include "asn1/ber.h"
#include "base/arena.h"
#include "schema/x413.h"
#include "schema/x420.h"

/* Attribute types that nothing here says of an entry, for what they tell of is not done: groups, drafts,
 * submissions, correlation, auto-actions. */
static bool is_served(const struct ms_attribute *attribute) {
    return attribute->entry_classes & 1u << x413_EntryClass_delivery;
}

static bool take_attributes(enum ms_edition edition, struct arena *arena, struct x413_MSBindResult *result) {
    struct x413_MSBindResult_available_attribute_types *types = &result->available_attribute_types;
    const struct ms_attribute *attribute;
    types->items = arena_array(arena, ms_attribute_count(), sizeof *types->items);
    for (size_t i = 0; types->items && (attribute = ms_attribute_at(i)); i++)
        if (attribute->edition <= edition && is_served(attribute))
            types->items[types->count++] = attribute->oid;
    return types->items != NULL;
}

static bool take_rules(enum ms_edition edition, struct arena *arena, struct x413_MSBindResult *result) {
    struct x413_MSBindResult_matching_rules_supported *rules = &result->matching_rules_supported;
    if (edition == MS_1988)
        return true; /* they are told since 1994 */
    rules->items = arena_array(arena, MS_MATCHING_RULES, sizeof *rules->items);
    for (unsigned i = 1; rules->items && i < MS_MATCHING_RULES; i++)
        rules->items[rules->count++] = ms_matching_rule_row((enum ms_matching_rule)i)->oid;
    return rules->items != NULL;
}

bool ms_available(enum ms_edition edition, struct buf *out) {
    static x413_EntryClass classes[] = {x413_EntryClass_delivery, x413_EntryClass_submission,
                                        x413_EntryClass_stored_message};
    struct span contents[] = {x420_id_mct_p2_1984, x420_id_mct_p2_1988};
    struct x413_MSBindResult result = {.content_types_supported = {contents, 2}};
    struct arena arena;
    arena_init(&arena, (size_t)64 * 1024);
    result.responder_credentials.choice = x411_Credentials_simple;
    result.responder_credentials.u.simple.choice = x411_Password_octet_string;
    result.responder_credentials.u.simple.u.octet_string = SPAN_LIT("");
    if (edition != MS_1988) {
        result.entry_classes_supported.items = classes;
        result.entry_classes_supported.count = sizeof classes / sizeof *classes;
    }
    bool done = take_attributes(edition, &arena, &result) && take_rules(edition, &arena, &result) &&
                ber_encode(&x413_MSBindResult_type, &result, out, NULL);
    arena_free(&arena);
    return done;
}
