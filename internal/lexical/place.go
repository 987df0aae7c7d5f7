package lexical

import (
	"math"
	"strings"
)

// earthRadius is the mean radius of the earth in kilometres: (2a + b)/3 of the ellipsoid WGS 84.
const earthRadius = 6371.0088

// Point is a place on the globe, in degrees.
type Point struct {
	Lat float64 // −90 to 90, north positive
	Lon float64 // −180 to 180, east positive
}

// Distance returns the great-circle distance of two places in kilometres, 0 to about 20,015, by the haversine formula:
// within 0.6 % of the distance on the ellipsoid.
func Distance(a, b Point) float64 {
	const radian = math.Pi / 180
	lat := math.Sin((b.Lat - a.Lat) * radian / 2)
	lon := math.Sin((b.Lon - a.Lon) * radian / 2)
	h := float64(lat*lat) + float64(math.Cos(a.Lat*radian)*math.Cos(b.Lat*radian)*float64(lon*lon))
	return 2 * earthRadius * math.Asin(math.Sqrt(min(h, 1)))
}

// ParsePoint reads "lat,lon" in decimal degrees, with white space wherever one likes. Not ok: not two finite numbers in
// their ranges. It allocates nothing.
func ParsePoint(text string) (Point, bool) {
	lat, lon, found := strings.Cut(text, ",")
	if !found {
		return Point{}, false
	}
	return point(lat, lon)
}

// ParsePointList reads a list of latitude and longitude, by the rules of ParsePoint; a list of one text may hold both.
func ParsePointList(list []string) (Point, bool) {
	switch len(list) {
	case 1:
		return ParsePoint(list[0])
	case 2:
		return point(list[0], list[1])
	}
	return Point{}, false
}

func point(lat, lon string) (Point, bool) {
	x, ok := decimal(lat, 64)
	y, also := decimal(lon, 64)
	if !ok || !also || math.Abs(x) > 90 || math.Abs(y) > 180 {
		return Point{}, false
	}
	return Point{Lat: x, Lon: y}, true
}
