#include "smp_image.h"

#include <string.h>

#include "ecg_bytes.h"

/* MCUboot, bootutil_public.c, boot_img_magic for an alignment of 8. */
const uint8_t smp_trailer_magic[SMP_TRAILER_MAGIC_SIZE] = {0x77, 0xc2, 0x95, 0xf3, 0x60, 0xd2, 0xef, 0x7f,
                                                           0x35, 0x52, 0x50, 0x0f, 0x2c, 0xb6, 0x79, 0x80};

enum { TLV_INFO_SIZE = 4, TLV_HEAD_SIZE = 4, TLV_MAGIC = 0x6907, TLV_PROTECTED_MAGIC = 0x6908, TLV_SHA256 = 0x10 };
enum { FLAG_SET = 1, SWAP_TEST = 2, SWAP_PERMANENT = 3 };

/* How far before the slot's end. */
enum { MAGIC_AT = 16, IMAGE_OK_AT = 24, COPY_DONE_AT = 32, SWAP_INFO_AT = 40, SWAP_SIZE_AT = 48 };

static bool read(const struct smp_flash_port *port, uint8_t slot, uint32_t offset, uint8_t *bytes, size_t length) {
  const uint32_t size = port->slot_size(port->context, slot);
  return offset <= size && length <= size - offset && port->read(port->context, slot, offset, bytes, length);
}

struct smp_image_version smp_image_version_at(const uint8_t *header) {
  return (struct smp_image_version){header[20], header[21], ecg_get_u16(header + 22), ecg_get_u32(header + 24)};
}

int smp_image_compare(const struct smp_image_version *one, const struct smp_image_version *other) {
  if (one->major != other->major) return one->major < other->major ? -1 : 1;
  if (one->minor != other->minor) return one->minor < other->minor ? -1 : 1;
  if (one->revision != other->revision) return one->revision < other->revision ? -1 : 1;
  return 0;
}

static char *put_decimal(char *at, uint32_t value) {
  char digits[10];
  unsigned count = 0;
  do {
    digits[count++] = (char)('0' + value % 10u);
    value /= 10u;
  } while (value > 0);
  while (count > 0) *at++ = digits[--count];
  return at;
}

void smp_image_version_text(const struct smp_image_version *version, char text[SMP_VERSION_TEXT_MAX]) {
  char *at = put_decimal(text, version->major);
  *at++ = '.';
  at = put_decimal(at, version->minor);
  *at++ = '.';
  at = put_decimal(at, version->revision);
  if (version->build > 0) {
    *at++ = '.';
    at = put_decimal(at, version->build);
  }
  *at = 0;
}

/* The end of the records that begin at `start`, or 0. */
static uint32_t tlv_end(const struct smp_flash_port *port, uint8_t slot, uint32_t start, uint16_t magic) {
  uint8_t info[TLV_INFO_SIZE];
  if (!read(port, slot, start, info, sizeof info) || ecg_get_u16(info) != magic) return 0;
  const uint32_t end = start + ecg_get_u16(info + 2);
  return end >= start + TLV_INFO_SIZE && end <= port->slot_size(port->context, slot) ? end : 0;
}

static bool find_hash(const struct smp_flash_port *port, uint8_t slot, uint32_t start, uint8_t *hash) {
  const uint32_t end = tlv_end(port, slot, start, TLV_MAGIC);
  for (uint32_t at = start + TLV_INFO_SIZE; at + TLV_HEAD_SIZE <= end;) {
    uint8_t head[TLV_HEAD_SIZE];
    if (!read(port, slot, at, head, sizeof head)) return false;
    const uint16_t length = ecg_get_u16(head + 2);
    at += TLV_HEAD_SIZE;
    if (ecg_get_u16(head) == TLV_SHA256)
      return length == SMP_SHA256_SIZE && at + length <= end && read(port, slot, at, hash, length);
    at += length;
  }
  return false;
}

