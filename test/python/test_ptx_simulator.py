"""The simulator of PTX: each planted mistake is found, with its line, group and thread; what isn't known is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from powerfusion.errors import SimulationError
from powerfusion.runtime.launches import KernelLaunch, View, view_of
from powerfusion.simulate.ptx.device import PtxDevice, Traffic

HEAD = ".version 7.8\n.target sm_90\n.address_size 64\n.extern .shared .align 16 .b8 smem[];\n"
ENTRY = """.visible .entry k(
	.param .u64 .ptr .global .align 1 k_param_0,
	.param .u64 .ptr .global .align 1 k_param_1
)
.maxntid 64, 1, 1
{
	.reg .pred 	%p<9>;
	.reg .b16 	%rs<9>;
	.reg .b32 	%r<32>;
	.reg .b64 	%rd<32>;
	ld.param.b64 	%rd1, [k_param_0];
	ld.param.b64 	%rd2, [k_param_1];
	mov.u32 	%r1, %tid.x;
	mov.u32 	%r2, %ctaid.x;
	shl.b32 	%r3, %r2, 6;
	add.s32 	%r4, %r3, %r1;
	mul.wide.u32 	%rd3, %r4, 4;
	add.s64 	%rd4, %rd1, %rd3;
	add.s64 	%rd5, %rd2, %rd3;
	mul.wide.u32 	%rd6, %r1, 4;
	mov.b64 	%rd7, smem;
	add.s64 	%rd8, %rd7, %rd6;
"""
GROUPS, THREADS = 2, 64


def run(body: str, *, shared_bytes: int = 256, words: int = GROUPS * THREADS, seed: int = 0) -> tuple[Any, Traffic]:
    """What a kernel of (input, output) writes, words in and out, and what it moved; inputs count up."""
    device = PtxDevice(HEAD + ENTRY + body + "\tret;\n}\n", seed)
    source = view_of(device.upload(np.arange(words, dtype=np.int32)), (words,), "i32")
    result = view_of(device.allocate(4 * words), (words,), "i32")
    device.launch(KernelLaunch("k", GROUPS, THREADS, shared_bytes, (source, result)))
    return device.download(result), device.traffic[0][1]


LOAD = "\tld.global.b32 \t%r5, [%rd4];\n"
STORE = "\tst.global.b32 \t[%rd5], %r6;\n"
# Each thread leaves its number in the group's memory and takes that of its neighbour, in the other half of the group.
LEAVE = "\tst.shared.b32 \t[%rd8], %r5;\n"
MEET = "\tbar.sync \t0;\n"
TAKE = """	xor.b32 	%r7, %r1, 32;
	mul.wide.u32 	%rd9, %r7, 4;
	add.s64 	%rd10, %rd7, %rd9;
	ld.shared.b32 	%r6, [%rd10];
"""


def test_exchange_through_memory() -> None:
    """What is right passes, in any order of threads, and every byte is counted once."""
    for seed in range(3):
        found, traffic = run(LOAD + LEAVE + MEET + TAKE + STORE, seed=seed)
        assert np.array_equal(found, np.arange(128) ^ 32)
        assert traffic == Traffic(512, 512, 512, 512)


# A lane takes what its neighbour left; the input's own words, two apart, are read by lanes 0 and 2 of a warp.
WARP = "\tbar.warp.sync \t-1;\n"
NEXT = TAKE.replace("32;", "1;")
ADD_UP = "\tatom.global.add.u32 \t%r6, [%rd2], 1;\n"


def test_exchange_within_a_warp() -> None:
    """Lanes that wait for one another see what the others wrote, and may then write anew."""
    for seed in range(3):
        found, _ = run(LOAD + LEAVE + WARP + NEXT + WARP + LEAVE + STORE, seed=seed)
        assert np.array_equal(found, np.arange(128) ^ 1)


def test_updates() -> None:
    """Updates of one place in one step are no race, and none is lost."""
    for name, result in (("add.u32", 64), ("max.s32", 1), ("or.b32", 1)):
        body = f"""	setp.ge.u32 	%p2, %r4, 64;
	@%p2 bra 	$L__end;
	st.global.b32 	[%rd5], 0;
	bar.sync 	0;
	atom.global.{name} 	%r6, [%rd2], 1;
	red.global.{name} 	[%rd2+4], 1;
	ret;
$L__end:
	st.global.b32 	[%rd5], 0;
"""
        found, _ = run(body)
        assert found[:2].tolist() == [result, result]


FAULTS = {
    "warp_alone": (LOAD + LEAVE + WARP + TAKE + STORE, r"data race|nobody has written"),
    "lanes_apart": (LOAD + LEAVE + WARP + NEXT + LEAVE + STORE, "data race"),
    "readers_are_kept": (
        # Lanes 0 and 1 read a word, lane 1 twice; then lane 1 writes it.
        LOAD
        + "\tsetp.gt.u32 \t%p1, %r4, 1;\n\t@%p1 bra \t$L__1;\n"
        + "\tld.global.b32 \t%r6, [%rd1];\n" * 2
        + "\tsetp.eq.u32 \t%p2, %r4, 1;\n\t@%p2 st.global.b32 \t[%rd1], %r5;\n"
        + "$L__1:\n\tmov.b32 \t%r6, %r5;\n"
        + STORE,
        r"data race",
    ),
    "update_and_read": (STORE + ADD_UP, r"data race|nobody has written"),
    "no_barrier": (LOAD + LEAVE + TAKE + STORE, r"data race|nobody has written"),
    "write_after_read": (LOAD + LEAVE + MEET + TAKE + STORE + LEAVE, "data race: this (writes|reads)"),
    "one_place": (LOAD + "\tmov.b32 \t%r6, %r5;\n\tst.global.b32 \t[%rd2], %r6;\n" + STORE, "data race: this writes"),
    "beyond": (
        "\tld.global.b32 \t%r6, [%rd4+4];\n" + STORE,
        "a read of 4 bytes out of bounds, at byte 512 of buffer 0",
    ),
    "before": ("\tld.global.b32 \t%r6, [%rd4+-4];\n" + STORE, "a read of 4 bytes out of bounds, at byte"),
    "misaligned": ("\tld.global.b32 \t%r6, [%rd4+2];\n" + STORE, "isn't aligned"),
    "wide": ("\tld.global.v2.b32 \t{%r6, %r7}, [%rd4];\n" + STORE, "of 8 bytes at .* isn't aligned"),
    "shared_bounds": (LOAD + "\tst.shared.b32 \t[%rd8+4], %r5;\n" + STORE, "out of the group's memory of 256 bytes"),
    "unwritten": ("\tld.global.b32 \t%r6, [%rd5];\n" + STORE, "which nobody has written"),
    "diverges": (
        LOAD
        + "\tsetp.lt.u32 \t%p1, %r1, 40;\n\t@%p1 bra \t$L__1;\n"
        + MEET
        + "$L__1:\n\tmov.b32 \t%r6, %r5;\n"
        + STORE,
        "not all threads of group . come to the same place",
    ),
    "lane_not_there": (LOAD + "\tshfl.sync.bfly.b32 \t%r6, %r5, 16, 31, 65535;\n" + STORE, "isn't in (its|the) mask"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault(name: str) -> None:
    """A mistake is said with the instruction, the group and the thread."""
    body, message = FAULTS[name]
    for seed in range(3):
        with pytest.raises(SimulationError, match=message) as caught:
            run(body, seed=seed)
    assert str(caught.value.location).startswith("ptx:")
    assert "group" in str(caught.value)


def test_holes_in_a_result() -> None:
    """A result that kernels have left open isn't handed over."""
    guarded = "\tsetp.lt.u32 \t%p1, %r1, 60;\n\tmov.b32 \t%r6, %r5;\n\t@%p1 st.global.b32 \t[%rd5], %r6;\n"
    with pytest.raises(SimulationError, match="32 bytes of buffer 1, a result, were written by no kernel"):
        run(LOAD + guarded)


UNKNOWN = {
    "add.rz.f32 \t%r6, %r5, %r5;": r"modifier .rz of 'add.rz.f32'",
    "add.rn.ftz.f32 \t%r6, %r5, %r5;": r"modifier .ftz of 'add.rn.ftz.f32'",
    "ex2.approx.f32 \t%r6, %r5;": "the name of 'ex2.approx.f32'",
    "ld.global.L1::no_allocate.b32 \t%r6, [%rd4];": "modifier .L1::no_allocate",
    "cvt.rzi.s32.f32.sat \t%r6, %r5;": "modifier .sat",
    "bar.sync \t1;": "number 1 of 'bar.sync'",
    "mov.u32 \t%r6, %clock;": "operand %clock",
}


@pytest.mark.parametrize("text", UNKNOWN)
def test_unknown(text: str) -> None:
    """An instruction, modifier or register that isn't known is refused, never passed over."""
    with pytest.raises(SimulationError, match=UNKNOWN[text]):
        run(f"{LOAD}\t{text}\n{STORE}")


@pytest.mark.parametrize("text", [".global .align 4 .b8 table[16];", ".visible .func f()", ".local .align 4 .b8 d[4];"])
def test_unknown_statement(text: str) -> None:
    """So is what stands around kernels."""
    with pytest.raises(SimulationError, match="isn't known to the simulator of PTX"):
        PtxDevice(HEAD + text + "\n" + ENTRY + "\tret;\n}\n")


def bits(value: float) -> int:
    """An f32 as its bits."""
    return int(np.float32(value).view(np.int32))


def signed(word: int) -> int:
    """A word of 32 bits as NumPy's int32 has it."""
    return (word + (1 << 31)) % (1 << 32) - (1 << 31)


NAN = 0x7FFFFFFF
# What each instruction gives in every thread, %r5 being 7 and %r8 the bits of 2.5.
NUMBERS = {
    "sub.s32 \t%r6, %r5, 9;": -2,
    "mul.lo.s32 \t%r6, %r5, -3;": -21,
    "mul.hi.u32 \t%r6, %r5, -1;": 6,
    "mad.lo.s32 \t%r6, %r5, 3, 1;": 22,
    "div.s32 \t%r6, -9, %r5;": -1,
    "rem.s32 \t%r6, -9, %r5;": -2,
    "min.s32 \t%r6, %r5, -1;": -1,
    "max.u32 \t%r6, %r5, -1;": -1,
    "neg.s32 \t%r6, %r5;": -7,
    "shl.b32 \t%r6, %r5, 32;": 0,
    "shr.s32 \t%r6, -8, 40;": -1,
    "shr.u32 \t%r6, -1, 31;": 1,
    "bfe.s32 \t%r6, 108, 2, 4;": -5,
    "bfe.s32 \t%r6, 44, 2, 4;": -5,
    "bfe.s32 \t%r6, 28, 2, 4;": 7,
    "bfe.s32 \t%r6, -8, 30, 8;": -1,
    "cvt.s64.s32 \t%rd11, 24;\n\tbfe.s64 \t%rd12, %rd11, 3, 2;\n\tcvt.u32.u64 \t%r6, %rd12;": -1,
    "shf.l.wrap.b32 \t%r6, %r5, 1, 33;": 2,
    "prmt.b32 \t%r6, %r5, 0, 0x4440;": 7,
    "lop3.b32 \t%r6, %r5, 2, 1, 0x96;": 4,
    "popc.b32 \t%r6, %r5;": 3,
    "clz.b32 \t%r6, %r5;": 29,
    "brev.b32 \t%r6, %r5;": signed(0xE0000000),
    "add.rn.f32 \t%r6, %r8, 0f3F800000;": bits(3.5),
    "fma.rn.f32 \t%r6, %r8, %r8, 0fC0C80000;": bits(0.0),
    "div.rn.f32 \t%r6, %r8, 0f40400000;": bits(2.5 / 3),
    "rcp.rn.f32 \t%r6, %r8;": bits(0.4),
    "sqrt.rn.f32 \t%r6, %r8;": bits(np.sqrt(np.float32(2.5))),
    "max.NaN.f32 \t%r6, %r8, 0f7FC00000;": NAN,
    "max.f32 \t%r6, %r8, 0f7FC00000;": bits(2.5),
    "min.f32 \t%r6, 0f00000000, 0f80000000;": signed(0x80000000),
    "neg.f32 \t%r6, %r8;": bits(-2.5),
    "abs.f32 \t%r6, 0fFFC00000;": 0x7FC00000,
    "copysign.f32 \t%r6, 0fBF800000, %r8;": bits(-2.5),
    "cvt.rni.f32.f32 \t%r6, %r8;": bits(2.0),
    "cvt.rpi.s32.f32 \t%r6, %r8;": 3,
    "cvt.rzi.s32.f32 \t%r6, 0fFF800000;": -(1 << 31),
    "cvt.rn.f32.s32 \t%r6, -2;": bits(-2.0),
    "cvt.rn.bf16x2.f32 \t%r6, %r8, 0f3F800000;": signed(0x40203F80),
    "mov.b32 \t%r6, 0x3F803F80;\n\tadd.rn.bf16x2 \t%r6, %r6, 0x3B804000;": 0x3F804040,
    "mov.b32 \t%r6, 0x3C004000;\n\tmul.rn.f16x2 \t%r6, %r6, 0x40004000;": 0x40004400,
    "mov.b32 \t%r6, 0x3C004000;\n\tmax.f16x2 \t%r6, %r6, 0x40003C00;": 0x40004000,
    "mov.b32 \t%r6, 0xBF80C000;\n\tabs.bf16x2 \t%r6, %r6;": 0x3F804000,
    "mov.b32 \t%r6, 0x3C004000;\n\tsetp.lt.f16x2 \t%p1|%p2, %r6, 0x40003C00;\n\tselp.b32 \t%r6, 1, 2, %p2;\n"
    "\tselp.b32 \t%r6, 3, %r6, %p1;": 1,
    "setp.lt.s32 \t%p1, %r5, -1;\n\tselp.b32 \t%r6, 1, 2, %p1;": 2,
    "setp.ltu.f32 \t%p1, %r8, 0f7FC00000;\n\tselp.b32 \t%r6, 1, 2, %p1;": 1,
    "setp.ne.f32 \t%p1, %r8, 0f7FC00000;\n\tselp.b32 \t%r6, 1, 2, %p1;": 2,
    "mov.b32 \t{%rs1, %rs2}, %r8;\n\tmov.b32 \t%r6, {%rs2, %rs1};": signed(0x00004020),
    "cvt.rn.f16.f32 \t%rs1, %r8;\n\tcvt.u32.u16 \t%r6, %rs1;": 0x4100,
    "cvt.s64.s32 \t%rd11, -1;\n\tshr.u64 \t%rd12, %rd11, 60;\n\tcvt.u32.u64 \t%r6, %rd12;": 15,
}


def test_numbers() -> None:
    """Arithmetic, bits, comparisons and conversions, to the bit; all in one kernel, a result per thread."""
    lines = ["\tmov.b32 \t%r5, 7;", "\tmov.b32 \t%r8, 0f40200000;", "\tmov.b32 \t%r9, 0;"]
    for number, text in enumerate(NUMBERS):
        lines += [f"\t{text}", f"\tsetp.eq.s32 \t%p8, %r1, {number};", "\tselp.b32 \t%r9, %r6, %r9, %p8;"]
    lines += ["\tmov.b32 \t%r6, %r9;"]
    found, _ = run("\n".join(lines) + "\n" + STORE)
    named = dict(zip(NUMBERS, found.tolist(), strict=False))
    assert {text: named[text] for text in NUMBERS if named[text] != NUMBERS[text]} == {}


def test_requests_of_a_warp_count_once() -> None:
    """Lanes that read one word ask for it once; a stride of two words takes every sector and half of its bytes."""
    _, same = run("\tld.global.b32 \t%r6, [%rd1];\n" + STORE)
    assert (same.read_bytes, same.read_issued_bytes) == (4 * 4, 4 * 32)
    far = "\tmul.wide.u32 \t%rd11, %r1, 8;\n\tadd.s64 \t%rd12, %rd1, %rd11;\n\tld.global.b32 \t%r6, [%rd12];\n"
    _, strided = run(far + STORE)
    assert (strided.read_bytes, strided.read_issued_bytes) == (4 * 128, 4 * 256)


def test_turns_of_a_loop_are_requests_of_their_own() -> None:
    """What is read again in another turn counts again, also where some lanes leave the loop before others."""
    loop = """	mov.b32 	%r6, 0;
	and.b32 	%r10, %r1, 1;
	add.s32 	%r11, %r10, 2;
$L__top:
	ld.global.b32 	%r5, [%rd4];
	add.s32 	%r6, %r6, %r5;
	add.s32 	%r11, %r11, -1;
	setp.ne.s32 	%p1, %r11, 0;
	@%p1 bra 	$L__top;
"""
    found, traffic = run(loop + STORE)
    assert np.array_equal(found, np.arange(128) * (2 + np.arange(128) % 2))
    assert traffic.read_bytes == 2 * 512 + 256


def test_arguments_must_fit() -> None:
    """A launch that passes too few or too many parameters, or names no kernel, is refused."""
    device = PtxDevice(HEAD + ENTRY + "\tret;\n}\n")
    view: View = view_of(device.allocate(4), (1,), "i32")
    with pytest.raises(SimulationError, match="takes 2 parameters, got 1"):
        device.launch(KernelLaunch("k", 1, 32, 0, (view,)))
    with pytest.raises(SimulationError, match="there is no kernel 'other'"):
        device.launch(KernelLaunch("other", 1, 32, 0, (view, view)))
