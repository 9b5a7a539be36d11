"""The machine code of the memory-bound suite: whole registers, no scalar detours, no spills, stores past the caches.

A program per kind in the short form; every one in f32 and bf16 under PF_TEST_FULL=1. What isn't so is in `EXCEPTIONS`,
with its reason; of processors without AVX-512 spills aren't asked for, as they have a quarter of the registers.
"""

from __future__ import annotations

import os
import platform
from collections import Counter

import pytest
from assembly import Loop, disassemble, loops_of, read_functions

from powerfusion.emit.host_object import object_code
from powerfusion.executable import OPTIMIZATION_LEVEL, compile_source
from powerfusion.machines.host import has_avx512, host
from suites import SUITES, Case

FULL = bool(os.environ.get("PF_TEST_FULL"))
SHORT = ("add_relu_mul", "bias_gelu", "softmax_4096x1024", "layernorm_768", "sum_of_columns", "cumulative_sum")
SHORT += ("attention", "transpose", "embedding", "depthwise_conv", "average_pool", "int8_quantise")
RUNTIME = ("__kmpc_", "omp_get_", "_mlir_memref_to_llvm_", "memset", "memcpy", ".text.unlikely")
"""What programs call: libomp, their memory, moves of whole buffers by the C library, and what writes gathered lines."""
RUNNING = "what a scan hands on from one vector to the next is one number"
ROWS = "a row of 7 x 7 is three vectors and one element, and its mean one number"
TAPS = "nine factors and four statistics are invariant: they are operands at their places on the stack"
CHAINS = "eight chains of instructions at once have 14 vectors on the stack; four at once take 5 to 20 % longer"
RARE = "only aside, where a result is 0 and numbers are rounded by integers if one of them is subnormal"
EXCEPTIONS = {
    ("attention f32", "put aside"): (20, "sums of four rows, once for 512 keys"),
    ("attention bf16", "put aside"): (40, "scores are rounded twice between two contractions, 16 registers of them"),
    ("cumulative_sum", "scalar"): (4, RUNNING),
    ("depthwise_conv f32", "spilled"): (20, TAPS),
    ("depthwise_conv f32", "put aside"): (20, TAPS),
    ("depthwise_conv bf16", "spilled"): (200, f"{TAPS}; four rows are rounded three times each"),
    ("depthwise_conv bf16", "put aside"): (60, TAPS),
    ("global_average_pool", "narrow"): (2, ROWS),
    ("global_average_pool", "scalar"): (16, ROWS),
    ("max_pool", "scalar"): (4, "a row of 32 places with steps of two is 65 elements, the last alone"),
    ("softmax_4096x1024", "put aside"): (
        40,
        "LLVM writes the steps of a row out, for its maximum and its NaNs at once",
    ),
    ("softmax_4096x4096 bf16", "spilled"): (8, RARE),
    ("softmax_128x65536 bf16", "spilled"): (8, RARE),
    ("masked_softmax bf16", "spilled"): (8, RARE),
    ("swiglu bf16", "spilled"): (40, RARE),
    ("softmax", "put aside"): (2, "a row's maximum, while its exponentials are summed"),
    ("masked_softmax", "put aside"): (2, "a row's maximum, while its exponentials are summed"),
    ("gelu_tanh bf16", "spilled"): (60, CHAINS),
    ("gelu_erf bf16", "spilled"): (60, CHAINS),
    ("bias_gelu bf16", "spilled"): (30, CHAINS),
}
"""By the beginning of a case's name and what is found: how often at most, and why."""


def _cases() -> list[object]:
    cases = SUITES["memory-bound"]()
    return [pytest.param(case, id=case.name) for case in cases if FULL or case.workload.name in SHORT]


def _findings(loops: list[Loop], width: int) -> Counter[str]:
    """What shouldn't be, by kind: in loops without loops in them, and vectors put aside by those around others."""
    found = Counter[str]()
    for loop in loops:
        if loop.is_innermost:
            found["narrow"] += loop.share_of(width) < 1 / 2
            found["scalar"] += len(loop.scalars)
            found["called"] += len(loop.calls)
        found["spilled" if loop.is_innermost else "put aside"] += loop.spills
    return found


