#include "host_flash.h"

#include "cortex_m3.h"
#include "handover.h"
#include "semihosting.h"

enum { NAME_MAX_BYTES = 256 };

static uint32_t file = SEMIHOSTING_FAILED;

static uint32_t length_of(const char *text) {
  uint32_t length = 0;
  while (text[length] != 0) length++;
  return length;
}

/* SYS_READ and SYS_WRITE return how many bytes they have not done. */
static bool transfer(enum semihosting_operation operation, uint32_t at, uint32_t memory, size_t length) {
  uint32_t seek[2] = {file, at};
  uint32_t bytes[3] = {file, memory, length};
  return semihosting(SYS_SEEK, seek) == 0 && semihosting(operation, bytes) == 0;
}

static bool read(uint32_t at, uint8_t *bytes, size_t length) {
  return transfer(SYS_READ, at, (uint32_t)bytes, length);
}

static bool write(uint32_t at, const uint8_t *bytes, size_t length) {
  return transfer(SYS_WRITE, at, (uint32_t)bytes, length);
}

static void reset(void) {
  SCB_AIRCR = SCB_AIRCR_RESET;
  for (;;) continue;
}

bool host_flash_open(struct emulated_flash *flash) {
  static char name[NAME_MAX_BYTES];
  uint32_t line[2] = {(uint32_t)name, sizeof name};
  if (semihosting(SYS_GET_CMDLINE, line) != 0) return false;
  uint32_t open[3] = {(uint32_t)name, SEMIHOSTING_READ_WRITE, length_of(name)};
  file = semihosting(SYS_OPEN, open);
  *flash = (struct emulated_flash){.read = read, .write = write, .reset = reset};
  return file != SEMIHOSTING_FAILED;
}

bool host_flash_serve(struct smp_server *server) {
  static struct emulated_flash flash;
  if (handover.magic != HANDOVER_MAGIC || !host_flash_open(&flash)) return false;
  flash.running = (uint8_t)handover.running;
  const struct smp_flash_port port = emulated_flash_port(&flash);
  smp_server_init(server, &port, UPDATE_BUFFER, UPDATE_BUFFERS);
  return true;
}
