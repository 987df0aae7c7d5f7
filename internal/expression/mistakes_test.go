package expression

import (
	"errors"
	"strings"
	"testing"
)

func TestMistakesSayWhereAndWhatToWriteInstead(t *testing.T) {
	for _, tc := range []struct {
		text         string
		line, column int
		message      string
	}{
		{``, 1, 1, ``},
		{`value <`, 1, 7, `unexpected token`},
		{`value = 3`, 1, 7, `== compares`},
		{`value <> 3`, 1, 8, `unexpected token`},
		{`value > 1 AND value < 5`, 1, 11, `write and, or &&`},
		{`user LIKE "a"`, 1, 6, `write contains`},
		{`price < 5`, 1, 1, `no "price" here: there are item.…, tags, user and value`},
		{`itme.price < 5`, 1, 1, `no "itme" here`},
		{`value < 5 &&` + "\n" + `  color == "red"`, 2, 3, `no "color" here`},
		// a condition is needed
		{`"abc"`, 1, 1, `must be true or false, not a string: compare it, as in … == "a"`},
		{`value`, 1, 1, `must be true or false, not a number: compare it, as in … > 0`},
		{`tags`, 1, 1, `must be true or false, not a list: ask what is in it, as in "a" in …`},
		{`value > 1 and user`, 1, 15, `must be true or false, not a string`},
		{`item.price + 1`, 1, 12, `must be true or false, not a number`},
		{`value ? true : false`, 1, 1, `must be true or false, not a number`},
		// what can never be true
		{`value > "a"`, 1, 7, `> compares a number with a string, which is never true`},
		{`value > "30"`, 1, 7, `write 30 without quotes`},
		{`"30" < value`, 1, 6, `write 30 without quotes`},
		{`user == 5`, 1, 6, `compares a string with a number`},
		{`1 == "x"`, 1, 3, `compares a number with a string`},
		{`tags == "red"`, 1, 6, `compares a list with a string`},
		{`item.a < true`, 1, 8, `cannot order a bool: compare it with == or !=`},
		{`tags < tags`, 1, 6, `cannot order a list: len(…) is its length`},
		{`value in ["30", "x"]`, 1, 7, `looks for a number in a list that holds none, which is never true: write 30 without quotes`},
		{`value in user`, 1, 7, `looks for a number in a string, which is never true`},
		{`item.a == 1 in tags`, 1, 13, `looks for a bool in a list`},
		{`item.a in 5`, 1, 8, `needs a list`},
		{`value contains "x"`, 1, 7, `contains needs strings, not a number and a string`},
		{`item.a contains true`, 1, 8, `contains needs strings, not a bool`},
		{`user contains 5`, 1, 6, `contains needs strings, not a string and a number`},
		{`item.a startsWith 5`, 1, 8, `startsWith needs strings, not a number`},
		{`item.a + true == 1`, 1, 8, `+ needs two numbers or two strings, not a bool`},
		{`item.a matches item.b`, 1, 8, `quoted pattern`},
		{`item.a matches "(("`, 1, 16, `error parsing regexp`},
		// numbers and text
		{`user * 2 > 1`, 1, 1, `must be a number, not a string: len(…) is its length`},
		{`(value > 1) * 2 > 1`, 1, 8, `must be a number, not a bool: write (… ? 1 : 0)`},
		{`user + 1 == "x"`, 1, 6, `+ needs two numbers or two strings, not a string and a number`},
		{`log(user) > 1`, 1, 5, `must be a number`},
		{`lower(value) == "x"`, 1, 1, `lower needs a string, not a number`},
		{`len(value) > 1`, 1, 1, `len needs a string or a list, not a number`},
		{`log(1, 2) > 1`, 1, 1, `log(…) takes one number, not 2 arguments`},
		{`clamp(value, 1) > 1`, 1, 1, `clamp(x, lowest, highest)`},
		{`clamp(value, 2, 1) > 1`, 1, 1, `lowest value is above its highest`},
		{`min() > 1`, 1, 1, `min needs numbers`},
		// fields and lists
		{`item.a in 1..5`, 1, 12, `.. cannot be used`},
		{`item.tags[0].x == 1`, 1, 14, `an element has no fields, and its place is written as a number: list[0]`},
		{`tags[0].x == 1`, 1, 9, `an element has no fields`},
		{`value[0] == "a"`, 1, 6, `a number has no elements`},
		{`item[user] == 1`, 1, 5, `must be written out, as in item["name"]`},
		{`item.a == [1]`, 1, 11, `must hold quoted strings`},
		{`any(tags, any(tags, # == "x"))`, 1, 11, `inside another predicate`},
		{`any(value > 1, true)`, 1, 1, `needs a list, not a bool`},
		{`any(tags, #index == 1)`, 1, 11, `only #`},
		// functions
		{`now() > 1`, 1, 1, `now(…) cannot be used in an expression: there are abs, all, any, `},
		{`env("HOME") == ""`, 1, 1, `no such function env: there are abs, `},
		{`env("HOME") == ""`, 1, 1, `, words`},
		{`pow(value, 2) > 1`, 1, 1, `no such function pow: write x ** y`},
		{`if(value > 1, 1, 2) > 1`, 1, 1, `write condition ? a : b`},
		{`COALESCE(value, 1) > 1`, 1, 1, `write a ?? b`},
		{`item.a() == 1`, 1, 6, `no such function`},
		{`words(value) > 1`, 1, 7, `words needs a string, not a number: write words(text)`},
		{`words() > 1`, 1, 1, `words needs a string: write words(text)`},
		{`words(user, "a") > 1`, 1, 1, `words: takes one argument: write words(text)`},
		{`phrase(user)`, 1, 1, `needs a quoted string after the first argument: write phrase(text, "a", …)`},
		{`phrase(user, 3)`, 1, 1, `argument 2 is a number: a quoted string is needed`},
		{`phrase(user, user)`, 1, 14, `must be written out: write phrase(text, "a", …)`},
		{`phrase(user, "")`, 1, 1, `phrase: a phrase is empty: write phrase`},
		// what else the parser knows
		{`let x = 1; x == 1`, 1, 5, `cannot be used in an expression`},
		{`{"a": 1} == 1`, 1, 1, `cannot be used in an expression`},
		{`map(tags, #) == 1`, 1, 1, `map(…) cannot be used`},
		{`nil`, 1, 1, `nil can only be compared`},
		{`value; value`, 1, 1, `cannot be used in an expression`},
		{`tags[0:1] == tags`, 1, 5, `cannot be used in an expression`},
	} {
		_, err := CompileCondition(tc.text, visitNames, Options{Functions: extras})
		checkMistake(t, tc.text, err, tc.line, tc.column, tc.message)
	}
}

