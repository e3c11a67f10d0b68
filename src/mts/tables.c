/* Building the tables. What is removed or replaced leaves its memory in the arena until the next reload. */
#include <stdlib.h>

#include "base/alloc.h"
#include "labels/label.h"
#include "mts/mts_private.h"

enum { SCRATCH_LIMIT = 1 << 20, FIRST_BUCKETS = 256, BAD = 1 };
enum { ANY_SOURCE = MTS_ORIGINATED_BY | MTS_REDIRECTED_BY | MTS_DL_EXPANDED_BY };
#define TABLES_LIMIT ((size_t)8 << 30)

static bool out_of_memory(struct error *err) {
    return error_set(err, BAD, "out of memory");
}

/* A copy of a C string; NULL stays NULL. False without memory. */
static bool copy_text(struct arena *arena, const char *from, const char **to) {
    *to = NULL;
    if (!from)
        return true;
    *to = (const char *)arena_dup(arena, span_str(from)).data;
    return *to;
}

static bool read_optional(struct arena *arena, const char *text, struct x411_ORName **name,
                          struct error *err) {
    *name = NULL;
    if (!text)
        return true;
    *name = arena_alloc(arena, sizeof **name);
    if (!*name)
        return out_of_memory(err);
    text = (const char *)arena_dup(arena, span_str(text)).data;
    if (!text)
        return out_of_memory(err);
    return address_parse(arena, text, *name, err) || error_prefix(err, "%s", text);
}

/* Parsed values may point into the text: it is copied into the arena first. */
static bool read_pattern(struct arena *arena, const char *text, struct pattern *pattern, struct error *err) {
    struct span copy = arena_dup(arena, span_str(text));
    if (!copy.data)
        return out_of_memory(err);
    return pattern_parse(copy, arena, pattern, err) || error_prefix(err, "%s", text);
}

static bool read_self(struct mts_tables *tables, const struct mts_self *self, struct error *err) {
    struct span domain = arena_dup(&tables->arena, span_str(self->domain ? self->domain : ""));
    tables->self = *self;
    tables->mta_name = arena_dup(&tables->arena, span_str(self->mta_name ? self->mta_name : ""));
    if (!domain.data || !tables->mta_name.data)
        return out_of_memory(err);
    if (tables->mta_name.len < 1 || tables->mta_name.len > x411_ub_mta_name_length)
        return error_set(err, BAD, "the MTA name must have 1 to %d characters", (int)x411_ub_mta_name_length);
    if (!domain_parse(domain, &tables->arena, &tables->domain, err) ||
        !pattern_parse(domain, &tables->arena, &tables->own, err))
        return error_prefix(err, "domain");
    tables->self.domain = (const char *)domain.data;
    tables->self.mta_name = (const char *)tables->mta_name.data;
    if (!tables->self.max_recipients)
        tables->self.max_recipients = x411_ub_recipients;
    if (!tables->self.redirections)
        tables->self.redirections = x411_ub_redirections;
    return true;
}

/* The address of RFC 1328 §3.1: 1984 must be able to express it, and its own attributes leave room. */
static bool read_rfc1328_address(struct mts_tables *tables, const char *given, struct error *err) {
    struct span text = arena_dup(&tables->arena, span_str(given ? given : ""));
    struct x411_ORAddress wire;
    tables->self.rfc1328_address = NULL;
    if (!given)
        return true;
    tables->rfc1328_address = arena_alloc(&tables->arena, sizeof *tables->rfc1328_address);
    if (!text.data || !tables->rfc1328_address)
        return out_of_memory(err);
    if (!oraddress_parse(text, &tables->arena, tables->rfc1328_address, err) ||
        !oraddress_build(tables->rfc1328_address, &tables->arena, &wire, err))
        return error_prefix(err, "the address for RFC 1328");
    tables->self.rfc1328_address = (const char *)text.data;
    return (tables->rfc1328_address->count && !wire.extension_attributes.count &&
            !wire.built_in_domain_defined_attributes.count) ||
           error_set(err, BAD,
                     "the address for RFC 1328 must be one of 1984 without domain-defined attributes");
}

const struct mts_self *mts_self_of(const struct mts_tables *tables) {
    return &tables->self;
}

