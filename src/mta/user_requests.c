/* `user-list`, `user-add`, `user-set` and `user-remove`. */
#include "base/alloc.h"
#include "mta/client.h"
#include "mta/mailbox.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/users.h"
#include "mta/view.h"

static json_t *count_entries(struct view *view, const char *address) {
    return mailbox_figures(view, mailbox_at(view, address, NULL), NULL); /* entries, unseen and octets */
}

static json_t *user_json(struct view *view, const struct local_user *user) {
    json_t *entry = count_entries(view, user->address);
    json_object_set_new(entry, "address", json_string(user->address));
    json_object_set_new(entry, "uid", user->has_uid ? json_integer(user->uid) : json_null());
    json_object_set_new(entry, "directory-name",
                        user->directory_name ? json_string(user->directory_name) : json_null());
    json_object_set_new(entry, "configured", json_boolean(user->configured));
    return entry;
}

json_t *request_users(struct client *client, json_t *request) {
    struct view *view = client->view;
    const char *text = json_string_value(json_object_get(request, "address"));
    const struct local_user *one = text ? user_find(view, span_str(text)) : NULL;
    if (json_object_get(request, "address") && !one)
        return client_error("not-found", "%s is no user here", text ? text : "what is no text");
    json_t *users = json_array();
    arena_reset(&view->arena);
    for (size_t i = 0; i < view->users.count; i++)
        if (!one || one == &view->users.all[i])
            json_array_append_new(users, user_json(view, &view->users.all[i]));
    return json_pack("{s:o}", "users", users);
}

/* Readers hear of the change. */
static bool next_version(struct mta *mta) {
    buf_clear(&mta->scratch);
    return buf_append_u64(&mta->scratch, ++mta->view.users.version) &&
           store_put_record(mta->batch.store, STORE_SETTING, USERS_VERSION_RECORD, buf_span(&mta->scratch));
}

static bool put_record(struct mta *mta, const struct local_user *user) {
    buf_clear(&mta->scratch);
    buf_append_byte(&mta->scratch, user->has_uid);
    buf_append_u32(&mta->scratch, user->uid);
    buf_append_span(&mta->scratch, span_str(user->directory_name));
    return store_put_record(mta->batch.store, STORE_USER, span_str(user->address), buf_span(&mta->scratch)) &&
           next_version(mta);
}

static bool remove_record(struct mta *mta, const struct local_user *user) {
    return store_remove_record(mta->batch.store, STORE_USER, span_str(user->address)) && next_version(mta);
}

/* Where all were loaded meanwhile, by a reload, this one was not as the batch had him. */
static void is_written(struct mta *mta, const struct effect *effect) {
    if (effect->ref != mta->view.users.loads)
        user_reread(&mta->view, bytes_head(effect->bytes));
    bytes_drop(effect->bytes);
}

static void is_not_written(struct mta *mta, const struct effect *effect) {
    user_reread(&mta->view, bytes_head(effect->bytes));
    bytes_drop(effect->bytes);
}

/* Users change at once, and back when the batch is not written (I6). False without memory. */
static bool change_with_batch(struct mta *mta, const char *address) {
    static const struct effect_kind kind = {is_written, is_not_written};
    struct effect effect = {.kind = &kind,
                            .ref = mta->view.users.loads,
                            .bytes = bytes_new(span_str(address), (struct span){NULL, 0})};
    if (effect.bytes && batch_effect(mta, effect))
        return true;
    bytes_drop(effect.bytes);
    return false;
}

/* An error, or NULL: then `user` has what the request says of uid and directory name, where it says
 * something; null takes it away. */
static json_t *take_members(const json_t *request, struct local_user *user) {
    const json_t *uid = json_object_get(request, "uid"), *name = json_object_get(request, "directory-name");
    json_int_t number = json_integer_value(uid);
    if (uid && !json_is_null(uid) && (!json_is_integer(uid) || number < 0 || number > UINT32_MAX))
        return client_error("bad-request", "uid is no user's number");
    if (name && !json_is_null(name) && !json_is_string(name))
        return client_error("bad-request", "directory-name is no text");
    if (uid) {
        user->has_uid = !json_is_null(uid);
        user->uid = (uint32_t)number;
    }
    if (name)
        user->directory_name = (char *)json_string_value(name);
    if (user->directory_name && strlen(user->directory_name) >= DIRECTORY_NAME_MOST)
        return client_error("bad-request", "the directory name has %zu characters; at most %d are taken",
                            strlen(user->directory_name), DIRECTORY_NAME_MOST - 1);
    return NULL;
}

