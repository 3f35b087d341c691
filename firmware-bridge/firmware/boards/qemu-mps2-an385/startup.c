/* From reset to main: vector table, memory, faults. */
#include <stdint.h>

#include "handlers.h"

extern uint32_t data_begin[], data_end[], data_image[], bss_begin[], bss_end[], stack_top[];

int main(void);

void reset_handler(void) {
  for (uint32_t *to = data_begin, *from = data_image; to < data_end; to++, from++) *to = *from;
  for (uint32_t *to = bss_begin; to < bss_end; to++) *to = 0;
  main();
  for (;;) continue;
}

static void stop(void) {
  for (;;) continue;
}

/*
 * Where nothing serves semihosting its BKPT 0xAB ends here: answers −1 and goes on behind it, so that the image runs
 * with and without `-semihosting-config`. Any other fault stops.
 */
__attribute__((naked)) static void hard_fault_handler(void) {
  __asm__ volatile(
      "ldr r0, [sp, #24]  \n" /* the stacked program counter */
      "ldrh r1, [r0]      \n"
      "movw r2, #0xbeab   \n"
      "cmp r1, r2         \n"
      "bne .              \n"
      "adds r0, #2        \n"
      "str r0, [sp, #24]  \n"
      "mov r0, #-1        \n"
      "str r0, [sp]       \n" /* the stacked r0 */
      "bx lr              \n");
}

typedef void (*handler)(void);

__attribute__((section(".vectors"), used)) static const struct {
  uint32_t *stack;
  handler system[15]; /* 1 reset, 3 hard fault, 15 SysTick */
  handler interrupt[2];
} vectors = {
    stack_top,
    {reset_handler, stop, hard_fault_handler, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop, stop,
     systick_handler},
    {uart_receive_handler, uart_transmit_handler},
};