struct mts_tables *mts_tables_new(const struct mts_self *self, struct error *err) {
    struct mts_tables *tables = mem_alloc(sizeof *tables);
    if (!tables) {
        out_of_memory(err);
        return NULL;
    }
    arena_init(&tables->arena, TABLES_LIMIT);
    tables->entry_buckets = FIRST_BUCKETS;
    tables->entries = mem_alloc(FIRST_BUCKETS * sizeof *tables->entries);
    if (tables->entries && read_self(tables, self, err) &&
        read_rfc1328_address(tables, self->rfc1328_address, err))
        return tables;
    if (!tables->entries)
        out_of_memory(err);
    mts_tables_free(tables);
    return NULL;
}

static void forget_registration(struct entry *entry) {
    if (!entry->user)
        return;
    registration_free(entry->user->registration);
    entry->user->registration = NULL;
}

void mts_tables_free(struct mts_tables *tables) {
    if (!tables)
        return;
    for (size_t i = 0; tables->entries && i < tables->entry_buckets; i++)
        for (struct entry *entry = tables->entries[i]; entry; entry = entry->next)
            forget_registration(entry);
    mem_free(tables->entries);
    mem_free(tables->hops);
    arena_free(&tables->arena);
    mem_free(tables);
}

/* ---- hops and routes ---- */

static bool read_bilateral(struct mts_tables *tables, const char *hex, struct hop *hop, struct error *err) {
    struct ber_element element;
    size_t len = hex ? strlen(hex) / 2 : 0;
    if (!hex)
        return true;
    uint8_t *octets = arena_alloc(&tables->arena, len ? len : 1);
    if (!octets)
        return out_of_memory(err);
    for (size_t i = 0; i < len; i++) {
        char digits[3] = {hex[2 * i], hex[2 * i + 1], 0}, *end;
        octets[i] = (uint8_t)strtoul(digits, &end, 16);
        if (*end)
            return error_set(err, BAD, "bilateral information: '%s' is not hexadecimal", digits);
    }
    struct span value = span_of(octets, len);
    if (!ber_element_read(value, &element, NULL) || element.total != len)
        return error_set(err, BAD, "bilateral information: not one BER element");
    /* The whole PerDomainBilateralInformation, for the hop's domain. */
    struct x411_PerDomainBilateralInformation info = {.country_name = hop->domain.country_name,
                                                      .bilateral_information = value};
    const struct x411_PrivateDomainIdentifier *prmd = hop->domain.private_domain_identifier;
    if (prmd) {
        info.domain.choice = x411_BilateralDomain_domain_private_domain;
        info.domain.u.private_domain.administration_domain_name = hop->domain.administration_domain_name;
        info.domain.u.private_domain.private_domain_identifier = *prmd;
    } else {
        info.domain.choice = x411_BilateralDomain_domain_administration_domain_name;
        info.domain.u.administration_domain_name = hop->domain.administration_domain_name;
    }
    return ber_encode_arena(&x411_PerDomainBilateralInformation_type, &info, &tables->arena, &hop->bilateral,
                            NULL) ||
           out_of_memory(err);
}

static bool read_patterns(struct arena *arena, const struct mts_names *given, struct pattern **patterns,
                          size_t *count, struct error *err) {
    *patterns = arena_array(arena, given->count + 1, sizeof **patterns);
    *count = given->count;
    if (!*patterns)
        return out_of_memory(err);
    for (size_t i = 0; i < given->count; i++)
        if (!read_pattern(arena, given->items[i], &(*patterns)[i], err))
            return false;
    return true;
}

