package script

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/dop251/goja"
	"github.com/dop251/goja/ast"
	"github.com/dop251/goja/parser"
)

// Names that a module's code gets from outside and must not declare itself.
const (
	importFunction = "__import"
	defaultExport  = "__default"
)

// maxStatements is how many import and export statements one file may have.
const maxStatements = 1000

// module is a file of JavaScript. The engine knows no import and export: they are taken out of the code, which becomes
// the body of a function that imports at its beginning and returns what is exported. Every line keeps its number.
type module struct {
	name    string   // of the file, as errors show it
	imports []string // what it imports from, in order
	program *goja.Program
}

// draft is a module in the making.
type draft struct {
	name    string
	code    []byte // without the statements that have been dealt with
	tree    *ast.Program
	imports []string
	prelude strings.Builder // declares what is imported
	exports []export
	marks   []int // offsets of declarations that are exported by their names
	main    int   // offset of the declaration that is the default export; -1 if there is none
}

// export is something that a module exports: a name for others and the code that gives its value.
type export struct{ public, local string }

// compile reads a file of JavaScript.
func compile(name, source string) (*module, error) {
	d := draft{name: name, code: []byte(lineEnds.Replace(source)), main: -1}
	if err := d.takeStatements(); err != nil {
		return nil, err
	}
	if err := d.nameExports(); err != nil {
		return nil, err
	}
	var code strings.Builder
	code.WriteString("(function(" + importFunction + "){\"use strict\";" + d.prelude.String())
	code.Write(d.code)
	code.WriteString("\nreturn {")
	for _, e := range d.exports {
		code.WriteString(quote(e.public) + ":" + e.local + ",")
	}
	code.WriteString("}})")
	tree, err := goja.Parse(name, code.String(), parser.WithDisableSourceMaps)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	program, err := goja.CompileAST(tree, true)
	if err != nil {
		return nil, syntaxError(name, err)
	}
	return &module{name: name, imports: d.imports, program: program}, nil
}

// lineEnds makes every end of a line one character, as the positions of the engine count them.
var lineEnds = strings.NewReplacer("\ufeff", "", "\r\n", "\n", "\r", "\n")

// takeStatements finds import and export by letting the engine read the code: it stumbles over the first of them, and
// over nothing that only looks like one. That is taken out, and the engine reads again.
func (d *draft) takeStatements() error {
	for range maxStatements {
		tree, err := parser.ParseFile(nil, d.name, d.code, 0, parser.WithDisableSourceMaps)
		if err == nil {
			d.tree = tree
			return nil
		}
		var list parser.ErrorList
		if !errors.As(err, &list) || len(list) == 0 {
			return fmt.Errorf("%s: %w", d.name, err)
		}
		first := list[0]
		offset := d.offset(first.Position.Line, first.Position.Column)
		taken, err := d.take(offset)
		if err != nil {
			return fmt.Errorf("%s:%d: SyntaxError: %w", d.name, first.Position.Line, err)
		}
		if !taken {
			return fmt.Errorf("%s:%d: SyntaxError: %s", d.name, first.Position.Line, first.Message)
		}
	}
	return fmt.Errorf("%s: more than %d import and export statements", d.name, maxStatements)
}

// offset is where a line's column is in the code; len(code) if it is nowhere.
func (d *draft) offset(line, column int) int {
	at := 0
	for ; line > 1; line-- {
		end := slices.Index(d.code[at:], '\n')
		if end < 0 {
			return len(d.code)
		}
		at += end + 1
	}
	return min(at+column-1, len(d.code))
}

// The statements, at the start of the code that is left.
var (
	exportDeclaration = regexp.MustCompile(`^export\s+(?:async\s+function|function|class|const|let|var)\b`)
	exportNamed       = regexp.MustCompile(`^(export\s+default)\s+(?:async\s+function|function|class)\s*\*?\s*[A-Za-z_$]`)
	exportDefault     = regexp.MustCompile(`^export[ \t]+default\b`)
	exportList        = regexp.MustCompile(`^export\s*\{([^}]*)\}`)
	exportFrom        = regexp.MustCompile(`^export\s*(?:\*|\{[^}]*\}\s*from\b)`)
	importCall        = regexp.MustCompile(`^import\s*[(.]`)
	importStatement   = regexp.MustCompile(`^import\b\s*(?:([^'"();=]+?)\s*\bfrom\s*)?(?:"([^"\n]+)"|'([^'\n]+)')`)
)

// take takes out the statement that starts at an offset. It returns false if there is none.
func (d *draft) take(offset int) (bool, error) {
	rest := d.code[offset:]
	switch {
	case importCall.Match(rest):
		return false, errors.New("import() and import.meta are not available: write an import statement at the top")
	case exportFrom.Match(rest):
		return false, errors.New("export … from is not available: import it first, then export it")
	case exportNamed.Match(rest):
		d.main = offset + exportNamed.FindSubmatchIndex(rest)[3]
		d.blank(offset, d.main-offset)
	case exportDefault.Match(rest):
		d.blank(offset, exportDefault.FindIndex(rest)[1])
		copy(rest, "var "+defaultExport+"=") // as long as the shortest statement
		d.exports = append(d.exports, export{"default", defaultExport})
	case exportDeclaration.Match(rest):
		d.blank(offset, len("export"))
		d.marks = append(d.marks, offset+len("export"))
	case exportList.Match(rest):
		m := exportList.FindSubmatchIndex(rest)
		list := string(rest[m[2]:m[3]])
		d.blank(offset, m[1])
		return true, d.exportNames(list)
	case importStatement.Match(rest):
		m := importStatement.FindSubmatchIndex(rest)
		clause, from := part(rest, m, 1), part(rest, m, 2)+part(rest, m, 3)
		d.blank(offset, m[1])
		return true, d.importNames(clause, from)
	default:
		return false, nil
	}
	return true, nil
}

func part(text []byte, match []int, group int) string {
	if match[2*group] < 0 {
		return ""
	}
	return string(text[match[2*group]:match[2*group+1]])
}

// blank overwrites code with blanks and keeps the ends of lines.
func (d *draft) blank(offset, size int) {
	for i := offset; i < offset+size; i++ {
		if d.code[i] != '\n' {
			d.code[i] = ' '
		}
	}
}
