/* `user-list`, `user-add`, `user-set`, `user-reset` and `user-remove`. */
#include <stdio.h>

#include "base/alloc.h"
#include "mta/client.h"
#include "mta/clients.h"
#include "mta/mailbox.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/telling.h"
#include "mta/user_agent.h"
#include "mta/user_change.h"
#include "mta/user_registered.h"
#include "mta/users.h"
#include "mta/users_many.h"
#include "mta/view.h"

static json_t *user_json(struct view *view, const struct local_user *user, struct error *err) {
    json_t *entry = mailbox_figures(view, user->address, err); /* entries, unseen and octets */
    if (!entry)
        return NULL;
    json_object_set_new(entry, "address", json_string(user->address));
    json_object_set_new(entry, "uid", user->has_uid ? json_integer(user->uid) : json_null());
    json_object_set_new(entry, "directory-name",
                        user->directory_name ? json_string(user->directory_name) : json_null());
    /* What the configuration says of that, a reader does not know. */
    json_object_set_new(entry, "password",
                        user->configured ? json_null() : json_boolean(user->password != NULL));
    json_object_set_new(entry, "delivery", json_string(user->by_p3 ? "p3" : "mailbox"));
    json_object_set_new(entry, "configured", json_boolean(user->configured));
    json_object_set_new(entry, "registered", json_boolean(user->registered.len > 0));
    return entry;
}

/* What he has registered is told of one who was asked for: of many it would be a lot. */
static json_t *one_json(struct view *view, const struct local_user *user, struct error *err) {
    json_t *entry = user_json(view, user, err), *registrations = entry ? registered_json(user) : NULL;
    if (registrations) {
        json_object_set_new(entry, "registrations", registrations);
        return entry;
    }
    json_decref(entry);
    if (!err->code)
        error_set(err, STORE_NO_MEMORY, "no memory");
    return NULL;
}

static json_t *no_such_user(const char *address) {
    return client_error("not-found", "%s is not a user here; 'mhs user list' shows them",
                        address ? address : "what is no text");
}

/* Others learn nothing of a user, not even whether there is one. An error, or NULL. */
static json_t *may_ask(const struct client *client, const struct local_user *one) {
    return client_is_operator(client) || (one && client_owns(client, one))
               ? NULL
               : client_error("not-permitted",
                              "only root and the operators ('operators' in the configuration) may ask for "
                              "other users; 'mhs user show' shows your own settings");
}

json_t *request_users(struct client *client, json_t *request) {
    struct view *view = client->view;
    const char *text = json_string_value(json_object_get(request, "address"));
    const struct local_user *one = text ? user_find(view, span_str(text)) : NULL;
    json_t *refused = may_ask(client, one);
    if (refused)
        return refused;
    if (json_object_get(request, "address") && !one)
        return no_such_user(text);
    struct error err = {0};
    json_t *users = json_array();
    arena_reset(&view->arena);
    for (size_t i = 0; i < view->users.count && !err.code; i++)
        if (!one || one == &view->users.all[i])
            json_array_append_new(users, (one ? one_json : user_json)(view, &view->users.all[i], &err));
    if (!err.code)
        return json_pack("{s:o}", "users", users);
    json_decref(users);
    return client_error("unavailable", "the mailboxes can't be read: %s", err.text);
}

/* An error, or NULL: the user is there from now on, and in the store with the batch. */
static json_t *add_user(struct mta *mta, const json_t *request) {
    struct error err = {0};
    struct local_user user;
    json_t *wrong = user_read_new(mta, request, &user);
    if (!wrong)
        wrong = users_many_hinder(mta, user.address, user.directory_name);
    if (wrong)
        return wrong;
    if (!user_add_to_rules(&mta->view, &user, &err))
        return client_error("bad-request", "%s", err.text);
    user.open = 1;
    if (!user_change_with_batch(mta, &user_added, user.address) || !user_put_record(mta, &user) ||
        !user_add(&mta->view.users, &user) ||
        !user_has_told_nothing(mta, user_find(&mta->view, span_str(user.address)))) {
        user_remove_from_rules(&mta->view, &user);
        return client_error("unavailable", "no memory");
    }
    return NULL;
}

json_t *request_user_add(struct client *client, json_t *request) {
    if (json_object_get(request, "users"))
        return users_add_many(client, request);
    if (json_object_get(request, "more") || json_object_get(request, "count"))
        return client_error("bad-request", "more and count go with users");
    json_t *wrong = add_user(client->mta, request);
    if (!wrong && !users_next_version(client->mta))
        wrong = client_error("unavailable", "no memory");
    return wrong ? wrong : json_pack("{s:i}", "changed", 1);
}

