/* The tables of the message transfer service: routes, users, lists, aliases, schedules. */
#include <errno.h>

#include "directory/directory.h"
#include "mhsd/config_private.h"

static bool read_names(struct loader *l, cfg_t *section, const char *option, struct mts_names *names) {
    return config_strings(l, section, option, &names->items, &names->count);
}

/* What the tables refuse is told with the place in the file. */
static bool refused(struct loader *l, cfg_t *section, const struct error *why) {
    return config_fail(l, section, NULL, "%.180s", why->text);
}

/* ---- hops ---- */

static bool read_hop(struct loader *l, cfg_t *peer) {
    static const char *const editions[] = {"1988", "1984", NULL};
    struct error why = {0};
    struct mts_hop hop = {
        .name = cfg_title(peer),
        .domain = cfg_getstr(peer, "domain"),
        .mta_name = cfg_getstr(peer, "mta-name"),
        .edition_1984_content_only = cfg_getbool(peer, "content-1984-only"),
        .rfc1328 = cfg_getbool(peer, "rfc1328"),
        .rfc1328_encapsulate = cfg_getbool(peer, "rfc1328-encapsulate"),
        .rfc1328_replace = cfg_getbool(peer, "rfc1328-replace"),
        .defers = cfg_getbool(peer, "defers"),
        .keep_internal_trace = cfg_getbool(peer, "keep-internal-trace"),
        .service_messages = cfg_getbool(peer, "service-messages"),
        .physical_delivery = cfg_getbool(peer, "physical-delivery"),
        .dont_check_loops = !cfg_getbool(peer, "check-loops"),
        .bilateral = cfg_getstr(peer, "bilateral-information"),
    };
    int edition;
    long length, recipients;
    if (!config_word(l, peer, "edition", editions, &edition) ||
        !config_number(l, peer, "max-length", 0, INT64_MAX, &length) ||
        !config_number(l, peer, "max-recipients", 0, INT32_MAX, &recipients) ||
        !read_names(l, peer, "content-types", &hop.content_types) ||
        !read_names(l, peer, "encoded-information-types", &hop.eits))
        return false;
    hop.edition = edition == 1 ? MTS_EDITION_1984 : MTS_EDITION_1988;
    hop.max_length = (uint64_t)length;
    hop.max_recipients = (uint32_t)recipients;
    return mts_tables_add_hop(l->tables, &hop, &why) || refused(l, peer, &why);
}

/* ---- routes ---- */

static bool read_choices(struct loader *l, cfg_t *section, struct mts_route *route) {
    size_t count = cfg_size(section, "next-hop");
    struct mts_choice *choices = config_array(l, count, sizeof *choices);
    if (!choices)
        return false;
    for (size_t i = 0; i < count; i++) {
        cfg_t *choice = cfg_getnsec(section, "next-hop", (unsigned)i);
        long rank, weight;
        if (!config_number(l, choice, "rank", 0, 1000, &rank) ||
            !config_number(l, choice, "weight", 1, 1000, &weight))
            return false;
        choices[i] =
            (struct mts_choice){.hop = cfg_title(choice), .rank = (uint32_t)rank, .weight = (uint32_t)weight};
    }
    route->choices = choices;
    route->choice_count = count;
    return true;
}

static bool read_refusal(struct loader *l, cfg_t *section, struct mts_route *route) {
    const char *reason = cfg_getstr(section, "non-delivery");
    const char *diagnostic = cfg_getstr(section, "diagnostic");
    route->action = MTS_ROUTE_REFUSE;
    route->reason = mts_reason_read(reason);
    route->diagnostic = diagnostic ? mts_diagnostic_read(diagnostic) : -1;
    route->supplementary = cfg_getstr(section, "supplementary-information");
    if (route->reason < 0)
        return config_fail(l, section, "non-delivery", "'%s' is no non-delivery reason code of X.411",
                           reason);
    if (diagnostic && route->diagnostic < 0)
        return config_fail(l, section, "diagnostic", "'%s' is no non-delivery diagnostic code of X.411",
                           diagnostic);
    return true;
}

