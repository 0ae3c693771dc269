"""Compiles an ONNX model with TVM into objects that need no TVM runtime.

    tvm_reference.py MODEL.onnx OUT --targets rv32imafc,host --schedules untuned,scheduled [--host-triple TRIPLE]

For each target and schedule, OUT/TARGET-SCHEDULE/ gets

- kernels.o    every kernel as a function of plain pointers, by TVM's LLVM,
- kernels.c    the same as C, to be compiled by any compiler,
- model.c      weights and the sequence of calls: int model_run(const float *input, float *output), 0 when right,
- report.json  sizes that TVM planned.

The model takes one float32 input and gives one float32 output, both of fixed shape; it is checked by onnx.checker
first. One line of JSON on standard output tells of each step.
"""

import argparse
import json
import os
import sys
import time

import numpy as np
import onnx
import tvm
from tvm import ir, relax, s_tir, tirx
from tvm.relax.frontend.onnx import from_onnx

from schedule import schedule_module

TARGETS = {
    "rv32imafc": {
        "mtriple": "riscv32-unknown-elf",
        "mcpu": "generic-rv32",
        "mattr": ["+m", "+a", "+f", "+c"],
        "mabi": "ilp32f",
    },
    "rv32imc": {"mtriple": "riscv32-unknown-elf", "mcpu": "generic-rv32", "mattr": ["+m", "+c"], "mabi": "ilp32"},
    "rv64gc": {
        "mtriple": "riscv64-unknown-elf",
        "mcpu": "generic-rv64",
        "mattr": ["+m", "+a", "+f", "+d", "+c"],
        "mabi": "lp64d",
    },
    "rv64gcv": {
        "mtriple": "riscv64-unknown-elf",
        "mcpu": "generic-rv64",
        "mattr": ["+m", "+a", "+f", "+d", "+c", "+v"],
        "mabi": "lp64d",
    },
    "rv32imafc_zve32f": {
        "mtriple": "riscv32-unknown-elf",
        "mcpu": "generic-rv32",
        "mattr": ["+m", "+a", "+f", "+c", "+zve32f"],
        "mabi": "ilp32f",
    },
}
C_TYPES = {
    "float32": "float",
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int32": "int32_t",
    "int64": "int64_t",
    "bool": "uint8_t",
}
C_PROLOGUE = """#include <stdint.h>
#define TVM_DLL
void *TVMBackendAllocWorkspace(int type, int id, uint64_t bytes, int code, int bits);
int TVMBackendFreeWorkspace(int type, int id, void *place);
void TVMFFIErrorSetRaisedFromCStrParts(const char *kind, const char **parts, int32_t count);
"""
NOTHING_TO_DO = (
    "relax.vm.kill_object",
    "relax.null_value",
    "vm.builtin.check_tensor_info",
    "vm.builtin.match_shape",
)


@tvm.transform.module_pass(opt_level=0, name="MakeRawPointerFunctions")
def make_raw_pointer_functions(module, _context):
    """Stands in the place of MakePackedAPI: buffers become plain pointers, the result is 0 or an error."""
    functions = {}
    for variable, function in module.functions.items():
        parameters, declarations = [], []
        for parameter in function.params:
            if isinstance(parameter.ty, tirx.BufferType):
                pointer = tirx.Var(
                    parameter.name + "_p", ir.PointerType(ir.PrimType(str(parameter.dtype)), "global")
                )
                parameters.append(pointer)
                declarations.append(tirx.DeclBuffer(parameter, data=pointer))
            else:
                parameters.append(parameter)
        # LowerTVMBuiltin asks for a device before it lowers workspaces.
        body = tirx.AttrStmt("default", "device_type", tirx.const(1, "int32"), function.body)
        body = tirx.AttrStmt("default", "device_id", tirx.const(0, "int32"), body)
        body = tirx.SeqStmt([*declarations, body, tirx.Return(tirx.const(0, "int32"))])
        # An int32 result, without which the path of a failed workspace does not compile.
        functions[variable] = tirx.PrimFunc(parameters, body, ir.PrimType("int32"), function.attrs).with_attrs(
            {"calling_conv": 1, "global_symbol": variable.name_hint}
        )
    return tvm.IRModule(functions, attrs=module.attrs)


