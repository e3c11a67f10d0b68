#include "labels/label.h"

#include <ctype.h>
#include <stdio.h>

#include "asn1/ber.h"

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

static bool read_policy(struct span text, struct arena *arena, struct x411_SecurityLabel *label) {
    char dotted[MOST_OID];
    if (text.len >= sizeof dotted || !text.len || !memchr(text.data, '.', text.len))
        return false;
    memcpy(dotted, text.data, text.len);
    dotted[text.len] = 0;
    return ber_oid_parse(dotted, arena, &label->security_policy_identifier);
}

bool label_parse(struct span text, struct arena *arena, struct x411_SecurityLabel *label, struct error *err) {
    const uint8_t *slash = text.len ? memchr(text.data, '/', text.len) : NULL;
    size_t first = slash ? (size_t)(slash - text.data) : text.len;
    struct span left = span_sub(text, 0, first), right = span_sub(text, first + 1, text.len);
    *label = (struct x411_SecurityLabel){0};
    bool read = slash ? read_policy(left, arena, label) && read_classification(right, label)
                      : read_policy(left, arena, label) || read_classification(left, label);
    return read ||
           error_set(err, BAD,
                     "'%.*s' is no security label: write POLICY/CLASSIFICATION, as in 1.2.826.0.1/secret",
                     (int)(text.len < 100 ? text.len : 100), text.data ? (const char *)text.data : "");
}

struct span label_text(const struct x411_SecurityLabel *label, struct arena *arena) {
    char policy[MOST_OID] = "", number[24] = "";
    const char *classification = "";
    if (label->security_policy_identifier.data)
        ber_oid_format(label->security_policy_identifier, policy, sizeof policy);
    if (label->has_security_classification) {
        int64_t value = label->security_classification;
        snprintf(number, sizeof number, "%lld", (long long)value);
        classification = value >= 0 && value < NAMES ? names[value] : number;
    }
    if (!*policy && !*classification)
        return arena_dup(arena, SPAN_LIT("-"));
    return span_str(
        arena_printf(arena, "%s%s%s", policy, *policy && *classification ? "/" : "", classification));
}

bool label_matches(const struct x411_SecurityLabel *registered, const struct x411_SecurityLabel *message) {
    struct span policy = registered->security_policy_identifier;
    if (policy.data && !span_eq(policy, message->security_policy_identifier))
        return false;
    return !registered->has_security_classification ||
           (message->has_security_classification &&
            registered->security_classification == message->security_classification);
}
