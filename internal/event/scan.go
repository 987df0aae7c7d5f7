package event

import (
	"math"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
	"unsafe"
)

// maxDepth bounds the recursion into values that nobody asked for.
const maxDepth = 64

// scanner reads one JSON text, strictly by RFC 8259: no comments, no trailing commas, UTF-8 only, no lone
// surrogates. It allocates only for strings with escapes; all others alias buf.
//
// The first fault sticks. Methods after it return zero values, and the loops over objects and arrays end,
// so that callers need look only once, at the end.
type scanner struct {
	buf   []byte
	pos   int
	fault string // what is malformed; empty while all is well
	at    int    // byte of the fault
}

func (s *scanner) fail(fault string) {
	if s.fault == "" {
		s.fault, s.at = fault, s.pos
	}
	s.pos = len(s.buf)
}

// peek skips white space and returns the next byte without taking it; 0 at the end.
func (s *scanner) peek() byte {
	for s.pos < len(s.buf) {
		c := s.buf[s.pos]
		if c > ' ' || (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
			return c
		}
		s.pos++
	}
	return 0
}

// done reports a fault unless only white space is left.
func (s *scanner) done() {
	if s.peek(); s.pos < len(s.buf) {
		s.fail("something follows the value")
	}
}

// firstKey enters an object and returns its first key; the scanner stands before the value.
func (s *scanner) firstKey() (string, bool) {
	s.pos++ // the brace that peek saw
	if s.peek() == '}' {
		s.pos++
		return "", false
	}
	return s.key()
}

// nextKey returns the next key, or false after the closing brace.
func (s *scanner) nextKey() (string, bool) {
	switch s.peek() {
	case ',':
		s.pos++
		return s.key()
	case '}':
		s.pos++
	default:
		s.fail("want , or } after a member")
	}
	return "", false
}

func (s *scanner) key() (string, bool) {
	if s.peek() != '"' {
		s.fail("want a key in quotes")
		return "", false
	}
	key := s.str()
	if s.peek() != ':' {
		s.fail("want : after a key")
		return "", false
	}
	s.pos++
	return key, s.fault == ""
}

// firstElement enters an array; the scanner stands before its first element.
func (s *scanner) firstElement() bool {
	s.pos++ // the bracket that peek saw
	if s.peek() == ']' {
		s.pos++
		return false
	}
	return s.fault == ""
}

// nextElement reports whether another element follows.
func (s *scanner) nextElement() bool {
	switch s.peek() {
	case ',':
		s.pos++
		return true
	case ']':
		s.pos++
	default:
		s.fail("want , or ] after an element")
	}
	return false
}

// str reads a string; the scanner stands at its opening quote.
func (s *scanner) str() string {
	start := s.pos + 1
	var high byte
	for i := start; i < len(s.buf); i++ {
		c := s.buf[i]
		if c == '"' {
			s.pos = i + 1
			return s.text(s.buf[start:i], high)
		}
		if c == '\\' {
			return s.escaped(start, i)
		}
		if c < ' ' {
			s.pos = i
			s.fail("control character in a string")
			return ""
		}
		high |= c
	}
	s.pos = len(s.buf)
	s.fail("string without an end")
	return ""
}

// text makes the bytes of a string one, without a copy; high is the or of them all.
func (s *scanner) text(b []byte, high byte) string {
	if high >= utf8.RuneSelf && !utf8.Valid(b) {
		s.fail("string is not UTF-8")
		return ""
	}
	return alias(b)
}

// alias makes a string of bytes that are never written to again.
func alias(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// escaped reads a string that has its first escape at i.
func (s *scanner) escaped(start, i int) string {
	out := append(make([]byte, 0, len(s.buf[start:i])+32), s.buf[start:i]...)
	var high byte = utf8.RuneSelf // the part before i was not looked at
	for s.pos = i; s.pos < len(s.buf); {
		switch c := s.buf[s.pos]; {
		case c == '"':
			s.pos++
			return s.text(out, high)
		case c == '\\':
			out = s.escape(out)
		case c < ' ':
			s.fail("control character in a string")
		default:
			out = append(out, c)
			s.pos++
		}
	}
	s.fail("string without an end")
	return ""
}

// escape appends what one escape stands for.
func (s *scanner) escape(out []byte) []byte {
	if s.pos+1 >= len(s.buf) {
		s.fail("string without an end")
		return out
	}
	c := s.buf[s.pos+1]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		return s.unicode(out)
	default:
		s.fail("unknown escape in a string")
		return out
	}
	s.pos += 2
	return append(out, c)
}

