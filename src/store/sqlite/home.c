/* Stores of the SQLite engine: `place` is a folder. */
#include "store/sqlite/home.h"
#include "store/sqlite/sqlite_private.h"

static bool owns(const char *place) {
    (void)place; /* whatever is no URI of another one's */
    return true;
}

static struct store *open_store(const char *place, const struct store_options *options, struct error *err) {
    if (options->node > 1) {
        error_set(err, STORE_BAD_REQUEST, "%s: a store in a folder has one node", place);
        return NULL;
    }
    struct sqlite *store = sqlite_open(place, options, err);
    return store ? &store->head : NULL;
}

const struct store_home sqlite_home = {
    .name = "SQLite",
    .owns = owns,
    .open = open_store,
    .is_there = sqlite_is_there,
    .examine = sqlite_examine,
    .backup = sqlite_backup,
    .restore = sqlite_restore,
    .check = sqlite_check,
    .repair = sqlite_repair,
    .remove = sqlite_remove,
    .hand_over = sqlite_hand_over,
};