def build_object(kernels, target):
    """TVM's own sequence of passes for a C-like target, without its packed calling convention."""
    s, x = s_tir.transform, tirx.transform
    passes = [
        x.BindTarget(target),
        s.CanonicalizeLoop(),
        s.LowerInitBlock(),
        s.PlanAndUpdateBufferAllocationLocation(),
        s.ConvertBlocksToOpaque(),
        s.CompactBufferAllocation(),
        s.LowerMatchBuffer(),
        s.StmtSimplify(),
        s.LowerOpaqueBlock(),
        x.FlattenBuffer(),
        x.NarrowDataType(32),
        s.LoopPartition(),
        x.VectorizeLoop(False),
        x.StorageRewrite(),
        s.HoistIfThenElse(),
        x.UnrollLoop(),
        s.RenormalizeSplitPattern(),
        x.StmtSimplify(),
        x.RemoveNoOp(),
        s.RewriteUnsafeSelect(),
        x.CommonSubexprElim(),
        x.VerifyMemory(),
        make_raw_pointer_functions,
        x.LowerTVMBuiltin(),
        x.LowerIntrin(),
    ]
    lowered = tvm.transform.Sequential(passes)(kernels)
    return tvm.get_global_func("target.build." + target.kind.name)(lowered, target)


def c_kernels(kernels):
    """The kernels as C that needs no header of TVM."""
    source = build_object(kernels, tvm.target.Target("c")).inspect_source("c")
    return C_PROLOGUE + "".join(
        line + "\n" for line in source.splitlines() if not line.startswith('#include "tvm/')
    )


def lower(model, target):
    """The whole network as a Relax main of kernel calls, fused and with its storage planned, and the kernels."""
    module = from_onnx(model, keep_params_in_input=False)
    module = tvm.transform.Sequential([relax.transform.FoldBatchnormToConv2D(), relax.transform.FoldConstant()])(
        module
    )
    # The default pipeline of the target: the one named "default" does not fuse.
    lowered = relax.get_default_pipeline(target)(module)
    kernels = {v: f for v, f in lowered.functions.items() if isinstance(f, tirx.PrimFunc)}
    return lowered["main"], tvm.IRModule(kernels)


class CallSequence:
    """What main does, as C expressions: storages, constants, calls."""

    def __init__(self, main):
        self.storages = []
        self.constants = {}
        self.calls = []
        self.values = {}
        if len(main.params) != 1:
            raise ValueError(f"the model takes {len(main.params)} inputs, expected one")
        parameter = main.params[0]
        self.input = ("input", shape_of(parameter.ty.shape), str(parameter.ty.dtype))
        self.values[parameter] = self.input
        for block in main.body.blocks:
            for binding in block.bindings:
                self.bind(binding.var, binding.value)
        self.output = self.values[main.body.body]
        if len(self.output) != 3:
            raise ValueError("the model gives several outputs, expected one")
        for name, value in (("input", self.input), ("output", self.output)):
            if value[2] != "float32":
                raise ValueError(f"the model's {name} is {value[2]}, expected float32")

    def bind(self, variable, expression):
        if isinstance(expression, ir.Var):
            self.values[variable] = self.values[expression]
            return
        function, arguments = expression.op, expression.args
        name = name_of(function)
        if name == "relax.vm.alloc_storage":
            self.values[variable] = (len(self.storages),)
            self.storages.append(int(arguments[0].values[0]))
        elif name == "relax.vm.alloc_tensor":
            (storage,) = self.values[arguments[0]]
            place = f"(storage{storage} + {int(arguments[1].value)})"
            self.values[variable] = (place, shape_of(arguments[2]), str(arguments[3].value))
        elif name == "vm.builtin.reshape":
            place, _, dtype = self.argument(arguments[0])
            self.values[variable] = (place, shape_of(arguments[1]), dtype)
        elif isinstance(function, ir.GlobalVar):
            self.calls.append((name, [self.argument(argument)[0] for argument in arguments]))
        elif name not in NOTHING_TO_DO:
            raise NotImplementedError(f"TVM calls {name}, which has no counterpart in C here")

    def argument(self, expression):
        if not isinstance(expression, ir.GenericConst):
            return self.values[expression]
        array = expression.value.numpy()
        name = self.constants.setdefault((array.tobytes(), str(array.dtype)), f"constant{len(self.constants)}")
        return (name, list(array.shape), str(array.dtype))

    def c_source(self):
        lines = ["#include <stdint.h>", "#include <string.h>"]
        for (data, dtype), name in self.constants.items():
            numbers = np.frombuffer(data, dtype)
            texts = (float(n).hex() + "f" if dtype == "float32" else str(int(n)) for n in numbers)
            lines.append(
                f"static const {C_TYPES[dtype]} {name}[] __attribute__((aligned(64))) = {{{','.join(texts)}}};"
            )
        for index, size in enumerate(self.storages):
            lines.append(f"static unsigned char storage{index}[{size}] __attribute__((aligned(64)));")
        for name, count in sorted({(name, len(arguments)) for name, arguments in self.calls}):
            lines.append(f"extern int32_t {name}({', '.join(['void *'] * count)});")
        lines += ["int model_run(const float *input, float *output);"]
        lines += ["int model_run(const float *input, float *output) {"]
        for name, arguments in self.calls:
            lines.append(f"  if ({name}({', '.join(f'(void *){a}' for a in arguments)})) return -1;")
        lines += [f"  memcpy(output, {self.output[0]}, {length(self.output) * 4});", "  return 0;", "}", ""]
        return "\n".join(lines)


