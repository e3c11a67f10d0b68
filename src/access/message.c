/* Interpersonal messages of text: made and read without X.420's types in the caller's hands. */

#include "access/access_private.h"
#include "base/text.h"
#include "content/ipm.h"

/* ---- making ---- */

static const struct x411_ORName *name_of(const struct mhs_name *name, struct arena *arena,
                                         struct error *err) {
    struct x411_ORName *made = arena_alloc(arena, sizeof *made);
    if (!made)
        error_set(err, MHS_NO_MEMORY, "no memory");
    return made && access_name(name, arena, made, err) ? made : NULL;
}

static bool fill_heading(const struct mhs_submission *submission, struct arena *arena,
                         struct ipm_heading *heading, struct error *err) {
    struct ipm_user *originator = arena_alloc(arena, sizeof *originator);
    struct ipm_recipients *to = &heading->primary_recipients;
    to->items = arena_array(arena, submission->recipient_count + 1, sizeof *to->items);
    heading->importance = IPM_NORMAL;
    if (!originator || !to->items)
        return error_set(err, MHS_NO_MEMORY, "no memory");
    if (!(originator->formal_name = name_of(&submission->originator, arena, err)))
        return error_prefix(err, "the originator");
    heading->originator = originator;
    heading->this_ipm = (struct ipm_identifier){originator->formal_name, ipm_new_identifier(arena)};
    for (; to->count < submission->recipient_count; to->count++)
        if (!(to->items[to->count].user.formal_name =
                  name_of(&submission->recipients[to->count].name, arena, err)))
            return error_prefix(err, "a recipient");
    return true;
}

/* All pieces are in memory. */
static bool join_pieces(const struct ipm_plan *plan, struct arena *arena, struct mhs_octets *content) {
    uint8_t *to = arena_alloc(arena, (size_t)plan->length + 1);
    *content = (struct mhs_octets){to, (size_t)plan->length};
    for (size_t i = 0; to && i < plan->count; i++) {
        memcpy(to, plan->pieces[i].octets.data, plan->pieces[i].octets.len);
        to += plan->pieces[i].octets.len;
    }
    return to != NULL;
}

static enum mhs_code make(struct mhs_session *session, const struct mhs_submission *submission,
                          const char *subject, const char *text, struct mhs_octets *content) {
    struct arena *arena = &session->made;
    struct ipm_heading heading = {.subject = subject};
    struct span octets = span_str(text);
    struct ipm_new_part part = {.type = text_is_ascii(octets) ? IPM_PART_IA5_TEXT : IPM_PART_GENERAL_TEXT,
                                .octets = octets};
    struct ipm_plan plan;
    struct error err = {0};
    arena_reset(arena);
    *content = (struct mhs_octets){0};
    if (!text_is_utf8(octets) || (subject && !text_is_utf8(span_str(subject))))
        return access_fail(session, MHS_INVALID, "subject and text must be UTF-8");
    if (fill_heading(submission, arena, &heading, &err) && ipm_plan(&heading, &part, 1, arena, &plan, &err))
        return join_pieces(&plan, arena, content) ? MHS_OK : access_fail(session, MHS_NO_MEMORY, "no memory");
    return access_fail(session, err.code == MHS_NO_MEMORY ? MHS_NO_MEMORY : MHS_INVALID, "%s", err.text);
}

enum mhs_code mhs_text_make(struct mhs_session *session, const struct mhs_submission *submission,
                            const char *subject, const char *text, struct mhs_octets *content) {
    access_lock();
    enum mhs_code code = make(session, submission, subject, text, content);
    access_unlock();
    return code;
}

/* ---- reading ---- */

static bool add_text(struct buf *to, struct span text) {
    return !text.data || ((!to->len || buf_append(to, "\n\n", 2)) && buf_append_span(to, text));
}

static enum mhs_code read_content(struct mhs_session *session, struct mhs_octets content,
                                  const char **subject, const char **text) {
    struct arena *arena = &session->read;
    struct ipm_content read;
    struct error err = {0};
    struct buf texts;
    arena_reset(arena);
    *subject = *text = NULL;
    if (!ipm_read(span_of(content.data, content.length), arena, &read, &err))
        return access_fail(session, MHS_INVALID, "%s", err.text);
    if (!read.ipm)
        return access_fail(session, MHS_INVALID, "it is a notification");
    buf_init(&texts, 0);
    bool fits = true;
    for (size_t i = 0; fits && i < read.ipm->part_count; i++)
        fits = add_text(&texts, ipm_part_text(&read.ipm->parts[i], arena));
    struct span whole = texts.len ? arena_dup(arena, buf_span(&texts)) : (struct span){NULL, 0};
    fits = fits && (whole.data || !texts.len);
    buf_free(&texts);
    if (!fits)
        return access_fail(session, MHS_NO_MEMORY, "no memory for the text");
    *subject = read.ipm->heading.subject;
    *text = (const char *)whole.data;
    return MHS_OK;
}

enum mhs_code mhs_text_read(struct mhs_session *session, struct mhs_octets content, const char **subject,
                            const char **text) {
    access_lock();
    enum mhs_code code = read_content(session, content, subject, text);
    access_unlock();
    return code;
}
