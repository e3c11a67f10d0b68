/* Text with the escape sequences of ISO 2022, which say what sets its octets are of. Of the room's own use.
 */
#ifndef BASE_ISO2022_H
#define BASE_ISO2022_H

#include "base/charset.h"
#include "base/text.h"

/* ASCII on the left; `standard` is on the right, or the whole code when it is UTF-8. */
void iso2022_begin(struct text_stream *stream, const struct charset *standard);

/* Converts the octets; `out` has room for three octets for each. */
void iso2022_convert(struct text_stream *stream, struct span in, struct charset_output *out);

#endif
