// Package kinds is the one table of what errors mean: their code on the wire, the status of an HTTP answer, and the exit code of a
// command. The daemon's socket, the REST API, the command line and the metrics all use it.
package kinds
