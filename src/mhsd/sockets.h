/* The sockets that the parent opens, while it still may: P1 listeners and the local socket. */
#ifndef MHSD_SOCKETS_H
#define MHSD_SOCKETS_H

#include "mhsd/config.h"

struct socket_place;

struct sockets {
    int *listeners;              /* one a protocol_listener, listening */
    struct socket_place *places; /* where each listens */
    size_t listener_count;
    int local;        /* the local socket, listening */
    int former_local; /* the one before it, shut: who called there and was not served yet; -1: none */
};

/* The folder that `path` is in; "." for a name without one. */
void sockets_folder_of(const char *path, char *folder, size_t size);

/* The folder of the local socket `path` is made if need be, as the store's is; those above it are not. */
bool sockets_make_folder(const char *path, struct error *err);

/* Whether the local socket could be served at `path`: its folder is there, or can be made, and no file has
 * its name. Changes nothing; the error's code is an errno. */
bool sockets_may_serve(const char *path, struct error *err);

/* Whether this user could listen there: the host resolves, the address is one of this machine, the port may
 * be his. That a port is in use is no matter: the daemon may be running. */
bool sockets_may_listen(const struct protocol_endpoint *endpoint, struct error *err);

/* Opens all. False with an error that names the address and the cause; what is open stays in `sockets` for
 * sockets_close. */
bool sockets_open(struct sockets *sockets, const struct config *config, struct error *err);

/*
 * The processes share these sockets with the parent, and one that was taken over may leave them so that
 * nobody is served by whoever follows it: shut, with a filter, with options that the next would inherit.
 * Where they are found so, an error is logged that says what became of it, or what the operator must do.
 */

/* No process has the listeners any more: new ones take their place, wherever they may be opened; they mostly
 * may, while the others still listen, so that no call finds nobody who listens; one that waits in an old
 * one's queue is reset when that is closed. Else they stay, and are mended. False: one does not listen. */
bool sockets_renew_listeners(struct sockets *sockets);

/* The same for the local socket at `path`. Whoever has called the one before and was not served yet is there
 * to be taken (`former_local`): accept(2) never waits there. */
bool sockets_renew_local(struct sockets *sockets, const char *path);

/* The next process has what was left, or nobody will. */
void sockets_drop_former_local(struct sockets *sockets);

/* Other processes have the listeners too: they stay where nothing shows, and are mended or opened anew where
 * something does. `*anew`: at least one was, and is closed for those processes. False: one does not listen.
 */
bool sockets_mend_listeners(struct sockets *sockets, bool *anew);

void sockets_close(struct sockets *sockets, const struct config *config);

#endif
