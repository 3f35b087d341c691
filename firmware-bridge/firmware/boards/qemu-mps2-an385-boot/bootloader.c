/*
 * Runs first, from address 0: chooses an image (boot.h), loads it to where its header says (MCUboot's RAM load), and starts it.
 * Where no image is to be had it stays here, for a person to see.
 */
#include "boot.h"
#include "cortex_m3.h"
#include "handlers.h"
#include "handover.h"
#include "host_flash.h"

int main(void);

/* The vector table has places for them; nothing here raises them. */
void systick_handler(void) {}
void uart_receive_handler(void) {}
void uart_transmit_handler(void) {}

/* Where the firmware is linked (Makefile), an image header before it. */
#define LOAD_ADDRESS 0x00200000u

__attribute__((noreturn)) static void start(uint32_t vectors) {
  SCB_VTOR = vectors;
  __asm__ volatile(
      "ldr r0, [%0]      \n" /* stack */
      "ldr r1, [%0, #4]  \n" /* reset handler */
      "msr msp, r0       \n"
      "bx r1             \n" ::"r"(vectors)
      : "r0", "r1", "memory");
  __builtin_unreachable();
}

int main(void) {
  static struct emulated_flash flash;
  struct smp_image image;
  if (!host_flash_open(&flash)) return 1;
  const struct smp_flash_port port = emulated_flash_port(&flash);
  const int slot = boot_choose(&port, &image);
  if (slot == BOOT_NONE) return 1;
  if (!port.read(port.context, (uint8_t)slot, 0, (uint8_t *)LOAD_ADDRESS, image.hashed)) return 1;
  handover.magic = HANDOVER_MAGIC;
  handover.running = (uint32_t)slot;
  start(LOAD_ADDRESS + image.header_size);
}
