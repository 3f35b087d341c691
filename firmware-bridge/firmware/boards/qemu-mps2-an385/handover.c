#include "handover.h"

struct handover handover __attribute__((section(".handover")));
