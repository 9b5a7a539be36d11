// RUN: pf-opt %s --gir-place=remarks=true 2>%t | FileCheck %s
// RUN: FileCheck %s --check-prefix=REMARK --input-file=%t

// A row's maximum is subtracted from the row: one kernel that loads the row once, lets it rest at sram, and sweeps it
// twice. The second kernel's load of what the first one stored is gone.

// REMARK: place.mlir:{{[0-9]+}}:{{[0-9]+}}: remark: placed 2 kernels as one: 4194304 B of dram, 4194304 B arriving, {{[0-9]+}} B of sram, 8192 B held there
// REMARK: place.mlir:{{[0-9]+}}:{{[0-9]+}}: remark: 2 kernels placed as 1, 0 as they were; exact, {{[0-9]+}} groups and sets looked at

// CHECK-LABEL: func.func @center
// CHECK: gir.kernel "max_subf"
// CHECK-SAME: nest <[r = 256 : {{[0-9]+}} : {{[0-9]+}} : 1, c = 2048 : 2048 : 2048 : 32], sweep = [c]>
// CHECK-DAG: %[[S:.*]] = gir.move %{{.*}} over ["r", "c"] : tensor<256x2048xf32, #gir.at<dram>> -> tensor<256x2048xf32, #gir.at<sram>>
// CHECK-DAG: %[[X:.*]] = gir.move %[[S]] : tensor<256x2048xf32, #gir.at<sram>> -> tensor<256x2048xf32, #gir.at<reg>>
// CHECK-DAG: %[[M:.*]] = gir.reduce %[[X]]
// CHECK-DAG: %[[Y:.*]] = gir.move %[[S]] pass 1 : tensor<256x2048xf32, #gir.at<sram>> -> tensor<256x2048xf32, #gir.at<reg>>
// CHECK-DAG: %[[B:.*]] = gir.broadcast %[[M]] dims [1] pass 1
// CHECK: %[[D:.*]] = arith.subf %[[Y]], %[[B]]
// CHECK: %[[O:.*]] = gir.move %[[D]] pass 1 over ["r", "c"] : tensor<256x2048xf32, #gir.at<reg>> -> tensor<256x2048xf32, #gir.at<dram>>
// CHECK: gir.return %[[O]]
// CHECK-NOT: gir.kernel
func.func @center(%x: tensor<256x2048xf32>) -> tensor<256x2048xf32> {
  %m = gir.kernel "max" (%a = %x : tensor<256x2048xf32>) -> (tensor<256xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<256xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<256x2048xf32, #gir.at<dram>> -> tensor<256x2048xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %lowest dims [1] kinds [#vector.kind<maximumf>] : tensor<256x2048xf32, #gir.at<reg>> into tensor<256xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<256xf32, #gir.at<reg>> -> tensor<256xf32, #gir.at<dram>>
    gir.return %2 : tensor<256xf32, #gir.at<dram>>
  }
  %y = gir.kernel "subf" (%a = %x : tensor<256x2048xf32>, %b = %m : tensor<256xf32>) -> (tensor<256x2048xf32>) {
    %0 = gir.move %a : tensor<256x2048xf32, #gir.at<dram>> -> tensor<256x2048xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<256xf32, #gir.at<dram>> -> tensor<256xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [1] : tensor<256xf32, #gir.at<reg>> -> tensor<256x2048xf32, #gir.at<reg>>
    %3 = arith.subf %0, %2 : tensor<256x2048xf32, #gir.at<reg>>
    %4 = gir.move %3 : tensor<256x2048xf32, #gir.at<reg>> -> tensor<256x2048xf32, #gir.at<dram>>
    gir.return %4 : tensor<256x2048xf32, #gir.at<dram>>
  }
  return %y : tensor<256x2048xf32>
}

// The maximum of columns and the difference along rows go over different dimensions: what the first sweeps, groups of the
// second would take parts of, and no order of loops serves both. They stay two kernels without a nest.

