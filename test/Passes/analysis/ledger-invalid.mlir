// RUN: pf-opt --gir-ledger=format=prose -verify-diagnostics %s

// A format that isn't one is refused, with those that are.
// expected-error@below {{expected a format of remarks, table, json, got 'prose'}}
module {
}
