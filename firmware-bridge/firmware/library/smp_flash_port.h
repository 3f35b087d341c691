/*
 * What updating firmware needs from a board: two slots in flash as MCUboot divides it, and six functions, each given
 * `context`. Offsets count from a slot's beginning; slots are 0 and 1. Nothing here is called from an interrupt.
 */
#ifndef SMP_FLASH_PORT_H
#define SMP_FLASH_PORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* MCUboot's alignment of the fields in a trailer (BOOT_MAX_ALIGN), and of every write here. */
#define SMP_WRITE_SIZE 8u

struct smp_flash_port {
  void *context;
  uint32_t sector_size; /* bytes erased at once; a multiple of SMP_WRITE_SIZE */
  /*
   * The bootloader runs the higher version, of equals slot 0's (direct XIP, RAM load), instead of exchanging slots: any
   * other never runs.
   */
  bool newest_runs;

  uint8_t (*running)(void *context); /* the slot whose image runs: 0 where the bootloader exchanges slots */
  uint32_t (*slot_size)(void *context, uint8_t slot); /* a multiple of sector_size */
  bool (*read)(void *context, uint8_t slot, uint32_t offset, uint8_t *bytes, size_t length);
  /* To erased flash; offset and length are multiples of SMP_WRITE_SIZE. */
  bool (*write)(void *context, uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t length);
  bool (*erase)(void *context, uint8_t slot, uint32_t offset); /* the sector that begins there, to 0xff */
  void (*reset)(void *context); /* the host has its answer */
};

#endif
