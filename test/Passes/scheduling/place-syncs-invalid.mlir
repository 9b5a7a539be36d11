// RUN: %pf-opt %s --gir-place-syncs -verify-diagnostics

// Where not every unit comes no barrier is put; what may meet there is said.
func.func @apart(%y: memref<4x16xf32>) {
  gir.kernel "k" (%b = %y : memref<4x16xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c4 = arith.constant 4 : index
    %zero = arith.constant dense<0.0> : tensor<4xf32, #gir.at<reg>>
    gir.parallel <group> (%g) in (%c4) {
      %s = gir.alloc : memref<16xf32, #gir.at<sram>>
      gir.parallel <unit> (%u) in (%c4) {
        %first = arith.cmpi eq, %u, %c0 : index
        scf.if %first {
          %at = affine.apply affine_map<(u) -> (u * 4)>(%u)
          // expected-remark@+1 {{this is what they may meet}}
          gir.store %zero, %s[%at] : tensor<4xf32, #gir.at<reg>>, memref<16xf32, #gir.at<sram>>
          // expected-remark@+1 {{other units may touch the same memory here, and no barrier can stand between}}
          %0 = gir.load %s[%c0] : memref<16xf32, #gir.at<sram>> -> tensor<16xf32, #gir.at<reg>>
        }
      }
    }
    gir.return
  }
  return
}
