#include "names/codes.h"

#include <stdlib.h>

#include "mts/tables.h"

/* ub-reason-codes and ub-diagnostic-codes */
enum { HIGHEST_CODE = 32767 };

static int number_of(const char *text) {
    char *end;
    long code = strtol(text, &end, 10);
    return end != text && !*end && code >= 0 && code <= HIGHEST_CODE ? (int)code : -1;
}

int mts_reason_read(const char *name) {
    int code = number_of(name);
    return code >= 0 ? code : (int)non_delivery_reason_code(name);
}

int mts_diagnostic_read(const char *name) {
    int code = number_of(name);
    return code >= 0 ? code : (int)non_delivery_diagnostic_code(name);
}
