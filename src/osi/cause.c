#include "osi/cause.h"

#include <stdarg.h>
#include <stdio.h>

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
