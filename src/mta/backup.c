/*
 * A backup while serving: who makes one (`mhs store backup`) reads the store's files for itself. Here the
 * store is told to keep what they name, from the answer to backup-begin to backup-end or to the end of the
 * client.
 */
#include "store/backup.h"
#include "mta/client.h"
#include "mta/mta_private.h"
#include "mta/requests.h"

json_t *request_backup_begin(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    (void)request;
    if (mta->backup)
        return client_error(
            "wrong-state",
            "a backup is under way already: wait for the end of that 'mhs store backup', or end it");
    mta->backup = client;
    store_keep(mta->view.store);
    return json_pack("{s:s}", "store", mta->view.config->store);
}

json_t *request_backup_end(struct client *client, json_t *request) {
    struct mta *mta = client->mta;
    (void)request;
    if (mta->backup != client)
        return client_error(
            "wrong-state",
            "no backup of yours is under way: it ends with the connection that began it; begin anew");
    mta->backup = NULL;
    return store_keep_end(mta->view.store)
               ? json_pack("{s:b}", "whole", 1)
               : client_error("unavailable",
                              "the disk ran full meanwhile, and the store took its space back: "
                              "the copy is not whole; make room, and begin anew");
}

void backup_leave(const struct client *client) {
    struct mta *mta = client->mta;
    if (mta->backup != client)
        return;
    mta->backup = NULL;
    store_keep_end(mta->view.store);
}
