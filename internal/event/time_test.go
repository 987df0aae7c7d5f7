package event

import (
	"math/rand/v2"
	"testing"
	"time"
)

func TestParseTimeAgreesWithTheStandardLibrary(t *testing.T) {
	for _, text := range []string{
		"2022-04-24T15:05:41.436Z", "2022-04-24T15:05:41Z", "2022-04-24t15:05:41.000000001z",
		"2022-04-24T15:05:41.5+02:00", "2020-02-29T23:59:59.123456789-11:30", "1969-12-31T23:59:59.9Z",
	} {
		want, err := time.Parse(time.RFC3339Nano, text)
		if err != nil && text[10] == 'T' {
			t.Fatal(err)
		}
		got, err := ParseTime(text)
		if err != nil {
			t.Errorf("ParseTime(%q): %v", text, err)
			continue
		}
		if text[10] == 'T' && got != FromTime(want) {
			t.Errorf("ParseTime(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestParseTimeRefusesWhatIsNotRFC3339(t *testing.T) {
	for _, text := range []string{
		"", "2022-04-24", "2022-04-24T15:05:41", "2022-04-24 15:05:41Z", "2022-02-30T00:00:00Z", "2021-02-29T00:00:00Z",
		"2022-13-01T00:00:00Z", "2022-00-01T00:00:00Z", "2022-01-00T00:00:00Z", "2022-04-24T24:00:00Z",
		"2022-04-24T15:60:00Z", "2022-04-24T15:05:60Z", "2022-04-24T15:05:41.Z", "2022-04-24T15:05:41.1234567890Z",
		"2022-04-24T15:05:41+0200", "2022-04-24T15:05:41+24:00", "2022-04-24T15:05:41+02:60", "2022-04-24T15:05:41ZZ",
		"0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2022-4-24T15:05:41.00Z", "2022-04-24T1a:05:41Z", "２022-04-24T15:05:41Z",
	} {
		if got, err := ParseTime(text); err == nil {
			t.Errorf("ParseTime(%q) = %v, want an error", text, got)
		}
	}
}

func TestTimesReadBackToTheNanosecond(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		want := Time(rng.Int64N(8e18))
		switch rng.IntN(3) {
		case 0:
			want -= want % Time(time.Millisecond)
		case 1:
			want -= want % Time(time.Second)
		}
		got, err := ParseTime(want.String())
		if err != nil || got != want {
			t.Fatalf("%d as %q reads back as %d, %v", want, want, got, err)
		}
	}
}

func TestMillisecondsKeepTheirFraction(t *testing.T) {
	for _, tc := range []struct {
		ms   float64
		want Time
	}{{1650000000000, 1650000000000e6}, {1650000000000.5, 1650000000000500e3}, {-1.5, -1500e3}} {
		if got, ok := fromMillis(tc.ms); !ok || got != tc.want {
			t.Errorf("fromMillis(%v) = %d, %v; want %d", tc.ms, got, ok, tc.want)
		}
	}
	if _, ok := fromMillis(1e30); ok {
		t.Error("1e30 ms was taken for a time")
	}
}

func FuzzParseTime(f *testing.F) {
	f.Add("2022-04-24T15:05:41.436Z")
	f.Add("2020-02-29T23:59:59.123456789-11:30")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := ParseTime(text)
		if err != nil {
			return
		}
		if again, err := ParseTime(got.String()); err != nil || again != got {
			t.Errorf("%q is %d, reads back as %d, %v", text, got, again, err)
		}
		if want, err := time.Parse(time.RFC3339Nano, text); err == nil && FromTime(want) != got {
			t.Errorf("%q is %v, the standard library says %v", text, got, want)
		}
	})
}
