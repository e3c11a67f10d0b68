/* Requests that can't be, while the others are committed. */
#include "store/sqlite/commit_private.h"

bool commit_gives_verdict(struct commit *commit, const struct operation *operation, struct error *err) {
    if (!batch_fail(commit->batch, operation, err))
        return false;
    commit->again = true;
    *err = (struct error){0};
    return true;
}
