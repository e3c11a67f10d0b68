/* `mhs store move`, a subcommand of cmd_store. */
#ifndef MHS_MOVE_H
#define MHS_MOVE_H

#include "mhs/command.h"

int move_command(int argc, char **argv);

#endif