json_t *request_user_add(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    struct error err = {0};
    const char *text = json_string_value(json_object_get(request, "address"));
    arena_reset(&mta->arena);
    const char *address = text ? user_address(&mta->arena, span_str(text), &err) : NULL;
    if (!address)
        return client_error("bad-request", "address: %s", text ? err.text : "is missing");
    if (!mts_is_ours(mta->view.config->tables, address))
        return client_error("bad-request", "%s is not ours: our domain is %s, and no route makes it local",
                            address, mts_self_of(mta->view.config->tables)->domain);
    if (user_find(&mta->view, span_str(address)))
        return client_error("exists", "%s is a user already", address);
    struct local_user user = {.address = (char *)address, .in_rules = true};
    json_t *wrong = take_members(request, &user);
    if (wrong)
        return wrong;
    if (!user_add_to_rules(&mta->view, &user, &err))
        return client_error("bad-request", "%s", err.text);
    if (!change_with_batch(mta, address) || !put_record(mta, &user) || !user_add(&mta->view.users, &user)) {
        user_remove_from_rules(&mta->view, &user);
        return client_error("unavailable", "no memory");
    }
    return json_pack("{s:i}", "changed", 1);
}

/* The rules know one of the two at any time. */
static json_t *change_user(struct mta *mta, struct local_user *user, struct local_user *fresh) {
    struct error err = {0}, ignored;
    char *name = fresh->directory_name ? mem_strdup(fresh->directory_name) : NULL;
    if ((fresh->directory_name && !name) || !change_with_batch(mta, user->address)) {
        mem_free(name);
        return client_error("unavailable", "no memory");
    }
    user_remove_from_rules(&mta->view, user);
    fresh->in_rules = user_add_to_rules(&mta->view, fresh, &err);
    if (!fresh->in_rules || !put_record(mta, fresh)) {
        user_remove_from_rules(&mta->view, fresh);
        user->in_rules = user->in_rules && user_add_to_rules(&mta->view, user, &ignored);
        mem_free(name);
        return client_error(fresh->in_rules ? "unavailable" : "bad-request", "%s",
                            fresh->in_rules ? "no memory" : err.text);
    }
    mem_free(user->directory_name);
    user->directory_name = name;
    user->uid = fresh->uid;
    user->has_uid = fresh->has_uid;
    user->in_rules = true;
    return json_pack("{s:i}", "changed", 1);
}

json_t *request_user_set(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const char *text = json_string_value(json_object_get(request, "address"));
    const struct local_user *user = text ? user_find(&mta->view, span_str(text)) : NULL;
    if (!user)
        return client_error("not-found", "%s is no user here", text ? text : "what is no text");
    if (user->configured)
        return client_error("not-permitted", "the user stands in the configuration file: change it there");
    struct local_user fresh = *user;
    json_t *wrong = take_members(request, &fresh);
    return wrong ? wrong : change_user(mta, &mta->view.users.all[user - mta->view.users.all], &fresh);
}

static bool empty_mailbox(struct mta *mta, uint32_t mailbox, bool discard) {
    uint64_t entries = 0;
    json_t *figures = mailbox_figures(&mta->view, mailbox, &entries);
    json_decref(figures);
    return entries == 0 || (discard && mailbox_discard(mta, mailbox));
}

json_t *request_user_remove(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const char *text = json_string_value(json_object_get(request, "address"));
    const struct local_user *user = text ? user_find(&mta->view, span_str(text)) : NULL;
    if (!user)
        return client_error("not-found", "no such user; 'mhs user list' shows them");
    if (user->configured)
        return client_error("not-permitted", "the user stands in the configuration file: remove it there");
    struct error err = {0};
    uint32_t mailbox = mailbox_at(&mta->view, user->address, &err);
    if (err.code)
        return client_error("unavailable", "%s", err.text);
    if (mailbox && !empty_mailbox(mta, mailbox, json_is_true(json_object_get(request, "discard"))))
        return client_error(
            "wrong-state",
            "the mailbox has entries: read and delete them, or give --discard to remove them with it");
    if (!change_with_batch(mta, user->address) || !remove_record(mta, user))
        return client_error("unavailable", "no memory");
    user_remove_from_rules(&mta->view, user);
    user_drop(&mta->view.users, user);
    return json_pack("{s:i}", "changed", 1);
}
