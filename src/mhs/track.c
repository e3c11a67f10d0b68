/* `mhs track`: the history of a message on this MTA. */
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "mhs/address.h"
#include "mhs/aliases.h"
#include "mhs/commands.h"
#include "mhs/daemon.h"
#include "mhs/events.h"
#include "mhs/histories.h"
#include "mhs/output.h"
#include "mhs/pages.h"
#include "mhs/table.h"

#define PAGE 100  /* histories to ask for at once */
#define LOOK 1000 /* messages that the daemon looks at for them */

/* As many as there are. */
#define ALL INT32_MAX

static enum out_style event_style(const char *event) {
    static const char *const good[] = {"delivered", "transferred", NULL};
    static const char *const bad[] = {"non-delivered",  "transfer-refused", "refused", "expired",
                                      "report-doubted", "deleted",          NULL};
    for (size_t i = 0; good[i]; i++)
        if (strcmp(event, good[i]) == 0)
            return OUT_GOOD;
    for (size_t i = 0; bad[i]; i++)
        if (strcmp(event, bad[i]) == 0)
            return OUT_BAD;
    return OUT_PLAIN;
}

/* An operator's event begins with `uid N: `: who that is, or NULL. */
static const struct passwd *operator_of(const char *detail, int *length) {
    unsigned uid;
    *length = 0;
    return detail && sscanf(detail, "uid %u: %n", &uid, length) == 1 && *length > 0 ? getpwuid(uid) : NULL;
}

json_t *events_by(const char *detail) {
    int length;
    const struct passwd *user = operator_of(detail, &length);
    return user ? json_sprintf("%s (%.*s): %s", user->pw_name, length - 2, detail, detail + length)
                : json_string(detail);
}

void events_name_users(const json_t *events) {
    json_t *event;
    size_t i;
    int length;
    json_array_foreach(events, i, event) {
        const struct passwd *user = operator_of(json_string_value(json_object_get(event, "detail")), &length);
        if (user)
            json_object_set_new(event, "user", json_string(user->pw_name));
    }
}

/* What is printed of an event, a piece at a time. */
struct piece {
    struct out_flow flow;
    struct buf text;
};

static void end_piece(struct piece *piece) {
    if (piece->text.len && buf_append_byte(&piece->text, '\0'))
        out_flow(&piece->flow, (const char *)piece->text.data);
    buf_clear(&piece->text);
}

/* That of what began a probe's history stands before the event. */
static bool begins_probe(const json_t *event) {
    return json_object_get(event, "originator") && strcmp(out_text(event, "detail"), "probe") == 0;
}

/* Nothing is delivered of a probe: it asks whether a message could be. */
static const char *of_probe(const char *word, bool probe) {
    return probe && strcmp(word, "delivered") == 0       ? "deliverable"
           : probe && strcmp(word, "non-delivered") == 0 ? "not-deliverable"
                                                         : word;
}

static void print_detail(struct piece *piece, const json_t *event, bool probe) {
    const char *detail = json_string_value(json_object_get(event, "detail"));
    int length;
    if (!detail || begins_probe(event))
        return;
    const struct passwd *user = operator_of(detail, &length);
    if (user)
        buf_printf(&piece->text, "by %s (%.*s): ", user->pw_name, length - 2, detail);
    buf_printf(&piece->text, "%s", user ? detail + length : of_probe(detail, probe));
    end_piece(piece);
}

/* Which try it was, when the next is due, and how long all took. */
static void print_try(struct piece *piece, const json_t *event, int64_t began) {
    char duration[24];
    int64_t at = out_time(event, "time"), next = out_time(event, "next-try"),
            number = out_integer(event, "try");
    const char *name = out_text(event, "event");
    if (number)
        buf_printf(&piece->text, "try %d", (int)number);
    if (next > at)
        buf_printf(&piece->text, "%snext in %s", number ? ", " : "", out_duration(next - at, duration));
    end_piece(piece);
    if (event_style(name) != OUT_PLAIN && began && at >= began)
        buf_printf(&piece->text, "after %s", out_duration(at - began, duration));
    end_piece(piece);
}

/* Recipients are numbers (as in the envelope) or addresses; `from`: whom one had before. */
static void print_recipients(struct piece *piece, const json_t *recipients, const char *from) {
    const json_t *recipient;
    size_t i, count = json_array_size(recipients);
    if (from) {
        buf_printf(&piece->text, "from %s", from);
        end_piece(piece);
    }
    json_array_foreach(recipients, i, recipient) {
        const char *text = json_string_value(recipient);
        if (i == 0)
            buf_printf(&piece->text, from ? "to " : "recipient ");
        if (json_is_integer(recipient))
            buf_printf(&piece->text, "%" JSON_INTEGER_FORMAT, json_integer_value(recipient));
        else
            buf_printf(&piece->text, "%s", text ? text : "?");
        buf_printf(&piece->text, "%s", i + 1 < count ? ", " : "");
        if (text)
            end_piece(piece);
    }
    end_piece(piece);
}

