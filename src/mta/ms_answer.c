#include "mta/ms_answer.h"

#include "base/log.h"
#include "ipc/channel.h"
#include "ipc/payload.h"
#include "ms/operation.h"
#include "mta/looking.h"
#include "mta/mailbox.h"
#include "mta/ms_seal.h"
#include "mta/view.h"
#include "mts/row.h"

/* Who asks, as both frames begin. */
struct asker {
    uint32_t invocation;
    struct span address;
    bool known;
    uint32_t mailbox; /* 0: nothing was ever delivered */
    struct error err;
    struct buf registered;
};

static struct asker read_asker(struct view *view, struct reader *r) {
    struct asker asker = {.invocation = reader_u32(r)};
    struct span seal = payload_octets(r);
    asker.address = payload_octets(r);
    asker.known = !r->failed && ms_seal_is_right(view, asker.address, seal);
    return asker;
}

static bool open_mailbox(struct view *view, struct asker *asker) {
    if (view->left_to_readers)
        return error_set(&asker->err, STORE_NOT_FOUND, "readers answer for mailboxes");
    const struct local_user *user = asker->known ? user_find(view, asker->address) : NULL;
    if (!user)
        return error_set(&asker->err, STORE_NOT_FOUND, "no user has the address, or the seal is not his");
    asker->mailbox = mailbox_at(view, user->address, &asker->err);
    return !asker->err.code;
}

/* ---- operations ---- */

static bool content_of(void *user, const struct store_entry *entry, uint64_t *octets, struct error *err) {
    struct looking *looking = user;
    struct delivered delivered;
    struct store_message message;
    if (!delivered_read(entry->data, &delivered))
        return error_set(err, STORE_CORRUPT, "an entry has a form that this program doesn't know");
    arena_reset(&looking->view->arena);
    if (!delivered.has_content ||
        !store_get_message(looking->view->store, entry->message, &looking->view->arena, &message, err))
        return false;
    *octets = message.content_length;
    return true;
}

static void put_runs(struct buf *out, const struct buf *runs) {
    const struct ms_run *all = (const struct ms_run *)(const void *)runs->data;
    size_t count = runs->len / sizeof *all;
    buf_append_u32(out, (uint32_t)(count * 8));
    for (size_t i = 0; i < count; i++) {
        buf_append_u32(out, all[i].first);
        buf_append_u32(out, all[i].last);
    }
}

#define SLICE 28 /* octets of one in the frame */

static void put_slices(struct buf *out, const struct buf *inserts) {
    const struct ms_insert *all = (const struct ms_insert *)(const void *)inserts->data;
    size_t count = inserts->len / sizeof *all;
    buf_append_u32(out, (uint32_t)(count * SLICE));
    for (size_t i = 0; i < count; i++) {
        buf_append_u32(out, (uint32_t)all[i].at);
        buf_append_u64(out, all[i].entry);
        buf_append_u64(out, all[i].offset);
        buf_append_u64(out, all[i].length);
    }
}

static void send_reply(struct view *view, struct ipc_channel *net, uint64_t ref, const struct asker *asker,
                       const struct ms_reply *reply) {
    struct buf *head = &view->head;
    if (reply->why[0])
        log_info("user=%.*s an operation on the mailbox was refused: %s", (int)asker->address.len,
                 (const char *)asker->address.data, reply->why);
    buf_clear(head);
    buf_append_u32(head, asker->invocation);
    buf_append_byte(head, (uint8_t)(reply->kind == MS_RESULT  ? IPC_USER_RESULT
                                    : reply->kind == MS_ERROR ? IPC_USER_ERROR
                                                              : IPC_USER_REJECT));
    buf_append_u16(head, (uint16_t)reply->code);
    put_runs(head, &reply->listed);
    put_runs(head, &reply->processed);
    put_runs(head, &reply->deleted);
    payload_put_octets(head, buf_span(&reply->registered));
    put_slices(head, &reply->inserts);
    ipc_send(net, IPC_MS_ANSWER, ref, buf_span(head), buf_span(&reply->octets));
}