static bool fill_hop(struct mts_tables *tables, const struct mts_hop *given, struct hop *hop,
                     struct error *err) {
    struct arena *arena = &tables->arena;
    const char *domain;
    *hop = (struct hop){.given = *given, .domain = tables->domain};
    if (!copy_text(arena, given->name, &hop->given.name) || !copy_text(arena, given->domain, &domain) ||
        !copy_text(arena, given->mta_name ? given->mta_name : given->name, &hop->given.mta_name))
        return out_of_memory(err);
    if (domain && !domain_parse(span_str(domain), arena, &hop->domain, err))
        return false;
    hop->foreign = !domain_equal(&hop->domain, &tables->domain);
    hop->given.domain = domain;
    hop->space = tables->own;
    if (domain && !read_pattern(arena, domain, &hop->space, err))
        return false;
    hop->given.content_types = hop->given.eits = (struct mts_names){0};
    hop->given.originators = hop->given.destinations = (struct mts_names){0};
    return name_set_read(arena, &given->content_types, true, &hop->content_types, err) &&
           name_set_read(arena, &given->eits, false, &hop->eits, err) &&
           read_patterns(arena, &given->originators, &hop->originators, &hop->originator_count, err) &&
           read_patterns(arena, &given->destinations, &hop->destinations, &hop->destination_count, err) &&
           read_bilateral(tables, given->bilateral, hop, err);
}

bool mts_tables_add_hop(struct mts_tables *tables, const struct mts_hop *given, struct error *err) {
    struct hop hop;
    if (!given->name || mts_hop_number(tables, given->name) >= 0)
        return error_set(err, BAD, "peer %s is there already", given->name ? given->name : "without a name");
    if (!fill_hop(tables, given, &hop, err))
        return error_prefix(err, "peer %s", given->name);
    if ((tables->hop_count & (tables->hop_count - 1)) == 0) {
        size_t room = tables->hop_count ? 2 * tables->hop_count : 1;
        struct hop *hops = mem_resize(tables->hops, room * sizeof *hops);
        if (!hops)
            return out_of_memory(err);
        tables->hops = hops;
    }
    tables->hops[tables->hop_count++] = hop;
    return true;
}

static int compare_choices(const void *a, const void *b) {
    const struct choice *left = a, *right = b;
    return (left->rank > right->rank) - (left->rank < right->rank);
}

static bool fill_choices(struct mts_tables *tables, const struct mts_route *given, struct route *route,
                         struct error *err) {
    if (given->action == MTS_ROUTE_TRANSFER && !given->choice_count)
        return error_set(err, BAD, "no next hop is given");
    route->choices = arena_array(&tables->arena, given->choice_count + 1, sizeof *route->choices);
    if (!route->choices)
        return out_of_memory(err);
    route->choice_count = given->choice_count;
    for (size_t i = 0; i < given->choice_count; i++) {
        const struct mts_choice *choice = &given->choices[i];
        route->choices[i] =
            (struct choice){mts_hop_number(tables, choice->hop), choice->rank, choice->weight};
        if (choice->weight == 0)
            return error_set(err, BAD, "the weight of '%s' is 0: a share is at least 1", choice->hop);
        if (route->choices[i].hop < 0)
            return error_set(err, BAD, "there is no peer '%s'", choice->hop);
    }
    qsort(route->choices, route->choice_count, sizeof *route->choices, compare_choices);
    return true;
}

bool mts_tables_add_route(struct mts_tables *tables, const struct mts_route *given, struct error *err) {
    struct route *route = arena_alloc(&tables->arena, sizeof *route);
    if (!route)
        return out_of_memory(err);
    const char *pattern = given->pattern ? given->pattern : "";
    route->action = given->action;
    route->reason = given->reason;
    route->diagnostic = given->diagnostic;
    if (!copy_text(&tables->arena, pattern, &route->text) ||
        !copy_text(&tables->arena, given->supplementary, &route->supplementary))
        return out_of_memory(err);
    if (!read_pattern(&tables->arena, pattern, &route->pattern, err) ||
        !fill_choices(tables, given, route, err))
        return error_prefix(err, "route %s", pattern);
    route_insert(tables, route);
    return true;
}

/* ---- users, lists, aliases ---- */

const struct entry *entry_find(const struct mts_tables *tables, struct span key) {
    const struct entry *entry = tables->entries[span_hash(key) & (tables->entry_buckets - 1)];
    while (entry && !span_eq(entry->key, key))
        entry = entry->next;
    return entry;
}

/* Twice the buckets when they fill; without memory the chains only get longer. */
static void more_buckets(struct mts_tables *tables) {
    size_t count = 2 * tables->entry_buckets;
    struct entry **entries = mem_alloc(count * sizeof *entries);
    if (!entries)
        return;
    for (size_t i = 0; i < tables->entry_buckets; i++)
        for (struct entry *entry = tables->entries[i], *next; entry; entry = next) {
            struct entry **at = &entries[span_hash(entry->key) & (count - 1)];
            next = entry->next;
            entry->next = *at;
            *at = entry;
        }
    mem_free(tables->entries);
    tables->entries = entries;
    tables->entry_buckets = count;
}

