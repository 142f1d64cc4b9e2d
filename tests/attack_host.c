#include "attack.h"
const struct attack attack_host[] = {{0}};
const u32 nr_attack_host = 0;
