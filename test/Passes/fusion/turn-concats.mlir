// RUN: pf-opt %s --gir-turn-concats="longest=8 most-parts=3" -split-input-file | FileCheck %s

// Of what is put together and then computed on, each element is taken from the part that has its place.

// CHECK-LABEL: func.func @long
// CHECK-DAG: %[[X:.*]] = gir.pad %{{.*}} low [0] high [7] {{.*}} -> tensor<10xf32, #gir.at<reg>>
// CHECK-DAG: %[[Y:.*]] = gir.pad %{{.*}} low [3] high [0] {{.*}} -> tensor<10xf32, #gir.at<reg>>
// CHECK: %[[I:.*]] = gir.iota dim 0
// CHECK: %[[END:.*]] = arith.constant dense<3>
// CHECK: %[[FIRST:.*]] = arith.cmpi ult, %[[I]], %[[END]]
// CHECK: %[[W:.*]] = arith.select %[[FIRST]], %[[X]], %[[Y]]
// CHECK: math.absf %[[W]]
func.func @long(%x: tensor<3xf32>, %y: tensor<7xf32>) -> tensor<10xf32> {
  %0 = gir.kernel "abs" (%a = %x : tensor<3xf32>, %b = %y : tensor<7xf32>) -> (tensor<10xf32>) {
    %1 = gir.move %a : tensor<3xf32, #gir.at<dram>> -> tensor<3xf32, #gir.at<reg>>
    %2 = gir.move %b : tensor<7xf32, #gir.at<dram>> -> tensor<7xf32, #gir.at<reg>>
    %3 = gir.concat %1, %2 dim 0 : (tensor<3xf32, #gir.at<reg>>, tensor<7xf32, #gir.at<reg>>) -> tensor<10xf32, #gir.at<reg>>
    %4 = math.absf %3 : tensor<10xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<10xf32, #gir.at<reg>> -> tensor<10xf32, #gir.at<dram>>
    gir.return %5 : tensor<10xf32, #gir.at<dram>>
  }
  return %0 : tensor<10xf32>
}

// -----

// One number on both sides is a border; another number beside it is chosen by its place.

// CHECK-LABEL: func.func @borders
// CHECK-DAG: %[[ONE:.*]] = arith.constant 1.000000e+00 : f32
// CHECK: %[[W:.*]] = gir.pad %{{.*}} low [2] high [3] value %[[ONE]] : {{.*}} -> tensor<12xf32, #gir.at<reg>>
// CHECK-NOT: arith.select
// CHECK: math.absf %[[W]]
func.func @borders(%x: tensor<7xf32>) -> tensor<12xf32> {
  %0 = gir.kernel "abs" (%a = %x : tensor<7xf32>) -> (tensor<12xf32>) {
    %1 = gir.move %a : tensor<7xf32, #gir.at<dram>> -> tensor<7xf32, #gir.at<reg>>
    %2 = arith.constant dense<1.0> : tensor<2xf32, #gir.at<reg>>
    %3 = arith.constant dense<1.0> : tensor<3xf32, #gir.at<reg>>
    %4 = gir.concat %2, %1, %3 dim 0 : (tensor<2xf32, #gir.at<reg>>, tensor<7xf32, #gir.at<reg>>, tensor<3xf32, #gir.at<reg>>) -> tensor<12xf32, #gir.at<reg>>
    %5 = math.absf %4 : tensor<12xf32, #gir.at<reg>>
    %6 = gir.move %5 : tensor<12xf32, #gir.at<reg>> -> tensor<12xf32, #gir.at<dram>>
    gir.return %6 : tensor<12xf32, #gir.at<dram>>
  }
  return %0 : tensor<12xf32>
}

// -----

// A step has all of what is short, and of many parts every element would look at all: both stay.

// CHECK-LABEL: func.func @stay
// CHECK: gir.concat %{{.*}} dim 1 : {{.*}} -> tensor<9x8xf32, #gir.at<reg>>
// CHECK: gir.concat %{{.*}} dim 0 : {{.*}} -> tensor<36x4xf32, #gir.at<reg>>
// CHECK-NOT: gir.pad
func.func @stay(%x: tensor<9x4xf32>) -> (tensor<9x8xf32>, tensor<36x4xf32>) {
  %0:2 = gir.kernel "abs" (%a = %x : tensor<9x4xf32>) -> (tensor<9x8xf32>, tensor<36x4xf32>) {
    %1 = gir.move %a : tensor<9x4xf32, #gir.at<dram>> -> tensor<9x4xf32, #gir.at<reg>>
    %2 = gir.concat %1, %1 dim 1 : (tensor<9x4xf32, #gir.at<reg>>, tensor<9x4xf32, #gir.at<reg>>) -> tensor<9x8xf32, #gir.at<reg>>
    %3 = math.absf %2 : tensor<9x8xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<9x8xf32, #gir.at<reg>> -> tensor<9x8xf32, #gir.at<dram>>
    %5 = gir.concat %1, %1, %1, %1 dim 0 : (tensor<9x4xf32, #gir.at<reg>>, tensor<9x4xf32, #gir.at<reg>>, tensor<9x4xf32, #gir.at<reg>>, tensor<9x4xf32, #gir.at<reg>>) -> tensor<36x4xf32, #gir.at<reg>>
    %6 = math.absf %5 : tensor<36x4xf32, #gir.at<reg>>
    %7 = gir.move %6 : tensor<36x4xf32, #gir.at<reg>> -> tensor<36x4xf32, #gir.at<dram>>
    gir.return %4, %7 : tensor<9x8xf32, #gir.at<dram>>, tensor<36x4xf32, #gir.at<dram>>
  }
  return %0#0, %0#1 : tensor<9x8xf32>, tensor<36x4xf32>
}

// -----

// What nobody but the function wants is stored in parts, as before.

// CHECK-LABEL: func.func @stored
// CHECK: gir.concat %{{.*}} -> tensor<10xf32, #gir.at<dram>>
func.func @stored(%x: tensor<3xf32>, %y: tensor<7xf32>) -> tensor<10xf32> {
  %0 = gir.kernel "concat" (%a = %x : tensor<3xf32>, %b = %y : tensor<7xf32>) -> (tensor<10xf32>) {
    %1 = gir.move %a : tensor<3xf32, #gir.at<dram>> -> tensor<3xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<3xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<dram>>
    %3 = gir.move %b : tensor<7xf32, #gir.at<dram>> -> tensor<7xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<7xf32, #gir.at<reg>> -> tensor<7xf32, #gir.at<dram>>
    %5 = gir.concat %2, %4 dim 0 : (tensor<3xf32, #gir.at<dram>>, tensor<7xf32, #gir.at<dram>>) -> tensor<10xf32, #gir.at<dram>>
    gir.return %5 : tensor<10xf32, #gir.at<dram>>
  }
  return %0 : tensor<10xf32>
}

// -----

// What is stored twice side by side and read by another kernel is put together and stored as one.

// CHECK-LABEL: func.func @twice
// CHECK: %[[X:.*]] = gir.move %{{.*}} : tensor<7xf32, #gir.at<dram>> -> tensor<7xf32, #gir.at<reg>>
// CHECK-NOT: gir.concat
// CHECK: %[[W:.*]] = arith.select
// CHECK: %[[S:.*]] = gir.move %[[W]] : tensor<14xf32, #gir.at<reg>> -> tensor<14xf32, #gir.at<dram>>
// CHECK: gir.return %[[S]]
func.func @twice(%x: tensor<7xf32>) -> (tensor<14xf32>, tensor<14xf32>) {
  %0 = gir.kernel "concat" (%a = %x : tensor<7xf32>) -> (tensor<14xf32>) {
    %1 = gir.move %a : tensor<7xf32, #gir.at<dram>> -> tensor<7xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<7xf32, #gir.at<reg>> -> tensor<7xf32, #gir.at<dram>>
    %3 = gir.concat %2, %2 dim 0 : (tensor<7xf32, #gir.at<dram>>, tensor<7xf32, #gir.at<dram>>) -> tensor<14xf32, #gir.at<dram>>
    gir.return %3 : tensor<14xf32, #gir.at<dram>>
  }
  %1 = gir.kernel "abs" (%a = %0 : tensor<14xf32>) -> (tensor<14xf32>) {
    %2 = gir.move %a : tensor<14xf32, #gir.at<dram>> -> tensor<14xf32, #gir.at<reg>>
    %3 = math.absf %2 : tensor<14xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<14xf32, #gir.at<reg>> -> tensor<14xf32, #gir.at<dram>>
    gir.return %4 : tensor<14xf32, #gir.at<dram>>
  }
  return %0, %1 : tensor<14xf32>, tensor<14xf32>
}

// -----

// What the function gets by itself, too, would be stored once more.

// CHECK-LABEL: func.func @besides
// CHECK: %[[S:.*]] = gir.move %{{.*}} : tensor<6xf32, #gir.at<reg>> -> tensor<6xf32, #gir.at<dram>>
// CHECK: gir.concat %[[S]], %{{.*}} dim 0 : {{.*}} -> tensor<9xf32, #gir.at<dram>>
// CHECK: gir.return %{{.*}}, %[[S]], %{{.*}}
func.func @besides(%x: tensor<6xf32>, %y: tensor<3xf32>) -> (tensor<9xf32>, tensor<6xf32>, tensor<9xf32>) {
  %0:3 = gir.kernel "concat" (%a = %x : tensor<6xf32>, %b = %y : tensor<3xf32>) -> (tensor<9xf32>, tensor<6xf32>, tensor<9xf32>) {
    %1 = gir.move %a : tensor<6xf32, #gir.at<dram>> -> tensor<6xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<6xf32, #gir.at<reg>> -> tensor<6xf32, #gir.at<dram>>
    %3 = gir.move %b : tensor<3xf32, #gir.at<dram>> -> tensor<3xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<3xf32, #gir.at<reg>> -> tensor<3xf32, #gir.at<dram>>
    %5 = gir.concat %2, %4 dim 0 : (tensor<6xf32, #gir.at<dram>>, tensor<3xf32, #gir.at<dram>>) -> tensor<9xf32, #gir.at<dram>>
    %6 = gir.concat %1, %3 dim 0 : (tensor<6xf32, #gir.at<reg>>, tensor<3xf32, #gir.at<reg>>) -> tensor<9xf32, #gir.at<reg>>
    %7 = math.absf %6 : tensor<9xf32, #gir.at<reg>>
    %8 = gir.move %7 : tensor<9xf32, #gir.at<reg>> -> tensor<9xf32, #gir.at<dram>>
    gir.return %5, %2, %8 : tensor<9xf32, #gir.at<dram>>, tensor<6xf32, #gir.at<dram>>, tensor<9xf32, #gir.at<dram>>
  }
  return %0#0, %0#1, %0#2 : tensor<9xf32>, tensor<6xf32>, tensor<9xf32>
}
