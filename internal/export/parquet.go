package export

import (
	"io"

	"github.com/parquet-go/parquet-go"
)

// rowGroup bounds the rows that a Parquet writer holds in memory.
const rowGroup = 20_000

// parquetWriter writes rows as Parquet. Every column but the lists may be null; a list without elements is an empty one.
type parquetWriter struct {
	schema Schema
	out    *parquet.GenericWriter[any]
	rows   []parquet.Row // of one
	column int
}

// newParquet returns a writer of files that name their maker and carry some facts.
func newParquet(w io.Writer, s Schema, maker Maker) *parquetWriter {
	options := []parquet.WriterOption{
		parquetSchema(s), parquet.Compression(&parquet.Zstd), parquet.MaxRowsPerRowGroup(rowGroup),
		parquet.CreatedBy("recsvc", maker.Version, maker.Build),
	}
	for key, value := range maker.Facts {
		options = append(options, parquet.KeyValueMetadata(key, value))
	}
	return &parquetWriter{schema: s, out: parquet.NewGenericWriter[any](w, options...), rows: make([]parquet.Row, 1)}
}

var nodes = [...]parquet.Node{
	text:    parquet.Optional(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	integer: parquet.Optional(parquet.Int(32)),
	instant: parquet.Optional(parquet.Timestamp(parquet.Microsecond)),
	boolean: parquet.Optional(parquet.Leaf(parquet.BooleanType)),
	single:  parquet.Optional(parquet.Leaf(parquet.FloatType)),
	number:  parquet.Optional(parquet.Leaf(parquet.DoubleType)),
	texts:   parquet.List(parquet.Encoded(parquet.String(), &parquet.RLEDictionary)),
	numbers: parquet.List(parquet.Leaf(parquet.DoubleType)),
}

func parquetSchema(s Schema) *parquet.Schema {
	columns, group := s.columns(), parquet.Group{}
	for _, c := range columns {
		group[c.name] = nodes[c.kind]
	}
	byName := map[string]parquet.Field{}
	for _, f := range group.Fields() {
		byName[f.Name()] = f
	}
	root := ordered{Group: group}
	for _, c := range columns {
		root.fields = append(root.fields, byName[c.name])
	}
	return parquet.NewSchema("exposure", root)
}

// ordered is a group whose fields stay in the order in which they were given.
type ordered struct {
	parquet.Group
	fields []parquet.Field
}

// Fields implements parquet.Node.
func (o ordered) Fields() []parquet.Field { return o.fields }

// Write implements Writer.
func (p *parquetWriter) Write(r *Row) error {
	p.rows[0], p.column = p.rows[0][:0], 0
	p.schema.put(r, p)
	_, err := p.out.WriteRows(p.rows)
	return err
}

func (p *parquetWriter) close() error { return p.out.Close() }

// optional adds the value of a column that may be null.
func (p *parquetWriter) optional(v parquet.Value, ok bool) {
	level := 1
	if !ok {
		v, level = parquet.NullValue(), 0
	}
	p.rows[0] = append(p.rows[0], v.Level(0, level, p.column))
	p.column++
}

// list adds the values of a list of n.
func (p *parquetWriter) list(n int, at func(i int) parquet.Value) {
	if n == 0 {
		p.rows[0] = append(p.rows[0], parquet.NullValue().Level(0, 0, p.column))
	}
	for i := range n {
		p.rows[0] = append(p.rows[0], at(i).Level(min(i, 1), 1, p.column))
	}
	p.column++
}

func (p *parquetWriter) text(s string) { p.optional(parquet.ByteArrayValue([]byte(s)), s != "") }

func (p *parquetWriter) integer(n int32) { p.optional(parquet.Int32Value(n), n != 0) }

// instant rounds down to the microsecond.
func (p *parquetWriter) instant(ns int64) {
	us := ns / 1000
	if ns%1000 < 0 {
		us--
	}
	p.optional(parquet.Int64Value(us), ns != 0)
}

func (p *parquetWriter) label(l Label) { p.optional(parquet.BooleanValue(l == Positive), l != Unknown) }

func (p *parquetWriter) single(x float32) { p.optional(parquet.FloatValue(x), finite(float64(x))) }

func (p *parquetWriter) number(x float64) { p.optional(parquet.DoubleValue(x), finite(x)) }

func (p *parquetWriter) texts(list []string) {
	p.list(len(list), func(i int) parquet.Value { return parquet.ByteArrayValue([]byte(list[i])) })
}

// numbers keeps what is not finite: the elements of a list have their places.
func (p *parquetWriter) numbers(list []float64) {
	p.list(len(list), func(i int) parquet.Value { return parquet.DoubleValue(list[i]) })
}
