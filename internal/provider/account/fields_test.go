package account

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-framework/types"

	"github.com/nats-k3s/terraform-provider-nats/internal/claims"
	"github.com/nats-k3s/terraform-provider-nats/internal/provider/attribute"
)

// filler sets every field of a value to something of its own.
type filler struct{ n int64 }

func (f *filler) fill(t *testing.T, v reflect.Value) {
	t.Helper()
	f.n++
	switch at := v.Addr().Interface().(type) {
	case *time.Time:
		*at = time.Unix(1893456000+f.n, 0).UTC()
		return
	case *time.Duration:
		*at = time.Duration(f.n) * time.Second
		return
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(fmt.Sprintf("text-%d", f.n))
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(f.n)
	case reflect.Uint, reflect.Uint8:
		v.SetUint(uint64(1 + f.n%100)) //nolint:gosec // counted up from 0
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(t, v.Elem())
	case reflect.Struct:
		for _, field := range v.Fields() {
			f.fill(t, field)
		}
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(t, v.Index(0))
		f.fill(t, v.Index(1))
	case reflect.Map:
		value := reflect.New(v.Type().Elem()).Elem()
		f.fill(t, value)
		v.Set(reflect.MakeMap(v.Type()))
		v.SetMapIndex(reflect.ValueOf(fmt.Sprintf("key-%d", f.n)), value)
	default:
		t.Fatalf("a field is of the type %s, which this test does not know", v.Type())
	}
}

// No field of the claims is lost between an account and its attributes. One that is new there, and not here, fails this
// test.
func TestEveryFieldIsAnAttribute(t *testing.T) {
	var want claims.Account
	new(filler).fill(t, reflect.ValueOf(&want).Elem())

	object, ok := attribute.Value(t.Context(), types.ObjectType{AttrTypes: claimsTypes},
		accountFields(want)).(types.Object)
	if !ok {
		t.Fatal("the claims are no object")
	}
	o := attribute.NewObject(object.Attributes(), path.Empty())
	if diff := cmp.Diff(want, readAccount(o)); diff != "" {
		t.Error(diff)
	}

	// The model has each attribute, and gives back what it was given.
	var model accountModel
	model.setValues(object.Attributes())
	for name, value := range object.Attributes() {
		if !model.values()[name].Equal(value) {
			t.Errorf("the model has %s for %s", model.values()[name], name)
		}
	}
	if len(model.values()) != len(claimsTypes) {
		t.Errorf("the model has %d attributes, the schema %d", len(model.values()), len(claimsTypes))
	}
}
