// RUN: pf-opt %s --gir-forward-stores -split-input-file | FileCheck %s

// What is stored and loaded again stays in registers; the store goes, nobody reads it.

// CHECK-LABEL: func.func @cancels
// CHECK: %[[X:.*]] = gir.move
// CHECK-NEXT: %[[A:.*]] = math.absf %[[X]]
// CHECK-NEXT: %[[E:.*]] = math.exp %[[A]]
// CHECK-NEXT: gir.move %[[E]]
// CHECK-NEXT: gir.return
func.func @cancels(%x: tensor<4xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<4xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %5 = math.exp %4 : tensor<4xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %6 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// A reordered view of what was stored is reordered in registers.

// CHECK-LABEL: func.func @through_permute
// CHECK: %[[X:.*]] = gir.move
// CHECK-NEXT: %[[P:.*]] = gir.permute %[[X]] [1, 0] : tensor<4x8xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<reg>>
// CHECK-NEXT: gir.move %[[P]]
// CHECK-NEXT: gir.return
func.func @through_permute(%x: tensor<4x8xf32>) -> tensor<8x4xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<4x8xf32>) -> (tensor<8x4xf32>) {
    %1 = gir.move %a : tensor<4x8xf32, #gir.at<dram>> -> tensor<4x8xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4x8xf32, #gir.at<reg>> -> tensor<4x8xf32, #gir.at<dram>>
    %3 = gir.permute %2 [1, 0] : tensor<4x8xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<8x4xf32, #gir.at<dram>> -> tensor<8x4xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<8x4xf32, #gir.at<reg>> -> tensor<8x4xf32, #gir.at<dram>>
    gir.return %5 : tensor<8x4xf32, #gir.at<dram>>
  }
  return %0 : tensor<8x4xf32>
}

// -----

// A slice of what was stored is that slice of the value.

// CHECK-LABEL: func.func @through_slice
// CHECK: %[[X:.*]] = gir.move
// CHECK-NEXT: %[[S:.*]] = gir.slice %[[X]] [1] [2] [1] : tensor<4xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<reg>>
// CHECK-NEXT: gir.move %[[S]]
// CHECK-NEXT: gir.return
func.func @through_slice(%x: tensor<4xf32>) -> tensor<2xf32> {
  %0 = gir.kernel "k" (%a = %x : tensor<4xf32>) -> (tensor<2xf32>) {
    %1 = gir.move %a : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %3 = gir.slice %2 [1] [2] [1] : tensor<4xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
    %4 = gir.move %3 : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    gir.return %5 : tensor<2xf32, #gir.at<dram>>
  }
  return %0 : tensor<2xf32>
}

// -----

// A box of what was put together is a box of the part that it lies in; one that reaches into both is chosen from
// both at reg, and no store is needed either way.

