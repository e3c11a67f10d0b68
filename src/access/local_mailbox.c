/* Mailboxes over the local socket: rows of JSON as structures, and pieces. */
#include <inttypes.h>

#include "access/local.h"
#include "base/clock.h"
#include "ipc/payload.h"

/* Entries asked for at once: an answer has to fit into a frame. */
#define PAGE 200

/* ---- rows ---- */

static const char *text_of(const json_t *row, const char *member) {
    return json_string_value(json_object_get(row, member));
}

static uint64_t number_of(const json_t *row, const char *member) {
    json_int_t number = json_integer_value(json_object_get(row, member));
    return number > 0 ? (uint64_t)number : 0;
}

static bool is_true(const json_t *row, const char *member) {
    return json_is_true(json_object_get(row, member));
}

static int64_t time_of(const json_t *row, const char *member) {
    int64_t seconds;
    const char *text = text_of(row, member);
    return text && clock_parse(text, &seconds) ? seconds : 0;
}

static enum mhs_kind kind_of(const char *kind) {
    return kind && strcmp(kind, "report") == 0    ? MHS_REPORT
           : kind && strcmp(kind, "damaged") == 0 ? MHS_DAMAGED
                                                  : MHS_MESSAGE;
}

static enum mhs_priority priority_of(const char *priority) {
    return priority && strcmp(priority, "urgent") == 0       ? MHS_URGENT
           : priority && strcmp(priority, "non-urgent") == 0 ? MHS_NON_URGENT
                                                             : MHS_NORMAL;
}

static struct mhs_entry entry_of(const json_t *row) {
    return (struct mhs_entry){.number = number_of(row, "entry"),
                              .kind = kind_of(text_of(row, "kind")),
                              .identifier = text_of(row, "mts-identifier"),
                              .originator = text_of(row, "originator"),
                              .arrival = time_of(row, "arrival"),
                              .submitted = time_of(row, "submitted"),
                              .size = number_of(row, "size"),
                              .content_type = text_of(row, "content-type"),
                              .content_identifier = text_of(row, "content-identifier"),
                              .priority = priority_of(text_of(row, "priority")),
                              .seen = is_true(row, "seen"),
                              .notified = is_true(row, "notified"),
                              .delivered = number_of(row, "delivered"),
                              .non_delivered = number_of(row, "non-delivered"),
                              .damage = text_of(row, "damage"),
                              .envelope_size = number_of(row, "envelope-octets"),
                              .on_probe = is_true(row, "probe")};
}

static enum mhs_code stopped(struct mhs_session *session) {
    return access_fail(session, MHS_STOPPED, "the caller wanted no more");
}

/* ---- mailboxes and entries ---- */

enum mhs_code local_mailboxes(struct mhs_session *session,
                              bool (*each)(void *context, const struct mhs_mailbox *mailbox), void *context) {
    json_t *answer;
    const json_t *row;
    size_t i;
    enum mhs_code code = local_request(session, json_pack("{s:s}", "operation", "mailboxes"), &answer);
    json_array_foreach(json_object_get(answer, "mailboxes"), i, row) {
        struct mhs_mailbox mailbox = {text_of(row, "mailbox"), number_of(row, "entries"),
                                      number_of(row, "unseen"), number_of(row, "octets"),
                                      number_of(row, "quota")};
        if (code == MHS_OK && !each(context, &mailbox))
            code = stopped(session);
    }
    json_decref(answer);
    return code;
}

static void add_number(json_t *request, const char *member, uint64_t number) {
    if (number)
        json_object_set_new(request, member, json_integer((json_int_t)number));
}

static void add_text(json_t *request, const char *member, const char *text) {
    if (text)
        json_object_set_new(request, member, json_string(text));
}

/* All but where it goes on. */
static json_t *list_request(const struct mhs_list *list, uint64_t most) {
    json_t *request = json_pack("{s:s, s:s, s:I}", "operation", "mailbox-list", "mailbox", list->mailbox,
                                "limit", (json_int_t)most);
    if (list->unseen)
        json_object_set_new(request, "unseen", json_true());
    if (list->newest)
        json_object_set_new(request, "newest", json_true());
    add_number(request, "since", list->since > 0 ? (uint64_t)list->since : 0);
    add_text(request, "from", list->from);
    add_text(request, "subject", list->subject);
    return request;
}

