package eval

import (
	"image/color"
	"io"
	"math"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/font"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// palette is that of Okabe and Ito, which the colour-blind can tell apart.
var palette = []color.RGBA{
	{0, 0, 0, 255}, {0, 114, 178, 255}, {213, 94, 0, 255}, {0, 158, 115, 255}, {204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255},
}

// smoothed is how many points on either side a line of the plot takes the mean of.
const smoothed = 2

// WritePlot draws the log-loss over event time as SVG: above that of each arm, below how much more it is than the first arm's.
func (h *HeadResult) WritePlot(w io.Writer) error {
	above, below := newPlot(), newPlot()
	above.Title.Text = "Log-loss of " + h.Head + " over event time, each prediction made before its outcome was known"
	above.Y.Label.Text = "log-loss, nats"
	below.Y.Label.Text = "more than " + h.Arms[0].Arm
	below.X.Label.Text = "event time, UTC (means of 5 stretches of " + strings.TrimSuffix(h.Curve.Step.Round(time.Minute).String(), "0s") + ")"
	for i, arm := range h.Curve.Arms {
		style := draw.LineStyle{Color: palette[i%len(palette)], Width: vg.Points(1.3)}
		if i >= len(palette) {
			style.Dashes = []vg.Length{vg.Points(4), vg.Points(2)}
		}
		line, err := h.Curve.line(above, arm.LogLoss, nil, style)
		if err != nil {
			return err
		}
		above.Legend.Add(arm.Arm, line)
		if _, err := h.Curve.line(below, arm.LogLoss, h.Curve.Arms[0].LogLoss, style); err != nil {
			return err
		}
	}
	return writeSVG(w, above, below)
}

func newPlot() *plot.Plot {
	p := plot.New()
	for _, f := range []*font.Font{
		&p.Title.TextStyle.Font, &p.X.Label.TextStyle.Font, &p.Y.Label.TextStyle.Font, &p.X.Tick.Label.Font, &p.Y.Tick.Label.Font,
		&p.Legend.TextStyle.Font,
	} {
		f.Variant = "Sans"
	}
	p.X.Tick.Marker = plot.TickerFunc(dayTicks)
	p.Legend.Top, p.Legend.Left, p.Legend.XOffs = true, true, 5.6*vg.Inch // the text goes on to the right, whatever the font
	p.Legend.TextStyle.Font.Size, p.Legend.Padding = vg.Points(10), vg.Points(2)
	grid := plotter.NewGrid()
	grid.Vertical.Color, grid.Horizontal.Color = color.Gray{230}, color.Gray{230}
	p.Add(grid)
	return p
}

// mostTicks bounds the dates below a plot.
const mostTicks = 12

// dayTicks are midnights, every so many days.
func dayTicks(from, to float64) (ticks []plot.Tick) {
	const day = 24 * 60 * 60
	first := math.Ceil(from / day)
	every := math.Ceil((to/day - first + 1) / mostTicks)
	for d := first; d*day <= to; d += every {
		ticks = append(ticks, plot.Tick{Value: d * day, Label: time.Unix(int64(d)*day, 0).UTC().Format("Jan 2")})
	}
	return ticks
}

// line adds a line of points less others to a plot.
func (c *Curve) line(p *plot.Plot, points, less []Number, style draw.LineStyle) (*plotter.Line, error) {
	var xys plotter.XYs
	for i := range points {
		y := mean(points, i)
		if less != nil {
			y -= mean(less, i)
		}
		if !math.IsNaN(y) {
			at := c.Start.Add(time.Duration(i)*c.Step + c.Step/2)
			xys = append(xys, plotter.XY{X: float64(at.Unix()), Y: y})
		}
	}
	line, err := plotter.NewLine(xys)
	if err != nil {
		return nil, err
	}
	line.LineStyle = style
	p.Add(line)
	return line, nil
}

// mean is that of the points around one, as far as there are; NaN where there is none.
func mean(points []Number, at int) float64 {
	sum, n := 0.0, 0.0
	for i := max(0, at-smoothed); i <= min(len(points)-1, at+smoothed); i++ {
		if y := float64(points[i]); !math.IsNaN(y) {
			sum, n = sum+y, n+1
		}
	}
	if math.IsNaN(float64(points[at])) {
		return math.NaN()
	}
	return sum / n
}

// writeSVG draws two plots one above the other, with their time axes aligned.
func writeSVG(w io.Writer, above, below *plot.Plot) error {
	canvas := vgsvg.New(9*vg.Inch, 6.5*vg.Inch)
	dc := draw.New(canvas)
	tiles := draw.Tiles{Rows: 2, Cols: 1, PadX: vg.Points(8), PadY: vg.Points(6), PadTop: vg.Points(6), PadBottom: vg.Points(6), PadLeft: vg.Points(6), PadRight: vg.Points(10)}
	plots := [][]*plot.Plot{{above}, {below}}
	aligned := plot.Align(plots, tiles, dc)
	for i := range plots {
		plots[i][0].Draw(aligned[i][0])
	}
	_, err := canvas.WriteTo(w)
	return err
}
