/* Local users: those of the configuration, and those that operators
 * added, which the store keeps as records. */
#include <unistd.h>

#include "base/alloc.h"
#include "base/lines.h"
#include "base/log.h"
#include "ipc/frames.h"
#include "ipc/payload.h"
#include "mta/client.h"
#include "mta/user_registration.h"
#include "mta/users.h"
#include "mta/view.h"
#include "names/oraddress.h"
#include "security/password.h"
#include "store/store.h"

const char *user_address(struct arena *arena, struct span text, struct error *err) {
    struct oraddress address;
    if (!oraddress_parse(text, arena, &address, err))
        return NULL;
    if (address.count == 0) {
        error_set(err, 0, "the address is empty");
        return NULL;
    }
    struct span printed = oraddress_text(&address, arena);
    return (const char *)printed.data;
}

static void forget_user(struct local_user *user) {
    mem_free(user->address);
    mem_free(user->directory_name);
    mem_free(user->password);
    mem_free(user->given);
    buf_free(&user->registered);
    buf_free(&user->key);
}

/* ---- by the address ---- */

static uint64_t hash_of(struct span key) {
    return span_hash(key) | 1; /* a map's keys are not 0 */
}

/* 0: there is none. */
static size_t first_with(const struct users *users, uint64_t hash) {
    const struct map_slot *slot = map_find(&users->numbers, hash);
    return slot ? (size_t)slot->number : 0;
}

static bool set_first(struct users *users, uint64_t hash, size_t number) {
    struct map_slot *slot = map_at(&users->numbers, hash);
    if (slot)
        slot->number = (int64_t)number;
    return slot != NULL;
}

/* User number `from` is number `to` now, or (0) leaves its place to the next. */
static void renumber(struct users *users, size_t from, size_t to) {
    uint64_t hash = hash_of(buf_span(&users->all[from - 1].key));
    size_t at = first_with(users, hash), next = to ? to : users->all[from - 1].same_hash;
    if (at == from) {
        if (next)
            set_first(users, hash, next);
        else
            map_remove(&users->numbers, hash);
        return;
    }
    while (at && users->all[at - 1].same_hash != from)
        at = users->all[at - 1].same_hash;
    if (at)
        users->all[at - 1].same_hash = next;
}

static bool read_key(struct span text, struct buf *key) {
    struct arena arena;
    arena_init(&arena, 1024 * 1024);
    struct span found = oraddress_key_of(text, &arena, NULL);
    bool ok = found.data && buf_append_span(key, found);
    arena_free(&arena);
    return ok;
}

const struct local_user *users_with_key(const struct users *users, struct span key) {
    size_t number = first_with(users, hash_of(key));
    while (number && !span_eq(buf_span(&users->all[number - 1].key), key))
        number = users->all[number - 1].same_hash;
    return number ? &users->all[number - 1] : NULL;
}

const struct local_user *users_find(const struct users *users, struct span text) {
    struct buf key;
    buf_init(&key, 0);
    const struct local_user *user = read_key(text, &key) ? users_with_key(users, buf_span(&key)) : NULL;
    buf_free(&key);
    return user;
}

const struct local_user *user_find(const struct view *view, struct span text) {
    return users_find(&view->users, text);
}

static bool room_for_user(struct users *users) {
    if (users->count & (users->count - 1))
        return true; /* room is a power of two */
    size_t room = users->count ? users->count * 2 : 1;
    struct local_user *grown = mem_resize(users->all, room * sizeof *grown);
    if (grown)
        users->all = grown;
    return grown != NULL;
}

static bool copy_user(const struct local_user *given, struct local_user *user) {
    *user = *given;
    user->address = mem_strdup(given->address);
    user->directory_name = given->directory_name ? mem_strdup(given->directory_name) : NULL;
    user->password = given->password ? mem_strdup(given->password) : NULL;
    const char *first = given->given ? given->given : given->password;
    user->given = first ? mem_strdup(first) : NULL;
    buf_init(&user->key, 0);
    buf_init(&user->registered, 0);
    if (buf_append_span(&user->registered, buf_span(&given->registered)) && (!first || user->given) &&
        user->address && (!given->directory_name || user->directory_name) &&
        (!given->password || user->password) && read_key(span_str(given->address), &user->key))
        return true;
    forget_user(user);
    return false;
}

bool user_add(struct users *users, const struct local_user *given) {
    struct local_user user;
    if (!room_for_user(users) || !copy_user(given, &user))
        return false;
    uint64_t hash = hash_of(buf_span(&user.key));
    user.same_hash = first_with(users, hash);
    if (!set_first(users, hash, users->count + 1)) {
        forget_user(&user);
        return false;
    }
    users->all[users->count++] = user;
    users->some_by_p3 = users->some_by_p3 || user.by_p3;
    return true;
}