static bool remove_key(struct mts_tables *tables, struct span key) {
    struct entry **at = &tables->entries[span_hash(key) & (tables->entry_buckets - 1)];
    while (*at && !span_eq((*at)->key, key))
        at = &(*at)->next;
    struct entry *entry = *at;
    if (!entry)
        return false;
    *at = entry->next;
    tables->entry_count--;
    forget_registration(entry);
    return true;
}

static struct entry *entry_new(struct arena *arena, const char *text, struct x411_ORName *name,
                               struct error *err) {
    struct address address;
    struct x411_ORName *parsed;
    struct entry *entry = arena_alloc(arena, sizeof *entry);
    if (!text)
        error_set(err, BAD, "the address is missing");
    if (!text || !read_optional(arena, text, &parsed, err))
        return NULL;
    *name = *parsed;
    if (!entry || !address_of(arena, name, &address) ||
        !(entry->text = (const char *)address_text(arena, name).data)) {
        out_of_memory(err);
        return NULL;
    }
    entry->key = address.key;
    return entry;
}

static bool entry_add(struct mts_tables *tables, struct entry *entry, struct error *err) {
    const struct entry *there = entry_find(tables, entry->key);
    if (there)
        return error_set(err, BAD, "%s has this address already: %.150s",
                         there->user ? "a user"
                         : there->dl ? "a list"
                                     : "an alias",
                         there->text);
    if (tables->entry_count >= 2 * tables->entry_buckets)
        more_buckets(tables);
    struct entry **at = &tables->entries[span_hash(entry->key) & (tables->entry_buckets - 1)];
    entry->next = *at;
    *at = entry;
    tables->entry_count++;
    return true;
}

static bool fill_restrictions(struct arena *arena, const struct mts_restriction *given, size_t count,
                              struct restriction **restrictions, struct error *err) {
    *restrictions = arena_array(arena, count + 1, sizeof **restrictions);
    if (!*restrictions)
        return out_of_memory(err);
    for (size_t i = 0; i < count; i++) {
        struct restriction *restriction = &(*restrictions)[i];
        *restriction = (struct restriction){.permitted = given[i].permitted,
                                            .sources = given[i].sources ? given[i].sources : ANY_SOURCE};
        if (!given[i].pattern)
            continue;
        restriction->pattern = arena_alloc(arena, sizeof *restriction->pattern);
        if (!restriction->pattern)
            return out_of_memory(err);
        if (!read_pattern(arena, given[i].pattern, restriction->pattern, err))
            return false;
    }
    return true;
}

static bool fill_labels(struct arena *arena, const struct mts_names *given,
                        struct x411_SecurityLabel **labels, size_t *count, struct error *err) {
    *labels = arena_array(arena, given->count + 1, sizeof **labels);
    if (!*labels)
        return out_of_memory(err);
    for (*count = 0; *count < given->count; ++*count)
        if (!label_parse(arena_dup(arena, span_str(given->items[*count])), arena, &(*labels)[*count], err))
            return false;
    return true;
}

static bool fill_redirection(struct arena *arena, const struct mts_redirection *given,
                             struct user_redirection *redirection, struct error *err) {
    const struct mts_class *class = &given->class;
    redirection->class = (struct mts_class){
        .max_length = class->max_length, .priorities = class->priorities, .objects = class->objects};
    redirection->applies_only_to_count = class->applies_only_to_count;
    return name_set_read(arena, &class->content_types, true, &redirection->content_types, err) &&
           name_set_read(arena, &class->acceptable_eits, false, &redirection->acceptable_eits, err) &&
           name_set_read(arena, &class->exclusive_eits, false, &redirection->exclusive_eits, err) &&
           name_set_read(arena, &class->unacceptable_eits, false, &redirection->unacceptable_eits, err) &&
           fill_labels(arena, &class->labels, &redirection->labels, &redirection->label_count, err) &&
           fill_restrictions(arena, class->applies_only_to, class->applies_only_to_count,
                             &redirection->applies_only_to, err) &&
           read_optional(arena, given->alternate, &redirection->alternate, err);
}

