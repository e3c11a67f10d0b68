/*
 * What becomes of one recipient (X.411 §14.3): user, list, alias, next hop, or
 * failure. One step decides one recipient; those who take its place, by
 * redirection or as a list's members, are left to the ruling's stack of undecided
 * ones, which decide_all() empties. It comes to an end: a redirection lengthens
 * the history, which `redirections` bounds, and finds a list no deeper than
 * `dl_depth`, which each branch counts.
 */
#include "mts/mts_private.h"

static const struct cause unrecognised = {x411_NonDeliveryReasonCode_unable_to_transfer,
                                          x411_NonDeliveryDiagnosticCode_unrecognised_OR_name, NULL};

static recipient_fields *fields_of(struct branch *branch, size_t position) {
    return &branch->subject.envelope.per_recipient_fields.items[position];
}

static void fail(struct branch *branch, size_t position, struct cause cause) {
    branch->targets[position] = (struct target){.kind = TARGET_FAILED, .cause = cause};
}

/* The domain's own alternate: of a user, or for an address that nobody has. NULL: none, or not our recipient.
 */
static const struct x411_ORName *domain_alternate(struct ruling *ruling, const struct address *address) {
    struct decision decision;
    const struct entry *entry = entry_find(ruling->tables, address->key);
    if (entry)
        return entry->user ? entry->user->domain_alternate : NULL;
    if (route_find(ruling->tables, address, &decision) && decision.route->action == MTS_ROUTE_LOCAL)
        return ruling->tables->catch_all;
    return NULL;
}

/*
 * Error processing (X.411 §14.3.6). The originator's alternate comes "in preference to one assigned by the
 * recipients-MD" (X.411 §8.2.1.1.1); the domain's is for "unknown or ambiguously addressed recipients"
 * (X.412 §8.2.4) and for users who can't be served.
 */
static void fail_or_redirect(struct ruling *ruling, struct branch *branch, size_t position,
                             struct cause cause) {
    struct x411_ORName requested;
    struct address address;
    const recipient_fields *recipient = fields_of(branch, position);
    if (ruling->no_memory)
        return;
    fail(branch, position, cause);
    if (cause.diagnostic == x411_NonDeliveryDiagnosticCode_maximum_time_expired)
        return;
    if (redirection_by_originator(ruling, recipient, &requested)) {
        redirect_recipient(ruling, branch, position, &requested,
                           x411_RedirectionReason_originator_requested_alternate_recipient);
        return;
    }
    if (!subject_has(&branch->subject, x411_PerMessageIndicators_alternate_recipient_allowed))
        return;
    if (!address_of(&ruling->scratch, &recipient->recipient_name, &address)) {
        ruling->no_memory = true;
        return;
    }
    const struct x411_ORName *alternate = domain_alternate(ruling, &address);
    if (alternate && !address_equal(ruling->arena, alternate, &recipient->recipient_name))
        redirect_recipient(ruling, branch, position, alternate,
                           x411_RedirectionReason_recipient_MD_assigned_alternate_recipient);
}

static void resolve_user(struct ruling *ruling, struct branch *branch, size_t position,
                         const struct user *user) {
    const struct subject *subject = &branch->subject;
    struct user_verdict verdict;
    user_verdict(ruling, branch, fields_of(branch, position), user, &verdict);
    struct cause cause = verdict.cause;
    if (verdict.alternate) {
        if (extension_enumerated(&subject->envelope.extensions, EXT_RECIPIENT_REASSIGNMENT_PROHIBITED) == 1) {
            cause = (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer,
                                   x411_NonDeliveryDiagnosticCode_recipient_reassignment_prohibited, NULL};
            fail_or_redirect(ruling, branch, position, cause);
        } else
            redirect_recipient(ruling, branch, position, verdict.alternate,
                               x411_RedirectionReason_recipient_assigned_alternate_recipient);
        return;
    }
    if (!check_user(ruling, subject, fields_of(branch, position), user, &verdict, &cause) || !verdict.taken) {
        fail_or_redirect(ruling, branch, position, cause);
        return;
    }
    bool probe = subject->kind == MTS_PROBE;
    branch->targets[position] = (struct target){.kind = probe ? TARGET_ANSWERED : TARGET_MAILBOX,
                                                .mailbox = user->given.mailbox,
                                                .user_type = ruling->tables->domain.private_domain_identifier
                                                                 ? x411_TypeOfMTSUser_private
                                                                 : x411_TypeOfMTSUser_public};
}

/* A probe is told what an expansion would meet, but never expands a list (X.411 §14.3). */
static void resolve_dl(struct ruling *ruling, struct branch *branch, size_t position, const struct dl *dl) {
    struct cause cause;
    bool message = branch->subject.kind == MTS_MESSAGE;
    if (message ? !dl_expand(ruling, branch, position, dl, &cause)
                : !dl_permits(ruling, &branch->subject, dl, &cause))
        fail_or_redirect(ruling, branch, position, cause);
    else if (!message)
        branch->targets[position] =
            (struct target){.kind = TARGET_ANSWERED, .user_type = x411_TypeOfMTSUser_dl};
}

