"""All passes; importing this fills the registry in `powerfusion.core.passes`."""

from powerfusion.passes.analysis import count_ops

__all__ = ["count_ops"]
