#include "file_flash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "boot.h"
#include "emulated_flash.h"

static int file = -1;
static struct emulated_flash flash;

static bool read_file(uint32_t at, uint8_t *bytes, size_t length) {
  return pread(file, bytes, length, (off_t)at) == (ssize_t)length;
}

static bool write_file(uint32_t at, const uint8_t *bytes, size_t length) {
  return pwrite(file, bytes, length, (off_t)at) == (ssize_t)length;
}

void file_flash_open(const char *path) {
  struct stat status;
  file = open(path, O_RDWR);
  if (file < 0 || fstat(file, &status) < 0 || status.st_size != EMULATED_FLASH_SIZE) {
    fprintf(stderr, "ecg-device-posix: %s must be a file of %d bytes to be flash%s%s\n", path, EMULATED_FLASH_SIZE,
            file < 0 ? ": " : "", file < 0 ? strerror(errno) : "");
    exit(2);
  }
}

void file_flash_boot(struct smp_server *server, void (*reset)(void), char version[SMP_VERSION_TEXT_MAX]) {
  struct smp_image image;
  flash = (struct emulated_flash){.read = read_file, .write = write_file, .reset = reset};
  const struct smp_flash_port port = emulated_flash_port(&flash);
  const int slot = boot_choose(&port, &image);
  if (slot == BOOT_NONE) {
    fputs("ecg-device-posix: neither slot holds an image to boot\n", stderr);
    exit(3);
  }
  flash.running = (uint8_t)slot;
  smp_image_version_text(&image.version, version);
  smp_server_init(server, &port, UPDATE_BUFFER, UPDATE_BUFFERS);
}
