#include "smp_upload.h"

#include <string.h>

#include "ecg_bytes.h"

static bool erase_sector(const struct smp_flash_port *port, uint8_t slot, uint32_t offset) {
  return port->erase(port->context, slot, offset);
}

static uint32_t trailer_sector(const struct smp_flash_port *port, uint8_t slot) {
  const uint32_t end = port->slot_size(port->context, slot);
  return (end - smp_trailer_size()) / port->sector_size * port->sector_size;
}

/* The sectors that hold the next bytes. The trailer's are erased already. */
static bool erase_up_to(struct smp_upload *upload, const struct smp_flash_port *port, uint32_t end) {
  const uint32_t trailer = trailer_sector(port, upload->slot);
  while (upload->erased < end) {
    if (upload->erased < trailer && !erase_sector(port, upload->slot, upload->erased)) return false;
    upload->erased += port->sector_size;
  }
  return true;
}

static bool same(const struct smp_upload *upload, const struct smp_upload_part *part) {
  return (upload->active || upload->complete) && upload->has_sha && part->has_sha && part->length == upload->length &&
         memcmp(part->sha, upload->sha, sizeof upload->sha) == 0;
}

static enum smp_image_result begin(struct smp_upload *upload, const struct smp_flash_port *port,
                                   const struct smp_upload_part *part) {
  const uint8_t running = port->running(port->context);
  const uint8_t slot = running == 0 ? 1 : 0;
  const uint32_t size = port->slot_size(port->context, slot);
  struct smp_trailer trailer;
  struct smp_image image;
  if (!part->has_length || part->length == 0) return SMP_IMAGE_BAD_LENGTH;
  if (part->data_length < SMP_IMAGE_HEADER_SIZE) return SMP_IMAGE_BAD_HEADER;
  if (ecg_get_u32(part->data) != SMP_IMAGE_MAGIC) return SMP_IMAGE_BAD_MAGIC;
  if (part->length > size - smp_trailer_size()) return SMP_IMAGE_TOO_LARGE;
  if (!smp_trailer_read(port, running, &trailer)) return SMP_IMAGE_READ_FAILED;
  /* What runs is on trial: the other slot holds what to return to. */
  if (trailer.magic && !trailer.image_ok) return SMP_IMAGE_NO_FREE_SLOT;
  if (part->only_newer && smp_image_read(port, running, &image)) {
    const struct smp_image_version version = smp_image_version_at(part->data);
    if (smp_image_compare(&version, &image.version) <= 0) return SMP_IMAGE_RUNNING_IS_NEWER;
  }
  memset(upload, 0, sizeof *upload);
  upload->slot = slot;
  upload->length = (uint32_t)part->length;
  upload->has_sha = part->has_sha;
  if (part->has_sha) memcpy(upload->sha, part->sha, sizeof upload->sha);
  smp_sha256_init(&upload->running);
  for (uint32_t at = trailer_sector(port, slot); at < size; at += port->sector_size) {
    if (!erase_sector(port, slot, at)) return SMP_IMAGE_ERASE_FAILED;
  }
  /* Behind a new image of its size, cut short, the old one's hash would stand for both. */
  if (smp_image_read(port, slot, &image) &&
      !erase_sector(port, slot, image.hashed / port->sector_size * port->sector_size))
    return SMP_IMAGE_ERASE_FAILED;
  upload->active = true;
  return SMP_IMAGE_OK;
}

static bool write_tail(struct smp_upload *upload, const struct smp_flash_port *port) {
  const uint32_t at = upload->offset - upload->tail_length;
  memset(upload->tail + upload->tail_length, 0xff, sizeof upload->tail - upload->tail_length);
  return port->write(port->context, upload->slot, at, upload->tail, sizeof upload->tail);
}

static bool put(struct smp_upload *upload, const struct smp_flash_port *port, const uint8_t *data, size_t length) {
  while (length > 0) {
    if (upload->tail_length == 0 && length >= SMP_WRITE_SIZE) {
      const size_t whole = length - length % SMP_WRITE_SIZE;
      if (!port->write(port->context, upload->slot, upload->offset, data, whole)) return false;
      upload->offset += (uint32_t)whole;
      data += whole;
      length -= whole;
      continue;
    }
    upload->tail[upload->tail_length++] = *data++;
    upload->offset++;
    length--;
    if (upload->tail_length < SMP_WRITE_SIZE) continue;
    if (!write_tail(upload, port)) return false;
    upload->tail_length = 0;
  }
  return true;
}

static bool finish(struct smp_upload *upload, const struct smp_flash_port *port) {
  uint8_t digest[SMP_SHA256_SIZE];
  if (upload->tail_length > 0 && !write_tail(upload, port)) return false;
  smp_sha256_final(&upload->running, digest);
  upload->match = upload->has_sha && memcmp(digest, upload->sha, sizeof digest) == 0;
  upload->active = false;
  upload->complete = !upload->has_sha || upload->match; /* otherwise a first part begins anew */
  return true;
}

enum smp_image_result smp_upload_take(struct smp_upload *upload, const struct smp_flash_port *port,
                                      const struct smp_upload_part *part) {
  if (!part->has_offset) return SMP_IMAGE_BAD_OFFSET;
  if (part->offset == 0) {
    if (same(upload, part)) return SMP_IMAGE_OK; /* goes on, or is done: the offset tells */
    const enum smp_image_result result = begin(upload, port, part);
    if (result != SMP_IMAGE_OK) {
      upload->active = upload->complete = false;
      return result;
    }
  } else if (!upload->active || part->offset != upload->offset) {
    return SMP_IMAGE_OK;
  }
  if (part->data_length > upload->length - upload->offset) return SMP_IMAGE_OVERRUN;
  smp_sha256_update(&upload->running, part->data, part->data_length);
  const bool erased = erase_up_to(upload, port, upload->offset + (uint32_t)part->data_length);
  if (!erased || !put(upload, port, part->data, part->data_length) ||
      (upload->offset == upload->length && !finish(upload, port))) {
    upload->active = upload->complete = false;
    upload->offset = 0;
    return erased ? SMP_IMAGE_WRITE_FAILED : SMP_IMAGE_ERASE_FAILED;
  }
  return SMP_IMAGE_OK;
}
