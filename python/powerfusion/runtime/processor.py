"""What this machine's processor can run, in the words of /proc/cpuinfo.

Compiled code uses whatever its host had. Only the features that a compiler makes use of by itself count; a program is
refused where one of them is missing, even if its code happens not to use that one.
"""

from __future__ import annotations

import platform
from functools import cache
from pathlib import Path

CPUINFO = Path("/proc/cpuinfo")
X86_64 = """
pni ssse3 cx16 sse4_1 sse4_2 sse4a movbe popcnt lahf_lm abm aes pclmulqdq sha_ni adx bmi1 bmi2 tbm xop fma4 f16c fma
avx avx2 avx_vnni avx_ifma gfni vaes vpclmulqdq avx512f avx512cd avx512er avx512pf avx512dq avx512bw avx512vl
avx512ifma avx512vbmi avx512_vbmi2 avx512_vnni avx512_bitalg avx512_vpopcntdq avx512_vp2intersect avx512_bf16
avx512_fp16
"""
AARCH64 = """
asimd fp crc32 aes pmull sha1 sha2 sha3 sha512 atomics fphp asimdhp asimdrdm asimddp asimdfhm fcma jscvt lrcpc ilrcpc
uscat flagm flagm2 frint bf16 i8mm sve sve2 svebf16 svei8mm sveaes svebitperm svepmull svesha3
"""
COUNTED = {"x86_64": frozenset(X86_64.split()), "aarch64": frozenset(AARCH64.split())}


def machine() -> str:
    """The architecture: x86_64, aarch64."""
    return platform.machine()


@cache
def features() -> tuple[str, ...]:
    """The features that compiled code may use here, sorted; none where the system doesn't tell."""
    counted = COUNTED.get(machine(), frozenset[str]())
    try:
        lines = CPUINFO.read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return ()
    found = [line.partition(":")[2] for line in lines if line.startswith(("flags", "Features"))]
    # Processors of one machine may differ; a thread can be on any of them.
    common = set.intersection(*(set(words.split()) for words in found)) if found else set[str]()
    return tuple(sorted(common & counted))
