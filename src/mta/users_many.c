/*
 * Many users in one commit. Each takes some µs to be read and to be told to the
 * rules, so that a file of them is worked on in pieces, and everybody else has his
 * turn in between: first all are looked at, and nothing changes; then their records
 * are added to a batch at once; when that is on disk they enter the rules. So no
 * mail is taken for one who may not be there in the end, and a restart in between
 * finds all of them, or none. Till then their addresses and directory names are
 * nobody else's (users_many_hinder).
 */
#include "mta/users_many.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "directory/directory.h"
#include "mta/client.h"
#include "mta/clients.h"
#include "mta/ms_answer.h"
#include "mta/requests.h"
#include "mta/user_change.h"
#include "mta/user_registration.h"

/* Users that are added by one request and those before it (`more`), and faults of theirs that are told. */
#define USERS_MOST 20000
#define WRONG_MOST 100

#define STOPPING "nobody was added, as the MTA is stopping: try again when it runs"

/* µs for which a turn begins with more. */
#define TURN_US 5000

enum step {
    CHECKING,   /* those up to `at` were looked at */
    COMMITTING, /* their records are in a batch, whose effect goes on */
    ENTERING,   /* they are on disk, and those up to `at` are in the rules */
};

/* A request that is worked on; the first of the list is. */
struct adding {
    struct adding *next;
    uint32_t process; /* of clients, and the request's ref there */
    uint64_t ref;
    uint64_t loads, rereads; /* of the users, when it began to look, or to enter them */
    json_t *users, *wrong;
    bool count;  /* only asked for */
    bool waits;  /* for room in the batch */
    bool failed; /* one is wrong, and there is no memory to say so */
    enum step step;
    size_t at;
    struct users seen;       /* those that were looked at, in their order */
    struct directory *names; /* theirs; NULL: none has one */
};

void users_leave(struct client *client) {
    json_decref(client->users);
    client->users = NULL;
}

static void arm(struct mta *mta) {
    static const struct timeval soon = {.tv_usec = 1000}; /* so that frames come in between */
    static const struct timeval moment = {.tv_usec = 50000};
    if (mta->adding && mta->adding->step != COMMITTING)
        event_add(mta->add_users, mta->adding->waits ? &moment : &soon);
}

static void adding_free(struct adding *adding) {
    users_free(&adding->seen);
    directory_free(adding->names);
    json_decref(adding->users);
    json_decref(adding->wrong);
    mem_free(adding);
}

/* It is the first, and answered; the next one begins. */
static void end(struct mta *mta, json_t *answer) {
    struct adding *adding = mta->adding;
    client_answer(mta, adding->process, adding->ref, answer);
    mta->adding = adding->next;
    adding_free(adding);
    arm(mta);
}

void users_many_free(struct mta *mta) {
    while (mta->adding) {
        struct adding *adding = mta->adding;
        mta->adding = adding->next;
        adding_free(adding);
    }
}

/* ---- looking ---- */

/* The rules and the directory are asked by telling them: they know him for the moment alone. */
static json_t *try_rules(struct mta *mta, const struct local_user *user) {
    struct error err = {0};
    if (!user_add_to_rules(&mta->view, user, &err))
        return client_error("bad-request", "%s", err.text);
    user_remove_from_rules(&mta->view, user);
    return NULL;
}

/* One who stands among them twice is no user yet: the first is named. Those that were seen are all but the
 * wrong ones, which are in their order. */
static json_t *stands_twice(const struct adding *adding, const struct local_user *first) {
    json_int_t number = (json_int_t)(first - adding->seen.all);
    const json_t *wrong;
    size_t i;
    json_array_foreach(adding->wrong, i, wrong) number +=
        json_integer_value(json_object_get(wrong, "user")) <= number;
    json_t *answer =
        client_error("exists", "%s stands among those that are to be added already", first->address);
    json_object_set_new(json_object_get(answer, "error"), "first", json_integer(number));
    return answer;
}

