/* `mhs store backup` and `mhs store restore`, subcommands of cmd_store. */
#ifndef MHS_BACKUP_H
#define MHS_BACKUP_H

int backup_command(int argc, char **argv);
int restore_command(int argc, char **argv);

#endif
