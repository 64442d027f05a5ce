package claims

import (
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/nats-k3s/terraform-provider-nats/internal/natsconn"
)

// filler sets every field of a value, as deep as it goes, to something other than zero and other than all else.
type filler struct {
	t testing.TB
	n int
	// flip is the number of the bool that stays false, so that two that are mistaken for each other are found; 0 is none.
	flip, bools int
}

// stamped are what signing sets, or what Kind and Key of a scope repeat.
var stamped = map[reflect.Type][]string{
	reflect.TypeFor[jwt.ClaimsData]():    {"ID", "IssuedAt", "Issuer"},
	reflect.TypeFor[jwt.GenericFields](): {"Type", "Version"},
}

// key returns a new public key of the kind.
func (f *filler) key(kind natsconn.KeyKind) string {
	f.t.Helper()
	public, _, err := NewKey(kind)
	if err != nil {
		f.t.Fatal(err)
	}
	return public
}

func (f *filler) fill(v reflect.Value) {
	f.t.Helper()
	f.n++
	switch v.Interface().(type) {
	case jwt.ExportType:
		v.Set(reflect.ValueOf([]jwt.ExportType{jwt.Stream, jwt.Service}[f.n%2]))
		return
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1700000000+int64(f.n), 0).UTC()))
		return
	case jwt.SigningKeys:
		plain, scope := f.key(natsconn.AccountKey), &jwt.UserScope{}
		f.fill(reflect.ValueOf(scope).Elem())
		scope.Kind, scope.Key = jwt.UserScopeType, f.key(natsconn.AccountKey)
		v.Set(reflect.ValueOf(jwt.SigningKeys{plain: nil, scope.Key: scope}))
		return
	}
	switch v.Kind() {
	case reflect.Struct:
		for i := range v.NumField() {
			f.field(v, i)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		f.fill(v.Elem())
	case reflect.Slice:
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		f.fill(v.Index(0))
		f.fill(v.Index(1))
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range 2 {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			f.fill(key)
			f.fill(value)
			v.SetMapIndex(key, value)
		}
	case reflect.String:
		v.SetString(fmt.Sprintf("s%06d", f.n))
	case reflect.Bool:
		f.bools++
		v.SetBool(f.bools != f.flip)
	case reflect.Int64:
		v.SetInt(int64(100000 + f.n))
	case reflect.Int:
		v.SetInt(int64(1 + f.n%100)) // there are percentages among them
	case reflect.Uint8:
		v.SetUint(uint64(1 + f.n%100))
	case reflect.Uint:
		v.SetUint(uint64(f.n))
	default:
		f.t.Fatalf("a field of the type %s: teach the test to fill it, and the conversion to keep it", v.Type())
	}
}

// field fills one field of a struct.
func (f *filler) field(v reflect.Value, i int) {
	f.t.Helper()
	for _, name := range stamped[v.Type()] {
		if v.Type().Field(i).Name == name {
			return
		}
	}
	f.fill(v.Field(i))
	// What is a type or a key by another name.
	switch field := v.Field(i).Addr().Interface().(type) {
	case *string:
		if v.Type().Field(i).Name == "Type" {
			*field = []string{Stream, Service}[f.n%2]
		}
	case *[]SigningKey:
		for j := range *field {
			(*field)[j].PublicKey = fmt.Sprintf("A%06d", f.n+j)
		}
	}
}

// filled returns a filled value, with the bool of that number left false.
func filled[T any](t *testing.T, flip int) (value *T, bools int) {
	t.Helper()
	value = new(T)
	f := &filler{t: t, flip: flip}
	f.fill(reflect.ValueOf(value).Elem())
	return value, f.bools
}

// eachFilled runs check on a filled value, and on copies of it with one bool after the other left false.
func eachFilled[T any](t *testing.T, check func(t *testing.T, value *T)) {
	t.Helper()
	value, bools := filled[T](t, 0)
	check(t, value)
	for flip := range bools {
		value, _ = filled[T](t, flip+1)
		check(t, value)
	}
}