/* An error, or NULL. The rules know one of the two at any time. */
static json_t *change_user(struct mta *mta, struct local_user *user, struct local_user *fresh) {
    struct error err = {0}, ignored;
    char *name = fresh->directory_name ? mem_strdup(fresh->directory_name) : NULL;
    char *password = fresh->password ? mem_strdup(fresh->password) : NULL;
    char *given = fresh->password ? mem_strdup(fresh->password) : NULL;
    if ((fresh->directory_name && !name) || (fresh->password && (!password || !given)) ||
        !user_change_with_batch(mta, &user_changed, user->address)) {
        mem_free(name);
        mem_free(password);
        mem_free(given);
        return client_error("unavailable", "no memory");
    }
    user->open++;
    user_remove_from_rules(&mta->view, user);
    fresh->in_rules = user_add_to_rules(&mta->view, fresh, &err);
    if (!fresh->in_rules || !user_put_record(mta, fresh) || !users_next_version(mta)) {
        user_remove_from_rules(&mta->view, fresh);
        user->in_rules = user->in_rules && user_add_to_rules(&mta->view, user, &ignored);
        mem_free(name);
        mem_free(password);
        mem_free(given);
        return client_error(fresh->in_rules ? "unavailable" : "bad-request", "%s",
                            fresh->in_rules ? "no memory" : err.text);
    }
    mem_free(user->directory_name);
    mem_free(user->password);
    mem_free(user->given);
    user->directory_name = name;
    user->password = password;
    user->given = given;
    user->uid = fresh->uid;
    user->has_uid = fresh->has_uid;
    user->by_p3 = fresh->by_p3;
    mta->view.users.some_by_p3 = mta->view.users.some_by_p3 || user->by_p3;
    user->in_rules = true;
    return NULL;
}

/* An error, or NULL. */
static json_t *take_registered(struct mta *mta, struct local_user *user, uint32_t by) {
    return !user->registered.len || registered_take_away(mta, user, by)
               ? NULL
               : client_error("unavailable", "no memory");
}

json_t *request_user_set(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const char *text = json_string_value(json_object_get(request, "address"));
    const struct local_user *user = text ? user_find(&mta->view, span_str(text)) : NULL;
    json_t *wrong = text ? users_many_hinder(mta, text, NULL) : NULL;
    if (wrong)
        return wrong;
    if (!user)
        return no_such_user(text);
    if (user->configured)
        return client_error("not-permitted",
                            "the user stands in the configuration file: change it there, and 'mhs reload'");
    if (user->leaving)
        return client_error("wrong-state", "the user is being removed: try again in a moment");
    const json_t *reset = json_object_get(request, "reset");
    if (reset && !json_is_boolean(reset))
        return client_error("bad-request", "reset is neither true nor false");
    struct local_user fresh = *user, *now = &mta->view.users.all[user - mta->view.users.all];
    wrong = user_take_members(request, &fresh);
    if (!wrong)
        wrong = users_many_hinder(mta, fresh.address, fresh.directory_name);
    if (!wrong)
        wrong = change_user(mta, now, &fresh);
    if (!wrong && json_is_true(reset))
        wrong = take_registered(mta, now, client->uid);
    return wrong ? wrong : json_pack("{s:i, s:b}", "changed", 1, "registered", now->registered.len > 0);
}

/* Of a user of the configuration, too: he registers as others do. */
json_t *request_user_reset(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const char *text = json_string_value(json_object_get(request, "address"));
    struct local_user *user = text ? user_at(mta, span_str(text)) : NULL;
    json_t *wrong = text ? users_many_hinder(mta, text, NULL) : NULL;
    if (wrong)
        return wrong;
    if (!user)
        return no_such_user(text);
    if (user->leaving)
        return client_error("wrong-state", "the user is being removed: try again in a moment");
    if (!user->registered.len)
        return json_pack("{s:i}", "changed", 0);
    if (!user_change_with_batch(mta, &user_changed, user->address))
        return client_error("unavailable", "no memory");
    user->open++;
    wrong = take_registered(mta, user, client->uid);
    if (!wrong && !users_next_version(mta))
        wrong = client_error("unavailable", "no memory");
    return wrong ? wrong : json_pack("{s:i}", "changed", 1);
}

/* ---- removal ---- */

struct others {
    struct mta *mta;
    const struct local_user *user;
    bool failed;
};

static bool remove_other(void *context, struct span name, struct span data) {
    struct others *others = context;
    (void)data;
    if (user_find(&others->mta->view, name) == others->user &&
        !span_eq(name, span_str(others->user->address)))
        others->failed = !store_remove_record(others->mta->batch.store, STORE_USER, name);
    return !others->failed;
}

/* Else the next load would have him again, by another spelling of his address. */
static bool remove_others(struct mta *mta, const struct local_user *user) {
    struct others others = {mta, user, false};
    return !mta->view.users.doubled ||
           (store_each_record(mta->view.store, STORE_USER, remove_other, &others, NULL) && !others.failed);
}

static bool remove_record(struct mta *mta, const struct local_user *user) {
    return store_remove_record(mta->batch.store, STORE_USER, span_str(user->address)) &&
           user_has_told_nothing(mta, user) && remove_others(mta, user) && users_next_version(mta);
}

/*
 * What is being delivered to a user while he is removed stands in a batch that is not on disk yet, where
 * nobody sees it. So from the request on copies for him wait (decide_delivery); when what is open has landed
 * his mailbox is as it will be: then his record and its entries go in one commit. Till that is on disk he
 * stays in the rules, for he may stay; what waits is then delivered, and else non-delivered.
 */

