/* Any bytes into the framer: it keeps to its buffer, is in step again after 00, and what it accepts encodes back. */
#include <stdlib.h>
#include <string.h>

#include "ecg_link_packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool holds) {
  if (!holds) abort();
}

static void must_encode_back(const uint8_t *packet, size_t length) {
  uint8_t frame[ECG_FRAME_MAX], again[ECG_PACKET_MAX];
  memcpy(frame + ECG_COBS_HEADROOM, packet, length);
  const size_t encoded = ecg_cobs_encode(frame, length);
  must(encoded <= ECG_FRAME_MAX);
  struct ecg_framer framer;
  ecg_framer_init(&framer, again, sizeof again);
  for (size_t i = 0; i + 1 < encoded; i++) must(ecg_framer_push(&framer, frame[i]) == ECG_FRAMER_MORE);
  must(ecg_framer_push(&framer, frame[encoded - 1]) == ECG_FRAMER_PACKET);
  must(framer.length == length && memcmp(again, packet, length) == 0);
}

static size_t frames_in(struct ecg_framer *framer, const uint8_t *bytes, size_t size) {
  size_t frames = 0;
  for (size_t i = 0; i < size; i++) {
    const enum ecg_framer_result result = ecg_framer_push(framer, bytes[i]);
    must(bytes[i] == 0 || result == ECG_FRAMER_MORE);
    must(framer->length <= framer->capacity);
    if (result != ECG_FRAMER_PACKET) continue;
    struct ecg_packet packet;
    if (ecg_packet_parse(framer->packet, framer->length, &packet) == ECG_PACKET_OK)
      must(packet.payload + packet.payload_length + ECG_CRC_SIZE == framer->packet + framer->length);
    must_encode_back(framer->packet, framer->length);
    frames++;
  }
  return frames;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t known[] = {0, 3, 'o', 'k', 0};
  struct ecg_framer framer;
  /* Exactly as large as it says, so that a byte too many is found. */
  const size_t capacity = size > 0 && data[0] & 1 ? ECG_PACKET_MAX : 20;
  uint8_t *buffer = malloc(capacity);
  must(buffer != NULL);
  ecg_framer_init(&framer, buffer, capacity);
  frames_in(&framer, data, size);
  const size_t before = frames_in(&framer, known, 1); /* ends whatever was begun */
  must(before <= 1);
  must(frames_in(&framer, known + 1, sizeof known - 1) == 1);
  must(framer.length == 2 && memcmp(buffer, "ok", 2) == 0);
  free(buffer);
  return 0;
}
