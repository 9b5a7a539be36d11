"""The frameworks that are timed: a module each, which says how it is used at its best.

`make()` gives an object with three functions, and with a fourth where it runs whole models:

- `versions()`: of what is measured
- `prepare(case)`: compiles; gives a function that binds a set of inputs and gives what is called and timed
- `arrays(result)`: a result as NumPy arrays
- `seconds_in_products(call)`: what a call spends in products of a library

`PEERS` says which interpreter a peer runs in, and what its environment is.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class PeerSpec:
    """How a peer's worker is started.

    Attributes:
        module: Below `peers`.
        title: What tables call it.
        venv: The environment, a folder in the root of the clone.
        environment: Variables; `{threads}` stands for their number.
        own: Whether it is this compiler, asked otherwise than by default: measured where that is wanted, and no peer.
        takes: Programs, whole models, or both.
    """

    module: str
    title: str
    venv: str = ".venv-peers"
    environment: dict[str, str] = field(default_factory=dict)
    own: bool = False
    takes: frozenset[str] = frozenset({"programs"})


# glibc gives large blocks back to the system at once; the next call then pays for each page again. So told, it keeps
# them, which is the allocator that a careful user of any of these has.
KEEPING = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=8589934592:glibc.malloc.trim_threshold=17179869184:"
    "glibc.malloc.hugetlb=1"
}
THREADS = {name: "{threads}" for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")}

EXCESS, FREE = "powerfusion_excess", "powerfusion_free"
BOTH = frozenset({"programs", "models"})
PEERS = (
    PeerSpec("powerfusion_cpu", "PowerFusion", ".venv", THREADS | KEEPING),
    PeerSpec(EXCESS, "PowerFusion, excess precision", ".venv", THREADS | KEEPING, own=True),
    PeerSpec(FREE, "PowerFusion, excess precision, contracted", ".venv", THREADS | KEEPING, own=True),
    PeerSpec("powerfusion_c", "PowerFusion, as C", ".venv", THREADS | KEEPING, own=True),
    PeerSpec("powerfusion_torch", "PowerFusion", ".venv", THREADS | KEEPING, takes=frozenset({"models"})),
    PeerSpec("torch_eager", "torch eager", environment=THREADS | KEEPING, takes=BOTH),
    PeerSpec("torch_compile", "torch.compile", environment=THREADS | KEEPING, takes=BOTH),
    PeerSpec("jax_xla", "XLA (JAX)", environment=THREADS | KEEPING),
    PeerSpec("onnx_runtime", "ONNX Runtime", environment=THREADS | KEEPING),
    PeerSpec("openvino_cpu", "OpenVINO", environment=THREADS | KEEPING),
    PeerSpec("iree_cpu", "IREE", environment=THREADS | KEEPING),
    PeerSpec("numba_kernels", "Numba, by hand", environment=THREADS | KEEPING),
)
