package server

import (
	"reflect"

	"github.com/danielgtaylor/huma/v2"
)

// Given is a number in a query whose zero means something else than that it is not there; huma's own defaults take one for the other.
type Given struct {
	Value int
	Is    bool
}

// or gives the number, or another one when it was not given.
func (g Given) or(usual int) int {
	if g.Is {
		return g.Value
	}
	return usual
}

// Schema is part of huma.SchemaProvider.
func (Given) Schema(r huma.Registry) *huma.Schema {
	return huma.SchemaFromType(r, reflect.TypeFor[int]())
}

// Receiver is part of huma.ParamWrapper.
func (g *Given) Receiver() reflect.Value { return reflect.ValueOf(g).Elem().Field(0) }

// OnParamSet is part of huma.ParamReactor.
func (g *Given) OnParamSet(is bool, _ any) { g.Is = is }