/* An error, or NULL: nobody else among them has his directory name. */
static json_t *note_name(struct adding *adding, const struct local_user *user) {
    struct error err = {0};
    if (!user->directory_name)
        return NULL;
    if (!adding->names && !(adding->names = directory_new()))
        return client_error("unavailable", "no memory");
    return directory_add(adding->names, user->directory_name, user->address, &err)
               ? NULL
               : client_error("bad-request", "%s", err.text);
}

static json_t *check_user(struct mta *mta, struct adding *adding, const json_t *request) {
    static const char *const members[] = {"address", "uid", "directory-name", "password-hash", "delivery"};
    struct local_user user;
    size_t known = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        known += json_object_get(request, members[i]) != NULL;
    if (known != json_object_size(request))
        return client_error(
            "bad-request",
            "a user has no members but address, uid, directory-name, password-hash and delivery");
    json_t *error = user_read_new(mta, request, &user);
    const struct local_user *first = error ? NULL : users_find(&adding->seen, span_str(user.address));
    if (first)
        return stands_twice(adding, first);
    if (!error)
        error = try_rules(mta, &user);
    if (!error)
        error = note_name(adding, &user);
    if (error)
        return error;
    return user_add(&adding->seen, &user) ? NULL : client_error("unavailable", "no memory");
}

static void note_wrong(struct adding *adding, json_t *answer, size_t number) {
    json_t *error = json_object_get(answer, "error");
    adding->failed |= json_object_set_new(error, "user", json_integer((json_int_t)number)) != 0 ||
                      json_array_append(adding->wrong, error) != 0;
    json_decref(answer);
}

/* False: all were looked at, or enough of them are wrong. */
static bool look_at_next(struct mta *mta, struct adding *adding) {
    if (adding->failed || adding->at == json_array_size(adding->users) ||
        json_array_size(adding->wrong) >= WRONG_MOST)
        return false;
    json_t *error = check_user(mta, adding, json_array_get(adding->users, adding->at));
    if (error)
        note_wrong(adding, error, adding->at);
    adding->at++;
    return true;
}

/* ---- the commit ---- */

static json_t *answer_of(const struct adding *adding, size_t changed) {
    return json_pack("{s:I, s:O}", "changed", (json_int_t)changed, "wrong", adding->wrong);
}

/* The one whose records the effect's batch has: the first, as the others wait for it. */
static struct adding *committed(const struct mta *mta, const struct effect *effect) {
    struct adding *adding = mta->adding;
    return adding && adding->step == COMMITTING && adding->process == effect->process &&
                   adding->ref == effect->ref
               ? adding
               : NULL;
}

static void are_written(struct mta *mta, const struct effect *effect) {
    struct adding *adding = committed(mta, effect);
    if (!adding)
        return;
    adding->step = ENTERING;
    adding->loads = mta->view.users.loads;
    adding->at = 0;
    if (mta->stopping)
        users_many_stop(mta);
    else
        arm(mta);
}

static void are_not_written(struct mta *mta, const struct effect *effect) {
    if (committed(mta, effect))
        end(mta, client_error("unavailable", "%s", batch_cause(mta)));
}

static const struct effect_kind addition = {are_written, are_not_written};

struct forgetting {
    struct mta *mta;
    const struct users *seen;
    bool failed;
};

static bool forget_one(void *context, struct span name, struct span data) {
    struct forgetting *forgetting = context;
    const struct local_user *user = users_with_key(forgetting->seen, name);
    (void)data;
    forgetting->failed = user && !user_has_told_nothing(forgetting->mta, user);
    return !forgetting->failed;
}

