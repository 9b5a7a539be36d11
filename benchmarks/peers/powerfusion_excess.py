"""PowerFusion with excess precision: as XLA and the inductor are unless one tells them otherwise."""

from __future__ import annotations

from functools import partial

from peers.powerfusion_cpu import PowerFusion

make = partial(PowerFusion, excess_precision=True)
