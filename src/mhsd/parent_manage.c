#include "mhsd/parent_manage.h"

#include <string.h>

#include "mhsd/examine.h"
#include "mhsd/manage.h"
#include "mhsd/parent_reload.h"

static void users_examined(void *context, struct span warnings) {
    struct parent *parent = context;
    parent->comparison.users = NULL;
    manage_add_warnings(parent->comparison.answer, warnings);
    parent_answer(parent, parent->comparison.asked, parent->comparison.answer);
    parent->comparison.answer = NULL;
    parent->comparison.asked = 0;
}

/* A reload's warnings on users come from the store process, which has their records; here a process looks at
 * them as `mhsd -t` does. A file that is refused needs none. */
static void compare_for(struct parent *parent, uint64_t ref, json_t *answer) {
    if (json_object_get(answer, "warnings"))
        parent->comparison.users =
            examine_begin(parent->loop, parent->program, parent->path, EXAMINE_USERS, users_examined, parent);
    if (!parent->comparison.users) {
        parent_answer(parent, ref, answer);
        return;
    }
    parent->comparison.asked = ref;
    parent->comparison.answer = answer;
}

static void manage(struct parent *parent, uint64_t ref, const json_t *request, const char *operation) {
    bool is_diff = operation && strcmp(operation, "config-diff") == 0;
    if (parent->stopping)
        parent_answer(parent, ref, manage_error("unavailable", "the daemon is stopping"));
    else if (is_diff && parent->comparison.asked)
        parent_answer(parent, ref, manage_error("unavailable", "a config diff is under way; ask again"));
    else if (is_diff)
        compare_for(parent, ref, manage_answer(parent->path, parent->config, request));
    else
        parent_answer(parent, ref, manage_answer(parent->path, parent->config, request));
}

bool parent_take_request(struct child *child, uint64_t ref, struct span payload) {
    struct parent *parent = child->parent;
    json_t *request = json_loadb((const char *)payload.data, payload.len, JSON_REJECT_DUPLICATES, NULL);
    const char *operation = json_string_value(json_object_get(request, "operation"));
    bool is_reload = operation && strcmp(operation, "reload") == 0 && json_object_size(request) == 1;
    if (!is_reload || parent->stopping)
        manage(parent, ref, request, operation);
    else if (!parent_reload_for(parent, ref))
        parent_answer(parent, ref, manage_error("unavailable", "a reload is under way; ask again"));
    json_decref(request);
    if (ipc_is_full(child->channel))
        ipc_pause(child->channel); /* who does not hear the answers asks nothing more */
    return true;
}

void parent_forget_asker(struct parent *parent) {
    parent_forget_reload(parent);
    json_decref(parent->comparison.answer);
    parent->comparison.answer = NULL;
    parent->comparison.asked = 0;
    examine_free(parent->comparison.users);
    parent->comparison.users = NULL;
}
