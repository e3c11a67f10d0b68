#include "mhs/compose.h"

#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "mhs/address.h"
#include "mhs/aliases.h"

struct word {
    const char *name;
    int64_t value;
};

static const struct word reports[] = {{"none", DRAFT_REPORT_NONE},
                                      {"non-delivery", DRAFT_REPORT_NON_DELIVERY},
                                      {"delivery", DRAFT_REPORT_DELIVERY},
                                      {NULL, 0}};
static const struct word priorities[] = {{"normal", x411_Priority_normal},
                                         {"non-urgent", x411_Priority_non_urgent},
                                         {"urgent", x411_Priority_urgent},
                                         {NULL, 0}};
static const struct word importances[] = {
    {"low", IPM_LOW}, {"normal", IPM_NORMAL}, {"high", IPM_HIGH}, {NULL, 0}};
static const struct word sensitivities[] = {{"personal", IPM_PERSONAL},
                                            {"private", IPM_PRIVATE},
                                            {"company-confidential", IPM_COMPANY_CONFIDENTIAL},
                                            {NULL, 0}};
/* X.411 §8.2.1.1.1.12 */
static const struct word methods[] = {{"any", 0},
                                      {"mhs", 1},
                                      {"physical", 2},
                                      {"telex", 3},
                                      {"teletex", 4},
                                      {"g3-facsimile", 5},
                                      {"g4-facsimile", 6},
                                      {"ia5-terminal", 7},
                                      {"videotex", 8},
                                      {"telephone", 9},
                                      {NULL, 0}};
static const struct word notifications[] = {{"rn", IPM_REQUEST_RN},
                                            {"nrn", IPM_REQUEST_NRN},
                                            {"return", IPM_REQUEST_IPM_RETURN},
                                            {"an-supported", IPM_REQUEST_AN_SUPPORTED},
                                            {"suppress-an", IPM_REQUEST_SUPPRESS_AN},
                                            {NULL, 0}};
static const struct word submitted[] = {{"not-auto-submitted", IPM_NOT_AUTO_SUBMITTED},
                                        {"auto-generated", IPM_AUTO_GENERATED},
                                        {"auto-replied", IPM_AUTO_REPLIED},
                                        {NULL, 0}};

void compose_init(struct compose *compose, struct draft *draft) {
    *compose = (struct compose){.draft = draft, .next.report = DRAFT_REPORT_NON_DELIVERY};
}

/* Looks a word up. Returns COMMAND_OK, or COMMAND_USAGE after naming the words that there are. */
static int choose(const struct command_usage *usage, const struct word *words, const char *name,
                  int64_t *value) {
    char all[160] = "";
    for (; words->name; words++) {
        if (strcmp(words->name, name) == 0) {
            *value = words->value;
            return COMMAND_OK;
        }
        if (*all)
            strncat(all, ", ", sizeof all - strlen(all) - 1);
        strncat(all, words->name, sizeof all - strlen(all) - 1);
    }
    return command_usage_error(usage, "'%s' is none of %s", name, all);
}

static int take_notifications(struct compose *compose, const struct command_usage *usage, const char *value) {
    char copy[64];
    int64_t bit;
    snprintf(copy, sizeof copy, "%s", value);
    compose->next.notifications = 0;
    for (char *rest = copy, *word; (word = strsep(&rest, ",")) != NULL;) {
        if (choose(usage, notifications, word, &bit) != COMMAND_OK)
            return COMMAND_USAGE;
        compose->next.notifications |= (unsigned)bit;
    }
    return COMMAND_OK;
}

static int take_alternate(struct compose *compose, const struct command_usage *usage, const char *value) {
    struct draft *draft = compose->draft;
    struct x411_ORName *name = arena_alloc(draft->arena, sizeof *name);
    if (draft->recipient_count == 0)
        return command_usage_error(
            usage, "--alternate stands after the recipient that it is for: give --to ADDRESS before it");
    if (!name || !address_read(value, draft->arena, name))
        return COMMAND_USAGE;
    draft->recipients[draft->recipient_count - 1].alternate = name;
    return COMMAND_OK;
}