/* As user_has_told_nothing of each, for which many would be asked in vain. */
static bool have_told_nothing(struct mta *mta, const struct users *seen) {
    static const uint8_t kinds[] = {USER_REGISTRATION, MS_REGISTERED};
    struct forgetting forgetting = {mta, seen, false};
    struct error err = {0};
    for (size_t i = 0; i < sizeof kinds; i++)
        if (!store_each_record(mta->view.store, kinds[i], forget_one, &forgetting, &err) || forgetting.failed)
            return false;
    return true;
}

static bool put_all(struct mta *mta, const struct adding *adding) {
    if (!have_told_nothing(mta, &adding->seen))
        return false;
    for (size_t i = 0; i < adding->seen.count; i++)
        if (!user_put_record(mta, &adding->seen.all[i]))
            return false;
    return users_next_version(mta) &&
           batch_effect(mta,
                        (struct effect){.kind = &addition, .process = adding->process, .ref = adding->ref});
}

/* It waits for room in the batch, as long as anybody does. */
static void commit(struct mta *mta, struct adding *adding) {
    adding->waits = batch_awaited(mta, false) != 0;
    if (adding->waits)
        return;
    if (batch_is_full(mta)) {
        end(mta, client_error("unavailable", "%s", batch_cause(mta)));
        return;
    }
    batch_request(mta);
    struct batch_mark mark = batch_mark(mta);
    if (put_all(mta, adding)) {
        adding->step = COMMITTING;
        return;
    }
    batch_undo(mta, mark);
    end(mta, client_error("unavailable", "no memory"));
}

/* ---- entering ---- */

/* As one that is read from the store: he is a user also where the rules can't have him. */
static void enter(struct mta *mta, const struct local_user *seen) {
    struct local_user user = *seen;
    struct error err = {0};
    user.in_rules = user_add_to_rules(&mta->view, &user, &err);
    if (!user.in_rules)
        log_error("user %s gets no messages: %s", user.address, err.text);
    if (user_add(&mta->view.users, &user))
        return;
    user_remove_from_rules(&mta->view, &user);
    log_error("user %s gets no messages before the next reload: no memory", user.address);
}

static bool enter_next(struct mta *mta, struct adding *adding) {
    if (adding->at == adding->seen.count)
        return false;
    const struct local_user *user = &adding->seen.all[adding->at++];
    if (!users_with_key(&mta->view.users, buf_span(&user->key)))
        enter(mta, user);
    return true;
}

/* ---- the pieces ---- */

static void begin(const struct mta *mta, struct adding *adding) {
    users_free(&adding->seen);
    adding->seen = (struct users){0};
    directory_free(adding->names);
    adding->names = NULL;
    json_array_clear(adding->wrong);
    adding->loads = mta->view.users.loads;
    adding->rereads = mta->view.users.rereads;
    adding->step = CHECKING;
    adding->at = 0;
}

/* Of what was found while they were looked at nothing counts any more when the users are others now: all
 * begins again. Those that are on disk were read from there with the others. */
static void follow(const struct mta *mta, struct adding *adding) {
    const struct users *users = &mta->view.users;
    bool anew = adding->loads != users->loads;
    if (adding->step == ENTERING && anew)
        adding->at = adding->seen.count;
    else if (adding->step == CHECKING && (anew || adding->rereads != users->rereads))
        begin(mta, adding);
}

/* All were looked at, or all have entered. */
static void next_step(struct mta *mta, struct adding *adding) {
    bool stands = json_array_size(adding->wrong) == 0;
    if (adding->failed)
        end(mta, client_error("unavailable", "no memory"));
    else if (adding->step == CHECKING && stands && !adding->count && adding->seen.count)
        commit(mta, adding);
    else
        end(mta, answer_of(adding, stands ? adding->seen.count : 0));
}

