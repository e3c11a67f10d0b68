/*
 * libpq is loaded when a store in a server is named, not with the program: it brings Kerberos, LDAP, GnuTLS
 * and a dozen more, which no process needs beside a store on disk, and those that strangers speak to least of
 * all.
 */
#ifndef STORE_POSTGRES_LIBPQ_H
#define STORE_POSTGRES_LIBPQ_H

#include <stdbool.h>

#include "base/error.h"

/* Before anything else of libpq is called, and before the sandbox. It stays. False: it can't be had, with
 * what is to be installed. */
bool libpq_load(struct error *err);

#endif
