"""The GIR dialect's Python module; upstream's are in `powerfusion.mlir.dialects`."""
