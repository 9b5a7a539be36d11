// RUN: %pf-opt %s --convert-linalg-to-gir | FileCheck %s

// A softmax is its four steps, each an operator of its own, which merge later.
// CHECK-LABEL: func.func @softmax
// CHECK:       gir.kernel "maximumf"
// CHECK:         gir.reduce %{{.*}} into %{{.*}} dims [1] kinds [#vector.kind<maximumf>]
// CHECK:       gir.kernel "subf_exp"
// CHECK:       gir.kernel "addf"
// CHECK:       gir.kernel "divf"
func.func @softmax(%x: tensor<4x?xf32>, %o: tensor<4x?xf32>) -> tensor<4x?xf32> {
  %r = linalg.softmax dimension(1) ins(%x : tensor<4x?xf32>) outs(%o : tensor<4x?xf32>) -> tensor<4x?xf32>
  return %r : tensor<4x?xf32>
}
