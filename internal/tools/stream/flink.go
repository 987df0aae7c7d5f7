package stream

import "time"

// Job is what is computed from the stream.
type Job string

// The jobs. All of them are keyed by user; tiles are 10 s wide and start at multiples of 10 s.
const (
	// Window counts clicks and impressions in sliding windows [end − 60 s, end), end a multiple of 10 s: one output for each
	// user and window with at least one event.
	Window Job = "window"
	// Ring does the same in six tiles that end with the newest one that the user has had an event in, and has an output after
	// each event, in the order of the stream.
	Ring Job = "ring"
	// Pattern finds three consecutive clicks of a user on one category, in order of event time, the third less than
	// PatternWithin after the first; none of them is used twice.
	Pattern Job = "pattern"
	// ShortPattern is Pattern within ShortWithin.
	ShortPattern Job = "pattern within 30 s"
)

// The spans within which a pattern must be complete.
const (
	PatternWithin = 300 * time.Second
	ShortWithin   = 30 * time.Second
)

// Flink is what Apache Flink 2.3.0 has made of the first n events. (The line of ShortPattern is by an independent program.)
var Flink = []struct {
	Job  Job
	N    uint64
	Want Total
}{
	{Window, 100_000, Total{162_925, 59_802, 540_198, 0x938ac1a619ae8443}},
	{Window, 400_000, Total{433_929, 239_088, 2_160_912, 0x2914445a6e95f305}},
	{Window, 2_000_000, Total{1_625_095, 1_200_192, 10_799_808, 0x12117d8bb44b4d3e}},
	{Ring, 100_000, Total{100_000, 3_468_914, 30_922_435, 0x453bc1e00d4f110a}},
	{Ring, 400_000, Total{400_000, 55_212_308, 494_506_479, 0x84d1d051e6a2876d}},
	{Ring, 2_000_000, Total{2_000_000, 660_595_525, 5_906_541_408, 0x53bc0ae86745e893}},
	{Pattern, 100_000, Total{840, 8_078, 1_428_000_002_724_322, 0xda9372010fe71e0c}},
	{Pattern, 400_000, Total{4_886, 46_562, 8_306_200_075_402_977, 0x4c1adbb949d7c06c}},
	{Pattern, 2_000_000, Total{33_640, 320_512, 57_188_002_812_394_008, 0xef30ab1d80798975}},
	{ShortPattern, 2_000_000, Total{26_568, 253_321, 45_165_602_515_883_450, 0x736afad78072d94f}},
}

// Expected returns Flink's result of a job on the first n events; ok is false where there is none.
func Expected(job Job, n uint64) (want Total, ok bool) {
	for _, r := range Flink {
		if r.Job == job && r.N == n {
			return r.Want, true
		}
	}
	return Total{}, false
}
