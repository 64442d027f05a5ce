package claims

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Changing any field, as deep as it is, is a difference, and one of the field's name.
func TestDiffSeesEveryField(t *testing.T) {
	value, _ := filled[Account](t, 0)
	original, _ := filled[Account](t, 0)
	if names := value.Diff(original); len(names) > 0 || !value.Equal(original) {
		t.Fatalf("an account differs from its like: %v", names)
	}
	changed := 0
	for i := range reflect.TypeFor[Account]().NumField() {
		field := reflect.TypeFor[Account]().Field(i)
		eachLeaf(reflect.ValueOf(value).Elem().Field(i), func(path string) {
			changed++
			name := field.Name
			if field.Anonymous {
				name, _, _ = strings.Cut(strings.TrimPrefix(path, "."), "[")
			}
			for _, names := range [][]string{original.Diff(value), value.Diff(original)} {
				if !slices.ContainsFunc(names, func(n string) bool { return n == name || strings.HasPrefix(n, name+"[") }) {
					t.Errorf("%s%s changed, and the difference is %v", field.Name, path, names)
				}
			}
		})
	}
	if changed < 80 {
		t.Errorf("only %d fields were changed", changed)
	}
}

// eachLeaf changes one value after the other below v, calls check, and changes it back.
func eachLeaf(v reflect.Value, check func(path string)) {
	walk(v, "", func() {}, func(leaf reflect.Value, path string, store func()) {
		old := reflect.New(leaf.Type()).Elem()
		old.Set(leaf)
		switch {
		case leaf.Type() == reflect.TypeFor[time.Time]():
			leaf.Set(reflect.ValueOf(old.Interface().(time.Time).Add(time.Hour)))
		case leaf.Kind() == reflect.Bool:
			leaf.SetBool(!old.Bool())
		case leaf.Kind() == reflect.String:
			changed := old.String() + "x"
			switch old.String() {
			case Stream:
				changed = Service
			case Service:
				changed = Stream
			}
			leaf.SetString(changed)
		case leaf.CanInt():
			leaf.SetInt(old.Int() - 1)
		case leaf.CanUint():
			leaf.SetUint(old.Uint() + 1)
		default:
			panic(fmt.Sprint("a leaf of the type ", leaf.Type()))
		}
		store()
		check(path)
		leaf.Set(old)
		store()
	})
}

// walk calls visit for what can be changed below v; store puts a change of it into the map that it came from.
func walk(v reflect.Value, path string, store func(), visit func(leaf reflect.Value, path string, store func())) {
	switch {
	case v.Type() == reflect.TypeFor[time.Time](), v.CanInt(), v.CanUint(), v.Kind() == reflect.Bool,
		v.Kind() == reflect.String:
		visit(v, path, store)
	case v.Kind() == reflect.Pointer:
		walk(v.Elem(), path, store, visit)
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			walk(v.Index(i), fmt.Sprintf("%s[%d]", path, i), store, visit)
		}
	case v.Kind() == reflect.Map:
		for _, key := range v.MapKeys() {
			value := reflect.New(v.Type().Elem()).Elem()
			value.Set(v.MapIndex(key))
			walk(value, fmt.Sprintf("%s[%v]", path, key), func() { v.SetMapIndex(key, value); store() }, visit)
		}
	default:
		for i := range v.NumField() {
			walk(v.Field(i), path+"."+v.Type().Field(i).Name, store, visit)
		}
	}
}