/* What he has registered; nothing is no failure. */
static bool read_registered(struct view *view, struct asker *asker, struct ms_service *service) {
    const struct local_user *user = user_find(view, asker->address);
    struct error err = {0};
    bool read = store_get_record(view->store, MS_REGISTERED, buf_span(&user->key), &asker->registered, &err);
    service->registered = buf_span(&asker->registered);
    return read || err.code == STORE_NOT_FOUND || error_set(&asker->err, err.code, "%s", err.text);
}

static void operate(struct view *view, struct asker *asker, struct ms_request *request,
                    struct span restrictions, struct ms_reply *reply) {
    struct looking looking;
    struct arena arena;
    struct x413_Restrictions bind = {0};
    struct ms_service service = {.classes = 1u << x413_EntryClass_delivery |
                                            1u << x413_EntryClass_submission |
                                            1u << x413_EntryClass_stored_message,
                                 .content = content_of,
                                 .user = &looking};
    if (!open_mailbox(view, asker))
        log_warning("user=%.*s the mailbox can't be read: %s", (int)asker->address.len,
                    (const char *)asker->address.data, asker->err.text);
    if (asker->err.code || !read_registered(view, asker, &service)) {
        ms_refuse(reply, asker->err.text);
        return;
    }
    arena_init(&arena, (size_t)1 << 20);
    request->restrictions.bind = restrictions.len ? &bind : NULL;
    bool read =
        !restrictions.len || ber_decode(&x413_Restrictions_type, restrictions, &arena, NULL, &bind, NULL);
    bool begun = looking_begin(&looking, view, asker->mailbox);
    service.mailbox = &looking.mailbox;
    if (read && begun)
        ms_operate(&service, request, reply);
    else
        ms_refuse(reply, begun ? "the restrictions of the bind can't be read" : "no memory");
    looking_end(&looking);
    arena_free(&arena);
}

bool ms_answer_ask(struct view *view, struct ipc_channel *net, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    struct asker asker = read_asker(view, &r);
    struct ms_request request = {.code = reader_u16(&r)};
    struct ms_reply reply;
    request.edition = reader_u8(&r) ? MS_1994 : MS_1988;
    struct span restrictions = payload_octets(&r);
    request.argument = payload_rest(&r);
    if (r.failed)
        return false;
    ms_reply_init(&reply);
    view_answer(view);
    operate(view, &asker, &request, restrictions, &reply);
    view_answered(view);
    send_reply(view, net, ref, &asker, &reply);
    buf_free(&asker.registered);
    ms_reply_free(&reply);
    return true;
}

/* ---- pieces of contents ---- */

static bool read_piece(struct view *view, struct asker *asker, uint64_t entry_number, uint64_t offset,
                       uint32_t length, struct error *err) {
    struct store_entry entry;
    struct delivered delivered;
    size_t got = 0;
    if (!open_mailbox(view, asker) || !asker->mailbox)
        return error_set(err, STORE_NOT_FOUND, "%s", asker->err.text);
    arena_reset(&view->arena);
    if (!store_get_entry(view->store, asker->mailbox, entry_number, &view->arena, &entry, err) ||
        !delivered_read(entry.data, &delivered) || !delivered.has_content)
        return false;
    struct store_content *content = store_content_open(view->store, entry.message, err);
    if (!content)
        return false;
    bool done = buf_reserve(&view->scratch, length) &&
                store_content_read(content, offset, view->scratch.data, length, &got, err);
    view->scratch.len = done ? got : 0;
    store_content_release(content);
    return done;
}

bool ms_answer_read(struct view *view, struct ipc_channel *net, uint64_t ref, struct span payload) {
    struct reader r = reader_of(payload);
    struct asker asker = read_asker(view, &r);
    uint64_t entry = reader_u64(&r), offset = reader_u64(&r);
    uint32_t length = reader_u32(&r);
    struct error err = {.text = "it is there no more"};
    if (!payload_done(&r))
        return false;
    buf_clear(&view->scratch);
    view_answer(view);
    if (!read_piece(view, &asker, entry, offset, length, &err))
        log_warning("user=%.*s the content of entry %llu can't be read: %s", (int)asker.address.len,
                    (const char *)asker.address.data, (unsigned long long)entry, err.text);
    view_answered(view);
    buf_clear(&view->head);
    buf_append_u32(&view->head, asker.invocation);
    buf_append_u64(&view->head, offset);
    ipc_send(net, IPC_MS_DATA, ref, buf_span(&view->head), buf_span(&view->scratch));
    return true;
}
