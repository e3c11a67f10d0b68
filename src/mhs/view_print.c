/* An entry of a mailbox for a person: prints what view.c made. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "asn1/ber.h"
#include "base/clock.h"
#include "mhs/output.h"
#include "mhs/table.h"
#include "mhs/view.h"

enum { CONTINUED = 6 };

static const char *member(const json_t *object, const char *name) {
    return json_string_value(json_object_get(object, name));
}

static const char *name_or_type(const json_t *extension) {
    const char *name = member(extension, "name");
    return name ? name : out_text(extension, "type");
}

/* A value in one line: a string as it is, else JSON. Let go with free(); NULL for none. */
static char *in_line(const json_t *value) {
    if (json_is_string(value))
        return strdup(json_string_value(value));
    return value && !json_is_null(value) ? json_dumps(value, JSON_ENCODE_ANY | JSON_SORT_KEYS) : NULL;
}

/* `label: text` that goes on below itself where the terminal ends. Takes `text`, which may be NULL without
 * memory. */
static void print_flowing(const char *indent, const char *label, enum out_style style, json_t *text) {
    struct out_flow flow = {.indent = CONTINUED};
    printf("%s%s%s:%s", indent, out_style(style), label, style == OUT_PLAIN ? "" : out_end());
    flow.at = strlen(indent) + strlen(label) + 1;
    out_flow(&flow, text ? json_string_value(text) : "?");
    putchar('\n');
    json_decref(text);
}

/* One row of a history: `address at time (reason)`. */
static void print_row(const char *label, const json_t *row) {
    const char *reason = member(row, "reason");
    print_flowing("", label, OUT_BOLD,
                  json_sprintf("%s at %s%s%s%s", out_text(row, "address"), out_text(row, "time"),
                               reason ? " (" : "", reason ? reason : "", reason ? ")" : ""));
}

static void print_label(const char *label) {
    printf("%s%s:%s%*s", out_style(OUT_BOLD), label, out_end(), (int)(15 - strlen(label)), "");
}

/* Extensions by name, each value in a line. */
static void print_extensions_of(const json_t *extensions, bool about) {
    const json_t *extension, *row;
    size_t i, j;
    json_array_foreach(extensions, i, extension) {
        const json_t *value = json_object_get(extension, "value");
        if (strcmp(name_or_type(extension), "content-correlator") == 0 && about)
            continue; /* it was told in words */
        if (json_is_object(json_array_get(value, 0)) && member(json_array_get(value, 0), "address")) {
            json_array_foreach(value, j, row) print_row(name_or_type(extension), row);
            continue;
        }
        if (member(value, "mta-name") && member(value, "domain")) {
            print_label(name_or_type(extension));
            out_line(member(value, "mta-name"));
            printf(" of ");
            out_line(member(value, "domain"));
            putchar('\n');
            continue;
        }
        char *text = in_line(value);
        out_field(name_or_type(extension), text ? text : "(there)");
        free(text);
    }
}

static void print_extensions(const json_t *extensions) {
    print_extensions_of(extensions, false);
}

/* A list of words in one line. */
static void print_words(const char *label, const json_t *words) {
    const json_t *word;
    size_t i;
    if (json_array_size(words) == 0)
        return;
    printf("%s%s:%s%*s", out_style(OUT_BOLD), label, out_end(), (int)(15 - strlen(label)), "");
    json_array_foreach(words, i, word) {
        printf(i ? ", " : "");
        out_line(json_string_value(word));
    }
    putchar('\n');
}

/* Prints a user as `name <address> telephone`. */
static void print_user(const json_t *user) {
    const char *name = member(user, "name"), *address = member(user, "address"),
               *telephone = member(user, "telephone");
    if (name) {
        out_line(name);
        printf(address ? " <" : "");
    }
    if (address)
        out_line(address);
    printf(name && address ? ">" : "");
    if (telephone) {
        printf(", ");
        out_line(telephone);
    }
    const json_t *request;
    size_t i;
    json_array_foreach(json_object_get(user, "notification-requests"), i, request)
        printf("%s%s", i == 0 ? "  (asks for " : ", ", json_string_value(request));
    printf("%s%s", i > 0 ? ")" : "",
           json_is_true(json_object_get(user, "reply-requested")) ? "  (asks for a reply)" : "");
    if (json_object_get(user, "precedence"))
        printf("  (precedence %s)", out_text(user, "precedence"));
    if (json_is_true(json_object_get(user, "circulation-member")))
        printf("  (on the circulation list)");
    if (json_is_true(json_object_get(user, "checked")))
        printf("  (seen%s%s%s)", member(user, "checked-at") ? " at " : "",
               member(user, "checked-at") ? member(user, "checked-at") : "",
               json_is_true(json_object_get(user, "signed")) ? ", signed" : "");
    putchar('\n');
    print_extensions(json_object_get(user, "extensions"));
}

