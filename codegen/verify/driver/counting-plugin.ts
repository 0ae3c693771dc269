/**
 * A plugin of QEMU's (its TCG plugin API, version 1) that counts how often each block of instructions of a model runs,
 * and how often control then goes elsewhere than to the next instruction. QEMU's own header is missing from some
 * distributions, so that the functions in use are declared here.
 *
 * Arguments: `points`, a file with addresses in hexadecimal: the function that runs the model, the one that observed
 * C shows its layers to (0: none), and one for each layer, which that one calls. `counts`, the file to be written, a
 * line for each layer and block: layer, first address, address behind it, runs, departures. Instructions until a layer
 * was shown are that layer's, those of the observing function nobody's; without layers all is in layer 0.
 */
export const countingPlugin = `#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef uint64_t plugin_id;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id, void (*)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_tb_exec_cb(struct qemu_plugin_tb *, void (*)(unsigned, void *), int, void *);
void qemu_plugin_register_atexit_cb(plugin_id, void (*)(plugin_id, void *), void *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *, size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *);

#define EXPORT __attribute__((visibility("default")))
EXPORT int qemu_plugin_version = 1;

struct block {
  uint64_t begin, end;
  int layer; /* that it is called for, or -1 */
  uint64_t runs, departures; /* since a layer was shown */
  uint64_t *sums;            /* of each layer: runs, departures */
  struct block *next;        /* of all */
  struct block *next_touched;
};

static struct block *blocks, *touched, *previous;
static uint64_t run_begin, observe_begin, *layer_begin, run_back, observe_back;
static int layers, inside, observing, counted;
static char counts_file[4096];

static void assign_to(int layer) {
  while (touched) {
    struct block *block = touched;
    touched = block->next_touched;
    block->sums[2 * layer] += block->runs;
    block->sums[2 * layer + 1] += block->departures;
    block->runs = block->departures = 0;
  }
}

static void block_runs(unsigned cpu, void *data) {
  struct block *block = data;
  (void)cpu;
  if (counted && block->begin != previous->end) previous->departures++;
  if (block->begin == run_begin) {
    inside = 1;
    run_back = previous->end;
  } else if (inside && block->begin == run_back) {
    inside = 0;
    assign_to(layers - 1);
  }
  if (inside && observe_begin && block->begin == observe_begin) {
    observing = 1;
    observe_back = previous->end;
  } else if (observing && block->begin == observe_back) {
    observing = 0;
  }
  if (observing && block->layer >= 0) assign_to(block->layer);
  counted = inside && !observing;
  if (counted) {
    if (block->runs++ == 0) {
      block->next_touched = touched;
      touched = block;
    }
  }
  previous = block;
}

static void block_is_translated(plugin_id id, struct qemu_plugin_tb *tb) {
  struct block *block = calloc(1, sizeof *block);
  struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, 0);
  struct qemu_plugin_insn *last = qemu_plugin_tb_get_insn(tb, qemu_plugin_tb_n_insns(tb) - 1);
  (void)id;
  block->begin = qemu_plugin_insn_vaddr(first);
  block->end = qemu_plugin_insn_vaddr(last) + qemu_plugin_insn_size(last);
  block->layer = -1;
  for (int i = 0; i < layers; i++)
    if (layer_begin[i] == block->begin) block->layer = i;
  block->sums = calloc((size_t)layers, 2 * sizeof *block->sums);
  block->next = blocks;
  blocks = block;
  qemu_plugin_register_vcpu_tb_exec_cb(tb, block_runs, 0, block);
}

static void write_counts(plugin_id id, void *data) {
  FILE *file = fopen(counts_file, "w");
  (void)id; (void)data;
  if (!file) return;
  for (struct block *block = blocks; block; block = block->next)
    for (int i = 0; i < layers; i++)
      if (block->sums[2 * i])
        fprintf(file, "%d %" PRIx64 " %" PRIx64 " %" PRIu64 " %" PRIu64 "\\n", i, block->begin, block->end,
                block->sums[2 * i], block->sums[2 * i + 1]);
  fclose(file);
}

EXPORT int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments);
EXPORT int qemu_plugin_install(plugin_id id, const void *info, int count, char **arguments) {
  (void)info;
  for (int i = 0; i < count; i++) {
    if (!strncmp(arguments[i], "counts=", 7)) snprintf(counts_file, sizeof counts_file, "%s", arguments[i] + 7);
    if (!strncmp(arguments[i], "points=", 7)) {
      FILE *file = fopen(arguments[i] + 7, "r");
      uint64_t address;
      if (!file || fscanf(file, "%" SCNx64 " %" SCNx64, &run_begin, &observe_begin) != 2) return 1;
      while (fscanf(file, "%" SCNx64, &address) == 1) {
        layer_begin = realloc(layer_begin, (size_t)(layers + 1) * sizeof *layer_begin);
        layer_begin[layers++] = address;
      }
      fclose(file);
    }
  }
  if (!run_begin || !layers) return 1;
  qemu_plugin_register_vcpu_tb_trans_cb(id, block_is_translated);
  qemu_plugin_register_atexit_cb(id, write_counts, 0);
  return 0;
}
`;
