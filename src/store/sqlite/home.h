#ifndef STORE_SQLITE_HOME_H
#define STORE_SQLITE_HOME_H

#include "store/engine.h"

extern const struct store_home sqlite_home;

#endif