static void print_users(const char *label, const json_t *users) {
    const json_t *user;
    size_t i;
    if (json_is_object(users)) {
        print_label(label);
        print_user(users);
    }
    json_array_foreach(users, i, user) {
        print_label(label);
        print_user(user);
    }
}

/* As --related and the like take it. */
static void print_identifier(const char *label, const json_t *identifier) {
    const char *user = member(identifier, "user"), *local = member(identifier, "identifier");
    if (!user) {
        out_field(label, local);
        return;
    }
    print_label(label);
    putchar('[');
    out_line(user);
    putchar(';');
    out_line(local ? local : "");
    printf("]\n");
}

static void print_identifiers(const char *label, const json_t *identifiers) {
    const json_t *identifier;
    size_t i;
    if (json_is_object(identifiers))
        print_identifier(label, identifiers);
    json_array_foreach(identifiers, i, identifier) print_identifier(label, identifier);
}

/* `2.3.4 text, of NAME`: what is there of it. */
static void print_code(const char *label, const json_t *code, const char *text) {
    print_label(label);
    if (member(code, "oid"))
        printf("%s%s", member(code, "oid"), member(code, text) ? " " : "");
    if (member(code, text))
        out_line(member(code, text));
    if (json_object_get(code, "user")) {
        printf(member(code, "oid") || member(code, text) ? ", of " : "of ");
        print_user(json_object_get(code, "user"));
    } else {
        putchar('\n');
    }
}

static void print_business(const json_t *ipm) {
    const json_t *one;
    size_t i;
    print_users("circulation", json_object_get(ipm, "circulation-list"));
    json_array_foreach(json_object_get(ipm, "distribution-codes"), i, one)
        print_code("distribution", one, "code");
    json_array_foreach(json_object_get(ipm, "information-categories"), i, one)
        print_code("category", one, "description");
    json_array_foreach(json_object_get(ipm, "manual-handling"), i, one)
        out_field("handling", json_string_value(one));
    out_field("precedences of", member(ipm, "precedence-policy"));
}

struct place;
static void print_ipm(const json_t *ipm, const struct place *place);
static void print_ipn(const json_t *ipn);
static void print_fields(const json_t *view);
static void print_report(const json_t *view);

/* Text that can't drive the terminal, ending with a newline. */
static void print_text(const char *text) {
    size_t len = strlen(text);
    putchar('\n');
    /* lines may end with CR LF; the CR is no news to a reader */
    for (size_t at = 0; at < len;) {
        const char *newline = memchr(text + at, '\n', len - at);
        size_t end = newline ? (size_t)(newline - text) : len;
        size_t shown = end > at && text[end - 1] == '\r' ? end - 1 : end;
        out_untrusted(stdout, text + at, shown - at);
        putchar('\n');
        at = end + 1;
    }
}

/* What is known of an attribute of a file, and a time as all others are shown. */
static char *attribute(const json_t *value) {
    const json_t *actual = json_object_size(value) == 1 ? json_object_get(value, "actual-values") : NULL;
    const char *text = json_string_value(actual);
    char shown[21];
    int64_t seconds;
    if (text && ber_generalizedtime_read(span_str(text), &seconds))
        return strdup(clock_format(seconds, shown));
    return in_line(actual ? actual : value);
}

/* Members of one that has several have a line each: `file-attributes pathname`. */
static void print_parameter(const char *name, const json_t *value) {
    const char *member_name;
    json_t *inner;
    char *text = json_is_object(value) ? NULL : in_line(value);
    if (text)
        out_field(name, text);
    free(text);
    if (!json_is_object(value))
        return;
    json_object_foreach((json_t *)(uintptr_t)value, member_name, inner) {
        char label[160];
        snprintf(label, sizeof label, "%.70s %.70s", name, member_name);
        text = attribute(inner);
        out_field(label, text);
        free(text);
    }
}

/* A text's are in its character set, which is named. */
static void print_parameters(const json_t *parameters) {
    const char *name;
    json_t *value;
    json_object_foreach((json_t *)(uintptr_t)parameters, name, value) print_parameter(name, value);
}

