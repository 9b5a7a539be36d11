// RUN: pf-opt %s --gir-narrow-detours --canonicalize -split-input-file | FileCheck %s
// RUN: pf-opt %s --gir-narrow-detours=enable=false -split-input-file | FileCheck %s --check-prefix=OFF

// A variance that is widened, with its mean taken off in another kernel, is computed in what it came from.

// CHECK-LABEL: func.func @variance
// CHECK-NOT: f64
// CHECK: gir.kernel "mean" (%{{.*}} = %{{.*}} : tensor<4x8xbf16>) -> (tensor<4x8xf32>, tensor<4xf32>)
// CHECK: %[[X:.*]] = arith.extf %{{.*}} : tensor<4x8xbf16, #gir.at<reg>> to tensor<4x8xf32, #gir.at<reg>>
// CHECK: gir.reduce %[[X]] into %{{.*}} : tensor<4x8xf32, #gir.at<reg>> into tensor<4xf32, #gir.at<reg>>
// CHECK: gir.kernel "variance"
// CHECK: %[[V:.*]] = arith.divf %{{.*}} : tensor<4xf32, #gir.at<reg>>
// CHECK: gir.move %[[V]]
// CHECK: return
// OFF-LABEL: func.func @variance
// OFF: arith.extf {{.*}} to tensor<4x8xf64
func.func @variance(%x: tensor<4x8xbf16>) -> tensor<4xf32> {
  %0:2 = gir.kernel "mean" (%a = %x : tensor<4x8xbf16>) -> (tensor<4x8xf64>, tensor<4xf64>) {
    %zero = arith.constant dense<0.0> : tensor<4xf64, #gir.at<reg>>
    %n = arith.constant dense<8.0> : tensor<4xf64, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xbf16, #gir.at<dram>> -> tensor<4x8xbf16, #gir.at<reg>>
    %2 = arith.extf %1 : tensor<4x8xbf16, #gir.at<reg>> to tensor<4x8xf64, #gir.at<reg>>
    %3 = gir.reduce %2 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>
    %4 = arith.divf %3, %n : tensor<4xf64, #gir.at<reg>>
    %5 = gir.move %2 : tensor<4x8xf64, #gir.at<reg>> -> tensor<4x8xf64, #gir.at<dram>>
    %6 = gir.move %4 : tensor<4xf64, #gir.at<reg>> -> tensor<4xf64, #gir.at<dram>>
    gir.return %5, %6 : tensor<4x8xf64, #gir.at<dram>>, tensor<4xf64, #gir.at<dram>>
  }
  %1 = gir.kernel "variance" (%a = %0#0 : tensor<4x8xf64>, %m = %0#1 : tensor<4xf64>) -> (tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf64, #gir.at<reg>>
    %n = arith.constant dense<8.0> : tensor<4xf64, #gir.at<reg>>
    %2 = gir.move %a : tensor<4x8xf64, #gir.at<dram>> -> tensor<4x8xf64, #gir.at<reg>>
    %3 = gir.move %m : tensor<4xf64, #gir.at<dram>> -> tensor<4xf64, #gir.at<reg>>
    %4 = gir.broadcast %3 dims [1] : tensor<4xf64, #gir.at<reg>> -> tensor<4x8xf64, #gir.at<reg>>
    %5 = arith.subf %2, %4 : tensor<4x8xf64, #gir.at<reg>>
    %6 = arith.mulf %5, %5 : tensor<4x8xf64, #gir.at<reg>>
    %7 = gir.reduce %6 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>
    %8 = arith.divf %7, %n : tensor<4xf64, #gir.at<reg>>
    %9 = arith.truncf %8 : tensor<4xf64, #gir.at<reg>> to tensor<4xf32, #gir.at<reg>>
    %10 = gir.move %9 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %10 : tensor<4xf32, #gir.at<dram>>
  }
  return %1 : tensor<4xf32>
}

// -----

// The mean of squares less the square of the mean loses in f32 what f64 keeps.