func TestDiffNamesWhatDiffers(t *testing.T) {
	base := func() *Account {
		return &Account{
			Claims:  Claims{Name: "a", Tags: []string{"x", "y"}},
			Exports: []Export{{Subject: "a", Type: Stream}, {Subject: "a", Type: Service}, {Subject: "b", Type: Service}},
			Imports: []Import{{Subject: "a", Type: Stream, Account: "A1"}, {Subject: "a", Type: Stream, Account: "A2"}},
			SigningKeys: []SigningKey{{PublicKey: "AK1"}, {PublicKey: "AK2", Scope: &Scope{Template: UserLimits{
				Permissions: Permissions{Publish: Permission{Allow: []string{"p", "q"}}}, ConnectionTypes: []string{"A", "B"},
			}}}},
			Mappings:           map[string][]Destination{"m": {{Subject: "n", Weight: 1}, {Subject: "o", Weight: 2}}},
			Revocations:        map[string]time.Time{"U1": time.Unix(9, 0)},
			DefaultPermissions: Permissions{Subscribe: Permission{Deny: []string{"s", "t"}}},
			Authorization:      Authorization{AuthUsers: []string{"u", "v"}, AllowedAccounts: []string{"w", "x"}},
			Trace:              &Trace{Destination: "t", Sampling: 100},
		}
	}
	for name, c := range map[string]struct {
		change func(a *Account)
		want   string
	}{
		"nothing": {func(*Account) {}, ""},
		"the order of all": {func(a *Account) {
			for _, list := range [][]string{a.Tags, a.Authorization.AuthUsers, a.Authorization.AllowedAccounts,
				a.DefaultPermissions.Subscribe.Deny,
				a.SigningKeys[1].Scope.Template.Permissions.Publish.Allow, a.SigningKeys[1].Scope.Template.ConnectionTypes} {
				slices.Reverse(list)
			}
			slices.Reverse(a.Exports)
			slices.Reverse(a.Imports)
			slices.Reverse(a.SigningKeys)
			slices.Reverse(a.Mappings["m"])
		}, ""},
		"what is empty": {func(a *Account) {
			a.Tiers, a.DefaultPermissions.Publish.Allow, a.Exports[0].Revocations = map[string]JetStream{}, []string{}, map[string]time.Time{}
		}, ""},
		"a time zone":    {func(a *Account) { a.Revocations["U1"] = time.Unix(9, 0).In(time.FixedZone("", 3600)) }, ""},
		"a trace's 0":    {func(a *Account) { a.Trace.Sampling = 0 }, ""},
		"a default":      {func(a *Account) { a.ClusterTraffic = "system" }, "ClusterTraffic"},
		"a tag":          {func(a *Account) { a.Tags = a.Tags[1:] }, "Tags"},
		"one more":       {func(a *Account) { a.Exports = append(a.Exports, Export{Subject: "c", Type: Stream}) }, "Exports[stream c]"},
		"an export":      {func(a *Account) { a.Exports[1].Advertise = true }, "Exports[service a]"},
		"another type":   {func(a *Account) { a.Exports[2].Type = Stream }, "Exports[service b] Exports[stream b]"},
		"an import":      {func(a *Account) { a.Imports[1].LocalSubject = "z" }, "Imports[stream a from A2]"},
		"a scope":        {func(a *Account) { a.SigningKeys[0].Scope = &Scope{} }, "SigningKeys[AK1]"},
		"a key less":     {func(a *Account) { a.SigningKeys = a.SigningKeys[:1] }, "SigningKeys[AK2]"},
		"a tier":         {func(a *Account) { a.Tiers = map[string]JetStream{"R1": {}} }, "Tiers[R1]"},
		"a mapping":      {func(a *Account) { a.Mappings["m"][0].Weight = 3; a.Mappings["l"] = nil }, "Mappings[l] Mappings[m]"},
		"revocations":    {func(a *Account) { a.Revocations = map[string]time.Time{"*": time.Unix(9, 0)} }, "Revocations[*] Revocations[U1]"},
		"several":        {func(a *Account) { a.Name, a.Limits.Payload, a.JetStream = "b", new(int64(0)), &JetStream{} }, "Name Limits JetStream"},
		"JetStream's 0s": {func(a *Account) { a.JetStream = new(jetStreamOff()) }, ""},
	} {
		t.Run(name, func(t *testing.T) {
			one, two := base(), base()
			c.change(two)
			before := fmt.Sprintf("%+v", *two)
			if got := strings.Join(one.Diff(two), " "); got != c.want || one.Equal(two) != (c.want == "") {
				t.Errorf("got %q, not %q", got, c.want)
			}
			if fmt.Sprintf("%+v", *two) != before {
				t.Error("comparing changed the account")
			}
		})
	}
}

// jetStreamOff are limits that leave nothing.
func jetStreamOff() JetStream {
	zero := new(int64)
	return JetStream{MemoryStorage: zero, DiskStorage: zero, Streams: zero, Consumers: zero, MaxAckPending: zero}
}

func TestMergeRevocations(t *testing.T) {
	at := func(pairs ...any) map[string]time.Time {
		m := map[string]time.Time{}
		for i := 0; i < len(pairs); i += 2 {
			m[pairs[i].(string)] = time.Unix(int64(pairs[i+1].(int)), 0).UTC()
		}
		if len(m) == 0 {
			return nil
		}
		return m
	}
	for name, c := range map[string]struct{ configured, stored, before, want map[string]time.Time }{
		"nothing":                                  {nil, nil, nil, nil},
		"a first one":                              {at("U1", 5), nil, nil, at("U1", 5)},
		"another writer's":                         {at("U1", 5), at("U2", 6), nil, at("U1", 5, "U2", 6)},
		"one that is no longer configured":         {nil, at("U1", 5), at("U1", 5), nil},
		"another writer's later one":               {at("U1", 5), at("U1", 9), nil, at("U1", 9)},
		"another writer's later one of ours":       {at("U1", 5), at("U1", 9), at("U1", 5), at("U1", 9)},
		"another writer's earlier one":             {at("U1", 9), at("U1", 5), nil, at("U1", 9)},
		"ours set back":                            {at("U1", 5), at("U1", 9), at("U1", 9), at("U1", 5)},
		"not configured, but another writer later": {nil, at("U1", 9), at("U1", 5), at("U1", 9)},
		"taken away by another writer":             {at("U1", 5), nil, at("U1", 5), at("U1", 5)},
		"covered by all":                           {at("*", 7), at("U1", 6, "U2", 7, "U3", 8), nil, at("*", 7, "U3", 8)},
		"configured and covered":                   {at("*", 7, "U1", 5), nil, nil, at("*", 7)},
		"all is taken back":                        {nil, at("*", 7, "U3", 8), at("*", 7), at("U3", 8)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, MergeRevocations(c.configured, c.stored, c.before)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
	if got := MergeRevocations(map[string]time.Time{"U1": time.Unix(5, 7)}, nil, nil)["U1"]; !got.Equal(time.Unix(5, 0)) {
		t.Errorf("a fraction of a second stayed: %s", got)
	}
}
