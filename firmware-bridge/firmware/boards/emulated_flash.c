#include "emulated_flash.h"

#include <string.h>

/* Of an erase that a power cut may end after. */
enum { ERASE_STEP = 256 };

static uint32_t place(uint8_t slot, uint32_t offset) {
  return (uint32_t)slot * EMULATED_SLOT_SIZE + offset;
}

static bool inside(uint8_t slot, uint32_t offset, size_t length) {
  return slot < 2 && offset <= EMULATED_SLOT_SIZE && length <= EMULATED_SLOT_SIZE - offset;
}

static uint8_t running(void *context) {
  return ((const struct emulated_flash *)context)->running;
}

static uint32_t slot_size(void *context, uint8_t slot) {
  (void)context;
  (void)slot;
  return EMULATED_SLOT_SIZE;
}

static bool read(void *context, uint8_t slot, uint32_t offset, uint8_t *bytes, size_t length) {
  const struct emulated_flash *flash = context;
  return inside(slot, offset, length) && flash->read(place(slot, offset), bytes, length);
}

static bool is_erased(const struct emulated_flash *flash, uint32_t at, size_t length) {
  uint8_t bytes[256];
  for (size_t done = 0; done < length; done += sizeof bytes) {
    const size_t part = length - done < sizeof bytes ? length - done : sizeof bytes;
    if (!flash->read(at + (uint32_t)done, bytes, part)) return false;
    for (size_t i = 0; i < part; i++) {
      if (bytes[i] != 0xff) return false;
    }
  }
  return true;
}

static bool write(void *context, uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t length) {
  const struct emulated_flash *flash = context;
  const uint32_t at = place(slot, offset);
  if (!inside(slot, offset, length) || offset % SMP_WRITE_SIZE != 0 || length % SMP_WRITE_SIZE != 0) return false;
  if (!is_erased(flash, at, length)) return false;
  for (size_t done = 0; done < length; done += SMP_WRITE_SIZE) {
    if (!flash->write(at + (uint32_t)done, bytes + done, SMP_WRITE_SIZE)) return false;
  }
  return true;
}

static bool erase(void *context, uint8_t slot, uint32_t offset) {
  const struct emulated_flash *flash = context;
  uint8_t blank[ERASE_STEP];
  if (!inside(slot, offset, EMULATED_SECTOR_SIZE) || offset % EMULATED_SECTOR_SIZE != 0) return false;
  memset(blank, 0xff, sizeof blank);
  for (uint32_t done = 0; done < EMULATED_SECTOR_SIZE; done += ERASE_STEP) {
    if (!flash->write(place(slot, offset) + done, blank, sizeof blank)) return false;
  }
  return true;
}

static void reset(void *context) {
  ((const struct emulated_flash *)context)->reset();
}

struct smp_flash_port emulated_flash_port(struct emulated_flash *flash) {
  return (struct smp_flash_port){.context = flash,
                                 .sector_size = EMULATED_SECTOR_SIZE,
                                 .newest_runs = true,
                                 .running = running,
                                 .slot_size = slot_size,
                                 .read = read,
                                 .write = write,
                                 .erase = erase,
                                 .reset = reset};
}
