#include "boot.h"

enum { SLOTS = 2 };

static void erase_slot(const struct smp_flash_port *port, uint8_t slot) {
  for (uint32_t at = port->slot_size(port->context, slot); at > 0; at -= port->sector_size)
    port->erase(port->context, slot, at - port->sector_size);
}

/* The higher version of what is left; of equals the one in slot 0. */
static int candidate(const bool *there, const struct smp_image *images) {
  if (!there[0] || !there[1]) return there[0] ? 0 : there[1] ? 1 : BOOT_NONE;
  return smp_image_compare(&images[1].version, &images[0].version) > 0 ? 1 : 0;
}

int boot_choose(const struct smp_flash_port *port, struct smp_image *image) {
  uint8_t buffer[256];
  struct smp_image images[SLOTS];
  bool there[SLOTS];
  for (uint8_t slot = 0; slot < SLOTS; slot++) there[slot] = smp_image_read(port, slot, &images[slot]);
  for (int choice = candidate(there, images); choice != BOOT_NONE; choice = candidate(there, images)) {
    const uint8_t slot = (uint8_t)choice;
    struct smp_trailer trailer;
    const bool read = smp_trailer_read(port, slot, &trailer);
    const bool asked_for = read && trailer.magic;
    const bool failed_its_trial = read && trailer.copy_done && !trailer.image_ok;
    if (asked_for && !failed_its_trial && smp_image_intact(port, slot, &images[slot], buffer, sizeof buffer) &&
        (trailer.copy_done || smp_trailer_write_copy_done(port, slot))) {
      *image = images[slot];
      return choice;
    }
    if (read) erase_slot(port, slot);
    there[slot] = false;
  }
  return BOOT_NONE;
}