func TestANumberIsAskedForWhereOneIsNeeded(t *testing.T) {
	for text, message := range map[string]string{
		`user`:                     `must be a number, not a string: len(…) is its length`,
		`tags`:                     `must be a number, not a list: len(…) is its length`,
		`value > 1 ? "a" : "b"`:    `must be a number, not a string`,
		`upper(item.brand) + user`: `must be a number, not a string`,
	} {
		_, err := CompileNumber(text, visitNames, Options{})
		var mistake *Error
		if !errors.As(err, &mistake) || !strings.Contains(mistake.Message, message) {
			t.Errorf("%s: got %v, want … %s", text, err, message)
		}
	}
}

func TestAnErrorShowsItsPlace(t *testing.T) {
	_, err := Compile("value > \n\tprice", visitNames, Options{})
	if want := `2:2: no "price" here: there are item.…, tags, user and value`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func checkMistake(t *testing.T, text string, err error, line, column int, message string) {
	t.Helper()
	var e *Error
	if !errors.As(err, &e) {
		t.Errorf("%s: got %v, want an *Error", text, err)
		return
	}
	if e.Line != line || e.Column != column || !strings.Contains(e.Message, message) {
		t.Errorf("%s: got %v, want %d:%d … %s", text, e, line, column, message)
	}
}
