/* The options of the heading (X.420 §7.2 and annex A). */
#include <string.h>

#include "asn1/ber.h"
#include "base/text.h"
#include "mhs/address.h"
#include "mhs/compose_private.h"

static const struct word importances[] = {
    {"low", IPM_LOW}, {"normal", IPM_NORMAL}, {"high", IPM_HIGH}, {NULL, 0}};
static const struct word sensitivities[] = {{"personal", IPM_PERSONAL},
                                            {"private", IPM_PRIVATE},
                                            {"company-confidential", IPM_COMPANY_CONFIDENTIAL},
                                            {NULL, 0}};
static const struct word submitted[] = {{"not-auto-submitted", IPM_NOT_AUTO_SUBMITTED},
                                        {"auto-generated", IPM_AUTO_GENERATED},
                                        {"auto-replied", IPM_AUTO_REPLIED},
                                        {NULL, 0}};

/* amhs-precedence-policy of Doc 9880 */
#define AMHS_PRECEDENCE_POLICY "1.3.27.8.0.0"

/* ---- users ---- */

static struct ipm_user *read_user(const char *text, struct draft *draft) {
    struct address_user *user = arena_alloc(draft->arena, sizeof *user);
    struct ipm_user *made = arena_alloc(draft->arena, sizeof *made);
    if (!user || !made || !address_read_user(text, draft->arena, user))
        return NULL;
    *made = (struct ipm_user){&user->name, user->free_form_name, user->telephone_number};
    return made;
}

static int add_user(struct ipm_users *users, const char *text, struct draft *draft) {
    const struct ipm_user *user = read_user(text, draft);
    if (!users->items)
        users->items = arena_array(draft->arena, draft->capacity, sizeof *users->items);
    if (!users->items || !user)
        return COMMAND_USAGE;
    users->items[users->count++] = *user;
    return COMMAND_OK;
}

static int add_member(struct draft *draft, const char *text) {
    struct ipm_members *list = &draft->heading.circulation_list;
    const struct ipm_user *user = read_user(text, draft);
    if (!list->items)
        list->items = arena_array(draft->arena, draft->capacity, sizeof *list->items);
    if (!list->items || !user)
        return COMMAND_USAGE;
    list->items[list->count++].recipient.user = *user;
    return COMMAND_OK;
}

/* ---- identifiers of messages ---- */

/* `[ADDRESS;ID]` as MTS-identifiers are written, or the local part alone of one of the originator's. A local
 * part has no semicolon, which is not in PrintableString. */
static bool read_identifier(const char *text, struct draft *draft, struct ipm_identifier *identifier) {
    size_t length = strlen(text);
    const char *semicolon = length > 2 && *text == '[' && text[length - 1] == ']' ? strrchr(text, ';') : NULL;
    *identifier = (struct ipm_identifier){&draft->originator, text};
    if (!semicolon)
        return true;
    struct x411_ORName *user = arena_alloc(draft->arena, sizeof *user);
    const char *address = arena_printf(draft->arena, "%.*s", (int)(semicolon - text - 1), text + 1);
    identifier->user = user;
    identifier->user_relative_identifier =
        arena_printf(draft->arena, "%.*s", (int)(text + length - semicolon - 2), semicolon + 1);
    return user && address && address_read(address, draft->arena, user);
}

static int add_identifier(struct ipm_identifiers *list, const char *text, struct draft *draft) {
    if (!list->items)
        list->items = arena_array(draft->arena, draft->capacity, sizeof *list->items);
    return list->items && read_identifier(text, draft, &list->items[list->count++]) ? COMMAND_OK
                                                                                    : COMMAND_USAGE;
}

static int take_replied_to(struct draft *draft, const char *text) {
    struct ipm_identifier *identifier = arena_alloc(draft->arena, sizeof *identifier);
    draft->heading.replied_to_ipm = identifier;
    return identifier && read_identifier(text, draft, identifier) ? COMMAND_OK : COMMAND_USAGE;
}

/* ---- texts and codes ---- */

