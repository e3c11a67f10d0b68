#include "mta/json.h"

#include "base/clock.h"
#include "base/log.h"

json_t *json_text(struct span text) {
    json_t *value = text.data ? json_stringn((const char *)text.data, text.len) : NULL;
    if (value || !text.data)
        return value ? value : json_null();
    char printable[LOG_TEXT_SIZE];
    return json_string(log_text(text, printable));
}

json_t *json_time(int64_t seconds) {
    char text[21];
    if (seconds <= 0 || seconds > 253402300799) /* the year 9999 */
        return json_null();
    return json_string(clock_format(seconds, text));
}
