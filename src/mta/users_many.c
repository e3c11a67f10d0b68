/*
 * Many users in one commit. Each takes some µs to be read and to be told to the
 * rules, so that a file of them is worked on in pieces, and everybody else has his
 * turn in between: first all are looked at, and nothing changes; then they enter
 * the rules; at last their records are added to a batch at once.
 */
#include "mta/users_many.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "mta/client.h"
#include "mta/clients.h"
#include "mta/requests.h"
#include "mta/user_change.h"

/* Users that are added by one request and those before it (`more`), and faults of theirs that are told. */
#define USERS_MOST 20000
#define WRONG_MOST 100

/* µs for which a turn begins with more. */
#define TURN_US 5000

enum step {
    CHECKING, /* nothing is changed */
    ENTERING, /* those up to `at` are in the rules */
    LEAVING,  /* and go again */
};

/* A request that is worked on; the first of the list is. */
struct adding {
    struct adding *next;
    uint32_t process; /* of clients, and the request's ref there */
    uint64_t ref;
    uint64_t loads; /* users were loaded anew since: all begins again */
    json_t *users, *wrong;
    json_t *error; /* why they leave */
    bool count;    /* only asked for */
    enum step step;
    size_t at;
    struct users seen; /* those that were looked at, in their order */
};

void users_leave(struct client *client) {
    json_decref(client->users);
    client->users = NULL;
}

static void arm(struct mta *mta) {
    static const struct timeval soon = {.tv_usec = 1000}; /* so that frames come in between */
    if (mta->adding)
        event_add(mta->add_users, &soon);
}

