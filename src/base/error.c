#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *err, int code, const char *format, ...) {
    if (!err)
        return false;
    err->code = code;
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    return false;
}

bool error_prefix(struct error *err, const char *format, ...) {
    if (!err)
        return false;
    char old[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    vsnprintf(err->text, sizeof err->text, format, args);
    va_end(args);
    size_t len = strnlen(err->text, sizeof err->text - 1);
    strncat(err->text, ": ", sizeof err->text - 1 - len);
    len = strnlen(err->text, sizeof err->text - 1);
    strncat(err->text, old, sizeof err->text - 1 - len);
    return false;
}
