#ifndef STORE_POSTGRES_HOME_H
#define STORE_POSTGRES_HOME_H

#include "store/engine.h"

extern const struct store_home postgres_home;

#endif
