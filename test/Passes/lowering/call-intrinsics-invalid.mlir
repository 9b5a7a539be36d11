// RUN: %pf-opt %s --gir-call-intrinsics --verify-diagnostics

// A function that isn't exact would be a call of a library.

func.func @exp(%x: f64) -> f64 {
  // expected-error @+2 {{'math.exp' of f64 can't be lowered to gpu: there is no library of functions on the device}}
  // expected-note @+1 {{help: compute it in f32}}
  %0 = math.exp %x : f64
  return %0 : f64
}
