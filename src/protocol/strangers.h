/* Log lines about strangers: whoever has not bound may cause as many as he likes, so a network (IPv6: a /48)
 * gets a few of them a minute, and all of them together (base/log.h). */
#ifndef PROTOCOL_STRANGERS_H
#define PROTOCOL_STRANGERS_H

/* Writes the line `peer=? address=ADDRESS TEXT`, if one may be written. */
void strangers_warn(const char *address, const char *text);

#endif
