/*
 * What the library needs from a board. Seven functions, each given `context`; none may call back into the library.
 */
#ifndef ECG_PORT_H
#define ECG_PORT_H

#include <stddef.h>
#include <stdint.h>

#include "ecg_link_payload.h"

struct ecg_port {
  void *context;

  /* µs since boot; monotonic, never wraps. Called by the main loop. Sampling instants must come from the same clock. */
  uint64_t (*clock_us)(void *context);

  /*
   * Takes up to `length` bytes for the carrier without waiting and returns how many; the rest is offered again. A
   * carrier of packets (BLE) takes all or none. What waits inside the driver delays the answer to a time request after
   * its "sent" stamp has been written: keep that buffer to a few milliseconds.
   */
  size_t (*write)(void *context, const uint8_t *bytes, size_t length);

  /* Keep out the interrupts that call ecg_device_event, some 20 instructions; `unlock` gets what `lock` returned. */
  uint32_t (*lock)(void *context);
  void (*unlock)(void *context, uint32_t state);

  /* Unique per device, UTF-8, valid for as long as the device is: from the MCU's serial number, say. */
  const char *(*id)(void *context);

  /* Another value at each boot, with any luck: a hardware random number, or a mix of what differs between boots. */
  uint32_t (*random)(void *context);

  /* Fills in battery and temperature where they are known. `dropped` and `uptime_ms` are set already. */
  void (*status)(void *context, struct ecg_status *status);
};

#endif
