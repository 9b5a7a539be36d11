"""All passes; importing this fills the registry in `powerfusion.core.passes`."""

from powerfusion.passes.analysis import count_ops, ledger
from powerfusion.passes.expansion import expand
from powerfusion.passes.fusion import (
    choose_rows,
    copy_sources,
    drop_results,
    drop_units,
    fold_splats,
    forward_gathers,
    forward_stores,
    join_loads,
    join_readers,
    merge_kernels,
    narrow_detours,
    resolve_dims,
    share_kernels,
    size_constants,
    split_dims,
    spread_iotas,
    turn_windows,
)
from powerfusion.passes.lowering import convert_gir_to_emitc, convert_gir_to_vector
from powerfusion.passes.placement import place
from powerfusion.passes.raising import convert_gir_to_linalg, convert_linalg_to_gir
from powerfusion.passes.scheduling import (
    buffer_copies,
    lane_layouts,
    outline,
    place_syncs,
    plan_memory,
    plan_scratch,
    stream_stores,
)
from powerfusion.passes.tiling import tile

__all__ = [
    "buffer_copies",
    "choose_rows",
    "convert_gir_to_emitc",
    "convert_gir_to_linalg",
    "convert_gir_to_vector",
    "convert_linalg_to_gir",
    "copy_sources",
    "count_ops",
    "drop_results",
    "drop_units",
    "expand",
    "fold_splats",
    "forward_gathers",
    "forward_stores",
    "join_loads",
    "join_readers",
    "lane_layouts",
    "ledger",
    "merge_kernels",
    "narrow_detours",
    "outline",
    "place",
    "place_syncs",
    "plan_memory",
    "plan_scratch",
    "resolve_dims",
    "share_kernels",
    "size_constants",
    "split_dims",
    "spread_iotas",
    "stream_stores",
    "tile",
    "turn_windows",
]