static bool read_route(struct loader *l, cfg_t *section) {
    struct error why = {0};
    struct mts_route route = {.pattern = cfg_title(section), .diagnostic = -1};
    bool local = cfg_getbool(section, "local");
    bool refuse = cfg_getstr(section, "non-delivery") != NULL;
    if ((cfg_size(section, "next-hop") > 0) + local + refuse != 1)
        return config_fail(l, section, NULL,
                           "a route has one or more next-hop, or local = true, or non-delivery");
    if (local)
        route.action = MTS_ROUTE_LOCAL;
    if (refuse ? !read_refusal(l, section, &route) : !read_choices(l, section, &route))
        return false;
    return mts_tables_add_route(l->tables, &route, &why) || refused(l, section, &why);
}

/* ---- users, lists, aliases ---- */

static bool read_restriction(struct loader *l, cfg_t *section, struct mts_restriction *restriction) {
    static const char *const sources[] = {"originated-by", "redirected-by", "dl-expanded-by", NULL};
    restriction->permitted = cfg_getbool(section, "permitted");
    restriction->pattern = cfg_getstr(section, "source-name");
    return config_words(l, section, "source-type", sources, &restriction->sources);
}

static bool read_restrictions(struct loader *l, cfg_t *section, const char *option,
                              const struct mts_restriction **items, size_t *count) {
    *count = cfg_size(section, option);
    struct mts_restriction *restrictions = config_array(l, *count, sizeof *restrictions);
    for (size_t i = 0; restrictions && i < *count; i++)
        if (!read_restriction(l, cfg_getnsec(section, option, (unsigned)i), &restrictions[i]))
            return false;
    *items = restrictions;
    return restrictions != NULL;
}

static bool read_redirection(struct loader *l, cfg_t *section, struct mts_redirection *redirection) {
    static const char *const priorities[] = {"normal", "non-urgent", "urgent", NULL};
    static const char *const objects[] = {"both", "messages", "reports", NULL};
    struct mts_class *class = &redirection->class;
    long length;
    int which;
    redirection->alternate = cfg_getstr(section, "alternate");
    if (!config_number(l, section, "max-length", 0, INT64_MAX, &length) ||
        !config_words(l, section, "priorities", priorities, &class->priorities) ||
        !config_word(l, section, "objects", objects, &which))
        return false;
    class->max_length = (uint64_t)length;
    class->objects = (enum mts_objects)which;
    return read_names(l, section, "content-types", &class->content_types) &&
           read_names(l, section, "acceptable-eits", &class->acceptable_eits) &&
           read_names(l, section, "exclusively-acceptable-eits", &class->exclusive_eits) &&
           read_names(l, section, "unacceptable-eits", &class->unacceptable_eits) &&
           read_names(l, section, "security-labels", &class->labels) &&
           read_restrictions(l, section, "applies-only-to", &class->applies_only_to,
                             &class->applies_only_to_count);
}

static bool read_redirections(struct loader *l, cfg_t *section, struct mts_user *user) {
    size_t count = cfg_size(section, "redirection");
    struct mts_redirection *redirections = config_array(l, count, sizeof *redirections);
    for (size_t i = 0; redirections && i < count; i++)
        if (!read_redirection(l, cfg_getnsec(section, "redirection", (unsigned)i), &redirections[i]))
            return false;
    user->redirections = redirections;
    user->redirection_count = count;
    return redirections != NULL;
}

static bool read_login(struct loader *l, cfg_t *section, struct mta_user *user) {
    const char *login = cfg_getstr(section, "login");
    user->address = cfg_title(section);
    user->directory_name = cfg_getstr(section, "directory-name");
    if (!login)
        return true;
    user->has_uid = lookup_user(l, login, &user->uid);
    return user->has_uid || config_fail(l, section, "login", "there is no local user '%s'", login);
}

