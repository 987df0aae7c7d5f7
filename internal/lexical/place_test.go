package lexical

import (
	"math"
	"testing"
)

func TestDistancesAreThoseOfTheSphere(t *testing.T) {
	quarter := math.Pi / 2 * earthRadius
	for _, tc := range []struct {
		name string
		a, b Point
		want float64 // km
	}{
		{"nowhere to go", Point{31.2, 121.5}, Point{31.2, 121.5}, 0},
		{"pole to equator", Point{90, 0}, Point{0, 77}, quarter},
		{"a quarter of the equator", Point{0, -45}, Point{0, 45}, quarter},
		{"antipodes", Point{12, 34}, Point{-12, -146}, 2 * quarter},
		{"across the date line", Point{0, 179}, Point{0, -179}, quarter / 45},
		{"one meridian written twice", Point{10, 180}, Point{10, -180}, 0},
		{"a degree of latitude", Point{50, 8}, Point{51, 8}, quarter / 90},
	} {
		for _, got := range []float64{Distance(tc.a, tc.b), Distance(tc.b, tc.a)} {
			if math.Abs(got-tc.want) > 1e-3 {
				t.Errorf("%s: %v km, want %v", tc.name, got, tc.want)
			}
		}
	}
}

func TestDistanceAgreesWithTheChord(t *testing.T) {
	space := func(p Point) [3]float64 {
		lat, lon := p.Lat*math.Pi/180, p.Lon*math.Pi/180
		return [3]float64{math.Cos(lat) * math.Cos(lon), math.Cos(lat) * math.Sin(lon), math.Sin(lat)}
	}
	for lat := -90.0; lat <= 90; lat += 22.5 {
		for lon := -180.0; lon <= 180; lon += 45 {
			a, b := Point{lat, lon}, Point{-lat / 2, lon / 3}
			u, v := space(a), space(b)
			chord := math.Sqrt((u[0]-v[0])*(u[0]-v[0]) + (u[1]-v[1])*(u[1]-v[1]) + (u[2]-v[2])*(u[2]-v[2]))
			want := 2 * earthRadius * math.Asin(min(chord/2, 1))
			if got := Distance(a, b); math.Abs(got-want) > 1e-3 {
				t.Errorf("%v to %v: %v km, want %v", a, b, got, want)
			}
		}
	}
}

func TestPointsAreReadWithinTheirRanges(t *testing.T) {
	for text, want := range map[string]Point{
		"31.2,121.5":       {31.2, 121.5},
		" -90 , +180.0 ":   {-90, 180},
		"3.12e1,-1.215e+2": {31.2, -121.5},
	} {
		if got, ok := ParsePoint(text); !ok || got != want {
			t.Errorf("%q: %v, %v; want %v", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", ",", "1", "1,", ",1", "1,2,3", "90.001,0", "0,180.5", "-91,0", "NaN,0", "0,Inf", "0x1p1,0", "1_0,0", "1e400,0", "a,b", "1;2",
	} {
		if got, ok := ParsePoint(text); ok || got != (Point{}) {
			t.Errorf("%q was taken: %v", text, got)
		}
	}
}

func TestPointsAreReadFromLists(t *testing.T) {
	for _, list := range [][]string{{"31.2", "121.5"}, {"31.2,121.5"}} {
		if got, ok := ParsePointList(list); !ok || got != (Point{31.2, 121.5}) {
			t.Errorf("%q: %v, %v", list, got, ok)
		}
	}
	for _, list := range [][]string{nil, {"1"}, {"1", "2", "3"}, {"91", "0"}, {"1,2", "3"}} {
		if got, ok := ParsePointList(list); ok {
			t.Errorf("%q was taken: %v", list, got)
		}
	}
}
