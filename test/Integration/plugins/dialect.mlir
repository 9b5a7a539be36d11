// RUN: mlir-opt %s --load-dialect-plugin=%native/GIRDialectPlugin%shared_ext --verify-roundtrip | FileCheck %s
// RUN: mlir-opt %s --load-dialect-plugin=%native/GIRDialectPlugin%shared_ext --mlir-print-op-generic | mlir-opt --load-dialect-plugin=%native/GIRDialectPlugin%shared_ext | FileCheck %s
// RUN: not mlir-opt %s 2>&1 | FileCheck %s --check-prefix=WITHOUT

// A stock mlir-opt reads, verifies and writes GIR with the dialect plug-in; without it, it can't.

// WITHOUT: error: {{.*}}gir

// CHECK-LABEL: func.func @relu
// CHECK: gir.kernel "relu"
// CHECK: gir.move %{{.*}} : tensor<?x8xf32, #gir.at<dram>> -> tensor<?x8xf32, #gir.at<reg>>
// CHECK: gir.return
func.func @relu(%x: tensor<?x8xf32>, %n: index) -> tensor<?x8xf32> {
  %y = gir.kernel "relu" (%a = %x : tensor<?x8xf32>, %m = %n : index) sizes(%n) -> (tensor<?x8xf32>) {
    %0 = gir.move %a : tensor<?x8xf32, #gir.at<dram>> -> tensor<?x8xf32, #gir.at<reg>>
    %1 = math.absf %0 : tensor<?x8xf32, #gir.at<reg>>
    %2 = gir.move %1 : tensor<?x8xf32, #gir.at<reg>> -> tensor<?x8xf32, #gir.at<dram>>
    gir.return %2 : tensor<?x8xf32, #gir.at<dram>>
  }
  return %y : tensor<?x8xf32>
}
