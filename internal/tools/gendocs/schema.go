package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
)

// rekey renames the only provider in the output of `providers schema -json` to the key that tfplugindocs expects. The
// rest is unchanged.
func rekey(schema []byte) ([]byte, error) {
	const (
		providers = "provider_schemas"
		key       = "registry.terraform.io/hashicorp/" + providerName
	)
	var doc map[string]json.RawMessage
	if err := json.Unmarshal(schema, &doc); err != nil {
		return nil, fmt.Errorf("the provider schema is not JSON: %w", err)
	}
	var byAddress map[string]json.RawMessage
	if doc[providers] != nil {
		if err := json.Unmarshal(doc[providers], &byAddress); err != nil {
			return nil, fmt.Errorf("%s: %w", providers, err)
		}
	}
	if len(byAddress) != 1 {
		return nil, fmt.Errorf("the schema contains %d providers instead of one: %q", len(byAddress),
			slices.Sorted(maps.Keys(byAddress)))
	}
	for _, s := range byAddress {
		renamed, err := json.Marshal(map[string]json.RawMessage{key: s})
		if err != nil {
			return nil, err
		}
		doc[providers] = renamed
	}
	return json.Marshal(doc)
}
