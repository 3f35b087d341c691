/*
 * MCUboot's images and trailers in two slots (MCUboot, docs/design.md), without state of its own.
 *
 * A slot ends with its trailer, each field SMP_WRITE_SIZE bytes but the magic, which is 16:
 *
 *   … swap info · copy done · image ok · magic
 *
 * Magic asks the bootloader to try the image once; "copy done" says that it has; "image ok" keeps it.
 */
#ifndef SMP_IMAGE_H
#define SMP_IMAGE_H

#include "smp_flash_port.h"
#include "smp_sha256.h"

#define SMP_IMAGE_HEADER_SIZE 32u
#define SMP_IMAGE_MAGIC 0x96f3b83du
#define SMP_TRAILER_MAGIC_SIZE 16u

extern const uint8_t smp_trailer_magic[SMP_TRAILER_MAGIC_SIZE];

struct smp_image_version {
  uint8_t major, minor;
  uint16_t revision;
  uint32_t build;
};

struct smp_image {
  struct smp_image_version version;
  uint32_t header_size;
  uint32_t body_size;
  uint32_t hashed;                /* header, body, protected records */
  uint8_t hash[SMP_SHA256_SIZE]; /* as the image states it */
};

struct smp_trailer {
  bool magic;
  bool blank; /* the magic's place is erased; neither: it was cut short */
  bool copy_done;
  bool image_ok;
};

/* False where the slot holds no image with a header and a hash. Does not check the hash. */
bool smp_image_read(const struct smp_flash_port *port, uint8_t slot, struct smp_image *image);
/* Reads the whole image and compares. `buffer` for reading. */
bool smp_image_intact(const struct smp_flash_port *port, uint8_t slot, const struct smp_image *image, uint8_t *buffer,
                      size_t buffer_size);
/* Negative where `one` is older; the build does not count, as in MCUboot. */
int smp_image_compare(const struct smp_image_version *one, const struct smp_image_version *other);
/* From the 32 bytes of a header. */
struct smp_image_version smp_image_version_at(const uint8_t *header);

/* The digits and dots of 255.255.65535.4294967295, and what ends a text. */
#define SMP_VERSION_TEXT_MAX 25u
/* As Zephyr writes it: without a build of 0. */
void smp_image_version_text(const struct smp_image_version *version, char text[SMP_VERSION_TEXT_MAX]);

/* Bytes at the slot's end that an image must leave free: everything that MCUboot writes there without exchanging slots. */
uint32_t smp_trailer_size(void);
bool smp_trailer_read(const struct smp_flash_port *port, uint8_t slot, struct smp_trailer *trailer);
/* As MCUboot's boot_set_pending writes it, to an erased trailer: tried once at the next boot, or for good. */
bool smp_trailer_write_pending(const struct smp_flash_port *port, uint8_t slot, bool permanent);
bool smp_trailer_write_copy_done(const struct smp_flash_port *port, uint8_t slot);
bool smp_trailer_write_image_ok(const struct smp_flash_port *port, uint8_t slot);

#endif
