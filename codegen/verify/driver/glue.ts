import { ConfigError } from "../../../engine/errors.ts";
import { elementCount } from "../../../engine/shape.ts";
import { elements, type ElementName } from "../../element.ts";
import type { ModelSource } from "../program.ts";
import type { VerifiableCode } from "../verify.ts";

/** What a driver has to know of C that Finch generated. */
export interface ModelInterface {
  readonly prefix: string;
  readonly header: string;
  readonly inputLength: number;
  readonly outputLength: number;
  readonly inputElement: ElementName;
  readonly outputElement: ElementName;
}

/** @throws ConfigError when a file is missing */
function interfaceOf(code: VerifiableCode): ModelInterface {
  const { prefix, files, inputShape, outputSize, inputElement, outputElement } = code;
  const header = files.find(({ name }) => name.endsWith(".h"))?.name;
  if (header === undefined) throw new ConfigError(`verify: the generated C of ${prefix} has no header`);
  const inputLength = elementCount(inputShape);
  return { prefix, header, inputLength, outputLength: outputSize, inputElement, outputElement };
}

/** What is compiled to run generated C. @param glue of that C; default `finchGlue` */
export function sourceOf(code: VerifiableCode, glue: (model: ModelInterface) => string = finchGlue): ModelSource {
  const model = interfaceOf(code);
  return { ...model, files: code.files, glue: glue(model) };
}

function declarations({ prefix, header, inputLength, outputLength, ...model }: ModelInterface): string {
  return `#include "${header}"
typedef ${elements[model.inputElement].type} model_input;
typedef ${elements[model.outputElement].type} model_output;
enum { MODEL_INPUT = ${inputLength}, MODEL_OUTPUT = ${outputLength} };
static ${prefix}_context model_context __attribute__((aligned(MODEL_ALIGNMENT)));
`;
}

/** `model_glue.h` for C that Finch generated: one context, one call. */
function finchGlue(model: ModelInterface): string {
  return `${declarations(model)}
static int model_run(const model_input *in, model_output *out) { return ${model.prefix}_run(&model_context, in, out); }
static unsigned long model_ram_bytes(void) { return (unsigned long)sizeof model_context; }
`;
}

/**
 * As `finchGlue`, for C that shows the result of each layer: for each image and layer, the instructions since another
 * layer was shown, summed up, and then its cells go to `layers.bin`.
 * @param layerBytes of each layer's result
 */
export function observingGlue(model: ModelInterface, layerBytes: readonly number[]): string {
  const { prefix } = model;
  return `#include <stdint.h>
#include <stdio.h>
#include <string.h>
${declarations(model)}
static const uint32_t layer_bytes[] = {${layerBytes.join(", ")}};
enum { LAYERS = ${layerBytes.length} };
static unsigned char layer_cells[${layerBytes.reduce((sum, bytes) => sum + bytes, 1)}];
static uint64_t layer_instructions[LAYERS + 1];
static FILE *layers;
static uint64_t layer_begin;
static uint64_t instructions_now(void);

static unsigned char *cells_of(int layer) {
  unsigned char *cells = layer_cells;
  for (int i = 0; i < layer; i++) cells += layer_bytes[i];
  return cells;
}

void ${prefix}_observe(int layer, const void *cells, unsigned long offset, unsigned long bytes) {
  layer_instructions[layer] += instructions_now() - layer_begin;
  memcpy(cells_of(layer) + offset, cells, bytes);
  layer_begin = instructions_now();
}

static int model_run(const model_input *in, model_output *out) {
  int status;
  if (!layers) layers = fopen("layers.bin", "wb");
  if (!layers) return 1;
  memset(layer_instructions, 0, sizeof layer_instructions);
  layer_begin = instructions_now();
  status = ${prefix}_run(&model_context, in, out);
  for (int i = 0; i < LAYERS; i++) {
    fwrite(&layer_instructions[i], sizeof layer_instructions[i], 1, layers);
    fwrite(cells_of(i), 1, layer_bytes[i], layers);
  }
  fflush(layers);
  return status;
}
static unsigned long model_ram_bytes(void) { return (unsigned long)sizeof model_context; }
`;
}

/** As `finchGlue`, for C that shows its layers: for each one a function of its own is called, which a plugin can see. */
export function markingGlue(model: ModelInterface, functions: readonly string[]): string {
  const { prefix } = model;
  const bodies = functions.map(
    (name, index) => `void ${name}(void);
__attribute__((noipa)) void ${name}(void) { shown = ${index}; }
`,
  );
  return `${finchGlue(model)}
static volatile int shown;
${bodies.join("")}static void (*const marks[])(void) = {${functions.join(", ")}};
void ${prefix}_observe(int layer, const void *cells, unsigned long offset, unsigned long bytes) {
  (void)cells; (void)offset; (void)bytes;
  marks[layer]();
}
`;
}

const workspaceBytes = 16 * 1024 * 1024;

/**
 * `model_glue.h` for TVM's objects: the few functions of its runtime that kernels call. Workspaces come from a stack
 * of which the highest level is kept, since it is RAM of the model.
 */
export function tvmGlue(model: {
  readonly inputLength: number;
  readonly outputLength: number;
  readonly plannedStorageBytes: number;
}): string {
  return `#include <stdint.h>
#include <stdio.h>
typedef float model_input;
typedef float model_output;
enum { MODEL_INPUT = ${model.inputLength}, MODEL_OUTPUT = ${model.outputLength} };
enum { workspace_size = ${workspaceBytes}, workspace_depth = 16 };
static unsigned char workspace[workspace_size] __attribute__((aligned(64)));
static struct { void *place; unsigned long begin; } held[workspace_depth];
static int held_count;
static unsigned long workspace_level, workspace_peak;

static void *allocate(int type, int id, uint64_t bytes, int code, int bits) {
  void *place = workspace + workspace_level;
  (void)type; (void)id; (void)code; (void)bits;
  if (bytes > workspace_size - workspace_level || held_count == workspace_depth) return 0;
  held[held_count].place = place;
  held[held_count++].begin = workspace_level;
  workspace_level += (unsigned long)((bytes + 63) & ~(uint64_t)63);
  if (workspace_level > workspace_peak) workspace_peak = workspace_level;
  return place;
}

static int release(int type, int id, void *place) {
  (void)type; (void)id;
  for (int i = 0; i < held_count; i++) if (held[i].place == place) held[i].place = 0;
  while (held_count > 0 && !held[held_count - 1].place) workspace_level = held[--held_count].begin;
  return 0;
}

/* TVM's objects reach these through variables, its C by their names. */
void *(*__TVMBackendAllocWorkspace)(int, int, uint64_t, int, int) = allocate;
int (*__TVMBackendFreeWorkspace)(int, int, void *) = release;
void *TVMBackendAllocWorkspace(int type, int id, uint64_t bytes, int code, int bits);
void *TVMBackendAllocWorkspace(int type, int id, uint64_t bytes, int code, int bits) {
  return allocate(type, id, bytes, code, bits);
}
int TVMBackendFreeWorkspace(int type, int id, void *place);
int TVMBackendFreeWorkspace(int type, int id, void *place) { return release(type, id, place); }

void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count);
void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count) {
  printf("TVM %s: ", kind);
  for (int32_t i = 0; i < count; i++) if (parts[i]) printf("%s", parts[i]);
  printf("\\n");
}

int model_run(const float *input, float *output);
static unsigned long model_ram_bytes(void) { return ${model.plannedStorageBytes}ul + workspace_peak; }
`;
}
