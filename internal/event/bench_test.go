package event

import "testing"

func BenchmarkDecodeEventJSON(b *testing.B) {
	lines := make([][]byte, 3) // the three forms of kuairand
	size := 0
	for i := range lines {
		lines[i] = []byte(sampleEvents[i])
		size += len(lines[i])
	}
	var d Decoder
	b.SetBytes(int64(size / len(lines)))
	b.ReportAllocs()
	for i := range b.N {
		if _, err := d.DecodeEvent(lines[i%len(lines)]); err != nil {
			b.Fatal(err)
		}
	}
}

func benchmarkRecords(b *testing.B) []Record {
	var d Decoder
	recs := make([]Record, 3)
	for i := range recs {
		if err := d.DecodeJSON(KindEvent, []byte(sampleEvents[i]), &recs[i]); err != nil {
			b.Fatal(err)
		}
		recs[i].Received = recs[i].Event.Time
	}
	return recs
}

func BenchmarkAppendEventJSON(b *testing.B) {
	recs := benchmarkRecords(b)
	var buf []byte
	b.ReportAllocs()
	for i := range b.N {
		buf = AppendJSON(buf[:0], &recs[i%len(recs)])
	}
}

func BenchmarkBinaryEncode(b *testing.B) {
	recs := benchmarkRecords(b)
	var buf []byte
	b.ReportAllocs()
	for i := range b.N {
		buf = AppendRecord(buf[:0], &recs[i%len(recs)])
	}
}

func BenchmarkBinaryEncodeDecode(b *testing.B) {
	recs := benchmarkRecords(b)
	var d Decoder
	var buf []byte
	var rec Record
	b.ReportAllocs()
	for i := range b.N {
		buf = AppendRecord(buf[:0], &recs[i%len(recs)])
		if err := d.DecodeBinary(buf, &rec); err != nil {
			b.Fatal(err)
		}
	}
}
