/*
 * The little of CBOR (RFC 8949) that HELLO, STATUS and SMP's answers need, written in canonical form: shortest heads, definite
 * lengths. The order of a map's keys is the caller's business.
 */
#ifndef ECG_LINK_CBOR_H
#define ECG_LINK_CBOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ecg_cbor {
  uint8_t *bytes; /* caller's */
  size_t capacity;
  size_t length;
  bool overflow; /* something did not fit: nothing more is written and the content is not to be used */
};

void ecg_cbor_unsigned(struct ecg_cbor *cbor, uint64_t value);
/* value / 256, exactly: an integer where it is one, else the shortest float. */
void ecg_cbor_fixed8(struct ecg_cbor *cbor, int16_t value);
void ecg_cbor_bool(struct ecg_cbor *cbor, bool value);
void ecg_cbor_text(struct ecg_cbor *cbor, const char *utf8);
void ecg_cbor_text_of(struct ecg_cbor *cbor, const uint8_t *utf8, size_t length);
void ecg_cbor_bytes(struct ecg_cbor *cbor, const uint8_t *bytes, size_t length);
void ecg_cbor_array(struct ecg_cbor *cbor, size_t items);
void ecg_cbor_texts(struct ecg_cbor *cbor, const char *const *texts, size_t count);
void ecg_cbor_map(struct ecg_cbor *cbor, size_t pairs);

#endif
