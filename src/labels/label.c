#include "labels/label.h"

#include <ctype.h>
#include <stdio.h>

#include "asn1/ber.h"
#include "base/buf.h"

enum { BAD = 1, HIGHEST = 256, MOST_OID = 128 };

static const char *const names[] = {"unmarked",     "unclassified", "restricted",
                                    "confidential", "secret",       "top-secret"};
enum { NAMES = sizeof names / sizeof *names };

static bool read_classification(struct span text, struct x411_SecurityLabel *label) {
    int64_t value = 0;
    label->has_security_classification = true;
    for (int i = 0; i < NAMES; i++)
        if (span_eq(text, span_str(names[i]))) {
            label->security_classification = i;
            return true;
        }
    for (size_t i = 0; i < text.len; i++) {
        if (!isdigit(text.data[i]) || value > HIGHEST)
            return false;
        value = 10 * value + (text.data[i] - '0');
    }
    label->security_classification = value;
    return text.len && value <= HIGHEST; /* ub-integer-options */
}

static bool read_identifier(struct span text, struct arena *arena, struct span *identifier) {
    char dotted[MOST_OID];
    if (text.len >= sizeof dotted || !text.len || !memchr(text.data, '.', text.len))
        return false;
    memcpy(dotted, text.data, text.len);
    dotted[text.len] = 0;
    return ber_oid_parse(dotted, arena, identifier);
}

/* One BER element in hex. */
static bool read_value(struct span text, struct arena *arena, struct span *value) {
    struct ber_element element;
    uint8_t *octets = text.len % 2 == 0 ? arena_alloc(arena, text.len / 2 + 1) : NULL;
    for (size_t i = 0; octets && i < text.len; i++) {
        int c = toupper(text.data[i]);
        if (!isxdigit(c))
            return false;
        unsigned digit = (unsigned)(isdigit(c) ? c - '0' : c - 'A' + 10);
        octets[i / 2] = (uint8_t)(i % 2 ? octets[i / 2] | digit : digit << 4);
    }
    *value = span_of(octets, text.len / 2);
    return octets && ber_element_read(*value, &element, NULL) && element.total == value->len;
}

static bool read_category(struct span text, struct arena *arena, struct x411_SecurityCategory *category) {
    const uint8_t *colon = text.len ? memchr(text.data, ':', text.len) : NULL;
    size_t len = colon ? (size_t)(colon - text.data) : text.len;
    *category = (struct x411_SecurityCategory){0};
    return colon && read_identifier(span_sub(text, 0, len), arena, &category->type) &&
           read_value(span_sub(text, len + 1, text.len), arena, &category->value);
}

static bool read_categories(struct span text, struct arena *arena, struct x411_SecurityLabel *label) {
    struct x411_SecurityCategories *set = &label->security_categories;
    set->items = arena_array(arena, x411_ub_security_categories, sizeof *set->items);
    while (set->items && text.len && set->count < x411_ub_security_categories) {
        const uint8_t *comma = memchr(text.data, ',', text.len);
        struct span one = comma ? span_of(text.data, (size_t)(comma - text.data)) : text;
        if (!read_category(one, arena, &set->items[set->count++]))
            return false;
        text = span_sub(text, one.len + 1, text.len);
        if (comma && !text.len)
            return false;
    }
    return set->items && set->count && !text.len;
}

/* Takes what stands before the next slash off the text; what is behind the last one is absent. */
static struct span take_part(struct span *text) {
    const uint8_t *slash = text->len ? memchr(text->data, '/', text->len) : NULL;
    struct span part = slash ? span_of(text->data, (size_t)(slash - text->data)) : *text;
    *text = slash ? span_of(slash + 1, text->len - part.len - 1) : (struct span){NULL, 0};
    return part;
}

static bool read_label(struct span text, struct arena *arena, struct x411_SecurityLabel *label) {
    struct span policy = take_part(&text);
    if (!text.data)
        return read_identifier(policy, arena, &label->security_policy_identifier) ||
               read_classification(policy, label);
    struct span classification = take_part(&text);
    bool more = text.data;
    return (policy.len ? read_identifier(policy, arena, &label->security_policy_identifier) : more) &&
           (classification.len ? read_classification(classification, label) : more) &&
           (!more || read_categories(text, arena, label));
}

bool label_parse(struct span text, struct arena *arena, struct x411_SecurityLabel *label, struct error *err) {
    *label = (struct x411_SecurityLabel){0};
    return read_label(text, arena, label) ||
           error_set(err, BAD,
                     "'%.*s' is no security label: write POLICY/CLASSIFICATION/CATEGORIES, as in "
                     "1.2.826.0.1/secret or 1.2.826.0.1/secret/1.2.3:0101FF",
                     (int)(text.len < 100 ? text.len : 100), text.data ? (const char *)text.data : "");
}

static bool print_categories(const struct x411_SecurityCategories *set, struct buf *out) {
    char type[MOST_OID];
    for (size_t i = 0; i < set->count; i++) {
        struct span value = set->items[i].value;
        buf_printf(out, "%s%s:", i ? "," : "/",
                   ber_oid_format(set->items[i].type, type, sizeof type) ? type : "?");
        for (size_t j = 0; j < value.len; j++)
            buf_printf(out, "%02X", value.data[j]);
    }
    return !out->failed;
}

struct span label_text(const struct x411_SecurityLabel *label, struct arena *arena) {
    char policy[MOST_OID] = "", number[24] = "";
    const char *classification = "";
    struct buf out;
    buf_init(&out, 0);
    if (label->security_policy_identifier.data)
        ber_oid_format(label->security_policy_identifier, policy, sizeof policy);
    if (label->has_security_classification) {
        int64_t value = label->security_classification;
        snprintf(number, sizeof number, "%lld", (long long)value);
        classification = value >= 0 && value < NAMES ? names[value] : number;
    }
    bool categories = label->security_categories.count;
    buf_printf(&out, "%s%s%s", policy, (*policy && *classification) || categories ? "/" : "", classification);
    bool ok = print_categories(&label->security_categories, &out);
    struct span text = !ok       ? (struct span){NULL, 0}
                       : out.len ? arena_dup(arena, buf_span(&out))
                                 : arena_dup(arena, SPAN_LIT("-"));
    buf_free(&out);
    return text;
}

static bool has_category(const struct x411_SecurityCategories *set, const struct x411_SecurityCategory *one) {
    for (size_t i = 0; i < set->count; i++)
        if (span_eq(set->items[i].type, one->type) && span_eq(set->items[i].value, one->value))
            return true;
    return false;
}

/* Both are bounded (ub-security-categories) where the second is a registered one. */
static bool same_categories(const struct x411_SecurityCategories *message,
                            const struct x411_SecurityCategories *registered) {
    for (size_t i = 0; i < message->count; i++)
        if (!has_category(registered, &message->items[i]))
            return false;
    for (size_t i = 0; i < registered->count; i++)
        if (!has_category(message, &registered->items[i]))
            return false;
    return true;
}

bool label_matches(const struct x411_SecurityLabel *registered, const struct x411_SecurityLabel *message) {
    struct span policy = registered->security_policy_identifier;
    if (policy.data && !span_eq(policy, message->security_policy_identifier))
        return false;
    if (registered->security_categories.count &&
        !same_categories(&message->security_categories, &registered->security_categories))
        return false;
    return !registered->has_security_classification ||
           (message->has_security_classification &&
            registered->security_classification == message->security_classification);
}