/* Of an event's name, with what is left behind it. */
#define EVENT_COLUMNS 19

void events_print(const json_t *events) {
    static const char *const names[] = {"peer", "originator"};
    const json_t *event;
    size_t i;
    struct piece piece;
    bool probe = begins_probe(json_array_get(events, 0)),
         about_probe = json_is_true(json_object_get(json_array_get(events, 0), "about-probe"));
    buf_init(&piece.text, 0);
    json_array_foreach(events, i, event) {
        const char *name = out_text(event, "event"), *before = begins_probe(event) ? "probe " : "";
        int taken = printf("  %s  ", out_text(event, "time"));
        size_t indent = (size_t)taken;
        piece.flow = (struct out_flow){.at = indent + strlen(before) + strlen(of_probe(name, probe)),
                                       .tab = indent + EVENT_COLUMNS,
                                       .indent = indent};
        printf("%s%s%s%s", out_style(event_style(name)), before, of_probe(name, probe), out_end());
        for (size_t k = 0; k < sizeof names / sizeof *names; k++)
            if (json_is_string(json_object_get(event, names[k]))) {
                buf_printf(&piece.text, "%s %s", names[k], out_text(event, names[k]));
                end_piece(&piece);
            }
        print_recipients(&piece, json_object_get(event, "recipients"),
                         json_string_value(json_object_get(event, "from")));
        if (json_is_string(json_object_get(event, "address"))) {
            buf_printf(&piece.text, "%s", out_text(event, "address"));
            end_piece(&piece);
        }
        print_try(&piece, event, out_time(json_array_get(events, 0), "time"));
        print_detail(&piece, event, probe || about_probe);
        putchar('\n');
    }
    buf_free(&piece.text);
}

/* What a history names is the address that the directory had for a name. NULL: there is none, and that was
 * said. */
static const char *address_of_name(const char *name) {
    static json_t *kept; /* the answers whose texts are in use */
    json_t *answer;
    if (daemon_request(json_pack("{s:s, s:s}", "operation", "route", "address", name), &answer) != COMMAND_OK)
        return NULL;
    kept = kept ? kept : json_array();
    json_array_append_new(kept, answer);
    const char *found = json_string_value(json_object_get(answer, "recipient"));
    if (found && *found == '/')
        return found;
    command_fail(COMMAND_USAGE, "the directory has no address for '%s'; give the O/R address", name);
    return NULL;
}

static const char *whom(const char *value) {
    const char *address = aliases_resolve(value);
    return address && strncasecmp(address, "DN:", 3) == 0 ? address_of_name(address) : address;
}

struct wanted {
    const char *identifier, *content_identifier;
    const char *originator, *recipient;
    int64_t since, until; /* seconds since 1970; 0: any */
    int64_t recent;       /* how many; 0: it is not they that are wanted */
    int64_t after;        /* the cursor of an answer; 0: from the newest */
    size_t shown;
    json_t *all; /* JSON: what the answers had so far */
};

static void add_filters(const struct wanted *wanted, json_t *request) {
    if (wanted->originator)
        json_object_set_new(request, "originator", json_string(wanted->originator));
    if (wanted->recipient)
        json_object_set_new(request, "recipient", json_string(wanted->recipient));
    if (wanted->since)
        json_object_set_new(request, "since", json_integer(wanted->since));
    if (wanted->until)
        json_object_set_new(request, "until", json_integer(wanted->until));
}

static json_t *make_request(const struct wanted *wanted) {
    json_t *request = json_pack("{s:s}", "operation", "track");
    int64_t left = wanted->recent - (int64_t)wanted->shown;
    const char *id = wanted->identifier;
    if (wanted->recent) {
        json_object_set_new(request, "recent", json_integer(LOOK));
        json_object_set_new(request, "limit", json_integer(left < PAGE ? left : PAGE));
        add_filters(wanted, request);
    } else if (wanted->content_identifier)
        json_object_set_new(request, "content-identifier", json_string(wanted->content_identifier));
    else if (strspn(id, "0123456789") == strlen(id))
        json_object_set_new(request, "message", json_integer(atoll(id)));
    else
        json_object_set_new(request, "mts-identifier", json_string(id));
    if (wanted->after)
        json_object_set_new(request, "after", json_integer(wanted->after));
    return request;
}

static void print_messages(const json_t *messages) {
    const json_t *message;
    size_t i;
    json_array_foreach(messages, i, message) {
        printf("%s%s%s\n", out_style(OUT_BOLD), out_text(message, "mts-identifier"), out_end());
        events_print(json_object_get(message, "events"));
        if (json_is_true(json_object_get(message, "truncated")))
            printf("  There are more events than are kept in one history.\n");
    }
}

