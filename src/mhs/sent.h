/* `mhs status MESSAGE`, of which `mhs status` makes use. */
#ifndef MHS_SENT_H
#define MHS_SENT_H

/* Shows what became of a message: by its MTS-identifier, or the entry of a report or receipt on it in the
 * mailbox of `user` (NULL: one's own). Returns the exit code. */
int sent_status(const char *user, const char *operand);

#endif