/* The directory name of what the section's title is the address of. */
static bool add_directory_name(struct loader *l, cfg_t *section) {
    struct error why = {0};
    const char *name = cfg_getstr(section, "directory-name");
    return !name || directory_add(l->config.mta.directory, name, cfg_title(section), &why) ||
           config_fail(l, section, "directory-name", "%.180s", why.text);
}

static bool read_user(struct loader *l, cfg_t *section, struct mta_user *mailbox) {
    struct error why = {0};
    long length;
    struct mts_user user = {
        .address = cfg_title(section),
        .mailbox = cfg_getbool(section, "available") ? cfg_title(section) : NULL,
        .may_not_submit = !cfg_getbool(section, "may-submit"),
        .no_implicit_conversion = !cfg_getbool(section, "implicit-conversion"),
        .domain_alternate = cfg_getstr(section, "domain-alternate"),
    };
    if (!read_login(l, section, mailbox) || !config_number(l, section, "max-length", 0, INT64_MAX, &length) ||
        !read_names(l, section, "content-types", &user.content_types) ||
        !read_names(l, section, "encoded-information-types", &user.eits) ||
        !read_names(l, section, "security-labels", &user.labels) || !read_redirections(l, section, &user) ||
        !read_restrictions(l, section, "restriction", &user.restrictions, &user.restriction_count))
        return false;
    user.max_length = (uint64_t)length;
    return (mts_tables_add_user(l->tables, &user, &why) || refused(l, section, &why)) &&
           add_directory_name(l, section);
}

static bool read_users(struct loader *l) {
    size_t count = cfg_size(l->cfg, "user");
    struct mta_user *users = config_array(l, count, sizeof *users);
    for (size_t i = 0; users && i < count; i++)
        if (!read_user(l, cfg_getnsec(l->cfg, "user", (unsigned)i), &users[i]))
            return false;
    l->config.mta.users = users;
    l->config.mta.user_count = count;
    return users != NULL;
}

static bool read_list(struct loader *l, cfg_t *section) {
    static const char *const policies[] = {"originator", "owner", "both", NULL};
    struct error why = {0};
    int reports;
    struct mts_dl list = {
        .address = cfg_title(section),
        .owner = cfg_getstr(section, "owner"),
        .expansion_is_delivery = cfg_getbool(section, "expansion-is-delivery"),
        .remove_originator = cfg_getbool(section, "remove-originator"),
    };
    if (!config_strings(l, section, "members", &list.members, &list.member_count) ||
        !config_strings(l, section, "submitters", &list.submitters, &list.submitter_count) ||
        !config_word(l, section, "reports", policies, &reports))
        return false;
    list.reports = (enum mts_dl_reports)reports;
    return (mts_tables_add_dl(l->tables, &list, &why) || refused(l, section, &why)) &&
           add_directory_name(l, section);
}

static bool read_alias(struct loader *l, cfg_t *section) {
    struct error why = {0};
    const char *target = cfg_getstr(section, "target");
    if (!target)
        return config_fail(l, section, "target", "say whose alias it is");
    return mts_tables_add_alias(l->tables, cfg_title(section), target, &why) || refused(l, section, &why);
}

/* Somebody elsewhere whom our users may name by directory name. */
static bool read_directory(struct loader *l, cfg_t *section) {
    struct error why = {0};
    const char *address = cfg_getstr(section, "address");
    if (!address)
        return config_fail(l, section, "address", "say which O/R address the directory name has");
    return directory_add(l->config.mta.directory, cfg_title(section), address, &why) ||
           config_fail(l, section, NULL, "%.180s", why.text);
}

/* ---- schedules ---- */

