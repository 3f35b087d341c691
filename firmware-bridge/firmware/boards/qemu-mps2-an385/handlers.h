/* Called by the vector table only. */
#ifndef HANDLERS_H
#define HANDLERS_H

void reset_handler(void);
void systick_handler(void);       /* main.c: a sample, every 2 ms */
void uart_receive_handler(void);  /* uart.c, interrupt 0 */
void uart_transmit_handler(void); /* uart.c, interrupt 1 */

#endif
