// Package endtoend holds the real binary to its promises from outside: processes that are killed, stopped and starved while a simulated
// AWS on a socket holds their calls open, consumers that sign calls all the time, and an observer that knows nothing but boto3. Tests only.
package endtoend
