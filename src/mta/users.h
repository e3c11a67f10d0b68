/* Local users: those of the configuration, and those that operators added, which the store keeps as records.
 * Who may act for them. */
#ifndef MTA_USERS_H
#define MTA_USERS_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/map.h"
#include "base/span.h"

struct client;
struct view;

struct local_user {
    char *address;         /* as the rules print it; names the mailbox */
    char *directory_name;  /* RFC 4514, or NULL */
    char *password;        /* its hash (security/password.h), or NULL: he can't bind */
    char *given;           /* the hash that an operator gave; he may have changed his password since */
    struct buf registered; /* BER of RegisterArgument (user_registration.h); empty: nothing */
    uint32_t uid;
    bool has_uid, configured;
    bool by_p3;       /* messages are delivered to his own program (user_agent.h), else into a mailbox */
    bool leaving;     /* he is being removed: copies for him wait till the store says so, or refuses */
    bool unsure;      /* the store may say something else of him: he is read anew when it can be */
    unsigned open;    /* changes of his record that batches have which are not on disk yet */
    bool in_rules;    /* of one that was added: the rules know it, for nobody else has its address */
    struct buf key;   /* of the address: equal for all its spellings */
    size_t same_hash; /* number of the next user whose key has the same hash, from 1; 0: none */
};

struct users {
    struct local_user *all;
    size_t count;
    struct map numbers; /* from 1, by the hash of the user's key */
    uint64_t version;   /* of those that were added by hand, as a reader has read them */
    uint64_t loads;     /* how often they were loaded */
    uint64_t rereads;   /* how often one was read anew since (user_reread) */
    bool some_by_p3;    /* messages may have to go to a user's own program */
    bool doubled;       /* some have more than one record, in several spellings */
    bool rereading;     /* those who are unsure are read anew in a moment */
    struct buf remarks; /* on users of the configuration who lost what they were given by hand, and on those
                           with two records, and on who is back: lines as in IPC_CONFIG_TAKEN, as many as have
                           room */
};

/* Those of the configuration and those added later, which also go into the rules' tables. False: the users
 * are those of before. */
bool users_load(struct view *view, struct error *err);
void users_free(struct users *users);
/* A warning for each remark. */
void users_log_remarks(const struct users *users);
/* For a reader: loads them anew when the store process has changed them. */
void users_follow(struct view *view);
bool client_is_operator(const struct client *client);
/* The user with this address (any spelling), or NULL. */
const struct local_user *user_find(const struct view *view, struct span address);
const struct local_user *users_find(const struct users *users, struct span address);
/* The same by the key of an address. */
const struct local_user *users_with_key(const struct users *users, struct span key);
/* True if the client may act for the user. */
bool client_owns(const struct client *client, const struct local_user *user);
/* The text of an address in the form that names mailboxes; in the arena, or NULL with an error. */
const char *user_address(struct arena *arena, struct span text, struct error *err);

/* ---- for those who add, change and remove them by hand ---- */

/* What the first octet of a user's record says. */
enum user_record_flag { USER_HAS_UID = 1, USER_HAS_PASSWORD = 2, USER_BY_P3 = 4 };

/* Most characters of a directory name, and one. */
#define DIRECTORY_NAME_MOST 1024

/* The rules and the directory know the user from now on, or no more. */
bool user_add_to_rules(struct view *view, const struct local_user *user, struct error *err);
void user_remove_from_rules(struct view *view, const struct local_user *user);
/* Adds a copy to the users. False without memory. */
bool user_add(struct users *users, const struct local_user *user);
/* Takes it out of the users, and frees it: another one is at its address then. */
void user_drop(struct users *users, const struct local_user *user);
/* He is again what his record in the store says, if he has one. False: it can't be read now, and he stays
 * what he is. */
bool user_reread(struct view *view, struct span address);

/* The record that tells readers that the users' records have changed: a number that rises. */
#define USERS_VERSION_RECORD SPAN_LIT("users-version")

#endif
