// RUN: pf-opt %s --pass-pipeline='builtin.module(convert-linalg-to-gir,gir-fold-splats,gir-merge-kernels)' -split-input-file | FileCheck %s

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// A chain of elementwise operators is one kernel: what the first stores, the second need not load.

// CHECK-LABEL: func.func @chain
// CHECK: gir.kernel
// CHECK-COUNT-2: gir.move %{{.*}} : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
// CHECK-NOT: #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
// CHECK: gir.move %{{.*}} : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
// CHECK-NOT: gir.move
// CHECK-NOT: gir.kernel
// CHECK: return
func.func @chain(%x: tensor<4x8xf32>, %y: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = arith.maximumf %a, %zero : f32
    linalg.yield %m : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id, #id], iterator_types = ["parallel", "parallel"]} ins(%0, %y : tensor<4x8xf32>, tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>

// A second consumer, here the caller, keeps the store; the load is cancelled all the same.

// CHECK-LABEL: func.func @second_consumer
// CHECK: %[[K:.*]]:2 = gir.kernel
// CHECK-COUNT-1: #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
// CHECK-COUNT-2: #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
// CHECK: return %[[K]]#0, %[[K]]#1
func.func @second_consumer(%x: tensor<4x8xf32>) -> (tensor<4x8xf32>, tensor<4x8xf32>) {
  %e = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.absf %a : f32
    linalg.yield %m : f32
  } -> tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%0 : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %0, %1 : tensor<4x8xf32>, tensor<4x8xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// What depends on a row's sum and runs over the row again takes a second pass: that is a choice,
// so these two stay apart.

// CHECK-LABEL: func.func @second_pass
// CHECK-COUNT-2: gir.kernel
// CHECK-NOT: gir.kernel
func.func @second_pass(%x: tensor<4x8xf32>) -> tensor<4x8xf32> {
  %zero = arith.constant 0.0 : f32
  %r = tensor.empty() : tensor<4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %0 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%x : tensor<4x8xf32>) outs(%i : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  %e = tensor.empty() : tensor<4x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row, #id], iterator_types = ["parallel", "parallel"]} ins(%x, %0 : tensor<4x8xf32>, tensor<4xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.divf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  return %1 : tensor<4x8xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#row = affine_map<(d0, d1) -> (d0)>

// A reduction takes its elementwise producer in: the row goes through registers once.

// CHECK-LABEL: func.func @reduces
// CHECK: gir.kernel
// CHECK: math.exp
// CHECK: gir.reduce
// CHECK-NOT: gir.kernel
// CHECK: return
func.func @reduces(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %zero = arith.constant 0.0 : f32
  %e = tensor.empty() : tensor<4x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<4x8xf32>) outs(%e : tensor<4x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<4x8xf32>
  %r = tensor.empty() : tensor<4xf32>
  %i = linalg.fill ins(%zero : f32) outs(%r : tensor<4xf32>) -> tensor<4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #row], iterator_types = ["parallel", "reduction"]} ins(%0 : tensor<4x8xf32>) outs(%i : tensor<4xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = arith.addf %a, %o : f32
    linalg.yield %s : f32
  } -> tensor<4xf32>
  return %1 : tensor<4xf32>
}

// -----

#id = affine_map<(d0, d1) -> (d0, d1)>
#swap = affine_map<(d0, d1) -> (d1, d0)>

// A square tensor added to its own transpose would tie rows to columns: no single pass serves both.

// CHECK-LABEL: func.func @tied
// CHECK-COUNT-2: gir.kernel
// CHECK-NOT: gir.kernel
func.func @tied(%x: tensor<8x8xf32>) -> tensor<8x8xf32> {
  %e = tensor.empty() : tensor<8x8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel", "parallel"]} ins(%x : tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %s = math.exp %a : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  %1 = linalg.generic {indexing_maps = [#id, #swap, #id], iterator_types = ["parallel", "parallel"]} ins(%0, %0 : tensor<8x8xf32>, tensor<8x8xf32>) outs(%e : tensor<8x8xf32>) {
  ^bb0(%a: f32, %b: f32, %o: f32):
    %s = arith.addf %a, %b : f32
    linalg.yield %s : f32
  } -> tensor<8x8xf32>
  return %1 : tensor<8x8xf32>
}

// -----

#id = affine_map<(d0) -> (d0)>

