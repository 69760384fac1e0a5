package transformer

import (
	"bytes"
	"net/url"

	"tanker/mapping"
	"tanker/refiner"
)

// appendEnvelope writes the request that a call is, without the closing brace: what follows depends on the route.
func (p *plan) appendEnvelope(out []byte, call mapping.Call) ([]byte, *fault) {
	out = append(out, `{"version":"1","type":"REST","method":"POST","endpoint":`...)
	out = appendString(out, p.endpoint+call.Path)
	out = append(append(out, ','), p.headers...)
	out = append(out, `,"params":{},"body":{"JSON":{},"JSON_ARRAY":{},"XML":{},"FORM":`...)
	if call.Form {
		out = append(out, call.Body...)
	} else {
		var err error
		if out, err = appendTexts(out, call.Body); err != nil {
			return out, &fault{status: 400, message: err.Error(), category: dataValidation, kind: instrumentation}
		}
	}
	return append(out, `},"files":{}`...), nil
}

// appendTexts writes an object as one of texts: the fields of a form, nested values under names with brackets.
// Everything but texts is garbled by rudder-server when it makes a form of it.
func appendTexts(out, object []byte) ([]byte, error) {
	form, err := refiner.AppendForm(nil, object)
	if err != nil {
		return out, err
	}
	out = append(out, '{')
	for field := range bytes.SplitSeq(form, []byte("&")) {
		name, value, _ := bytes.Cut(field, []byte("="))
		if len(field) == 0 {
			continue
		}
		if out[len(out)-1] != '{' {
			out = append(out, ',')
		}
		out = append(appendString(out, unescaped(name)), ':')
		out = appendString(out, unescaped(value))
	}
	return append(out, '}'), nil
}

// unescaped undoes the escapes of a form.
func unescaped(text []byte) string {
	s, err := url.QueryUnescape(string(text))
	if err != nil {
		return string(text) // not one of ours
	}
	return s
}

// appendRequest maps an item and writes the request that becomes of it, without the closing brace.
func (i *item) appendRequest(out []byte) ([]byte, *fault) {
	if i.plan.invalid != nil {
		return out, i.plan.invalid
	}
	call, err := i.plan.mapper.Map(&i.event)
	if err != nil {
		return out, faultOf(err)
	}
	return i.plan.appendEnvelope(out, call)
}
