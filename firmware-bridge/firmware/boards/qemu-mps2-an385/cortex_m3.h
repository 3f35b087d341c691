/* The few registers and instructions of an ARMv7-M core that this board uses (DDI 0403E, B3). */
#ifndef CORTEX_M3_H
#define CORTEX_M3_H

#include <stdint.h>

#define REGISTER(address) (*(volatile uint32_t *)(address))

#define SYST_CSR REGISTER(0xe000e010u)
#define SYST_RVR REGISTER(0xe000e014u)
#define SYST_CVR REGISTER(0xe000e018u)
#define SYST_ENABLE_WITH_INTERRUPT_FROM_CORE_CLOCK 7u
#define SCB_VTOR REGISTER(0xe000ed08u)
#define SCB_AIRCR REGISTER(0xe000ed0cu)
#define SCB_AIRCR_RESET 0x05fa0004u
#define NVIC_ISER0 REGISTER(0xe000e100u)

static inline uint32_t interrupts_off(void) {
  uint32_t primask;
  __asm__ volatile("mrs %0, primask\n\tcpsid i" : "=r"(primask)::"memory");
  return primask;
}

static inline void interrupts_restore(uint32_t primask) {
  __asm__ volatile("msr primask, %0" ::"r"(primask) : "memory");
}

/* Sleeps until an interrupt is pending, also while interrupts are off. */
static inline void wait_for_interrupt(void) {
  __asm__ volatile("dsb\n\twfi" ::: "memory");
}

#endif
