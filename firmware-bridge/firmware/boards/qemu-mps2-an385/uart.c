#include "uart.h"

#include "cortex_m3.h"
#include "handlers.h"

/* DDI 0479D, 4.3: the APB UART of the Cortex-M System Design Kit. */
#define UART_DATA REGISTER(0x40004000u)
#define UART_STATE REGISTER(0x40004004u)
#define UART_CTRL REGISTER(0x40004008u)
#define UART_INTCLEAR REGISTER(0x4000400cu)
#define UART_BAUDDIV REGISTER(0x40004010u)
enum { STATE_TX_FULL = 1, STATE_RX_FULL = 2 };
enum { CTRL_TX = 1, CTRL_RX = 2, CTRL_TX_INTERRUPT = 4, CTRL_RX_INTERRUPT = 8 };
enum { INTERRUPT_TX = 1, INTERRUPT_RX = 2 };
enum { BAUD = 921600, CLOCK_HZ = 25000000 };

/* Powers of two. Whole messages of a firmware update wait here while the one before is written to flash. */
enum { TX_SIZE = 256, RX_SIZE = 8192 };

/* One side writes `in`, the other `out`; both only rise. */
static struct {
  volatile uint32_t in, out;
  volatile uint8_t bytes[TX_SIZE];
} tx;
static struct {
  volatile uint32_t in, out;
  volatile uint8_t bytes[RX_SIZE];
} rx;

void uart_init(void) {
  UART_BAUDDIV = (CLOCK_HZ + BAUD / 2) / BAUD;
  UART_CTRL = CTRL_TX | CTRL_RX | CTRL_TX_INTERRUPT | CTRL_RX_INTERRUPT;
  NVIC_ISER0 = 3; /* 0: received, 1: transmitted */
}

/* Each byte that leaves raises the interrupt for the next; the first one has to be pushed. */
static void feed(void) {
  while (tx.out != tx.in && (UART_STATE & STATE_TX_FULL) == 0) {
    UART_DATA = tx.bytes[tx.out % TX_SIZE];
    tx.out = tx.out + 1;
  }
}

void uart_transmit_handler(void) {
  UART_INTCLEAR = INTERRUPT_TX;
  feed();
}

/* What finds no room is lost, as on any UART; the framer then drops one frame. */
void uart_receive_handler(void) {
  UART_INTCLEAR = INTERRUPT_RX;
  while (UART_STATE & STATE_RX_FULL) {
    const uint8_t byte = (uint8_t)UART_DATA;
    if (rx.in - rx.out == RX_SIZE) continue;
    rx.bytes[rx.in % RX_SIZE] = byte;
    rx.in = rx.in + 1;
  }
}

size_t uart_write(const uint8_t *bytes, size_t length) {
  size_t taken = 0;
  while (taken < length && tx.in - tx.out < TX_SIZE) {
    tx.bytes[tx.in % TX_SIZE] = bytes[taken++];
    tx.in = tx.in + 1;
  }
  const uint32_t state = interrupts_off();
  feed();
  interrupts_restore(state);
  return taken;
}

size_t uart_read(uint8_t *bytes, size_t capacity) {
  size_t count = 0;
  while (count < capacity && uart_has_received()) {
    bytes[count++] = rx.bytes[rx.out % RX_SIZE];
    rx.out = rx.out + 1;
  }
  return count;
}

bool uart_has_received(void) {
  return rx.in != rx.out;
}
