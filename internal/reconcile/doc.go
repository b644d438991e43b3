// Package reconcile looks after one IAM user for one run: gather what AWS says, let [rotation.Plan] decide, record, act, record.
// It is the only caller of AWS calls that change anything. A crash at any point leaves a state from which the next run goes on
// by the same path: there is no separate recovery.
//
// It declares the edges that it needs (edges.go); package awscloud and package store satisfy them.
package reconcile
