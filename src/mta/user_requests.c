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
    return store_put_record(mta->batch.store, STORE_USER, span_str(user->address), buf_span(&mta->scratch));
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

/* One who was not there before needs no look into the store, of which there would be one for each of many. */
static void is_not_added(struct mta *mta, const struct effect *effect) {
    const struct local_user *user = user_find(&mta->view, bytes_head(effect->bytes));
    if (user && !user->configured) {
        user_remove_from_rules(&mta->view, user);
        user_drop(&mta->view.users, user);
    }
    bytes_drop(effect->bytes);
}

static const struct effect_kind changed = {is_written, is_not_written}, added = {is_written, is_not_added};

/* Users change at once, and back when the batch is not written (I6). False without memory. */
static bool change_with_batch(struct mta *mta, const struct effect_kind *kind, const char *address) {
    struct effect effect = {.kind = kind,
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

/* An error, or NULL: the user is there from now on, and in the store with the batch. */
static json_t *add_user(struct mta *mta, const json_t *request) {
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
    if (!change_with_batch(mta, &added, address) || !put_record(mta, &user) ||
        !user_add(&mta->view.users, &user)) {
        user_remove_from_rules(&mta->view, &user);
        return client_error("unavailable", "no memory");
    }
    return NULL;
}

/* ---- many in one transaction ---- */

/* Users that are added by one request and those before it (`more`), and faults of theirs that are told. */
#define USERS_MOST 20000
#define WRONG_MOST 100

void users_leave(struct client *client) {
    json_decref(client->users);
    client->users = NULL;
}

static json_t *add_one_of_many(struct mta *mta, const json_t *user) {
    static const char *const members[] = {"address", "uid", "directory-name"};
    size_t known = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        known += json_object_get(user, members[i]) != NULL;
    return known == json_object_size(user)
               ? add_user(mta, user)
               : client_error("bad-request", "a user has no members but address, uid and directory-name");
}

/* Who of the gathered has become which user: those that were added stand behind all others, in their order.
 */
struct gathered {
    size_t before; /* users there were */
    json_t *added; /* the number among the gathered of each that was added */
};

/* One who stands among the gathered twice is no user yet: the first is named. */
static void name_first(const struct mta *mta, const struct gathered *gathered, const json_t *user,
                       json_t *error) {
    const char *address = json_string_value(json_object_get(user, "address"));
    const char *code = json_string_value(json_object_get(error, "code"));
    const struct local_user *there = NULL;
    if (address && code && strcmp(code, "exists") == 0)
        there = user_find(&mta->view, span_str(address));
    if (there && (size_t)(there - mta->view.users.all) >= gathered->before) {
        json_t *first =
            json_array_get(gathered->added, (size_t)(there - mta->view.users.all) - gathered->before);
        json_object_set(error, "first", first);
        json_object_set_new(
            error, "text",
            json_sprintf("%s stands among those that are to be added already", there->address));
    }
}

/* Adds those that gathered, or finds what is wrong with them. */
static json_t *add_gathered(struct mta *mta, const json_t *users) {
    struct gathered gathered = {.before = mta->view.users.count, .added = json_array()};
    json_t *wrong = json_array(), *user;
    size_t i;
    json_array_foreach(users, i, user) {
        json_t *answer = add_one_of_many(mta, user), *error = json_object_get(answer, "error");
        if (error) {
            json_object_set_new(error, "user", json_integer((json_int_t)i));
            name_first(mta, &gathered, user, error);
            json_array_append(wrong, error);
        } else
            json_array_append_new(gathered.added, json_integer((json_int_t)i));
        json_decref(answer);
        if (json_array_size(wrong) == WRONG_MOST)
            break;
    }
    json_decref(gathered.added);
    return wrong;
}

/* All of them, or none when one is wrong. */
static json_t *add_all(struct client *client, bool count) {
    struct mta *mta = client->mta;
    struct batch_mark mark = batch_mark(mta);
    json_t *users = client->users, *wrong = add_gathered(mta, users);
    bool stands = wrong && json_array_size(wrong) == 0;
    size_t users_count = json_array_size(users);
    if (stands && !count && users_count > 0 && !next_version(mta)) {
        json_decref(wrong);
        return client_error("unavailable", "no memory");
    }
    if (!stands || count)
        batch_undo(mta, mark);
    return json_pack("{s:I, s:o}", "changed", stands ? (json_int_t)users_count : 0, "wrong", wrong);
}

static bool members_are_right(const json_t *request) {
    const json_t *count = json_object_get(request, "count"), *more = json_object_get(request, "more");
    return json_is_array(json_object_get(request, "users")) && (!count || json_is_boolean(count)) &&
           (!more || json_is_boolean(more)) && !json_object_get(request, "address") &&
           !json_object_get(request, "uid") && !json_object_get(request, "directory-name");
}

static json_t *add_users(struct client *client, json_t *request) {
    json_t *users = json_object_get(request, "users"), *answer;
    size_t count = json_array_size(client->users) + json_array_size(users);
    if (!members_are_right(request))
        answer = client_error("bad-request", "users is an array, more and count are true or false, and the "
                                             "rest stands with each user");
    else if (count > USERS_MOST)
        answer = client_error("too-large", "at most %d users are added in one go", USERS_MOST);
    else if ((!client->users && !(client->users = json_array())) ||
             json_array_extend(client->users, users) != 0)
        answer = client_error("unavailable", "no memory");
    else if (json_is_true(json_object_get(request, "more")))
        return json_pack("{s:i, s:I}", "changed", 0, "gathered", (json_int_t)count);
    else
        answer = add_all(client, json_is_true(json_object_get(request, "count")));
    users_leave(client);
    return answer;
}

json_t *request_user_add(struct client *client, json_t *request) {
    if (json_object_get(request, "users"))
        return add_users(client, request);
    if (json_object_get(request, "more") || json_object_get(request, "count"))
        return client_error("bad-request", "more and count go with users");
    json_t *wrong = add_user(client->mta, request);
    if (!wrong && !next_version(client->mta))
        wrong = client_error("unavailable", "no memory");
    return wrong ? wrong : json_pack("{s:i}", "changed", 1);
}

/* The rules know one of the two at any time. */
static json_t *change_user(struct mta *mta, struct local_user *user, struct local_user *fresh) {
    struct error err = {0}, ignored;
    char *name = fresh->directory_name ? mem_strdup(fresh->directory_name) : NULL;
    if ((fresh->directory_name && !name) || !change_with_batch(mta, &changed, user->address)) {
        mem_free(name);
        return client_error("unavailable", "no memory");
    }
    user_remove_from_rules(&mta->view, user);
    fresh->in_rules = user_add_to_rules(&mta->view, fresh, &err);
    if (!fresh->in_rules || !put_record(mta, fresh) || !next_version(mta)) {
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
    if (!change_with_batch(mta, &changed, user->address) || !remove_record(mta, user))
        return client_error("unavailable", "no memory");
    user_remove_from_rules(&mta->view, user);
    user_drop(&mta->view.users, user);
    return json_pack("{s:i}", "changed", 1);
}