def name_of(function):
    if isinstance(function, ir.Op):
        return function.name
    return function.global_symbol if isinstance(function, relax.ExternFunc) else function.name_hint


def shape_of(shape):
    return [int(size) for size in (shape.values if hasattr(shape, "values") else shape)]


def length(value):
    return int(np.prod(value[1]))


def write_text(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


def compile_model(model, target_name, schedule, host_triple, folder):
    begin = time.time()
    settings = {"mtriple": host_triple} if target_name == "host" else TARGETS[target_name]
    target = tvm.target.Target({"kind": "llvm", **settings})
    main, kernels = lower(model, target)
    unscheduled = []
    if schedule == "scheduled":
        kernels, unscheduled = schedule_module(kernels)
    sequence = CallSequence(main)
    os.makedirs(folder, exist_ok=True)
    build_object(kernels, target).write_to_file(os.path.join(folder, "kernels.o"), "o")
    write_text(os.path.join(folder, "kernels.c"), c_kernels(kernels))
    write_text(os.path.join(folder, "model.c"), sequence.c_source())
    report = {
        "tvm": tvm.__version__,
        "plannedStorageBytes": sum(sequence.storages),
        "constantBytes": sum(len(data) for data, _ in sequence.constants),
        "inputLength": length(sequence.input),
        "outputLength": length(sequence.output),
        "calls": len(sequence.calls),
        "kernels": len({name for name, _ in sequence.calls}),
        "unscheduled": unscheduled,
        "seconds": round(time.time() - begin, 2),
    }
    write_text(os.path.join(folder, "report.json"), json.dumps(report))


def tell(**fields):
    print(json.dumps(fields), flush=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("model")
    parser.add_argument("out")
    parser.add_argument("--targets", required=True)
    parser.add_argument("--schedules", default="untuned,scheduled")
    parser.add_argument("--host-triple", default="x86_64-linux-gnu")
    options = parser.parse_args()
    model = onnx.load(options.model)
    onnx.checker.check_model(model, full_check=True)
    tell(step="checked")
    for target in options.targets.split(","):
        for schedule in options.schedules.split(","):
            tell(step="compiling", target=target, schedule=schedule)
            folder = os.path.join(options.out, f"{target}-{schedule}")
            compile_model(model, target, schedule, options.host_triple, folder)
    tell(step="done")


if __name__ == "__main__":
    sys.exit(main())
