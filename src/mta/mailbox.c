/* Mailboxes of local users: what was delivered, its marks and its end; pieces of contents. */
#include "mta/mailbox.h"

#include "base/log.h"
#include "mta/client.h"
#include "mta/clients.h"
#include "mta/delivered.h"
#include "mta/event.h"
#include "mta/history.h"
#include "mta/json.h"
#include "mta/mailbox_name.h"
#include "mta/mta_private.h"
#include "mta/quota.h"
#include "mta/requests.h"
#include "mta/users.h"
#include "mta/view.h"
#include "mts/row.h"
#include "mts/summary.h"

bool mailbox_is_seen(const struct store_entry *entry) {
    return entry->status == STORE_PROCESSED && !(entry->flags & FLAG_UNREAD);
}

/* ---- which mailbox ---- */

uint32_t mailbox_at(struct view *view, const char *address, struct error *err) {
    arena_reset(&view->arena);
    const char *name = mts_mailbox_of(view->config->tables, address);
    return name ? store_find_mailbox(view->store, mailbox_name(&view->arena, name), err) : 0;
}

uint32_t mailbox_named(struct view *view, const char *name, struct error *err) {
    arena_reset(&view->arena);
    return store_find_mailbox(view->store, mailbox_name(&view->arena, name), err);
}

static json_t *open_address(struct client *client, struct span address, struct opened *opened) {
    struct view *view = client->view;
    struct error err = {0};
    opened->user = user_find(view, address);
    if (!opened->user)
        return client_error("not-found",
                            "no such mailbox; 'mhs list --mailboxes' shows those that you may use");
    if (!client_owns(client, opened->user))
        return client_error("not-permitted",
                            "this mailbox is somebody else's; 'mhs list --mailboxes' shows those "
                            "that you may use");
    opened->mailbox = mailbox_at(view, opened->user->address, &err);
    return err.code ? client_error("unavailable", "%s", err.text) : NULL;
}

json_t *mailbox_open(struct client *client, json_t *request, struct opened *opened) {
    const char *address = json_string_value(json_object_get(request, "mailbox"));
    if (!address)
        return client_error("bad-request", "mailbox is missing: give its O/R address");
    return open_address(client, span_str(address), opened);
}

static json_t *find_entry(struct view *view, const struct opened *opened, uint64_t sequence,
                          struct store_entry *entry) {
    struct error err = {.code = STORE_NOT_FOUND};
    arena_reset(&view->arena);
    if (sequence && sequence <= INT64_MAX && opened->mailbox &&
        store_get_entry(view->store, opened->mailbox, sequence, &view->arena, entry, &err))
        return NULL;
    return err.code == STORE_NOT_FOUND
               ? client_error("not-found",
                              "the mailbox has no entry %llu; 'mhs list' shows those that it has",
                              (unsigned long long)sequence)
               : client_error("unavailable", "%s", err.text);
}

static json_t *open_entry(struct client *client, json_t *request, struct opened *opened,
                          struct store_entry *entry) {
    json_int_t sequence = json_integer_value(json_object_get(request, "entry"));
    json_t *error = mailbox_open(client, request, opened);
    return error ? error : find_entry(client->view, opened, sequence > 0 ? (uint64_t)sequence : 0, entry);
}

/* ---- figures ---- */

struct figures {
    struct view *view;
    uint64_t entries, unseen, octets;
};

static bool count_entry(void *context, const struct store_entry *entry) {
    struct figures *figures = context;
    figures->entries++;
    figures->unseen += !mailbox_is_seen(entry);
    figures->octets += entry->octets;
    return true;
}

bool mailbox_count(struct view *view, uint32_t mailbox, uint64_t *entries, struct error *err) {
    struct figures figures = {.view = view};
    bool read = !mailbox || store_each_entry(view->store, mailbox, 0, 0, count_entry, &figures, err);
    *entries = figures.entries;
    return read;
}

json_t *mailbox_figures(struct view *view, const char *address, struct error *err) {
    struct figures figures = {.view = view};
    struct error inner = {0};
    uint32_t mailbox = mailbox_at(view, address, &inner);
    if (mailbox)
        store_each_entry(view->store, mailbox, 0, 0, count_entry, &figures, &inner);
    if (inner.code && inner.code != STORE_CORRUPT) {
        error_set(err, inner.code, "%s", inner.text);
        return NULL;
    }
    uint64_t quota = view->config->limits.mailbox_octets;
    return json_pack("{s:I, s:I, s:I, s:o}", "entries", (json_int_t)figures.entries, "unseen",
                     (json_int_t)figures.unseen, "octets", (json_int_t)figures.octets, "quota",
                     quota ? json_integer((json_int_t)quota) : json_null());
}

