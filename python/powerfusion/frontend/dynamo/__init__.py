"""`torch.compile(model, backend="powerfusion")`: memory-bound pieces are compiled here, the rest stays with ATen.

Takes graphs as TorchDynamo captured them, forward and backward; gives functions. `report()` says what was taken.
"""

from powerfusion.frontend.dynamo.backend import backend
from powerfusion.frontend.dynamo.counts import report, reset

__all__ = ["backend", "report", "reset"]