/* What is shown in one line by whoever gets it. */
static int one_line(const struct command_usage *usage, const char *what, const char *value) {
    for (const char *at = value; *at; at++)
        if (text_control(span_str(at)))
            return command_usage_error(usage, "%s has a control character at octet %zu; take it out", what,
                                       (size_t)(at - value) + 1);
    return text_is_utf8(span_str(value)) ? COMMAND_OK : command_usage_error(usage, "%s is not UTF-8", what);
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

static int add_handling(struct draft *draft, const struct command_usage *usage, const char *text) {
    struct ipm_heading *heading = &draft->heading;
    const char **items = (const char **)(uintptr_t)heading->handling_instructions;
    if (!items)
        heading->handling_instructions = items = arena_array(draft->arena, draft->capacity, sizeof *items);
    if (!items)
        return COMMAND_FAILED;
    items[heading->handling_count++] = text;
    return *text ? one_line(usage, "the instruction", text)
                 : command_usage_error(usage, "the instruction is empty");
}

/* `1.2.3:`, or all of it: an object identifier; returns what follows it, or the text itself when it begins
 * with none. */
static const char *read_oid(const char *text, struct arena *arena, struct span *oid) {
    size_t length = strspn(text, "0123456789.");
    bool ends = text[length] == ':' || !text[length];
    const char *dotted =
        ends && memchr(text, '.', length) ? arena_printf(arena, "%.*s", (int)length, text) : NULL;
    if (!dotted || !ber_oid_parse(dotted, arena, oid))
        return text;
    return text + length + (text[length] == ':');
}

/* `@ADDRESS` at the end is of distribution codes. */
static int add_code(struct draft *draft, const struct command_usage *usage, struct ipm_codes *codes,
                    const char *text, bool has_user) {
    struct ipm_code code = {0};
    if (!codes->items)
        codes->items = arena_array(draft->arena, draft->capacity, sizeof *codes->items);
    const char *rest = read_oid(text, draft->arena, &code.oid), *at = has_user ? strchr(rest, '@') : NULL;
    if (at && !(code.user = read_user(at + 1, draft)))
        return COMMAND_USAGE;
    size_t length = at ? (size_t)(at - rest) : strlen(rest);
    code.text = length ? arena_printf(draft->arena, "%.*s", (int)length, rest) : NULL;
    if (!codes->items)
        return COMMAND_FAILED;
    if (!code.oid.data && !code.text && !code.user)
        return command_usage_error(usage, "the code is empty");
    codes->items[codes->count++] = code;
    return code.text ? one_line(usage, "the code", code.text) : COMMAND_OK;
}

static int take_policy(struct draft *draft, const struct command_usage *usage, const char *value) {
    const char *dotted = strcmp(value, "amhs") == 0 ? AMHS_PRECEDENCE_POLICY : value;
    return ber_oid_parse(dotted, draft->arena, &draft->heading.precedence_policy)
               ? COMMAND_OK
               : command_usage_error(usage, "--precedence-policy: '%s' is no object identifier", value);
}

/* ---- the whole ---- */

/* Words, and what is there or not. */
static int take_word(struct draft *draft, const struct command_usage *usage, int id, const char *value) {
    struct ipm_heading *heading = &draft->heading;
    int64_t chosen = 0;
    int status;
    switch (id) {
    case COMPOSE_IMPORTANCE:
        status = compose_choose(usage, importances, value, &chosen);
        heading->importance = (enum ipm_importance)chosen;
        return status;
    case COMPOSE_SENSITIVITY:
        status = compose_choose(usage, sensitivities, value, &chosen);
        heading->sensitivity = (enum ipm_sensitivity)chosen;
        return status;
    case COMPOSE_AUTO_SUBMITTED:
        status = compose_choose(usage, submitted, value, &chosen);
        heading->auto_submitted = (enum ipm_auto_submitted)chosen;
        return status;
    default:
        heading->incomplete_copy = true;
        return COMMAND_OK;
    }
}

/* What may come again. */
static int take_list(struct draft *draft, const struct command_usage *usage, int id, const char *value) {
    struct ipm_heading *heading = &draft->heading;
    switch (id) {
    case COMPOSE_REPLY_TO:
        return add_user(&heading->reply_recipients, value, draft);
    case COMPOSE_AUTHORIZING:
        return add_user(&heading->authorizing_users, value, draft);
    case COMPOSE_OBSOLETES:
        return add_identifier(&heading->obsoleted_ipms, value, draft);
    case COMPOSE_RELATED:
        return add_identifier(&heading->related_ipms, value, draft);
    case COMPOSE_LANGUAGE:
        return add_language(draft, usage, value);
    case COMPOSE_CIRCULATE:
        return add_member(draft, value);
    case COMPOSE_DISTRIBUTION_CODE:
        return add_code(draft, usage, &heading->distribution_codes, value, true);
    case COMPOSE_CATEGORY:
        return add_code(draft, usage, &heading->information_categories, value, false);
    case COMPOSE_HANDLING:
        return add_handling(draft, usage, value);
    default:
        return draft_add_extension(draft, value) ? COMMAND_OK : COMMAND_FAILED;
    }
}

int compose_heading(struct draft *draft, const struct command_usage *usage, int id, const char *value) {
    struct ipm_heading *heading = &draft->heading;
    switch (id) {
    case COMPOSE_SUBJECT:
        heading->subject = value;
        return one_line(usage, "the subject", value);
    case COMPOSE_REFERENCE:
        heading->originators_reference = value;
        return one_line(usage, "the reference", value);
    case COMPOSE_EXPIRY:
        return compose_future(usage, "--expiry", value, &heading->expiry_time);
    case COMPOSE_REPLY_BY:
        return compose_future(usage, "--reply-by", value, &heading->reply_time);
    case COMPOSE_AUTHORIZATION_TIME:
        return time_from_text(value, &heading->authorization_time) ? COMMAND_OK : COMMAND_USAGE;
    case COMPOSE_REPLIED_TO:
        return take_replied_to(draft, value);
    case COMPOSE_PRECEDENCE_POLICY:
        return take_policy(draft, usage, value);
    case COMPOSE_IMPORTANCE:
    case COMPOSE_SENSITIVITY:
    case COMPOSE_AUTO_SUBMITTED:
    case COMPOSE_INCOMPLETE:
        return take_word(draft, usage, id, value);
    default:
        return take_list(draft, usage, id, value);
    }
}
