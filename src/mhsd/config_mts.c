/* The tables of the message transfer service: routes, users, lists, aliases, schedules. */
#include <stdio.h>

#include "directory/directory.h"
#include "mhsd/config_private.h"
#include "mts/supplementary.h"
#include "security/password.h"

static struct mts_names names_of(const struct config_section *section, const char *option) {
    struct mts_names names;
    names.count = config_list(section, option, &names.items);
    return names;
}

/* `text` without `name: ` before it. */
static const char *without(const char *text, const char *name) {
    size_t length = strlen(name);
    return strncmp(text, name, length) == 0 && strncmp(text + length, ": ", 2) == 0 ? text + length + 2
                                                                                    : text;
}

/* What the tables refuse is told with the place in the file, which names the section already. */
static bool refused(struct loader *l, struct config_section *section, const struct error *why) {
    char name[sizeof why->text];
    const char *title = section->title ? section->title : "";
    snprintf(name, sizeof name, "%s %s", section->option->name, title);
    return config_fail(l, section, NULL, "%.180s", without(without(why->text, name), title));
}

static bool domain_refused(struct loader *l, const struct error *why) {
    char name[sizeof why->text];
    snprintf(name, sizeof name, "route %s", config_text(l->tree, "domain"));
    return config_fail(l, l->tree, "domain", "%.180s", without(without(why->text, "domain"), name));
}

/* ---- stand-ins: what can't be read is there all the same, so that nothing else seems wrong for its sake
 * ---- */

#define SOME_DOMAIN "/C=XX/A= /P=UNKNOWN"

static void stand_in_for_hop(struct loader *l, const char *name) {
    const struct mts_hop hop = {
        .name = name, .domain = SOME_DOMAIN, .mta_name = "MTA", .edition = MTS_EDITION_1988};
    struct error ignored;
    mts_tables_add_hop(l->tables, &hop, &ignored);
}

/* ---- hops ---- */

/* Over the protocol of 1984 goes what is of 1984: such a peer takes no extension, and drops P22 without a
 * word. The edition is the peer's and not the association's, so that a copy in doubt is repeated in the same
 * octets (I4). */
static bool read_edition(struct loader *l, struct config_section *peer, struct mts_hop *hop) {
    bool over_1984 = config_words(peer, "application-contexts") & OSI_MTS_TRANSFER_PROTOCOL_1984;
    bool of_1984 = config_word(peer, "edition");
    hop->edition_1984_content_only =
        config_value(peer, "content-1984-only") ? config_flag(peer, "content-1984-only") : over_1984;
    hop->edition = of_1984 || over_1984 ? MTS_EDITION_1984 : MTS_EDITION_1988;
    return of_1984 || !over_1984 || !config_value(peer, "edition") ||
           config_fail(
               l, peer, "edition",
               "a peer that is called with mts-transfer-protocol-1984 is of edition 1984: set that, or take "
               "the context out");
}

static bool add_hop(struct loader *l, struct config_section *peer) {
    struct error why = {0};
    struct mts_hop hop = {
        .name = peer->title,
        .domain = config_text(peer, "domain"),
        .mta_name = config_text(peer, "mta-name"),
        .rfc1328 = config_flag(peer, "rfc1328"),
        .rfc1328_encapsulate = config_flag(peer, "rfc1328-encapsulate"),
        .rfc1328_replace = config_flag(peer, "rfc1328-replace"),
        .old_extension_form = config_flag(peer, "old-extension-form"),
        .defers = config_flag(peer, "defers"),
        .keep_internal_trace = config_flag(peer, "keep-internal-trace"),
        .service_messages = config_flag(peer, "service-messages"),
        .physical_delivery = config_flag(peer, "physical-delivery"),
        .dont_check_loops = !config_flag(peer, "check-loops"),
        .transit = config_flag(peer, "transit"),
        .originators = names_of(peer, "originators"),
        .destinations = names_of(peer, "destinations"),
        .bilateral = config_text(peer, "bilateral-information"),
        .max_length = (uint64_t)config_number(peer, "max-length"),
        .max_recipients = (uint32_t)config_number(peer, "max-recipients"),
        .content_types = names_of(peer, "content-types"),
        .eits = names_of(peer, "encoded-information-types"),
    };
    if (!read_edition(l, peer, &hop))
        return false;
    return mts_tables_add_hop(l->tables, &hop, &why) || refused(l, peer, &why);
}

static bool read_hop(struct loader *l, struct config_section *peer) {
    bool done = !peer->faulty && add_hop(l, peer);
    if (!done)
        stand_in_for_hop(l, peer->title);
    return done;
}