/* One page; `*shown` counts on. It goes on at `*at`: after it, or before it. */
static enum mhs_code list_page(struct mhs_session *session, const struct mhs_list *list, uint64_t *at,
                               uint64_t *shown, bool (*each)(void *context, const struct mhs_entry *entry),
                               void *context) {
    uint64_t left = list->limit ? list->limit - *shown : PAGE;
    json_t *request = list_request(list, left < PAGE ? left : PAGE), *answer;
    const json_t *row;
    size_t i;
    add_number(request, "after", list->newest ? list->after : *at);
    add_number(request, "before", list->newest ? *at : list->before);
    enum mhs_code code = local_request(session, request, &answer);
    json_array_foreach(json_object_get(answer, "entries"), i, row) {
        struct mhs_entry entry = entry_of(row);
        ++*shown;
        if (code == MHS_OK && !each(context, &entry))
            code = stopped(session);
    }
    *at = number_of(answer, "cursor");
    json_decref(answer);
    return code;
}

enum mhs_code local_list(struct mhs_session *session, const struct mhs_list *list,
                         bool (*each)(void *context, const struct mhs_entry *entry), void *context,
                         uint64_t *more) {
    uint64_t at = list->newest ? list->before : list->after, shown = 0;
    enum mhs_code code;
    do
        code = list_page(session, list, &at, &shown, each, context);
    while (code == MHS_OK && at && (!list->limit || shown < list->limit));
    *more = code == MHS_OK ? at : 0;
    return code;
}

static json_t *about(const char *operation, const char *mailbox, uint64_t entry) {
    return json_pack("{s:s, s:s, s:I}", "operation", operation, "mailbox", mailbox, "entry",
                     (json_int_t)entry);
}

enum mhs_code local_show(struct mhs_session *session, const char *mailbox, uint64_t entry,
                         bool (*each)(void *context, const struct mhs_entry *entry), void *context) {
    json_t *answer;
    enum mhs_code code = local_request(session, about("mailbox-show", mailbox, entry), &answer);
    if (code == MHS_OK) {
        struct mhs_entry shown = entry_of(answer);
        if (!each(context, &shown))
            code = stopped(session);
    }
    json_decref(answer);
    return code;
}

static enum mhs_code change(struct mhs_session *session, json_t *request) {
    json_t *answer;
    enum mhs_code code = local_request(session, request, &answer);
    json_decref(answer);
    return code;
}

enum mhs_code local_mark(struct mhs_session *session, const char *mailbox, uint64_t entry, bool seen) {
    json_t *request = about("mailbox-mark", mailbox, entry);
    json_object_set_new(request, "seen", json_boolean(seen));
    return change(session, request);
}

enum mhs_code local_remove(struct mhs_session *session, const char *mailbox, uint64_t entry) {
    return change(session, about("mailbox-delete", mailbox, entry));
}

/* ---- pieces ---- */

static enum mhs_code fetch_piece(struct mhs_session *session, const struct mhs_fetch *fetch, uint64_t offset,
                                 uint32_t length, struct span *octets, uint64_t *total) {
    struct buf request;
    struct span payload;
    uint64_t ref = 0;
    buf_init(&request, 0);
    payload_put_octets(&request, span_str(fetch->mailbox));
    buf_append_u64(&request, fetch->entry);
    buf_append_u64(&request, offset);
    buf_append_u32(&request, length);
    buf_append_byte(&request, fetch->part == MHS_ENVELOPE ? IPC_FETCH_ENVELOPE : IPC_FETCH_CONTENT);
    enum mhs_code code =
        request.failed ? access_fail(session, MHS_NO_MEMORY, "no memory for the request")
                       : local_send(session, IPC_FETCH, &ref, buf_span(&request), (struct span){NULL, 0});
    buf_free(&request);
    if (code == MHS_OK)
        code = local_receive(session, ref, IPC_FETCH_DATA, &payload);
    if (code != MHS_OK)
        return code;
    struct reader r = reader_of(payload);
    bool same = reader_u64(&r) == offset;
    *total = reader_u64(&r);
    *octets = payload_rest(&r);
    return same && octets->len <= length ? MHS_OK
                                         : local_nonsense(session, "another piece than was asked for");
}

enum mhs_code local_fetch(struct mhs_session *session, const struct mhs_fetch *fetch,
                          bool (*piece)(void *context, struct mhs_octets octets), void *context,
                          uint64_t *total) {
    uint64_t offset = fetch->offset, left = fetch->length ? fetch->length : UINT64_MAX;
    do {
        struct span octets;
        enum mhs_code code = fetch_piece(session, fetch, offset,
                                         left < IPC_CHUNK ? (uint32_t)left : IPC_CHUNK, &octets, total);
        if (code != MHS_OK)
            return code;
        if (!octets.len && offset < *total)
            return local_nonsense(session, "no more octets, though there are some");
        if (octets.len && !piece(context, (struct mhs_octets){octets.data, octets.len}))
            return stopped(session);
        offset += octets.len;
        left -= octets.len;
    } while (left && offset < *total);
    return MHS_OK;
}