/* The drawn hop if it can take the recipient, else the first other choice that can. */
static int usable_hop(struct ruling *ruling, struct branch *branch, size_t position,
                      const struct route *route, struct cause *cause) {
    struct cause other;
    const recipient_fields *recipient = fields_of(branch, position);
    int hop = route_choose(ruling->run, route, span_hash(branch->subject.identifier), -1);
    if (hop < 0) {
        *cause = unrecognised;
        return -1;
    }
    if (check_next_hop(ruling, &branch->subject, recipient, hop, cause))
        return hop;
    for (size_t i = 0; i < route->choice_count; i++)
        if (route->choices[i].hop != hop &&
            check_next_hop(ruling, &branch->subject, recipient, route->choices[i].hop, &other))
            return route->choices[i].hop;
    return -1;
}

/*
 * An address that nobody has, beside a directory name for which the directory
 * knows another: the recipient is redirected there (redirection-reason
 * directory-look-up). True when nothing is left to do.
 */
static bool look_up_instead(struct ruling *ruling, struct branch *branch, size_t position) {
    const struct x411_ORName *name = &fields_of(branch, position)->recipient_name;
    struct x411_ORName found;
    struct cause cause;
    if (!name->directory_name)
        return false;
    enum lookup lookup = directory_look_up(ruling, name->directory_name, &found, &cause);
    if (lookup == LOOKUP_FOUND && !authority_redirects(ruling, &branch->subject, &found))
        return false;
    if (lookup == LOOKUP_FOUND && !address_equal(&ruling->scratch, name, &found))
        redirect_recipient(ruling, branch, position, &found, x411_RedirectionReason_directory_look_up);
    else if (lookup != LOOKUP_ASKED)
        return false;
    return true;
}

static void resolve_route(struct ruling *ruling, struct branch *branch, size_t position,
                          const struct address *address) {
    struct decision decision;
    struct cause cause = unrecognised;
    if (!route_find(ruling->tables, address, &decision)) {
        cause.supplementary = "no route matches the address";
    } else {
        const struct route *route = decision.route;
        if (route->action == MTS_ROUTE_TRANSFER) {
            int hop = usable_hop(ruling, branch, position, route, &cause);
            if (hop >= 0) {
                branch->targets[position] = (struct target){.kind = TARGET_HOP, .hop = hop};
                return;
            }
        } else if (route->action == MTS_ROUTE_REFUSE)
            cause = (struct cause){route->reason, route->diagnostic, route->supplementary};
        else if (oraddress_is_postal(&address->parts) && !ruling->tables->self.pdau)
            cause = (struct cause){x411_NonDeliveryReasonCode_physical_delivery_not_performed, -1,
                                   "no physical delivery access unit"};
    }
    if (cause.diagnostic != x411_NonDeliveryDiagnosticCode_unrecognised_OR_name ||
        !look_up_instead(ruling, branch, position))
        fail_or_redirect(ruling, branch, position, cause);
}

/* A recipient by directory name only: its address must be found first. */
static bool has_address(struct ruling *ruling, struct branch *branch, size_t position) {
    recipient_fields *recipient = fields_of(branch, position);
    struct x411_ORName found;
    struct cause cause = unrecognised;
    if (!address_is_empty(&recipient->recipient_name))
        return true;
    enum lookup lookup =
        recipient->recipient_name.directory_name
            ? directory_look_up(ruling, recipient->recipient_name.directory_name, &found, &cause)
            : LOOKUP_NONE;
    if (lookup == LOOKUP_NONE)
        fail_or_redirect(ruling, branch, position, cause);
    if (lookup != LOOKUP_FOUND)
        return false;
    recipient->recipient_name = found;
    recipient->raw = (struct span){NULL, 0};
    return true;
}

static void decide(struct ruling *ruling, struct branch *branch, size_t position) {
    const recipient_fields *recipient = fields_of(branch, position);
    struct address address;
    if (criticality_unknown(&recipient->extensions, CRITICAL_FOR_TRANSFER)) {
        fail(branch, position,
             (struct cause){x411_NonDeliveryReasonCode_unable_to_transfer,
                            x411_NonDeliveryDiagnosticCode_unsupported_critical_function, NULL});
        return;
    }
    if (!has_address(ruling, branch, position))
        return;
    if (!address_of(&ruling->scratch, &recipient->recipient_name, &address)) {
        ruling->no_memory = true;
        return;
    }
    const struct entry *entry = entry_find(ruling->tables, address.key);
    if (!entry)
        resolve_route(ruling, branch, position, &address);
    else if (entry->user)
        resolve_user(ruling, branch, position, entry->user);
    else if (entry->dl)
        resolve_dl(ruling, branch, position, entry->dl);
    else
        redirect_recipient(ruling, branch, position, entry->alias, x411_RedirectionReason_alias);
}

static void decide_all(struct ruling *ruling) {
    struct branch *branch;
    size_t position;
    while (ruling_next_undecided(ruling, &branch, &position)) {
        decide(ruling, branch, position);
        arena_reset(&ruling->scratch);
    }
}

void recipient_resolve(struct ruling *ruling, struct branch *branch, size_t position) {
    ruling_undecided(ruling, branch, position, 1);
    decide_all(ruling);
}

void recipient_fail(struct ruling *ruling, struct branch *branch, size_t position, struct cause cause) {
    fail_or_redirect(ruling, branch, position, cause);
    decide_all(ruling);
}

void recipient_redirect(struct ruling *ruling, struct branch *branch, size_t position,
                        const struct x411_ORName *to, int reason) {
    redirect_recipient(ruling, branch, position, to, reason);
    decide_all(ruling);
}

bool recipient_has_address(struct ruling *ruling, struct branch *branch, size_t position) {
    bool known = has_address(ruling, branch, position);
    decide_all(ruling);
    return known;
}
