/* SHA-256 (FIPS 180-4), of bytes in pieces of any size. */
#ifndef SMP_SHA256_H
#define SMP_SHA256_H

#include <stddef.h>
#include <stdint.h>

#define SMP_SHA256_SIZE 32u

struct smp_sha256 {
  uint32_t state[8];
  uint64_t length; /* bytes taken */
  uint8_t block[64];
};

void smp_sha256_init(struct smp_sha256 *hash);
void smp_sha256_update(struct smp_sha256 *hash, const uint8_t *bytes, size_t length);
/* Ends it: `hash` is not to be used any more. */
void smp_sha256_final(struct smp_sha256 *hash, uint8_t digest[SMP_SHA256_SIZE]);

#endif
