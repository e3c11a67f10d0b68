#include "mta/user_register.h"

#include "base/alloc.h"
#include "base/log.h"
#include "mta/hashing.h"
#include "mta/mta_private.h"
#include "mta/telling.h"
#include "mta/user_agent.h"
#include "mta/user_answer.h"
#include "mta/user_association.h"
#include "mta/user_change.h"
#include "mta/user_registered.h"
#include "mta/user_registration.h"
#include "mta/users.h"
#include "mts/controls.h"
#include "names/oraddress.h"
#include "schema/x419.h"
#include "security/password.h"

static const struct ber_limits as_it_came = {.relax_bounds = true};

static struct local_user *user_of(const struct user_association *association) {
    struct local_user *user = user_at(association->net->mta, user_association_address(association));
    return user && !user->leaving ? user : NULL;
}

/* Before anything is changed in memory: he is as the store has him again when the batch is not written (I6),
 * also behind batch_undo, which may have another in the user's place. */
static bool note_change(struct mta *mta, struct local_user *user) {
    if (!user_change_with_batch(mta, &user_changed, user->address))
        return false;
    user->open++;
    return true;
}

/* ---- register ---- */

struct registering {
    struct user_association *association;
    struct arena arena;
    struct x411p3_RegisterArgument given, all;
};

/* The forms of 1988 say the same of all classes (X.411 annex D). */
static bool class_of_1988(struct registering *r, const struct x411p3_Register88 *old) {
    struct x411p3_EncodedInformationTypesConstraints *types = arena_alloc(&r->arena, sizeof *types);
    struct x411p3_MessageClass *class = arena_alloc(&r->arena, sizeof *class);
    if (!old->deliverable_encoded_information_types && !old->has_deliverable_maximum_content_length &&
        !old->deliverable_content_types.items)
        return true;
    if (!types || !class)
        return false;
    *class = (struct x411p3_MessageClass){.content_types = old->deliverable_content_types,
                                          .has_maximum_content_length =
                                              old->has_deliverable_maximum_content_length,
                                          .maximum_content_length = old->deliverable_maximum_content_length,
                                          .objects = x411p3_MessageClass_objects_both};
    if (old->deliverable_encoded_information_types) {
        *types = (struct x411p3_EncodedInformationTypesConstraints){0};
        class->encoded_information_types_constraints = types;
        if (!mts_types_only(old->deliverable_encoded_information_types, &r->arena, types))
            return false;
    }
    r->given.deliverable_class.items = class;
    r->given.deliverable_class.count = 1;
    return true;
}

/* One without an alternate recipient is one to nobody, and takes the place of what there was. */
static bool redirections_of_1988(struct registering *r, const struct x411p3_Register88 *old) {
    size_t count = old->labels_and_redirections.count;
    struct x411p3_RecipientRedirection *items = arena_array(&r->arena, count + 1, sizeof *items);
    struct x411p3_MessageClass *classes = arena_array(&r->arena, count + 1, sizeof *classes);
    if (!items || !classes)
        return false;
    for (size_t i = 0; i < count; i++) {
        const struct x411p3_LabelAndRedirection *one = &old->labels_and_redirections.items[i];
        struct x411p3_RecipientRedirection *to = &items[r->given.redirections.count++];
        *to = (struct x411p3_RecipientRedirection){.recipient_assigned_alternate_recipient =
                                                       one->recipient_assigned_alternate_recipient};
        if (!one->user_security_label)
            continue;
        classes[i] = (struct x411p3_MessageClass){.security_labels = {one->user_security_label, 1},
                                                  .objects = x411p3_MessageClass_objects_both};
        to->redirection_classes.items = &classes[i];
        to->redirection_classes.count = 1;
    }
    if (r->given.redirections.count)
        r->given.redirections.items = items;
    return true;
}

static bool read_1988(struct registering *r, struct span argument) {
    struct x411p3_Register88 old = {0};
    if (!ber_decode(&x411p3_Register88_type, argument, &r->arena, &as_it_came, &old, NULL))
        return false;
    r->given.user_name = old.user_name;
    r->given.user_address = old.user_address;
    if (old.default_delivery_controls) {
        r->given.default_delivery_controls = arena_alloc(&r->arena, sizeof(struct x411p3_Controls));
        if (!r->given.default_delivery_controls ||
            !mts_controls_of_1988(old.default_delivery_controls, &r->arena,
                                  r->given.default_delivery_controls))
            return false;
    }
    return class_of_1988(r, &old) && redirections_of_1988(r, &old);
}

static bool read_argument(struct registering *r, struct span argument, bool edition_1988) {
    return edition_1988
               ? read_1988(r, argument)
               : ber_decode(&x411p3_RegisterArgument_type, argument, &r->arena, &as_it_came, &r->given, NULL);
}

