#include "ads1298.h"
#include "check.h"

static void frame_of(uint8_t frame[ADS1298_FRAME_SIZE], uint32_t status) {
  for (unsigned i = 0; i < ADS1298_FRAME_SIZE; i++) frame[i] = 0;
  frame[0] = (uint8_t)(status >> 16);
  frame[1] = (uint8_t)(status >> 8);
  frame[2] = (uint8_t)status;
  for (unsigned n = 0; n < ADS1298_CHANNELS; n++) frame[3 + 3 * n + 2] = (uint8_t)(n + 1); /* channel n holds n */
}

static struct ads1298_sample sample;
static uint8_t frame[ADS1298_FRAME_SIZE];

static void values_are_24_bit_and_most_significant_first(void) {
  frame_of(frame, 0xc00000);
  frame[3] = 0x12, frame[4] = 0x34, frame[5] = 0x56;
  frame[6] = 0xff, frame[7] = 0xff, frame[8] = 0xfe;
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK_EQUAL(sample.value[0], 0x123456);
  CHECK_EQUAL(sample.value[1], -(int64_t)2);
  CHECK(!sample.saturated);
  CHECK_EQUAL(sample.electrodes_off, 0);
}

static void either_end_of_the_range_is_saturation(void) {
  frame_of(frame, 0xc00000);
  frame[3] = 0x7f, frame[4] = 0xff, frame[5] = 0xff;
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK(sample.saturated);
  frame[3] = 0x80, frame[4] = 0x00, frame[5] = 0x00;
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK(sample.saturated);
  CHECK_EQUAL(sample.value[0], -(int64_t)0x800000);
  frame[5] = 0x01;
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK(!sample.saturated);
}

/* What a user saw when a clock edge was lost: 1101 … (TI forum, thread 63155). */
static void slipped_bits_are_refused(void) {
  frame_of(frame, 0xdfffe0);
  CHECK(!ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  frame_of(frame, 0x000000);
  CHECK(!ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
}

static void channels_follow_the_wiring(void) {
  frame_of(frame, 0xc00000);
  CHECK(ads1298_unpack(&ads1298_ecg_fe_wiring, frame, &sample));
  const int32_t chip_channel[ADS1298_CHANNELS] = {2, 3, 8, 4, 5, 6, 7, 1}; /* of I, II, V1 … V6 */
  for (unsigned n = 0; n < ADS1298_CHANNELS; n++) CHECK_EQUAL(sample.value[n], chip_channel[n]);
}

static void lead_off_bits_name_electrodes(void) {
  frame_of(frame, 0xc00000 | 1u << 12); /* LOFF_STATP bit 0: IN1P */
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK_EQUAL(sample.electrodes_off, ECG_LA);
  CHECK(ads1298_unpack(&ads1298_ecg_fe_wiring, frame, &sample));
  CHECK_EQUAL(sample.electrodes_off, ECG_V6);
  frame_of(frame, 0xc00000 | 1u << 19); /* LOFF_STATP bit 7: IN8P */
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK_EQUAL(sample.electrodes_off, ECG_V6);
  frame_of(frame, 0xc00000 | 1u << 4); /* LOFF_STATN bit 0: IN1N */
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK_EQUAL(sample.electrodes_off, ECG_RA);
}

/* Wilson's terminal is no electrode (TI forum, thread 63155: LOFF_STATN bits 7 to 2 are driven by the WCT amplifiers).
 */
static void lead_off_of_wilsons_terminal_means_nothing(void) {
  frame_of(frame, 0xc00000 | 0xfcu << 4);
  CHECK(ads1298_unpack(&ads1298_straight_wiring, frame, &sample));
  CHECK_EQUAL(sample.electrodes_off, 0);
}

static void count_is_47684_picovolts_at_gain_6(void) {
  CHECK_EQUAL(ADS1298_LSB_PV(2400, 6), 47684);
  CHECK_EQUAL(ADS1298_LSB_PV(4000, 1), 476837);
}

void ads1298_tests(void) {
  RUN(values_are_24_bit_and_most_significant_first);
  RUN(either_end_of_the_range_is_saturation);
  RUN(slipped_bits_are_refused);
  RUN(channels_follow_the_wiring);
  RUN(lead_off_bits_name_electrodes);
  RUN(lead_off_of_wilsons_terminal_means_nothing);
  RUN(count_is_47684_picovolts_at_gain_6);
}