// CHECK-LABEL: func.func @boxes
// CHECK: %[[A:.*]] = gir.move %{{.*}} : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
// CHECK: %[[B:.*]] = math.absf %[[A]]
// CHECK: %[[W:.*]] = gir.slice %[[B]] [2] [4] [1]
// CHECK: %[[C:.*]] = gir.concat %[[A]], %[[B]] dim 0 : {{.*}} -> tensor<16xf32, #gir.at<reg>>
// CHECK: %[[V:.*]] = gir.slice %[[C]] [6] [4] [1]
// CHECK: arith.addf %[[W]], %[[V]]
func.func @boxes(%x: tensor<8xf32>) -> tensor<4xf32> {
  %0 = gir.kernel "boxes" (%a = %x : tensor<8xf32>) -> (tensor<4xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = math.absf %1 : tensor<8xf32, #gir.at<reg>>
    %3 = gir.move %1 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    %4 = gir.move %2 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    %5 = gir.concat %3, %4 dim 0 : (tensor<8xf32, #gir.at<dram>>, tensor<8xf32, #gir.at<dram>>) -> tensor<16xf32, #gir.at<dram>>
    %6 = gir.slice %5 [10] [4] [1] : tensor<16xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
    %7 = gir.slice %5 [6] [4] [1] : tensor<16xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
    %8 = gir.move %6 : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %9 = gir.move %7 : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %10 = arith.addf %8, %9 : tensor<4xf32, #gir.at<reg>>
    %11 = gir.move %10 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    gir.return %11 : tensor<4xf32, #gir.at<dram>>
  }
  return %0 : tensor<4xf32>
}

// -----

// Of what was inserted over something, a box within is the value and one beside is what was there; one that
// overlaps both, or lies between strided elements, is loaded from where it was stored.

// CHECK-LABEL: func.func @inserted
// CHECK: %[[D:.*]] = gir.move %{{.*}} : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
// CHECK: %[[S:.*]] = gir.move %{{.*}} : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
// CHECK: gir.insert
// CHECK: %[[OVER:.*]] = gir.slice %{{.*}} [0] [4] [1] : {{.*}} -> tensor<4xf32, #gir.at<dram>>
// CHECK: %[[STRIDED:.*]] = gir.insert
// CHECK: %[[ACROSS:.*]] = gir.slice %[[STRIDED]] [0] [2] [1] : {{.*}} -> tensor<2xf32, #gir.at<dram>>
// CHECK: gir.slice %[[S]] [1] [2] [1]
// CHECK: gir.slice %[[D]] [6] [2] [1]
// CHECK: gir.move %[[OVER]] : {{.*}} -> tensor<4xf32, #gir.at<reg>>
// CHECK: gir.move %[[ACROSS]] : {{.*}} -> tensor<2xf32, #gir.at<reg>>
func.func @inserted(%x: tensor<8xf32>, %y: tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<4xf32>, tensor<2xf32>) {
  %0:4 = gir.kernel "inserted" (%a = %x : tensor<8xf32>, %b = %y : tensor<4xf32>) -> (tensor<2xf32>, tensor<2xf32>, tensor<4xf32>, tensor<2xf32>) {
    %1 = gir.move %a : tensor<8xf32, #gir.at<dram>> -> tensor<8xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %3 = gir.move %1 : tensor<8xf32, #gir.at<reg>> -> tensor<8xf32, #gir.at<dram>>
    %4 = gir.move %2 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %5 = gir.insert %4 into %3 [2] [4] [1] : tensor<4xf32, #gir.at<dram>> into tensor<8xf32, #gir.at<dram>>
    %within = gir.slice %5 [3] [2] [1] : tensor<8xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
    %beside = gir.slice %5 [6] [2] [1] : tensor<8xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
    %over = gir.slice %5 [0] [4] [1] : tensor<8xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<dram>>
    %6 = gir.insert %4 into %3 [0] [4] [2] : tensor<4xf32, #gir.at<dram>> into tensor<8xf32, #gir.at<dram>>
    %across = gir.slice %6 [0] [2] [1] : tensor<8xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<dram>>
    %7 = gir.move %within : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %8 = gir.move %beside : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %9 = gir.move %over : tensor<4xf32, #gir.at<dram>> -> tensor<4xf32, #gir.at<reg>>
    %10 = gir.move %across : tensor<2xf32, #gir.at<dram>> -> tensor<2xf32, #gir.at<reg>>
    %11 = math.absf %7 : tensor<2xf32, #gir.at<reg>>
    %12 = math.absf %8 : tensor<2xf32, #gir.at<reg>>
    %13 = math.absf %9 : tensor<4xf32, #gir.at<reg>>
    %14 = math.absf %10 : tensor<2xf32, #gir.at<reg>>
    %15 = gir.move %11 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    %16 = gir.move %12 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    %17 = gir.move %13 : tensor<4xf32, #gir.at<reg>> -> tensor<4xf32, #gir.at<dram>>
    %18 = gir.move %14 : tensor<2xf32, #gir.at<reg>> -> tensor<2xf32, #gir.at<dram>>
    gir.return %15, %16, %17, %18 : tensor<2xf32, #gir.at<dram>>, tensor<2xf32, #gir.at<dram>>, tensor<4xf32, #gir.at<dram>>, tensor<2xf32, #gir.at<dram>>
  }
  return %0#0, %0#1, %0#2, %0#3 : tensor<2xf32>, tensor<2xf32>, tensor<4xf32>, tensor<2xf32>
}
