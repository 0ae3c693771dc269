"""A register-tiling schedule for convolutions and matrix products on a scalar core.

TVM's default lowering leaves one accumulator in memory per multiply-accumulate. Here each kernel computes a small tile
of outputs (up to 4 channels x 4 pixels) in local variables, with the loops over the tile unrolled: a fairer peer to
compare with than the default.
"""

from tvm import IRModule, s_tir

TILE = (4, 2)
UNROLLED_REDUCTION = 3
REDUCTION_BLOCKS = ("conv2d_nchw", "matmul", "T_matmul", "DepthwiseConv2d", "group_conv2d")
SPATIAL, REDUCTION = 0, 2


def schedule_module(module):
    """Returns the module with every kernel scheduled that can be, and the names of those that could not."""
    functions, left = {}, []
    for variable, function in module.functions.items():
        try:
            functions[variable] = schedule_kernel(function, variable.name_hint)
        except Exception:  # TVM raises many kinds of error for a transform that does not apply
            functions[variable] = function
            left.append(variable.name_hint)
    return IRModule(functions, attrs=module.attrs), left


def schedule_kernel(function, name):
    """Tiles the one reduction of a kernel. A kernel without such a reduction is returned as it is."""
    schedule = s_tir.Schedule(IRModule({"main": function.with_attr("global_symbol", "main")}))
    blocks = {schedule.get(b).name_hint: b for b in schedule.get_child_blocks(schedule.get_sblock("root"))}
    names = list(blocks)
    reductions = [block_name for block_name in names if block_name.startswith(REDUCTION_BLOCKS)]
    if not reductions:
        return function
    reduction_name = reductions[-1]
    reduction = blocks[reduction_name]

    convolution = reduction_name.startswith("conv2d_nchw")
    if convolution and "pad_temp" in blocks and "if_then_else" not in str(schedule.get(blocks["pad_temp"]).body):
        schedule.compute_inline(blocks["pad_temp"])  # nothing is padded: the block is a plain copy
    position = names.index(reduction_name)
    for block_name in names[position + 1 : -1]:
        schedule.compute_inline(blocks[block_name])

    loops = schedule.get_loops(reduction)
    kinds = [int(variable.iter_type) for variable in schedule.get(reduction).iter_vars]
    spatial = [loop for loop, kind in zip(loops, kinds) if kind == SPATIAL]
    reduced = [loop for loop, kind in zip(loops, kinds) if kind == REDUCTION]
    if len(spatial) < 2:
        return function

    tiled = tiled_axes(reduction_name, len(spatial))
    outer, tile = list(spatial), []
    for axis in tiled:
        outer[axis], inner = schedule.split(spatial[axis], [None, tile_size(extent(schedule, spatial[axis]))])
        tile.append(inner)
    schedule.reorder(*outer, *reduced, *tile)
    accumulators = schedule.cache_write(reduction, 0, "local")
    schedule.reverse_compute_at(accumulators, outer[-1])
    schedule.decompose_reduction(reduction, reduced[0])
    for loop in tile:
        schedule.unroll(loop)
    for loop in reduced[1:]:
        if extent(schedule, loop) <= UNROLLED_REDUCTION:
            schedule.unroll(loop)
    for block in (schedule.get_sblock(reduction_name + "_init"), accumulators):
        for loop in schedule.get_loops(block)[len(outer) :]:
            schedule.unroll(loop)
    if position + 1 < len(names):
        fuse_epilogue(schedule, blocks[names[-1]], outer[-1])

    scheduled = schedule.mod["main"]
    if function.attrs and "global_symbol" in function.attrs:
        return scheduled.with_attr("global_symbol", name)
    return scheduled.without_attr("global_symbol")


def tiled_axes(reduction_name, axes):
    """Axes of the output that make the tile: channels x columns, rows x columns, or columns alone."""
    if reduction_name.startswith("conv2d_nchw"):
        return (1, 3)
    if reduction_name.startswith(("matmul", "T_matmul")):
        return (axes - 2, axes - 1)
    return (3,)


def tile_size(length):
    return next((size for size in TILE if length % size == 0), 1)


def extent(schedule, loop):
    return int(schedule.get(loop).extent)


def fuse_epilogue(schedule, block, loop):
    """Moves bias, shortcut and activation into the write-back of the tile, in the best way that applies."""
    try:
        schedule.reverse_compute_inline(block)
    except Exception:
        try:
            schedule.reverse_compute_at(block, loop)
        except Exception:
            pass  # it stays a pass of its own
