/*
 * An image on its way into the slot that does not run. Sectors are erased as the image reaches them, the trailer's first, so
 * that no answer waits long and nothing half written looks whole.
 */
#ifndef SMP_UPLOAD_H
#define SMP_UPLOAD_H

#include "smp_image.h"

/* Results of the image group (Zephyr, img_mgmt.h); 0 is success. */
enum smp_image_result {
  SMP_IMAGE_OK = 0,
  SMP_IMAGE_NO_IMAGE = 3,
  SMP_IMAGE_NO_SUCH_HASH = 8,
  SMP_IMAGE_NO_FREE_SLOT = 9,
  SMP_IMAGE_READ_FAILED = 11,
  SMP_IMAGE_WRITE_FAILED = 12,
  SMP_IMAGE_ERASE_FAILED = 13,
  SMP_IMAGE_BAD_SLOT = 14,
  SMP_IMAGE_BAD_OFFSET = 20,
  SMP_IMAGE_BAD_LENGTH = 21,
  SMP_IMAGE_BAD_HEADER = 22,
  SMP_IMAGE_BAD_MAGIC = 23,
  SMP_IMAGE_BAD_HASH = 24,
  SMP_IMAGE_RUNNING_IS_NEWER = 27,
  SMP_IMAGE_TOO_LARGE = 30,
  SMP_IMAGE_OVERRUN = 31,
  SMP_IMAGE_CONFIRMATION_DENIED = 32,
  SMP_IMAGE_TEST_OF_ACTIVE = 33
};

struct smp_upload {
  bool active;   /* some of an image has been taken */
  bool complete; /* all of it */
  bool has_sha;
  bool match; /* complete: its SHA-256 is the one that was announced */
  uint8_t slot;
  uint32_t length;
  uint32_t offset; /* bytes taken: the truth that every answer tells */
  uint32_t erased; /* everything before this is erased, or written */
  uint8_t sha[SMP_SHA256_SIZE];
  struct smp_sha256 running;
  uint8_t tail[SMP_WRITE_SIZE]; /* bytes taken that do not fill a write yet */
  uint8_t tail_length;
};

struct smp_upload_part {
  bool has_offset, has_length, has_sha, only_newer;
  uint64_t offset, length;
  const uint8_t *sha;
  const uint8_t *data;
  size_t data_length;
};

/* A part that is not the next one is no error: the offset tells. */
enum smp_image_result smp_upload_take(struct smp_upload *upload, const struct smp_flash_port *port,
                                      const struct smp_upload_part *part);

#endif