/* The last user takes its place. */
void user_drop(struct users *users, const struct local_user *user) {
    size_t number = (size_t)(user - users->all) + 1, last = users->count;
    renumber(users, number, 0);
    forget_user(&users->all[number - 1]);
    if (number != last) {
        renumber(users, last, number);
        users->all[number - 1] = users->all[last - 1];
    }
    users->count--;
}

void users_free(struct users *users) {
    for (size_t i = 0; i < users->count; i++)
        forget_user(&users->all[i]);
    mem_free(users->all);
    map_free(&users->numbers);
    buf_free(&users->remarks);
    users->all = NULL;
    users->count = 0;
}

/* The user in the rules' tables, and the directory name, if there is one, in the directory. */
bool user_add_to_rules(struct view *view, const struct local_user *user, struct error *err) {
    const struct mta_config *config = view->config;
    if (user->directory_name &&
        !(config->directory ? directory_add(config->directory, user->directory_name, user->address, err)
                            : error_set(err, 0, "there is no directory")))
        return false;
    if (mts_tables_add_user(config->tables,
                            &(struct mts_user){.address = user->address, .mailbox = user->address}, err)) {
        mts_tables_register(config->tables, user->address, buf_span(&user->registered), &(struct error){0});
        return true;
    }
    if (user->directory_name)
        directory_remove(config->directory, user->directory_name);
    return false;
}

void user_remove_from_rules(struct view *view, const struct local_user *user) {
    if (!user->in_rules)
        return;
    mts_tables_remove(view->config->tables, user->address);
    if (user->directory_name && view->config->directory)
        directory_remove(view->config->directory, user->directory_name);
}

/* The record of a user who stands in the configuration plays no part. What it gave and the configuration does
 * not is lost with it, and he may be shut out: that is remarked. */
static void remark_on_loss(struct view *view, const struct local_user *now, const struct local_user *record) {
    struct users *users = &view->users;
    bool uid = record->has_uid && !now->has_uid, name = record->directory_name && !now->directory_name;
    bool password = record->password && !now->password;
    if (!uid && !name && !password)
        return;
    /* Those of the configuration come first, in its order: load_all. */
    buf_printf(&users->remarks, "%s\t", view->config->users[now - users->all].address);
    if (uid)
        buf_printf(
            &users->remarks,
            "login: none is given here, so only operators may use the mailbox: the uid %u that 'mhs user "
            "add' gave it no longer counts; add login = \"NAME\"",
            (unsigned)record->uid);
    if (name)
        buf_printf(
            &users->remarks,
            "%sdirectory-name: none is given here, and the one that 'mhs user add' gave no longer counts: "
            "add directory-name = \"%s\"",
            uid ? "; " : "", record->directory_name);
    if (password)
        buf_printf(&users->remarks,
                   "%spassword-hash: none is given here, so the user can't bind: the password that 'mhs user "
                   "set' gave no longer counts; add password-hash = \"HASH\" ('mhs user hash' makes it)",
                   uid || name ? "; " : "");
    buf_append_byte(&users->remarks, '\n');
}

/* Two spellings of one address: only older programs wrote such records. The removal takes all of them. */
static void remark_on_double(struct users *users, const struct local_user *first, const char *record) {
    users->doubled = true;
    buf_printf(
        &users->remarks,
        "%s\tthe store has another record of this address, %s, which does not count: remove the user and "
        "add him again\n",
        first->address, record);
}

/* A section of the configuration has the address of one who was added by hand: it takes his mail, if anybody
 * gets it. */
static void remark_on_displaced(struct users *users, const char *address, const char *cause) {
    buf_printf(
        &users->remarks,
        "%s\t'mhs user add' gave a user this address, and he gets no messages any more: %s; take that out, "
        "or remove the user\n",
        address, cause);
}

/* His section was taken out of the configuration, and his record, which had played no part, plays one again.
 */
static void remark_on_return(struct users *users, const struct local_user *record) {
    buf_printf(
        &users->remarks,
        "%s\tit is gone, and the user whom 'mhs user add' made is back%s%s: 'mhs user set' changes him, "
        "'mhs user remove' removes him\n",
        record->address, record->password ? ", with the password that he had" : "",
        record->has_uid ? ", with the uid that he had" : "");
}

/* Who knew the old one may have registered something, which stays. */
static void remark_on_new_passwords(struct view *view, const struct users *before) {
    for (size_t i = 0; i < view->users.count; i++) {
        const struct local_user *user = &view->users.all[i];
        const struct local_user *former =
            user->configured && user->registered.len ? users_with_key(before, buf_span(&user->key)) : NULL;
        const char *old = former && former->given ? former->given : "", *now = user->given ? user->given : "";
        if (former && former->configured && strcmp(old, now) != 0)
            buf_printf(&view->users.remarks,
                       "%s\tthe password is another one, and what the user registered by P3 stays: 'mhs user "
                       "show' shows it, 'mhs user reset' takes it away\n",
                       view->config->users[i].address);
    }
}

