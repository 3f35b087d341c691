#include "ecg_link_packet.h"

#include "ecg_bytes.h"

uint32_t ecg_crc32(const uint8_t *bytes, size_t length) {
  /* By nibbles: 64 bytes of table instead of 1 KiB, and still ten times what 921600 baud needs on a 25 MHz Cortex-M3.
   */
  static const uint32_t table[16] = {0x00000000u, 0x1db71064u, 0x3b6e20c8u, 0x26d930acu, 0x76dc4190u, 0x6b6b51f4u,
                                     0x4db26158u, 0x5005713cu, 0xedb88320u, 0xf00f9344u, 0xd6d6a3e8u, 0xcb61b38cu,
                                     0x9b64c2b0u, 0x86d3d2d4u, 0xa00ae278u, 0xbdbdf21cu};
  uint32_t crc = 0xffffffffu;
  for (size_t i = 0; i < length; i++) {
    crc ^= bytes[i];
    crc = crc >> 4 ^ table[crc & 15u];
    crc = crc >> 4 ^ table[crc & 15u];
  }
  return ~crc;
}

size_t ecg_packet_seal(uint8_t *packet, uint8_t type, uint16_t sequence, uint64_t clock_us, size_t payload_length) {
  const size_t covered = ECG_HEADER_SIZE + payload_length;
  packet[0] = ECG_LINK_VERSION;
  packet[1] = type;
  ecg_put_u16(packet + 2, sequence);
  ecg_put_u64(packet + 4, clock_us);
  ecg_put_u32(packet + covered, ecg_crc32(packet, covered));
  return covered + ECG_CRC_SIZE;
}

enum ecg_packet_fault ecg_packet_parse(const uint8_t *bytes, size_t length, struct ecg_packet *parsed) {
  if (length > ECG_PACKET_MAX) return ECG_PACKET_TOO_LONG;
  if (length < ECG_PACKET_MIN) return ECG_PACKET_TOO_SHORT;
  const size_t covered = length - ECG_CRC_SIZE;
  if (ecg_get_u32(bytes + covered) != ecg_crc32(bytes, covered)) return ECG_PACKET_BAD_CRC;
  if (bytes[0] != ECG_LINK_VERSION) return ECG_PACKET_BAD_VERSION;
  parsed->type = bytes[1];
  parsed->sequence = ecg_get_u16(bytes + 2);
  parsed->clock_us = ecg_get_u64(bytes + 4);
  parsed->payload = bytes + ECG_HEADER_SIZE;
  parsed->payload_length = covered - ECG_HEADER_SIZE;
  return ECG_PACKET_OK;
}

size_t ecg_cobs_encode(uint8_t *frame, size_t length) {
  const uint8_t *in = frame + ECG_COBS_HEADROOM;
  const uint8_t *const end = in + length;
  uint8_t *code = frame; /* where this block's length goes once it is known */
  uint8_t *out = frame + 1;
  uint8_t run = 1;
  while (in < end) {
    const uint8_t byte = *in++;
    if (byte != 0) {
      *out++ = byte;
      run++;
    }
    if (byte == 0 || (run == 0xff && in < end)) {
      *code = run;
      code = out++;
      run = 1;
    }
  }
  *code = run;
  *out++ = 0;
  return (size_t)(out - frame);
}

static void begin_frame(struct ecg_framer *framer) {
  framer->length = 0;
  framer->left = 0;
  framer->zero_due = false;
  framer->begun = false;
  framer->bad = false;
}

void ecg_framer_init(struct ecg_framer *framer, uint8_t *packet, size_t capacity) {
  framer->packet = packet;
  framer->capacity = capacity;
  begin_frame(framer);
}

static void append(struct ecg_framer *framer, uint8_t byte) {
  if (framer->length == framer->capacity) {
    framer->bad = true;
  } else {
    framer->packet[framer->length++] = byte;
  }
}

enum ecg_framer_result ecg_framer_push(struct ecg_framer *framer, uint8_t byte) {
  if (!framer->begun) begin_frame(framer);
  if (byte == 0) {
    const bool empty = !framer->begun; /* 00 twice in a row: a sender may flush noise so */
    const bool whole = !framer->bad && framer->left == 0;
    framer->begun = false;
    if (empty) return ECG_FRAMER_MORE;
    return whole ? ECG_FRAMER_PACKET : ECG_FRAMER_BAD;
  }
  framer->begun = true;
  if (framer->bad) return ECG_FRAMER_MORE;
  if (framer->left > 0) {
    append(framer, byte);
    framer->left--;
  } else {
    if (framer->zero_due) append(framer, 0);
    framer->left = (uint8_t)(byte - 1u);
    framer->zero_due = byte != 0xff;
  }
  return ECG_FRAMER_MORE;
}
