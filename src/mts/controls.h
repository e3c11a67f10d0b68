/*
 * Delivery controls (X.411 §8.3.1.3): what a user's program takes for now. Restrictions for the moment: what
 * they hold up waits, until they are lifted or it expires.
 */
#ifndef MTS_CONTROLS_H
#define MTS_CONTROLS_H

#include "mts/process.h"

/* Why something waits; or'ed. */
enum mts_waiting {
    MTS_WAITS_MESSAGES = 1, /* permissible-operations has no message-delivery, */
    MTS_WAITS_REPORTS = 2,  /* or no report-delivery */
    MTS_WAITS_LENGTH = 4,
    MTS_WAITS_PRIORITY = 8,
    MTS_WAITS_CONTENT_TYPE = 16,
    MTS_WAITS_TYPES = 32 /* encoded information types */
};

/*
 * Takes an argument of delivery-control (`edition_1988`: DeliveryControls88) into
 * `controls`: with restrict each that it has replaces the one before, the others
 * stay; without it they are those of `defaults`. The spans point into the
 * argument, the defaults and the arena. False: it is none. `*security` is set
 * where it has a security context.
 */
bool mts_controls_read(struct span argument, bool edition_1988, const struct x411p3_Controls *defaults,
                       struct arena *arena, struct x411p3_Controls *controls, bool *security);

/* The same of 1988, as they are registered by default. */
bool mts_controls_of_1988(const struct x411p3_DeliveryControls88 *old, struct arena *arena,
                          struct x411p3_Controls *controls);

/* Constraints that take these encoded information types and no others. */
bool mts_types_only(const struct x411_EncodedInformationTypes *types, struct arena *arena,
                    struct x411p3_EncodedInformationTypesConstraints *constraints);

/* Why the controls hold the copy up; 0: they do not, or it does not decode. */
unsigned mts_controls_hold(const struct x411p3_Controls *controls, const struct mts_stored *stored,
                           struct arena *arena);

#endif
