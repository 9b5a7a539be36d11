"""`gir-open-shared-memory`: a group's memory of a size that launches say is declared as CUDA has it.

Rewrite:
    llvm.mlir.global internal @__dynamic_shmem__0() {addr_space = 3} : !llvm.array<0 x i8>
  ⇒ llvm.mlir.global external @__dynamic_shmem__0() {addr_space = 3} : !llvm.array<0 x i8>

Upstream's conversion of `gpu.dynamic_shared_memory` gives an internal variable, of which LLVM 22 makes one of the
kernel's own with no bytes. PTX has `.extern .shared` for memory whose size the launch says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from powerfusion.core._mlir import operations
from powerfusion.core.passes import Pass, register_pass
from powerfusion.mlir import ir


@register_pass
@dataclass(frozen=True)
class OpenSharedMemoryPass(Pass):
    """Declares memory of a group whose size launches say."""

    name: ClassVar[str] = "gir-open-shared-memory"

    def run(self, op: ir.Operation) -> None:
        """Changes the linkage of empty variables in modules of kernels."""
        for module in operations(op.regions[0].blocks[0]):
            if module.name != "gpu.module":
                continue
            for found in operations(module.regions[0].blocks[0]):
                if found.name == "llvm.mlir.global" and str(found.attributes["global_type"]) == "!llvm.array<0 x i8>":
                    found.attributes["linkage"] = ir.Attribute.parse("#llvm.linkage<external>")
