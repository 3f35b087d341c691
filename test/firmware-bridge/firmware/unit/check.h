/* As much of a test harness as these tests need. A failed check ends its test. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

void check_run(const char *name, void (*test)(void));
bool check_fail(const char *file, int line, const char *what);
bool check_equal(const char *file, int line, const char *what, uint64_t actual, uint64_t expected);
bool check_bytes(const char *file, int line, const char *what, const void *actual, const void *expected, size_t length);

#define RUN(test) check_run(#test, test)
#define CHECK(condition)                                                    \
  do {                                                                      \
    if (!(condition) && check_fail(__FILE__, __LINE__, #condition)) return; \
  } while (0)
#define CHECK_EQUAL(actual, expected)                                                                \
  do {                                                                                               \
    if (!check_equal(__FILE__, __LINE__, #actual, (uint64_t)(actual), (uint64_t)(expected))) return; \
  } while (0)
#define CHECK_BYTES(actual, expected, length)                                        \
  do {                                                                               \
    if (!check_bytes(__FILE__, __LINE__, #actual, actual, expected, length)) return; \
  } while (0)

/* One a file; each runs its tests. */
void packet_tests(void);
void vector_tests(void);
void ring_tests(void);
void history_tests(void);
void device_tests(void);
void ads1298_tests(void);
void smp_wire_tests(void);
void smp_server_tests(void);

#endif
