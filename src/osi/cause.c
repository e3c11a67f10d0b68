#include "osi/cause.h"

#include <stdarg.h>
#include <stdio.h>

#include "osi/association.h"
#include "osi/session.h"

const char *osi_layer_name(enum osi_layer layer) {
    static const char *const names[] = {"transport", "session", "presentation", "ACSE",
                                        "RTSE",      "user",    "ROSE"};
    return names[layer];
}

bool osi_cause_is_set(const struct osi_cause *cause) {
    return cause->text[0] != '\0';
}

bool osi_cause_set(struct osi_cause *cause, enum osi_end end, enum osi_layer layer, bool by_peer, int code,
                   const char *parameter, const char *format, ...) {
    if (osi_cause_is_set(cause))
        return false;
    cause->end = end;
    cause->layer = layer;
    cause->by_peer = by_peer;
    cause->code = code;
    snprintf(cause->parameter, sizeof cause->parameter, "%s", parameter ? parameter : "");
    int prefix = snprintf(cause->text, sizeof cause->text, "%s: ", osi_layer_name(layer));
    va_list args;
    va_start(args, format);
    vsnprintf(cause->text + prefix, sizeof cause->text - (size_t)prefix, format, args);
    va_end(args);
    return false;
}

/* The names are X.225's. X.228 §7.8 has the sender begin anew after the errors that would come again. */
static const struct exception {
    int reason;
    const char *what, *name;
} exceptions[] = {
    {SESSION_NON_SPECIFIC_ERROR, "the peer can't take mail now (temporary)", "non-specific error"},
    {SESSION_RECEIVING_ABILITY_JEOPARDIZED, "the peer can't receive any more now (temporary)",
     "user receiving ability jeopardized"},
    {SESSION_SEQUENCE_ERROR, "the peer lost the thread of the transfer, which begins anew later",
     "user sequence error"},
    {SESSION_LOCAL_USER_ERROR, "the peer can't take mail now (temporary)", "local SS-user error"},
    {SESSION_UNRECOVERABLE_PROCEDURAL_ERROR, "the peer gave the transfer up, which begins anew later",
     "unrecoverable procedural error"},
    {SESSION_DEMAND_DATA_TOKEN, "the peer wants the turn first, and takes mail later", "demand data token"},
};

void osi_exception_text(int reason, char out[static OSI_EXCEPTION_TEXT]) {
    for (size_t i = 0; i < sizeof exceptions / sizeof *exceptions; i++)
        if (exceptions[i].reason == reason) {
            snprintf(out, OSI_EXCEPTION_TEXT, "%s: exception reason %d, %s", exceptions[i].what, reason,
                     exceptions[i].name);
            return;
        }
    if (reason < 0)
        snprintf(out, OSI_EXCEPTION_TEXT, "the peer can't take mail now (temporary), and gave no reason");
    else
        snprintf(out, OSI_EXCEPTION_TEXT,
                 "the peer can't take mail now (temporary): exception reason %d, which X.225 does not name",
                 reason);
}
