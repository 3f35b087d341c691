#include <pthread.h>

#include "check.h"
#include "ecg_ring.h"

static struct ecg_ring ring;

static void push(int32_t value) {
  const int32_t values[2] = {value, -value};
  ecg_ring_push(&ring, values, 2, (uint32_t)value, 0, false);
}

static void samples_come_out_in_order_with_their_index(void) {
  ecg_ring_init(&ring);
  CHECK(ecg_ring_front(&ring) == NULL);
  for (uint32_t i = 0; i < 3 * ECG_RING_SLOTS; i++) {
    push((int32_t)i);
    const struct ecg_sample *sample = ecg_ring_front(&ring);
    CHECK(sample != NULL);
    CHECK_EQUAL(sample->index, i);
    CHECK_EQUAL(sample->value[1], -(int64_t)i);
    ecg_ring_pop(&ring);
  }
  CHECK(ecg_ring_front(&ring) == NULL);
  CHECK_EQUAL(ring.dropped, 0);
}

static void full_ring_drops_the_newest_and_counts_them(void) {
  ecg_ring_init(&ring);
  for (uint32_t i = 0; i < ECG_RING_SLOTS + 5; i++) push((int32_t)i);
  CHECK_EQUAL(ring.dropped, 5);
  for (uint32_t i = 0; i < ECG_RING_SLOTS; i++) {
    CHECK_EQUAL(ecg_ring_front(&ring)->index, i);
    ecg_ring_pop(&ring);
  }
  push(7);
  CHECK_EQUAL(ecg_ring_front(&ring)->index, ECG_RING_SLOTS + 5);
}

static void missed_sample_takes_an_index(void) {
  ecg_ring_init(&ring);
  ecg_ring_miss(&ring);
  push(1);
  CHECK_EQUAL(ecg_ring_front(&ring)->index, 1);
  CHECK_EQUAL(ring.dropped, 1);
}

enum { CONCURRENT_SAMPLES = 300000 };

static void *produce(void *unused) {
  (void)unused;
  for (int32_t i = 0; i < CONCURRENT_SAMPLES; i++) push(i);
  return NULL;
}

/* A second thread stands for the interrupt; it is worse, for it also runs while the consumer does. */
static void producer_and_consumer_at_once_lose_nothing_unseen(void) {
  pthread_t producer;
  ecg_ring_init(&ring);
  CHECK(pthread_create(&producer, NULL, produce, NULL) == 0);
  uint32_t got = 0, torn = 0, disorder = 0, expected = 0;
  while (ring.index < CONCURRENT_SAMPLES || ecg_ring_front(&ring) != NULL) {
    const struct ecg_sample *sample = ecg_ring_front(&ring);
    if (sample == NULL) continue;
    if (sample->value[0] != (int32_t)sample->index || sample->value[1] != -sample->value[0]) torn++;
    if (sample->index < expected) disorder++;
    expected = sample->index + 1u;
    got++;
    ecg_ring_pop(&ring);
  }
  pthread_join(producer, NULL);
  CHECK_EQUAL(torn, 0);
  CHECK_EQUAL(disorder, 0);
  CHECK_EQUAL(got + ring.dropped, CONCURRENT_SAMPLES);
}

void ring_tests(void) {
  RUN(samples_come_out_in_order_with_their_index);
  RUN(full_ring_drops_the_newest_and_counts_them);
  RUN(missed_sample_takes_an_index);
  RUN(producer_and_consumer_at_once_lose_nothing_unseen);
}
