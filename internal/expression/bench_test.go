package expression

import "testing"

func BenchmarkTrue(b *testing.B) {
	for name, text := range map[string]string{
		"two comparisons": `value > 30 && item.price < 100`,
		"membership":      `item.price < 100 && "sport" in item.categories`,
		"formula":         `log1p(clamp(value, 0, 100)) / 3 > sigmoid(-item.price)`,
	} {
		b.Run(name, func(b *testing.B) {
			x, err := CompileCondition(text, visitNames, Options{})
			if err != nil {
				b.Fatal(err)
			}
			s := new(State)
			b.ReportAllocs()
			for b.Loop() {
				x.True(s, shoe)
			}
		})
	}
}

func BenchmarkCompile(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CompileCondition(`value > 30 && item.price < 100`, visitNames, Options{}); err != nil {
			b.Fatal(err)
		}
	}
}
