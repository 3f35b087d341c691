/*
 * Samples on their way from the interrupt that takes them to the main loop: one producer, one consumer, no lock.
 *
 * The producer (one interrupt handler, or one thread) calls ecg_ring_push and ecg_ring_miss; the consumer (the main
 * loop) calls ecg_ring_front and ecg_ring_pop. Each index is written by one side only, as one aligned 32-bit store,
 * after a barrier behind the data that it publishes.
 */
#ifndef ECG_RING_H
#define ECG_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Channels of the widest front end that this build serves. */
#ifndef ECG_CHANNELS_MAX
#define ECG_CHANNELS_MAX 8
#endif

/* Power of two. Samples are dropped when the main loop is away for this many sampling periods, 64 ms at 500 Hz. */
#ifndef ECG_RING_SLOTS
#define ECG_RING_SLOTS 32u
#endif

/* A full barrier for compiler and processor (dmb on Cortex-M). */
#ifndef ECG_MEMORY_BARRIER
#define ECG_MEMORY_BARRIER() __sync_synchronize()
#endif

struct ecg_sample {
  int32_t value[ECG_CHANNELS_MAX]; /* counts */
  uint32_t index;                  /* since boot, low 32 bits */
  uint32_t clock_us;               /* sampling instant since boot, low 32 bits */
  uint16_t electrodes_off;         /* enum ecg_electrode */
  bool saturated;
};

struct ecg_ring {
  volatile uint32_t pushed;  /* producer's: samples put in; its low bits are a slot */
  volatile uint32_t popped;  /* consumer's */
  volatile uint32_t index;   /* producer's: index of the next sample */
  volatile uint32_t dropped; /* producer's: samples with an index that never got in */
  struct ecg_sample slots[ECG_RING_SLOTS];
};

void ecg_ring_init(struct ecg_ring *ring);

/* Gives the sample the next index, also when the ring is full and it is dropped. Copies `channels` values. */
void ecg_ring_push(struct ecg_ring *ring, const int32_t *values, size_t channels, uint32_t clock_us,
                   uint16_t electrodes_off, bool saturated);

/* A sampling instant whose sample could not be read: takes an index and counts as dropped. */
void ecg_ring_miss(struct ecg_ring *ring);

/* The oldest sample, or NULL; valid until ecg_ring_pop. */
const struct ecg_sample *ecg_ring_front(const struct ecg_ring *ring);
void ecg_ring_pop(struct ecg_ring *ring);

#endif
