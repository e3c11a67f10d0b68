#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define ELLIPSIS " \u2026"

/* Cuts the text so that `room` octets are left behind it, between words. */
static void cut(struct error *err, size_t room) {
    size_t most = sizeof err->text - 1 - room, length = strlen(err->text);
    if (length <= most)
        return;
    length = most - strlen(ELLIPSIS);
    while (length && err->text[length] != ' ')
        length--;
    if (!length) { /* one long word, which may be of UTF-8 */
        length = most - strlen(ELLIPSIS);
        while (length && ((unsigned char)err->text[length] & 0xC0) == 0x80)
            length--;
    }
    snprintf(err->text + length, sizeof err->text - length, ELLIPSIS);
}

static void set(struct error *err, const char *format, va_list args) {
    va_list again;
    va_copy(again, args);
    int length = vsnprintf(err->text, sizeof err->text, format, again);
    va_end(again);
    if (length >= (int)sizeof err->text)
        cut(err, 1); /* the octet that tells that it was longer */
}

bool error_set(struct error *err, int code, const char *format, ...) {
    if (!err)
        return false;
    err->code = code;
    va_list args;
    va_start(args, format);
    set(err, format, args);
    va_end(args);
    return false;
}

bool error_append(struct error *err, const char *remedy) {
    if (!err)
        return false;
    size_t room = strlen(remedy);
    if (room > sizeof err->text / 2)
        room = sizeof err->text / 2;
    cut(err, room);
    size_t length = strlen(err->text);
    snprintf(err->text + length, sizeof err->text - length, "%s", remedy);
    return false;
}

bool error_prefix(struct error *err, const char *format, ...) {
    if (!err)
        return false;
    char old[sizeof err->text], context[sizeof err->text];
    memcpy(old, err->text, sizeof old);
    va_list args;
    va_start(args, format);
    vsnprintf(context, sizeof context, format, args);
    va_end(args);
    return error_set(err, err->code, "%s: %s", context, old);
}
