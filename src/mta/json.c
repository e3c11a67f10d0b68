#include "mta/json.h"

#include "base/buf.h"
#include "base/charset.h"
#include "base/clock.h"
#include "base/log.h"

json_t *json_text(struct span text) {
    json_t *value = text.data ? json_stringn((const char *)text.data, text.len) : NULL;
    if (value || !text.data)
        return value ? value : json_null();
    char printable[LOG_TEXT_SIZE];
    return json_string(log_text(text, printable));
}

json_t *json_whole(const char *text) {
    struct buf whole;
    uint32_t code;
    buf_init(&whole, 0);
    for (struct span left = span_str(text); left.len;) {
        size_t octets = charset_utf8_character(left, &code);
        if (octets)
            buf_append_span(&whole, span_sub(left, 0, octets));
        left = span_sub(left, octets ? octets : 1, SIZE_MAX);
    }
    json_t *value = whole.failed ? NULL : json_stringn((const char *)whole.data, whole.len);
    buf_free(&whole);
    return value ? value : json_string("");
}

json_t *json_time(int64_t seconds) {
    char text[21];
    if (seconds <= 0 || seconds > 253402300799) /* the year 9999 */
        return json_null();
    return json_string(clock_format(seconds, text));
}
