"""PowerFusion by way of C, with the host's compiler."""

from __future__ import annotations

from functools import partial

from peers.powerfusion_cpu import PowerFusion

make = partial(PowerFusion, target="c")
