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

// expected-error @+1 {{expected elements that are floats, index or signless integers of at most 64 bits, got 'vector<4xf32>'}}
func.func private @at_c5(tensor<4xvector<4xf32>, #gir.at<dram>>)

// -----

// expected-error @+1 {{expected less than 2^60 elements, got more}}
func.func private @at_c6(tensor<4294967296x4294967296xf32, #gir.at<dram>>)

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

// -----

func.func private @nest_c1_none() attributes {
  // expected-error @+1 {{expected at least one dimension, and all counts of each, got 0}}
  x = #gir.nest<[]>
}

// -----

func.func private @nest_c1_name_twice() attributes {
  // expected-error @+1 {{expected each dimension to have a name of its own, got "r"}}
  x = #gir.nest<[r = 4 : 4 : 4 : 4, r = 8 : 8 : 8 : 8]>
}

// -----

func.func private @nest_c1_no_name() attributes {
  // expected-error @+1 {{expected each dimension to have a name of its own, got ""}}
  x = #gir.nest<["" = 4 : 4 : 4 : 4]>
}

// -----

func.func private @nest_c2_group() attributes {
  // expected-error @+1 {{expected 1 <= per step <= per unit <= per group <= size for "r", got 1, 2, 8 and 4}}
  x = #gir.nest<[r = 4 : 8 : 2 : 1]>
}

// -----

func.func private @nest_c2_unit() attributes {
  // expected-error @+1 {{expected 1 <= per step <= per unit <= per group <= size for "r", got 1, 4, 2 and a dynamic size}}
  x = #gir.nest<[r = ? : 2 : 4 : 1]>
}

// -----

func.func private @nest_c2_step() attributes {
  // expected-error @+1 {{for "c", got 0, 2, 2 and 4}}
  x = #gir.nest<[r = 4 : 4 : 4 : 4, c = 4 : 2 : 2 : 0]>
}

// -----

func.func private @nest_c2_negative() attributes {
  // expected-error @+1 {{for "r", got 1, 1, 1 and -4}}
  x = #gir.nest<[r = -4 : 1 : 1 : 1]>
}

// -----

func.func private @nest_c3_static() attributes {
  // expected-error @+1 {{expected a bound only for a dynamic size, of at least a group's part, got 8 for "r"}}
  x = #gir.nest<[r = 4 : 4 : 4 : 4 upto 8]>
}

// -----

func.func private @nest_c3_small() attributes {
  // expected-error @+1 {{expected a bound only for a dynamic size, of at least a group's part, got 3 for "r"}}
  x = #gir.nest<[r = ? : 4 : 4 : 4 upto 3]>
}

// -----

func.func private @nest_c4_unknown() attributes {
  // expected-error @+1 {{expected to sweep dimensions of the nest, each once, got "c"}}
  x = #gir.nest<[r = 4 : 4 : 4 : 4], sweep = [c]>
}

// -----

func.func private @nest_c4_twice() attributes {
  // expected-error @+1 {{expected to sweep dimensions of the nest, each once, got "r"}}
  x = #gir.nest<[r = 4 : 4 : 4 : 4], sweep = [r, r]>
}

// -----

func.func private @nest_of_unknown_key() attributes {
  // expected-error @+1 {{expected 'sweep'}}
  x = #gir.nest<[r = 4 : 4 : 4 : 4], order = [r]>
}

// -----

func.func private @nest_without_step() attributes {
  // expected-error @+1 {{expected ':'}}
  x = #gir.nest<[r = 4 : 4 : 4]>
}
