// RUN: %pf-opt %s --split-input-file --verify-diagnostics

func.func private @lanes_c1() attributes {
  // expected-error @+1 {{expected as many lane counts as element counts and at least one, got 2 and 1}}
  x = #gir.lanes<[1, 32], [4]>
}

// -----

func.func private @lanes_c2_zero() attributes {
  // expected-error @+1 {{expected counts of at least 1, got 0}}
  x = #gir.lanes<[1, 0], [1, 4]>
}

// -----

func.func private @lanes_c2_negative() attributes {
  // expected-error @+1 {{expected counts of at least 1, got -4}}
  x = #gir.lanes<[1, 32], [1, -4]>
}

// -----

// 2^32 x 2^32 is 0 in 64 bits: a tile would be divided by it.
func.func private @lanes_c2_overflow() attributes {
  // expected-error @+1 {{expected rounds of less than 2^63 elements, got 4294967296 x 4294967296}}
  x = #gir.lanes<[4294967296], [4294967296]>
}

// -----

// expected-error @+1 {{expected a layout only at reg, got one at sram}}
func.func private @at_c1(tensor<1x256xf32, #gir.at<sram, layout = <[1, 32], [1, 4]>>>)

// -----

// expected-error @+1 {{expected a layout of 1 dimensions, got 2}}
func.func private @at_c2(tensor<256xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>)

// -----

// expected-error @+1 {{expected a layout that covers dimension 1 of size 200, got rounds of 128 elements}}
func.func private @at_c3(tensor<1x200xf32, #gir.at<reg, layout = <[1, 32], [1, 4]>>>)

// -----

// expected-error @+1 {{expected a space's name, got an empty one}}
func.func private @at_c4(tensor<256xf32, #gir.at<reg, space = "">>)

// -----

// expected-error @+2 {{expected one of [dram, sram, reg] for memory level, got: cache}}
// expected-error @+1 {{failed to parse GIR_AtAttr parameter 'level'}}
func.func private @unknown_level(tensor<256xf32, #gir.at<cache>>)

// -----

// expected-error @+2 {{expected one of [device, cluster, group, unit] for scope of parallelism, got: lane}}
// expected-error @+1 {{failed to parse GIR_ScopeAttr parameter 'value'}}
func.func private @unknown_scope() attributes {x = #gir.scope<lane>}