void users_on_adding(int fd, short what, void *arg) {
    struct mta *mta = arg;
    struct adding *adding = mta->adding;
    int64_t until = clock_monotonic_us() + TURN_US;
    (void)fd, (void)what;
    if (!adding || adding->step == COMMITTING)
        return;
    follow(mta, adding);
    bool more;
    do
        more = adding->step == CHECKING ? look_at_next(mta, adding) : enter_next(mta, adding);
    while (more && clock_monotonic_us() < until);
    if (!more)
        next_step(mta, adding);
    arm(mta);
}

/* The first is answered when its commit ends, or is given up. */
static void stop_others(struct mta *mta) {
    while (mta->adding->next) {
        struct adding *adding = mta->adding->next;
        client_answer(mta, adding->process, adding->ref, client_error("unavailable", STOPPING));
        mta->adding->next = adding->next;
        adding_free(adding);
    }
}

void users_many_stop(struct mta *mta) {
    if (mta->adding)
        stop_others(mta);
    while (mta->adding && mta->adding->step != COMMITTING)
        end(mta, mta->adding->step == ENTERING ? answer_of(mta->adding, mta->adding->seen.count)
                                               : client_error("unavailable", STOPPING));
}

/* ---- others ---- */

json_t *users_many_hinder(const struct mta *mta, const char *address, const char *directory_name) {
    const struct adding *adding = mta->adding;
    struct error err = {0};
    if (!adding || adding->count)
        return NULL;
    const struct local_user *user = users_find(&adding->seen, span_str(address));
    bool entered = adding->step == ENTERING && user && (size_t)(user - adding->seen.all) < adding->at;
    if (user && !entered)
        return client_error("wrong-state", "%s is being added with others: try again in a moment",
                            user->address);
    if (!directory_name || !adding->names)
        return NULL;
    size_t names = directory_count(adding->names);
    if (!directory_add(adding->names, directory_name, address, &err))
        return client_error("wrong-state", "%s, who is being added with others", err.text);
    if (directory_count(adding->names) > names)
        directory_remove(adding->names, directory_name);
    return NULL;
}

/* ---- the request ---- */

static bool members_are_right(const json_t *request) {
    const json_t *count = json_object_get(request, "count"), *more = json_object_get(request, "more");
    return json_is_array(json_object_get(request, "users")) && (!count || json_is_boolean(count)) &&
           (!more || json_is_boolean(more)) && !json_object_get(request, "address") &&
           !json_object_get(request, "uid") && !json_object_get(request, "directory-name") &&
           !json_object_get(request, "password-hash") && !json_object_get(request, "delivery");
}

/* Behind those that are worked on already. False without memory. */
static bool begin_adding(struct client *client, bool count) {
    struct mta *mta = client->mta;
    struct adding *adding = mem_alloc(sizeof *adding), **at = &mta->adding;
    if (!adding)
        return false;
    *adding = (struct adding){.process = client->process->number,
                              .ref = client->request,
                              .users = json_incref(client->users),
                              .wrong = json_array(),
                              .count = count};
    begin(mta, adding);
    while (*at)
        at = &(*at)->next;
    *at = adding;
    arm(mta);
    return true;
}

json_t *users_add_many(struct client *client, json_t *request) {
    json_t *users = json_object_get(request, "users"), *answer = NULL;
    size_t count = json_array_size(client->users) + json_array_size(users);
    if (!members_are_right(request))
        answer = client_error("bad-request", "users is an array, more and count are true or false, and the "
                                             "rest stands with each user");
    else if (count > USERS_MOST)
        answer = client_error("too-large", "at most %d users are added in one go: add the rest in another",
                              USERS_MOST);
    else if ((!client->users && !(client->users = json_array())) ||
             json_array_extend(client->users, users) != 0)
        answer = client_error("unavailable", "no memory");
    else if (json_is_true(json_object_get(request, "more")))
        return json_pack("{s:i, s:I}", "changed", 0, "gathered", (json_int_t)count);
    else if (!begin_adding(client, json_is_true(json_object_get(request, "count"))))
        answer = client_error("unavailable", "no memory");
    users_leave(client);
    return answer;
}