void users_log_remarks(const struct users *users) {
    struct span rest = buf_span(&users->remarks), title, text;
    while (lines_next_titled(&rest, &title, &text))
        log_warning("user \"%.*s\": %.*s", (int)title.len, (const char *)title.data, (int)text.len,
                    (const char *)text.data);
}

/* What a record's texts need until they are copied. */
struct record_texts {
    char address[1024], directory[DIRECTORY_NAME_MOST], password[PASSWORD_HASH_SIZE];
};

static bool copy_text(struct span text, char *to, size_t size) {
    if (text.len >= size)
        return false;
    memcpy(to, text.data ? text.data : (const uint8_t *)"", text.len);
    to[text.len] = '\0';
    return true;
}

/* A user's record (user_put_record). False: it is none that this program knows. */
static bool read_record(struct span name, struct span data, struct record_texts *texts,
                        struct local_user *user) {
    struct reader r = reader_of(data);
    uint8_t flags = reader_u8(&r);
    uint32_t uid = reader_u32(&r);
    struct span password = flags & USER_HAS_PASSWORD ? payload_octets(&r) : (struct span){NULL, 0};
    struct span directory = payload_rest(&r);
    if (r.failed || !copy_text(name, texts->address, sizeof texts->address) ||
        !copy_text(directory, texts->directory, sizeof texts->directory) ||
        !copy_text(password, texts->password, sizeof texts->password))
        return false;
    *user = (struct local_user){.address = texts->address,
                                .directory_name = directory.len ? texts->directory : NULL,
                                .password = password.len ? texts->password : NULL,
                                .uid = uid,
                                .has_uid = flags & USER_HAS_UID,
                                .by_p3 = flags & USER_BY_P3};
    return true;
}

/* `before`: the users before this reload; NULL: it is none. */
static bool take_record(struct view *view, const struct users *before, struct span name, struct span data) {
    struct record_texts texts;
    struct local_user user;
    struct error err = {0};
    if (!read_record(name, data, &texts, &user))
        return true;
    const struct local_user *there = user_find(view, name);
    if (there) {
        if (there->configured)
            remark_on_loss(view, there, &user);
        else
            remark_on_double(&view->users, there, user.address);
        return true;
    }
    user.in_rules = user_add_to_rules(view, &user, &err);
    if (!user.in_rules)
        remark_on_displaced(&view->users, user.address, err.text);
    const struct local_user *former = before ? users_find(before, name) : NULL;
    if (former && former->configured)
        remark_on_return(&view->users, &user);
    return user_add(&view->users, &user);
}

static bool load_registration(void *context, struct span name, struct span data) {
    struct view *view = context;
    const struct local_user *user = users_with_key(&view->users, name);
    if (user)
        registration_apply(view, &view->users.all[user - view->users.all], data);
    return true;
}

static bool reread_registration(struct view *view, struct span address) {
    const struct local_user *user = user_find(view, address);
    struct error err = {0};
    if (!user)
        return true;
    buf_clear(&view->scratch);
    bool found = store_get_record(view->store, USER_REGISTRATION, buf_span(&user->key), &view->scratch, &err);
    if (!found && err.code != STORE_NOT_FOUND)
        return false;
    return registration_forget(view, &view->users.all[user - view->users.all]) &&
           (!found || load_registration(view, buf_span(&user->key), buf_span(&view->scratch)));
}

bool user_reread(struct view *view, struct span address) {
    const struct local_user *user = user_find(view, address);
    struct error err = {0};
    view->users.rereads++;
    if (user && user->configured)
        return reread_registration(view, address);
    buf_clear(&view->scratch);
    bool found = store_get_record(view->store, STORE_USER, address, &view->scratch, &err);
    if (!found && err.code != STORE_NOT_FOUND)
        return false;
    if (user) {
        user_remove_from_rules(view, user);
        user_drop(&view->users, user);
    }
    if (found)
        take_record(view, NULL, address, buf_span(&view->scratch));
    return reread_registration(view, address);
}

/* 0: nobody was ever added by hand. */
static bool stored_version(struct view *view, uint64_t *version, struct error *err) {
    buf_clear(&view->scratch);
    *version = 0;
    if (!store_get_record(view->store, STORE_SETTING, USERS_VERSION_RECORD, &view->scratch, err))
        return err->code == STORE_NOT_FOUND;
    struct reader r = reader_of(buf_span(&view->scratch));
    *version = reader_u64(&r);
    return true;
}

