/* The sockets that the parent opens, while it still may: P1 listeners and the local socket. */
#ifndef MHSD_SOCKETS_H
#define MHSD_SOCKETS_H

#include "mhsd/config.h"

struct sockets {
    int *listeners; /* one a protocol_listener, listening */
    size_t listener_count;
    int local; /* the local socket, listening */
};

/* The folder that `path` is in; "." for a name without one. */
void sockets_folder_of(const char *path, char *folder, size_t size);

/* The folder of the local socket `path` is made if need be, as the store's is; those above it are not. */
bool sockets_make_folder(const char *path, struct error *err);

/* Whether the local socket could be served at `path`: its folder is there, or can be made, and no file has
 * its name. Changes nothing; the error's code is an errno. */
bool sockets_may_serve(const char *path, struct error *err);

/* Opens all. False with an error that names the address and the cause; what is open stays in `sockets` for
 * sockets_close. */
bool sockets_open(struct sockets *sockets, const struct config *config, struct error *err);

void sockets_close(struct sockets *sockets, const struct config *config);

#endif
