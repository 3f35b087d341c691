/* UART 0 of the board, a CMSDK APB UART, at 921600 8N1, by interrupts. Called by the main loop. */
#ifndef UART_H
#define UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void uart_init(void);

/* Takes what fits into 256 bytes (2.8 ms at 921600 baud) and returns how much that was. */
size_t uart_write(const uint8_t *bytes, size_t length);

/* Returns how many of at most `capacity` bytes were there. */
size_t uart_read(uint8_t *bytes, size_t capacity);

bool uart_has_received(void);

#endif