/* Where the part stands: `2.1` is the first in a message that is the second. */
struct place {
    char entry[24]; /* "": of no mailbox, so that nothing saves it */
    char path[64];
};

static const char *mailbox; /* as it was given, of what is printed; NULL: it was not */

static void print_save(const char *entry, const char *what) {
    printf("mhs save %s %s", entry, what);
    if (mailbox) {
        printf(" --user '");
        out_line(mailbox);
        putchar('\'');
    }
}

/* `[part 2: file, 7.9 kB, NAME · mhs save 5 2]` */
static void print_part_line(const json_t *part, const struct place *place) {
    const char *type = out_text(part, "type"), *charset = member(part, "charset"),
               *file_name = member(part, "file-name");
    char size[16];
    printf("\n%s[part %s: ", out_style(OUT_DIM), place->path);
    out_line(strcmp(type, "file-transfer") == 0 ? "file" : type);
    if (charset)
        printf(", %s", charset);
    printf(", %s", out_size((uint64_t)out_integer(part, "size"), size));
    if (file_name) {
        printf(", ");
        out_line(file_name);
    }
    if (*place->entry && !member(part, "text")) {
        printf(" \u00B7 ");
        print_save(place->entry, place->path);
    }
    printf("]%s\n", out_end());
}

/* What is in a part that holds another object. */
static void print_inner(const json_t *part, const struct place *place) {
    const json_t *fields = json_object_get(part, "delivery-envelope"),
                 *message = json_object_get(part, "message"),
                 *notification = json_object_get(part, "notification"),
                 *report = json_object_get(part, "report");
    if (fields)
        print_fields(fields);
    if (message)
        print_ipm(message, place);
    if (notification)
        print_ipn(notification);
    if (report)
        print_report(report);
}

static void print_part(const json_t *part, const struct place *around) {
    struct place place = *around;
    const char *text = member(part, "text");
    snprintf(place.path, sizeof place.path, "%.40s%s%.16s", around->path, *around->path ? "." : "",
             out_text(part, "number"));
    print_part_line(part, &place);
    if (text)
        print_text(text);
    else
        print_parameters(json_object_get(part, "parameters"));
    out_field("delivered", member(part, "delivery-time"));
    print_inner(part, &place);
}