/* ---- routes ---- */

static bool read_choices(struct loader *l, struct config_section *section, struct mts_route *route) {
    size_t count = config_count(section, "next-hop"), i = 0;
    struct mts_choice *choices = config_array(l, count, sizeof *choices);
    if (!choices)
        return false;
    for (struct config_section *choice = config_first(section, "next-hop"); choice;
         choice = config_next(choice)) {
        choices[i++] = (struct mts_choice){.hop = choice->title,
                                           .rank = (uint32_t)config_number(choice, "rank"),
                                           .weight = (uint32_t)config_number(choice, "weight")};
        if (l->incomplete)
            stand_in_for_hop(l, choice->title);
    }
    route->choices = choices;
    route->choice_count = count;
    return true;
}

/* It is said in a PrintableString. */
static void check_supplementary(struct loader *l, const struct config_section *section, const char *text) {
    char what[400];
    struct span given = text ? span_str(text) : (struct span){NULL, 0},
                said = supplementary_of(given, &l->arena);
    if (!said.data || span_eq(said, given))
        return;
    snprintf(what, sizeof what, "a report can't say that; it says '%.*s'", (int)said.len,
             (const char *)said.data);
    config_warn(l, section, "supplementary-information", what);
}

static bool read_refusal(struct loader *l, struct config_section *section, struct mts_route *route) {
    const char *reason = config_text(section, "non-delivery");
    const char *diagnostic = config_text(section, "diagnostic");
    route->action = MTS_ROUTE_REFUSE;
    route->reason = mts_reason_read(reason);
    route->diagnostic = diagnostic ? mts_diagnostic_read(diagnostic) : -1;
    route->supplementary = config_text(section, "supplementary-information");
    check_supplementary(l, section, route->supplementary);
    if (route->reason < 0)
        return config_fail(l, section, "non-delivery", "'%s' is not a non-delivery reason code of X.411",
                           reason);
    if (diagnostic && route->diagnostic < 0)
        return config_fail(l, section, "diagnostic", "'%s' is not a non-delivery diagnostic code of X.411",
                           diagnostic);
    return true;
}

static bool read_route(struct loader *l, struct config_section *section) {
    struct error why = {0};
    struct mts_route route = {.pattern = section->title, .diagnostic = -1};
    bool local = config_flag(section, "local");
    bool refuse = config_text(section, "non-delivery") != NULL;
    if ((config_count(section, "next-hop") > 0) + local + refuse != 1)
        return config_fail(
            l, section, NULL,
            "a route has only one of these: next-hop (one or more), local = true, and non-delivery");
    if (local)
        route.action = MTS_ROUTE_LOCAL;
    if (refuse ? !read_refusal(l, section, &route) : !read_choices(l, section, &route))
        return false;
    return mts_tables_add_route(l->tables, &route, &why) || refused(l, section, &why);
}

/* ---- users, lists, aliases ---- */

static bool read_restrictions(struct loader *l, struct config_section *section, const char *option,
                              const struct mts_restriction **items, size_t *count) {
    *count = config_count(section, option);
    struct mts_restriction *restriction = config_array(l, *count, sizeof *restriction);
    *items = restriction;
    if (!restriction)
        return false;
    for (struct config_section *one = config_first(section, option); one; one = config_next(one))
        *restriction++ = (struct mts_restriction){.permitted = config_flag(one, "permitted"),
                                                  .pattern = config_text(one, "source-name"),
                                                  .sources = config_words(one, "source-type")};
    return true;
}

static bool read_redirection(struct loader *l, struct config_section *section,
                             struct mts_redirection *redirection) {
    struct mts_class *class = &redirection->class;
    redirection->alternate = config_text(section, "alternate");
    class->max_length = (uint64_t)config_number(section, "max-length");
    class->priorities = config_words(section, "priorities");
    class->objects = (enum mts_objects)config_word(section, "objects");
    class->content_types = names_of(section, "content-types");
    class->acceptable_eits = names_of(section, "acceptable-eits");
    class->exclusive_eits = names_of(section, "exclusively-acceptable-eits");
    class->unacceptable_eits = names_of(section, "unacceptable-eits");
    class->labels = names_of(section, "security-labels");
    return read_restrictions(l, section, "applies-only-to", &class->applies_only_to,
                             &class->applies_only_to_count);
}