static json_t *not_empty(uint64_t entries) {
    return client_error(
        "wrong-state",
        "the mailbox has %llu entr%s: read and delete them, or give --discard to remove them with it",
        (unsigned long long)entries, entries == 1 ? "y" : "ies");
}

/* What his program has not taken goes with him, too. */
static json_t *not_taken(size_t copies) {
    return client_error("wrong-state",
                        "his program has %zu message%s to take: let it bind, or give --discard to have %s "
                        "non-delivered",
                        copies, copies == 1 ? "" : "s", copies == 1 ? "it" : "them");
}

/* An error, or NULL: nothing is left in it, once the batch is written. */
static json_t *empty_mailbox(struct mta *mta, uint32_t mailbox, const struct local_user *user, bool discard,
                             uint32_t by) {
    uint64_t entries = 0;
    char why[400];
    struct error err = {0};
    if (!mailbox_count(&mta->view, mailbox, &entries, &err))
        return client_error("unavailable", "%s", err.text);
    if (entries && !discard)
        return not_empty(entries);
    int length = snprintf(why, sizeof why, "uid %u: the mailbox of %.300s was removed", by, user->address);
    return !entries ||
                   (mailbox_discard(mta, mailbox, span_of(why, (size_t)length)) &&
                    telling_line(mta,
                                 "the mailbox of %.300s is removed by uid %u, with %llu entr%s: no "
                                 "originator hears of that",
                                 user->address, by, (unsigned long long)entries, entries == 1 ? "y" : "ies"))
               ? NULL
               : client_error("unavailable",
                              "the entries can't be removed now; try again, the log may say why");
}

/* An error, or NULL: he goes with the batch. */
static json_t *take_away(struct mta *mta, struct local_user *user, bool discard, uint32_t by) {
    struct error err = {0};
    uint32_t mailbox = mailbox_named(&mta->view, user->address, &err);
    if (err.code)
        return client_error("unavailable", "%s", err.text);
    json_t *wrong = empty_mailbox(mta, mailbox, user, discard, by);
    if (wrong)
        return wrong;
    if (!user_change_with_batch(mta, &user_removed, user->address) || !remove_record(mta, user))
        return client_error("unavailable", "no memory");
    return NULL;
}

/* Of an effect: `bytes` is the address, `octets` says that entries are discarded, `number` is the uid,
 * `process` is that of the client who asked. */
static void mailbox_is_settled(struct mta *mta, const struct effect *effect) {
    struct local_user *user = user_at(mta, bytes_head(effect->bytes));
    struct batch_mark mark = batch_mark(mta);
    batch_request(mta);
    json_t *error =
        user && user->leaving
            ? take_away(mta, user, effect->octets, effect->number)
            : client_error("not-found", "the user was taken away meanwhile: there is nothing left to do");
    if (error) {
        batch_undo(mta, mark);
        if (user)
            user->leaving = false;
        client_answer(mta, effect->process, effect->ref, error);
    } else
        client_answer_with_batch(mta, effect->process, effect->ref, json_pack("{s:i}", "changed", 1));
    bytes_drop(effect->bytes);
}

static void mailbox_is_not_settled(struct mta *mta, const struct effect *effect) {
    struct local_user *user = user_at(mta, bytes_head(effect->bytes));
    if (user)
        user->leaving = false;
    client_answer(mta, effect->process, effect->ref, client_error("unavailable", "%s", batch_cause(mta)));
    bytes_drop(effect->bytes);
}

static const struct effect_kind departure = {mailbox_is_settled, mailbox_is_not_settled};

/* An error, or NULL: the answer follows. */
json_t *request_user_remove(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    const char *text = json_string_value(json_object_get(request, "address"));
    struct local_user *user = text ? user_at(mta, span_str(text)) : NULL;
    bool discard = json_is_true(json_object_get(request, "discard"));
    uint64_t entries = 0;
    struct error err = {0};
    json_t *wrong = text ? users_many_hinder(mta, text, NULL) : NULL;
    if (wrong)
        return wrong;
    if (!user)
        return no_such_user(text);
    if (user->configured)
        return client_error("not-permitted",
                            "the user stands in the configuration file: remove it there, and 'mhs reload'");
    if (user->leaving)
        return client_error("wrong-state", "the user is being removed already: look again in a moment");
    uint32_t mailbox = mailbox_at(&mta->view, user->address, &err);
    if (err.code || !mailbox_count(&mta->view, mailbox, &entries, &err))
        return client_error("unavailable", "%s", err.text);
    if (entries && !discard)
        return not_empty(entries);
    size_t copies = user_agent_copies(mta, user);
    if (copies && !discard)
        return not_taken(copies);
    struct effect effect = {.kind = &departure,
                            .process = client->process->number,
                            .ref = client->request,
                            .octets = discard,
                            .number = client->uid,
                            .bytes = bytes_new(span_str(user->address), (struct span){NULL, 0})};
    if (effect.bytes && batch_effect(mta, effect)) {
        user->leaving = true;
        return NULL;
    }
    bytes_drop(effect.bytes);
    return client_error("unavailable", "no memory");
}
