// RUN: %pf-opt %s --gir-plan-scratch=machine=gfx942 -verify-diagnostics

// What a scratchpad doesn't hold is refused at the buffer that takes most.
func.func @too_large(%x: memref<4x32768xf32>) {
  gir.kernel "k" (%a = %x : memref<4x32768xf32>) -> () {
    %c0 = arith.constant 0 : index
    %c4 = arith.constant 4 : index
    gir.parallel <group> (%g) in (%c4) {
      // expected-error@+2 {{the buffers of a group take 131072 bytes of 'lds' at once, which holds 65536; this one takes 131072}}
      // expected-note@+1 {{help: take smaller parts per group, or rest less at sram}}
      %0 = gir.stage %a[%g, %c0] [1, 32768] : memref<4x32768xf32, #gir.at<dram>> -> memref<1x32768xf32, #gir.at<sram>>
      %1 = gir.load %0[%c0, %c0] : memref<1x32768xf32, #gir.at<sram>> -> tensor<1x4xf32, #gir.at<reg>>
    }
    gir.return
  }
  return
}
