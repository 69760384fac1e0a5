package server

import (
	"fmt"
	"log/slog"

	"tanker/internal/config"
	"tanker/internal/delivery"
	"tanker/internal/filter"
	"tanker/internal/script"
	"tanker/internal/transform"
	"tanker/mapping"
)

// NewMapper makes what a destination makes of events apart from its transformation: its filter, then its mapping. The
// warnings tell, a sentence each, what of the configuration will not be carried out.
func NewMapper(d config.Destination) (m *filter.Mapper, warnings []string, err error) {
	calls, err := mapping.New(d.Mapping())
	if err != nil {
		return nil, nil, err
	}
	return filter.New(d.Filtering()).Before(calls), calls.Warnings(), nil
}

// NewChain makes what a destination makes of events with a script, which is still to be set. What sender and user say is
// asked before the script, which may leave it out of what it returns; what the destination wants is asked after it.
func NewChain(d config.Destination) (c transform.Chain, warnings []string, err error) {
	calls, err := mapping.New(d.Mapping())
	if err != nil {
		return transform.Chain{}, nil, err
	}
	after := d.Filtering()
	after.Disabled, after.Integration, after.Consent = false, "", filter.Consent{}
	return transform.Chain{
		Check:  filter.New(d.Filtering()).Addressed,
		Mapper: filter.New(after).Before(calls),
	}, calls.Warnings(), nil
}

// StartScript starts a destination's transformation.
func StartScript(path string, logger *slog.Logger) (*script.Runner, error) {
	source, err := script.Load(path)
	if err != nil {
		return nil, fmt.Errorf("transformation: %w", err)
	}
	runner, err := script.New(script.Options{Source: source, Logger: logger})
	if err != nil {
		return nil, fmt.Errorf("transformation: %w", err)
	}
	return runner, nil
}

// newMapper makes what becomes of a destination's events. stop ends what it has started.
func newMapper(d config.Destination, logger *slog.Logger) (m delivery.Mapper, warnings []string, stop func() error, err error) {
	if d.Transformation == "" {
		m, warnings, err = NewMapper(d)
		return m, warnings, func() error { return nil }, err
	}
	chain, warnings, err := NewChain(d)
	if err != nil {
		return nil, nil, nil, err
	}
	runner, err := StartScript(d.Transformation, logger.With("destination", d.Name))
	if err != nil {
		return nil, nil, nil, err
	}
	chain.Script = runner
	return transform.Entries{Chain: chain, Destination: d.Name}, warnings, runner.Close, nil
}
