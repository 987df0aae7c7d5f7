package lexical

import "testing"

// texts are comments as they come in a live room, and one sentence of a review.
var texts = []string{
	"这个链接多少钱啊？", "主播好棒👍👍", "太贵了，不值", "666666", "哈哈哈哈 笑死我了", "is it worth it? how much",
	"The colour is lovely but the zip broke after two days, isn't that disappointing!",
}

func benchTexts(b *testing.B, f func(text string)) {
	b.Helper()
	b.ReportAllocs()
	bytes := 0
	for _, text := range texts {
		bytes += len(text)
	}
	b.SetBytes(int64(bytes / len(texts)))
	for i := 0; b.Loop(); i++ {
		f(texts[i%len(texts)])
	}
}

func BenchmarkWords(b *testing.B) { benchTexts(b, func(text string) { Words(text) }) }

func BenchmarkTokens(b *testing.B) {
	dst := make([]uint64, 0, 256)
	benchTexts(b, func(text string) { dst = Tokens(dst[:0], text) })
}

func BenchmarkNGrams(b *testing.B) {
	dst := make([]uint64, 0, 256)
	benchTexts(b, func(text string) { dst = NGrams(dst[:0], text, 2) })
}

func BenchmarkPhrases(b *testing.B) {
	p := phrasesOf(b, "多少钱", "链接", "怎么买", "how much", "price", "link", "怎么卖", "优惠", "下单", "what size")
	benchTexts(b, func(text string) { p.Count(text) })
}

func BenchmarkSentiment(b *testing.B) {
	s := shippedSentiment(b)
	benchTexts(b, func(text string) { s.Score(text) })
}

func BenchmarkUserAgent(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		UserAgent("Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Mobile Safari/537.36")
	}
}

func BenchmarkReferer(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Referer("https://www.google.co.uk/search?q=shoes", "example.com")
	}
}

func BenchmarkDistance(b *testing.B) {
	x := Point{31.2, 121.5}
	for b.Loop() {
		x.Lat = min(90, x.Lat+Distance(x, Point{39.9, 116.4})*1e-9)
	}
}

func BenchmarkParseVector(b *testing.B) {
	b.ReportAllocs()
	dst := make([]float32, 0, 64)
	for b.Loop() {
		dst, _ = ParseVector(dst[:0], "0.1,-0.25,0.333,1e-3,0.5,0.125,-1,0.75")
	}
}
