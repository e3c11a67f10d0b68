/* The table of the way over the local socket. */
#include "access/local.h"

#include <stdlib.h>

#include "base/alloc.h"

static enum mhs_code local_open(struct mhs_session *session, const char *path) {
    struct local *local = session->link = mem_alloc(sizeof *local);
    if (local)
        local->path = mem_strdup(path);
    return local && local->path ? MHS_OK : access_fail(session, MHS_NO_MEMORY, "no memory for the session");
}

static void local_close(struct mhs_session *session) {
    struct local *local = session->link;
    if (!local)
        return;
    local_disconnect(session);
    local_forget_submission(local);
    mem_free(local->path);
    mem_free(local);
}

static enum mhs_code local_operate(struct mhs_session *session, const char *request, char **answer) {
    json_t *whole;
    enum mhs_code code = local_ask(session, request, &whole);
    if (code == MHS_OK && !(*answer = json_dumps(whole, JSON_COMPACT)))
        code = access_fail(session, MHS_NO_MEMORY, "no memory for the answer");
    json_decref(whole);
    return code;
}

const struct access_backend access_local = {.scheme = "unix",
                                            .open = local_open,
                                            .close = local_close,
                                            .submit_begin = local_submit_begin,
                                            .submit_content = local_submit_content,
                                            .submit_end = local_submit_end,
                                            .submit_cancel = local_submit_cancel,
                                            .mailboxes = local_mailboxes,
                                            .list = local_list,
                                            .show = local_show,
                                            .fetch = local_fetch,
                                            .mark = local_mark,
                                            .remove = local_remove,
                                            .operate = local_operate};
