package report

import (
	"fmt"
	"math"
	"strings"
)

// shape is one element of the picture. Kind is "rect", "line", "path" or "text"; the template knows how to write each.
type shape struct {
	Kind   string
	X, Y   float64
	W, H   float64 // rect: size; line: X2 and Y2 are X+W and Y+H
	R      float64 // rect: corner radius
	Class  string
	Title  string // tooltip
	Text   string
	Path   string // path data
	Anchor string // text: start, middle, end
}

// X2 is the end of a line.
func (s shape) X2() float64 { return px(s.X + s.W) }

// Y2 is the end of a line.
func (s shape) Y2() float64 { return px(s.Y + s.H) }

// picture collects shapes in the order in which they are drawn.
type picture struct {
	Width, Height float64
	Label         string // what the picture shows, for readers that cannot see it
	Shapes        []shape

	left, right float64 // the plot's edges
	end         float64 // seconds at the right edge
}

// x is where a time lies.
func (p *picture) x(t float64) float64 {
	t = min(max(t, 0), p.end)
	return p.left + (p.right-p.left)*t/p.end
}

func (p *picture) rect(x, y, w, h, r float64, class, title string) {
	p.Shapes = append(p.Shapes, shape{Kind: "rect", X: px(x), Y: px(y), W: px(w), H: px(h), R: r, Class: class, Title: title})
}

func (p *picture) line(x1, y1, x2, y2 float64, class string) {
	p.Shapes = append(p.Shapes, shape{Kind: "line", X: px(x1), Y: px(y1), W: px(x2 - x1), H: px(y2 - y1), Class: class})
}

func (p *picture) text(x, y float64, anchor, class, text string) {
	p.Shapes = append(p.Shapes, shape{Kind: "text", X: px(x), Y: px(y), Anchor: anchor, Class: class, Text: text})
}

func (p *picture) titled(x, y float64, anchor, class, text, title string) {
	p.Shapes = append(p.Shapes, shape{Kind: "text", X: px(x), Y: px(y), Anchor: anchor, Class: class, Text: text, Title: title})
}

func (p *picture) path(class string, points [][2]float64) {
	if len(points) < 2 {
		return
	}
	var b strings.Builder
	for i, at := range points {
		verb := "L"
		if i == 0 {
			verb = "M"
		}
		fmt.Fprintf(&b, "%s%g %g", verb, px(at[0]), px(at[1]))
	}
	p.Shapes = append(p.Shapes, shape{Kind: "path", Class: class, Path: b.String()})
}

// span draws a band's box between two times, at least two pixels wide, with its name inside when there is room, or behind it
// when there is room up to `until` (seconds).
func (p *picture) span(b band, y, h float64, class string, until float64, label string) {
	x1, x2 := p.x(b.from), p.x(b.to)
	w := max(x2-x1, 2)
	p.rect(x1, y, w, h, 3, class, b.title)
	if label == "" {
		return
	}
	need := textWidth(label)
	if class == "blocked" {
		need = boldWidth(label)
	}
	switch {
	case w >= need+10:
		p.titled(x1+6, y+h/2+3.6, "start", "in "+class, label, b.title)
	case p.x(until)-x2 >= need+10:
		p.text(x2+5, y+h/2+3.6, "start", "out", label)
	}
}

// textWidth estimates the width of the picture's small letters, in pixels.
func textWidth(text string) float64 { return 6.2 * float64(len([]rune(text))) }

// boldWidth is textWidth for bold letters.
func boldWidth(text string) float64 { return 7 * float64(len([]rune(text))) }

// px keeps a tenth of a pixel.
func px(v float64) float64 { return math.Round(v*10) / 10 }

// niceStep returns the distance of ticks: 1, 2 or 5 times a power of ten, so that at most `most` fit.
func niceStep(length float64, most int) float64 {
	raw := length / float64(most)
	unit := math.Pow(10, math.Floor(math.Log10(raw)))
	for _, step := range []float64{1, 2, 5, 10} {
		if step*unit >= raw {
			return step * unit
		}
	}
	return 10 * unit
}