/* One answer: printed, or kept for the JSON. False when nothing is to be asked for any more. */
static bool take_answer(struct wanted *wanted, json_t *answer) {
    json_t *messages = json_object_get(answer, "messages");
    json_t *message;
    size_t i;
    histories_join(messages);
    json_array_foreach(messages, i, message) events_name_users(json_object_get(message, "events"));
    wanted->shown += json_array_size(messages);
    wanted->after = json_integer_value(json_object_get(answer, "cursor"));
    if (command_settings.json)
        json_array_extend(wanted->all, messages);
    else
        print_messages(messages);
    return wanted->after && (wanted->recent ? (int64_t)wanted->shown < wanted->recent
                                            : wanted->content_identifier || !wanted->shown);
}

static int show(struct wanted *wanted) {
    bool more = true;
    wanted->all = json_array();
    while (more) {
        json_t *answer;
        int status = daemon_request(make_request(wanted), &answer);
        if (status != COMMAND_OK) {
            json_decref(wanted->all);
            return status;
        }
        more = take_answer(wanted, answer);
        json_decref(answer);
    }
    json_t *cursor = wanted->after ? json_integer(wanted->after) : json_null();
    json_t *all = json_pack("{s:o, s:o}", "messages", wanted->all, "cursor", cursor);
    if (command_settings.json)
        out_json(all);
    else if (!wanted->shown)
        printf("No message that is still known here %s.\n",
               wanted->originator || wanted->recipient || wanted->since || wanted->until ? "matches"
                                                                                         : "came in");
    else if (wanted->recent && wanted->recent != ALL && wanted->after)
        printf("Older ones: --after %lld\n", (long long)wanted->after);
    json_decref(all);
    return COMMAND_OK;
}

enum { RECENT = 'n', CONTENT_IDENTIFIER = 'c', AFTER = 'a', ORIGINATOR = 300, RECIPIENT, SINCE, UNTIL };

/* False: the value is wrong, and that was said. */
static bool take_option(const struct command_usage *usage, struct wanted *wanted, int id, const char *value) {
    switch (id) {
    case CONTENT_IDENTIFIER:
        wanted->content_identifier = value;
        return true;
    case ORIGINATOR:
        return (wanted->originator = whom(value)) != NULL;
    case RECIPIENT:
        return (wanted->recipient = whom(value)) != NULL;
    case SINCE:
        return time_from_text(value, &wanted->since);
    case UNTIL:
        return time_from_text(value, &wanted->until);
    default:
        return pages_number(usage, id == RECENT ? "recent" : "after", value,
                            id == RECENT ? &wanted->recent : &wanted->after);
    }
}

int cmd_track(int argc, char **argv) {
    static const struct command_option options[] = {
        {RECENT, "recent", "COUNT", "the last COUNT messages, the newest first"},
        {CONTENT_IDENTIFIER, "content-identifier", "TEXT",
         "by the originator's identifier, the newest first"},
        {ORIGINATOR, "originator", "ADDRESS", "those from this originator"},
        {RECIPIENT, "recipient", "ADDRESS", "those to this recipient"},
        {SINCE, "since", "TIME", "those that came in at this time or later; -2h: in the last two hours"},
        {UNTIL, "until", "TIME", "those that came in at this time or before"},
        {AFTER, "after", "CURSOR", "with --recent: only those before, as the last list said"},
        {0}};
    static const struct command_usage usage = {
        "track", "[MTS-IDENTIFIER]",
        "Shows the whole history of a message, its recipients and its reports on this MTA.",
        "The identifier is the one that 'mhs send' printed; its local part alone will do.", options};
    struct command_line line;
    struct wanted wanted = {0};
    const char *value;
    int id;
    command_line_init(&line, &usage, argc, argv);
    while ((id = command_line_next(&line, &value)) > 0)
        if (!take_option(&usage, &wanted, id, value))
            return COMMAND_USAGE;
    if (id == COMMAND_LINE_STOP)
        return line.status;
    wanted.identifier = command_line_operand(&line);
    if (!wanted.recent && !wanted.identifier &&
        (wanted.originator || wanted.recipient || wanted.since || wanted.until))
        wanted.recent = ALL;
    if ((wanted.identifier != NULL) + (wanted.recent != 0) + (wanted.content_identifier != NULL) != 1 ||
        command_line_operand(&line))
        return command_usage_error(
            &usage,
            "give one of MTS-IDENTIFIER, --content-identifier and --recent; or, alone or with --recent, "
            "--originator, --recipient, --since or --until");
    if (wanted.after && !wanted.recent)
        return command_usage_error(&usage, "--after goes with --recent");
    return show(&wanted);
}
