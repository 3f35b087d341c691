/*
 * A whole device on QEMU's mps2-an385: SysTick stands for the DRDY of an ADS1298 on TI's ECG-FE wiring, whose frames
 * are made up from a synthetic ECG; UART 0 is the cable. A reset starts clock and sample index again, under a new boot. Where
 * bootloader.c has started it, it takes firmware updates into the slot that does not run.
 */
#include "ads1298.h"
#include "cortex_m3.h"
#include "ecg_device.h"
#include "handlers.h"
#include "host_flash.h"
#include "semihosting.h"
#include "synthetic_ecg.h"
#include "uart.h"

#ifndef FIRMWARE_VERSION
#define FIRMWARE_VERSION "0.1.0"
#endif

enum { CORE_MHZ = 25, RATE_HZ = 500, PERIOD_US = 1000000 / RATE_HZ, RETAIN = 2000 };

#define LSB_PV ADS1298_LSB_PV(2400, 6)

/* DDI 0479D, 4.4: the 32-bit timer of the Cortex-M System Design Kit. */
#define TIMER_CTRL REGISTER(0x40000000u)
#define TIMER_VALUE REGISTER(0x40000004u)
#define TIMER_RELOAD REGISTER(0x40000008u)

static struct ecg_device device;
static uint8_t history[RETAIN * 31u];
static uint32_t boots __attribute__((section(".kept")));

/* µs since boot, by timer 0, which counts down at 25 MHz and wraps after 171 s. */
static uint64_t clock_us(void *context) {
  static uint64_t cycles;
  static uint32_t seen;
  (void)context;
  const uint32_t state = interrupts_off();
  const uint32_t counted = ~TIMER_VALUE;
  cycles += counted - seen;
  seen = counted;
  const uint64_t now_us = cycles / CORE_MHZ;
  interrupts_restore(state);
  return now_us;
}

static void put_big_endian(uint8_t *at, int32_t value) {
  const uint32_t bits = (uint32_t)value;
  at[0] = (uint8_t)(bits >> 16);
  at[1] = (uint8_t)(bits >> 8);
  at[2] = (uint8_t)bits;
}

/* What the chip would answer on SPI. */
static void read_front_end(uint32_t ms, uint8_t frame[ADS1298_FRAME_SIZE]) {
  int32_t microvolts[SYNTHETIC_ECG_LEADS];
  synthetic_ecg(ms, microvolts);
  frame[0] = 0xc0; /* all electrodes on */
  frame[1] = frame[2] = 0;
  for (unsigned lead = 0; lead < SYNTHETIC_ECG_LEADS; lead++) {
    const int32_t counts = (int32_t)((int64_t)microvolts[lead] * 1000000 / (int64_t)LSB_PV);
    put_big_endian(frame + 3 + 3 * ads1298_ecg_fe_wiring.channel[lead], counts);
  }
}

static void take_sample(uint64_t instant_us) {
  uint8_t frame[ADS1298_FRAME_SIZE];
  struct ads1298_sample sample;
  read_front_end((uint32_t)(instant_us / 1000u % SYNTHETIC_ECG_BEAT_MS), frame);
  if (ads1298_unpack(&ads1298_ecg_fe_wiring, frame, &sample)) {
    ecg_device_sample(&device, sample.value, (uint32_t)instant_us, sample.electrodes_off, sample.saturated);
  } else {
    ecg_device_sample_missed(&device);
  }
}

/* An emulator on a busy host merges interrupts. The front end does not wait for it: what was due is taken late. */
void systick_handler(void) {
  static uint64_t taken_us;
  const uint64_t now_us = clock_us(NULL);
  while (taken_us + PERIOD_US <= now_us) {
    taken_us += PERIOD_US;
    take_sample(taken_us);
  }
}

static size_t write(void *context, const uint8_t *bytes, size_t length) {
  (void)context;
  return uart_write(bytes, length);
}

static uint32_t lock(void *context) {
  (void)context;
  return interrupts_off();
}

static void unlock(void *context, uint32_t state) {
  (void)context;
  interrupts_restore(state);
}

static const char *id(void *context) {
  (void)context;
  return "qemu-mps2-an385";
}

/* No random numbers here: mixes the emulator's wall clock and nanoseconds with a count that survives a reset. */
static uint32_t random_boot(void *context) {
  (void)context;
  uint32_t elapsed[2] = {0};
  semihosting(SYS_ELAPSED, elapsed);
  boots++;
  uint32_t mixed = semihosting(SYS_TIME, NULL) ^ elapsed[0] * 0x9e3779b9u ^ boots * 0x85ebca6bu;
  mixed = (mixed ^ mixed >> 16) * 0x45d9f3bu;
  return mixed ^ mixed >> 16;
}

static void status(void *context, struct ecg_status *report) {
  (void)context;
  report->has_battery = true;
  report->battery = 100;
}

int main(void) {
  const struct ecg_port port = {NULL, clock_us, write, lock, unlock, id, random_boot, status};
  static struct smp_server smp;
  const struct ecg_device_config config = {.model = "ecgclip mps2-an385",
                                           .firmware = FIRMWARE_VERSION,
                                           .leads = synthetic_ecg_leads,
                                           .channels = SYNTHETIC_ECG_LEADS,
                                           .width = 3,
                                           .rate_mhz = RATE_HZ * 1000u,
                                           .lsb_pv = LSB_PV,
                                           .carrier = ECG_CARRIER_BYTES,
                                           .packet_limit = ECG_PACKET_MAX,
                                           .history = history,
                                           .history_bytes = sizeof history,
                                           .smp = host_flash_serve(&smp) ? &smp : NULL};
  if (ecg_device_init(&device, &config, &port) != NULL) return 1;
  TIMER_RELOAD = TIMER_VALUE = UINT32_MAX;
  TIMER_CTRL = 1;
  uart_init();
  SYST_RVR = CORE_MHZ * PERIOD_US - 1u;
  SYST_CVR = 0;
  SYST_CSR = SYST_ENABLE_WITH_INTERRUPT_FROM_CORE_CLOCK;
  for (;;) {
    uint8_t bytes[64];
    size_t length;
    while ((length = uart_read(bytes, sizeof bytes)) > 0) ecg_device_receive(&device, bytes, length);
    ecg_device_poll(&device);
    const uint32_t state = interrupts_off();
    if (!uart_has_received()) wait_for_interrupt();
    interrupts_restore(state);
  }
}