static bool read_schedule(struct loader *l, cfg_t *section) {
    static const struct {
        const char *name;
        enum mts_priority priority;
    } lanes[] = {{"normal", MTS_NORMAL}, {"non-urgent", MTS_NON_URGENT}, {"urgent", MTS_URGENT}};
    long expiry, first, longest;
    if (!config_number(l, section, "expiry", 0, INT32_MAX, &expiry) ||
        !config_number(l, section, "first-retry", 0, INT32_MAX, &first) ||
        !config_number(l, section, "longest-retry", 0, INT32_MAX, &longest))
        return false;
    for (size_t i = 0; i < sizeof lanes / sizeof *lanes; i++) {
        if (strcmp(cfg_title(section), lanes[i].name) != 0)
            continue;
        mts_tables_set_schedule(
            l->tables, lanes[i].priority,
            &(struct mts_schedule){.expiry = expiry, .first_retry = first, .longest_retry = longest});
        return true;
    }
    return config_fail(l, section, NULL, "a schedule is for normal, non-urgent or urgent");
}

/* ---- all of it ---- */

static bool each(struct loader *l, const char *name, bool (*read)(struct loader *, cfg_t *)) {
    for (unsigned i = 0; i < cfg_size(l->cfg, name); i++)
        if (!read(l, cfg_getnsec(l->cfg, name, i)))
            return false;
    return true;
}

static bool make_tables(struct loader *l) {
    struct error why = {0};
    long recipients, depth;
    cfg_t *limits = cfg_getsec(l->cfg, "limits");
    if (!config_number(l, limits, "recipients", 0, INT32_MAX, &recipients) ||
        !config_number(l, limits, "dl-depth", 1, 512, &depth))
        return false;
    struct mts_self self = {
        .domain = cfg_getstr(l->cfg, "domain"),
        .mta_name = cfg_getstr(l->cfg, "mta-name"),
        .internal_trace = cfg_getbool(l->cfg, "internal-trace"),
        .rfc1328_address = cfg_getstr(l->cfg, "rfc1328-address"),
        .pdau = cfg_getbool(l->cfg, "physical-delivery"),
        .max_recipients = (uint32_t)recipients,
        .dl_depth = (uint32_t)depth,
    };
    if (!self.domain)
        return config_fail(l, l->cfg, "domain", "name the management domain, as in \"/C=GB/A=GOLD/P=ALPHA\"");
    l->tables = mts_tables_new(&self, &why);
    l->config.mta.tables = l->tables;
    l->config.mta.directory = l->tables ? directory_new() : NULL;
    if (l->tables && !l->config.mta.directory)
        return config_fail(l, l->cfg, NULL, "out of memory");
    return l->tables || config_fail(l, l->cfg, "domain", "%.180s", why.text);
}

/* Addresses of our own domain are ours unless a route says otherwise. */
static bool add_own_route(struct loader *l) {
    struct error why = {0};
    struct mts_route own = {
        .pattern = cfg_getstr(l->cfg, "domain"), .action = MTS_ROUTE_LOCAL, .diagnostic = -1};
    for (unsigned i = 0; i < cfg_size(l->cfg, "route"); i++)
        if (strcmp(cfg_title(cfg_getnsec(l->cfg, "route", i)), own.pattern) == 0)
            return true;
    return mts_tables_add_route(l->tables, &own, &why) ||
           config_fail(l, l->cfg, "domain", "%.180s", why.text);
}

bool config_mts(struct loader *l) {
    struct error why = {0};
    const char *catch_all = cfg_getstr(l->cfg, "catch-all");
    return make_tables(l) && each(l, "peer", read_hop) && each(l, "route", read_route) && add_own_route(l) &&
           read_users(l) && each(l, "list", read_list) && each(l, "directory", read_directory) &&
           each(l, "alias", read_alias) && each(l, "schedule", read_schedule) &&
           (!catch_all || mts_tables_set_catch_all(l->tables, catch_all, &why) ||
            config_fail(l, l->cfg, "catch-all", "%.180s", why.text));
}