// unicode appends the character of \uXXXX, or of a surrogate pair of them.
func (s *scanner) unicode(out []byte) []byte {
	r, ok := s.hex4(s.pos)
	next := s.pos + 6
	if ok && utf16.IsSurrogate(r) {
		low, _ := s.hex4(next)
		r = utf16.DecodeRune(r, low)
		ok = r != utf8.RuneError // what DecodeRune makes of anything but a pair
		next += 6
	}
	if !ok {
		s.fail("bad \\u escape in a string")
		return out
	}
	s.pos = next
	return utf8.AppendRune(out, r)
}

// hex4 reads \uXXXX at byte i.
func (s *scanner) hex4(i int) (rune, bool) {
	if i+6 > len(s.buf) || s.buf[i] != '\\' || s.buf[i+1] != 'u' {
		return 0, false
	}
	n, err := strconv.ParseUint(alias(s.buf[i+2:i+6]), 16, 16)
	return rune(n), err == nil
}

// word takes a literal: true, false or null.
func (s *scanner) word(want string) bool {
	if len(s.buf)-s.pos < len(want) || string(s.buf[s.pos:s.pos+len(want)]) != want {
		s.fail("unknown word")
		return false
	}
	s.pos += len(want)
	return true
}

// skip takes one value of any kind, checking that it is well formed.
func (s *scanner) skip() { s.skipDeep(maxDepth) }

func (s *scanner) skipDeep(depth int) {
	if depth == 0 {
		s.fail("nested too deeply")
		return
	}
	switch c := s.peek(); c {
	case '{':
		for _, ok := s.firstKey(); ok; _, ok = s.nextKey() {
			s.skipDeep(depth - 1)
		}
	case '[':
		for ok := s.firstElement(); ok; ok = s.nextElement() {
			s.skipDeep(depth - 1)
		}
	case '"':
		s.str()
	case 't':
		s.word("true")
	case 'f':
		s.word("false")
	case 'n':
		s.word("null")
	default:
		s.number()
	}
}

// pow10 holds the powers of ten that float64 represents exactly.
var pow10 = [...]float64{
	1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
	1e19, 1e20, 1e21, 1e22,
}

// number reads a number, rounded correctly; ±Inf where float64 cannot hold it.
func (s *scanner) number() float64 {
	start := s.pos
	negative := s.take('-')
	whole, digits := s.digits(0)
	if digits == 0 || (digits > 1 && s.buf[s.pos-digits] == '0') {
		s.fail("want a value")
		return 0
	}
	mantissa, decimals := whole, 0
	if s.take('.') {
		if mantissa, decimals = s.digits(whole); decimals == 0 {
			s.fail("want digits after the point")
			return 0
		}
	}
	exponent := s.take('e') || s.take('E')
	if exponent {
		_ = s.take('-') || s.take('+')
		if _, n := s.digits(0); n == 0 {
			s.fail("want digits in the exponent")
			return 0
		}
	}
	if exponent || digits+decimals > 15 { // 15 digits fit 53 bits, and one exact division rounds once
		return s.slowNumber(start)
	}
	f := float64(mantissa) / pow10[decimals]
	if negative {
		return -f
	}
	return f
}

// numberText reads a number and returns its shortest decimal text, which aliases buf when the number was written so.
// Not finite: float64 cannot hold it. Zero has no sign.
func (s *scanner) numberText() (text string, isFinite bool) {
	start := s.pos
	f := s.number()
	if s.fault != "" || !finite(f) {
		return "", false
	}
	var buf [32]byte
	short := appendNumber(buf[:0], f+0) // −0 + 0 is 0
	if written := s.buf[start:s.pos]; string(written) == string(short) {
		return alias(written), true
	}
	return string(short), true
}

func (s *scanner) slowNumber(start int) float64 {
	f, err := strconv.ParseFloat(alias(s.buf[start:s.pos]), 64)
	if err != nil && !math.IsInf(f, 0) {
		s.fail("bad number")
		return 0
	}
	return f
}

func (s *scanner) take(c byte) bool {
	if s.pos < len(s.buf) && s.buf[s.pos] == c {
		s.pos++
		return true
	}
	return false
}

// digits appends decimal digits to n, which wraps when there are more than 19, and returns how many it took.
func (s *scanner) digits(n uint64) (uint64, int) {
	start := s.pos
	for s.pos < len(s.buf) {
		d := s.buf[s.pos] - '0'
		if d > 9 {
			break
		}
		n = n*10 + uint64(d)
		s.pos++
	}
	return n, s.pos - start
}
