#include "ecg_link_payload.h"

#include "ecg_bytes.h"
#include "ecg_link_cbor.h"

static size_t fitted(const struct ecg_cbor *cbor) {
  return cbor->overflow ? 0 : cbor->length;
}

/* Keys in canonical order (RFC 7049 §3.9): by length, then by bytes. */
size_t ecg_put_hello(uint8_t *payload, size_t capacity, const struct ecg_hello *hello) {
  struct ecg_cbor cbor = {.bytes = payload, .capacity = capacity};
  ecg_cbor_map(&cbor, 9);
  ecg_cbor_text(&cbor, "fw");
  ecg_cbor_text(&cbor, hello->firmware);
  ecg_cbor_text(&cbor, "id");
  ecg_cbor_text(&cbor, hello->id);
  ecg_cbor_text(&cbor, "boot");
  ecg_cbor_unsigned(&cbor, hello->boot);
  ecg_cbor_text(&cbor, "caps");
  ecg_cbor_texts(&cbor, hello->caps, hello->cap_count);
  ecg_cbor_text(&cbor, "leads");
  ecg_cbor_texts(&cbor, hello->leads, hello->lead_count);
  ecg_cbor_text(&cbor, "model");
  ecg_cbor_text(&cbor, hello->model);
  ecg_cbor_text(&cbor, "lsb_pv");
  ecg_cbor_unsigned(&cbor, hello->lsb_pv);
  ecg_cbor_text(&cbor, "retain");
  ecg_cbor_unsigned(&cbor, hello->retain);
  ecg_cbor_text(&cbor, "rate_mhz");
  ecg_cbor_unsigned(&cbor, hello->rate_mhz);
  return fitted(&cbor);
}

size_t ecg_put_status(uint8_t *payload, size_t capacity, const struct ecg_status *status) {
  struct ecg_cbor cbor = {.bytes = payload, .capacity = capacity};
  ecg_cbor_map(&cbor, (size_t)status->has_battery + status->has_temperature + status->has_dropped + status->has_uptime);
  if (status->has_battery) {
    ecg_cbor_text(&cbor, "battery");
    ecg_cbor_unsigned(&cbor, status->battery);
  }
  if (status->has_dropped) {
    ecg_cbor_text(&cbor, "dropped");
    ecg_cbor_unsigned(&cbor, status->dropped);
  }
  if (status->has_uptime) {
    ecg_cbor_text(&cbor, "uptime_ms");
    ecg_cbor_unsigned(&cbor, status->uptime_ms);
  }
  if (status->has_temperature) {
    ecg_cbor_text(&cbor, "temperature_c");
    ecg_cbor_fixed8(&cbor, status->temperature_256);
  }
  return fitted(&cbor);
}

size_t ecg_put_samples_header(uint8_t *payload, const struct ecg_samples_header *header) {
  ecg_put_u64(payload, header->first);
  payload[8] = header->count;
  payload[9] = header->channels;
  ecg_put_u16(payload + 10, header->electrodes_off);
  payload[12] = header->flags;
  payload[13] = header->width;
  return ECG_SAMPLES_HEADER_SIZE;
}

void ecg_put_value(uint8_t *at, int32_t value, uint8_t width) {
  const uint32_t bits = (uint32_t)value;
  ecg_put_u16(at, (uint16_t)bits);
  if (width == 3) at[2] = (uint8_t)(bits >> 16);
}

size_t ecg_put_ack(uint8_t *payload, uint8_t acknowledged, enum ecg_ack_status status) {
  payload[0] = acknowledged;
  payload[1] = (uint8_t)status;
  return 2;
}

size_t ecg_put_range(uint8_t *payload, struct ecg_range range) {
  ecg_put_u64(payload, range.first);
  ecg_put_u32(payload + 8, range.count);
  return 12;
}

size_t ecg_put_time_response(uint8_t *payload, uint64_t t0, uint64_t t1, uint64_t t2) {
  ecg_put_u64(payload, t0);
  ecg_put_u64(payload + 8, t1);
  ecg_put_u64(payload + 16, t2);
  return 24;
}

size_t ecg_put_event(uint8_t *payload, uint64_t sample, uint8_t kind) {
  ecg_put_u64(payload, sample);
  payload[8] = kind;
  return 9;
}

bool ecg_get_range(const struct ecg_packet *packet, struct ecg_range *range) {
  if (packet->payload_length != 12) return false;
  range->first = ecg_get_u64(packet->payload);
  range->count = ecg_get_u32(packet->payload + 8);
  return true;
}

bool ecg_get_time_request(const struct ecg_packet *packet, uint64_t *t0) {
  if (packet->payload_length != 8) return false;
  *t0 = ecg_get_u64(packet->payload);
  return true;
}
