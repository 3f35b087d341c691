/*
 * Which image boots, decided as MCUboot decides in its RAM-load mode with revert (BOOT_RAM_LOAD_REVERT; bootutil/src/loader.c,
 * boot_select_or_erase): the highest version that is intact and was asked for. One that was tried and not confirmed is erased. The
 * emulated boards' bootloader; unlike MCUboot it checks hashes, but no signatures.
 */
#ifndef BOOT_H
#define BOOT_H

#include "smp_image.h"

enum { BOOT_NONE = -1 };

/* The slot to run, after what the decision changes has been written; BOOT_NONE where neither holds an image to run. */
int boot_choose(const struct smp_flash_port *port, struct smp_image *image);

#endif