json_t *request_mailboxes(struct client *client, json_t *request) {
    struct view *view = client->view;
    struct error err = {0};
    json_t *mailboxes = json_array();
    (void)request;
    for (size_t i = 0; i < view->users.count; i++) {
        if (!client_owns(client, &view->users.all[i]))
            continue;
        json_t *entry = mailbox_figures(view, view->users.all[i].address, &err);
        if (!entry) {
            json_decref(mailboxes);
            return client_error("unavailable", "the mailboxes can't be read: %s", err.text);
        }
        json_object_set_new(entry, "mailbox", json_string(view->users.all[i].address));
        json_array_append_new(mailboxes, entry);
    }
    return json_pack("{s:o}", "mailboxes", mailboxes);
}

/* ---- entries ---- */

/* Of a message the held envelope says the same with less work. */
static void summarize(const struct loaded *loaded, struct arena *arena, struct summary *summary) {
    enum mts_kind kind = loaded->delivered.kind;
    if (kind == MTS_REPORT || loaded->delivered.envelope.data)
        summary_of_delivery(kind, delivered_envelope(loaded, arena), arena, summary);
    else
        summary_of(kind, loaded->message.envelope, arena, summary);
}

json_t *mailbox_entry_json(const struct view *view, const struct loaded *loaded, struct arena *arena,
                           struct error *err) {
    const struct delivered *delivered = &loaded->delivered;
    const struct store_entry *entry = loaded->entry;
    struct summary summary;
    bool probe = false;
    summarize(loaded, arena, &summary);
    if (delivered->kind == MTS_REPORT && !history_is_probe(view, summary.identifier, &probe, err))
        return NULL;
    json_t *json =
        json_pack("{s:I, s:s, s:o, s:o, s:o, s:o, s:I, s:o, s:o, s:s, s:b, s:b}", "entry",
                  (json_int_t)entry->sequence, "kind", summary_kind(delivered->kind), "mts-identifier",
                  json_text(summary.identifier), "originator", json_text(summary.originator), "arrival",
                  json_time(entry->at / SECOND), "submitted", json_time(summary.submitted), "size",
                  (json_int_t)(delivered->has_content ? loaded->message.content_length : 0), "content-type",
                  json_text(summary.content_type), "content-identifier",
                  json_text(summary.content_identifier), "priority", summary.priority, "seen",
                  (int)mailbox_is_seen(entry), "notified", (entry->flags & FLAG_NOTIFIED) != 0);
    if (delivered->kind == MTS_REPORT) {
        json_object_set_new(json, "delivered", json_integer((json_int_t)summary.delivered));
        json_object_set_new(json, "non-delivered", json_integer((json_int_t)summary.non_delivered));
        json_object_set_new(json, "probe", json_boolean(probe));
    }
    return json;
}

json_t *request_mailbox_show(struct client *client, json_t *request) {
    struct view *view = client->view;
    struct opened opened;
    struct store_entry entry;
    struct loaded loaded;
    struct error err = {0};
    json_t *error = open_entry(client, request, &opened, &entry);
    if (error)
        return error;
    if (!delivered_load(view, &entry, &view->arena, &loaded, &err))
        return client_error("unavailable", "the entry can't be read: %s", err.text);
    struct span envelope = delivered_envelope(&loaded, &view->arena);
    if (!envelope.data)
        return client_error(
            "unavailable",
            "the entry's envelope can't be read; 'mhs store check' tells whether the store is damaged");
    json_t *answer = mailbox_entry_json(view, &loaded, &view->arena, &err);
    if (!answer)
        return client_error("unavailable", "the entry can't be read: %s", err.text);
    json_object_set_new(answer, "envelope-octets", json_integer((json_int_t)envelope.len));
    return answer;
}

json_t *request_mailbox_mark(struct client *client, json_t *request) {
    struct opened opened;
    struct store_entry entry;
    const json_t *seen = json_object_get(request, "seen");
    json_t *error = open_entry(client, request, &opened, &entry);
    if (error)
        return error;
    if (!json_is_boolean(seen))
        return client_error("bad-request", "give seen, true or false");
    bool now = json_is_true(seen);
    struct store_batch *batch = client->mta->batch.store;
    if ((now &&
         !store_raise_status(batch, opened.mailbox, entry.sequence, entry.sequence, STORE_PROCESSED)) ||
        !store_change_entry_flags(batch, opened.mailbox, entry.sequence, now ? 0 : FLAG_UNREAD,
                                  now ? FLAG_UNREAD : 0))
        return client_error("unavailable", "no memory");
    batch_arm(client->mta);
    return json_pack("{s:i}", "changed", now != mailbox_is_seen(&entry));
}