/* A name that is another one would be another user's, for an administrator to give. */
static bool is_his_name(const struct registering *r, const struct local_user *user, struct arena *arena) {
    if (!r->given.user_name)
        return true;
    struct span text = oraddress_name_text(r->given.user_name, arena);
    struct span key = text.data ? oraddress_key_of(text, arena, NULL) : text;
    return key.data && span_eq(key, buf_span(&user->key));
}

/* What the argument has takes the place of what was registered before, the rest stays. */
static bool merge(struct registering *r, const struct local_user *user) {
    struct span before = arena_dup(&r->arena, buf_span(&user->registered));
    const struct x411p3_RegisterArgument *given = &r->given;
    struct x411p3_RegisterArgument *all = &r->all;
    if (user->registered.len && (!before.data || !ber_decode(&x411p3_RegisterArgument_type, before, &r->arena,
                                                             &as_it_came, all, NULL)))
        return false;
    if (given->user_address)
        all->user_address = given->user_address;
    if (given->deliverable_class.items)
        all->deliverable_class = given->deliverable_class;
    if (given->default_delivery_controls)
        all->default_delivery_controls = given->default_delivery_controls;
    if (given->redirections.items)
        all->redirections = given->redirections;
    if (given->restricted_delivery.items)
        all->restricted_delivery = given->restricted_delivery;
    all->raw = (struct span){NULL, 0};
    return true;
}

enum { NAME_BIT, ADDRESS_BIT, CLASS_BIT, CONTROLS_BIT, REDIRECTIONS_BIT, RESTRICTED_BIT };

/* Of what is registered now, what retrieve-registrations asks for. */
static bool make_result(struct registering *r, struct buf *out) {
    const struct x411p3_RegistrationTypes *asked = r->given.retrieve_registrations;
    struct x411p3_RegisterArgument shown = r->all;
    struct x411p3_RegisterResult result = {.choice = x411p3_RegisterResult_empty_result};
    if (asked) {
        const struct ber_bits *bits = &asked->standard_parameters;
        shown.user_name = NULL;
        if (!ber_bit(bits, ADDRESS_BIT))
            shown.user_address = NULL;
        if (!ber_bit(bits, CLASS_BIT))
            shown.deliverable_class.items = NULL, shown.deliverable_class.count = 0;
        if (!ber_bit(bits, CONTROLS_BIT))
            shown.default_delivery_controls = NULL;
        if (!ber_bit(bits, REDIRECTIONS_BIT))
            shown.redirections.items = NULL, shown.redirections.count = 0;
        if (!ber_bit(bits, RESTRICTED_BIT))
            shown.restricted_delivery.items = NULL, shown.restricted_delivery.count = 0;
        result.choice = x411p3_RegisterResult_non_empty_result;
        result.u.non_empty_result.registered_information = &shown;
    }
    return ber_encode(&x411p3_RegisterResult_type, &result, out, NULL);
}

/* What holds up what waits for him may be others now. */
static void follow(const struct user_association *association) {
    if (association->agent)
        user_agent_unbar(association->net->mta, association->agent);
}

/* What only asks, or says what holds already, is not written, nor looked at anew by anybody. */
static bool changes_something(const struct registering *r, const struct local_user *user,
                              struct span octets) {
    const struct x411p3_RegisterArgument *given = &r->given;
    bool gives = given->user_address || given->deliverable_class.items || given->default_delivery_controls ||
                 given->redirections.items || given->restricted_delivery.items;
    return user->open || (gives && !span_eq(octets, buf_span(&user->registered)));
}

static void keep(struct registering *r, struct local_user *user, uint32_t invocation) {
    struct user_association *association = r->association;
    struct mta *mta = association->net->mta;
    struct span address = user_association_address(association);
    struct error err = {0};
    struct batch_mark mark = batch_mark(mta);
    char names[REGISTERED_NAMES];
    struct buf octets;
    buf_init(&octets, 0);
    buf_clear(&mta->prefix);
    bool fits = ber_encode(&x411p3_RegisterArgument_type, &r->all, &octets, NULL) &&
                octets.len <= REGISTERED_MOST && make_result(r, &mta->prefix);
    if (fits && !changes_something(r, user, buf_span(&octets))) {
        user_answer(association, invocation, IPC_USER_RESULT, x419_op_register, buf_span(&mta->prefix));
    } else if (!fits || batch_is_full(mta) || !note_change(mta, user)) {
        batch_undo(mta, mark);
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    } else if (!registration_set(&mta->view, user, buf_span(&octets), &err)) {
        batch_undo(mta, mark);
        log_debug("user=%.*s register rejected: %s", (int)address.len, (const char *)address.data, err.text);
        user_error(association, invocation, USER_REGISTER_REJECTED);
    } else if (!registration_put(mta, user) || !users_next_version(mta) ||
               !telling_of_user(mta, user->address, "user %.300s registers %s", user->address,
                                registered_names(&r->given, names)) ||
               !user_result_after_commit(association, invocation, x419_op_register, buf_span(&mta->prefix))) {
        batch_undo(mta, mark);
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    } else {
        follow(association);
    }
    buf_free(&octets);
}

