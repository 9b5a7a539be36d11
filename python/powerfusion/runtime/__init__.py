"""What runs a compiled program: no MLIR, no compiler, only NumPy and the C library."""