static uint64_t entry_key(const struct effect *effect) {
    return (uint64_t)effect->number << 32 | effect->ref;
}

/* The store says it from now on, or it was not sent. */
static void forget_notification(struct mta *mta, const struct effect *effect) {
    map_remove(&mta->notified, entry_key(effect));
}

static const struct effect_kind notification = {forget_notification, forget_notification};

json_t *mailbox_mark_notified(struct client *client, struct span mailbox, uint64_t sequence) {
    struct view *view = client->view;
    struct opened opened = {0};
    struct store_entry entry;
    json_t *error = open_address(client, mailbox, &opened);
    if (!error)
        error = find_entry(view, &opened, sequence, &entry);
    if (error)
        return error;
    if (entry.flags & FLAG_NOTIFIED)
        return client_error("wrong-state", "the notification for entry %llu was sent already",
                            (unsigned long long)sequence);
    struct effect effect = {.kind = &notification, .number = opened.mailbox, .ref = sequence};
    if (map_get(&client->mta->notified, entry_key(&effect)))
        return client_error("wrong-state", "the notification for entry %llu is being sent already",
                            (unsigned long long)sequence);
    if (!map_put(&client->mta->notified, entry_key(&effect), client->mta))
        return client_error("unavailable", "no memory");
    if (batch_effect(client->mta, effect) &&
        store_change_entry_flags(client->mta->batch.store, opened.mailbox, entry.sequence, FLAG_NOTIFIED, 0))
        return NULL;
    forget_notification(client->mta, &effect);
    return client_error("unavailable", "no memory");
}

json_t *request_mailbox_delete(struct client *client, json_t *request) {
    struct opened opened;
    struct store_entry entry;
    json_t *error = open_entry(client, request, &opened, &entry);
    if (error)
        return error;
    if (!store_remove_entry(client->mta->batch.store, opened.mailbox, entry.sequence, entry.message) ||
        !quota_remove(client->mta, opened.mailbox, entry.sequence, entry.octets))
        return client_error("unavailable", "no memory");
    batch_arm(client->mta);
    return json_pack("{s:i}", "changed", 1);
}

void mailboxes_tell_full(struct mta *mta) {
    struct view *view = &mta->view;
    for (size_t i = 0; i < view->users.count; i++)
        quota_tell_full(mta, mailbox_at(view, view->users.all[i].address, NULL), view->users.all[i].address);
}

struct removal {
    struct mta *mta;
    uint32_t mailbox;
    struct span why;
    bool failed;
};

static bool remove_entry(void *context, const struct store_entry *entry) {
    struct removal *removal = context;
    removal->failed =
        !store_remove_entry(removal->mta->batch.store, removal->mailbox, entry->sequence, entry->message) ||
        (entry->message &&
         !event_copy(removal->mta, entry->message, EVENT_REMOVED_WITH_USER, NULL, removal->why));
    return !removal->failed;
}

bool mailbox_discard(struct mta *mta, uint32_t mailbox, struct span why) {
    struct removal removal = {mta, mailbox, why, false};
    return store_each_entry(mta->view.store, mailbox, 0, 0, remove_entry, &removal, NULL) &&
           !removal.failed && quota_forget(mta, mailbox);
}

/* ---- pieces of contents and envelopes ---- */

/* What a fetch asks for, and what was found: `octets` live in the arena or in view->scratch. */
struct piece {
    uint64_t sequence, offset, total;
    uint32_t length;
    uint8_t part; /* enum ipc_fetch_part */
    struct span octets;
};

static bool read_fetch(struct reader *r, struct piece *piece) {
    *piece = (struct piece){.sequence = reader_u64(r), .offset = reader_u64(r)};
    piece->length = reader_u32(r);
    piece->part = reader_left(r) ? reader_u8(r) : IPC_FETCH_CONTENT;
    return payload_done(r) && piece->length <= IPC_CHUNK && piece->part <= IPC_FETCH_ENVELOPE;
}