static void adding_free(struct adding *adding) {
    users_free(&adding->seen);
    json_decref(adding->users);
    json_decref(adding->wrong);
    json_decref(adding->error);
    mem_free(adding);
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

static json_t *check_user(struct mta *mta, struct adding *adding, const json_t *request) {
    static const char *const members[] = {"address", "uid", "directory-name"};
    struct local_user user;
    size_t known = 0;
    for (size_t i = 0; i < sizeof members / sizeof *members; i++)
        known += json_object_get(request, members[i]) != NULL;
    if (known != json_object_size(request))
        return client_error("bad-request", "a user has no members but address, uid and directory-name");
    json_t *error = user_read_new(mta, request, &user);
    const struct local_user *first = error ? NULL : users_find(&adding->seen, span_str(user.address));
    if (first)
        return stands_twice(adding, first);
    if (!error)
        error = try_rules(mta, &user);
    if (error)
        return error;
    user.changing = true; /* until he is in the batch */
    return user_add(&adding->seen, &user) ? NULL : client_error("unavailable", "no memory");
}

static void note_wrong(struct adding *adding, json_t *answer, size_t number) {
    json_t *error = json_object_get(answer, "error");
    json_object_set_new(error, "user", json_integer((json_int_t)number));
    json_array_append(adding->wrong, error);
    json_decref(answer);
}

/* False: all were looked at, or enough of them are wrong. */
static bool look_at_next(struct mta *mta, struct adding *adding) {
    if (adding->at == json_array_size(adding->users) || json_array_size(adding->wrong) >= WRONG_MOST)
        return false;
    json_t *error = check_user(mta, adding, json_array_get(adding->users, adding->at));
    if (error)
        note_wrong(adding, error, adding->at);
    adding->at++;
    return true;
}

/* ---- entering, and leaving again ---- */

static bool enter_next(struct mta *mta, struct adding *adding) {
    struct error err = {0};
    if (adding->at == adding->seen.count)
        return false;
    const struct local_user *user = &adding->seen.all[adding->at];
    if (users_with_key(&mta->view.users, buf_span(&user->key)))
        adding->error = client_error("exists", "%s is a user already", user->address);
    else if (!user_add_to_rules(&mta->view, user, &err))
        adding->error = client_error("bad-request", "%s", err.text);
    else if (!user_add(&mta->view.users, user)) {
        user_remove_from_rules(&mta->view, user);
        adding->error = client_error("unavailable", "no memory");
    }
    adding->at += !adding->error;
    return !adding->error;
}

/* The one that was added, or NULL: he went meanwhile. */
static struct local_user *entered(struct mta *mta, const struct local_user *seen) {
    const struct local_user *user = users_with_key(&mta->view.users, buf_span(&seen->key));
    return user && user->changing ? &mta->view.users.all[user - mta->view.users.all] : NULL;
}

static bool leave_last(struct mta *mta, struct adding *adding) {
    if (adding->at == 0)
        return false;
    const struct local_user *user = entered(mta, &adding->seen.all[--adding->at]);
    if (user) {
        user_remove_from_rules(&mta->view, user);
        user_drop(&mta->view.users, user);
    }
    return true;
}

/* ---- the commit ---- */

static bool put_all(struct mta *mta, const struct adding *adding) {
    for (size_t i = 0; i < adding->seen.count; i++) {
        const struct local_user *user = &adding->seen.all[i];
        if (!user_change_with_batch(mta, &user_added, user->address) || !user_put_record(mta, user))
            return false;
    }
    return adding->seen.count == 0 || users_next_version(mta);
}

static json_t *answer_of(const struct adding *adding, size_t changed) {
    return json_pack("{s:I, s:O}", "changed", (json_int_t)changed, "wrong", adding->wrong);
}

/* False: they leave again. */
static bool commit(struct mta *mta, struct adding *adding) {
    struct batch_mark mark = batch_mark(mta);
    batch_request(mta);
    if (!put_all(mta, adding)) {
        batch_undo(mta, mark);
        adding->error = client_error("unavailable", "no memory");
        return false;
    }
    for (size_t i = 0; i < adding->seen.count; i++) {
        struct local_user *user = entered(mta, &adding->seen.all[i]);
        if (user)
            user->changing = false;
    }
    client_answer_with_batch(mta, adding->process, adding->ref, answer_of(adding, adding->seen.count));
    return true;
}

/* ---- the pieces ---- */

static void begin(const struct mta *mta, struct adding *adding) {
    users_free(&adding->seen);
    adding->seen = (struct users){0};
    json_array_clear(adding->wrong);
    json_decref(adding->error);
    adding->error = NULL;
    adding->loads = mta->view.users.loads;
    adding->step = CHECKING;
    adding->at = 0;
}

/* The step is over. True: the request is. */
static bool next_step(struct mta *mta, struct adding *adding) {
    bool stands = json_array_size(adding->wrong) == 0;
    if (adding->step == CHECKING && (!stands || adding->count)) {
        client_answer(mta, adding->process, adding->ref, answer_of(adding, stands ? adding->seen.count : 0));
        return true;
    }
    if (adding->step == LEAVING) {
        client_answer(mta, adding->process, adding->ref, json_incref(adding->error));
        return true;
    }
    if (adding->step == ENTERING && !adding->error && commit(mta, adding))
        return true;
    adding->step = adding->step == CHECKING ? ENTERING : LEAVING;
    adding->at = adding->step == ENTERING ? 0 : adding->at;
    return false;
}

void users_on_adding(int fd, short what, void *arg) {
    static bool (*const steps[])(struct mta *, struct adding *) = {
        [CHECKING] = look_at_next, [ENTERING] = enter_next, [LEAVING] = leave_last};
    struct mta *mta = arg;
    struct adding *adding = mta->adding;
    int64_t end = clock_monotonic_us() + TURN_US;
    (void)fd, (void)what;
    if (adding->loads != mta->view.users.loads)
        begin(mta, adding);
    bool more;
    do
        more = steps[adding->step](mta, adding);
    while (more && clock_monotonic_us() < end);
    if (!more && next_step(mta, adding)) {
        mta->adding = adding->next;
        adding_free(adding);
    }
    arm(mta);
}

/* ---- the request ---- */

static bool members_are_right(const json_t *request) {
    const json_t *count = json_object_get(request, "count"), *more = json_object_get(request, "more");
    return json_is_array(json_object_get(request, "users")) && (!count || json_is_boolean(count)) &&
           (!more || json_is_boolean(more)) && !json_object_get(request, "address") &&
           !json_object_get(request, "uid") && !json_object_get(request, "directory-name");
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
        answer = client_error("too-large", "at most %d users are added in one go", USERS_MOST);
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
