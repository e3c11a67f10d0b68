/* Files that commands write what they fetched into. */
#ifndef MHS_SAVE_FILE_H
#define MHS_SAVE_FILE_H

#include "content/ipm.h"
#include "mhs/command.h"

/*
 * Writes the octets of a part, or `content` where that is there, into a new file
 * (`force`: also over one that is there; `-`: standard output) and says so. Returns
 * the exit code; what is wrong was said.
 */
enum command_status save_file(const char *path, bool force, const struct ipm_part *part, struct span content);

#endif
