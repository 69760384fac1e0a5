package server

import (
	"context"
	"errors"
	"fmt"

	"tanker/internal/config"
	"tanker/refiner"
)

// CheckKey asks Refiner about a destination's key and returns the name of its environment. The error is an
// *UnusableKeyError, or says why nobody could be asked. version is a part of how the client names itself.
func CheckKey(ctx context.Context, d config.Destination, version string) (project string, err error) {
	client, err := NewClient(d, version)
	if err != nil {
		return "", err
	}
	defer client.Close()
	p, err := client.Verify(ctx)
	if refused, ok := errors.AsType[*refiner.Error](err); ok {
		return "", newUnusableKeyError(refused, d.Endpoint)
	}
	return p.Name, err
}

// UnusableKeyError says in words why a key cannot be used now.
type UnusableKeyError struct {
	Class   refiner.Class
	Status  int    // of the answer; 0 if there was none
	Message string // what is wrong
	Hint    string // what to do about it
}

func (e *UnusableKeyError) Error() string { return e.Message }

// newUnusableKeyError says in words what Refiner's answer means, and what to do.
func newUnusableKeyError(e *refiner.Error, endpoint string) *UnusableKeyError {
	said := fmt.Sprintf("(%d: %s)", e.Status, e.Message)
	if e.Status == 0 {
		said = "(" + e.Message + ")"
	}
	u := &UnusableKeyError{Class: e.Class, Status: e.Status}
	switch e.Class {
	case refiner.ClassCredentials:
		u.Message = "Refiner refuses the key " + said
		u.Hint = "copy the REST API key anew from the environment's settings in Refiner, and see that it is the key of this environment"
	case refiner.ClassRateLimited:
		u.Message = "Refiner accepts no more calls of this key for now " + said
		u.Hint = "something else uses the key as well; try again in a minute"
	case refiner.ClassTemporary:
		u.Message = "Refiner gives no answer at present " + said
		u.Hint = "see that " + endpoint + " can be reached from here; events are kept until it can"
	default:
		u.Message = "this is not what Refiner's API answers " + said
		u.Hint = "see that the endpoint " + endpoint + " is right"
	}
	return u
}
