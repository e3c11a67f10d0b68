/*
 * What the children say to the parent. A frame that is not of its sender's kind, or that nothing called for
 * (its function says false), ends the sender; so does the end of a channel, if it does not end by itself.
 */
#ifndef MHSD_PARENT_FRAMES_H
#define MHSD_PARENT_FRAMES_H

#include "mhsd/parent_child.h"

/* The context of each channel is its child. */
extern const struct ipc_handler parent_handler;

#endif