static void register_all(struct registering *r, uint32_t invocation, struct span argument,
                         bool edition_1988) {
    struct user_association *association = r->association;
    struct local_user *user = user_of(association);
    if (!read_argument(r, argument, edition_1988))
        user_reject(association, invocation,
                    r->arena.cap_hit ? USER_RESOURCE_LIMITATION : USER_MISTYPED_ARGUMENT);
    else if (!user || !is_his_name(r, user, &r->arena))
        user_error(association, invocation, USER_REGISTER_REJECTED);
    else if (!merge(r, user))
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    else
        keep(r, user, invocation);
}

void user_register(struct user_association *association, uint32_t invocation, struct span argument,
                   bool edition_1988) {
    struct registering r = {.association = association};
    arena_init(&r.arena, 4 * 1024 * 1024);
    register_all(&r, invocation, argument, edition_1988);
    arena_free(&r.arena);
}

/* ---- change-credentials ---- */

static bool is_simple(const struct x411_Credentials *credentials, struct span *password) {
    const struct x411_Password *simple = &credentials->u.simple;
    if (credentials->choice != x411_Credentials_simple)
        return false;
    *password = simple->choice == x411_Password_ia5_string ? simple->u.ia5_string : simple->u.octet_string;
    return true;
}

static void take_password(struct user_association *association, struct local_user *user, uint32_t invocation,
                          const char *made) {
    struct mta *mta = association->net->mta;
    struct batch_mark mark = batch_mark(mta);
    bool done =
        made && !batch_is_full(mta) && note_change(mta, user) && registration_password(user, made) &&
        registration_put(mta, user) && users_next_version(mta) &&
        user_result_after_commit(association, invocation, x419_op_change_credentials, SPAN_LIT("\5\0"));
    if (done) {
        user_association_proved(association, made);
        return;
    }
    batch_undo(mta, mark);
    user_reject(association, invocation, USER_RESOURCE_LIMITATION);
}

/* The association, or the user, may have gone meanwhile; and an operator may have given another password, who
 * has the last word. */
static void compared(struct mta *mta, uint64_t number, const char *hash, bool matches, const char *made) {
    struct user_association *association = user_association_numbered(mta, number);
    uint32_t invocation = association ? association->changing : 0;
    if (!invocation)
        return;
    association->changing = 0;
    if (association->state != USER_UP)
        return;
    struct local_user *user = user_of(association);
    batch_request(mta);
    if (!matches || !user || !user->password || strcmp(hash, user->password) != 0)
        user_error(association, invocation, USER_OLD_CREDENTIALS_INCORRECTLY_SPECIFIED);
    else
        take_password(association, user, invocation, made);
}

/* What waits goes with its association. */
static bool may_change(struct mta *mta, uint64_t number) {
    return user_association_numbered(mta, number) != NULL;
}

static void gave_way(struct mta *mta, uint64_t number) {
    struct user_association *association = user_association_numbered(mta, number);
    if (association && association->changing)
        user_reject(association, association->changing, USER_RESOURCE_LIMITATION);
    if (association)
        association->changing = 0;
}

static const struct hashing_calls change_calls = {
    .may = may_change, .changed = compared, .gave_way = gave_way};

static void change_password(struct user_association *association, uint32_t invocation,
                            const struct x411p3_ChangeCredentialsArgument *given) {
    struct mta *mta = association->net->mta;
    const struct local_user *user = user_of(association);
    struct span old, fresh;
    if (!is_simple(&given->new_credentials, &fresh) || !fresh.len || fresh.len > PASSWORD_MOST) {
        user_error(association, invocation, USER_NEW_CREDENTIALS_UNACCEPTABLE);
        return;
    }
    if (!user || !is_simple(&given->old_credentials, &old)) {
        user_error(association, invocation, USER_OLD_CREDENTIALS_INCORRECTLY_SPECIFIED);
        return;
    }
    association->changing = invocation;
    struct hashing_question question = {.hash = user->password,
                                        .password = old,
                                        .fresh = fresh,
                                        .number = association->number,
                                        .names = association->names};
    if (hashing_compare(mta->hashing, &question, &change_calls))
        return;
    association->changing = 0;
    user_reject(association, invocation, USER_RESOURCE_LIMITATION);
}

void user_change_credentials(struct user_association *association, uint32_t invocation,
                             struct span argument) {
    struct x411p3_ChangeCredentialsArgument given = {0};
    struct arena arena;
    arena_init_secret(&arena, 64 * 1024);
    if (association->changing)
        user_reject(association, invocation, USER_RESOURCE_LIMITATION);
    else if (!ber_decode(&x411p3_ChangeCredentialsArgument_type, argument, &arena, &as_it_came, &given, NULL))
        user_reject(association, invocation, USER_MISTYPED_ARGUMENT);
    else
        change_password(association, invocation, &given);
    arena_free(&arena);
    mem_wipe_stack();
}