static const char *idle_option(int id) {
    return id == COMPOSE_REPORT            ? "--report"
           : id == COMPOSE_METHOD          ? "--delivery-method"
           : id == COMPOSE_NOTIFY          ? "--notify"
           : id == COMPOSE_REPLY_REQUESTED ? "--reply-requested"
                                           : NULL;
}

/* Options of recipients. */
static int take_recipient_option(struct compose *compose, const struct command_usage *usage, int id,
                                 const char *value) {
    int64_t chosen = 0;
    int status;
    if (id == COMPOSE_REPORT)
        compose->report_idle = true;
    else if (id != COMPOSE_ALTERNATE)
        compose->idle = idle_option(id);
    if (id == COMPOSE_TO || id == COMPOSE_CC || id == COMPOSE_BCC)
        compose->report_idle = false;
    switch (id) {
    case COMPOSE_TO:
    case COMPOSE_CC:
    case COMPOSE_BCC:
        return draft_add_recipient(compose->draft,
                                   id == COMPOSE_TO   ? DRAFT_TO
                                   : id == COMPOSE_CC ? DRAFT_CC
                                                      : DRAFT_BCC,
                                   value, &compose->next)
                   ? COMMAND_OK
                   : COMMAND_USAGE;
    case COMPOSE_REPORT:
        status = choose(usage, reports, value, &chosen);
        compose->next.report = (enum draft_report)chosen;
        return status;
    case COMPOSE_METHOD:
        status = choose(usage, methods, value, &chosen);
        compose->next.delivery_method = (int)chosen;
        return status;
    case COMPOSE_NOTIFY:
        return take_notifications(compose, usage, value);
    case COMPOSE_REPLY_REQUESTED:
        compose->next.reply_requested = true;
        return COMMAND_OK;
    default:
        return take_alternate(compose, usage, value);
    }
}

static int take_charset(struct compose *compose, const struct command_usage *usage, const char *value) {
    compose->registration = text_registration_by_name(value);
    return compose->registration
               ? COMMAND_OK
               : command_usage_error(usage, "the character set '%s' is not known; UTF-8, ISO-8859-1 … are",
                                     value);
}

/* Options of the body. */
static int take_part(struct compose *compose, const struct command_usage *usage, int id, const char *value) {
    struct span text = span_str(value);
    switch (id) {
    case COMPOSE_CHARSET:
        return take_charset(compose, usage, value);
    case COMPOSE_ATTACH:
        return draft_add_file(compose->draft, value, IPM_PART_FILE_TRANSFER) ? COMMAND_OK : COMMAND_FAILED;
    case COMPOSE_BILATERAL:
        return draft_add_file(compose->draft, value, IPM_PART_BILATERALLY_DEFINED) ? COMMAND_OK
                                                                                   : COMMAND_FAILED;
    case COMPOSE_PART:
        return draft_add_part(compose->draft, value) ? COMMAND_OK : COMMAND_FAILED;
    case COMPOSE_FILE:
        if (!draft_read_text(compose->draft, value, &text))
            return COMMAND_FAILED;
        return draft_add_text(compose->draft, text, compose->registration) ? COMMAND_OK : COMMAND_FAILED;
    default:
        return draft_add_text(compose->draft, text, compose->registration) ? COMMAND_OK : COMMAND_FAILED;
    }
}

/* Options of the envelope that only say yes. */
static bool take_flag(struct draft *draft, int id) {
    switch (id) {
    case COMPOSE_DISCLOSE:
        return draft->disclose = true;
    case COMPOSE_RETURN_CONTENT:
        return draft->return_content = true;
    case COMPOSE_NO_CONVERSION:
        return draft->conversion_prohibited = true;
    case COMPOSE_NO_LOSS:
        return draft->conversion_with_loss_prohibited = true;
    case COMPOSE_ALTERNATE_ALLOWED:
        return draft->alternate_allowed = true;
    case COMPOSE_NO_REASSIGNMENT:
        return draft->reassignment_prohibited = true;
    case COMPOSE_NO_EXPANSION:
        return draft->expansion_prohibited = true;
    case COMPOSE_P2:
        return (draft->content_type = 2) != 0;
    default:
        return false;
    }
}

