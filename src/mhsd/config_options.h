/* The options of the configuration file, as libConfuse wants them. */
#ifndef MHSD_CONFIG_OPTIONS_H
#define MHSD_CONFIG_OPTIONS_H

#include <confuse.h>

/* Put behind the text when it is read; see config.c. */
#define CONFIG_END "__end"

extern cfg_opt_t config_options[];

#endif
