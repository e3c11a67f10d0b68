/* What becomes of a user who is added, changed or removed by hand: in memory at once, in the store with the
 * batch. */
#include "mta/user_change.h"

#include "mta/client.h"
#include "mta/ms_answer.h"
#include "mta/user_agent.h"
#include "mta/user_registration.h"
#include "security/password.h"

/* Readers hear of the change. */
bool users_next_version(struct mta *mta) {
    buf_clear(&mta->scratch);
    return buf_append_u64(&mta->scratch, ++mta->view.users.version) &&
           store_put_record(mta->batch.store, STORE_SETTING, USERS_VERSION_RECORD, buf_span(&mta->scratch));
}

bool user_put_record(struct mta *mta, const struct local_user *user) {
    buf_clear(&mta->scratch);
    buf_append_byte(&mta->scratch, (user->has_uid ? USER_HAS_UID : 0) |
                                       (user->password ? USER_HAS_PASSWORD : 0) |
                                       (user->by_p3 ? USER_BY_P3 : 0));
    buf_append_u32(&mta->scratch, user->uid);
    if (user->password)
        payload_put_octets(&mta->scratch, span_str(user->password));
    buf_append_span(&mta->scratch, span_str(user->directory_name));
    return store_put_record(mta->batch.store, STORE_USER, span_str(user->address), buf_span(&mta->scratch));
}

bool user_has_told_nothing(struct mta *mta, const struct local_user *user) {
    return store_remove_record(mta->batch.store, MS_REGISTERED, buf_span(&user->key)) &&
           registration_remove(mta, user);
}

struct local_user *user_at(struct mta *mta, struct span address) {
    const struct local_user *user = user_find(&mta->view, address);
    return user ? &mta->view.users.all[user - mta->view.users.all] : NULL;
}

/* ---- who is read anew ---- */

static void read_unsure(evutil_socket_t fd, short what, void *arg);

/* The store that refused a batch can often not be read either: it is asked again till it answers. */
static void read_later(struct mta *mta) {
    static const struct timeval moment = {.tv_sec = 1};
    if (!mta->view.users.rereading)
        mta->view.users.rereading =
            event_base_once(mta->loop, -1, EV_TIMEOUT, read_unsure, mta, &moment) == 0;
}

/* While a batch has him open the store does not say yet what he will be. */
static void settle(struct mta *mta, struct local_user *user) {
    struct span address = span_str(user->address);
    struct bytes *name = user->unsure && !user->open ? bytes_new(address, (struct span){NULL, 0}) : NULL;
    bool read = name && user_reread(&mta->view, bytes_head(name));
    if (read)
        user = user_at(mta, bytes_head(name));
    if (user && read)
        user->unsure = false;
    if (user && user->unsure && !user->open)
        read_later(mta);
    bytes_drop(name);
}

static void read_unsure(evutil_socket_t fd, short what, void *arg) {
    struct mta *mta = arg;
    struct users *users = &mta->view.users;
    (void)fd, (void)what;
    users->rereading = false;
    for (size_t i = users->count; i-- > 0 && !users->rereading;)
        if (users->all[i].unsure)
            settle(mta, &users->all[i]);
}

/* ---- effects ---- */

static void end_change(struct mta *mta, const struct effect *effect, bool written) {
    struct local_user *user = user_at(mta, bytes_head(effect->bytes));
    if (user) {
        user->open -= user->open > 0;
        user->unsure = user->unsure || !written;
        settle(mta, user);
    }
    bytes_drop(effect->bytes);
}

static void is_written(struct mta *mta, const struct effect *effect) {
    end_change(mta, effect, true);
}

