package script

import (
	"errors"
	"fmt"

	"github.com/dop251/goja"

	"tanker/event"
)

// Bounds of one run that nobody needs to set.
const (
	maxCalls  = 5000    // depth of functions that call each other
	maxEvents = 100     // that one event may become
	maxLines  = 100     // that are logged for one event
	maxLine   = 4 << 10 // bytes of a logged line
)

// The functions a script may export, one of them.
const (
	forEvent = "transformEvent"
	forBatch = "transformBatch"
)

// program is a script that is ready to run. It is immutable.
type program struct {
	name      string
	main      *module
	libraries map[string]*module
	entry     string // the function it exports
}

// newProgram compiles a script and runs its top level once, to see that it works and what it exports. watch is told of
// the runtime before anything runs in it; it may be nil.
func newProgram(s Source, watch func(*goja.Runtime) (done func())) (*program, error) {
	p := &program{name: s.Name, libraries: make(map[string]*module)}
	var err error
	if p.main, err = compile(s.Name, s.Code); err != nil {
		return nil, err
	}
	for name, code := range s.Libraries {
		if p.libraries[name], err = compile(libraryFile(name), code); err != nil {
			return nil, err
		}
	}
	r := p.newRun()
	if watch != nil {
		defer watch(r.vm)()
	}
	exports, failed := r.start()
	if failed != nil {
		return nil, failed
	}
	p.entry, err = entry(s.Name, exports)
	return p, err
}

func entry(name string, exports *goja.Object) (string, error) {
	found := ""
	for _, f := range []string{forEvent, forBatch} {
		if _, callable := goja.AssertFunction(exports.Get(f)); !callable {
			continue
		}
		if found != "" {
			return "", fmt.Errorf("%s exports both %s and %s: export one of them", name, forEvent, forBatch)
		}
		found = f
	}
	if found == "" {
		return "", fmt.Errorf("%s exports no function %s or %s: write export function %s(event, metadata) { … }", name, forEvent, forBatch, forEvent)
	}
	return found, nil
}

// result is what a script made of an event.
type result struct {
	events [][]byte // JSON objects
	log    []string
	failed *Failure // nil if all went well; there are no events then
}

// run is one event on its way through the script, with a runtime that nothing else has used or will use.
type run struct {
	program *program
	vm      *goja.Runtime
	loaded  map[string]*goja.Object // exports of the libraries that have run
	write   goja.Callable           // JSON.stringify, from before the script could change it
	log     []string
}

func (p *program) newRun() *run {
	r := &run{program: p, vm: goja.New(), loaded: make(map[string]*goja.Object)}
	r.vm.SetMaxCallStackSize(maxCalls)
	json := r.vm.Get("JSON").ToObject(r.vm)
	r.write, _ = goja.AssertFunction(json.Get("stringify"))
	r.provide()
	return r
}

// transform runs the script for one event. What a script does cannot make it panic, but the engine may have defects.
func (r *run) transform(original []byte, about Metadata) (out result) {
	defer func() {
		if p := recover(); p != nil {
			out = result{failed: failure("%s: the JavaScript engine broke down: %v", r.program.name, p)}
		}
		out.log = r.log
	}()
	e, err := event.Parse(original, anyEvent)
	if err != nil {
		return result{failed: failure("%v", err)}
	}
	returned, failed := r.call(e, about)
	if failed != nil {
		return result{failed: failed}
	}
	events, failed := r.collect(returned)
	if failed != nil {
		return result{failed: failed}
	}
	for i, written := range events {
		if events[i], err = restore(e, written); err != nil {
			return result{failed: failure("%s: returned what is no event: %v", r.program.name, err)}
		}
	}
	return result{events: events}
}

// anyEvent are bounds for what goes in and what comes out: what the gateway may be configured to accept.
var anyEvent = event.Limits{MaxBytes: maxBytes, MaxDepth: 1000, MaxKeys: 1_000_000}

// start runs the top level of the script and of what it imports.
func (r *run) start() (*goja.Object, *Failure) {
	exports, err := r.load(r.program.main)
	if err != nil {
		return nil, explain(r.program.name, err)
	}
	return exports, nil
}

// call calls the script's function and waits for what it returns, if that is a promise.
func (r *run) call(e *event.Event, about Metadata) (goja.Value, *Failure) {
	exports, failed := r.start()
	if failed != nil {
		return nil, failed
	}
	function, _ := goja.AssertFunction(exports.Get(r.program.entry))
	if function == nil {
		return nil, failure("%s: %s is no function", r.program.name, r.program.entry)
	}
	argument := r.value(e.Get())
	if r.program.entry == forBatch {
		argument = r.vm.NewArray(argument)
	}
	returned, err := function(nil, argument, r.vm.ToValue(r.metadata(about)))
	if err != nil {
		return nil, explain(r.program.name, err)
	}
	return r.settled(returned)
}

// settled is what a promise holds, or the value itself. All that a promise can wait for has happened by now: there are
// no timers and no network.
func (r *run) settled(v goja.Value) (goja.Value, *Failure) {
	promise, ok := v.Export().(*goja.Promise)
	if !ok {
		return v, nil
	}
	switch promise.State() {
	case goja.PromiseStateFulfilled:
		return promise.Result(), nil
	case goja.PromiseStateRejected:
		return nil, explainThrown(promise.Result(), r.program.name+": ")
	default:
		return nil, failure("%s: %s waits for a promise that nobody fulfills", r.program.name, r.program.entry)
	}
}

// load runs a module and returns its exports. Where libraries import each other in a circle, one sees the other's
// exports only after both have run.
func (r *run) load(m *module) (*goja.Object, error) {
	function, err := r.vm.RunProgram(m.program)
	if err != nil {
		return nil, err
	}
	body, _ := goja.AssertFunction(function)
	exports, err := body(nil, r.vm.ToValue(r.importFrom))
	if err != nil {
		return nil, err
	}
	return exports.ToObject(r.vm), nil
}

// importFrom is what import statements become: a library's exports, or one of them.
func (r *run) importFrom(call goja.FunctionCall) goja.Value {
	from := call.Argument(0).String()
	library, err := r.library(from)
	if err != nil {
		panic(r.thrown(err))
	}
	if len(call.Arguments) == 1 {
		return library
	}
	name := call.Argument(1).String()
	v := library.Get(name)
	if v == nil {
		panic(r.vm.NewTypeError("%q exports no %s", from, name))
	}
	return v
}

// thrown is what to panic with so that the script, or who runs it, gets an error.
func (r *run) thrown(err error) any {
	if e, ok := errors.AsType[*goja.Exception](err); ok {
		return e.Value()
	}
	return err // an interrupt passes through
}

func (r *run) library(name string) (*goja.Object, error) {
	if loaded := r.loaded[name]; loaded != nil {
		return loaded, nil
	}
	m := r.program.libraries[name]
	switch {
	case m != nil:
		r.loaded[name] = r.vm.NewObject()
		exports, err := r.load(m)
		if err != nil {
			return nil, err
		}
		r.loaded[name] = exports
	case name == hashLibrary:
		r.loaded[name] = hashes(r.vm)
	default:
		return nil, fmt.Errorf("there is no library %q", name)
	}
	return r.loaded[name], nil
}
