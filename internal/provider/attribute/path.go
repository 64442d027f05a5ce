package attribute

import (
	"github.com/hashicorp/terraform-plugin-framework/path"
	"github.com/hashicorp/terraform-plugin-go/tftypes"
)

// Path returns the framework's form of a path, which prints as a configuration refers to the attribute. It has no step
// for an element of a set: that step is the value of the element, which may be a secret.
func Path(of *tftypes.AttributePath) path.Path {
	p := path.Empty()
	for _, step := range of.Steps() {
		switch step := step.(type) {
		case tftypes.AttributeName:
			p = p.AtName(string(step))
		case tftypes.ElementKeyInt:
			p = p.AtListIndex(int(step))
		case tftypes.ElementKeyString:
			p = p.AtMapKey(string(step))
		}
	}
	return p
}