// The reshape needs the first kernel and the last needs the reshape: nothing can run before and
// after it at once, so the first and the last stay apart; the one that doesn't need it joins the first.

// CHECK-LABEL: func.func @between
// CHECK: %[[K:.*]]:2 = gir.kernel "absf_exp"
// CHECK: %[[V:.*]] = tensor.expand_shape %[[K]]#0
// CHECK: gir.kernel "add" (%{{.*}} = %[[V]]
// CHECK-NOT: gir.kernel
// CHECK: return
func.func @between(%x: tensor<8xf32>) -> (tensor<2x4xf32>, tensor<8xf32>) {
  %e = tensor.empty() : tensor<8xf32>
  %0 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%x : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.absf %a : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  %v = tensor.expand_shape %0 [[0, 1]] output_shape [2, 4] : tensor<8xf32> into tensor<2x4xf32>
  %w = tensor.empty() : tensor<2x4xf32>
  %s = linalg.add ins(%v, %v : tensor<2x4xf32>, tensor<2x4xf32>) outs(%w : tensor<2x4xf32>) -> tensor<2x4xf32>
  %1 = linalg.generic {indexing_maps = [#id, #id], iterator_types = ["parallel"]} ins(%0 : tensor<8xf32>) outs(%e : tensor<8xf32>) {
  ^bb0(%a: f32, %o: f32):
    %m = math.exp %a : f32
    linalg.yield %m : f32
  } -> tensor<8xf32>
  return %s, %1 : tensor<2x4xf32>, tensor<8xf32>
}

// -----

// What follows a contraction over the same elements stores with it: the product needn't be stored.
// CHECK-LABEL: func.func @bias_of_a_matmul(
// CHECK-COUNT-1: gir.kernel
// CHECK-NOT:   gir.kernel
func.func @bias_of_a_matmul(%x: tensor<8x16xf32>, %y: tensor<16x4xf32>, %z: tensor<8x4xf32>, %v: tensor<4xf32>) -> tensor<8x4xf32> {
  %0 = gir.kernel "matmul" (%a = %x : tensor<8x16xf32>, %b = %y : tensor<16x4xf32>, %c = %z : tensor<8x4xf32>) -> (tensor<8x4xf32>) {
    %1 = gir.move %a : tensor<8x16xf32, #gir.at<dram>> -> tensor<8x16xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<16x4xf32, #gir.at<dram>> -> tensor<16x4xf32, #gir.at<reg>>
    %3 = gir.move %c : tensor<8x4xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<reg>>
    %4 = gir.contract %1, %2 into %3 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : tensor<8x16xf32, #gir.at<reg>>, tensor<16x4xf32, #gir.at<reg>> into tensor<8x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<8x4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<dram>>
    gir.return %5 : tensor<8x4xf32, #gir.at<dram>>
  }
  %6 = gir.kernel "bias" (%a = %0 : tensor<8x4xf32>, %b = %v : tensor<4xf32>) -> (tensor<8x4xf32>) {
    %7 = gir.move %a : tensor<8x4xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<reg>>
    %8 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %9 = gir.broadcast %8 dims [0] : tensor<4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
    %10 = arith.addf %7, %9 : tensor<8x4xf32, #gir.at<reg>>
    %11 = gir.move %10 : tensor<8x4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<dram>>
    gir.return %11 : tensor<8x4xf32, #gir.at<dram>>
  }
  return %6 : tensor<8x4xf32>
}

// -----

// What a contraction takes would be computed once for each of its columns: a choice, not made here.
// CHECK-LABEL: func.func @matmul_of_an_exponential(
// CHECK-COUNT-2: gir.kernel
func.func @matmul_of_an_exponential(%x: tensor<8x16xf32>, %y: tensor<16x4xf32>, %z: tensor<8x4xf32>) -> tensor<8x4xf32> {
  %0 = gir.kernel "exp" (%a = %x : tensor<8x16xf32>) -> (tensor<8x16xf32>) {
    %1 = gir.move %a : tensor<8x16xf32, #gir.at<dram>> -> tensor<8x16xf32, #gir.at<reg>>
    %2 = math.exp %1 : tensor<8x16xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8x16xf32, #gir.at<reg>> -> tensor<8x16xf32, #gir.at<dram>>
    gir.return %3 : tensor<8x16xf32, #gir.at<dram>>
  }
  %4 = gir.kernel "matmul" (%a = %0 : tensor<8x16xf32>, %b = %y : tensor<16x4xf32>, %c = %z : tensor<8x4xf32>) -> (tensor<8x4xf32>) {
    %5 = gir.move %a : tensor<8x16xf32, #gir.at<dram>> -> tensor<8x16xf32, #gir.at<reg>>
    %6 = gir.move %b : tensor<16x4xf32, #gir.at<dram>> -> tensor<16x4xf32, #gir.at<reg>>
    %7 = gir.move %c : tensor<8x4xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<reg>>
    %8 = gir.contract %5, %6 into %7 maps [affine_map<(m, n, k) -> (m, k)>, affine_map<(m, n, k) -> (k, n)>, affine_map<(m, n, k) -> (m, n)>] : tensor<8x16xf32, #gir.at<reg>>, tensor<16x4xf32, #gir.at<reg>> into tensor<8x4xf32, #gir.at<reg>>
    %9 = gir.move %8 : tensor<8x4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<dram>>
    gir.return %9 : tensor<8x4xf32, #gir.at<dram>>
  }
  return %4 : tensor<8x4xf32>
}

// -----

// Gathered elements are used where they are gathered.
// CHECK-LABEL: func.func @gathered(
// CHECK-COUNT-1: gir.kernel
// CHECK-NOT:   gir.kernel
func.func @gathered(%t: tensor<100xf32>, %i: tensor<8xindex>) -> tensor<8xf32> {
  %0 = gir.kernel "gather" (%a = %t : tensor<100xf32>, %b = %i : tensor<8xindex>) -> (tensor<8xf32>) {
    %1 = gir.move %b : tensor<8xindex, #gir.at<dram>> -> tensor<8xindex, #gir.at<reg>>
    %2 = gir.gather %a[%1] : tensor<100xf32, #gir.at<dram>>[tensor<8xindex, #gir.at<reg>>] -> tensor<8xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %3 : tensor<8xf32, #gir.at<dram>>
  }
  %4 = gir.kernel "exp" (%a = %0 : tensor<8xf32>) -> (tensor<8xf32>) {
    %5 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %6 = math.exp %5 : tensor<8xf32, #gir.at<reg>>
    %7 = gir.move %6 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    gir.return %7 : tensor<8xf32, #gir.at<dram>>
  }
  return %4 : tensor<8xf32>
}

// -----

// A library operator stands between, a placed kernel has its movements decided: both stay, and so does the order in
// which alternatives use what comes before them.
// CHECK-LABEL: func.func @left_alone(
// CHECK:       %[[E:.*]] = gir.extern "vm.fabs"
// CHECK:       %[[P:.*]] = gir.kernel "placed"
// CHECK-SAME:    nest
// CHECK:       %[[K:.*]] = gir.kernel "neg"
// CHECK:       gir.alternatives
// CHECK:         gir.yield %[[K]]
func.func @left_alone(%x: tensor<64xf32>) -> tensor<64xf32> {
  %0 = gir.extern "vm.fabs" (%a = %x : tensor<64xf32>) -> (tensor<64xf32>) {
    %1 = gir.move %a : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<64xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %3 : tensor<64xf32, #gir.at<dram>>
  }
  %4 = gir.kernel "placed" (%a = %0 : tensor<64xf32>) nest <[c = 64 : 32 : 32 : 16]> -> (tensor<64xf32>) {
    %1 = gir.move %a over ["c"] : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<64xf32, #gir.at<reg>>
    %3 = gir.move %2 over ["c"] : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %3 : tensor<64xf32, #gir.at<dram>>
  }
  %5 = gir.kernel "neg" (%a = %4 : tensor<64xf32>) -> (tensor<64xf32>) {
    %1 = gir.move %a : tensor<64xf32, #gir.at<dram>> -> tensor<64xf32, #gir.at<reg>>
    %2 = arith.negf %1 : tensor<64xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<64xf32, #gir.at<reg>> -> tensor<64xf32, #gir.at<dram>>
    gir.return %3 : tensor<64xf32, #gir.at<dram>>
  }
  %6 = gir.alternatives -> (tensor<64xf32>) {
    gir.yield %5 : tensor<64xf32>
  } or {
    gir.yield %4 : tensor<64xf32>
  }
  return %6 : tensor<64xf32>
}
