"""PowerFusion with excess precision and contraction: as XLA is on CPUs unless one tells it otherwise."""

from __future__ import annotations

from functools import partial

from peers.powerfusion_cpu import PowerFusion

make = partial(PowerFusion, excess_precision=True, fp_contract=True)