void users_follow(struct view *view) {
    struct error err = {0}, ignored;
    uint64_t version;
    if (!stored_version(view, &version, &err) || version == view->users.version)
        return; /* of a store that can't be read the request itself tells */
    for (size_t i = 0; i < view->users.count; i++)
        if (!view->users.all[i].configured)
            user_remove_from_rules(view, &view->users.all[i]);
    if (users_load(view, &err))
        return;
    log_error("the users can't be read: %s", err.text); /* the next request tries again */
    for (size_t i = 0; i < view->users.count; i++)
        if (view->users.all[i].in_rules)
            view->users.all[i].in_rules = user_add_to_rules(view, &view->users.all[i], &ignored);
}

/* ---- all of them ---- */

/* What an open batch makes of a user counts, not what the store says so far. */
static bool is_open(const struct local_user *user) {
    return !user->configured && (user->open || user->leaving);
}

struct loading {
    struct view *view;
    const struct users *before;
    bool some_are_open; /* of those before */
};

static bool load_record(void *context, struct span name, struct span data) {
    const struct loading *loading = context;
    const struct local_user *before = loading->some_are_open ? users_find(loading->before, name) : NULL;
    return (before && is_open(before)) || take_record(loading->view, loading->before, name, data);
}

static bool keep(struct view *view, const struct local_user *before) {
    struct local_user user = *before;
    struct error err = {0};
    user.in_rules = user_add_to_rules(view, &user, &err);
    if (!user.in_rules)
        log_error("user %s gets no messages: %s", user.address, err.text);
    return user_add(&view->users, &user);
}

/* The open ones of before. Where the configuration has one now, or had him, his record is looked at again
 * when the batch has landed. */
static bool keep_open(struct view *view, const struct users *before) {
    bool done = true;
    for (size_t i = 0; i < before->count && done; i++) {
        const struct local_user *user = &before->all[i], *now;
        if (!user->open && !user->leaving)
            continue;
        now = users_with_key(&view->users, buf_span(&user->key));
        if (now && now->configured && !user->configured)
            remark_on_loss(view, now, user);
        if (now) {
            if (now->configured && user->configured)
                registration_keep(view, &view->users.all[now - view->users.all], user);
            view->users.all[now - view->users.all].open = user->open;
            view->users.all[now - view->users.all].unsure = true;
        } else if (!user->configured)
            done = keep(view, user);
    }
    return done;
}

static bool some_are_open(const struct users *users) {
    for (size_t i = 0; i < users->count; i++)
        if (is_open(&users->all[i]))
            return true;
    return false;
}

static bool load_all(struct view *view, const struct users *before, struct error *err) {
    struct loading loading = {view, before, some_are_open(before)};
    struct arena arena;
    bool done = true;
    arena_init(&arena, 16 * 1024 * 1024);
    for (size_t i = 0; i < view->config->user_count && done; i++) {
        const struct mta_user *user = &view->config->users[i];
        const char *address = user_address(&arena, span_str(user->address), err);
        done = address &&
               user_add(&view->users, &(struct local_user){.address = (char *)address,
                                                           .directory_name = (char *)user->directory_name,
                                                           .password = (char *)user->password_hash,
                                                           .uid = user->uid,
                                                           .has_uid = user->has_uid,
                                                           .by_p3 = user->by_p3,
                                                           .configured = true});
    }
    arena_free(&arena);
    if (done && store_each_record(view->store, STORE_USER, load_record, &loading, err) &&
        store_each_record(view->store, USER_REGISTRATION, load_registration, view, err))
        return keep_open(view, before) || error_set(err, STORE_NO_MEMORY, "no memory");
    return false;
}

/* What an open batch says of the version counts: it never goes back. */
bool users_load(struct view *view, struct error *err) {
    struct users before = view->users;
    struct error inner = {0};
    uint64_t version;
    if (!stored_version(view, &version, &inner))
        return error_set(err, inner.code, "%s", inner.text);
    view->users = (struct users){.version = version > before.version ? version : before.version,
                                 .loads = before.loads + 1};
    buf_init(&view->users.remarks, IPC_REMARKS_MAX);
    if (load_all(view, &before, err)) {
        remark_on_new_passwords(view, &before);
        users_free(&before);
        return true;
    }
    users_free(&view->users);
    view->users = before;
    return false;
}

/* ---- who may do what ---- */

bool client_is_operator(const struct client *client) {
    const struct mta_config *config = client->view->config;
    if (client->uid == 0 || client->uid == config->service_uid ||
        (config->operators_gid && client->gid == config->operators_gid))
        return true;
    for (size_t i = 0; i < config->operator_uid_count; i++)
        if (config->operator_uids[i] == client->uid)
            return true;
    return false;
}

bool client_owns(const struct client *client, const struct local_user *user) {
    return client_is_operator(client) || (user->has_uid && user->uid == client->uid);
}
