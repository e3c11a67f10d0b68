/* How the layers say why an association ended; see struct osi_cause in association.h. */
#ifndef OSI_CAUSE_H
#define OSI_CAUSE_H

#include "osi/association.h"

/*
 * Fills `cause` unless one is there already: the first cause is the true one,
 * later ones are its echo. Returns false, so that a layer can `return osi_cause_set(...)`.
 */
bool osi_cause_set(struct osi_cause *cause, enum osi_end end, enum osi_layer layer, bool by_peer, int code,
                   const char *parameter, const char *format, ...) __attribute__((format(printf, 7, 8)));

/* True if a cause is there. */
bool osi_cause_is_set(const struct osi_cause *cause);

/* The layer's name for people: `transport`, `session` … */
const char *osi_layer_name(enum osi_layer layer);

#endif
