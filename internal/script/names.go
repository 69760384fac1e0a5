package script

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strings"

	"github.com/dop251/goja/ast"
)

var (
	comments   = regexp.MustCompile(`(?s)/\*.*?\*/|//[^\n]*`)
	identifier = regexp.MustCompile(`^[\pL_$][\pL\pN_$]*$`)
	namespace  = regexp.MustCompile(`^\*\s*as\s+(\S+)$`)
	renamed    = regexp.MustCompile(`^(\S+)\s+as\s+(\S+)$`)
)

// importNames declares what a statement imports: `lib`, `{a, b as c}`, `* as all`, or several of them.
func (d *draft) importNames(clause, from string) error {
	d.imports = append(d.imports, from)
	clause = comments.ReplaceAllString(clause, " ")
	if strings.TrimSpace(clause) == "" {
		fmt.Fprintf(&d.prelude, "%s(%s);", importFunction, quote(from))
	}
	if before, list, braces := strings.Cut(clause, "{"); braces {
		list, after, closed := strings.Cut(list, "}")
		if !closed || strings.TrimSpace(after) != "" {
			return fmt.Errorf("cannot read what is imported from %q", from)
		}
		if err := d.declare(list, from); err != nil {
			return err
		}
		clause = before
	}
	for word := range strings.SplitSeq(clause, ",") {
		word = strings.TrimSpace(word)
		if word == "" {
			continue
		}
		if m := namespace.FindStringSubmatch(word); m != nil && identifier.MatchString(m[1]) {
			fmt.Fprintf(&d.prelude, "const %s=%s(%s);", m[1], importFunction, quote(from))
			continue
		}
		if err := d.declare("default as "+word, from); err != nil {
			return err
		}
	}
	return nil
}

// declare declares the names of a list such as `a, b as c`.
func (d *draft) declare(list, from string) error {
	pairs, err := namePairs(list)
	for _, p := range pairs {
		if p.public == "default" { // it was not renamed
			return fmt.Errorf("cannot read what is imported from %q", from)
		}
		fmt.Fprintf(&d.prelude, "const %s=%s(%s,%s);", p.public, importFunction, quote(from), quote(p.local))
	}
	return err
}

// exportNames takes the names of a list such as `a, b as c`.
func (d *draft) exportNames(list string) error {
	pairs, err := namePairs(comments.ReplaceAllString(list, " "))
	d.exports = append(d.exports, pairs...)
	return err
}

// namePairs reads a list such as `a, b as c`.
func namePairs(list string) ([]export, error) {
	var pairs []export
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		if item == "" {
			continue
		}
		pair := export{public: item, local: item}
		if m := renamed.FindStringSubmatch(item); m != nil {
			pair = export{public: m[2], local: m[1]}
		}
		if !identifier.MatchString(pair.public) || !identifier.MatchString(pair.local) {
			return nil, fmt.Errorf("%q is no name", item)
		}
		pairs = append(pairs, pair)
	}
	return pairs, nil
}

// nameExports finds the names of the declarations that are exported where they stand.
func (d *draft) nameExports() error {
	if d.main >= 0 {
		names := d.declaredAfter(d.main)
		if len(names) != 1 {
			return d.misplaced(d.main)
		}
		d.exports = append(d.exports, export{"default", names[0]})
	}
	for _, mark := range d.marks {
		names := d.declaredAfter(mark)
		if len(names) == 0 {
			return d.misplaced(mark)
		}
		for _, name := range names {
			d.exports = append(d.exports, export{name, name})
		}
	}
	return nil
}

func (d *draft) misplaced(offset int) error {
	line := 1 + strings.Count(string(d.code[:offset]), "\n")
	return fmt.Errorf("%s:%d: SyntaxError: export stands before a function, a class or plain names, and not inside of a block", d.name, line)
}

// declaredAfter is what the statement declares that is the first after an offset, with nothing but blanks between.
func (d *draft) declaredAfter(offset int) []string {
	for offset < len(d.code) && (d.code[offset] == ' ' || d.code[offset] == '\t' || d.code[offset] == '\n') {
		offset++
	}
	for _, statement := range d.tree.Body {
		if int(statement.Idx0())-1 == offset { // the engine counts from 1
			return declared(statement)
		}
	}
	return nil
}

// declared are the names that a statement declares; none if it takes objects or arrays apart.
func declared(statement ast.Statement) []string {
	switch s := statement.(type) {
	case *ast.FunctionDeclaration:
		return []string{s.Function.Name.Name.String()}
	case *ast.ClassDeclaration:
		return []string{s.Class.Name.Name.String()}
	case *ast.VariableStatement:
		return bound(s.List)
	case *ast.LexicalDeclaration:
		return bound(s.List)
	}
	return nil
}

func bound(list []*ast.Binding) []string {
	var names []string
	for _, b := range list {
		name, plain := b.Target.(*ast.Identifier)
		if !plain {
			return nil
		}
		names = append(names, name.Name.String())
	}
	return names
}

// quote writes a text as JavaScript.
func quote(s string) string {
	quoted, err := json.Marshal(s)
	if err != nil {
		return `""` // a string can always be written
	}
	return string(quoted)
}
