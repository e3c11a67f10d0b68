/* A password that a command gives, so that it stands in no argument list and no history. */
#ifndef MHS_PASSWORD_H
#define MHS_PASSWORD_H

#include "mhs/command.h"
#include "security/password.h"

/* Runs the command and hashes the first line that it prints. False: that did not go well, and was said. */
bool password_hash_of(const struct command_usage *usage, const char *command,
                      char hash[static PASSWORD_HASH_SIZE]);

#endif
