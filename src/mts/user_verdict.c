/*
 * What a user wants of a message: restricted delivery, deliverable classes and redirections (X.411 §8.4.1.1).
 * It depends on the message and on who stands behind the copy, so the recipients of one envelope that are the
 * same user share it, unless one was redirected before and names who redirected it.
 */
#include "mts/mts_private.h"

static void read_sources(struct ruling *ruling, const struct subject *subject,
                         const recipient_fields *recipient, struct sources *sources) {
    *sources = (struct sources){.subject = subject};
    authority_sources(ruling, subject, recipient, sources->names);
    for (unsigned i = 0; i < MTS_SOURCES; i++)
        if (sources->names[i] && !address_of(&ruling->scratch, sources->names[i], &sources->addresses[i]))
            sources->addresses[i].key = (struct span){NULL, 0};
}

/* His own restrictions, if he has registered some, take the place of the configuration's. */
static bool permits(struct ruling *ruling, const struct user *user, struct sources *sources) {
    const struct registration *registered = user->registration;
    bool own = registered && registered->restriction_count;
    return restrictions_permit(ruling, own ? registered->restrictions : user->restrictions,
                               own ? registered->restriction_count : user->restriction_count, sources, true);
}

static void judge(struct ruling *ruling, const struct subject *subject, const recipient_fields *recipient,
                  const struct user *user, struct user_verdict *verdict) {
    struct sources sources;
    *verdict = (struct user_verdict){.permitted = true, .taken = true};
    if (!user->registration && !user->restriction_count && !user->redirection_count)
        return;
    read_sources(ruling, subject, recipient, &sources);
    verdict->alternate = redirection_assigned(ruling, user, &sources);
    if (verdict->alternate)
        return;
    verdict->permitted = permits(ruling, user, &sources);
    verdict->taken = registration_takes(ruling, user, &sources, &verdict->cause);
}

/* Where it is known, or is to be noted; NULL without memory. */
static struct known_verdict *place_of(struct ruling *ruling, const struct user *user) {
    if (!ruling->verdicts)
        ruling->verdicts = arena_array(ruling->arena, VERDICTS, sizeof *ruling->verdicts);
    return ruling->verdicts ? &ruling->verdicts[(uintptr_t)user / sizeof *user % VERDICTS] : NULL;
}

void user_verdict(struct ruling *ruling, const struct branch *branch, const recipient_fields *recipient,
                  const struct user *user, struct user_verdict *verdict) {
    struct known_verdict *known =
        extension_find(&recipient->extensions, EXT_REDIRECTION_HISTORY) ? NULL : place_of(ruling, user);
    if (known && known->branch == branch && known->user == user) {
        *verdict = known->verdict;
        return;
    }
    judge(ruling, &branch->subject, recipient, user, verdict);
    if (known)
        *known = (struct known_verdict){branch, user, *verdict};
}