static bool read_redirections(struct loader *l, struct config_section *section, struct mts_user *user) {
    size_t count = config_count(section, "redirection");
    struct mts_redirection *redirections = config_array(l, count, sizeof *redirections);
    user->redirections = redirections;
    user->redirection_count = count;
    if (!redirections)
        return false;
    for (struct config_section *one = config_first(section, "redirection"); one; one = config_next(one))
        if (!read_redirection(l, one, redirections++))
            return false;
    return true;
}

static void read_mailbox(const struct config_section *section, struct mta_user *user) {
    const struct config_value *login = config_value(section, "login");
    user->address = section->title;
    user->directory_name = config_text(section, "directory-name");
    user->password_hash = config_text(section, "password-hash");
    user->by_p3 = strcmp(config_text(section, "delivery"), "p3") == 0;
    user->has_uid = login && login->ids;
    user->uid = user->has_uid ? login->ids[0] : 0;
}

/* The directory name of what the section's title is the address of. */
static bool add_directory_name(struct loader *l, struct config_section *section) {
    struct error why = {0};
    const char *name = config_text(section, "directory-name");
    return !name || directory_add(l->config.mta.directory, name, section->title, &why) ||
           config_fail(l, section, "directory-name", "%.180s", why.text);
}

/* It costs what it says whenever somebody binds, right or wrong. */
static bool password_is_right(struct loader *l, struct config_section *section) {
    const char *hash = config_text(section, "password-hash");
    return !hash || password_is_hash(span_str(hash)) ||
           config_fail(
               l, section, "password-hash",
               "it is no hash by Argon2id of at most 64 MiB by 3 passes (or fewer by more, up to 16); 'mhs "
               "user hash' makes one");
}

static bool read_user(struct loader *l, struct config_section *section) {
    struct error why = {0};
    struct mts_user user = {
        .address = section->title,
        .mailbox = config_flag(section, "available") ? section->title : NULL,
        .may_not_submit = !config_flag(section, "may-submit"),
        .no_implicit_conversion = !config_flag(section, "implicit-conversion"),
        .domain_alternate = config_text(section, "domain-alternate"),
        .max_length = (uint64_t)config_number(section, "max-length"),
        .content_types = names_of(section, "content-types"),
        .eits = names_of(section, "encoded-information-types"),
        .labels = names_of(section, "security-labels"),
    };
    if (!password_is_right(l, section) || !read_redirections(l, section, &user) ||
        !read_restrictions(l, section, "restriction", &user.restrictions, &user.restriction_count))
        return false;
    return (mts_tables_add_user(l->tables, &user, &why) || refused(l, section, &why)) &&
           add_directory_name(l, section);
}

static bool read_mailboxes(struct loader *l) {
    size_t count = config_count(l->tree, "user"), i = 0;
    struct mta_user *users = config_array(l, count, sizeof *users);
    if (!users)
        return false;
    for (struct config_section *section = config_first(l->tree, "user"); section;
         section = config_next(section))
        read_mailbox(section, &users[i++]);
    l->config.mta.users = users;
    l->config.mta.user_count = count;
    return true;
}

static bool read_list(struct loader *l, struct config_section *section) {
    struct error why = {0};
    struct mts_dl list = {
        .address = section->title,
        .owner = config_text(section, "owner"),
        .expansion_is_delivery = config_flag(section, "expansion-is-delivery"),
        .remove_originator = config_flag(section, "remove-originator"),
        .reports = (enum mts_dl_reports)config_word(section, "reports"),
    };
    list.member_count = config_list(section, "members", &list.members);
    list.submitter_count = config_list(section, "submitters", &list.submitters);
    return (mts_tables_add_dl(l->tables, &list, &why) || refused(l, section, &why)) &&
           add_directory_name(l, section);
}

static bool read_alias(struct loader *l, struct config_section *section) {
    struct error why = {0};
    return mts_tables_add_alias(l->tables, section->title, config_text(section, "target"), &why) ||
           refused(l, section, &why);
}

/* Somebody elsewhere whom our users may name by directory name. */
static bool read_directory(struct loader *l, struct config_section *section) {
    struct error why = {0};
    return directory_add(l->config.mta.directory, section->title, config_text(section, "address"), &why) ||
           refused(l, section, &why);
}

/* ---- all of it ---- */

static bool each(struct loader *l, const char *name, bool (*read)(struct loader *, struct config_section *)) {
    bool ok = true;
    for (struct config_section *section = config_first(l->tree, name);
         section && l->complaint_count < CONFIG_COMPLAINTS_MOST; section = config_next(section))
        ok = (!section->faulty || read == read_hop) && read(l, section) && ok;
    return ok;
}

