#include "store/postgres/uri.h"

#include <libpq-fe.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "store/postgres/libpq.h"

static size_t scheme_length(const char *place) {
    static const char *const schemes[] = {"postgresql://", "postgres://"};
    for (size_t i = 0; i < sizeof schemes / sizeof *schemes; i++)
        if (!strncmp(place, schemes[i], strlen(schemes[i])))
            return strlen(schemes[i]);
    return 0;
}

bool pg_is_uri(const char *place) {
    return scheme_length(place) != 0;
}

static void put_text(struct buf *uri, const char *text, const char *reserved) {
    for (const char *c = text; *c; c++)
        buf_printf(uri, *c <= ' ' || *c > '~' || strchr(reserved, *c) ? "%%%02X" : "%c",
                   (unsigned)(unsigned char)*c);
}

static const char *value_of(const PQconninfoOption *options, const char *keyword) {
    for (; options->keyword; options++)
        if (!strcmp(options->keyword, keyword))
            return options->val;
    return NULL;
}

static bool is_secret(const PQconninfoOption *option) {
    return strchr(option->dispchar, '*') != NULL;
}

/* A URI of the options that are given, without the secret ones. */
static char *write_public(const PQconninfoOption *options) {
    const char *user = value_of(options, "user"), *database = value_of(options, "dbname");
    struct buf uri;
    char separator = '?';
    buf_init(&uri, 0);
    buf_printf(&uri, "postgresql://");
    put_text(&uri, user ? user : "", "%&?#@:=+/\"");
    buf_printf(&uri, user ? "@/" : "/");
    put_text(&uri, database ? database : "", "%&?#@:=+/\"");
    for (const PQconninfoOption *option = options; option->keyword; option++) {
        if (!option->val || is_secret(option) || option->val == user || option->val == database)
            continue;
        buf_printf(&uri, "%c%s=", separator, option->keyword);
        put_text(&uri, option->val, "%&?#@=+\"");
        separator = '&';
    }
    char *text = buf_append_byte(&uri, 0) ? mem_strdup((const char *)uri.data) : NULL;
    buf_free(&uri);
    return text;
}

/* libpq alone knows where a password stands in it. */
char *pg_public_uri(const char *uri) {
    PQconninfoOption *options = libpq_load(NULL) ? PQconninfoParse(uri, NULL) : NULL;
    bool secret = false;
    if (!options)
        return mem_strdup("postgresql://(no URI that can be read)");
    for (const PQconninfoOption *option = options; option->keyword; option++)
        secret |= option->val && is_secret(option);
    char *shown = secret ? write_public(options) : mem_strdup(uri);
    PQconninfoFree(options);
    return shown;
}
