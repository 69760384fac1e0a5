package script

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/parser"
)

// Failure says why a script gave no events for an event: what it did wrong, and where. It may quote the event.
type Failure struct { //nolint:errname // it is what an event came to
	// Message is a sentence for people. It begins with file and line where they are known:
	// "mask.js:7: TypeError: Cannot read property 'email' of undefined".
	Message string
}

func (f *Failure) Error() string { return f.Message }

func failure(format string, args ...any) *Failure {
	return &Failure{fmt.Sprintf(format, args...)}
}

// maxMessage bounds a Failure's message in bytes: a script may throw whatever it likes.
const maxMessage = 2000

// explain says what an error of the engine means. main is the script's name.
func explain(main string, err error) *Failure {
	var thrown *goja.Exception
	var interrupted *goja.InterruptedError
	var overflow *goja.StackOverflowError
	switch {
	case errors.As(err, &interrupted):
		return failure("%s%v", place(interrupted.Stack()), interrupted.Value())
	case errors.As(err, &overflow):
		return failure("%sRangeError: functions call each other more than %d deep", place(overflow.Stack()), maxCalls)
	case errors.As(err, &thrown):
		return explainThrown(thrown.Value(), place(thrown.Stack()))
	}
	return failure("%s: %v", main, err)
}

// explainThrown says what a value means that was thrown. An error knows where it was made.
func explainThrown(v goja.Value, where string) *Failure {
	text := textOf(v)
	if o, ok := v.(*goja.Object); ok {
		if trace := o.Get("stack"); trace != nil {
			if m := tracePlace.FindStringSubmatch(trace.String()); m != nil {
				where = m[1] + ":" + m[2] + ": "
			}
		}
	}
	return failure("%s%s", where, shortened(text, maxMessage))
}

// tracePlace is the first place of a trace that is in a file: "\tat name (file.js:3:5(12))".
var tracePlace = regexp.MustCompile(`(?m)^\s+at (?:.*\()?([^()\n:]+):(\d+):\d+\(`)

// textOf is a thrown value as text. Making one runs code of the script, which may throw again.
func textOf(v goja.Value) (text string) {
	defer func() {
		if recover() != nil {
			text = "an error that cannot be shown was thrown"
		}
	}()
	return v.String()
}

// place is the innermost place of a stack that is in a file, with a colon and a blank behind it.
func place(stack []goja.StackFrame) string {
	for i := range stack {
		if p := stack[i].Position(); p.Filename != "" && p.Line > 0 {
			return fmt.Sprintf("%s:%d: ", p.Filename, p.Line)
		}
	}
	return ""
}

// syntaxError says what is wrong with a file's code. The column of the engine's own message may be moved by what
// was put before the code, so only the line is told.
func syntaxError(name string, err error) error {
	var list parser.ErrorList
	if errors.As(err, &list) && len(list) > 0 {
		return fmt.Errorf("%s:%d: SyntaxError: %s", name, list[0].Position.Line, list[0].Message)
	}
	var syntax *goja.CompilerSyntaxError
	if errors.As(err, &syntax) && syntax.File != nil {
		return fmt.Errorf("%s:%d: SyntaxError: %s", name, syntax.File.Position(syntax.Offset).Line, syntax.Message)
	}
	return fmt.Errorf("%s: %w", name, err)
}

// shortened cuts a text to at most so many bytes.
func shortened(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "") + "…"
}
