/**
 * The C program around a model, the same for our C and for TVM's, on this machine and on the emulated board. It reads
 * `input.bin` (raw cells, any number of images), runs each image, writes `output.bin`, and one line of JSON per
 * image to `report.txt`: the executed instructions of that inference (0 on this machine) and the depth of its stack, found by filling
 * the free stack with a pattern beforehand.
 *
 * `model_glue.h`, beside it, defines MODEL_INPUT and MODEL_OUTPUT (numbers of cells) with their types, `model_run` and
 * `model_ram_bytes` (RAM of the model besides input, output and stack, known after the last run).
 */
export const driverSource = `#include <stdint.h>
#include <stdio.h>

#ifndef MODEL_ALIGNMENT
#define MODEL_ALIGNMENT 64
#endif
#include "model_glue.h"

#if defined(__riscv)
static uint64_t instructions_now(void) {
#if __riscv_xlen == 64
  uint64_t count;
  __asm__ volatile("rdinstret %0" : "=r"(count) : : "memory");
  return count;
#else
  uint32_t high, low, again;
  do {
    __asm__ volatile("rdinstreth %0\\n rdinstret %1\\n rdinstreth %2" : "=r"(high), "=r"(low), "=r"(again) : : "memory");
  } while (high != again);
  return ((uint64_t)high << 32) | low;
#endif
}
#else
static uint64_t instructions_now(void) { return 0; }
#endif

enum { painted_bytes = 384 * 1024, own_frame_bytes = 64 };
static const uint32_t pattern = 0x5eed5eedu;

/* Fills the stack below the caller's frame and returns where it begins. */
static __attribute__((noinline)) uintptr_t paint_stack(void) {
  uintptr_t top = (uintptr_t)__builtin_frame_address(0) & ~(uintptr_t)15;
  volatile uint32_t *cell = (volatile uint32_t *)(top - own_frame_bytes);
  volatile uint32_t *end = (volatile uint32_t *)(top - painted_bytes);
  while (cell != end) *--cell = pattern;
  return top;
}

/* Bytes from there down to the deepest cell that has changed. */
static __attribute__((noinline)) unsigned long stack_depth(uintptr_t top) {
  const volatile uint32_t *cell = (const volatile uint32_t *)(top - painted_bytes);
  while ((uintptr_t)cell < top - own_frame_bytes && *cell == pattern) cell++;
  return (unsigned long)(top - (uintptr_t)cell);
}

static model_input input[MODEL_INPUT] __attribute__((aligned(MODEL_ALIGNMENT)));
static model_output output[MODEL_OUTPUT] __attribute__((aligned(MODEL_ALIGNMENT)));

int main(void) {
  FILE *in = fopen("input.bin", "rb");
  FILE *out = fopen("output.bin", "wb");
  FILE *report = fopen("report.txt", "w");
  if (!in || !out || !report) return 2;
  while (fread(input, sizeof input[0], MODEL_INPUT, in) == MODEL_INPUT) {
    uint64_t before, between, after, executed;
    uintptr_t top = paint_stack();
    int status;
    before = instructions_now();
    between = instructions_now();
    status = model_run(input, output);
    after = instructions_now();
    executed = (after - between) - (between - before);
    fprintf(report, "{\\"status\\":%d,\\"stack\\":%lu,\\"high\\":%lu,\\"low\\":%lu}\\n", status,
            stack_depth(top), (unsigned long)(executed >> 32), (unsigned long)(executed & 0xffffffffu));
    if (status != 0) return 3;
    if (fwrite(output, sizeof output[0], MODEL_OUTPUT, out) != MODEL_OUTPUT) return 2;
  }
  fclose(in);
  if (fclose(out) != 0) return 2;
  fprintf(report, "{\\"ram\\":%lu}\\n", model_ram_bytes());
  return fclose(report) == 0 ? 0 : 2;
}
`;
