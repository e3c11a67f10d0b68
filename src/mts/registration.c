/*
 * What a user has registered (X.411 §8.4.1.1), beside what the configuration says of him: a message must be
 * deliverable by both; redirections and restricted delivery that he registers take the place of those.
 */
#include "base/alloc.h"
#include "mts/mts_private.h"
#include "schema/x411p3.h"

#define REGISTRATION_MEMORY ((size_t)4 * 1024 * 1024)

static bool wrong(struct error *err, const char *what) {
    return error_set(err, 1, "%s", what);
}

void registration_free(struct registration *registration) {
    if (!registration)
        return;
    arena_free(&registration->arena);
    mem_free(registration);
}

/* ---- restrictions ---- */

static bool fill_pattern(struct arena *arena, const struct x411_ORName *name, struct restriction *restriction,
                         struct error *err) {
    struct span text = oraddress_name_text(name, arena);
    restriction->pattern = arena_alloc(arena, sizeof *restriction->pattern);
    return restriction->pattern && text.data && pattern_parse(text, arena, restriction->pattern, err);
}

/* X.411 §8.4.1.1.1.7: a pattern leaves open what it does not name, an exact name nothing. */
static bool fill_exact(struct arena *arena, const struct x411_ORName *name, struct restriction *restriction,
                       struct error *err) {
    struct address address;
    if (address_is_empty(name))
        return wrong(err, "an exact name has no address");
    if (!address_of(arena, name, &address))
        return false;
    restriction->exact = address.key;
    return true;
}

static bool fill_name(struct arena *arena, const struct x411p3_ExactOrPattern *name,
                      struct restriction *restriction, struct error *err) {
    return name->choice == x411p3_ExactOrPattern_exact_match
               ? fill_exact(arena, &name->u.exact_match, restriction, err)
               : fill_pattern(arena, &name->u.pattern_match, restriction, err);
}

static bool fill_restrictions(struct arena *arena, const struct x411p3_Restriction *given, size_t count,
                              struct restriction **restrictions, struct error *err) {
    struct restriction *items = *restrictions = arena_array(arena, count + 1, sizeof *items);
    for (size_t i = 0; items && i < count; i++) {
        const struct x411p3_ExactOrPattern *name = given[i].source_name;
        items[i].permitted = given[i].permitted;
        if (!given[i].source_type.octets.data) /* the default */
            items[i].sources = MTS_ORIGINATED_BY | MTS_REDIRECTED_BY | MTS_DL_EXPANDED_BY;
        for (unsigned bit = 0; bit < 3; bit++)
            items[i].sources |= ber_bit(&given[i].source_type, bit) ? 1u << bit : 0;
        if (name && !fill_name(arena, name, &items[i], err))
            return false;
    }
    return items != NULL;
}

/* ---- classes ---- */

static void fill_types(const struct x411p3_EncodedInformationTypesConstraints *given,
                       struct user_redirection *class) {
    class->acceptable_eits = (struct name_set){given->acceptable_eits.items, given->acceptable_eits.count};
    class->exclusive_eits =
        (struct name_set){given->exclusively_acceptable_eits.items, given->exclusively_acceptable_eits.count};
    class->unacceptable_eits =
        (struct name_set){given->unacceptable_eits.items, given->unacceptable_eits.count};
}

static bool fill_class(struct arena *arena, const struct x411p3_MessageClass *given,
                       struct user_redirection *class, struct error *err) {
    static const enum mts_objects objects[] = {MTS_OBJECTS_MESSAGES, MTS_OBJECTS_REPORTS, MTS_OBJECTS_BOTH};
    if (given->encoded_information_types_constraints)
        fill_types(given->encoded_information_types_constraints, class);
    class->class.max_length = given->has_maximum_content_length ? (uint64_t)given->maximum_content_length : 0;
    class->class.objects =
        given->objects >= 0 && given->objects < 3 ? objects[given->objects] : MTS_OBJECTS_BOTH;
    class->labels = given->security_labels.items;
    class->label_count = given->security_labels.count;
    for (size_t i = 0; i < given->priority.count; i++)
        class->class.priorities |= 1u << priority_lane(given->priority.items[i]);
    class->applies_only_to_count = given->applies_only_to.count;
    return items_of_content_types(arena, &given->content_types, &class->content_types) &&
           fill_restrictions(arena, given->applies_only_to.items, given->applies_only_to.count,
                             &class->applies_only_to, err);
}