static void is_not_written(struct mta *mta, const struct effect *effect) {
    end_change(mta, effect, false);
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

static void is_removed(struct mta *mta, const struct effect *effect) {
    struct local_user *user = user_at(mta, bytes_head(effect->bytes));
    if (user && user->leaving) {
        user_agent_forsake(mta, user);
        user_remove_from_rules(&mta->view, user);
        user_drop(&mta->view.users, user);
    }
    bytes_drop(effect->bytes);
}

static void is_not_removed(struct mta *mta, const struct effect *effect) {
    struct local_user *user = user_at(mta, bytes_head(effect->bytes));
    if (user)
        user->leaving = false;
    bytes_drop(effect->bytes);
}

const struct effect_kind user_removed = {is_removed, is_not_removed};
const struct effect_kind user_changed = {is_written, is_not_written};
const struct effect_kind user_added = {is_written, is_not_added};

/* Users change at once, and back when the batch is not written (I6). False without memory. */
bool user_change_with_batch(struct mta *mta, const struct effect_kind *kind, const char *address) {
    struct effect effect = {.kind = kind, .bytes = bytes_new(span_str(address), (struct span){NULL, 0})};
    if (effect.bytes && batch_effect(mta, effect))
        return true;
    bytes_drop(effect.bytes);
    return false;
}

static json_t *take_password(const json_t *request, struct local_user *user) {
    const json_t *hash = json_object_get(request, "password-hash");
    const char *text = json_string_value(hash);
    if (hash && !json_is_null(hash) && (!text || !password_is_hash(span_str(text))))
        return client_error("bad-request",
                            "password-hash is no hash of Argon2id ('$argon2id$v=19$m=M,t=T,p=1$SALT$HASH', M "
                            "at most 65536, T at most 16, M times T at most 196608), nor null; 'mhs user "
                            "hash' makes one");
    if (hash)
        user->password = (char *)text;
    return NULL;
}

static json_t *take_delivery(const json_t *request, struct local_user *user) {
    const json_t *delivery = json_object_get(request, "delivery");
    const char *text = json_string_value(delivery);
    bool p3 = text && strcmp(text, "p3") == 0;
    if (delivery && !p3 && (!text || strcmp(text, "mailbox") != 0))
        return client_error("bad-request", "delivery is neither \"mailbox\" nor \"p3\"");
    if (delivery)
        user->by_p3 = p3;
    return NULL;
}

json_t *user_take_members(const json_t *request, struct local_user *user) {
    const json_t *uid = json_object_get(request, "uid"), *name = json_object_get(request, "directory-name");
    json_int_t number = json_integer_value(uid);
    if (uid && !json_is_null(uid) && (!json_is_integer(uid) || number < 0 || number > UINT32_MAX))
        return client_error("bad-request", "uid is not a user's number: it is 0 to 4294967295, or null");
    if (name && !json_is_null(name) && !json_is_string(name))
        return client_error("bad-request", "directory-name is neither a text nor null");
    if (uid) {
        user->has_uid = !json_is_null(uid);
        user->uid = (uint32_t)number;
    }
    if (name)
        user->directory_name = (char *)json_string_value(name);
    if (user->directory_name && strlen(user->directory_name) >= DIRECTORY_NAME_MOST)
        return client_error("bad-request", "the directory name has %zu characters; at most %d are taken",
                            strlen(user->directory_name), DIRECTORY_NAME_MOST - 1);
    json_t *wrong = take_delivery(request, user);
    return wrong ? wrong : take_password(request, user);
}

json_t *user_read_new(struct mta *mta, const json_t *request, struct local_user *user) {
    struct error err = {0};
    const char *text = json_string_value(json_object_get(request, "address"));
    arena_reset(&mta->arena);
    const char *address = text ? user_address(&mta->arena, span_str(text), &err) : NULL;
    if (!address)
        return client_error("bad-request", "address: %s", text ? err.text : "is missing");
    if (!mts_is_ours(mta->view.config->tables, address))
        return client_error("bad-request", "%s is not ours: our domain is %s, and no route makes it local",
                            address, mts_self_of(mta->view.config->tables)->domain);
    const struct local_user *there = user_find(&mta->view, span_str(address));
    if (there && there->leaving)
        return client_error("wrong-state", "%s is being removed: try again in a moment", address);
    if (there)
        return client_error("exists", "%s is a user already; 'mhs user set' changes one", address);
    *user = (struct local_user){.address = (char *)address, .in_rules = true};
    return user_take_members(request, user);
}
