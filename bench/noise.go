package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// A measurement is disturbed when other programs used more than this share of the machine meanwhile.
const (
	disturbed = 0.05
	tries     = 3 * repeats // at most, to find so many undisturbed ones as repeats
)

// sample is one measurement and the share of the machine that others used meanwhile; 0 where that cannot be read.
type sample[T any] struct {
	value  T
	others float64
}

// quiet measures until there are enough undisturbed measurements. When there are not, the least disturbed ones have to do, and
// the note says so.
func quiet[T any](ours []*exec.Cmd, measure func() (T, error)) (values []T, note string, err error) {
	var all []sample[T]
	for calm := 0; calm < repeats && len(all) < tries; {
		others := noise(ours)
		v, err := measure()
		if err != nil {
			return nil, "", err
		}
		share := others()
		if share < disturbed {
			calm++
		}
		all = append(all, sample[T]{v, share})
	}
	slices.SortStableFunc(all, func(a, b sample[T]) int { return cmp.Compare(a.others, b.others) })
	note = noisy(all[repeats-1].others)
	for _, s := range all[:repeats] {
		values = append(values, s.value)
	}
	return values, note, nil
}

// noise returns a function that tells which share of the machine other programs, and a hypervisor, have used since. They are told from us
// by the CPU time of this process, of those it waited for, and of ours, which run on.
func noise(ours []*exec.Cmd) (others func() float64) {
	busy, began, own := machineTime(), time.Now(), ownTime(ours)
	return func() float64 {
		return max(0, (machineTime()-busy-(ownTime(ours)-own)).Seconds()/(time.Since(began).Seconds()*float64(cores())))
	}
}

// noisy says so when a measurement was disturbed.
func noisy(share float64) string {
	if share < disturbed {
		return ""
	}
	return fmt.Sprintf(" Other programs used up to %.0f %% of the machine meanwhile.", 100*share)
}

// tickTime is one unit of /proc's CPU times; Linux fixes it for programs, whatever the kernel uses.
const tickTime = 10 * time.Millisecond

// machineTime is the CPU time that all programs on the machine have used, and what a hypervisor took away.
func machineTime() (busy time.Duration) {
	line, _, _ := strings.Cut(read("/proc/stat"), "\n")
	for i, f := range strings.Fields(line) {
		if i == 0 || i == 4 || i == 5 || i > 8 { // the name, idle, waiting for a disk; guests are counted in user
			continue
		}
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return 0
		}
		busy += time.Duration(n) * tickTime
	}
	return busy
}

// ownTime is the CPU time of this benchmark. Ours run on, so they are asked for while they do.
func ownTime(ours []*exec.Cmd) (own time.Duration) {
	for _, who := range []int{syscall.RUSAGE_SELF, syscall.RUSAGE_CHILDREN} {
		var u syscall.Rusage
		if syscall.Getrusage(who, &u) == nil {
			own += time.Duration(u.Utime.Nano() + u.Stime.Nano())
		}
	}
	for _, c := range ours {
		own += processTime(c.Process.Pid)
	}
	return own
}

// processTime is the CPU time that a running process has used; zero where /proc does not tell.
func processTime(pid int) (used time.Duration) {
	stat := read(fmt.Sprintf("/proc/%d/stat", pid))
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	for _, at := range []int{11, 12} { // utime and stime, counted from behind the name
		if at < len(fields) {
			n, _ := strconv.ParseInt(fields[at], 10, 64) // not a number: not Linux
			used += time.Duration(n) * tickTime
		}
	}
	return used
}

// cores is how many cores Linux counts, which is what its CPU times are shares of.
func cores() int {
	n := 0
	for line := range strings.SplitSeq(read("/proc/stat"), "\n") {
		if strings.HasPrefix(line, "cpu") && !strings.HasPrefix(line, "cpu ") {
			n++
		}
	}
	return max(n, 1)
}

func read(path string) string {
	b, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	return string(b)
}
