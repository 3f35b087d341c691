/*
 * Reads a request's CBOR map (RFC 8949): text keys; values that are unsigned integers, strings, booleans; whatever else
 * is skipped. Definite and indefinite lengths; strings in pieces are skipped. Reads nothing outside its bytes.
 */
#ifndef SMP_CBOR_READER_H
#define SMP_CBOR_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum smp_cbor_kind { SMP_CBOR_OTHER, SMP_CBOR_UNSIGNED, SMP_CBOR_BYTES, SMP_CBOR_TEXT, SMP_CBOR_BOOL };

struct smp_cbor_item {
  enum smp_cbor_kind kind;
  uint64_t number;      /* unsigned, or a boolean's 0 or 1 */
  const uint8_t *bytes; /* a string's, inside what is read */
  size_t length;
};

struct smp_cbor_reader {
  const uint8_t *at, *end;
  uint64_t left; /* pairs still to come; SMP_CBOR_INDEFINITE: up to a break */
};

#define SMP_CBOR_INDEFINITE UINT64_MAX

/* False where the bytes do not begin with a map. */
bool smp_cbor_open(struct smp_cbor_reader *reader, const uint8_t *bytes, size_t length);

enum smp_cbor_result { SMP_CBOR_PAIR, SMP_CBOR_END, SMP_CBOR_BAD };

/* The map's next pair; a key that is not text comes as SMP_CBOR_OTHER. */
enum smp_cbor_result smp_cbor_next(struct smp_cbor_reader *reader, struct smp_cbor_item *key,
                                   struct smp_cbor_item *value);

bool smp_cbor_is(const struct smp_cbor_item *key, const char *text);

#endif