bool smp_image_read(const struct smp_flash_port *port, uint8_t slot, struct smp_image *image) {
  uint8_t header[SMP_IMAGE_HEADER_SIZE];
  const uint32_t size = port->slot_size(port->context, slot);
  if (!read(port, slot, 0, header, sizeof header) || ecg_get_u32(header) != SMP_IMAGE_MAGIC) return false;
  image->version = smp_image_version_at(header);
  image->header_size = ecg_get_u16(header + 8);
  image->body_size = ecg_get_u32(header + 12);
  const uint32_t protected_size = ecg_get_u16(header + 10);
  if (image->header_size < SMP_IMAGE_HEADER_SIZE || image->body_size > size) return false;
  image->hashed = image->header_size + image->body_size + protected_size;
  if (image->hashed > size) return false;
  if (protected_size > 0 && tlv_end(port, slot, image->hashed - protected_size, TLV_PROTECTED_MAGIC) != image->hashed)
    return false;
  return find_hash(port, slot, image->hashed, image->hash);
}

bool smp_image_intact(const struct smp_flash_port *port, uint8_t slot, const struct smp_image *image, uint8_t *buffer,
                      size_t buffer_size) {
  struct smp_sha256 hash;
  uint8_t digest[SMP_SHA256_SIZE];
  smp_sha256_init(&hash);
  for (uint32_t at = 0; at < image->hashed;) {
    const size_t length = image->hashed - at < buffer_size ? image->hashed - at : buffer_size;
    if (!read(port, slot, at, buffer, length)) return false;
    smp_sha256_update(&hash, buffer, length);
    at += (uint32_t)length;
  }
  smp_sha256_final(&hash, digest);
  return memcmp(digest, image->hash, sizeof digest) == 0;
}

uint32_t smp_trailer_size(void) {
  return SWAP_SIZE_AT;
}

static uint32_t place(const struct smp_flash_port *port, uint8_t slot, uint32_t before_end) {
  return port->slot_size(port->context, slot) - before_end;
}

static bool flag(const uint8_t *trailer, uint32_t before_end) {
  return trailer[COPY_DONE_AT - before_end] == FLAG_SET;
}

bool smp_trailer_read(const struct smp_flash_port *port, uint8_t slot, struct smp_trailer *trailer) {
  uint8_t bytes[COPY_DONE_AT];
  if (!read(port, slot, place(port, slot, COPY_DONE_AT), bytes, sizeof bytes)) return false;
  const uint8_t *magic = bytes + COPY_DONE_AT - MAGIC_AT;
  trailer->magic = memcmp(magic, smp_trailer_magic, SMP_TRAILER_MAGIC_SIZE) == 0;
  trailer->blank = true;
  for (unsigned i = 0; i < SMP_TRAILER_MAGIC_SIZE; i++) trailer->blank = trailer->blank && magic[i] == 0xff;
  trailer->copy_done = flag(bytes, COPY_DONE_AT);
  trailer->image_ok = flag(bytes, IMAGE_OK_AT);
  return true;
}

static bool write_byte(const struct smp_flash_port *port, uint8_t slot, uint32_t before_end, uint8_t value) {
  uint8_t bytes[SMP_WRITE_SIZE];
  memset(bytes, 0xff, sizeof bytes);
  bytes[0] = value;
  return port->write(port->context, slot, place(port, slot, before_end), bytes, sizeof bytes);
}

bool smp_trailer_write_pending(const struct smp_flash_port *port, uint8_t slot, bool permanent) {
  return port->write(port->context, slot, place(port, slot, MAGIC_AT), smp_trailer_magic, SMP_TRAILER_MAGIC_SIZE) &&
         (!permanent || smp_trailer_write_image_ok(port, slot)) &&
         write_byte(port, slot, SWAP_INFO_AT, permanent ? SWAP_PERMANENT : SWAP_TEST);
}

bool smp_trailer_write_copy_done(const struct smp_flash_port *port, uint8_t slot) {
  return write_byte(port, slot, COPY_DONE_AT, FLAG_SET);
}

bool smp_trailer_write_image_ok(const struct smp_flash_port *port, uint8_t slot) {
  return write_byte(port, slot, IMAGE_OK_AT, FLAG_SET);
}
