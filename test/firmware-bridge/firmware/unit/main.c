#include <stdio.h>
#include <string.h>

#include "check.h"

static const char *running;
static bool failed;
static int passes, failures;

void check_run(const char *name, void (*test)(void)) {
  running = name;
  failed = false;
  test();
  if (failed) {
    failures++;
  } else {
    passes++;
  }
}

bool check_fail(const char *file, int line, const char *what) {
  failed = true;
  printf("%s:%d: %s: %s\n", file, line, running, what);
  return true;
}

bool check_equal(const char *file, int line, const char *what, uint64_t actual, uint64_t expected) {
  if (actual == expected) return true;
  char text[256];
  snprintf(text, sizeof text, "%s is %llu (0x%llx), not %llu (0x%llx)", what, (unsigned long long)actual,
           (unsigned long long)actual, (unsigned long long)expected, (unsigned long long)expected);
  check_fail(file, line, text);
  return false;
}

bool check_bytes(const char *file, int line, const char *what, const void *actual, const void *expected,
                 size_t length) {
  if (memcmp(actual, expected, length) == 0) return true;
  check_fail(file, line, what);
  for (size_t i = 0; i < length; i++) {
    const unsigned a = ((const uint8_t *)actual)[i], e = ((const uint8_t *)expected)[i];
    if (a != e) {
      printf("  first difference at %zu: %02x, not %02x\n", i, a, e);
      break;
    }
  }
  return false;
}

int main(void) {
  packet_tests();
  vector_tests();
  ring_tests();
  history_tests();
  device_tests();
  ads1298_tests();
  smp_wire_tests();
  smp_server_tests();
  printf("%d passed, %d failed\n", passes, failures);
  return failures == 0 ? 0 : 1;
}
