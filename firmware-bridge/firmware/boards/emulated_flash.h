/*
 * Two slots of flash in a file of the computer, as strict as the real thing: writes only to erased bytes, whole units, one unit
 * at a time, so that a program that is killed leaves what a power cut leaves.
 */
#ifndef EMULATED_FLASH_H
#define EMULATED_FLASH_H

#include "smp_flash_port.h"

enum { EMULATED_SLOT_SIZE = 128 * 1024, EMULATED_SECTOR_SIZE = 4096, EMULATED_FLASH_SIZE = 2 * EMULATED_SLOT_SIZE };

/* The file, which holds slot 0 and behind it slot 1. */
struct emulated_flash {
  bool (*read)(uint32_t at, uint8_t *bytes, size_t length);
  bool (*write)(uint32_t at, const uint8_t *bytes, size_t length);
  void (*reset)(void);
  uint8_t running;
};

struct smp_flash_port emulated_flash_port(struct emulated_flash *flash);

#endif