static bool fill_redirections(struct arena *arena, const struct mts_user *given, struct user *user,
                              struct error *err) {
    user->redirection_count = given->redirection_count;
    user->redirections = arena_array(arena, given->redirection_count + 1, sizeof *user->redirections);
    if (!user->redirections)
        return out_of_memory(err);
    for (size_t i = 0; i < given->redirection_count; i++)
        if (!fill_redirection(arena, &given->redirections[i], &user->redirections[i], err))
            return false;
    return true;
}

static bool fill_user(struct arena *arena, struct entry *entry, const struct mts_user *given,
                      struct error *err) {
    struct user *user = entry->user = arena_alloc(arena, sizeof *user);
    if (!user)
        return out_of_memory(err);
    user->given = *given;
    if (!copy_text(arena, given->mailbox, &user->given.mailbox))
        return out_of_memory(err);
    user->given.address = entry->text;
    user->given.redirections = NULL;
    user->given.restrictions = NULL;
    user->restriction_count = given->restriction_count;
    user->given.domain_alternate = NULL;
    user->given.content_types = user->given.eits = user->given.labels = (struct mts_names){0};
    return name_set_read(arena, &given->content_types, true, &user->content_types, err) &&
           name_set_read(arena, &given->eits, false, &user->eits, err) &&
           read_optional(arena, given->domain_alternate, &user->domain_alternate, err) &&
           fill_labels(arena, &given->labels, &user->labels, &user->label_count, err) &&
           fill_redirections(arena, given, user, err) &&
           fill_restrictions(arena, given->restrictions, given->restriction_count, &user->restrictions, err);
}

bool mts_tables_add_user(struct mts_tables *tables, const struct mts_user *given, struct error *err) {
    struct x411_ORName name;
    struct entry *entry = entry_new(&tables->arena, given->address, &name, err);
    if (entry && fill_user(&tables->arena, entry, given, err) && entry_add(tables, entry, err))
        return true;
    return error_prefix(err, "user %s", given->address ? given->address : "");
}

static bool fill_members(struct arena *arena, const struct mts_dl *given, struct dl *dl, struct error *err) {
    dl->members = arena_array(arena, given->member_count + 1, sizeof *dl->members);
    dl->member_keys = arena_array(arena, given->member_count + 1, sizeof *dl->member_keys);
    if (!dl->members || !dl->member_keys)
        return out_of_memory(err);
    for (size_t i = 0; i < given->member_count; i++) {
        struct address address;
        struct span text = arena_dup(arena, span_str(given->members[i]));
        if (!text.data)
            return out_of_memory(err);
        if (!oraddress_parse_name(text, arena, &dl->members[i], err))
            return error_prefix(err, "%s", given->members[i]);
        if (address_is_empty(&dl->members[i]) && !dl->members[i].directory_name)
            return error_set(err, BAD, "a member without an address");
        if (!address_of(arena, &dl->members[i], &address))
            return out_of_memory(err);
        dl->member_keys[i] = address.key;
    }
    dl->member_count = given->member_count;
    return true;
}

static bool fill_dl(struct arena *arena, struct entry *entry, const struct mts_dl *given,
                    const struct x411_ORName *name, struct error *err) {
    struct dl *dl = entry->dl = arena_alloc(arena, sizeof *dl);
    if (!dl)
        return out_of_memory(err);
    *dl = (struct dl){.name = *name, .key = entry->key, .given = *given};
    dl->given.address = entry->text;
    dl->given.members = dl->given.submitters = NULL;
    dl->given.owner = NULL;
    dl->submitters = arena_array(arena, given->submitter_count + 1, sizeof *dl->submitters);
    if (!dl->submitters)
        return out_of_memory(err);
    for (size_t i = 0; i < given->submitter_count; i++)
        if (!read_pattern(arena, given->submitters[i], &dl->submitters[i], err))
            return false;
    dl->submitter_count = given->submitter_count;
    return read_optional(arena, given->owner, &dl->owner, err) && fill_members(arena, given, dl, err);
}

