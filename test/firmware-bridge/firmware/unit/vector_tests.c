/* Byte-identical with the other implementations: every shared vector, both ways where a device goes both ways. */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "vectors.h"

static const struct vector *vector;

/* The frame's content by the device's own framer; `bad` where it did not hold. */
static size_t unframed(const struct bytes frame, uint8_t *packet, bool *bad) {
  struct ecg_framer framer;
  size_t length = 0;
  *bad = false;
  ecg_framer_init(&framer, packet, ECG_PACKET_MAX);
  for (size_t i = 0; i < frame.length; i++) {
    const enum ecg_framer_result result = ecg_framer_push(&framer, frame.at[i]);
    if (result == ECG_FRAMER_PACKET) length = framer.length;
    if (result == ECG_FRAMER_BAD) *bad = true;
  }
  return length;
}

static void frame_is_taken_apart(void) {
  uint8_t bytes[ECG_PACKET_MAX];
  bool bad;
  struct ecg_packet packet;
  CHECK_EQUAL(unframed(vector->frame, bytes, &bad), vector->packet.length);
  CHECK(!bad);
  CHECK_BYTES(bytes, vector->packet.at, vector->packet.length);
  CHECK_EQUAL(ecg_packet_parse(bytes, vector->packet.length, &packet), ECG_PACKET_OK);
  CHECK_EQUAL(packet.type, vector->type);
  CHECK_EQUAL(packet.sequence, vector->sequence);
  CHECK_EQUAL(packet.clock_us, vector->clock_us);
  struct ecg_range range;
  uint64_t t0;
  if (vector->type == ECG_RESEND) {
    CHECK(ecg_get_range(&packet, &range));
    CHECK_EQUAL(range.first, vector->range.first);
    CHECK_EQUAL(range.count, vector->range.count);
  }
  if (vector->type == ECG_TIME_REQ) {
    CHECK(ecg_get_time_request(&packet, &t0));
    CHECK_EQUAL(t0, vector->times[0]);
  }
}

static size_t put_samples(uint8_t *payload) {
  const struct ecg_samples_header *header = vector->samples;
  size_t length = ecg_put_samples_header(payload, header);
  for (size_t i = 0; i < (size_t)header->count * header->channels; i++, length += header->width)
    ecg_put_value(payload + length, vector->values[i], header->width);
  return length;
}

static size_t put_payload(uint8_t *payload) {
  const size_t capacity = ECG_PACKET_MAX - ECG_PACKET_MIN;
  switch (vector->type) {
    case ECG_HELLO:
      return ecg_put_hello(payload, capacity, vector->hello);
    case ECG_STATUS:
      return ecg_put_status(payload, capacity, vector->status);
    case ECG_SAMPLES:
      return put_samples(payload);
    case ECG_RESEND:
    case ECG_LOST:
      return ecg_put_range(payload, vector->range);
    case ECG_TIME_RSP:
      return ecg_put_time_response(payload, vector->times[0], vector->times[1], vector->times[2]);
    case ECG_EVENT:
      return ecg_put_event(payload, vector->times[0], vector->small[0]);
    case ECG_ACK:
      return ecg_put_ack(payload, vector->small[0], (enum ecg_ack_status)vector->small[1]);
    default: { /* what a device never writes, and SMP, which is opaque here: only header, CRC and COBS are tested */
      const size_t length = vector->packet.length - ECG_PACKET_MIN;
      memcpy(payload, vector->packet.at + ECG_HEADER_SIZE, length);
      return length;
    }
  }
}

static void frame_is_put_together(void) {
  uint8_t frame[ECG_FRAME_MAX];
  uint8_t *packet = frame + ECG_COBS_HEADROOM;
  const size_t payload = put_payload(packet + ECG_HEADER_SIZE);
  const size_t length = ecg_packet_seal(packet, vector->type, vector->sequence, vector->clock_us, payload);
  CHECK_EQUAL(length, vector->packet.length);
  CHECK_BYTES(packet, vector->packet.at, length);
  CHECK_EQUAL(ecg_cobs_encode(frame, length), vector->frame.length);
  CHECK_BYTES(frame, vector->frame.at, vector->frame.length);
}

static const struct invalid *invalid;

static const char *reason_of(const struct bytes frame) {
  static const char *const faults[] = {
      [ECG_PACKET_TOO_LONG] = "too-long",
      [ECG_PACKET_TOO_SHORT] = "too-short",
      [ECG_PACKET_BAD_CRC] = "crc",
      [ECG_PACKET_BAD_VERSION] = "version",
  };
  uint8_t bytes[ECG_PACKET_MAX];
  bool bad;
  struct ecg_packet packet;
  const size_t length = unframed(frame, bytes, &bad);
  if (bad) return frame.length > ECG_PACKET_MAX ? "too-long" : "cobs";
  const enum ecg_packet_fault fault = ecg_packet_parse(bytes, length, &packet);
  if (fault != ECG_PACKET_OK) return faults[fault];
  struct ecg_range range;
  uint64_t t0;
  if (packet.type == ECG_RESEND && !ecg_get_range(&packet, &range)) return "payload";
  if (packet.type == ECG_TIME_REQ && !ecg_get_time_request(&packet, &t0)) return "payload";
  return ""; /* an unknown type, or the payload of a packet that a device does not read */
}

static void invalid_frame_is_refused(void) {
  const char *reason = reason_of(invalid->frame);
  const bool not_read_here = *reason == 0 && (!strcmp(invalid->reason, "payload") || !strcmp(invalid->reason, "type"));
  CHECK(not_read_here || strcmp(reason, invalid->reason) == 0);
}

static const struct stream *stream;

static void stream_is_resynchronised(void) {
  uint8_t bytes[ECG_PACKET_MAX];
  struct ecg_framer framer;
  struct ecg_packet packet;
  unsigned packets = 0, bad = 0;
  ecg_framer_init(&framer, bytes, sizeof bytes);
  for (size_t i = 0; i < stream->bytes.length; i++) {
    const enum ecg_framer_result result = ecg_framer_push(&framer, stream->bytes.at[i]);
    if (result == ECG_FRAMER_MORE) continue;
    if (result == ECG_FRAMER_PACKET && ecg_packet_parse(bytes, framer.length, &packet) == ECG_PACKET_OK) {
      packets++;
    } else {
      bad++;
    }
  }
  CHECK_EQUAL(packets, stream->packets);
  CHECK_EQUAL(bad, stream->bad);
}

static void run(const char *what, const char *name, void (*test)(void)) {
  char title[160];
  snprintf(title, sizeof title, "%s: %s", what, name);
  check_run(title, test);
}

void vector_tests(void) {
  for (size_t i = 0; i < vector_count; i++) {
    vector = &vectors[i];
    run("frame is taken apart", vector->name, frame_is_taken_apart);
    if (!vector->decode_only) run("frame is put together", vector->name, frame_is_put_together);
  }
  for (size_t i = 0; i < invalid_count; i++) {
    invalid = &invalids[i];
    run("invalid frame is refused", invalid->name, invalid_frame_is_refused);
  }
  for (size_t i = 0; i < stream_count; i++) {
    stream = &streams[i];
    run("stream is resynchronised", stream->name, stream_is_resynchronised);
  }
}