static void print_ipm(const json_t *ipm, const struct place *place) {
    print_users("from", json_object_get(ipm, "from"));
    print_users("authorized by", json_object_get(ipm, "authorizing-users"));
    print_users("to", json_object_get(ipm, "to"));
    print_users("cc", json_object_get(ipm, "cc"));
    print_users("bcc", json_object_get(ipm, "bcc"));
    print_users("reply to", json_object_get(ipm, "reply-to"));
    out_field("subject", member(ipm, "subject"));
    static const char *const members[] = {"identifier",  "importance",        "sensitivity",
                                          "expiry-time", "reply-time",        "auto-submitted",
                                          "reference",   "authorization-time"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        out_field(members[i], member(ipm, members[i]));
    print_identifiers("in reply to", json_object_get(ipm, "replied-to"));
    print_identifiers("obsoletes", json_object_get(ipm, "obsoletes"));
    print_identifiers("related", json_object_get(ipm, "related"));
    if (json_is_true(json_object_get(ipm, "auto-forwarded")))
        out_field("auto-forwarded", "yes");
    if (json_is_true(json_object_get(ipm, "incomplete-copy")))
        out_field("incomplete", "parts were taken out of this copy");
    print_words("languages", json_object_get(ipm, "languages"));
    print_business(ipm);
    print_extensions(json_object_get(ipm, "other-extensions"));
    const json_t *part;
    size_t i;
    json_array_foreach(json_object_get(ipm, "parts"), i, part) print_part(part, place);
    if (json_is_true(json_object_get(ipm, "truncated")))
        printf("\n%sThe content is damaged after this part.%s\n", out_style(OUT_BAD), out_end());
}

static void print_ipn(const json_t *ipn) {
    const char *kind = member(ipn, "kind");
    out_field("notification", kind);
    print_users("by", json_object_get(ipn, "originator"));
    print_users("intended for", json_object_get(ipn, "intended-recipient"));
    print_identifiers("on message", json_object_get(ipn, "subject-ipm"));
    static const char *const members[] = {"receipt-time", "acknowledgment-mode", "supplementary-information",
                                          "reason",       "discard-reason",      "comment"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        out_field(members[i], member(ipn, members[i]));
    print_words("converted to", json_object_get(ipn, "conversion-types"));
    print_extensions(json_object_get(ipn, "extensions"));
    if (json_object_get(ipn, "returned")) {
        printf("\n%sThe message was returned:%s\n\n", out_style(OUT_BOLD), out_end());
        print_ipm(json_object_get(ipn, "returned"), &(struct place){0});
    }
}

static void print_sentence(const char *label, const json_t *recipient, const char *text, const char *name,
                           const char *code) {
    if (!member(recipient, text))
        return;
    print_flowing("    ", label, OUT_PLAIN,
                  json_sprintf("%s (%s, %s)", member(recipient, text),
                               member(recipient, name) ? member(recipient, name) : "no name",
                               out_text(recipient, code)));
}

static void print_reported(const json_t *recipient, bool probe) {
    static const char *const words[2][2] = {{"NOT delivered to", "delivered to"},
                                            {"NOT deliverable to", "deliverable to"}};
    bool delivered = json_is_true(json_object_get(recipient, "delivered"));
    printf("\n  %s%s%s ", out_style(delivered ? OUT_GOOD : OUT_BAD), words[probe][delivered], out_end());
    out_line(out_text(recipient, "recipient"));
    if (delivered)
        printf(probe ? ", as of %s" : " at %s", out_text(recipient, "delivery-time"));
    putchar('\n');
    print_sentence("reason", recipient, "reason-text", "reason", "reason-code");
    print_sentence("diagnostic", recipient, "diagnostic-text", "diagnostic", "diagnostic-code");
    if (member(recipient, "supplementary-information"))
        print_flowing("    ", "more", OUT_PLAIN,
                      json_incref(json_object_get(recipient, "supplementary-information")));
    if (member(recipient, "originally-intended-recipient"))
        print_flowing("    ", "originally for", OUT_PLAIN,
                      json_incref(json_object_get(recipient, "originally-intended-recipient")));
    print_extensions(json_object_get(recipient, "extensions"));
}

/* What a delivered message and a forwarded one have. */
static void print_fields(const json_t *view) {
    static const char *const members[] = {"originator", "recipient", "originally-intended-recipient",
                                          "priority", "content-identifier"};
    static const char *const labels[] = {"originator", "recipient", "intended for", "priority", "content id"};
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        out_field(labels[i], member(view, members[i]));
    const json_t *other;
    size_t i;
    json_array_foreach(json_object_get(view, "other-recipients"), i, other)
        out_field("also sent to", json_string_value(other));
    print_words("converted to", json_object_get(view, "converted-types"));
    print_extensions(json_object_get(view, "extensions"));
    putchar('\n');
}

static void print_envelope(const json_t *view) {
    out_field("message", member(view, "mts-identifier"));
    out_field("submitted", member(view, "submission-time"));
    out_field("delivered", member(view, "delivery-time"));
    print_fields(view);
}

static void print_report(const json_t *view) {
    const json_t *recipient;
    size_t i;
    bool probe = json_is_true(json_object_get(view, "probe"));
    out_field(probe ? "report on probe" : "report on", member(view, "subject-mts-identifier"));
    if (member(view, "about") && *member(view, "about"))
        out_field("subject", member(view, "about"));
    out_field("arrival", member(view, "arrival"));
    out_field("content id", member(view, "content-identifier"));
    print_extensions_of(json_object_get(view, "extensions"), member(view, "about"));
    json_array_foreach(json_object_get(view, "recipients"), i, recipient) print_reported(recipient, probe);
    if (json_object_get(view, "ipm"))
        printf("\n%sThe message was returned:%s\n\n", out_style(OUT_BOLD), out_end());
}

void view_print_content(const json_t *view) {
    struct place place = {.path = ""};
    if (json_object_get(view, "entry"))
        snprintf(place.entry, sizeof place.entry, "%s", out_text(view, "entry"));
    if (json_object_get(view, "ipm"))
        print_ipm(json_object_get(view, "ipm"), &place);
    if (json_object_get(view, "ipn"))
        print_ipn(json_object_get(view, "ipn"));
    if (member(view, "content-error")) {
        printf("The content is not shown: ");
        out_line(member(view, "content-error"));
        putchar('\n');
    }
}

void view_print(const json_t *view, const char *user) {
    mailbox = user;
    if (strcmp(out_text(view, "kind"), "report") == 0)
        print_report(view);
    else
        print_envelope(view);
    view_print_content(view);
    if (member(view, "content-error")) {
        print_save(out_text(view, "entry"), "--content FILE");
        printf(" keeps it as it is.\n");
    }
}
