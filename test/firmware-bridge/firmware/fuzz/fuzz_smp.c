/*
 * Any requests, and any bytes on a console, to a device whose flash is as strict as real flash and now and then fails: it reads and
 * writes inside its slots only, its answers are whole, and the image that runs is never touched but to confirm it.
 */
#include <stdlib.h>
#include <string.h>

#include "smp_console.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SLOT = 4096, SECTOR = 512, BUFFER = 256 };

static uint8_t flash[2][SLOT];
static unsigned failures; /* operations until one fails; 0: none does */

static void must(bool holds) {
  if (!holds) abort();
}

static bool fails(void) {
  return failures > 0 && --failures == 0;
}

static uint8_t running(void *context) {
  (void)context;
  return 0;
}

static uint32_t slot_size(void *context, uint8_t slot) {
  (void)context;
  must(slot < 2);
  return SLOT;
}

static bool read(void *context, uint8_t slot, uint32_t offset, uint8_t *bytes, size_t length) {
  (void)context;
  must(slot < 2 && offset <= SLOT && length <= SLOT - offset);
  memcpy(bytes, flash[slot] + offset, length);
  return !fails();
}

static bool write(void *context, uint8_t slot, uint32_t offset, const uint8_t *bytes, size_t length) {
  (void)context;
  must(slot < 2 && offset <= SLOT && length <= SLOT - offset);
  must(offset % SMP_WRITE_SIZE == 0 && length % SMP_WRITE_SIZE == 0);
  must(slot == 1 || offset >= SLOT - 48u); /* of the image that runs its trailer alone */
  for (size_t i = 0; i < length; i++) must(flash[slot][offset + i] == 0xff);
  if (fails()) return false;
  memcpy(flash[slot] + offset, bytes, length);
  return true;
}

static bool erase(void *context, uint8_t slot, uint32_t offset) {
  (void)context;
  must(slot == 1 && offset % SECTOR == 0 && offset < SLOT);
  if (fails()) return false;
  memset(flash[slot] + offset, 0xff, SECTOR);
  return true;
}

static void reset(void *context) {
  (void)context;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static struct smp_server server;
  static struct smp_console console;
  static uint8_t frame[BUFFER];
  const struct smp_flash_port port = {NULL, SECTOR, size > 0 && (data[0] & 1), running, slot_size, read, write, erase, reset};
  const uint8_t *const end = data + size;
  if (size < 2) return 0;
  memset(flash, 0xff, sizeof flash);
  failures = data[1];
  smp_server_init(&server, &port, BUFFER, 2);
  smp_console_init(&console, &server, frame, sizeof frame);
  for (data += 2; end - data >= 2;) {
    const uint8_t action = data[0];
    const size_t length = (size_t)(end - data - 2) < data[1] ? (size_t)(end - data - 2) : data[1];
    data += 2;
    if (action % 4 == 0) {
      smp_console_receive(&console, data, length);
    } else { /* a whole request, so that the fuzzer need not guess lengths */
      static const uint16_t commands[] = {0x000, 0x005, 0x006, 0x100, 0x101, 0x105, 0x106, 0x107};
      uint8_t request[SMP_HEADER_SIZE + 255] = {(uint8_t)(action & 0x0a), 0, 0, (uint8_t)length};
      const uint16_t command = commands[action >> 5];
      request[5] = (uint8_t)(command >> 8);
      request[7] = (uint8_t)command;
      memcpy(request + SMP_HEADER_SIZE, data, length);
      smp_server_receive(&server, request, SMP_HEADER_SIZE + length);
    }
    data += length;
    const uint8_t *bytes;
    size_t pending;
    while (action % 2 == 0 && (pending = smp_console_pending(&console, &bytes)) > 0) {
      must(pending <= SMP_CONSOLE_LINE_MAX - 1 && bytes[pending - 1] == '\n');
      smp_console_sent(&console, pending);
    }
    must(server.answers_length <= SMP_ANSWERS_SIZE);
    must(server.upload.offset <= server.upload.length);
  }
  return 0;
}
