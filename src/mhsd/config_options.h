/* The options of the configuration file, as libConfuse wants them. */
#ifndef MHSD_CONFIG_OPTIONS_H
#define MHSD_CONFIG_OPTIONS_H

#include <confuse.h>

extern cfg_opt_t config_options[];

#endif