static bool piece_of_content(struct view *view, uint64_t message, struct piece *piece, struct error *err) {
    struct store_content *content = store_content_open(view->store, message, err);
    size_t got = 0;
    if (!content)
        return false;
    piece->total = store_content_length(content);
    buf_clear(&view->scratch);
    bool done = (buf_reserve(&view->scratch, (size_t)piece->length + 1) ||
                 error_set(err, STORE_NO_MEMORY, "no memory")) &&
                (piece->offset >= piece->total ||
                 store_content_read(content, piece->offset, view->scratch.data, piece->length, &got, err));
    piece->octets = span_of(view->scratch.data, got);
    store_content_release(content);
    return done;
}

static bool piece_of_entry(struct view *view, const struct loaded *loaded, struct piece *piece,
                           struct error *err) {
    return !loaded->delivered.has_content || piece_of_content(view, loaded->entry->message, piece, err);
}

static bool piece_of_envelope(struct view *view, const struct loaded *loaded, struct piece *piece,
                              struct error *err) {
    struct span envelope = delivered_envelope(loaded, &view->arena);
    if (!envelope.data)
        return error_set(err, STORE_CORRUPT, "it does not decode, or takes too much memory");
    piece->total = envelope.len;
    if (piece->offset < envelope.len) {
        size_t left = envelope.len - (size_t)piece->offset;
        piece->octets = span_of(envelope.data + piece->offset, left < piece->length ? left : piece->length);
    }
    return true;
}

static json_t *send_piece(struct client *client, uint64_t ref, const struct piece *piece) {
    struct view *view = client->view;
    buf_clear(&view->head);
    buf_append_u64(&view->head, piece->offset);
    buf_append_u64(&view->head, piece->total);
    ipc_send(client->process->channel, IPC_FETCH_DATA, ref, buf_span(&view->head), piece->octets);
    return NULL;
}

static json_t *not_read(const char *what, const struct error *err) {
    return client_error("unavailable", "the %s can't be read: %s", what, err->text);
}

static json_t *fetch_entry(struct client *client, uint64_t ref, const struct opened *opened,
                           struct piece *piece) {
    struct view *view = client->view;
    struct error err = {0};
    struct store_entry entry;
    struct loaded loaded;
    bool envelope = piece->part == IPC_FETCH_ENVELOPE;
    json_t *error = find_entry(view, opened, piece->sequence, &entry);
    if (error)
        return error;
    if (!delivered_load(view, &entry, &view->arena, &loaded, &err) ||
        !(envelope ? piece_of_envelope : piece_of_entry)(view, &loaded, piece, &err))
        return not_read(envelope ? "envelope" : "content", &err);
    return send_piece(client, ref, piece);
}

/* A message that waits in the queue. Who looks into it leaves a line in the log. */
static json_t *fetch_queued(struct client *client, uint64_t ref, struct piece *piece) {
    struct error err = {0};
    if (!client_is_operator(client))
        return client_error(
            "not-permitted",
            "only root and the operators ('operators' in the configuration) may read what is queued");
    if (piece->part != IPC_FETCH_CONTENT)
        return client_error(
            "bad-request",
            "of a queued message the content can be fetched only; 'mhs queue show' tells of its envelope");
    if (!piece_of_content(client->view, piece->sequence, piece, &err))
        return err.code == STORE_NOT_FOUND
                   ? client_error(
                         "not-found",
                         "no message has this number; 'mhs queue show ID' tells that of a copy which waits")
                   : not_read("content", &err);
    if (piece->offset == 0)
        log_info("uid %u fetches the content of the queued message %llu", (unsigned)client->uid,
                 (unsigned long long)piece->sequence);
    return send_piece(client, ref, piece);
}

static json_t *fetch(struct client *client, uint64_t ref, struct reader *r) {
    struct span address = payload_octets(r);
    struct opened opened;
    struct piece piece;
    json_t *error = address.len || r->failed ? open_address(client, address, &opened) : NULL;
    if (error)
        return error;
    if (!read_fetch(r, &piece))
        return client_error("bad-request",
                            "a fetch names mailbox, entry, offset, a length of at most 262144, and "
                            "whether it is of the content or the envelope");
    return address.len ? fetch_entry(client, ref, &opened, &piece) : fetch_queued(client, ref, &piece);
}

void mailbox_fetch(struct client *client, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    view_answer(client->view);
    if (!client->mta)
        users_follow(client->view);
    json_t *error = fetch(client, ref, &r);
    view_answered(client->view);
    if (error)
        client_respond(client, ref, error, true);
}
