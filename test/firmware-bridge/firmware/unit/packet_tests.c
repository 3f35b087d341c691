#include <string.h>

#include "check.h"
#include "ecg_link_packet.h"

static void crc_is_the_one_of_zlib(void) {
  CHECK_EQUAL(ecg_crc32((const uint8_t *)"123456789", 9), 0xcbf43926u);
  CHECK_EQUAL(ecg_crc32((const uint8_t *)"", 0), 0);
}

/* Encoding in place would overtake itself first where no byte is zero. */
static void longest_packet_without_a_zero_survives_encoding_in_place(void) {
  uint8_t frame[ECG_FRAME_MAX], packet[ECG_PACKET_MAX], decoded[ECG_PACKET_MAX];
  for (size_t i = 0; i < sizeof packet; i++) packet[i] = (uint8_t)(1 + i % 255);
  memcpy(frame + ECG_COBS_HEADROOM, packet, sizeof packet);
  const size_t length = ecg_cobs_encode(frame, sizeof packet);
  CHECK_EQUAL(length, ECG_FRAME_MAX);
  struct ecg_framer framer;
  ecg_framer_init(&framer, decoded, sizeof decoded);
  for (size_t i = 0; i + 1 < length; i++) CHECK_EQUAL(ecg_framer_push(&framer, frame[i]), ECG_FRAMER_MORE);
  CHECK_EQUAL(ecg_framer_push(&framer, frame[length - 1]), ECG_FRAMER_PACKET);
  CHECK_EQUAL(framer.length, sizeof packet);
  CHECK_BYTES(decoded, packet, sizeof packet);
}

static void framer_never_writes_beyond_its_buffer(void) {
  uint8_t buffer[8];
  struct ecg_framer framer;
  ecg_framer_init(&framer, buffer, sizeof buffer);
  for (int i = 0; i < 5000; i++) CHECK_EQUAL(ecg_framer_push(&framer, (uint8_t)(1 + i % 255)), ECG_FRAMER_MORE);
  CHECK_EQUAL(ecg_framer_push(&framer, 0), ECG_FRAMER_BAD);
  const uint8_t next[] = {3, 'o', 'k', 0};
  for (int i = 0; i < 3; i++) CHECK_EQUAL(ecg_framer_push(&framer, next[i]), ECG_FRAMER_MORE);
  CHECK_EQUAL(ecg_framer_push(&framer, next[3]), ECG_FRAMER_PACKET);
  CHECK_BYTES(buffer, "ok", 2);
}

void packet_tests(void) {
  RUN(crc_is_the_one_of_zlib);
  RUN(longest_packet_without_a_zero_survives_encoding_in_place);
  RUN(framer_never_writes_beyond_its_buffer);
}
