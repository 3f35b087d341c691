/* What the bootloader tells the firmware that it starts, in memory that neither initializes. */
#ifndef HANDOVER_H
#define HANDOVER_H

#include <stdint.h>

#define HANDOVER_MAGIC 0x45434742u

struct handover {
  uint32_t magic;
  uint32_t running; /* slot */
};

extern struct handover handover;

#endif
