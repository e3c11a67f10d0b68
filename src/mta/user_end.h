/* The ends of users' associations: what hangs on them, a submission, a delivery, what waits, ends with them.
 */
#ifndef MTA_USER_END_H
#define MTA_USER_END_H

struct mta;
struct net_process;
struct user_association;

/* It is gone, with what comes in and what waits. Frees it. */
void user_association_gone(struct user_association *association);
/* The net process has gone, with all of them. */
void user_associations_drop(struct net_process *net);
/* Ends those whose user is none any more, or can't bind any more; all of them when the MTA stops. */
void user_associations_look(struct mta *mta);

#endif
