/*
 * What the daemon tells the service manager that started it (systemd's
 * notification protocol, sd_notify(3)): a datagram to the socket that
 * NOTIFY_SOCKET names. Without one, nothing is said and nothing fails.
 */
#ifndef MHSD_SUPERVISOR_H
#define MHSD_SUPERVISOR_H

/* `state` is the protocol's text, such as "READY=1"; lines are parted by newlines. */
void supervisor_tell(const char *state);

/* That the daemon stops, and may take so many seconds for it: a service manager kills who takes longer than
 * it knows of. */
void supervisor_tell_stopping(unsigned seconds);

#endif