// CHECK-LABEL: func.func @cancels
// CHECK: arith.subf {{.*}} tensor<4xf64
func.func @cancels(%x: tensor<4x8xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "variance" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf64, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = arith.extf %1 : tensor<4x8xf32, #gir.at<reg>> to tensor<4x8xf64, #gir.at<reg>>
    %3 = arith.mulf %2, %2 : tensor<4x8xf64, #gir.at<reg>>
    %4 = gir.reduce %2 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>
    %5 = gir.reduce %3 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>
    %6 = arith.mulf %4, %4 : tensor<4xf64, #gir.at<reg>>
    %7 = arith.subf %5, %6 : tensor<4xf64, #gir.at<reg>>
    %8 = arith.truncf %7 : tensor<4xf64, #gir.at<reg>> to tensor<4xf32, #gir.at<reg>>
    %9 = gir.move %8 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %9 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// What two numbers' sum loses when it is rounded is computed in f64 on purpose.

// CHECK-LABEL: func.func @lost
// CHECK: arith.subf {{.*}} tensor<4xf64
func.func @lost(%x: tensor<4xf32>, %y: tensor<4xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "lost" (%a = %x : tensor<4xf32>, %b = %y : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = arith.extf %1 : tensor<4xf32, #gir.at<reg>> to tensor<4xf64, #gir.at<reg>>
    %4 = arith.extf %2 : tensor<4xf32, #gir.at<reg>> to tensor<4xf64, #gir.at<reg>>
    %5 = arith.addf %3, %4 : tensor<4xf64, #gir.at<reg>>
    %6 = arith.truncf %5 : tensor<4xf64, #gir.at<reg>> to tensor<4xf32, #gir.at<reg>>
    %7 = arith.extf %6 : tensor<4xf32, #gir.at<reg>> to tensor<4xf64, #gir.at<reg>>
    %8 = arith.subf %5, %7 : tensor<4xf64, #gir.at<reg>>
    %9 = arith.truncf %8 : tensor<4xf64, #gir.at<reg>> to tensor<4xf32, #gir.at<reg>>
    %10 = gir.move %9 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %10 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// What the caller gets in f64, compares in f64, or scales by what f32 doesn't have, stays.

// CHECK-LABEL: func.func @seen
// CHECK: gir.reduce {{.*}} into tensor<4xf64
// CHECK: gir.reduce {{.*}} into tensor<4xf64
// CHECK: gir.reduce {{.*}} into tensor<4xf64
func.func @seen(%x: tensor<4x8xf32>) -> (tensor<4xf64>, tensor<4xi1>, tensor<4xf32>) {
  %0:3 = gir.kernel "sums" (%a = %x : tensor<4x8xf32>) -> (tensor<4xf64>, tensor<4xi1>, tensor<4xf32>) {
    %zero = arith.constant dense<0.0> : tensor<4xf64, #gir.at<reg>>
    %one = arith.constant dense<1.0> : tensor<4xf64, #gir.at<reg>>
    %tiny = arith.constant dense<1.0e-300> : tensor<4xf64, #gir.at<reg>>
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<4x8xf32, #gir.at<reg>>
    %3 = math.exp %1 : tensor<4x8xf32, #gir.at<reg>>
    %4 = arith.extf %1 : tensor<4x8xf32, #gir.at<reg>> to tensor<4x8xf64, #gir.at<reg>>
    %5 = arith.extf %2 : tensor<4x8xf32, #gir.at<reg>> to tensor<4x8xf64, #gir.at<reg>>
    %6 = arith.extf %3 : tensor<4x8xf32, #gir.at<reg>> to tensor<4x8xf64, #gir.at<reg>>
    %7 = gir.reduce %4 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>
    %8 = gir.reduce %5 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>
    %9 = gir.reduce %6 into %zero dims [1] kinds [#vector.kind<add>] : tensor<4x8xf64, #gir.at<reg>> into tensor<4xf64, #gir.at<reg>>
    %10 = gir.move %7 : tensor<4xf64, #gir.at<reg>> -> tensor<4xf64, #gir.at<dram>>
    %11 = arith.cmpf ogt, %8, %one : tensor<4xf64, #gir.at<reg>>
    %12 = gir.move %11 : tensor<4xi1, #gir.at<reg>> -> tensor<4xi1, #gir.at<dram>>
    %13 = arith.divf %9, %tiny : tensor<4xf64, #gir.at<reg>>
    %14 = arith.truncf %13 : tensor<4xf64, #gir.at<reg>> to tensor<4xf32, #gir.at<reg>>
    %15 = gir.move %14 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %10, %12, %15 : tensor<4xf64, #gir.at<dram>>, tensor<4xi1, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>
  }
  return %0#0, %0#1, %0#2 : tensor<4xf64>, tensor<4xi1>, tensor<4xf32>
}