/* What is over can't be waited for: a sign that slipped in is told. A date is left to the daemon, whose clock
 * may be another. */
static int take_future(const struct command_usage *usage, const char *option, const char *value,
                       int64_t *seconds) {
    if (!time_from_text(value, seconds))
        return COMMAND_USAGE;
    return *value != '-'
               ? COMMAND_OK
               : command_usage_error(usage, "%s: %s is past; give a time to come, as +2h", option, value);
}

static bool add_exempted(struct draft *draft, const char *address) {
    struct x411_DLExemptedRecipients *exempted = &draft->exempted;
    if (!exempted->items)
        exempted->items = arena_array(draft->arena, draft->capacity, sizeof *exempted->items);
    return exempted->items && address_read(address, draft->arena, &exempted->items[exempted->count]) &&
           ++exempted->count;
}

static int take_envelope_value(struct draft *draft, const struct command_usage *usage, int id,
                               const char *value) {
    char *end;
    switch (id) {
    case COMPOSE_PRIORITY:
        return choose(usage, priorities, value, &draft->priority);
    case COMPOSE_DEFERRED:
        return take_future(usage, "--deferred", value, &draft->deferred);
    case COMPOSE_LATEST:
        return take_future(usage, "--latest", value, &draft->latest);
    case COMPOSE_EXEMPT:
        return add_exempted(draft, value) ? COMMAND_OK : COMMAND_USAGE;
    case COMPOSE_LENGTH:
        draft->probe_length = strtoull(value, &end, 10);
        return *value && !*end
                   ? COMMAND_OK
                   : command_usage_error(usage, "--content-length: '%s' is not a number of octets", value);
    default:
        draft->content_identifier = value;
        return strlen(value) <= x411_ub_content_id_length
                   ? COMMAND_OK
                   : command_usage_error(usage, "a content identifier has at most %d characters",
                                         (int)x411_ub_content_id_length);
    }
}

static bool add_user(struct ipm_users *users, const char *address, struct draft *draft) {
    struct x411_ORName *name = arena_alloc(draft->arena, sizeof *name);
    if (!users->items)
        users->items = arena_array(draft->arena, draft->capacity, sizeof *users->items);
    if (!name || !users->items || !address_read(address, draft->arena, name))
        return false;
    users->items[users->count++] = (struct ipm_user){name, NULL, NULL};
    return true;
}

static int add_identifier(struct ipm_identifiers *list, const char *identifier, struct draft *draft) {
    if (!list->items)
        list->items = arena_array(draft->arena, draft->capacity, sizeof *list->items);
    if (!list->items)
        return COMMAND_FAILED;
    list->items[list->count++] = (struct ipm_identifier){&draft->originator, identifier};
    return COMMAND_OK;
}

static int add_language(struct draft *draft, const struct command_usage *usage, const char *code) {
    struct ipm_heading *heading = &draft->heading;
    const char **languages = (const char **)(uintptr_t)heading->languages;
    if (strlen(code) != 2 && strlen(code) != 5)
        return command_usage_error(usage, "'%s' is not a language; write en, or pt-BR", code);
    if (!languages)
        heading->languages = languages = arena_array(draft->arena, draft->capacity, sizeof *languages);
    if (!languages)
        return COMMAND_FAILED;
    languages[heading->language_count++] = code;
    return COMMAND_OK;
}

/* What is shown in one line by whoever gets it. */
static int one_line(const struct command_usage *usage, const char *what, const char *value) {
    for (const char *at = value; *at; at++)
        if (text_control(span_str(at)))
            return command_usage_error(usage, "%s has a control character at octet %zu; take it out", what,
                                       (size_t)(at - value) + 1);
    return text_is_utf8(span_str(value)) ? COMMAND_OK : command_usage_error(usage, "%s is not UTF-8", what);
}

