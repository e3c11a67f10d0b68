/* `cancel`: a local user takes a deferred message back (X.411 §8.2.1.3). */
#include <stdio.h>

#include "mta/cancel.h"
#include "mta/client.h"
#include "mta/mta_private.h"
#include "mta/requests.h"
#include "mta/users.h"
#include "mta/view.h"

static bool owns(const void *context, struct span originator) {
    const struct client *client = context;
    const struct local_user *user = user_find(client->view, originator);
    return user && client_owns(client, user);
}

json_t *request_cancel(struct client *client, json_t *request) {
    const char *identifier = json_string_value(json_object_get(request, "mts-identifier"));
    char note[64];
    struct error err = {0};
    if (!identifier)
        return client_error("bad-request", "mts-identifier is missing, or no text");
    snprintf(note, sizeof note, "uid %u: cancelled by its originator", (unsigned)client->uid);
    const struct cancel_asker asker = {owns, client, note};
    switch (cancel_deferred(client->mta, span_str(identifier), &asker, &err)) {
    case CANCEL_DONE:
        return json_pack("{s:i}", "changed", 1);
    case CANCEL_UNKNOWN:
        return client_error("not-found", "no message that you submitted has this identifier here");
    case CANCEL_REJECTED:
        return client_error("wrong-state", "it does not wait for its time of delivery (any more): only a "
                                           "message that was deferred, of which nothing has gone, can be "
                                           "cancelled");
    case CANCEL_NO_ROOM:
        break;
    }
    return client_error("unavailable", "%s", err.text);
}