static bool fill_deliverable(struct registration *registration, struct error *err) {
    size_t count = registration->given.deliverable_class.count;
    registration->class_count = count;
    registration->classes = arena_array(&registration->arena, count + 1, sizeof *registration->classes);
    for (size_t i = 0; registration->classes && i < count; i++)
        if (!fill_class(&registration->arena, &registration->given.deliverable_class.items[i],
                        &registration->classes[i], err))
            return false;
    return registration->classes != NULL;
}

/* ---- redirections: one for each class, or one for all ---- */

static size_t count_redirections(const struct x411p3_Redirections *given) {
    size_t count = 0;
    for (size_t i = 0; i < given->count; i++)
        count += given->items[i].redirection_classes.count ? given->items[i].redirection_classes.count : 1;
    return count;
}

static bool is_alternate(struct arena *arena, const struct x411_ORName *alternate, struct span own,
                         struct error *err) {
    struct address address;
    if (!alternate)
        return true;
    if (address_is_empty(alternate))
        return wrong(err, "an alternate recipient has no address");
    return address_of(arena, alternate, &address) &&
           (!span_eq(address.key, own) || wrong(err, "an alternate recipient is the user himself"));
}

static bool fill_redirection(struct registration *registration,
                             const struct x411p3_RecipientRedirection *given, struct user_redirection **at,
                             struct error *err) {
    size_t count = given->redirection_classes.count;
    for (size_t i = 0; i < (count ? count : 1); i++, ++*at) {
        (*at)->alternate = given->recipient_assigned_alternate_recipient;
        if (count && !fill_class(&registration->arena, &given->redirection_classes.items[i], *at, err))
            return false;
    }
    return true;
}

static bool fill_redirections(struct registration *registration, struct span own, struct error *err) {
    const struct x411p3_Redirections *given = &registration->given.redirections;
    struct user_redirection *at;
    registration->redirection_count = count_redirections(given);
    at = registration->redirections =
        arena_array(&registration->arena, registration->redirection_count + 1, sizeof *at);
    for (size_t i = 0; at && i < given->count; i++)
        if (!is_alternate(&registration->arena, given->items[i].recipient_assigned_alternate_recipient, own,
                          err) ||
            !fill_redirection(registration, &given->items[i], &at, err))
            return false;
    return registration->redirections != NULL;
}

/* ---- the whole ---- */

static bool fill(struct registration *registration, struct span octets, struct span own, struct error *err) {
    static const struct ber_limits as_it_came = {.relax_bounds = true};
    const struct x411p3_RestrictedDelivery *restricted = &registration->given.restricted_delivery;
    struct span kept = arena_dup(&registration->arena, octets);
    if (!kept.data || !ber_decode(&x411p3_RegisterArgument_type, kept, &registration->arena, &as_it_came,
                                  &registration->given, NULL))
        return wrong(err, "what is registered does not decode");
    registration->restriction_count = restricted->count;
    return fill_deliverable(registration, err) && fill_redirections(registration, own, err) &&
           fill_restrictions(&registration->arena, restricted->items, restricted->count,
                             &registration->restrictions, err);
}

struct registration *registration_new(struct span octets, struct span own, struct error *err) {
    struct registration *registration = mem_alloc(sizeof *registration);
    if (!registration) {
        wrong(err, "no memory");
        return NULL;
    }
    *registration = (struct registration){0};
    arena_init(&registration->arena, REGISTRATION_MEMORY);
    struct error cause = {0};
    if (fill(registration, octets, own, &cause))
        return registration;
    error_set(err, 1, "%s", cause.code ? cause.text : "no memory");
    registration_free(registration);
    return NULL;
}
