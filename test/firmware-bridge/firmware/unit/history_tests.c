#include "check.h"
#include "ecg_history.h"

enum { CAPACITY = 10, STRIDE = 7 + 2 * 3 };

static uint8_t memory[CAPACITY * STRIDE + 5];
static struct ecg_history history;

static void make(uint8_t width) {
  ecg_history_init(&history, memory, sizeof memory, 2, width);
}

static void append(uint32_t index) {
  const struct ecg_sample sample = {.value = {(int32_t)index, -(int32_t)index},
                                    .index = index,
                                    .clock_us = 2000u * index,
                                    .electrodes_off = (uint16_t)index};
  ecg_history_append(&history, &sample);
}

static void holds_as_many_samples_as_fit_and_forgets_the_oldest(void) {
  make(3);
  CHECK_EQUAL(history.capacity, CAPACITY);
  for (uint32_t i = 0; i < 25; i++) append(i);
  CHECK_EQUAL(ecg_history_oldest(&history), 15);
  CHECK_EQUAL(history.next, 25);
  uint8_t values[4 * 6];
  const struct ecg_history_block block = ecg_history_read(&history, 18, 4, values); /* across the end of the memory */
  const uint8_t expected[] = {18, 0, 0, 0xee, 0xff, 0xff, 19, 0, 0, 0xed, 0xff, 0xff,
                              20, 0, 0, 0xec, 0xff, 0xff, 21, 0, 0, 0xeb, 0xff, 0xff};
  CHECK_BYTES(values, expected, sizeof expected);
  CHECK_EQUAL(block.clock_us, 36000);
  CHECK_EQUAL(block.electrodes_off, 18 | 19 | 20 | 21);
}

static void dropped_samples_are_holes_between_runs(void) {
  make(3);
  append(0);
  append(1);
  append(5);
  struct ecg_history_run run = ecg_history_run(&history, 0, 100);
  CHECK(run.present && run.count == 2);
  run = ecg_history_run(&history, 2, 100);
  CHECK(!run.present && run.count == 3);
  run = ecg_history_run(&history, 3, 1);
  CHECK(!run.present && run.count == 1);
  run = ecg_history_run(&history, 5, 100);
  CHECK(run.present && run.count == 1);
}

static void hole_longer_than_the_history_leaves_only_holes(void) {
  make(3);
  append(0);
  append(1000000);
  CHECK_EQUAL(history.next, 1000001);
  const struct ecg_history_run run = ecg_history_run(&history, ecg_history_oldest(&history), 100);
  CHECK(!run.present);
  CHECK_EQUAL(run.count, CAPACITY - 1);
}

static void value_beyond_two_bytes_is_cut_and_marked(void) {
  make(2);
  const struct ecg_sample sample = {.value = {40000, -40000}};
  uint8_t values[4];
  ecg_history_append(&history, &sample);
  const struct ecg_history_block block = ecg_history_read(&history, 0, 1, values);
  const uint8_t expected[] = {0xff, 0x7f, 0x00, 0x80};
  CHECK_BYTES(values, expected, sizeof expected);
  CHECK(block.saturated);
}

static void index_goes_on_beyond_32_bits(void) {
  make(3);
  history.next = 0xfffffffeu;
  append(0xfffffffeu);
  append(0xffffffffu);
  append(0);
  append(2);
  CHECK_EQUAL(history.next, 0x100000003u);
  CHECK_EQUAL(ecg_history_clock(&history, 0x100000002u), 4000);
  CHECK(!ecg_history_run(&history, 0x100000001u, 1).present);
}

void history_tests(void) {
  RUN(holds_as_many_samples_as_fit_and_forgets_the_oldest);
  RUN(dropped_samples_are_holes_between_runs);
  RUN(hole_longer_than_the_history_leaves_only_holes);
  RUN(value_beyond_two_bytes_is_cut_and_marked);
  RUN(index_goes_on_beyond_32_bits);
}
