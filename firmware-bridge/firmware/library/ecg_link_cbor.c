#include "ecg_link_cbor.h"

#include <string.h>

enum { UNSIGNED = 0x00, NEGATIVE = 0x20, BYTES = 0x40, TEXT = 0x60, ARRAY = 0x80, MAP = 0xa0, FALSE = 0xf4, TRUE = 0xf5, FLOAT16 = 0xf9, FLOAT32 = 0xfa };

static void put(struct ecg_cbor *cbor, const void *bytes, size_t length) {
  if (cbor->overflow || length > cbor->capacity - cbor->length) {
    cbor->overflow = true;
    return;
  }
  memcpy(cbor->bytes + cbor->length, bytes, length);
  cbor->length += length;
}

/* An initial byte and `size` bytes of `value`, big-endian. */
static void put_number(struct ecg_cbor *cbor, unsigned initial, uint64_t value, size_t size) {
  uint8_t bytes[9] = {(uint8_t)initial};
  for (size_t i = 0; i < size; i++) bytes[size - i] = (uint8_t)(value >> (8 * i));
  put(cbor, bytes, 1 + size);
}

static void put_head(struct ecg_cbor *cbor, unsigned major, uint64_t value) {
  if (value < 24) {
    put_number(cbor, major | (unsigned)value, 0, 0);
  } else if (value <= UINT8_MAX) {
    put_number(cbor, major | 24u, value, 1);
  } else if (value <= UINT16_MAX) {
    put_number(cbor, major | 25u, value, 2);
  } else if (value <= UINT32_MAX) {
    put_number(cbor, major | 26u, value, 4);
  } else {
    put_number(cbor, major | 27u, value, 8);
  }
}

void ecg_cbor_unsigned(struct ecg_cbor *cbor, uint64_t value) {
  put_head(cbor, UNSIGNED, value);
}

void ecg_cbor_fixed8(struct ecg_cbor *cbor, int16_t value) {
  const bool negative = value < 0;
  const uint32_t magnitude = (uint32_t)(negative ? -(int32_t)value : value);
  if (magnitude % 256u == 0) {
    const uint32_t whole = magnitude / 256u;
    put_head(cbor, negative ? NEGATIVE : UNSIGNED, negative ? whole - 1u : whole);
    return;
  }
  /* magnitude = 1.m × 2^top; as magnitude / 256 its exponent is top − 8, from −8 to 7: a normal float of either size.
   */
  unsigned top = 15;
  while (magnitude >> top == 0) top--;
  const uint32_t mantissa = magnitude << (23u - top) & 0x7fffffu;
  if (mantissa % (1u << 13) == 0) {
    put_number(cbor, FLOAT16, (negative ? 0x8000u : 0u) | (top - 8u + 15u) << 10 | mantissa >> 13, 2);
  } else {
    put_number(cbor, FLOAT32, (negative ? 0x80000000u : 0u) | (top - 8u + 127u) << 23 | mantissa, 4);
  }
}

void ecg_cbor_bool(struct ecg_cbor *cbor, bool value) {
  put_number(cbor, value ? TRUE : FALSE, 0, 0);
}

void ecg_cbor_text(struct ecg_cbor *cbor, const char *utf8) {
  ecg_cbor_text_of(cbor, (const uint8_t *)utf8, strlen(utf8));
}

void ecg_cbor_text_of(struct ecg_cbor *cbor, const uint8_t *utf8, size_t length) {
  put_head(cbor, TEXT, length);
  put(cbor, utf8, length);
}

void ecg_cbor_bytes(struct ecg_cbor *cbor, const uint8_t *bytes, size_t length) {
  put_head(cbor, BYTES, length);
  put(cbor, bytes, length);
}

void ecg_cbor_array(struct ecg_cbor *cbor, size_t items) {
  put_head(cbor, ARRAY, items);
}

void ecg_cbor_texts(struct ecg_cbor *cbor, const char *const *texts, size_t count) {
  ecg_cbor_array(cbor, count);
  for (size_t i = 0; i < count; i++) ecg_cbor_text(cbor, texts[i]);
}

void ecg_cbor_map(struct ecg_cbor *cbor, size_t pairs) {
  put_head(cbor, MAP, pairs);
}