bool mts_tables_add_dl(struct mts_tables *tables, const struct mts_dl *given, struct error *err) {
    struct x411_ORName name;
    struct entry *entry = entry_new(&tables->arena, given->address, &name, err);
    if (entry && fill_dl(&tables->arena, entry, given, &name, err) && entry_add(tables, entry, err))
        return true;
    return error_prefix(err, "list %s", given->address ? given->address : "");
}

bool mts_tables_add_alias(struct mts_tables *tables, const char *address, const char *target,
                          struct error *err) {
    struct x411_ORName name;
    struct entry *entry = entry_new(&tables->arena, address, &name, err);
    if (entry && read_optional(&tables->arena, target, &entry->alias, err) && entry->alias &&
        entry_add(tables, entry, err))
        return true;
    return error_prefix(err, "alias %s", address ? address : "");
}

bool mts_tables_set_catch_all(struct mts_tables *tables, const char *address, struct error *err) {
    return read_optional(&tables->arena, address, &tables->catch_all, err) || error_prefix(err, "catch-all");
}

bool mts_tables_remove(struct mts_tables *tables, const char *text) {
    struct arena arena;
    struct x411_ORName name;
    struct address address;
    arena_init(&arena, SCRATCH_LIMIT);
    bool found = address_parse(&arena, text, &name, NULL) && address_of(&arena, &name, &address) &&
                 remove_key(tables, address.key);
    arena_free(&arena);
    return found;
}

bool mts_tables_register(struct mts_tables *tables, const char *text, struct span octets, struct error *err) {
    struct arena arena;
    struct x411_ORName name;
    struct address address;
    struct registration *registration = NULL;
    const struct entry *entry = NULL;
    arena_init(&arena, SCRATCH_LIMIT);
    if (address_parse(&arena, text, &name, err) && address_of(&arena, &name, &address))
        entry = entry_find(tables, address.key);
    bool done =
        entry && entry->user && (!octets.len || (registration = registration_new(octets, entry->key, err)));
    arena_free(&arena);
    if (!done && !(entry && entry->user))
        error_set(err, BAD, "no user has this address");
    if (!done)
        return false;
    registration_free(entry->user->registration);
    entry->user->registration = registration;
    return true;
}

/* ---- reading ---- */

const struct mts_schedule *mts_schedule_of(const struct mts_tables *tables, enum mts_priority priority) {
    return &tables->self.schedules[(unsigned)priority <= MTS_URGENT ? priority : MTS_NORMAL];
}

int mts_hop_number(const struct mts_tables *tables, const char *name) {
    for (size_t i = 0; i < tables->hop_count; i++)
        if (strcmp(tables->hops[i].given.name, name) == 0)
            return (int)i;
    return -1;
}

const struct mts_hop *mts_hop_of(const struct mts_tables *tables, int number) {
    return number >= 0 && (size_t)number < tables->hop_count ? &tables->hops[number].given : NULL;
}

size_t mts_hop_count(const struct mts_tables *tables) {
    return tables->hop_count;
}

const char *mts_mailbox_of(const struct mts_tables *tables, const char *text) {
    struct arena arena;
    struct x411_ORName name;
    struct address address;
    const struct entry *entry = NULL;
    arena_init(&arena, SCRATCH_LIMIT);
    if (address_parse(&arena, text, &name, NULL) && address_of(&arena, &name, &address))
        entry = entry_find(tables, address.key);
    arena_free(&arena);
    return entry && entry->user ? entry->user->given.mailbox : NULL;
}

bool mts_is_ours(const struct mts_tables *tables, const char *text) {
    struct arena arena;
    struct x411_ORName name;
    struct address address;
    struct decision decision;
    arena_init(&arena, SCRATCH_LIMIT);
    bool ours = address_parse(&arena, text, &name, NULL) && address_of(&arena, &name, &address) &&
                route_find(tables, &address, &decision) && decision.route->action == MTS_ROUTE_LOCAL;
    arena_free(&arena);
    return ours;
}

int64_t mts_retry_delay(const struct mts_schedule *schedule, unsigned tries) {
    int64_t delay = schedule->first_retry;
    for (unsigned i = 1; i < tries && delay < schedule->longest_retry; i++)
        delay *= 2;
    return delay < schedule->longest_retry ? delay : schedule->longest_retry;
}