/* Options of the heading. */
static int take_heading(struct draft *draft, const struct command_usage *usage, int id, const char *value) {
    struct ipm_heading *heading = &draft->heading;
    int64_t chosen = 0;
    int status = COMMAND_OK;
    switch (id) {
    case COMPOSE_SUBJECT:
        heading->subject = value;
        return one_line(usage, "the subject", value);
    case COMPOSE_IMPORTANCE:
        status = choose(usage, importances, value, &chosen);
        heading->importance = (enum ipm_importance)chosen;
        return status;
    case COMPOSE_SENSITIVITY:
        status = choose(usage, sensitivities, value, &chosen);
        heading->sensitivity = (enum ipm_sensitivity)chosen;
        return status;
    case COMPOSE_EXPIRY:
        return take_future(usage, "--expiry", value, &heading->expiry_time);
    case COMPOSE_REPLY_BY:
        return take_future(usage, "--reply-by", value, &heading->reply_time);
    case COMPOSE_REPLY_TO:
        return add_user(&heading->reply_recipients, value, draft) ? COMMAND_OK : COMMAND_USAGE;
    case COMPOSE_AUTHORIZING:
        return add_user(&heading->authorizing_users, value, draft) ? COMMAND_OK : COMMAND_USAGE;
    case COMPOSE_OBSOLETES:
        return add_identifier(&heading->obsoleted_ipms, value, draft);
    case COMPOSE_RELATED:
        return add_identifier(&heading->related_ipms, value, draft);
    case COMPOSE_LANGUAGE:
        return add_language(draft, usage, value);
    case COMPOSE_AUTHORIZATION_TIME:
        return time_from_text(value, &heading->authorization_time) ? COMMAND_OK : COMMAND_USAGE;
    case COMPOSE_AUTO_SUBMITTED:
        status = choose(usage, submitted, value, &chosen);
        heading->auto_submitted = (enum ipm_auto_submitted)chosen;
        return status;
    case COMPOSE_EXTENSION:
        return draft_add_extension(draft, value) ? COMMAND_OK : COMMAND_FAILED;
    default:
        heading->originators_reference = value;
        return one_line(usage, "the reference", value);
    }
}

int compose_take(struct compose *compose, const struct command_usage *usage, int id, const char *value) {
    struct draft *draft = compose->draft;
    if (id == COMPOSE_FROM) {
        draft->has_originator = address_read(value, draft->arena, &draft->originator);
        return draft->has_originator ? COMMAND_OK : COMMAND_USAGE;
    }
    if (take_flag(draft, id))
        return COMMAND_OK;
    if (id >= COMPOSE_TO && id <= COMPOSE_METHOD)
        return take_recipient_option(compose, usage, id, value);
    if (id >= COMPOSE_TEXT && id <= COMPOSE_PART)
        return take_part(compose, usage, id, value);
    if (id == COMPOSE_SUBJECT || (id >= COMPOSE_IMPORTANCE && id <= COMPOSE_EXTENSION))
        return take_heading(draft, usage, id, value);
    return take_envelope_value(draft, usage, id, value);
}

int compose_originator(struct compose *compose, const struct command_usage *usage) {
    struct draft *draft = compose->draft;
    if (draft->has_originator)
        return COMMAND_OK;
    const char *me;
    if (!aliases_me(&me))
        return COMMAND_USAGE;
    if (!me)
        return command_usage_error(
            usage, "who is the originator? Give --from, set CHASQUI_USER, or put 'me = ADDRESS' into "
                   "~/.config/chasqui/aliases");
    draft->has_originator = address_read(me, draft->arena, &draft->originator);
    return draft->has_originator ? COMMAND_OK : COMMAND_USAGE;
}

/* A report that is asked for behind the last recipient is meant for all. */
static void spread_report(struct compose *compose) {
    struct draft *draft = compose->draft;
    for (size_t i = 0; compose->report_idle && i < draft->recipient_count; i++)
        draft->recipients[i].report = compose->next.report;
}

int compose_finish(struct compose *compose, const struct command_usage *usage) {
    spread_report(compose);
    if (compose->draft->recipient_count == 0)
        return command_usage_error(usage, "no recipient; give one with --to ADDRESS");
    if (compose->idle)
        return command_usage_error(
            usage, "%s stands before the recipients that it is for, and none follows it", compose->idle);
    return compose_originator(compose, usage);
}