static void read_schedules(const struct loader *l, struct mts_schedule schedules[3]) {
    static const struct {
        const char *name;
        enum mts_priority priority;
    } lanes[] = {{"normal", MTS_NORMAL}, {"non-urgent", MTS_NON_URGENT}, {"urgent", MTS_URGENT}};
    for (const struct config_section *s = config_first(l->tree, "schedule"); s; s = config_next(s))
        for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++)
            if (strcmp(s->title, lanes[i].name) == 0)
                schedules[lanes[i].priority] =
                    (struct mts_schedule){.expiry = config_number(s, "expiry"),
                                          .first_retry = config_number(s, "first-retry"),
                                          .longest_retry = config_number(s, "longest-retry")};
}

/* A text of the top level; NULL: there is none, or it was complained of. */
static const char *sound_text(const struct loader *l, const char *option) {
    const struct config_value *value = config_value(l->tree, option);
    return value && value->faulty ? NULL : config_text(l->tree, option);
}

static bool make_tables(struct loader *l) {
    struct error why = {0};
    const struct config_section *limits = config_first(l->tree, "limits");
    struct mts_self self = {
        .domain = sound_text(l, "domain"),
        .mta_name = sound_text(l, "mta-name"),
        .internal_trace = config_flag(l->tree, "internal-trace"),
        .rfc1328_address = sound_text(l, "rfc1328-address"),
        .pdau = config_flag(l->tree, "physical-delivery"),
        .max_recipients = (uint32_t)config_number(limits, "recipients"),
        .dl_depth = (uint32_t)config_number(limits, "dl-depth"),
    };
    read_schedules(l, self.schedules);
    l->tables = self.domain && self.mta_name ? mts_tables_new(&self, &why) : NULL;
    bool done = l->tables || (self.domain && self.mta_name && domain_refused(l, &why));
    if (!done) {
        struct mts_self other = {
            .domain = SOME_DOMAIN, .mta_name = "MTA", .max_recipients = 1, .dl_depth = 1};
        l->tables = mts_tables_new(&other, &why);
    }
    l->config.mta.tables = l->tables;
    l->config.mta.directory = directory_new();
    return l->tables && l->config.mta.directory ? done : config_no_memory(l);
}

/* Addresses of our own domain are ours unless a route says otherwise. */
static bool add_own_route(struct loader *l) {
    struct error why = {0};
    struct mts_route own = {
        .pattern = config_text(l->tree, "domain"), .action = MTS_ROUTE_LOCAL, .diagnostic = -1};
    for (struct config_section *route = config_first(l->tree, "route"); route; route = config_next(route))
        if (strcmp(route->title, own.pattern) == 0)
            return true;
    return mts_tables_add_route(l->tables, &own, &why) || domain_refused(l, &why);
}

static bool set_catch_all(struct loader *l) {
    struct error why = {0};
    const char *catch_all = config_text(l->tree, "catch-all");
    return !catch_all || mts_tables_set_catch_all(l->tables, catch_all, &why) ||
           config_fail(l, l->tree, "catch-all", "%.180s", without(why.text, "catch-all"));
}

/* A mailbox or list takes what is for its address from whoever sends it here, but nobody else's routes lead
 * here for it. */
static void advise_on_domain(struct loader *l, const char *kind) {
    char text[512];
    snprintf(text, sizeof text,
             "the address is outside of our domain %.80s, and no route makes it local: what we send to it "
             "stays here, others send it elsewhere",
             config_text(l->tree, "domain"));
    for (struct config_section *section = config_first(l->tree, kind); section;
         section = config_next(section))
        if (!section->faulty && !mts_is_ours(l->tables, section->title))
            config_warn(l, section, NULL, text);
}

/* What names others comes after them. */
bool config_mts(struct loader *l) {
    static const struct {
        const char *name;
        bool (*read)(struct loader *, struct config_section *);
    } kinds[] = {{"peer", read_hop},    {"user", read_user},
                 {"list", read_list},   {"directory", read_directory},
                 {"route", read_route}, {"alias", read_alias}};
    bool ok = make_tables(l);
    if (!l->tables || !l->config.mta.directory || !read_mailboxes(l))
        return false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        ok = each(l, kinds[i].name, kinds[i].read) && ok;
    ok = set_catch_all(l) && (!ok || add_own_route(l)) && ok;
    if (ok && config_sound(l)) {
        advise_on_domain(l, "user");
        advise_on_domain(l, "list");
        config_advise_on_mts(l);
    }
    return ok;
}
