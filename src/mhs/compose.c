#include "mhs/compose.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/text.h"
#include "mhs/address.h"
#include "mhs/address_set.h"
#include "mhs/aliases.h"
#include "mhs/attach.h"
#include "mhs/compose_private.h"
#include "schema/x420.h"

static const struct word reports[] = {{"none", DRAFT_REPORT_NONE},
                                      {"non-delivery", DRAFT_REPORT_NON_DELIVERY},
                                      {"delivery", DRAFT_REPORT_DELIVERY},
                                      {NULL, 0}};
static const struct word priorities[] = {{"normal", x411_Priority_normal},
                                         {"non-urgent", x411_Priority_non_urgent},
                                         {"urgent", x411_Priority_urgent},
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

void compose_init(struct compose *compose, struct draft *draft) {
    *compose = (struct compose){.draft = draft, .next.report = DRAFT_REPORT_NON_DELIVERY};
}

static int take_notifications(struct compose *compose, const struct command_usage *usage, const char *value) {
    char copy[64];
    int64_t bit;
    snprintf(copy, sizeof copy, "%s", value);
    compose->next.notifications = 0;
    for (char *rest = copy, *word; (word = strsep(&rest, ",")) != NULL;) {
        if (compose_choose(usage, notifications, word, &bit) != COMMAND_OK)
            return COMMAND_USAGE;
        compose->next.notifications |= (unsigned)bit;
    }
    if (compose->next.notifications & IPM_REQUEST_RN) /* never without nrn (X.420 §7.1.2) */
        compose->next.notifications |= IPM_REQUEST_NRN;
    return COMMAND_OK;
}

/* Of all that the option before it named. */
static int take_alternate(struct compose *compose, const struct command_usage *usage, const char *value) {
    struct draft *draft = compose->draft;
    struct x411_ORName *name = arena_alloc(draft->arena, sizeof *name);
    if (draft->recipient_count == 0)
        return command_usage_error(
            usage, "--alternate stands after the recipient that it is for: give --to ADDRESS before it");
    if (!name || !address_read(value, draft->arena, name))
        return COMMAND_USAGE;
    for (size_t i = compose->last; i < draft->recipient_count; i++)
        draft->recipients[i].alternate = name;
    return COMMAND_OK;
}

/* The AFTN's priorities as Doc 9880 says them by numbers. */
static const struct word precedences[] = {{"SS", 107}, {"DD", 71}, {"FF", 57},
                                          {"GG", 28},  {"KK", 14}, {NULL, 0}};

static int take_precedence(struct compose *compose, const struct command_usage *usage, const char *value) {
    char *end;
    unsigned long number = strtoul(value, &end, 10);
    compose->next.has_precedence = true;
    compose->next.precedence = (int64_t)number;
    if (*value >= '0' && *value <= '9' && !*end)
        return number <= x420_ub_precedence ? COMMAND_OK
                                            : command_usage_error(usage, "--precedence: %s is over %d", value,
                                                                  (int)x420_ub_precedence);
    return compose_choose(usage, precedences, value, &compose->next.precedence);
}

static int take_recipients(struct compose *compose, int id, const char *value) {
    enum draft_role role = id == COMPOSE_TO ? DRAFT_TO : id == COMPOSE_CC ? DRAFT_CC : DRAFT_BCC;
    compose->last = compose->draft->recipient_count;
    memset(compose->idle, 0, sizeof compose->idle);
    return draft_add_recipients(compose->draft, role, value, &compose->next) ? COMMAND_OK : COMMAND_USAGE;
}

/* Options of recipients. */
static int take_recipient_option(struct compose *compose, const struct command_usage *usage, int id,
                                 const char *value) {
    int64_t chosen = 0;
    int status;
    compose->idle[id - COMPOSE_FROM] = true;
    switch (id) {
    case COMPOSE_TO:
    case COMPOSE_CC:
    case COMPOSE_BCC:
        return take_recipients(compose, id, value);
    case COMPOSE_REPORT:
        status = compose_choose(usage, reports, value, &chosen);
        compose->next.report = (enum draft_report)chosen;
        return status;
    case COMPOSE_METHOD:
        status = compose_choose(usage, methods, value, &chosen);
        compose->next.delivery_method = (int)chosen;
        return status;
    case COMPOSE_NOTIFY:
        return take_notifications(compose, usage, value);
    case COMPOSE_PRECEDENCE:
        return take_precedence(compose, usage, value);
    case COMPOSE_REPLY_REQUESTED:
        compose->next.reply_requested = true;
        return COMMAND_OK;
    default:
        return take_alternate(compose, usage, value);
    }
}

static int take_charset(struct compose *compose, const struct command_usage *usage, const char *value) {
    bool teletex = strcasecmp(value, "T.61") == 0 || strcasecmp(value, "teletex") == 0;
    compose->registration = teletex ? ATTACH_TELETEX : text_registration_by_name(value);
    return compose->registration
               ? COMMAND_OK
               : command_usage_error(usage, "the character set '%s' is not known; UTF-8, ISO-8859-1 … are",
                                     value);
}

int compose_text(struct compose *compose, struct span text) {
    bool teletex = compose->registration == ATTACH_TELETEX && text_is_utf8(text);
    return (teletex ? attach_teletex(compose->draft, text)
                    : draft_add_text(compose->draft, text, compose->registration))
               ? COMMAND_OK
               : COMMAND_FAILED;
}

/* Options of the body. */
static int take_part(struct compose *compose, const struct command_usage *usage, int id, const char *value) {
    struct span text = span_str(value);
    switch (id) {
    case COMPOSE_CHARSET:
        return take_charset(compose, usage, value);
    case COMPOSE_ATTACH:
        return draft_add_file(compose->draft, value, IPM_PART_FILE_TRANSFER, (struct span){NULL, 0})
                   ? COMMAND_OK
                   : COMMAND_FAILED;
    case COMPOSE_ATTACH_AS:
        return attach_as(compose->draft, usage, value);
    case COMPOSE_BILATERAL:
        return draft_add_file(compose->draft, value, IPM_PART_BILATERALLY_DEFINED, (struct span){NULL, 0})
                   ? COMMAND_OK
                   : COMMAND_FAILED;
    case COMPOSE_PART:
        return draft_add_part(compose->draft, value) ? COMMAND_OK : COMMAND_FAILED;
    case COMPOSE_FILE:
        if (!draft_read_text(compose->draft, value, &text))
            return COMMAND_FAILED;
        return compose_text(compose, text);
    default:
        return compose_text(compose, text);
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

/* What is to wait for a time that is past would go at once, which nobody can want who names one. */
static int defer(const struct command_usage *usage, const char *value, int64_t *seconds) {
    int status = compose_future(usage, "--deferred", value, seconds);
    if (status != COMMAND_OK || *seconds >= clock_now_us() / 1000000)
        return status;
    return command_usage_error(usage, "--deferred: %s is past; give a time to come, as +2h", value);
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
        return compose_choose(usage, priorities, value, &draft->priority);
    case COMPOSE_DEFERRED:
        return defer(usage, value, &draft->deferred);
    case COMPOSE_LATEST:
        return compose_future(usage, "--latest", value, &draft->latest);
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

static int take_originator(struct draft *draft, const char *value) {
    struct address_user user;
    draft->has_originator = address_read_user(value, draft->arena, &user);
    draft->originator = user.name;
    draft->originator_name = user.free_form_name;
    draft->originator_telephone = user.telephone_number;
    return draft->has_originator ? COMMAND_OK : COMMAND_USAGE;
}

int compose_take(struct compose *compose, const struct command_usage *usage, int id, const char *value) {
    struct draft *draft = compose->draft;
    if (id == COMPOSE_FROM)
        return take_originator(draft, value);
    if (take_flag(draft, id))
        return COMMAND_OK;
    if (id >= COMPOSE_TO && id <= COMPOSE_METHOD)
        return take_recipient_option(compose, usage, id, value);
    if (id >= COMPOSE_TEXT && id <= COMPOSE_PART)
        return take_part(compose, usage, id, value);
    if (id == COMPOSE_SUBJECT || (id >= COMPOSE_IMPORTANCE && id <= COMPOSE_EXTENSION))
        return compose_heading(draft, usage, id, value);
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

/* What is asked for behind the last recipient is meant for all. */
static void spread_options(struct compose *compose) {
    const struct draft_recipient *next = &compose->next;
    const bool *idle = compose->idle;
    for (size_t i = 0; i < compose->draft->recipient_count; i++) {
        struct draft_recipient *recipient = &compose->draft->recipients[i];
        if (idle[COMPOSE_REPORT - COMPOSE_FROM])
            recipient->report = next->report;
        if (idle[COMPOSE_METHOD - COMPOSE_FROM])
            recipient->delivery_method = next->delivery_method;
        if (idle[COMPOSE_NOTIFY - COMPOSE_FROM])
            recipient->notifications = next->notifications;
        if (idle[COMPOSE_REPLY_REQUESTED - COMPOSE_FROM])
            recipient->reply_requested = true;
        if (idle[COMPOSE_PRECEDENCE - COMPOSE_FROM]) {
            recipient->has_precedence = true;
            recipient->precedence = next->precedence;
        }
    }
}

/* A message that names nobody else goes to the first of its circulation list. False without memory; said. */
static bool go_to_first(struct compose *compose, const struct ipm_members *list) {
    const struct ipm_user *first = &list->items[0].recipient.user;
    struct draft_recipient *recipient = draft_add_recipient(compose->draft, DRAFT_TO, &compose->next);
    if (!recipient)
        return false;
    recipient->name = *first->formal_name;
    recipient->free_form_name = first->free_form_name;
    recipient->telephone_number = first->telephone_number;
    return true;
}

/* Who is on the list is marked as that (circulation-list-indicator). False without memory; said. */
static bool circulate(struct compose *compose) {
    struct draft *draft = compose->draft;
    const struct ipm_members *list = &draft->heading.circulation_list;
    struct address_set members;
    if (!list->count)
        return true;
    bool done = true;
    address_set_init(&members);
    for (size_t i = 0; done && i < list->count; i++)
        done = address_set_add(&members, list->items[i].recipient.user.formal_name, i);
    if (!done)
        command_fail(COMMAND_FAILED, "no memory for the circulation list");
    done = done && (draft->recipient_count || go_to_first(compose, list));
    for (size_t i = 0; done && i < draft->recipient_count; i++)
        draft->recipients[i].circulation_member |= address_set_has(&members, &draft->recipients[i].name);
    address_set_free(&members);
    return done;
}

int compose_finish(struct compose *compose, const struct command_usage *usage) {
    if (compose->draft->heading.circulation_list.count == 1)
        return command_usage_error(usage,
                                   "a circulation list has two members at least: give --circulate again");
    if (!circulate(compose))
        return COMMAND_FAILED;
    spread_options(compose);
    if (compose->draft->recipient_count == 0)
        return command_usage_error(usage, "no recipient; give one with --to ADDRESS");
    return compose_originator(compose, usage);
}
