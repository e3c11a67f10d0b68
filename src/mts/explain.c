/* Says how a recipient would be routed, for `mhs route`. */
#include <stdio.h>

#include "mts/mts_private.h"
#include "names/codes.h"

static const char *code_name(const char *name, int64_t code, char out[static 24]) {
    if (name)
        return name;
    snprintf(out, 24, "%lld", (long long)code);
    return out;
}

static bool explain_cause(struct buf *lines, int reason, int diagnostic, const char *why) {
    char first[24], second[24];
    bool ok = buf_printf(lines, "non-delivery: %s (%d)",
                         code_name(non_delivery_reason_name(reason), reason, first), reason);
    if (diagnostic >= 0)
        ok = buf_printf(lines, ", %s (%d)",
                        code_name(non_delivery_diagnostic_name(diagnostic), diagnostic, second), diagnostic);
    if (why)
        ok = buf_printf(lines, ", %s", why);
    return ok && buf_printf(lines, "\n");
}

/* What becomes of a content on the way to the next hop. */
static bool explain_content(const struct mts_hop *hop, struct buf *lines) {
    if (!hop->edition_1984_content_only)
        return true;
    if (!hop->rfc1328)
        return buf_printf(lines, "  %s takes P2 only: P22 is unable-to-downgrade\n", hop->name);
    return buf_printf(lines, "  %s takes P2 only: P22 is converted, and a body part that P2 lacks is %s\n",
                      hop->name, hop->rfc1328_replace ? "replaced by a text" : "unable-to-downgrade");
}

static bool explain_hops(const struct mts_run *run, const struct route *route, struct buf *lines) {
    int chosen = route_choose(run, route, 0, -1);
    for (size_t i = 0; i < route->choice_count; i++) {
        const struct choice *choice = &route->choices[i];
        bool down = run->hop_down && (size_t)choice->hop < run->hop_down_count && run->hop_down[choice->hop];
        if (!buf_printf(lines, "next hop %s: rank %u, weight %u%s%s\n",
                        run->tables->hops[choice->hop].given.name, choice->rank, choice->weight,
                        down ? ", backing off" : "", choice->hop == chosen ? ", would be tried first" : "") ||
            !explain_content(&run->tables->hops[choice->hop].given, lines))
            return false;
    }
    return true;
}

static bool explain_route(const struct mts_run *run, const struct address *address, struct buf *lines) {
    struct decision decision;
    const int unable = x411_NonDeliveryReasonCode_unable_to_transfer;
    const int unrecognised = x411_NonDeliveryDiagnosticCode_unrecognised_OR_name;
    if (!route_find(run->tables, address, &decision))
        return buf_printf(lines, "no route matches, and there is no default route\n") &&
               explain_cause(lines, unable, unrecognised, NULL);
    const struct route *route = decision.route;
    buf_printf(lines, "route %s is the most specific of those that match\n",
               *route->text ? route->text : "(default)");
    if (route->action == MTS_ROUTE_TRANSFER)
        return explain_hops(run, route, lines);
    if (route->action == MTS_ROUTE_REFUSE)
        return buf_printf(lines, "the route states a non-delivery\n") &&
               explain_cause(lines, route->reason, route->diagnostic, route->supplementary);
    return buf_printf(lines, "the address space is local, and nobody has this address\n") &&
           explain_cause(lines, unable, unrecognised, NULL);
}

static bool explain_user(struct arena *arena, const struct user *user, struct buf *lines) {
    buf_printf(lines, "a user of this MTA, mailbox %s\n",
               user->given.mailbox ? user->given.mailbox : "(none)");
    for (size_t i = 0; i < user->redirection_count; i++) {
        struct span to = user->redirections[i].alternate
                             ? address_text(arena, user->redirections[i].alternate)
                             : span_str("nobody");
        buf_printf(lines, "redirected to %.*s for %s\n", (int)to.len, (const char *)to.data,
                   user->redirections[i].class.reports ? "a class of messages, and reports"
                                                       : "a class of messages");
    }
    if (!user->given.mailbox)
        return explain_cause(lines, x411_NonDeliveryReasonCode_unable_to_transfer,
                             x411_NonDeliveryDiagnosticCode_recipient_unavailable, NULL);
    return !lines->failed;
}

bool mts_explain_route(struct mts_run *run, const char *text, struct buf *lines, struct error *err) {
    struct x411_ORName name;
    struct address address;
    if (!address_parse(run->arena, text, &name, err))
        return false;
    if (!address_of(run->arena, &name, &address))
        return error_set(err, 1, "out of memory");
    struct span canonical = address_text(run->arena, &name);
    buf_printf(lines, "%.*s\n", (int)canonical.len, (const char *)canonical.data);
    const struct entry *entry = entry_find(run->tables, address.key);
    bool ok;
    if (!entry)
        ok = explain_route(run, &address, lines);
    else if (entry->user)
        ok = explain_user(run->arena, entry->user, lines);
    else if (entry->dl)
        ok = buf_printf(lines, "a distribution list of %zu members\n", entry->dl->member_count);
    else {
        struct span to = address_text(run->arena, entry->alias);
        ok = buf_printf(lines, "another name of %.*s\n", (int)to.len, (const char *)to.data);
    }
    return ok || error_set(err, 1, "out of memory");
}
