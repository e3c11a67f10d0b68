/* Errors: their numbers and names, and what a session keeps of the last one. */
#include <stdarg.h>
#include <stdio.h>

#include "access/access_private.h"

static const struct {
    enum mhs_code code;
    const char *name;
} codes[] = {
    {MHS_OK, "ok"},
    {MHS_INVALID, "invalid"},
    {MHS_NO_MEMORY, "no-memory"},
    {MHS_UNREACHABLE, "unreachable"},
    {MHS_TIMED_OUT, "timed-out"},
    {MHS_PROTOCOL, "protocol"},
    {MHS_UNSUPPORTED, "unsupported"},
    {MHS_STOPPED, "stopped"},
    {MHS_BAD_REQUEST, "bad-request"},
    {MHS_NOT_PERMITTED, "not-permitted"},
    {MHS_NOT_FOUND, "not-found"},
    {MHS_WRONG_STATE, "wrong-state"},
    {MHS_EXISTS, "exists"},
    {MHS_BAD_CONFIGURATION, "bad-configuration"},
    {MHS_UNAVAILABLE, "unavailable"},
    {MHS_TOO_LARGE, "too-large"},
    {MHS_REFUSED, "refused"},
    {MHS_SUBMISSION_CONTROL_VIOLATED, "submission-control-violated"},
    {MHS_ELEMENT_OF_SERVICE_NOT_SUBSCRIBED, "element-of-service-not-subscribed"},
    {MHS_DEFERRED_DELIVERY_CANCELLATION_REJECTED, "deferred-delivery-cancellation-rejected"},
    {MHS_ORIGINATOR_INVALID, "originator-invalid"},
    {MHS_RECIPIENT_IMPROPERLY_SPECIFIED, "recipient-improperly-specified"},
    {MHS_MESSAGE_SUBMISSION_IDENTIFIER_INVALID, "message-submission-identifier-invalid"},
    {MHS_INCONSISTENT_REQUEST, "inconsistent-request"},
    {MHS_SECURITY_ERROR, "security-error"},
    {MHS_UNSUPPORTED_CRITICAL_FUNCTION, "unsupported-critical-function"},
    {MHS_REMOTE_BIND_ERROR, "remote-bind-error"},
};

#define CODES (sizeof codes / sizeof *codes)

const char *mhs_code_name(enum mhs_code code) {
    for (size_t i = 0; i < CODES; i++)
        if (codes[i].code == code)
            return codes[i].name;
    return "unknown";
}

static enum mhs_code access_code_of(const char *name) {
    for (size_t i = 0; i < CODES; i++)
        if ((codes[i].code >= MHS_BAD_REQUEST || codes[i].code == MHS_TIMED_OUT) &&
            strcmp(codes[i].name, name) == 0)
            return codes[i].code;
    return MHS_REFUSED;
}

static void keep_error(struct access_error *error, const char *name, const char *format, va_list args) {
    buf_clear(&error->recipients);
    buf_clear(&error->complaints);
    snprintf(error->name, sizeof error->name, "%s", name);
    vsnprintf(error->text, sizeof error->text, format, args);
}

enum mhs_code access_fail(struct mhs_session *session, enum mhs_code code, const char *format, ...) {
    va_list args;
    va_start(args, format);
    keep_error(&session->error, mhs_code_name(code), format, args);
    va_end(args);
    return code;
}

enum mhs_code access_refuse(struct mhs_session *session, const char *name, const char *text) {
    access_fail(session, MHS_REFUSED, "%s", text ? text : "no reason was given");
    snprintf(session->error.name, sizeof session->error.name, "%s", name);
    return access_code_of(name);
}

void access_error_add(struct buf *list, const char *text) {
    buf_append(list, text, strlen(text) + 1);
}

static const char *string_at(const struct buf *list, size_t number) {
    size_t at = 0;
    while (at < list->len && number-- > 0)
        at += strlen((const char *)list->data + at) + 1;
    return at < list->len ? (const char *)list->data + at : NULL;
}

const char *mhs_error_text(const struct mhs_session *session) {
    return session->error.text;
}

const char *mhs_error_name(const struct mhs_session *session) {
    return session->error.name;
}

const char *mhs_error_recipient(const struct mhs_session *session, size_t number) {
    return string_at(&session->error.recipients, number);
}

const char *mhs_error_complaint(const struct mhs_session *session, size_t number) {
    return string_at(&session->error.complaints, number);
}