// CHECK-LABEL: func.func @apart
// CHECK: gir.kernel "max"
// CHECK: gir.kernel "sum"
// CHECK-NOT: nest
// CHECK: return
func.func @apart(%x: tensor<256x256xf32>) -> tensor<256xf32> {
  %m = gir.kernel "max" (%a = %x : tensor<256x256xf32>) -> (tensor<256xf32>) {
    %lowest = arith.constant dense<0xFF800000> : tensor<256xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<256x256xf32, #gir.at<dram>> -> tensor<256x256xf32, #gir.at<reg>>
    %1 = gir.reduce %0 into %lowest dims [0] kinds [#vector.kind<maximumf>] : tensor<256x256xf32, #gir.at<reg>> into tensor<256xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<256xf32, #gir.at<reg>> -> tensor<256xf32, #gir.at<dram>>
    gir.return %2 : tensor<256xf32, #gir.at<dram>>
  }
  %y = gir.kernel "sum" (%a = %x : tensor<256x256xf32>, %b = %m : tensor<256xf32>) -> (tensor<256xf32>) {
    %zero = arith.constant dense<0.0> : tensor<256xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<256x256xf32, #gir.at<dram>> -> tensor<256x256xf32, #gir.at<reg>>
    %1 = gir.move %b : tensor<256xf32, #gir.at<dram>> -> tensor<256xf32, #gir.at<reg>>
    %2 = gir.broadcast %1 dims [0] : tensor<256xf32, #gir.at<reg>> -> tensor<256x256xf32, #gir.at<reg>>
    %3 = arith.subf %0, %2 : tensor<256x256xf32, #gir.at<reg>>
    %4 = gir.reduce %3 into %zero dims [1] kinds [#vector.kind<add>] : tensor<256x256xf32, #gir.at<reg>> into tensor<256xf32, #gir.at<reg>>
    %5 = gir.move %4 : tensor<256xf32, #gir.at<reg>> -> tensor<256xf32, #gir.at<dram>>
    gir.return %5 : tensor<256xf32, #gir.at<dram>>
  }
  return %y : tensor<256xf32>
}

// What a scan gives streams on: its reader is in the same kernel, and the running sums aren't stored.

// CHECK-LABEL: func.func @scanned
// CHECK: gir.kernel "scan_absf"
// CHECK-SAME: nest
// CHECK: %[[S:.*]], %{{.*}} = gir.scan
// CHECK: math.absf %[[S]]
// CHECK-NOT: gir.kernel
// CHECK: return
func.func @scanned(%x: tensor<256x2048xf32>) -> tensor<256x2048xf32> {
  %s = gir.kernel "scan" (%a = %x : tensor<256x2048xf32>) -> (tensor<256x2048xf32>) {
    %zero = arith.constant dense<0.0> : tensor<256xf32, #gir.at<reg>>
    %0 = gir.move %a : tensor<256x2048xf32, #gir.at<dram>> -> tensor<256x2048xf32, #gir.at<reg>>
    %1, %t = gir.scan %0 into %zero dim 1 kinds [#vector.kind<add>] : tensor<256x2048xf32, #gir.at<reg>> into tensor<256xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<256x2048xf32, #gir.at<reg>> -> tensor<256x2048xf32, #gir.at<dram>>
    gir.return %2 : tensor<256x2048xf32, #gir.at<dram>>
  }
  %y = gir.kernel "absf" (%a = %s : tensor<256x2048xf32>) -> (tensor<256x2048xf32>) {
    %0 = gir.move %a : tensor<256x2048xf32, #gir.at<dram>> -> tensor<256x2048xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<256x2048xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<256x2048xf32, #gir.at<reg>> -> tensor<256x2048xf32, #gir.at<dram>>
    gir.return %2 : tensor<256x2048xf32, #gir.at<dram>>
  }
  return %y : tensor<256x2048xf32>
}