def _allowed(name: str, kind: str) -> int:
    found = [most for (case, what), (most, _) in EXCEPTIONS.items() if what == kind and name.startswith(case)]
    return max(found, default=0)


@pytest.mark.skipif(platform.machine() != "x86_64", reason="reads the code of x86-64")
@pytest.mark.skipif(not has_avx512(), reason="what is asked for is of AVX-512's registers")
@pytest.mark.parametrize("case", _cases())
def test_hot_loops(case: Case) -> None:
    """Each innermost loop works on whole registers and calls nothing; stores go past the caches where they shall."""
    executable = compile_source(case.workload.text())
    functions = read_functions(disassemble(object_code(executable.module("llvm"), OPTIMIZATION_LEVEL)))
    called = {each.callee for body in functions.values() for each in body if each.is_call}
    assert all(name.startswith(RUNTIME) for name in called)

    loops = loops_of(functions)
    width = host().space_of("reg").alignment_bytes
    assert any(loop.is_innermost and loop.share_of(width) > 0 for loop in loops)
    found = _findings(loops, width)
    too_many = {kind: number for kind, number in found.items() if number > _allowed(case.name, kind)}
    assert not too_many, f"{case.name} has {too_many}"
    planned = "nontemporal" in executable.ir("tile")
    assert planned == any(loop.streaming for loop in loops)


# -- the reader itself ----------------------------------------------------------------------------

SUM = """
0000000000000000 <sum>:
       0:      	vxorps	%xmm0, %xmm0, %xmm0
       4:      	jmp	0x20 <sum+0x20>
       8:      	vmovups	%ymm1, 0x40(%rsp)
       e:      	vaddss	0x10(%rdi), %xmm0, %xmm0
      14:      	callq	0x19 <sum+0x19>
		0000000000000015:  R_X86_64_PLT32	expf-0x4
      19:      	jmp	0x30 <sum+0x30>
      20:      	vaddps	(%rdi,%rax,4), %ymm0, %ymm0
      26:      	vmovaps	(%rip), %ymm2        # 0x2e <sum+0x2e>
		000000000000002a:  R_X86_64_PC32	.LCPI0_0-0x4
      2e:      	je	0x8 <sum+0x8>
      30:      	vmovntps	%ymm0, (%rsi,%rax,4)
      38:      	addq	$0x8, %rax
      3c:      	cmpq	$0x400, %rax             # imm = 0x400
      42:      	jb	0x20 <sum+0x20>
      44:      	incq	%rcx
      48:      	cmpq	$0x10, %rcx
      4c:      	vmovups	0x40(%rsp), %ymm1
      52:      	jne	0x20 <sum+0x20>
      54:      	retq
"""


def test_loops_of_a_function_are_found_wherever_their_blocks_lie() -> None:
    """A block before the loop's head is in it, as it jumps back; a head with two ways back to it is one loop."""
    (loop,) = loops_of(read_functions(SUM))
    assert loop.is_innermost
    assert [each.address for each in loop.body][:2] == [8, 0xE]
    assert (loop.calls, loop.scalars, loop.streaming, loop.spills) == (["expf"], ["vaddss"], 1, 2)
    assert loop.share_of(32) == 4 / 5
    assert loop.share_of(64) == 0


def test_what_a_loop_around_another_has_of_its_own() -> None:
    """Instructions of the loop in it aren't its own; of vectors on the stack those count that it puts there."""
    text = SUM.replace("jne	0x20", "jne	0x4").replace(
        "vmovups	0x40(%rsp), %ymm1", "vmovups	%ymm1, 0x40(%rsp)"
    )
    outer, inner = loops_of(read_functions(text))
    assert (outer.is_innermost, inner.is_innermost) == (False, True)
    assert [hex(each.address) for each in outer.body] == ["0x4", "0x44", "0x48", "0x4c", "0x52"]
    assert (outer.spills, inner.spills) == (1, 1)
