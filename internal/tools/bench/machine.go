package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ticks is the unit of /proc's CPU times: USER_HZ, 100 a second on every Linux that Go runs on.
const ticks = 100

// cpu is CPU time spent so far, in seconds; /proc is Linux only, elsewhere the figures are 0.
type cpu struct {
	server, generator, machine float64
	at                         time.Time
}

// readCPU reads the clocks. pid 0: there is no server. Helpers count as the generator's.
func readCPU(pid int, helpers ...int) cpu {
	c := cpu{generator: ownCPU(), machine: machineCPU(), at: time.Now()}
	for _, helper := range helpers {
		c.generator += processCPU(helper)
	}
	if pid > 0 {
		c.server = processCPU(pid)
	}
	return c
}

func ownCPU() float64 {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()).Seconds()
}

// processCPU reads utime and stime, fields 14 and 15 of /proc/PID/stat; the name before them may hold spaces.
func processCPU(pid int) float64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	if len(fields) < 13 {
		return 0
	}
	return (number(fields[11]) + number(fields[12])) / ticks
}

// machineCPU is what all processes have used, and what the hypervisor took for others.
func machineCPU() float64 {
	f, err := os.Open("/proc/stat")
	if err != nil {
		return 0
	}
	defer f.Close()
	line, _ := bufio.NewReader(f).ReadBytes('\n')
	fields := bytes.Fields(line) // cpu user nice system idle iowait irq softirq steal …
	if len(fields) < 9 {
		return 0
	}
	busy := 0.0
	for _, i := range []int{1, 2, 3, 6, 7, 8} {
		busy += number(fields[i])
	}
	return busy / ticks
}

func number(b []byte) float64 {
	v, _ := strconv.ParseFloat(string(b), 64)
	return v
}

// resident is the memory of a process that is in RAM, in bytes.
type resident struct {
	peak float64 // the greatest so far. It is not rusage's, which a child inherits from whoever forked it
	anon float64 // its own, now
	file float64 // mapped files, now: the kernel takes clean ones back when it needs room
}

func readResident(pid int) resident {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return resident{}
	}
	size := func(key string) float64 {
		_, rest, _ := bytes.Cut(text, []byte("\n"+key+":"))
		fields := bytes.Fields(rest)
		if len(fields) == 0 {
			return 0
		}
		return number(fields[0]) * 1024
	}
	return resident{peak: size("VmHWM"), anon: size("RssAnon"), file: size("RssFile")}
}

// most takes the greatest of each.
func (r resident) most(o resident) resident {
	return resident{max(r.peak, o.peak), max(r.anon, o.anon), max(r.file, o.file)}
}

// describeMachine is one line for the reader of the figures.
func describeMachine() string {
	model := "unknown processor"
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		if _, rest, ok := bytes.Cut(text, []byte("model name")); ok {
			line, _, _ := bytes.Cut(rest, []byte("\n"))
			model = strings.TrimLeft(string(line), "\t :")
		}
	}
	return fmt.Sprintf("%d cores (%s), %s, %s/%s", runtime.NumCPU(), model, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// loadAverage is that of the last minute; unknown where the system does not tell.
func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}

// usage is the CPU spent between two readings, in cores.
type usage struct{ server, generator, others float64 }

func (c cpu) until(end cpu) usage {
	seconds := end.at.Sub(c.at).Seconds()
	u := usage{server: (end.server - c.server) / seconds, generator: (end.generator - c.generator) / seconds}
	u.others = max(0, (end.machine-c.machine)/seconds-u.server-u.generator)
	return u
}
